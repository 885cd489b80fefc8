"""What a batch tells the alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linktide import alert_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from linktide.store.writer import Advance


@dataclass(frozen=True, slots=True)
class BatchNews:
    """What a batch tells the alerts; taken when the index has it, judged when the store does."""

    clock_us: int | None
    turns: pa.Table
    """As `alert_turns.SCHEMA` has them."""
    scores: Mapping[str, float]
    advances: Sequence[Advance]
    hours: Mapping[tuple[str, int], Sequence[int]] = field(default_factory=dict)
    """The news among them: (domain, hour since 1970) → counts, as `velocity.COLUMNS` has them."""
    is_catching_up: bool = False
    timed: pa.Array = field(default_factory=lambda: alert_turns.timed_losses(None))
    """Links whose life time alone ended: while records wait, one of them may bring the sighting."""


def has_gaps(advances: Iterable[Advance]) -> bool:
    """Tell whether some partition does not go on where it stood."""
    return any(jump.kind != "begun" for one in advances for jump in one.jumps)


def offsets_of(advances: Iterable[Advance]) -> list[dict[str, object]]:
    """Return the stretches of a batch as rows."""
    return [
        {
            "source_name": one.partition.cluster,
            "topic": one.partition.topic,
            "source_partition": one.partition.number,
            "first_offset": one.expected_offset or 0,
            "end_offset": one.next_offset,
        }
        for one in advances
    ]
