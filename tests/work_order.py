"""The order in which workers take tests, so that none waits for another at the end and both cores are busy.

Tests that share what is made once a file go to one worker, or each would make it. Then those that mostly
wait, for processes and brokers, alternate with those that compute, and the many short ones come last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

_WAITING = (
    "tests/e2e/",
    "tests/faults/",
    "tests/integration/",
    "tests/deploy/",
    "tests/cli/",
    "tests/broker/",
)
_COMPUTING = ("tests/pipeline/", "tests/simulator/", "tests/store/")


def for_workers(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Group tests by what they share, and order them."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    waiting = [item for item in items if item.nodeid.startswith(_WAITING)]
    computing = [item for item in items if item.nodeid.startswith(_COMPUTING)]
    placed = [(place / len(some), item) for some in (waiting, computing) for place, item in enumerate(some)]
    first = [item for _, item in sorted(placed, key=lambda one: one[0])]
    return [*first, *(item for item in items if not item.nodeid.startswith((*_WAITING, *_COMPUTING)))]


def _shares_with_its_file(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    made = item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001 - nothing public tells
    return any(definitions[-1].scope == "module" for definitions in made)
