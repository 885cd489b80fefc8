"""Link events for the benches: a made-up crawl of any size, and the real data that stands beside it."""

from __future__ import annotations

import json
import random
import sys
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from oracle.corpora import FPB_FILE, PAGE_HREFS_FILE, data_folder, fpb_lines, page_href_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["CrawlPlan", "crawl", "crawl_lines", "data_folder", "poisoned", "real_lines"]

T = TypeVar("T")

LINKS_PER_PAGE = 12
_NEW_SHARE, _LOST_SHARE = 0.7, 0.1
_PAGES_REVISITED_AT_MOST = 20_000
_INTERNAL_SHARE = 1 / LINKS_PER_PAGE
_WWW_SHARE, _HOME_PAGE_SHARE, _TRACKING_SHARE, _NON_ASCII_SHARE = 0.5, 0.3, 0.05, 0.03
_FIRST_EVENT_AT = datetime(2026, 3, 1, tzinfo=UTC)
_RELS: tuple[tuple[float, tuple[str, ...] | None], ...] = (
    (0.70, None),
    (0.75, ()),
    (0.93, ("nofollow",)),
    (0.97, ("ugc", "nofollow")),
    (1.00, ("sponsored",)),
)
_REASONS = ((0.60, "removedfromhtml"), (0.85, "notfound"), (0.95, "pageerror"), (1.00, "pageredirected"))
_POISONS: tuple[Callable[[bytes], bytes], ...] = (
    lambda line: line[:-1],
    lambda line: line.replace(b'"event":"', b'"event":"un'),
    lambda line: line.replace(b"2026-", b"2126-"),
    lambda line: line.replace(b'"target_url":"https', b'"target_url":"mailto'),
    lambda line: line.replace(b'"target_url"', b'"target"'),
    lambda line: line + b"\xff",
    lambda line: line.replace(b"Z", b""),
)
"""A cut message, an unknown event, a time to come, no address, no UTF-8, no time zone."""
_WORDS = (
    "annual", "archive", "article", "bakery", "bridge", "budget", "camera", "castle", "charter", "clinic",
    "column", "cookie", "county", "design", "digest", "editor", "energy", "fabric", "family", "forest",
    "garden", "guide", "harbour", "history", "island", "journal", "kitchen", "letter", "library", "market",
    "method", "museum", "network", "office", "orchard", "planet", "portal", "recipe", "record", "report",
    "review", "river", "school", "season", "signal", "studio", "summer", "survey", "theatre", "travel",
    "update", "valley", "village", "weather", "window", "winter", "workshop", "writer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """The size of a made-up crawl."""

    events: int
    seed: int = 7
    domains: int = 50_000
    """All of them are linked to, by Zipf's law."""
    source_domains: int = 20_000
    """As many of them link, so that authority goes round in circles."""
    events_per_second: float = 2_000.0
    """Event time that passes; not the speed at which they are made."""


@dataclass(frozen=True, slots=True)
class _Link:
    target_url: str
    anchor: str
    rel: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Page:
    source_url: str
    links: list[_Link]


def crawl(plan: CrawlPlan) -> Iterator[bytes]:
    """Yield contract lines in the order of their time: 70 % new, 20 % seen again, 10 % lost.

    Pages of 12 links are crawled one after the other; a page crawled again has lost a third of its links.
    Sources follow a flatter law over their domains than targets do; the same plan gives the same bytes.
    """
    return islice(chain.from_iterable(_Crawl(plan).pages()), plan.events)


def crawl_lines(plan: CrawlPlan) -> list[bytes]:
    """Return what `crawl` yields."""
    return list(crawl(plan))


def poisoned(lines: Iterable[bytes], every: int) -> Iterator[bytes]:
    """Yield lines of which one in `every` is spoilt: each kind of dead letter in its turn."""
    for number, line in enumerate(lines):
        turn, rest = divmod(number, every)
        yield line if rest else _POISONS[turn % len(_POISONS)](line)


def real_lines(folder: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Yield (name, contract lines) of each real corpus that lies in `folder`; the others are told of."""
    for name, file, read in (
        ("fpb link events", FPB_FILE, fpb_lines),
        ("page hrefs as sightings", PAGE_HREFS_FILE, page_href_lines),
    ):
        if (folder / file).exists():
            yield name, read(folder)
        else:
            sys.stderr.write(f"Left out: {name}, there is no {file} in {folder} (LINKTIDE_DATA).\n")


class _Crawl:
    def __init__(self, plan: CrawlPlan) -> None:
        self._plan = plan
        # Only `random()` is promised to stay the same between versions of Python.
        self._random = random.Random(plan.seed).random  # noqa: S311 - a repeatable stream, no secret
        tlds = ("example", "test")
        self._domains = [f"{self._word()}-{self._word()}-{n:05}.{tlds[n % 2]}" for n in range(plan.domains)]
        # Who links most is not who is linked most.
        self._sources = sorted(self._domains, key=lambda _: self._random())[: plan.source_domains]
        self._zipf = list(accumulate(1 / rank for rank in range(1, plan.domains + 1)))
        self._pages: list[_Page] = []
        self._made = self._new = 0

    def pages(self) -> Iterator[list[bytes]]:
        """Yield the events of one crawled page after the other, without end."""
        while True:
            if self._new <= _NEW_SHARE * self._made:
                page = self._new_page()
                events = [self._line("discovered", page, link) for link in page.links]
                self._new += len(events)
            else:
                events = self._visit_again(self._pages[int(self._random() * len(self._pages))])
            self._made += len(events)
            yield events

    def _new_page(self) -> _Page:
        domain = self._sources[int(self._random() ** 2 * len(self._sources))]
        host = f"www.{domain}" if self._random() < _WWW_SHARE else domain
        url = f"https://{host}/{self._word()}/{self._word()}-{self._word()}-{self._made}"
        page = _Page(url, [self._link(domain) for _ in range(LINKS_PER_PAGE)])
        if len(self._pages) < _PAGES_REVISITED_AT_MOST:
            self._pages.append(page)
        else:
            self._pages[int(self._random() * len(self._pages))] = page
        return page

    def _link(self, source_domain: str) -> _Link:
        is_internal = self._random() < _INTERNAL_SHARE
        domain = source_domain if is_internal else self._by_zipf()
        depth = self._random()
        path = "" if depth < _HOME_PAGE_SHARE else f"{self._word()}/{self._word()}-{int(depth * 4_000)}"
        query = "?utm_source=feed&id=7" if self._random() < _TRACKING_SHARE else ""
        anchor = " ".join(self._word() for _ in range(1 + int(self._random() * 5)))
        if self._random() < _NON_ASCII_SHARE:
            path, anchor = f"{path}é", f"{anchor} naïve"
        return _Link(f"https://{domain}/{path}{query}", anchor, self._weighed(_RELS))

    def _visit_again(self, page: _Page) -> list[bytes]:
        lost_of_known = _LOST_SHARE / (1 - _NEW_SHARE)
        # One page, one moment: a target that the page names twice is lost as a whole.
        targets = dict.fromkeys(link.target_url for link in page.links)
        gone = {target for target in targets if self._random() < lost_of_known}
        reason = self._weighed(_REASONS)
        events = [
            self._line("lost", page, link, reason)
            if link.target_url in gone
            else self._line("seen", page, link)
            for link in page.links
        ]
        page.links[:] = [link for link in page.links if link.target_url not in gone]
        return events

    def _line(self, event: str, page: _Page, link: _Link, lost_reason: str = "") -> bytes:
        seconds = self._made / self._plan.events_per_second
        at = (_FIRST_EVENT_AT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        told: dict[str, object] = {
            "event": event,
            "observed_at": at.replace("+00:00", "Z"),
            "source_url": page.source_url,
            "target_url": link.target_url,
        }
        if lost_reason:
            told["lost_reason"] = lost_reason
        else:
            told["anchor"] = link.anchor
            if link.rel is not None:
                told["rel"] = link.rel
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()

    def _by_zipf(self) -> str:
        return self._domains[bisect_left(self._zipf, self._random() * self._zipf[-1])]

    def _word(self) -> str:
        return _WORDS[int(self._random() * len(_WORDS))]

    def _weighed(self, table: Sequence[tuple[float, T]]) -> T:
        chance = self._random()
        return next(outcome for bound, outcome in table if chance < bound)
