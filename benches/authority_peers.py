"""Full refreshes of other libraries and batches of linktide on one graph, in this process.

`authority_peers.py LINKS [--rounds N]` reads little-endian uint32 pairs and prints one JSON object a line.
Times are CPU seconds of this process, one thread each; a library that is not installed is told and left out.
Errors are of normalised scores against power iteration to 1e-12: the mass of nodes without links is spread
over all nodes, as in networkit, igraph and networkx.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from linktide import AuthorityGraph

if TYPE_CHECKING:
    from collections.abc import Callable

Vector: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float64]]"
Rows: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
Ends: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint32]]"

_ALPHA = 0.85
_EPSILON = 1e-2
_USABLE_L1 = 2e-2
"""A refresh with a greater error is told, but is not what the ratio is taken against."""


@dataclass(frozen=True, slots=True)
class Links:
    """A graph as every library can take it: dense ids, distinct links."""

    source: Ends
    target: Ends
    nodes: int

    def matrix(self) -> Any:  # noqa: ANN401 - scipy has no types
        """Return the adjacency matrix, links from rows to columns."""
        ones = np.ones(len(self.source))
        return csr_matrix((ones, (self.source, self.target)), shape=(self.nodes, self.nodes))


Refresh: TypeAlias = "Callable[[], Vector]"


def networkit(links: Links) -> Refresh:
    """NetworKit with its sinks distributed, L2 1e-6."""
    import networkit as nk  # noqa: PLC0415

    nk.setNumberOfThreads(1)
    graph = nk.GraphFromCoo(links.matrix().tocoo(), n=links.nodes, directed=True, weighted=False)

    def refresh() -> Vector:
        sinks = nk.centrality.SinkHandling.DistributeSinks
        ranks = nk.centrality.PageRank(graph, _ALPHA, 1e-6, distributeSinks=sinks)
        ranks.run()
        return np.array(ranks.scores())

    return refresh


def igraph(links: Links) -> Refresh:
    """Igraph with PRPACK."""
    import igraph as ig  # noqa: PLC0415

    graph = ig.Graph(n=links.nodes, edges=np.column_stack((links.source, links.target)), directed=True)
    return lambda: np.array(graph.pagerank(damping=_ALPHA, implementation="prpack"))


def scikit_network(links: Links) -> Refresh:
    """Scikit-network by D-iteration to 1e-3."""
    from sknetwork.ranking import PageRank  # noqa: PLC0415

    matrix = links.matrix()
    return lambda: np.array(PageRank(_ALPHA, solver="diteration", tol=1e-3).fit_predict(matrix))


def fast_pagerank(links: Links) -> Refresh:
    """fast-pagerank by power iteration to 1e-3 of L2."""
    from fast_pagerank import pagerank_power  # noqa: PLC0415

    matrix = links.matrix()
    return lambda: np.array(pagerank_power(matrix, p=_ALPHA, tol=1e-6))


def rustworkx(links: Links) -> Refresh:
    """Rustworkx to 1e-9, which it multiplies by the number of nodes."""
    import rustworkx as rx  # noqa: PLC0415

    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(links.nodes))
    graph.extend_from_edge_list(list(zip(links.source.tolist(), links.target.tolist(), strict=True)))

    def refresh() -> Vector:
        ranks = rx.pagerank(graph, alpha=_ALPHA, tol=1e-9, max_iter=1_000)
        return np.array([ranks[node] for node in range(links.nodes)])

    return refresh


PEERS = {
    "networkit": networkit,
    "igraph": igraph,
    "scikit-network": scikit_network,
    "fast-pagerank": fast_pagerank,
    "rustworkx": rustworkx,
}


def exact(links: Links) -> Vector:
    """Return x of x = b + alpha P'x by power iteration to 1e-12, normalised."""
    matrix = links.matrix()
    degrees = np.asarray(matrix.sum(axis=1)).ravel()
    transpose = matrix.T.tocsr()
    x = np.full(links.nodes, 1 - _ALPHA)
    while True:
        shares = np.divide(_ALPHA * x, degrees, out=np.zeros_like(x), where=degrees > 0)
        following = (1 - _ALPHA) + transpose @ shares
        change = np.abs(following - x).max()
        x = following
        if change <= 1e-12 * x.max():
            exact_scores: Vector = x / x.sum()
            return exact_scores


def errors(found: Vector, wanted: Vector) -> dict[str, float]:
    """Return L1 and the greatest relative error of normalised scores."""
    found = found / found.sum()
    difference = np.abs(found - wanted)
    return {"l1": float(difference.sum()), "greatest_relative": float((difference / wanted).max())}


def measure(name: str, links: Links, wanted: Vector, rounds: int) -> dict[str, object]:
    """Time building the library's own graph and a refresh of it."""
    before = time.process_time()
    try:
        refresh = PEERS[name](links)
    except ImportError:
        return {"what": "peer", "peer": name, "missing": True}
    build = time.process_time() - before
    seconds = []
    for _ in range(rounds):
        before = time.process_time()
        found = refresh()
        seconds.append(time.process_time() - before)
    told = errors(found, wanted)
    return {
        "what": "peer",
        "peer": name,
        "version": version(name),
        "build_seconds": build,
        "refresh_seconds": median(seconds),
        "is_usable": told["l1"] <= _USABLE_L1,
        **told,
    }


def own(links: Links, wanted: Vector, size: int, batches: int) -> dict[str, object]:
    """Time batches of linktide's graph: half drops of live links, half adds of dropped ones."""
    graph = AuthorityGraph(epsilon=_EPSILON)
    rows = _batch(links, np.arange(len(links.source)), len(links.source))
    before = time.process_time()
    graph.apply(rows)
    load = time.process_time() - before
    scores = graph.scores()
    found = np.zeros(links.nodes)
    found[scores["id"].to_numpy()] = scores["score"].to_numpy()
    told = errors(np.where(found > 0, found, 1 - _ALPHA), wanted)
    random = np.random.default_rng(1)
    order = random.permutation(len(links.source))[: size * batches]
    graph.apply(_batch(links, order, 0))
    # A batch puts dropped links back and drops as many others; batches of one do so in turns.
    gone, live = order, random.permutation(np.setdiff1d(np.arange(len(links.source)), order))
    seconds, edges = 0.0, graph.edges_touched
    for at in range(batches):
        half = size // 2 or at % 2
        adds, drops = gone[at * size : at * size + half], live[at * size : (at + 1) * size - half]
        batch = _batch(links, np.concatenate((adds, drops)), len(adds))
        before = time.process_time()
        graph.apply(batch)
        seconds += time.process_time() - before
    return {
        "what": "own",
        "batch": size,
        "load_seconds": load,
        "batch_seconds": seconds / batches,
        "us_per_event": 1e6 * seconds / batches / size,
        "edges_per_event": (graph.edges_touched - edges) / batches / size,
        **told,
    }


def _batch(links: Links, rows: Rows, adds: int) -> pa.RecordBatch:
    """Make a batch of links by their numbers: the first `adds` are added, the others dropped."""
    ops = (np.arange(len(rows)) >= adds).astype(np.int8)
    words = pa.DictionaryArray.from_arrays(pa.array(ops), ["add", "drop"])
    return pa.record_batch({"src": links.source[rows], "dst": links.target[rows], "op": words})


def read(path: Path) -> Links:
    """Read links, ids made dense."""
    pairs = np.fromfile(path, "<u4")
    ids, dense = np.unique(pairs, return_inverse=True)
    ends = dense.reshape(-1, 2).astype(np.uint32)
    return Links(np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1]), len(ids))


def tell(row: dict[str, object]) -> None:
    """Print one measurement."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure all on one graph."""
    parser = argparse.ArgumentParser(description="Full refreshes of peers, batches of linktide.")
    parser.add_argument("links", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    links = read(given.links)
    wanted = exact(links)
    for size, batches in ((1, 2_000), (100, 200)):
        tell(own(links, wanted, size, batches))
    for name in PEERS:
        try:
            tell(measure(name, links, wanted, given.rounds))
        except (MemoryError, RuntimeError, PackageNotFoundError) as error:
            tell({"what": "peer", "peer": name, "failed": str(error)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
