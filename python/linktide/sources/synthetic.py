"""A made-up web that gains and loses links: the same seed and start give the same bytes, for ever."""

from __future__ import annotations

import heapq
import json
import random
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, count, product
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

TRACKED_DOMAIN = "harbour-bakery.example"
RIVALS = ("old-mill-bread.example", "corner-loaf.test")
FARM_DOMAINS = tuple(f"bread-deals-{number:02}.test" for number in range(40))
FARM_ANCHOR = "buy cheap bread online"
BURST_PATH = "/blog/the-sourdough-study"
BURST_LINKS = 300
PROVENANCE = "synthetic"

DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_BURST_AGE_DAYS, _BURST_HOURS = 5, 3
_FARM_AGE_DAYS, _FARM_DAYS, _FARM_PURGE_AGE_DAYS = 30, 6, 8
_LIVE_LINKS_MAX = 200_000
_LOST_KEPT = 1_000
# Places of the followed sites in the ranking of targets: well known, not the most linked.
_FOLLOWED_RANKS = (5, 8, 13)

_FIRST = """
amber ash birch blue brass bright calm cedar chalk cinder clay clear clover cobalt copper coral crisp
dawn dusk ember fern flint frost garnet ginger golden granite green hazel heron indigo iron ivory jade
juniper lark linen lunar maple marble meadow mint misty moss north oak ochre olive opal pearl pine plain
quiet
"""
_SECOND = """
almanac arcade atlas atelier beacon bench bridge bureau cabinet canvas chronicle circle compass corner
courier digest draft ferry field forum gallery garden gazette guild harbor herald house index journal
kitchen ledger letters library lodge market mill monitor notes observer orchard outlook palette post
press quarterly record review
"""
_SECTIONS = ("news", "blog", "guides", "archive", "people", "reviews")
_ANCHORS = (
    "click here", "this article", "read more", "a good overview", "the bakery by the harbour", "fresh bread",
    "Brot & Butter, täglich frisch", "パン屋", "rye & wheat", "their recipe", "source", "see the study",
)  # fmt: skip
_OWN_ANCHOR_SHARE, _HOME_PAGE_SHARE, _IMAGE_SHARE = 0.6, 0.4, 0.07
_SOURCE_PAGES, _TARGET_PAGES = 400, 60
_FOLLOWED_SHARE_HISTORY, _FOLLOWED_SHARE_LIVE = 0.02, 0.15
_SUSPECT_HOURS, _SUSPECT_LIVE_SECONDS = 60, 60


class _Move(StrEnum):
    DISCOVER = "discover"
    SEE = "see"
    CRAWL = "crawl"
    SUSPECT = "suspect"
    RESTORE = "restore"
    LOSE = "lose"


# Tables of chance: (upper bound of the cumulated share, outcome).
_MOVES = (
    (0.64, _Move.DISCOVER),
    (0.77, _Move.SEE),
    (0.81, _Move.CRAWL),
    (0.85, _Move.SUSPECT),
    (0.88, _Move.RESTORE),
    (1.00, _Move.LOSE),
)
_RELS: tuple[tuple[float, tuple[str, ...] | None], ...] = (
    (0.58, None),
    (0.72, ()),
    (0.92, ("nofollow",)),
    (0.96, ("nofollow", "ugc")),
    (1.00, ("sponsored",)),
)
_REASONS = (
    (0.60, "removedfromhtml"),
    (0.84, "notfound"),
    (0.92, "pageredirected"),
    (0.97, "noindex"),
    (1.00, "notcanonical"),
)
# What becomes of a link whose check failed: seen again, found gone, or never heard of again.
_FATES = ((0.5, "back"), (0.8, "gone"), (1.0, "silent"))
# What a crawled page answers: all its links, all but one, or that it is gone.
_ANSWERS = ((0.8, "whole"), (0.98, "one less"), (1.0, "gone"))


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of the made-up web; at `started_at_us` (Unix µs) history ends and the live part begins."""

    seed: int
    started_at_us: int
    domains: int = 2_400
    history_days: int = 90
    history_events: int = 60_000
    live_events_per_second: float = 120.0


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the made-up web."""

    source_url: str
    target_url: str
    anchor: str
    rel: tuple[str, ...] | None
    is_image: bool

    def described(self) -> dict[str, object]:
        """Return the fields an event carries about it."""
        told: dict[str, object] = {"target_url": self.target_url}
        told |= {"alt": self.anchor, "link_type": "image"} if self.is_image else {"anchor": self.anchor}
        return told if self.rel is None else told | {"rel": list(self.rel)}


def domain_names(wanted: int) -> list[str]:
    """Return distinct registrable domains under the reserved names .example and .test (RFC 2606)."""
    pairs = (f"{first}-{second}" for first, second in product(_FIRST.split(), _SECOND.split()))
    names = [f"{pair}.{'test' if index % 5 == 0 else 'example'}" for index, pair in enumerate(pairs)]
    if wanted > len(names):
        raise ValueError(f"{wanted} domains wanted, {len(names)} can be named")
    return names[:wanted]


class SyntheticWeb:
    """The model behind the demo: Zipf-ranked domains that link to one another, decay, a burst, a spam farm.

    Event k of the live part is dated k / `live_events_per_second` after its start. Nothing reads a clock.
    """

    def __init__(self, plan: Plan) -> None:
        # Only `random()` is promised to stay the same between versions of Python.
        self._random = random.Random(plan.seed).random  # noqa: S311 - a repeatable stream, no secret
        self.plan = plan
        self._live_step_us = max(1, round(1_000_000 / plan.live_events_per_second))
        self.domains = sorted(domain_names(plan.domains), key=lambda _: self._random())
        self.domains[_FOLLOWED_RANKS[0] : _FOLLOWED_RANKS[0]] = [TRACKED_DOMAIN]
        for rank, rival in zip(_FOLLOWED_RANKS[1:], RIVALS, strict=True):
            self.domains.insert(rank, rival)
        self._weights = list(accumulate(1 / (rank + 1) for rank in range(len(self.domains))))
        # Who links most is not who is linked most.
        self._sources = sorted(self.domains, key=lambda _: self._random())
        self._live: list[Link] = []
        self._place: dict[tuple[str, str], int] = {}
        self._of_page: dict[str, dict[str, Link]] = {}
        """Live links by source and target."""
        self._lost: deque[Link] = deque(maxlen=_LOST_KEPT)
        self._later: list[tuple[int, int, Callable[[int], bytes | None]]] = []
        self._sequence = count()
        self._script()

    def due_at_us(self, step: int) -> int:
        """Return the event time of a step of the model; steps below `history_events` are history."""
        plan = self.plan
        left = plan.history_events - step
        if left > 0:
            return plan.started_at_us - plan.history_days * DAY_US * left // plan.history_events
        return plan.started_at_us - left * self._live_step_us

    def steps_due(self, now_us: int) -> int:
        """Return how many steps of the model lie at or before `now_us` (at least all of history)."""
        live_us = now_us - self.plan.started_at_us
        return self.plan.history_events + (live_us // self._live_step_us + 1 if live_us >= 0 else 0)

    def events(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (step, event time in Unix µs, one JSON line without its end) without end, in time order."""
        for step in count():
            at_us = self.due_at_us(step)
            while self._later and self._later[0][0] <= at_us:
                later_us, _, happen = heapq.heappop(self._later)
                line = happen(later_us)
                if line is not None:
                    yield step, later_us, line
            yield step, at_us, self._step(step, at_us)

    # -- what happens ---------------------------------------------------------------------------------------

    def _script(self) -> None:
        """Plan the burst and the spam farm; both are history by the time the live part begins."""
        burst_us = self.plan.started_at_us - _BURST_AGE_DAYS * DAY_US
        target = f"https://{TRACKED_DOMAIN}{BURST_PATH}"
        for number, domain in enumerate(self._spread(BURST_LINKS)):
            link = Link(
                f"https://{domain}/news/bread-{number}", target, "the sourdough study", None, is_image=False
            )
            self._at(burst_us + _BURST_HOURS * _HOUR_US * number // BURST_LINKS, self._discovering(link))
        farm_us = self.plan.started_at_us - _FARM_AGE_DAYS * DAY_US
        purge_us = self.plan.started_at_us - _FARM_PURGE_AGE_DAYS * DAY_US
        links = list(self._farm_links())
        for number, link in enumerate(links):
            self._at(farm_us + _FARM_DAYS * DAY_US * number // len(links), self._discovering(link))
            if number % 2:
                self._at(purge_us + number * 1_000_000, self._losing(link, "dropped:lowvalue"))

    def _spread(self, wanted: int) -> Sequence[str]:
        followed = {TRACKED_DOMAIN, *RIVALS}
        others = [name for name in self.domains if name not in followed]
        return others[:: max(1, len(others) // wanted)][:wanted]

    def _farm_links(self) -> Iterator[Link]:
        for number, domain in enumerate(FARM_DOMAINS):
            for offset in range(1, 7):
                other = FARM_DOMAINS[(number + offset * offset) % len(FARM_DOMAINS)]
                yield Link(
                    f"https://{domain}/p/{offset}", f"https://{other}/", FARM_ANCHOR, None, is_image=False
                )
            for page in range(12):
                target = f"https://{RIVALS[1]}/shop/{page}"
                yield Link(f"https://{domain}/d/{page}", target, FARM_ANCHOR, None, is_image=False)

    def _step(self, step: int, at_us: int) -> bytes:
        """Make the event of one step of the model, and what follows from it later."""
        is_live_part = step >= self.plan.history_events
        if step < len(self.domains):  # every domain is linked once, so that the graph is no star
            return self._discover(self._new_link(self.domains[step]), at_us)
        move = self._weighed(_MOVES)
        if move is _Move.RESTORE and self._lost:
            return self._discover(self._lost.popleft(), at_us)
        if move in {_Move.DISCOVER, _Move.RESTORE} and len(self._live) < _LIVE_LINKS_MAX:
            return self._discover(self._new_link(self._target(is_live_part=is_live_part)), at_us)
        link = self._live[int(self._random() * len(self._live))]
        return self._touch(link, move, at_us, is_live_part=is_live_part)

    def _touch(self, link: Link, move: _Move, at_us: int, *, is_live_part: bool) -> bytes:
        match move:
            case _Move.SEE:
                return _event("seen", at_us, link)
            case _Move.CRAWL:
                return self._crawl(link, at_us)
            case _Move.SUSPECT:
                return self._suspect(link, at_us, is_live_part=is_live_part)
        self._forget(link)
        return _event("lost", at_us, link, lost_reason=self._weighed(_REASONS))

    def _discover(self, link: Link, at_us: int) -> bytes:
        key = (link.source_url, link.target_url)
        if key in self._place:
            return _event("seen", at_us, self._live[self._place[key]])
        self._place[key] = len(self._live)
        self._live.append(link)
        self._of_page.setdefault(link.source_url, {})[link.target_url] = link
        return _event("discovered", at_us, link)

    def _crawl(self, link: Link, at_us: int) -> bytes:
        """Report the whole page of a link."""
        answer = self._weighed(_ANSWERS)
        page = list(self._of_page[link.source_url].values())
        for gone in {"whole": [], "one less": [link], "gone": page}[answer]:
            self._forget(gone)
        told: dict[str, object] = {
            "event": "page",
            "observed_at": iso_time(at_us),
            "source_url": link.source_url,
            "http_code": 404 if answer == "gone" else 200,
            "complete": True,
        }
        left = self._of_page.get(link.source_url, {})
        return _line(told | {"links": [found.described() for found in left.values()]})

    def _forget(self, link: Link) -> None:
        place = self._place.pop((link.source_url, link.target_url))
        of_page = self._of_page[link.source_url]
        del of_page[link.target_url]
        if not of_page:
            del self._of_page[link.source_url]
        last = self._live.pop()
        if last is not link:
            self._live[place] = last
            self._place[last.source_url, last.target_url] = place
        self._lost.append(link)

    def _suspect(self, link: Link, at_us: int, *, is_live_part: bool) -> bytes:
        """Report an error that may pass, and plan what becomes of the link within the 72 hours."""
        self._forget(link)
        longest_us = _SUSPECT_LIVE_SECONDS * 1_000_000 if is_live_part else _SUSPECT_HOURS * _HOUR_US
        later_us = at_us + 1_000_000 + int(self._random() * longest_us)
        match self._weighed(_FATES):
            case "back":
                self._at(later_us, self._discovering(link))
            case "gone":
                self._at(later_us, lambda then_us: _event("lost", then_us, link, lost_reason="notfound"))
        return _event("lost", at_us, link, lost_reason="pageerror")

    def _discovering(self, link: Link) -> Callable[[int], bytes | None]:
        return lambda at_us: self._discover(link, at_us)

    def _losing(self, link: Link, reason: str) -> Callable[[int], bytes | None]:
        def happen(at_us: int) -> bytes | None:
            place = self._place.get((link.source_url, link.target_url))
            if place is None:
                return None
            self._forget(self._live[place])
            return _event("lost", at_us, link, lost_reason=reason)

        return happen

    def _at(self, at_us: int, happen: Callable[[int], bytes | None]) -> None:
        heapq.heappush(self._later, (at_us, next(self._sequence), happen))

    # -- chance ---------------------------------------------------------------------------------------------

    def _zipf(self, names: Sequence[str]) -> str:
        return names[bisect_left(self._weights, self._random() * self._weights[-1])]

    def _weighed(self, table: Sequence[tuple[float, T]]) -> T:
        chance = self._random()
        return next(outcome for bound, outcome in table if chance < bound)

    def _target(self, *, is_live_part: bool) -> str:
        if self._random() < (_FOLLOWED_SHARE_LIVE if is_live_part else _FOLLOWED_SHARE_HISTORY):
            return (TRACKED_DOMAIN, TRACKED_DOMAIN, *RIVALS)[int(self._random() * 4)]
        return self._zipf(self.domains)

    def _new_link(self, target: str) -> Link:
        source = self._zipf(self._sources)
        section = _SECTIONS[int(self._random() * len(_SECTIONS))]
        # Squared: a few pages carry many links.
        source_url = f"https://{source}/{section}/{int(self._random() ** 2 * _SOURCE_PAGES)}"
        is_home = self._random() < _HOME_PAGE_SHARE
        path = "" if is_home else f"{section}/{int(self._random() ** 2 * _TARGET_PAGES)}"
        is_own = self._random() < _OWN_ANCHOR_SHARE
        anchor = _ANCHORS[int(self._random() * len(_ANCHORS))] if is_own else target
        is_image = self._random() < _IMAGE_SHARE
        return Link(source_url, f"https://{target}/{path}", anchor, self._weighed(_RELS), is_image=is_image)


def iso_time(at_us: int) -> str:
    """Return Unix µs as RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _event(kind: str, at_us: int, link: Link, **more: object) -> bytes:
    head = {"event": kind, "observed_at": iso_time(at_us), "source_url": link.source_url}
    told = {"target_url": link.target_url} if kind == "lost" else link.described()
    return _line(head | told | more)


def _line(told: dict[str, object]) -> bytes:
    return json.dumps(told | {"provenance": PROVENANCE}, separators=(",", ":"), ensure_ascii=False).encode()
