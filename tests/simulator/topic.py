"""A topic of one seed, and a source of it that is revoked, paused and repeats itself as told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bad_values import BAD_VALUES
from event_stream import draw_event

from linktide.sources.source import Chunk, Codec, Partition, Position
from oracle.deliveries import frame, render
from oracle.events import DeadLetter, Event, Origin
from oracle.histories import PAGES, RECORD_AT_US, TIMES

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

_SMALL = 2_000
BAD = [(value, reason) for value, reason in BAD_VALUES if value is not None and len(value) < _SMALL]


@dataclass(frozen=True, slots=True)
class Record:
    """What lies at one offset."""

    offset: int
    value: bytes
    event: Event | None
    reason: str | None
    """Of a bad one."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Records by partition; offsets between them may hold nothing, as where a transaction was."""

    records: Mapping[Partition, Sequence[Record]]

    @property
    def events(self) -> list[Event]:
        return [one.event for all_ in self.records.values() for one in all_ if one.event is not None]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [
            DeadLetter(Origin("memory", "links", partition.number, one.offset), one.reason, RECORD_AT_US)
            for partition, all_ in self.records.items()
            for one in all_
            if one.reason is not None
        ]

    def end_of(self, partition: Partition) -> int:
        records = self.records[partition]
        return records[-1].offset + 1 if records else 0


def draw_topic(chance: random.Random) -> Topic:
    """Draw a few links' events: in order, late or shuffled, some of them twice, some bad."""
    sides = [(*chance.choice(PAGES), *chance.choice(PAGES)) for _ in range(chance.randint(1, 5))]
    pairs = [(source, target, s_domain, t_domain) for source, s_domain, target, t_domain in sides]
    drawn = [draw_event(chance, pairs, chance.choice(TIMES)) for _ in range(chance.randint(4, 40))]
    drawn += chance.choices(drawn, k=chance.randint(0, 5))
    order = chance.choice(("in order", "late", "shuffled"))
    if order == "shuffled":
        chance.shuffle(drawn)
    else:
        drawn.sort(key=lambda event: event.observed_at)
    if order == "late":
        drawn.append(drawn.pop(chance.randrange(len(drawn))))
    records: dict[Partition, list[Record]] = {
        Partition("memory", "links", "", number): [] for number in range(chance.randint(1, 3))
    }
    offsets = dict.fromkeys(records, 0)
    for event in drawn:
        partition = chance.choice(list(records))
        if chance.random() < 0.05:
            value, reason = chance.choice(BAD)
            records[partition].append(Record(offsets[partition], value, None, reason))
            offsets[partition] += 1
        offset = offsets[partition]
        origin = Origin("memory", "links", partition.number, offset)
        placed = replace(event, origin=origin, record_at=RECORD_AT_US)
        records[partition].append(Record(offset, render(event), placed, None))
        offsets[partition] += chance.choice((1, 1, 1, 1, 2))
    return Topic(records)


@dataclass(slots=True)
class TopicSource:
    """Hands out the topic in small chunks; the simulator says what befalls its partitions."""

    topic: Topic
    chance: random.Random
    next: dict[Partition, int] = field(default_factory=dict)
    stored: dict[Partition, Position] = field(default_factory=dict)
    """What `open` and `commit` told."""
    paused: set[Partition] = field(default_factory=set)
    trouble: str | None = None

    def open(self, stored: Mapping[Partition, Position]) -> None:
        self.stored = dict(stored)
        self.paused = set()
        self.next = {one: stored.get(one, Position(0)).next_offset for one in self.topic.records}

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        del timeout_seconds
        ready = [one for one, lag in self.lag().items() if lag and one not in self.paused]
        if not ready:
            return []
        partition = self.chance.choice(ready)
        first = self.next[partition]
        left = [one for one in self.topic.records[partition] if one.offset >= first]
        taken = left[: self.chance.randint(1, 8)]
        end = taken[-1].offset + 1
        self.next[partition] = end
        data = frame((one.offset, RECORD_AT_US, one.value) for one in taken)
        return [Chunk(partition, Codec.FRAMED, data, first, end, RECORD_AT_US)]

    def rest(self) -> None:
        """Nothing is lost by silence."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        self.stored.update(positions)

    def lag(self) -> Mapping[Partition, int]:
        return {one: max(0, self.topic.end_of(one) - self.next[one]) for one in self.topic.records}

    @property
    def is_exhausted(self) -> bool:
        return not any(self.lag().values())

    def close(self) -> None:
        pass

    # --- what befalls it -----------------------------------------------------------------------------------

    def pause(self) -> None:
        self.paused = {one for one in self.topic.records if self.chance.random() < 0.5}

    def rebalance(self) -> None:
        """Lose a partition and get it again, at the last position that was told: records come twice."""
        partition = self.chance.choice(list(self.topic.records))
        self.next[partition] = self.stored.get(partition, Position(0)).next_offset
