"""The same status once more, by the register formulas: a guard of the model, sharing nothing of its walk.

From "Registers, O(1)": last sighting S, last firm loss F of link and page, the two greatest distinct suspect
times a > b of link and page. What a page says goes into its registers whether it lists a link or not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.events import SUSPECT_WINDOW_US, Event, is_suspect_reason
from oracle.model import Status
from oracle.page_events import PageEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oracle.events import Pair
    from oracle.page_events import AnyEvent

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


def registers_of(events: Iterable[AnyEvent]) -> dict[Pair, Registers]:
    """Take maxima over the raw events of every link and of its page; instants are not merged."""
    sightings: defaultdict[Pair, set[float]] = defaultdict(set)
    firm: defaultdict[Pair | str, set[float]] = defaultdict(set)
    suspect: defaultdict[Pair | str, set[float]] = defaultdict(set)
    pairs = set()
    for event in events:
        at = event.observed_at
        if isinstance(event, PageEvent):
            for pair in event.pairs():
                pairs.add(pair)
                sightings[pair].add(at)
            if event.loss is not None:
                (suspect if is_suspect_reason(event.loss) else firm)[event.source_url].add(at)
        elif isinstance(event, Event):
            pairs.add(event.pair)
            if event.is_sighting:
                sightings[event.pair].add(at)
            elif event.is_loss_accepted:
                (suspect if is_suspect_reason(event.reason) else firm)[event.pair].add(at)
    return {
        pair: make_registers(
            sightings[pair], firm[pair] | firm[pair.source_url], suspect[pair] | suspect[pair.source_url]
        )
        for pair in pairs
    }


def make_registers(sightings: set[float], firm: set[float], suspect: set[float]) -> Registers:
    top, before = sorted({NEVER} | suspect, reverse=True)[:2] if suspect else (NEVER, NEVER)
    return Registers(max(sightings, default=NEVER), max(firm, default=NEVER), top, before)
