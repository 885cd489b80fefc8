from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from linktide.index import DomainNumbers, VectorNumbers
from linktide.metrics.index_counters import IndexCounters
from linktide.metrics.values import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.index import LinkIndex

EDGES = "linktide_authority_edges_total"
BACKFILLED = "linktide_links_backfilled_total"
NEW = "linktide_new_links_total"


class Counting:
    """An index that has counted so many of everything, and has met one of two domains."""

    def __init__(self, count: int) -> None:
        self.count = count

    def numbers(self) -> dict[str, float]:
        names = ("rederived_links", "history_revised", "backfilled_links", "authority_cpu_seconds")
        return dict.fromkeys(names, float(self.count))

    def vectors(self) -> list[VectorNumbers]:
        return [VectorNumbers("domain", "citation", 0.0, 0.0, 0.0, self.count, 0)]

    def domain_numbers(self, names: Sequence[str]) -> list[DomainNumbers | None]:
        assert list(names) == ["a.example", "b.example"]
        return [DomainNumbers(0, self.count, 0, 0, None), None]


@given(st.lists(st.lists(st.integers(0, 100), max_size=5), max_size=5))
def test_the_sum_over_all_indexes_never_falls(lives: list[list[int]]) -> None:
    metrics = Metrics()
    counters = IndexCounters(metrics, [("a.example", "own"), ("b.example", "rival")])
    total = 0
    for commits in lives:
        counters.begin()
        count = 0
        for more in commits:
            count += more
            total += more
            counters.stored(counters.count(cast("LinkIndex", Counting(count))))
            assert metrics.value(BACKFILLED) == metrics.value(NEW, "a.example", "own") == total
            assert metrics.value(EDGES, "domain", "citation") == total
            assert metrics.value(NEW, "b.example", "rival") == 0
    assert f'{NEW}{{domain="b.example",role="rival"}} 0.0' in metrics.exposition().decode()
