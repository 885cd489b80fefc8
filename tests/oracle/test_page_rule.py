"""The rule by which answers of pages expire (docs/decisions/0019), by brute force."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from oracle.events import DAY_US, HOUR_US, PAGE_ERROR, Event, Kind, Origin
from oracle.histories import histories
from oracle.model import derive
from oracle.page_events import PageEvent, merge_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oracle.model import State
    from oracle.page_events import AnyEvent

WINDOW_US = 72 * HOUR_US


@st.composite
def crawled(draw: st.DrawFn) -> tuple[AnyEvent, ...]:
    """Draw a history in which pages are crawled again and again, and mostly say what they said."""
    events = draw(histories(max_events=14, max_links=3))
    pages = [event for event in events if isinstance(event, PageEvent)]
    more: list[PageEvent] = []
    for page in draw(st.lists(st.sampled_from(pages), min_size=1, max_size=3)) if pages else []:
        every = draw(st.sampled_from((1, 11, 24, 36, 72)))
        more += [
            replace(page, observed_at=page.observed_at + number * every * HOUR_US)
            for number in range(1, draw(st.integers(3, 10)))
        ]
    return tuple(
        replace(event, origin=Origin("memory", "links", 0, number))
        for number, event in enumerate((*events, *more))
    )


def said(page: PageEvent) -> object:
    loss, listed = page.answer
    urls = {entry.target_url for entry in listed}
    listing = {url: merge_entries([one for one in listed if one.target_url == url]) for url in urls}
    return loss, page.is_loss_accepted, listing


def expired(events: Sequence[AnyEvent], horizon: int) -> list[PageEvent]:
    """Return the answers that may go, by the rule."""
    by_page: defaultdict[str, list[PageEvent]] = defaultdict(list)
    needed: defaultdict[str, set[int]] = defaultdict(set)
    suspected: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, PageEvent) and event.observed_at < horizon:
            by_page[event.source_url].append(event)
        if isinstance(event, Event):
            needed[event.source_url].add(event.observed_at)
            if event.kind is Kind.LOST and event.lost_reason == PAGE_ERROR:
                suspected[event.source_url].append(event.observed_at)
    for link in derive(events).links.values():
        turns = needed[link.source_url]
        turns.update(run.observed_at for run in link.runs)
        for life in link.lives:
            told = (life.started_at, life.last_alive_at, life.lost_at, life.confirmed_at)
            turns.update(at for at in told if at is not None)
    gone = []
    for url, told_of in by_page.items():
        pages = sorted(told_of, key=lambda page: page.observed_at)
        for before, page, after in zip(pages, pages[1:], pages[2:], strict=False):
            at = page.observed_at
            is_between = before.observed_at < at < after.observed_at
            is_same = said(before) == said(page) == said(after) and page.loss != PAGE_ERROR
            is_suspected = any(since <= at <= since + WINDOW_US for since in suspected[url])
            if is_between and is_same and at not in needed[url] and not is_suspected:
                gone.append(page)
    return gone


@examples(300)
@given(st.data())
def test_what_expires_defines_nothing(data: st.DataObject) -> None:
    events = data.draw(crawled())
    clock = max((event.observed_at for event in events), default=0)
    horizon = clock - data.draw(st.sampled_from((0, 1, 2, 3, 5, 9))) * DAY_US
    may_go = expired(events, horizon)
    # Whichever of them are gone.
    keeps_some = data.draw(st.booleans())
    gone = data.draw(st.sets(st.sampled_from(may_go))) if may_go and keeps_some else set(may_go)
    left = [event for event in events if event not in gone]
    assert derive(left, clock=clock).links == derive(events).links
    late = late_events(data, events)
    newer = [event for event in late if event.observed_at >= horizon]
    assert derive([*left, *newer], clock=clock).links == derive([*events, *newer], clock=clock).links
    exact, told = derive([*events, *late], clock=clock), derive([*left, *late], clock=clock)
    assert for_ever(told) == for_ever(exact)


def for_ever(state: State) -> dict[object, object]:
    return {
        pair: (link.status, link.first_seen, link.last_seen, dict(link.values))
        for pair, link in state.links.items()
    }


def late_events(data: st.DataObject, events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """Draw events of any age, of links and pages that are known."""
    known = [event for event in events if isinstance(event, Event | PageEvent)]
    times = sorted({event.observed_at for event in known})
    late: list[AnyEvent] = []
    for number in range(data.draw(st.integers(1, 4)) if known else 0):
        event = data.draw(st.sampled_from(known))
        beside = data.draw(st.sampled_from((-HOUR_US, -1, 0, 1, HOUR_US)))
        at = min(max(times[0], data.draw(st.sampled_from(times)) + beside), times[-1])
        event = replace(event, observed_at=at, origin=Origin("memory", "links", 1, number))
        if isinstance(event, Event):
            kinds = ((Kind.LOST, "notfound"), (Kind.LOST, PAGE_ERROR), (Kind.SEEN, None))
            kind, reason = data.draw(st.sampled_from(kinds))
            event = replace(event, kind=kind, lost_reason=reason)
        late.append(event)
    return late
