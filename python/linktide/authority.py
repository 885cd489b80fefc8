"""Authority of the nodes of a graph of your own, current after every batch, with a proven error.

The engine of the service without the service: no broker, no database, ids are yours. See docs/authority.md
for the method, the bounds and their sources.

    >>> import pyarrow as pa
    >>> from linktide import AuthorityGraph
    >>> graph = AuthorityGraph(epsilon=1e-6)
    >>> links = {"src": ["a", "b"], "dst": ["b", "c"], "op": ["add", "add"]}
    >>> graph.apply(pa.record_batch(links)).added
    2
    >>> {row["id"]: round(row["score"], 4) for row in graph.scores().to_pylist()}
    {'a': 0.15, 'b': 0.2775, 'c': 0.3859}
    >>> graph.apply(pa.record_batch({"src": ["a"], "dst": ["b"], "op": ["drop"]})).dropped
    1
    >>> graph.error_bound < 1e-5
    True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import pyarrow as pa

from linktide.index import AuthorityCore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GREATEST_ID = 2**32 - 1


class ArrowBatch(Protocol):
    """One Arrow record batch, of any producer."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Hand the batch over as two capsules."""


class ArrowBatches(Protocol):
    """A table, data frame or reader of any producer."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the batches over as a capsule."""


Seeds: TypeAlias = "Iterable[int] | Iterable[str] | Mapping[int, float] | Mapping[str, float]"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did. The first five add up to its rows."""

    added: int
    """Links that are new."""
    dropped: int
    """Links that are gone, by a drop or by weight 0."""
    reweighted: int
    """Links that changed weight."""
    unchanged: int
    """Adds that found the link as they wanted it."""
    unknown_drops: int
    """Drops that found no link."""
    edges_touched: int
    """Edges followed to bring the error back under epsilon."""
    is_bulk: bool
    """Whether the batch changed so much that all scores were solved anew."""


class AuthorityGraph:
    """A set of weighted links and the authority x of every node.

    x solves x = b + alpha * P'x: P passes a node's authority along its links by their weights, b is the
    prior. A node without links passes nothing on, so x does not depend on the size of the graph; ordinary
    PageRank is x / sum(x). After every `apply`, for every node, with exact x*:

    * threshold "const": abs(x - x*) <= epsilon * x* (with seeds: of the x* without seeds)
    * threshold "x": about 2 * epsilon * x*, for 1.5 to 20 times fewer edges; the sum of all errors is at
      most epsilon * (nodes + sum(x)), proven

    Thread-safe; the GIL is released while it works. Memory: 4 to 8 bytes a link while all weights are 1 and
    three times that after the first other weight, and some 50 bytes a node, the names of nodes not counted.
    """

    __slots__ = ("_core",)

    def __init__(
        self,
        alpha: float = 0.85,
        epsilon: float = 1e-3,
        threshold: Literal["const", "x"] = "x",
        seeds: Seeds | None = None,
    ) -> None:
        """Make an empty graph.

        `alpha`: share of its authority a node passes on, above 0 and below 1. `epsilon`: relative error a
        batch may leave, 1e-15 to 1. `seeds`: None for a prior of 1 - alpha at every node (citation);
        or the only nodes with a prior (trust): ids, each of prior 1, or {id: prior}. Seeds are nodes at once.
        Raises ValueError for a value out of range, TypeError for a seed that is neither int nor str.
        """
        planted = None if seeds is None else _planted(seeds)
        self._core = AuthorityCore(alpha, epsilon, threshold, planted)

    def apply(self, batch: ArrowBatch | ArrowBatches) -> Applied:
        """Apply edits in order; returns once the error is back under epsilon.

        Columns, by name: `src` and `dst` (both strings, or both integers from 0 to 2^32 - 1, as sparse as
        they like), `op` ("add" or "drop"), and if wanted `weight` (null and absent: 1; ignored in drops).
        A link is there once: adding it again changes its weight, if that. Weight 0 passes nothing and takes
        the link out. A drop of an unknown link is counted and does nothing. A link of a node to itself is
        as any other. An add makes its two nodes known, a drop none.

        All or nothing: raises ValueError that names row and value for a missing column, a null, an id or a
        weight out of range (negative, NaN, infinite, or not 0 and outside 1e-150 to 1e150), an unknown
        operation, and numbers mixed with strings; the graph is then as before.
        Costs a few µs an edit; above a tenth of the links one solve, about 25 passes over all links.
        """
        return Applied(*self._core.apply(batch))

    def scores(self) -> pa.RecordBatch:
        """Return one row per node, in the order they were named: `id`, `score` (x), `residual` (r).

        x is not normalised; x + r = b + alpha * P'x holds exactly. `id` is uint32 or large_string.
        """
        return pa.record_batch(self._core.scores())

    def solve_exact(self) -> pa.RecordBatch:
        """Return the columns of `scores` for the exact solution; graph and scores stay as they are.

        Solved from nothing, to rounding (1e-13 of x): some 60 passes over all links.
        """
        return pa.record_batch(self._core.solve_exact())

    @property
    def error_bound(self) -> float:
        """Proven bound on the sum of abs(x - x*) over all nodes: sum(abs(r)) / (1 - alpha)."""
        return self._core.error_bound

    @property
    def edges_touched(self) -> int:
        """Edges followed so far: a measure of work that does not depend on the machine."""
        return self._core.edges_touched

    @property
    def link_count(self) -> int:
        """Links of weight above 0."""
        return self._core.link_count

    @property
    def node_count(self) -> int:
        """Nodes named by an add or as a seed, whether they still have links or not."""
        return self._core.node_count

    @property
    def unlinked_seed_count(self) -> int:
        """Seeds that no link names: they pass nothing on. Not 0 after loading: look for a misspelt id."""
        return self._core.unlinked_seed_count

    @property
    def memory_bytes(self) -> int:
        """Bytes held for links, scores and ids."""
        return self._core.memory_bytes

    def __repr__(self) -> str:
        """Return the size of the graph."""
        return f"<AuthorityGraph: {self.node_count} nodes, {self.link_count} links>"


def _planted(seeds: Seeds) -> list[tuple[int | str, float]]:
    if isinstance(seeds, str):
        raise TypeError(f"seeds must be ids or {{id: prior}}, not the string {seeds!r}")
    weights = getattr(seeds, "items", None)
    pairs = weights() if weights is not None else ((seed, 1.0) for seed in seeds)
    return [(_seed(seed), float(weight)) for seed, weight in pairs]


def _seed(seed: object) -> int | str:
    if isinstance(seed, str):
        return seed
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"a seed must be an int or a str, not {seed!r}")
    number = int(seed.__index__())
    if not 0 <= number <= _GREATEST_ID:
        raise ValueError(f"the seed {number} is no id: an id lies between 0 and {_GREATEST_ID}")
    return number
