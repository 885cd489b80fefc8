"""The model: the state of every link as a pure function of the set of accepted events.

Written from the section "Specification" of the state design by sorting and walking, never incrementally.
`readings.py` lists how its open places are read here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from oracle.events import (
    PAGE_ERROR,
    SUSPECT_WINDOW_US,
    is_followed,
    is_suspect_reason,
    reason_rank,
)
from oracle.page_events import PageEvent, ReferralEvent, TargetEvent, expand
from oracle.source_pages import told_by_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oracle.events import DeadLetter, Event, Origin, Pair
    from oracle.page_events import AnyEvent


class Strength(StrEnum):
    """What one instant says about a link."""

    SIGHTING = "sighting"
    FIRM = "firm"
    SUSPECT = "suspect"


class Status(StrEnum):
    NONE = "none"
    LIVE = "live"
    SUSPECT = "suspect"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Observation:
    """All events of one link at one instant, as the one observation they are."""

    observed_at: int
    strength: Strength
    reason: str | None
    """Of a loss."""
    origins: frozenset[Origin]
    """The events that say it: all sightings, or the losses that carry the winning reason."""


@dataclass(frozen=True, slots=True)
class Life:
    """[started_at, confirmed_at); None while it runs."""

    started_at: int
    last_alive_at: int | None
    lost_at: int | None
    confirmed_at: int | None
    lost_reason: str | None
    is_confirmed_by_event: bool
    begun_by: frozenset[Origin]
    """The sightings any of which may be named as the one that began it."""
    ended_by: frozenset[Origin]
    """The losses any of which may be named as the one that ended it; empty if time did, or while it runs."""


@dataclass(frozen=True, slots=True)
class Run:
    """From this instant on the field has this value, until its next run."""

    field: str
    observed_at: int
    value: str
    told_by: frozenset[Origin]
    """The sightings any of which may be named as the one that told it."""


@dataclass(frozen=True, slots=True)
class Link:
    """State of one link at the clock."""

    source_url: str
    target_url: str
    source_domain: str
    target_domain: str
    status: Status
    lives: tuple[Life, ...]
    first_seen: int | None
    last_seen: int | None
    last_checked_at: int | None
    runs: tuple[Run, ...]
    values: Mapping[str, str]
    """Current attributes, field → text; a field never carried by a sighting is absent."""
    page: Mapping[str, str] = field(default_factory=dict)
    """What its source page told last of itself."""

    def of_source(self, name: str) -> str | None:
        """Return a field that describes the source page: as told of the link, else as the page told it.

        A page that says `noindex` loses its links: of one that lives it may not say so any more.
        """
        of_page = self.page.get(name)
        return self.values.get(name, None if (name, of_page) == ("noindex", "true") else of_page)

    @property
    def is_internal(self) -> bool:
        return self.source_domain == self.target_domain

    @property
    def is_live(self) -> bool:
        return self.status in {Status.LIVE, Status.SUSPECT}

    @property
    def times_lost(self) -> int:
        return sum(life.confirmed_at is not None for life in self.lives)

    def is_live_at(self, time: int) -> bool:
        """Valid time: what the lives say of an instant not after the clock."""
        return any(
            life.started_at <= time and (life.confirmed_at is None or time < life.confirmed_at)
            for life in self.lives
        )


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What one partition of a source has delivered, each offset once."""

    source_name: str
    topic: str
    partition: int
    events: int
    dead_letters: int
    greatest_offset: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything the views are made of. `clock` is None before the first accepted event."""

    clock: int | None
    links: Mapping[Pair, Link]
    dead_letters: tuple[DeadLetter, ...]
    sources: tuple[SourceCount, ...]
    targets: tuple[TargetEvent, ...] = ()
    """Of each target the answer that holds."""
    referrals: tuple[ReferralEvent, ...] = ()
    """Of each link, day and source the one that holds."""
    pages: tuple[PageEvent, ...] = ()
    answers: tuple[TargetEvent, ...] = ()
    """All that targets ever answered."""


def derive(
    events: Iterable[AnyEvent], dead_letters: Iterable[DeadLetter] = (), *, clock: int | None = None
) -> State:
    """Derive the state of a set of events, in any order, with any duplicates.

    `clock` may move the clock on past the greatest `observed_at`: the replay as of a time needs that.
    Raises ValueError for a loss with an unknown reason and for a link whose domains contradict each other.
    """
    accepted = list(events)
    refused = tuple(sorted(set(dead_letters), key=attrgetter("origin")))
    greatest = max((event.observed_at for event in accepted), default=None)
    now = greatest if clock is None else clock
    by_pair: defaultdict[Pair, list[Event]] = defaultdict(list)
    for event in expand(accepted):
        by_pair[event.pair].append(event)
    told = told_by_pages(accepted)
    links = {} if now is None else {
        pair: replace(derive_link(of_pair, now), page=told.get(pair.source_url, {}))
        for pair, of_pair in by_pair.items()
    }  # fmt: skip
    return State(
        now,
        links,
        refused,
        count_sources(accepted, refused),
        newest_targets(accepted),
        newest_days(accepted),
        tuple(event for event in accepted if isinstance(event, PageEvent)),
        tuple(event for event in accepted if isinstance(event, TargetEvent)),
    )


def newest_targets(events: Iterable[AnyEvent]) -> tuple[TargetEvent, ...]:
    """Keep of each target the greatest `observed_at`, then the greatest content by bytes."""
    held: dict[str, TargetEvent] = {}
    for event in events:
        if isinstance(event, TargetEvent):
            held[event.target_url] = max(event, held.get(event.target_url, event), key=target_rank)
    return tuple(held.values())


def target_rank(event: TargetEvent) -> tuple[int, bytes]:
    return event.observed_at, content({"http_code": event.http_code} | dict(event.fields))


def newest_days(events: Iterable[AnyEvent]) -> tuple[ReferralEvent, ...]:
    """Keep of each link, day and source the greatest `observed_at`, then visits, then content."""
    held: dict[tuple[object, ...], ReferralEvent] = {}
    for event in events:
        if isinstance(event, ReferralEvent):
            key = (event.source_url, event.target_url, event.day, event.origin[:2])
            held[key] = max(event, held.get(key, event), key=referral_rank)
    return tuple(held.values())


def referral_rank(event: ReferralEvent) -> tuple[int, int, bytes]:
    return event.observed_at, event.visits, content(event.fields)


def content(fields: Mapping[str, object]) -> bytes:
    """Write fields as the product keeps them: names in byte order, null as absent."""
    there = {name: value for name, value in sorted(fields.items()) if value is not None}
    return json.dumps(there, separators=(",", ":"), ensure_ascii=False).encode() if there else b""


def derive_as_of(events: Iterable[AnyEvent], time: int) -> State:
    """Replay the events not later than `time`, with the clock at `time`."""
    return derive([event for event in events if event.observed_at <= time], clock=time)


def derive_link(events: Sequence[Event], clock: int) -> Link:
    """Derive one link from all its events."""
    first = events[0]
    domains = {(event.source_domain, event.target_domain) for event in events}
    if len(domains) != 1:
        raise ValueError(f"the link {first.pair} has more than one pair of domains: {sorted(domains)}")
    observations = observe(events)
    lives, status = walk(observations, clock)
    sighted = [event for event in events if event.is_sighting]
    runs = attribute_runs(sighted)
    return Link(
        source_url=first.source_url,
        target_url=first.target_url,
        source_domain=first.source_domain,
        target_domain=first.target_domain,
        status=status,
        lives=lives,
        first_seen=lives[0].started_at if lives else None,
        last_seen=max((event.observed_at for event in sighted), default=None),
        last_checked_at=observations[-1].observed_at if observations else None,
        runs=runs,
        values={run.field: run.value for run in runs},
    )


def observe(events: Iterable[Event]) -> list[Observation]:
    """Make one observation of each instant, in order of time: sighting over firm over suspect."""
    counted = [event for event in events if event.is_sighting or event.is_loss_accepted]
    return [observe_instant(at, same) for at, same in by_instant(counted)]


def by_instant(events: Iterable[Event]) -> list[tuple[int, list[Event]]]:
    ordered = sorted(events, key=attrgetter("observed_at"))
    return [(at, list(same)) for at, same in groupby(ordered, key=attrgetter("observed_at"))]


def observe_instant(at: int, events: Sequence[Event]) -> Observation:
    sightings = [event for event in events if event.is_sighting]
    if sightings:
        return Observation(at, Strength.SIGHTING, None, frozenset(event.origin for event in sightings))
    firm_reasons = {event.reason for event in events if not is_suspect_reason(event.reason)}
    strength = Strength.FIRM if firm_reasons else Strength.SUSPECT
    reason = max(firm_reasons, key=reason_rank) if firm_reasons else PAGE_ERROR
    return Observation(
        at, strength, reason, frozenset(event.origin for event in events if event.reason == reason)
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A life that has not ended yet."""

    begun: Observation
    last_alive_at: int
    suspect_at: int | None

    def end(self, at: int, by: Observation | None) -> Life:
        """End it by a loss, or by time."""
        return Life(
            started_at=self.begun.observed_at,
            last_alive_at=self.last_alive_at,
            lost_at=at if self.suspect_at is None else self.suspect_at,
            confirmed_at=at,
            lost_reason=PAGE_ERROR if by is None else by.reason,
            is_confirmed_by_event=by is not None,
            begun_by=self.begun.origins,
            ended_by=frozenset() if by is None else by.origins,
        )

    def as_open_life(self) -> Life:
        return Life(self.begun.observed_at, None, None, None, None, False, self.begun.origins, frozenset())  # noqa: FBT003

    def timer(self) -> int | None:
        """The instant at which time ends it, unless an observation not later than that speaks first."""
        return None if self.suspect_at is None else self.suspect_at + SUSPECT_WINDOW_US


def walk(observations: Sequence[Observation], clock: int) -> tuple[tuple[Life, ...], Status]:
    """Run through the observations of one link by time: its lives, and its status at the clock."""
    lives: list[Life] = []
    running: Running | None = None
    for seen in observations:
        at = seen.observed_at
        timer = None if running is None else running.timer()
        if running is not None and timer is not None and timer < at:
            lives.append(running.end(timer, None))
            running = None
        if seen.strength is Strength.SIGHTING:
            running = Running(seen, at, None) if running is None else Running(running.begun, at, None)
        elif running is None:
            continue  # a loss without a life changes nothing
        elif seen.strength is Strength.SUSPECT and running.suspect_at is None:
            running = replace(running, suspect_at=at)
        else:
            lives.append(running.end(at, seen))
            running = None
    timer = None if running is None else running.timer()
    if running is not None and timer is not None and timer <= clock:
        lives.append(running.end(timer, None))
        running = None
    if running is None:
        return tuple(lives), Status.LOST if lives else Status.NONE
    status = Status.LIVE if running.suspect_at is None else Status.SUSPECT
    return (*lives, running.as_open_life()), status


def attribute_runs(sightings: Iterable[Event]) -> tuple[Run, ...]:
    """List the values of each field over time: a run where the value differs from the one before it."""
    runs: list[Run] = []
    current = {"occurrences": "1"}
    for at, same in by_instant(sightings):
        carried = [event.carried for event in same]
        for name in sorted({name for fields in carried for name in fields}):
            value = merge(name, [fields[name] for fields in carried if name in fields])
            if current.get(name) != value:
                current[name] = value
                told_by = frozenset(event.origin for event in same if event.carried.get(name) == value)
                runs.append(Run(name, at, value, told_by))
    return tuple(runs)


def merge(name: str, values: Sequence[str]) -> str:
    """Make one value of those that one field has at one instant; each event is its own occurrence."""
    if name == "rel":
        return max(values, key=lambda rel: (is_followed(rel), rel.encode()))
    if name == "anchor":
        longest = max(len(anchor.encode()) for anchor in values)
        return min((anchor for anchor in values if len(anchor.encode()) == longest), key=str.encode)
    if name == "occurrences":
        return max(values, key=int)
    return max(values, key=str.encode)


def count_sources(events: Iterable[AnyEvent], dead_letters: Iterable[DeadLetter]) -> tuple[SourceCount, ...]:
    """Count distinct offsets of each partition: a replayed offset is stored once."""
    accepted = {event.origin for event in events}
    refused = {letter.origin for letter in dead_letters}
    both = accepted | refused
    return tuple(
        SourceCount(
            source_name=name,
            topic=topic,
            partition=number,
            events=sum(origin[:3] == (name, topic, number) for origin in accepted),
            dead_letters=sum(origin[:3] == (name, topic, number) for origin in refused),
            greatest_offset=max(origin.offset for origin in both if origin[:3] == (name, topic, number)),
        )
        for name, topic, number in sorted({origin[:3] for origin in both})
    )
