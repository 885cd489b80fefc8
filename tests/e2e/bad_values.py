"""Record values that are no events, and the reason for which each is refused."""

from __future__ import annotations

import json
from typing import Any

MIB = 1 << 20


def event_bytes(**changes: Any) -> bytes:  # noqa: ANN401 -- any JSON value
    """Write a good event with some fields changed; None leaves the field out."""
    body = {
        "event": "discovered",
        "observed_at": "2024-03-01T00:00:00Z",
        "source_url": "https://bad.example/",
        "target_url": "https://never.example/",
    } | changes
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


BAD_VALUES: tuple[tuple[bytes | None, str], ...] = (
    (None, "TOMBSTONE"),
    (b"", "EMPTY"),
    (b" \r\n\t", "EMPTY"),
    (b"\xff\xfe\x00 not text", "INVALID_UTF8"),
    (event_bytes(anchor="cut")[:-4] + b"\xc3", "INVALID_UTF8"),
    (event_bytes()[:-1], "INVALID_JSON"),
    (event_bytes()[:-1] + b', "rank": NaN}', "INVALID_JSON"),
    (b"\x00\x01\x02\x03", "INVALID_JSON"),
    (b"not JSON", "INVALID_JSON"),
    (b"[" * 10_000 + b"]" * 10_000, "TOO_DEEP"),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "TOO_DEEP"),
    (b"[" + event_bytes() + b"]", "NOT_AN_OBJECT"),
    (b"null", "NOT_AN_OBJECT"),
    (b"{}", "MISSING_FIELD"),
    (event_bytes(target_url=None), "MISSING_FIELD"),
    (event_bytes(source_url=17), "WRONG_TYPE"),
    (event_bytes(rel={"no": "follow"}), "WRONG_TYPE"),
    (event_bytes(link_type="teleport"), "WRONG_VALUE"),
    (event_bytes(event="DISCOVERED"), "UNKNOWN_EVENT"),
    (event_bytes(event="page", links=[{}]), "MISSING_FIELD"),
    (event_bytes(version=2), "UNSUPPORTED_VERSION"),
    (event_bytes(observed_at="yesterday"), "TIME_FORMAT"),
    (event_bytes(observed_at="2099-01-01T00:00:00Z"), "TIME_RANGE"),
    (event_bytes(observed_at="2024-03-01T00:00:00"), "TIME_RANGE"),
    (event_bytes(observed_at=1_709_251_200), "TIME_RANGE"),
    (event_bytes(source_url="/only/a/path"), "RELATIVE_URL"),
    (event_bytes(target_url="javascript:void(0)"), "URL_SCHEME"),
    (event_bytes(target_url="https://a..b/"), "URL_HOST"),
    (event_bytes(target_url="https://exa mple.com/"), "URL_INVALID"),
    (event_bytes(target_url="https://long.example/" + "a" * 1_000_000), "URL_TOO_LONG"),
    (event_bytes(anchor="x" * (10 * MIB)), "TOO_LARGE"),
)
"""(value, reason); the last one is 10 MiB long."""
