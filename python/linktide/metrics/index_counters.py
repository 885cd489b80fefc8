"""Counters that the index keeps, told with every commit; they go on where a rebuilt index begins at 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.index import LinkIndex
    from linktide.metrics.values import Metrics

Counted: TypeAlias = "Mapping[tuple[str, ...], float]"
"""(metric, its labels…) → count."""

_OF_THE_INDEX: Final = {
    "linktide_index_rederived_links_total": "rederived_links",
    "linktide_index_history_revised_total": "history_revised",
    "linktide_links_backfilled_total": "backfilled_links",
    "linktide_authority_cpu_seconds_total": "authority_cpu_seconds",
}
"""Metric → number of the index."""
_OF_A_DOMAIN: Final = {
    "linktide_new_links_total": "new_links",
    "linktide_restored_links_total": "restored_links",
    "linktide_lost_links_total": "lost_links",
}
"""Metric → number of a tracked domain."""


class IndexCounters:
    """Adds what the index has counted since the commit before; used by the work thread alone.

    Prometheus takes a counter that falls for one that began again at 0, and counts all of it a second time.
    Only commits tell: what was counted for a failed one is counted again after the rebuild.
    """

    def __init__(self, metrics: Metrics, tracked: Sequence[tuple[str, str]]) -> None:
        """Take (domain, role) of those with counters of their own."""
        self._metrics = metrics
        self._tracked = tuple(tracked)
        self._told: dict[tuple[str, ...], float] = {}
        for labels in self._tracked:
            # A counter born above 0 never fires increase(): each label set is there from the start.
            for name in _OF_A_DOMAIN:
                metrics.set(name, 0.0, *labels)

    def begin(self) -> None:
        """Hear that the index was built anew and counts from 0."""
        self._told.clear()

    def count(self, index: LinkIndex) -> Counted:
        """Return what the index has counted so far, to be told once it is stored."""
        numbers = index.numbers()
        counted: dict[tuple[str, ...], float] = {(name,): numbers[key] for name, key in _OF_THE_INDEX.items()}
        for one in index.vectors():
            counted["linktide_authority_edges_total", one.graph, one.vector] = one.edges_touched
        domains = index.domain_numbers([domain for domain, _ in self._tracked])
        for labels, domain in zip(self._tracked, domains, strict=True):
            if domain is not None:
                for name, key in _OF_A_DOMAIN.items():
                    counted[name, *labels] = getattr(domain, key)
        return counted

    def stored(self, counted: Counted) -> None:
        """Hear that what the index had counted by then is stored."""
        for (name, *labels), count in counted.items():
            told = self._told.get((name, *labels), 0.0)
            self._told[name, *labels] = count
            # A part of the index that was built anew counts from 0 as well.
            self._metrics.add(name, count - told if count >= told else count, *labels)
