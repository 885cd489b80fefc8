"""The decoder against an independent reading of the contract in Python."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from linktide import _core

RECORD_AT = datetime(2026, 8, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECORD_US = (RECORD_AT - EPOCH) // timedelta(microseconds=1)
LAST_US = RECORD_US + 31 * 86_400_000_000
"""Later than the last of the real events."""
LINK_TYPES = ("text", "image", "frame", "form", "redirect", "canonical", "alternate", "rss")
LOSSES = (
    "notfound",
    "pageredirected",
    "lostredirect",
    "noindex",
    "notcanonical",
    "removedfromhtml",
    "pageerror",
    "dropped:low_quality",
)
TEXTS = (
    "alt",
    "snippet_left",
    "snippet_right",
    "title",
    "language",
    "semantic_location",
    "canonical",
    "generator",
    "ip_source",
    "acquisition",
    "source_kind",
)
COLUMNS = ("event", "observed_at", "source_url", "target_url", "rel", "anchor", "link_type", "version")
FIELDS = {*COLUMNS, *TEXTS, "lost_reason", "base", "event_id", "noindex", "http_code", "links_internal"}
FIELDS |= {
    "http_code_target",
    "links_external",
    "redirect_chain",
    "page_published_at",
    "campaign_id",
    "words",
    "hidden",
}
ALIASES = {"event": "type", "observed_at": "ts", "source_url": "url_from", "target_url": "url_to"}

urls = st.text(min_size=1).filter(lambda text: text.strip(" \t\n\r\f") != "")
identifiers = st.one_of(st.text(), st.integers(0, 2**63 - 1))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.text(max_size=8).filter(
    lambda name: name not in FIELDS | {"data", "specversion", *ALIASES.values()}
)
instants = st.datetimes(datetime(1990, 1, 2), datetime(2026, 7, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
rels = st.lists(st.text(st.sampled_from("abAB ,\t\u00c9"), max_size=6) | st.sampled_from(["nofollow", "UGC"]))


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event: the required fields, and any of the others."""
    event: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {
                "event": st.sampled_from(["discovered", "seen", "lost"]),
                "observed_at": instants.map(datetime.isoformat),
                "source_url": urls,
                "target_url": urls,
            },
            optional={
                "version": st.just(1),
                "rel": rels | st.text(st.sampled_from("abA ,"), max_size=8),
                "anchor": st.text() | st.none(),
                "link_type": st.sampled_from(LINK_TYPES),
                "lost_reason": st.sampled_from(LOSSES),
                "base": st.text(),
                "event_id": identifiers,
                "noindex": st.booleans(),
                "http_code": st.integers(0, 999),
                "links_internal": st.integers(0, 2**63 - 1),
                "words": st.integers(0, 2**63 - 1),
                "hidden": st.booleans(),
                "redirect_chain": st.lists(st.text()),
                "campaign_id": identifiers,
                **{name: st.text() | st.none() for name in TEXTS},
            },
        )
    )
    return event | draw(st.dictionaries(names, values, max_size=4))


def canonical_rel(rel: str | list[str] | None) -> str | None:
    if rel is None:
        return None
    words = re.split("[,\t\n\f\r ]", rel if isinstance(rel, str) else " ".join(rel))
    lower = {"".join(c.lower() if c.isascii() else c for c in word) for word in words if word}
    return " ".join(sorted(lower, key=str.encode))


def canonical_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def reading(event: dict[str, Any]) -> dict[str, Any]:
    """What the contract says this event holds, by other means than the decoder's."""
    is_lost = event["event"] == "lost"
    columns = {*COLUMNS, "lost_reason"} if is_lost else set(COLUMNS)
    extra = {
        name: value
        for name, value in event.items()
        if name not in columns and (value is not None or name not in FIELDS)
    }
    plain = {*columns, "lost_reason", "base", "event_id"}
    base = event.get("base") or ""
    return {
        "event": event["event"],
        "observed_at_us": (datetime.fromisoformat(event["observed_at"]) - EPOCH) // timedelta(microseconds=1),
        "source_url": event["source_url"],
        "target_url": event["target_url"],
        "base": base if base.strip(" \t\n\r\f") else None,
        "lost_reason": event.get("lost_reason", "removedfromhtml") if is_lost else None,
        "rel": canonical_rel(event.get("rel")),
        "anchor": event.get("anchor"),
        "link_type": event.get("link_type"),
        "attributes": {k: canonical_text(v) for k, v in extra.items() if k in FIELDS and k not in plain},
        "event_id": None if event.get("event_id") is None else str(event["event_id"]),
        "extra": extra or None,
    }


def decoded(value: bytes) -> dict[str, Any]:
    result = _core.decode_event(value, RECORD_US)
    assert isinstance(result, dict), result
    return result


def reason_of(value: bytes) -> str:
    result = _core.decode_event(value, RECORD_US)
    return "accepted" if isinstance(result, dict) else result[0]


@given(event=events(), is_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_an_event_reads_as_the_contract_says(
    event: dict[str, Any], *, is_ascii: bool, indent: int | None
) -> None:
    result = decoded(json.dumps(event, ensure_ascii=is_ascii, indent=indent).encode())
    extra = json.loads(result["extra"]) if result["extra"] is not None else None
    assert result | {"extra": extra} == reading(event)
    assert list(extra or {}) == sorted(extra or {}, key=str.encode)


@given(event=events(), used=st.sets(st.sampled_from(sorted(ALIASES))))
def test_aliases_and_envelope_change_nothing(event: dict[str, Any], used: set[str]) -> None:
    plain = decoded(json.dumps(event).encode())
    renamed = json.dumps({ALIASES[k] if k in used else k: v for k, v in event.items()})
    envelope = f'{{"data": {renamed}, "id": "1", "type": "org.example.link", "specversion": "1.0"}}'
    for text in (renamed, envelope):
        assert decoded(text.encode()) == plain
        assert decoded(b"\0\0\0\0\x07" + text.encode()) == plain


@given(event=events(), anchor=st.text(st.characters(codec=None)))
def test_half_a_surrogate_pair_becomes_a_replacement_character(event: dict[str, Any], anchor: str) -> None:
    text = json.dumps(event | {"anchor": anchor, "unknown": [anchor]})
    whole = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(text)["anchor"])
    result = decoded(text.encode())
    assert result["anchor"] == whole
    assert json.loads(result["extra"])["unknown"] == [whole]


def is_json_object(value: bytes) -> bool | None:
    """Python's own word: True, False, or None for JSON that is no object."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        parsed = json.loads(value.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True if isinstance(parsed, dict) else None


@given(
    event=events(),
    edits=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 2), st.sampled_from(b'{}[],:"\\u0eE-+. \n\x80'))
    ),
)
def test_what_is_json_is_what_python_says(event: dict[str, Any], edits: list[tuple[int, int, int]]) -> None:
    value = bytearray(json.dumps(event).encode())
    for place, length, byte in edits:
        at = place % (len(value) + 1)
        value[at : at + length] = bytes([byte])
    verdict = reason_of(bytes(value))
    wanted = is_json_object(bytes(value))
    assert (verdict in {"INVALID_JSON", "INVALID_UTF8"}) == (wanted is False), verdict
    assert (verdict == "NOT_AN_OBJECT") == (wanted is None), verdict


@pytest.mark.parametrize("name", ["discovered", "seen", "lost"])
def test_a_tombstone_is_refused_and_a_short_limit_too(name: str) -> None:
    value = json.dumps(
        {"event": name, "observed_at": 1_700_000_000_000, "source_url": "a", "target_url": "b"}
    ).encode()
    assert reason_of(value) == "accepted"
    refused = _core.decode_event(value, RECORD_US, max_event_bytes=len(value) - 1)
    assert isinstance(refused, tuple)
    assert refused[0] == "TOO_LARGE"
    tombstone = _core.decode_event(None, RECORD_US)
    assert isinstance(tombstone, tuple)
    assert tombstone[0] == "TOMBSTONE"


def test_real_events_read_the_same() -> None:
    folder = Path(os.environ.get("LINKTIDE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "fpb_link_events.ndjson.zst"
    if not path.exists():
        pytest.skip(f"{path} is absent; set LINKTIDE_DATA to the folder that holds it")
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            result = _core.decode_event(line.encode(), LAST_US)
            assert isinstance(result, dict), result
            extra = json.loads(result["extra"]) if result["extra"] is not None else None
            assert result | {"extra": extra} == reading(json.loads(line))
