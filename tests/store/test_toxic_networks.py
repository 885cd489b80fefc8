"""Twins among many domains that link to nearly the same ones, beside brute force."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from told_links import OWN, link, state_of
from toxic_kit import store_of

from oracle import toxic_views

if TYPE_CHECKING:
    from pathlib import Path

    from oracle.model import Link

SOURCES = 40
NETWORKS = {
    # Of a pool of so many, so many are drawn at least and at most.
    "near the border": (38, 36, 36),
    "of unlike sizes": (38, 31, 38),
    "all alike": (38, 37, 38),
    "none alike": (44, 37, 40),
    "small": (12, 9, 11),
}


def network(seed: int, pool: int, least: int, most: int) -> list[Link]:
    chance = random.Random(seed)
    links = []
    for number in range(SOURCES):
        source = f"s{number}.com/"
        drawn = chance.sample(range(pool), chance.randint(least, most))
        # Some have a few targets of their own, which come first in the order of all.
        own = [f"{number:02}{place}.com/" for place in range(chance.choice((0, 0, 1, 2)))]
        links += [link(source, target) for target in (f"{OWN}/", *(f"t{of}.com/" for of in drawn), *own)]
    return links


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", NETWORKS)
def test_twins_of_a_network_equal_the_brute_force(tmp_path: Path, shape: str, seed: int) -> None:
    links = network(seed, *NETWORKS[shape])
    targets: dict[str, set[str]] = {}
    for one in links:
        targets.setdefault(one.source_domain, set()).add(one.target_domain)
    with store_of(tmp_path, links) as store:
        rows = store.all(f"FROM twin_profiles('{OWN}')")
    assert {row[0]: row[2] for row in rows} == toxic_views.twins(state_of(links), OWN)
    assert [row[1] for row in rows] == [len(targets[row[0]]) for row in rows]
    assert all(row[2] == (row[3] is not None) for row in rows)
    for name, _, has_twin, twin in rows:
        if has_twin:
            mine, others = targets[name], targets[twin]
            assert twin != name
            assert 10 * len(mine & others) > 9 * len(mine | others), (name, twin)
