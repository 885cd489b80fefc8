"""Every way in which a record is bad, each with the reason it must be refused for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MAX_EVENT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Bad:
    """A refused record; None is a tombstone."""

    name: str
    value: bytes | None
    reason: str

    @property
    def fits_a_line(self) -> bool:
        """A line is neither blank nor holds a line end, and the codec takes a carriage return off its end."""
        value = self.value
        return value is not None and bool(value.strip()) and b"\n" not in value and not value.endswith(b"\r")


def written(without: str | None = None, /, **fields: object) -> bytes:
    """Write a good event, changed in some fields."""
    body: dict[str, Any] = {
        "event": "discovered",
        "observed_at": "2024-03-01T00:00:00Z",
        "source_url": "https://bad.example/",
        "target_url": "https://worse.example/",
    }
    body |= fields
    body.pop(without or "", None)
    return json.dumps(body).encode()


def nested(depth: int) -> bytes:
    return b'{"extra": ' + b"[" * depth + b"]" * depth + b", " + written()[1:]


TOO_LONG = written(anchor="x" * (MAX_EVENT_BYTES + 1 - len(written(anchor=""))))

BYTES = (
    Bad("no value", None, "TOMBSTONE"),
    Bad("nothing", b"", "EMPTY"),
    Bad("white space", b" \t\r\n ", "EMPTY"),
    Bad("a megabyte of white space", b" " * 1_000_000, "EMPTY"),
    Bad("ten megabytes", written(anchor="x" * 10_000_000), "TOO_LARGE"),
    Bad(
        "one byte too many",
        written(anchor="x" * (MAX_EVENT_BYTES + 1 - len(written(anchor="")))),
        "TOO_LARGE",
    ),
    Bad("ten megabytes of zeros", bytes(10_000_000), "TOO_LARGE"),
    Bad("a byte that is no UTF-8", written(anchor="x").replace(b'"x"', b'"\xff"'), "INVALID_UTF8"),
    Bad("an overlong slash", written(anchor="x").replace(b'"x"', b'"\xc0\xaf"'), "INVALID_UTF8"),
    Bad("half a pair in UTF-8", written(anchor="x").replace(b'"x"', b'"\xed\xa0\x80"'), "INVALID_UTF8"),
    Bad("UTF-16", written().decode().encode("utf-16"), "INVALID_UTF8"),
    Bad("zeros", bytes(100), "INVALID_JSON"),
    Bad("gzip", bytes.fromhex("1f8b0800000000000003"), "INVALID_UTF8"),
    Bad("every byte there is", bytes(range(1, 256)).replace(b"\n", b""), "INVALID_UTF8"),
    Bad("no JSON", b"not json", "INVALID_JSON"),
    Bad("JSON cut off", written()[:-1], "INVALID_JSON"),
    Bad("JSON cut in a string", written()[:-4], "INVALID_JSON"),
    Bad("two objects", written() + written(), "INVALID_JSON"),
    Bad("a trailing comma", written()[:-1] + b",}", "INVALID_JSON"),
    Bad("a comment", b"/* */" + written(), "INVALID_JSON"),
    Bad("single quotes", written().replace(b'"', b"'"), "INVALID_JSON"),
    Bad("a raw control character", written(anchor="x").replace(b'"x"', b'"\x01"'), "INVALID_JSON"),
    Bad("a bad escape", written(anchor="x").replace(b'"x"', rb'"\x41"'), "INVALID_JSON"),
    Bad("NaN alone", b"NaN", "INVALID_JSON"),
    Bad("NaN in a field", written(score=1).replace(b"1}", b"NaN}"), "INVALID_JSON"),
    Bad("Infinity in a field", written(score=1).replace(b"1}", b"-Infinity}"), "INVALID_JSON"),
    Bad("65 deep", nested(64), "TOO_DEEP"),
    Bad("10,000 deep", nested(10_000), "TOO_DEEP"),
    Bad("10,000 deep and never closed", b'{"a":' * 10_000, "TOO_DEEP"),
    Bad("400,000 deep", b"[" * 400_000, "TOO_DEEP"),
    Bad("null", b"null", "NOT_AN_OBJECT"),
    Bad("true", b"true", "NOT_AN_OBJECT"),
    Bad("a number", b"1e9", "NOT_AN_OBJECT"),
    Bad("a string", b'"discovered"', "NOT_AN_OBJECT"),
    Bad("an array of events", b"[" + written() + b"]", "NOT_AN_OBJECT"),
)
"""What is wrong with the bytes, whatever an event is."""

FIELDS = (
    Bad("an empty object", b"{}", "MISSING_FIELD"),
    *(Bad(f"no {name}", written(name), "MISSING_FIELD") for name in json.loads(written())),
    *(Bad(f"{name} null", written(**{name: None}), "MISSING_FIELD") for name in json.loads(written())),
    *(Bad(f"{name} blank", written(**{name: " "}), "MISSING_FIELD") for name in ("source_url", "target_url")),
    Bad("an envelope without data", b'{"specversion": "1.0"}', "MISSING_FIELD"),
    *(
        Bad(f"{name} is {json.dumps(value)}", written(**{name: value}), "WRONG_TYPE")
        for name, value in (
            ("event", 1),
            ("observed_at", True),
            ("observed_at", {"at": 1}),
            ("source_url", ["https://bad.example/"]),
            ("target_url", 7),
            ("rel", {"nofollow": True}),
            ("rel", [1]),
            ("anchor", 7),
            ("anchor", ["text"]),
            ("link_type", 1),
            ("title", False),
            ("noindex", "yes"),
            ("version", []),
        )
    ),
    Bad("lost_reason a number", written(event="lost", lost_reason=404), "WRONG_TYPE"),
    Bad("lost_reason unknown", written(event="lost", lost_reason="gone"), "WRONG_VALUE"),
    Bad("lost_reason of nothing", written(event="lost", lost_reason="dropped:"), "WRONG_VALUE"),
    Bad("link_type unknown", written(link_type="hologram"), "WRONG_VALUE"),
    Bad("http_code too great", written(http_code=1000), "WRONG_VALUE"),
    Bad("event unknown", written(event="found"), "UNKNOWN_EVENT"),
    Bad("event in capitals", written(event="Discovered"), "UNKNOWN_EVENT"),
    Bad("event empty", written(event=""), "UNKNOWN_EVENT"),
    Bad("a whole page without links", written(event="page", complete=True), "MISSING_FIELD"),
    Bad("links an object", written(event="page", links={}), "WRONG_TYPE"),
    Bad("an entry of text", written(event="page", links=["https://bad.example/"]), "WRONG_TYPE"),
    Bad("an entry without target", written(event="page", links=[{"anchor": "a"}]), "MISSING_FIELD"),
    Bad("complete a word", written(event="page", links=[], complete="yes"), "WRONG_TYPE"),
    Bad("a target of nothing", written(event="target", target_url=" "), "MISSING_FIELD"),
    Bad("a referral without visits", written(event="referral", day="2024-03-01"), "MISSING_FIELD"),
    Bad("a day of no month", written(event="referral", day="2024-13-01", visits=1), "WRONG_VALUE"),
    Bad("visits in words", written(event="referral", day="2024-03-01", visits="one"), "WRONG_TYPE"),
    Bad("version 2", written(version=2), "UNSUPPORTED_VERSION"),
    Bad("a word for a time", written(observed_at="yesterday"), "TIME_FORMAT"),
    Bad("an empty time", written(observed_at=""), "TIME_FORMAT"),
    Bad("a day that is none", written(observed_at="2024-02-30T00:00:00Z"), "TIME_FORMAT"),
    Bad("a time of RFC 1123", written(observed_at="Fri, 01 Mar 2024 00:00:00 GMT"), "TIME_FORMAT"),
    Bad("a time without offset", written(observed_at="2024-03-01T00:00:00"), "TIME_RANGE"),
    Bad("before 1990", written(observed_at="1989-12-31T23:59:59Z"), "TIME_RANGE"),
    Bad("in seconds", written(observed_at=1_709_251_200), "TIME_RANGE"),
    Bad("in 2099", written(observed_at="2099-01-01T00:00:00Z"), "TIME_RANGE"),
    Bad("in the year 9999", written(observed_at="9999-12-31T23:59:59Z"), "TIME_RANGE"),
    Bad("a time beyond all", written(observed_at=1e300), "TIME_RANGE"),
    Bad("a negative time", written(observed_at=-1), "TIME_RANGE"),
)
"""What is wrong with the fields of an object."""

URLS = (
    Bad("a relative source", written(source_url="/page"), "RELATIVE_URL"),
    Bad("a relative base", written(base="/a", target_url="b"), "RELATIVE_URL"),
    Bad("mailto", written(target_url="mailto:a@bad.example"), "URL_SCHEME"),
    Bad("javascript", written(target_url="javascript:alert(1)"), "URL_SCHEME"),
    Bad("a source in ftp", written(source_url="ftp://bad.example/"), "URL_SCHEME"),
    Bad(
        "an entry in mailto",
        written(event="page", links=[{"target_url": "mailto:a@bad.example"}]),
        "URL_SCHEME",
    ),
    Bad("a host of dots", written(target_url="https://.../"), "URL_HOST"),
    Bad("a label too long", written(target_url=f"https://{'x' * 70}.example/"), "URL_HOST"),
    Bad("no host", written(target_url="https://"), "URL_INVALID"),
    Bad("a host with a space", written(target_url="https://a b/"), "URL_INVALID"),
    Bad("a host of zeros", written(target_url="https://\x00\x00/"), "URL_INVALID"),
    Bad("a megabyte of path", written(target_url="https://a.example/" + "x" * 1_000_000), "URL_TOO_LONG"),
    Bad("a megabyte of host", written(target_url=f"https://{'x' * 1_000_000}.example/"), "URL_TOO_LONG"),
    Bad("a megabyte of source", written(source_url="https://a.example/?" + "%" * 1_000_000), "URL_TOO_LONG"),
)
"""What is wrong with a URL."""

ALL = (*BYTES, *FIELDS, *URLS)
