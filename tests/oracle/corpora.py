"""Real data as contract JSON lines, and as model events whose identity is the raw pair of URLs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import zstandard

from oracle.events import SECOND_US, DeadLetter, Event, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FPB_FILE = "fpb_link_events.ndjson.zst"
PAGE_HREFS_FILE = "page_hrefs_dev.parquet"

PAGE_HREFS_BASE_US = 1_735_689_600_000_000
"""2025-01-01T00:00:00Z: when the first page is said to be observed; each further one a minute later."""


FIRST_ORIGIN = Origin("file", "links", 0, 0)


class Identity(NamedTuple):
    """The normalised URLs of a link and their registrable domains."""

    source_url: str
    target_url: str
    source_domain: str
    target_domain: str


Identify = Callable[[Sequence[tuple[str, str]]], Sequence[Identity | str]]


def data_folder(environ: Mapping[str, str], checkout: Path) -> Path:
    """Return the folder of the test data: LINKTIDE_DATA, else `../shared/data` beside the checkout."""
    named = environ.get("LINKTIDE_DATA")
    return Path(named) if named else checkout.parent / "shared" / "data"


def fpb_lines(folder: Path) -> list[bytes]:
    """Read the 45,612 real link events of fpb, in file order, as contract JSON lines without line ends."""
    packed = (folder / FPB_FILE).read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read().splitlines()


def page_href_lines(folder: Path) -> list[bytes]:
    """Make a sighting of each href of page_hrefs_dev whose page has a usable URL.

    Hrefs stay raw (relative, empty, javascript:), rel is absent, all hrefs of a page have one instant.
    """
    table = pq.read_table(folder / PAGE_HREFS_FILE, columns=["page_url", "href"])
    observed_at: dict[str, int] = {}
    lines = []
    for page_url, href in zip(table["page_url"].to_pylist(), table["href"].to_pylist(), strict=True):
        if not is_usable(page_url):
            continue
        at = observed_at.setdefault(page_url, PAGE_HREFS_BASE_US + len(observed_at) * 60 * SECOND_US)
        body = {"event": "discovered", "observed_at": at // 1_000, "source_url": page_url, "target_url": href}
        lines.append(json.dumps(body, ensure_ascii=False).encode())
    return lines


def is_usable(page_url: str | None) -> bool:
    if page_url is None or not page_url.lower().startswith(("http://", "https://")):
        return False
    return host_of(page_url) != page_url


def host_of(url: str) -> str:
    """Return the host of a raw URL, or the URL itself where none can be read."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def raw_identities(pairs: Sequence[tuple[str, str]]) -> list[Identity | str]:
    """Take raw URLs as they are, and their hosts for domains."""
    return [Identity(source, target, host_of(source), host_of(target)) for source, target in pairs]


def raw_events(lines: Iterable[bytes]) -> list[Event]:
    """Read plain contract lines as model events of raw URL pairs; the host stands for the domain."""
    return identified_events(lines, raw_identities)[0]


def identified_events(
    lines: Iterable[bytes], identify: Identify, first: Origin = FIRST_ORIGIN
) -> tuple[list[Event], list[DeadLetter]]:
    """Read the lines of these corpora as model events, with the identities that `identify` gives.

    `identify` takes all raw (source_url, target_url) at once and returns for each its identity, or the
    reason for which it is refused. Offsets count up from `first`; the record time is `observed_at`.
    """
    bodies = [json.loads(line) for line in lines]
    identities = identify([(body["source_url"], body["target_url"]) for body in bodies])
    events: list[Event] = []
    refused: list[DeadLetter] = []
    for number, (body, identity) in enumerate(zip(bodies, identities, strict=True)):
        at = observed_us(body["observed_at"])
        origin = first._replace(offset=first.offset + number)
        if isinstance(identity, str):
            refused.append(DeadLetter(origin, identity, at))
            continue
        kind, anchor = Kind(body["event"]), body.get("anchor")
        events.append(Event(kind, at, *identity, origin=origin, record_at=at, anchor=anchor))
    return events, refused


def observed_us(value: str | int) -> int:
    """Read epoch ms, or RFC 3339 with an offset."""
    if isinstance(value, int):
        return value * 1_000
    moment = datetime.fromisoformat(value)
    return int(moment.timestamp()) * SECOND_US + moment.microsecond
