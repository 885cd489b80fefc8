"""The two graphs of a state, pages and domains, and their scores solved exactly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from oracle.model import Link, State

    Edges = Mapping[tuple[str, str], float]

ALPHA = 0.85
BASE = 1 - ALPHA

BLOCKED_TYPES = frozenset({"form", "alternate", "rss"})
"""Link types that pass nothing; any other one passes, as an absent one does."""
SOLE_TYPES = frozenset({"redirect", "canonical"})
"""While such a link of a page lives, it alone passes what the page has, in full, whatever its rel."""

MAX_SWEEPS = 400
"""ALPHA to this power is below 1e-28: what the first guess was wrong by is gone."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight of a link by its rel; of several tokens the least counts."""

    nofollow: float = 0.0
    ugc: float = 0.0
    sponsored: float = 0.0

    def of(self, rel: str | None) -> float:
        tokens = set((rel or "").split())
        return min(
            (getattr(self, token) for token in ("nofollow", "ugc", "sponsored") if token in tokens),
            default=1.0,
        )


def page_edges(state: State, weights: Weights | None = None) -> dict[tuple[str, str], float]:
    """Return the weight of every edge between two different pages, by (source_url, target_url)."""
    weights = weights or Weights()
    live = [link for link in state.links.values() if link.is_live and link.source_url != link.target_url]
    everyone = [link for link in state.links.values() if link.is_live]
    handing_on = {link.source_url for link in everyone if link.values.get("link_type") in SOLE_TYPES}

    def weight(link: Link) -> float:
        link_type = link.values.get("link_type")
        if link_type in SOLE_TYPES:
            return 1.0
        if link_type in BLOCKED_TYPES or link.source_url in handing_on:
            return 0.0
        return weights.of(link.values.get("rel"))

    found = {(link.source_url, link.target_url): weight(link) for link in live}
    return {pair: weight for pair, weight in found.items() if weight > 0}


def domain_edges(state: State, weights: Weights | None = None) -> dict[tuple[str, str], float]:
    """Return the weight of every edge between two domains: the greatest of the page edges behind it."""
    domain = {link.source_url: link.source_domain for link in state.links.values()}
    domain |= {link.target_url: link.target_domain for link in state.links.values()}
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (source, target), weight in page_edges(state, weights).items():
        if domain[source] != domain[target]:
            pair = (domain[source], domain[target])
            found[pair] = max(found[pair], weight)
    return dict(found)


def known_domains(state: State) -> set[str]:
    """Return every domain that is a side of a link that was ever sighted."""
    sighted = [link for link in state.links.values() if link.lives]
    return {link.source_domain for link in sighted} | {link.target_domain for link in sighted}


def known_pages(state: State) -> dict[str, str]:
    """Return every page that is a side of a link that was ever sighted, with its domain."""
    sighted = [link for link in state.links.values() if link.lives]
    found = {link.source_url: link.source_domain for link in sighted}
    return found | {link.target_url: link.target_domain for link in sighted}


def citation(state: State) -> dict[str, float]:
    """Solve the citation of every domain of a state; about 1e-12 exact."""
    return solve(known_domains(state), domain_edges(state))


def solve(
    nodes: Collection[str],
    edges: Edges,
    *,
    alpha: float = ALPHA,
    priors: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Solve x = b + alpha Pt x by plain iteration from x = b; b = 1 - alpha on each node if not given.

    P splits a node's x over the nodes it links to, by weight, Pt is its transpose; what a node without
    out-edges has goes nowhere. Unnormalised. Each sweep shrinks the error by alpha, so it stops when
    nothing moves by more than rounding, or at MAX_SWEEPS.
    """
    base = {node: (1 - alpha if priors is None else priors.get(node, 0.0)) for node in sorted(nodes)}
    out: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for (source, target), weight in sorted(edges.items()):
        out[source].append((target, weight))
    total = {source: sum(weight for _, weight in linked) for source, linked in out.items()}
    score = dict(base)
    for _ in range(MAX_SWEEPS):
        following = dict(base)
        for source, linked in out.items():
            for target, weight in linked:
                following[target] += alpha * score[source] * weight / total[source]
        is_still = all(abs(following[node] - score[node]) <= 1e-15 * following[node] for node in following)
        score = following
        if is_still:
            break
    return score
