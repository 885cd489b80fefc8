"""Histories thinned at any time: what stays derives the same state, and new events lead to what all would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide import service
from linktide.backoff import Backoff
from linktide.errors import RetryError
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.page_thinning import PAGE_THIN_POINTS
from linktide.store.segments import SegmentMover
from linktide.store.thinning import THIN_POINTS, Thinner, ThinRule
from oracle.compare import assert_same, check_deciders, compare_view
from oracle.deliveries import Delivery
from oracle.events import DAY_US, HOUR_US, PAGE_ERROR, Event, Kind, Origin
from oracle.histories import BASE_US
from oracle.model import derive
from oracle.page_events import PageEvent
from oracle.shown import Settings
from oracle.views import VIEWS
from pipeline import whole
from pipeline.arrivals import Arrival, arrivals, side_by_side
from pipeline.test_restart import Bomb
from pipeline.test_upkeep import eager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from linktide.upkeep import Upkeep
    from oracle.model import State
    from oracle.page_events import AnyEvent

GONE = "SELECT coalesce(sum(thinned_rows), 0)::BIGINT FROM internal.segments"
CLOCK = "SELECT epoch_us(clock) FROM internal.writer"
PAGES_GONE = """
SELECT coalesce(max(CAST(value AS BIGINT)), 0) FROM internal.settings WHERE name = 'pages_thinned_rows'
"""
ORIGINS = """
SELECT o.cluster, o.topic, o.part, e.off
FROM (SELECT source_id, off FROM internal.link_events
      UNION ALL SELECT source_id, off FROM internal.page_snapshots) e
JOIN internal.source_offsets o USING (source_id)
"""
UNNAMED = """
SELECT (SELECT count(*) FROM internal.page_sets ANTI JOIN internal.page_snapshots USING (set_id)),
       (SELECT count(*) - count(DISTINCT (set_id, link_id)) FROM internal.page_sets)
"""
"""Sets that no answer names, and links that stand twice in one."""


def thinning(
    days: int, steps: Sequence[int], sizes: tuple[int, int, int] = (1000, 1000, 1000)
) -> AbstractContextManager[None]:
    """Move and thin eagerly after each batch, so many steps in turn.

    `sizes` are the answers of pages in a share, in a stretch of time and in a slice.
    """
    share, stretch, rows = sizes

    def thin(upkeep: Upkeep) -> None:
        upkeep.thinner = Thinner(
            upkeep.folder.database,
            ThinRule(days, least_share=0.0, step_seconds=1),
            lambda: 0.0,
            at=upkeep.mover.at,
            is_alone=False,
        )
        pages = upkeep.thinner.pages
        pages.share_rows, pages.stretch_rows, pages.slice_rows = share, stretch, rows

    def let_a_minute_pass(upkeep: Upkeep) -> None:
        upkeep.thinner._looked_at = float("-inf")  # noqa: SLF001
        upkeep.thinner.pages.look_again()

    return eager(steps, thin, let_a_minute_pass)


def thin_stopped(path: Path, days: int, sizes: tuple[int, int, int]) -> None:
    """Move and thin all there is of a stopped database; `sizes` as for `thinning`."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    database = Database.open(StoreSettings(path), lambda: PinVersions("", ""), now)
    try:
        SegmentMover(database, lambda: now, is_alone=False).move_all()
        thinner = Thinner(database, ThinRule(days, least_share=0.0, step_seconds=1), is_alone=False)
        share, stretch, rows = sizes
        thinner.pages.share_rows, thinner.pages.stretch_rows, thinner.pages.slice_rows = share, stretch, rows
        thinner.thin_all()
    finally:
        database.close()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Backoff", partial(Backoff, first=0.0))


def again(events: Sequence[AnyEvent], begin: int) -> tuple[AnyEvent, ...]:
    """Give events offsets of a partition of their own, from `begin`, in a topic whose losses count."""
    return tuple(
        replace(
            accepted(event), origin=event.origin._replace(topic="links", partition=7, offset=begin + number)
        )
        for number, event in enumerate(events)
    )


def accepted(event: AnyEvent) -> AnyEvent:
    """Let the losses of an event count, whatever topic it came from first."""
    return replace(event, is_loss_accepted=True) if isinstance(event, Event | PageEvent) else event


def of_all_links(events: Sequence[AnyEvent], at: int, kind: Kind, reason: str | None = None) -> list[Event]:
    """Tell of one instant of every link that an event was about."""
    first = {(event.source_url, event.target_url): event for event in events if isinstance(event, Event)}
    return [
        replace(
            event, kind=kind, observed_at=at, lost_reason=reason, rel=None, attributes={}, link_type=None,
            anchor="late" if kind is Kind.SEEN else None, is_loss_accepted=True,
        )
        for event in first.values()
    ]  # fmt: skip


def then(arrival: Arrival, more: Sequence[AnyEvent]) -> Arrival:
    """Let more events come after an arrival, each in a batch of its own."""
    batches = tuple((event,) for event in again(more, 0))
    return replace(arrival, delivery=Delivery((*arrival.delivery.batches, *batches)))


@st.composite
def crawls(draw: st.DrawFn) -> tuple[AnyEvent, ...]:
    """Draw histories in which some pages are crawled again and again, and mostly say what they said."""
    events = draw(side_by_side(most=draw(st.sampled_from((1, 1, 2, 4)))))
    pages = [event for event in events if isinstance(event, PageEvent)]
    more: list[PageEvent] = []
    for page in draw(st.lists(st.sampled_from(pages), min_size=1, max_size=4)) if pages else []:
        every = draw(st.sampled_from((1, 1, 11, 24, 36, 72)))
        more += [
            replace(page, observed_at=page.observed_at + number * every * HOUR_US)
            for number in range(1, draw(st.integers(4, 12)))
        ]
    return (*events, *more)


SIZES = st.tuples(st.sampled_from((1, 7, 1000)), st.sampled_from((1, 5, 1000)), st.sampled_from((1, 2, 1000)))


@examples(8)
@given(st.data())
def test_what_stays_tells_what_all_told(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(crawls())))
    days = data.draw(st.sampled_from((1, 2, 3, 5, 9, 90)))
    steps = data.draw(st.lists(st.integers(0, 8), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        # All of it is there before the first row goes: until then any age is exact.
        arrival.run(path)
        thin_stopped(path, days, data.draw(SIZES))
        later = then(arrival, late_events(data, arrival.events, days))
        with thinning(days, steps):
            later.run(path)
        with whole.opened(path) as stopped:
            assert_same(stopped.query, derive(later.events))
            assert stopped.query(UNNAMED) == [(0, 0)]


@examples(8)
@given(st.data())
def test_events_of_any_age_keep_tables_and_observations_as_one(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(crawls())))
    days = data.draw(st.sampled_from((1, 2, 3, 5, 9)))
    steps = data.draw(st.lists(st.integers(0, 8), min_size=1, max_size=4))
    bomb = Bomb(
        data.draw(st.sampled_from((*THIN_POINTS, *PAGE_THIN_POINTS))),
        data.draw(st.frozensets(st.integers(1, 4))),
        RetryError,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        sizes = data.draw(SIZES)
        with thinning(days, steps, sizes):
            arrival.until(data.draw(st.integers(0, len(arrival.events)))).run(path, bomb)
            thin_stopped(path, days, sizes)
            arrival.run(path, bomb)
        with whole.opened(path) as stopped:
            kept = {Origin(*row) for row in stopped.query(ORIGINS)}
            gone = [
                event
                for event in arrival.events
                if isinstance(event, Event | PageEvent) and event.origin not in kept
            ]
            assert sum(isinstance(event, Event) for event in gone) == stopped.query(GONE)[0][0]
            assert sum(isinstance(event, PageEvent) for event in gone) == stopped.query(PAGES_GONE)[0][0]
            left = [event for event in arrival.events if event not in gone]
            # Of what stays all is told as if nothing else had ever come; only counts know better.
            state = derive(left)
            assert stopped.query(CLOCK) == [(derive(arrival.events).clock,)]
            told = [
                compare_view(stopped.query, state, view, Settings())
                for view in VIEWS
                if view.name != "sources"
            ]
            assert [one.describe() for one in told if not one.is_none] == []
            assert check_deciders(stopped.query, state) == []
            assert stopped.query(UNNAMED) == [(0, 0)]
            # And these are exact for ever.
            assert exact_cells(state) == exact_cells(derive(arrival.events))


def exact_cells(state: State) -> dict[object, object]:
    return {
        pair: (link.status, link.first_seen, link.last_seen, dict(link.values))
        for pair, link in state.links.items()
    }


def late_events(data: st.DataObject, events: Sequence[AnyEvent], days: int) -> list[AnyEvent]:
    """Draw what is newer than any horizon: losses and sightings of every link, and repeated events."""
    newest = max((event.observed_at for event in events), default=BASE_US)
    horizon = newest - days * DAY_US
    times = st.integers(max(BASE_US, horizon), newest)
    hours = times.map(lambda time: min(newest, time // HOUR_US * HOUR_US + HOUR_US))
    more: list[AnyEvent] = []
    for _ in range(data.draw(st.integers(1, 3))):
        kind, reason = data.draw(
            st.sampled_from(((Kind.LOST, "notfound"), (Kind.LOST, PAGE_ERROR), (Kind.SEEN, None)))
        )
        more += of_all_links(events, data.draw(hours), kind, reason)
    recent = [
        event for event in events if event.observed_at >= horizon and isinstance(event, Event | PageEvent)
    ]
    if recent:
        more += data.draw(st.lists(st.sampled_from(recent), max_size=4))
    return more
