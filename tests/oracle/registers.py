"""The same status once more, by the register formulas: a guard of the model, sharing nothing of its walk.

From "Registers, O(1)": last sighting S, last own firm loss F, the two greatest distinct suspect times a > b.
No page events yet, so the registers of the page are never set.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.events import SUSPECT_WINDOW_US, is_suspect_reason
from oracle.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oracle.events import Event, Pair

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Registers:
    """Times in µs; minus infinity where there is none."""

    last_sighting: float
    last_firm_loss: float
    last_suspect: float
    suspect_before: float

    def status(self, clock: int) -> Status:
        """Apply the formula, case by case."""
        if self.last_sighting == NEVER:
            return Status.NONE
        if self.last_firm_loss > self.last_sighting:
            return Status.LOST
        if self.last_suspect <= self.last_sighting:
            return Status.LIVE
        if self.suspect_before > self.last_sighting or self.last_suspect + SUSPECT_WINDOW_US <= clock:
            return Status.LOST
        return Status.SUSPECT


def registers_of(events: Iterable[Event]) -> dict[Pair, Registers]:
    """Take maxima over the raw events of every link; instants are not merged."""
    sightings: defaultdict[Pair, set[float]] = defaultdict(set)
    firm: defaultdict[Pair, set[float]] = defaultdict(set)
    suspect: defaultdict[Pair, set[float]] = defaultdict(set)
    pairs = set()
    for event in events:
        pairs.add(event.pair)
        if event.is_sighting:
            sightings[event.pair].add(event.observed_at)
        elif event.is_loss_accepted:
            losses = suspect if is_suspect_reason(event.reason) else firm
            losses[event.pair].add(event.observed_at)
    return {pair: make_registers(sightings[pair], firm[pair], suspect[pair]) for pair in pairs}


def make_registers(sightings: set[float], firm: set[float], suspect: set[float]) -> Registers:
    top, before = sorted({NEVER} | suspect, reverse=True)[:2] if suspect else (NEVER, NEVER)
    return Registers(max(sightings, default=NEVER), max(firm, default=NEVER), top, before)
