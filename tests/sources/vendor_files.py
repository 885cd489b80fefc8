"""An export of each kind, written by hand from the documented column names: nobody's data, no vendor's file.

What is not documented, the form of a cell, is as the vendors show it in their own examples.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linktide.sources.vendors.declared import Declared
from linktide.sources.vendors.export import examined

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linktide.sources.vendors.export import Export

NOW_US = 1_790_000_000_000_000
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A file of one row, and the events that it stands for."""

    title: str
    """Of its layout."""
    cells: dict[str, str]
    """Header → cell."""
    events: list[Event]
    """Without the URLs, which are the same in all."""
    target: str | None = None
    exported_at_us: int | None = None

    @property
    def text(self) -> str:
        return csv_text([list(self.cells), list(self.cells.values())])

    @property
    def declared(self) -> Declared:
        return Declared(target=self.target, exported_at_us=self.exported_at_us)


def csv_text(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def looked_at(path: Path, declared: Declared | None = None) -> Export:
    return examined(path, declared or Declared(), NOW_US)


def lines_of(export: Export, first: int = 0) -> list[bytes]:
    """Return all lines from one on, read in however many pieces."""
    reader = export.reader(first)
    found: list[bytes] = []
    while True:
        data, count = reader.read()
        if not count:
            reader.close()
            return found
        lines = data.split(b"\n")[:-1]
        assert len(lines) == count
        found += lines


def events_of(export: Export) -> list[Event]:
    return [json.loads(line) for line in lines_of(export) if line]


SOURCE, TARGET = "https://blog.example/post", "https://shop.example/"
CASES = (
    Case(
        "Ahrefs, Site Explorer",
        {
            "Referring page title": "A post",
            "Referring page URL": SOURCE,
            "Language": "en",
            "Referring page HTTP code": "200",
            "Domain rating": "71",
            "External links": "1,204",
            "Target URL": TARGET,
            "Left context": "buy at",
            "Anchor": "good shop",
            "Right context": "today",
            "Type": "text",
            "Nofollow": "false",
            "UGC": "true",
            "Sponsored": "false",
            "Lost status": "Link removed",
            "Drop reason": "",
            "First seen": "2024-01-05 10:00:00",
            # The trap: the day on which it was found lost.
            "Last seen": "2024-03-01 12:00:00",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T10:00:00Z",
                "rel": ["ugc"],
                "link_type": "text",
                "anchor": "good shop",
                "snippet_left": "buy at",
                "snippet_right": "today",
                "title": "A post",
                "language": "en",
                "http_code": 200,
                "links_external": 1204,
                "columns": {"Domain rating": "71"},
            },
            {"event": "lost", "observed_at": "2024-03-01T12:00:00Z", "lost_reason": "removedfromhtml"},
        ],
    ),
    Case(
        "Ahrefs, API v3",
        {
            "url_from": SOURCE,
            "url_to": TARGET,
            "first_seen": "2020-01-01T00:00:00Z",
            "first_seen_link": "2024-01-05T10:00:00Z",
            "last_visited": "2024-02-01T00:00:00Z",
            "last_seen": "2024-03-01T00:00:00Z",
            "lost_reason": "",
            "drop_reason": "nxdomain",
            "is_dofollow": "true",
            "is_nofollow": "false",
            "link_type": "image",
            "alt": "logo",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T10:00:00Z",
                "rel": [],
                "link_type": "image",
            },
            {
                "event": "seen",
                "observed_at": "2024-02-01T00:00:00Z",
                "rel": [],
                "link_type": "image",
                "alt": "logo",
                "columns": {"first_seen": "2020-01-01T00:00:00Z"},
            },
            {"event": "lost", "observed_at": "2024-03-01T00:00:00Z", "lost_reason": "dropped:nxdomain"},
        ],
    ),
    Case(
        "Semrush, Backlinks",
        {
            "Page ascore": "31",
            "Source title": "A post",
            "Source url": SOURCE,
            "Target url": TARGET,
            "Anchor": "good shop",
            "External links": "12",
            "Internal links": "40",
            "Nofollow": "TRUE",
            "Sponsored": "TRUE",
            "Ugc": "FALSE",
            "Text": "FALSE",
            "Frame": "FALSE",
            "Form": "FALSE",
            "Image": "TRUE",
            "Sitewide": "FALSE",
            "First seen": "2024-01-05",
            "Last seen": "2024-02-01",
            "New link": "FALSE",
            "Lost link": "TRUE",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T00:00:00Z",
                "rel": ["nofollow", "sponsored"],
                "link_type": "image",
                "anchor": "good shop",
            },
            {
                "event": "seen",
                "observed_at": "2024-02-01T00:00:00Z",
                "rel": ["nofollow", "sponsored"],
                "link_type": "image",
                "anchor": "good shop",
                "title": "A post",
                "links_internal": 40,
                "links_external": 12,
                "columns": {"Page ascore": "31", "Sitewide": "FALSE", "New link": "FALSE"},
            },
            # It says that it is lost, not when: known by the time of the export.
            {"event": "lost", "observed_at": "2024-02-02T00:00:00Z", "lost_reason": "dropped:unstated"},
        ],
        exported_at_us=1_706_832_000_000_000,
    ),
    Case(
        "Moz, Link Explorer",
        {
            "URL": "blog.example/post",
            "Title": "A post",
            "Anchor Text": "good shop",
            "Spam Score": "3",
            "Target URL": "shop.example/",
            "Link Type": "",
            "Nofollow": "no",
            "First Seen": "Jan 5, 2024",
            "Last Seen": "Feb 1, 2024",
            "Date Lost": "Feb 1, 2024",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T00:00:00Z",
                "rel": [],
                "anchor": "good shop",
            },
            {
                "event": "seen",
                "observed_at": "2024-02-01T00:00:00Z",
                "rel": [],
                "anchor": "good shop",
                "title": "A post",
                "columns": {"Spam Score": "3"},
            },
            # On the day on which it was seen: after that, or the sighting would win.
            {
                "event": "lost",
                "observed_at": "2024-02-01T00:00:00.000001Z",
                "lost_reason": "dropped:disappeared",
            },
        ],
    ),
    Case(
        "Moz, Links API",
        {
            "source.page": "blog.example/post",
            "target.page": "shop.example/",
            "anchor_text": "good shop",
            "date_first_seen": "2024-01-05",
            "date_last_seen": "2024-01-05",
            "date_disappeared": "",
            "nofollow": "true",
            "redirect": "false",
            "rel_canonical": "true",
            "source.http_code": "200",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T00:00:00Z",
                "rel": ["nofollow"],
                "link_type": "canonical",
                "anchor": "good shop",
                "http_code": 200,
            }
        ],
    ),
    Case(
        "Majestic, Backlinks",
        {
            "SourceURL": SOURCE,
            "AnchorText": "good shop",
            "TargetURL": TARGET,
            "FlagNoFollow": "1",
            "FlagRedirect": "0",
            "FlagFrame": "1",
            "FlagDeleted": "1",
            "FirstIndexedDate": "2024-01-05",
            "LastSeenDate": "2024-02-01",
            "DateLost": "2024-03-01",
            "ReasonLost": "Page gone!",
            "SourceTrustFlow": "12",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T00:00:00Z",
                "rel": ["nofollow"],
                "link_type": "frame",
                "anchor": "good shop",
            },
            {
                "event": "seen",
                "observed_at": "2024-02-01T00:00:00Z",
                "rel": ["nofollow"],
                "link_type": "frame",
                "anchor": "good shop",
                "columns": {"SourceTrustFlow": "12"},
            },
            {"event": "lost", "observed_at": "2024-03-01T00:00:00Z", "lost_reason": "dropped:page_gone"},
        ],
    ),
    Case(
        "DataForSEO, Backlinks",
        {
            "domain_from": "blog.example",
            "url_from": SOURCE,
            "url_to": TARGET,
            "is_lost": "False",
            "page_from_status_code": "200",
            "first_seen": "2024-01-05 01:02:03 +00:00",
            "last_seen": "2024-02-01 03:00:00 +02:00",
            "item_type": "anchor",
            "attributes": '["noopener","nofollow"]',
            "dofollow": "False",
            "anchor": "good shop",
            "text_pre": "buy at",
            "semantic_location": "article",
            "url_to_status_code": "404",
        },
        [
            {
                "event": "discovered",
                "observed_at": "2024-01-05T01:02:03Z",
                "rel": ["nofollow", "noopener"],
                "link_type": "text",
                "anchor": "good shop",
            },
            {
                "event": "seen",
                "observed_at": "2024-02-01T01:00:00Z",
                "rel": ["nofollow", "noopener"],
                "link_type": "text",
                "anchor": "good shop",
                "snippet_left": "buy at",
                "semantic_location": "article",
                "http_code": 200,
                "http_code_target": 404,
                "columns": {"domain_from": "blog.example"},
            },
        ],
    ),
    Case(
        "Google Search Console, latest links and sample links",
        {"Linking page": SOURCE, "Last crawled": "2024-02-01"},
        [{"event": "seen", "observed_at": "2024-02-01T00:00:00Z"}],
        target="shop.example",
    ),
    Case(
        "Bing Webmaster Tools, Backlinks",
        {"Source Url": SOURCE, "Anchor Text": "good shop", "Target Url": TARGET},
        [{"event": "seen", "observed_at": "2024-02-02T00:00:00Z", "anchor": "good shop"}],
        exported_at_us=1_706_832_000_000_000,
    ),
    Case(
        "Bing Webmaster API, GetUrlLinks",
        {"Url": SOURCE, "AnchorText": "good shop"},
        [{"event": "seen", "observed_at": "2024-02-02T00:00:00Z", "anchor": "good shop"}],
        target="shop.example",
        exported_at_us=1_706_832_000_000_000,
    ),
)
