"""A stream of events drawn from a seed: good, late, repeated and bad ones, over many links."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bad_values import BAD_VALUES

from oracle import deliveries, histories
from oracle.events import DeadLetter, Event, Kind, Origin

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from topic_contents import Record

_NOWHERE = Origin("", "", 0, 0)
_SMALL = 100_000
_LATE_SHARE = 0.08
_REPEATED_SHARE = 0.08
_BAD_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class EventStream:
    """Values in the order in which they are sent; every good one carries its number as `event_id`."""

    values: tuple[bytes | None, ...]
    events: tuple[Event, ...]
    """By number; their origins are only known once they were sent."""

    def judge(self, records: Sequence[Record]) -> tuple[list[Event], list[DeadLetter]]:
        """Return what must become of the records of a topic into which this stream was written."""
        reasons = dict(BAD_VALUES)
        by_value = {number_of(value): event for value, event in zip(self._good(), self.events, strict=True)}
        events, refused = [], []
        for record in records:
            if record.value in reasons:
                refused.append(DeadLetter(record.origin, reasons[record.value], record.time_us))
            else:
                event = by_value[number_of(record.value)]
                events.append(replace(event, origin=record.origin, record_at=record.time_us))
        return events, refused

    def _good(self) -> list[bytes]:
        return [render(event, number) for number, event in enumerate(self.events)]


def number_of(value: bytes | None) -> int:
    """Return the number of a good value."""
    assert value is not None
    return int(value.rpartition(b" ")[2][:-1])


def render(event: Event, number: int) -> bytes:
    return deliveries.render(event)[:-1] + b', "event_id": %d}' % number


def draw_stream(chance: random.Random, records: int, links: int) -> EventStream:
    """Draw a stream in order of event time, some of it late, repeated or bad."""
    pairs = draw_pairs(chance, links)
    bad = [value for value, _ in BAD_VALUES if value is None or len(value) < _SMALL]
    times = sorted(chance.choices(histories.TIMES, k=records))
    events: list[Event] = []
    values: list[bytes | None] = []
    while len(values) < records:
        event = draw_event(chance, pairs, times[len(values)])
        values.append(render(event, len(events)))
        events.append(event)
        if chance.random() < _REPEATED_SHARE:
            values.append(values[chance.randrange(max(0, len(values) - 5_000), len(values))])
        if chance.random() < _BAD_SHARE:
            values.append(chance.choice(bad))
    for _ in range(int(records * _LATE_SHARE)):
        origin = chance.randrange(len(values))
        values.insert(min(len(values) - 1, origin + chance.randrange(2_000)), values.pop(origin))
    return EventStream(tuple(values), tuple(events))


def draw_pairs(chance: random.Random, links: int) -> list[tuple[str, str, str, str]]:
    """Draw (source URL, target URL, source domain, target domain); a few lie within one domain."""
    drawn: set[tuple[str, str, str, str]] = set()
    while len(drawn) < links:
        source, target = (f"site{chance.randrange(120)}.com" for _ in range(2))
        drawn.add(
            (
                f"https://{source}/{chance.randrange(40)}",
                f"https://{target}/{chance.randrange(10)}",
                source,
                target,
            )
        )
    return sorted(drawn)


def draw_event(chance: random.Random, pairs: Sequence[tuple[str, str, str, str]], at: int) -> Event:
    kind, reason = chance.choice(histories.KINDS)
    carried = chance.choice(histories.CARRIED)
    fields = {name: chance.choice(histories.VALUES[name]) for name in carried}
    return Event(
        kind,
        at,
        *chance.choice(pairs),
        origin=_NOWHERE,
        record_at=0,
        lost_reason=reason if kind is Kind.LOST else None,
        rel=fields.pop("rel", None),
        anchor=fields.pop("anchor", None),
        link_type=fields.pop("link_type", None),
        attributes=fields,
    )
