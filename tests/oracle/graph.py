"""The domain graph of a state, and its citation scores solved exactly."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from oracle.events import is_followed

if TYPE_CHECKING:
    from collections.abc import Collection

    from oracle.model import Link, State

ALPHA = 0.85

PASSING_TYPES = frozenset({"text", "image", "frame", "redirect", "canonical"})
"""Link types that pass authority, as an absent one does; form, alternate and rss do not."""

MAX_SWEEPS = 400
"""ALPHA to this power is below 1e-28: what the first guess was wrong by is gone."""


def is_passing(link: Link) -> bool:
    """Tell whether a link makes the edge of its domains: live, external, followed, of a passing type."""
    link_type = link.values.get("link_type")
    is_type_passing = link_type is None or link_type in PASSING_TYPES
    return link.is_live and not link.is_internal and is_followed(link.values.get("rel")) and is_type_passing


def domain_edges(state: State) -> set[tuple[str, str]]:
    """Return (source_domain, target_domain) of every edge of the domain graph."""
    return {(link.source_domain, link.target_domain) for link in state.links.values() if is_passing(link)}


def known_domains(state: State) -> set[str]:
    """Return every domain that is a side of a link that was ever sighted."""
    sighted = [link for link in state.links.values() if link.lives]
    return {link.source_domain for link in sighted} | {link.target_domain for link in sighted}


def citation(state: State) -> dict[str, float]:
    """Solve the citation of every domain of a state; about 1e-12 exact."""
    return solve(known_domains(state), domain_edges(state))


def solve(
    nodes: Collection[str], edges: Collection[tuple[str, str]], *, alpha: float = ALPHA
) -> dict[str, float]:
    """Solve x = b + alpha Pt x with b = 1 - alpha on each node, by plain iteration from x = b.

    P splits a node's x equally over the nodes it links to, Pt is its transpose; what a node without
    out-edges has goes nowhere. Unnormalised. Each sweep shrinks the error by alpha, so it stops when
    nothing moves by more than rounding, or at MAX_SWEEPS.
    """
    base = 1 - alpha
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in sorted(set(edges)):
        targets[source].append(target)
    score = dict.fromkeys(sorted(nodes), base)
    for _ in range(MAX_SWEEPS):
        following = dict.fromkeys(score, base)
        for source, linked in targets.items():
            share = alpha * score[source] / len(linked)
            for target in linked:
                following[target] += share
        is_still = all(abs(following[node] - score[node]) <= 1e-15 * following[node] for node in following)
        score = following
        if is_still:
            break
    return score
