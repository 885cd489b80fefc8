"""Rows of who told of links, beside brute force over the events."""

# ruff: noqa: S608 - statements of the test's own

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from oracle.deliveries import SAMPLE
from oracle.events import Kind
from oracle.page_events import expand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oracle.compare import Query
    from oracle.model import State
    from oracle.page_events import AnyEvent

LEAST_IN_COMMON = 7


def sighted(state: State, events: Sequence[AnyEvent], name: str) -> dict[str, set[object]]:
    """Return which live links to a domain each source has sighted."""
    live = {
        pair
        for pair, link in state.links.items()
        if link.is_live and not link.is_internal and link.target_domain == name
    }
    found: dict[str, set[object]] = {}
    for event in expand(events):
        if event.pair in live and event.kind in {Kind.DISCOVERED, Kind.SEEN}:
            found.setdefault("/".join(event.origin[:2]), set()).add(event.pair)
    return found


def chapman(links_a: int, links_b: int, both: int) -> tuple[float, float, float]:
    """Return the estimate and its interval."""
    estimate = (links_a + 1) * (links_b + 1) / (both + 1) - 1
    seen = links_a + links_b - both
    unseen = estimate - seen
    if unseen <= 0:
        return estimate, seen, seen
    variance = 1.0 * (links_a + 1) * (links_b + 1) * (links_a - both) * (links_b - both)
    variance /= (both + 1) ** 2 * (both + 2)
    factor = math.exp(1.959963984540054 * math.sqrt(math.log1p(variance / unseen**2)))
    return estimate, seen + unseen / factor, seen + unseen * factor


def check_agreement(query: Query, state: State, events: Sequence[AnyEvent]) -> None:
    """Each pair of sources agrees as far as their sightings do; a sample gives no estimate."""
    for name in sorted({link.target_domain for link in state.links.values()}):
        of = sighted(state, events, name)
        rows = query(
            "SELECT source_a, source_b, links_a, links_b, links_both, links_either, estimated_links,"
            f" estimated_least, estimated_most, note FROM source_agreement('{name}')"
        )
        wanted = {
            (a, b): (len(of[a]), len(of[b]), len(of[a] & of[b]), len(of[a] | of[b]))
            for a, b in combinations(sorted(of), 2)
        }
        assert {row[:2]: row[2:6] for row in rows} == wanted
        for row in rows:
            links_a, links_b, both = row[2:5]
            if row[9] is None:
                assert both >= LEAST_IN_COMMON
                assert row[6:9] == pytest.approx(chapman(links_a, links_b, both))
            else:
                assert row[6:9] == (None, None, None)
                is_sample = SAMPLE in {part.rpartition("/")[2] for part in row[:2]}
                assert is_sample or both < LEAST_IN_COMMON
