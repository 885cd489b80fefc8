"""Exact scores by an independent way: a sparse direct solve of (I - alpha P')x = b."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from scipy.sparse import csc_matrix, identity
from scipy.sparse.linalg import spsolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from linktide.authority import AuthorityGraph

Id: TypeAlias = int | str
Op: TypeAlias = "tuple[Id, Id, str, float]"


def batch(ops: Sequence[Op]) -> pa.RecordBatch:
    source, target, op, weight = (list(column) for column in zip(*ops, strict=True)) if ops else ([],) * 4
    ids = pa.string() if any(isinstance(one, str) for one in source) else pa.uint32()
    return pa.record_batch(
        {
            "src": pa.array(source, ids),
            "dst": pa.array(target, ids),
            "op": pa.array(op, pa.string()),
            "weight": pa.array(weight, pa.float64()),
        }
    )


class Links:
    """What a graph should hold after some edits."""

    def __init__(self) -> None:
        self.weights: dict[tuple[Id, Id], float] = {}
        self.nodes: dict[Id, int] = {}

    def apply(self, ops: Iterable[Op]) -> None:
        for source, target, op, weight in ops:
            self.weights.pop((source, target), None)
            if op == "add":
                for one in (source, target):
                    self.nodes.setdefault(one, len(self.nodes))
                if weight > 0:
                    self.weights[source, target] = weight

    def solve(self, alpha: float, priors: Mapping[Id, float] | None = None) -> dict[Id, float]:
        size = len(self.nodes)
        if size == 0:
            return {}
        source = np.array([self.nodes[one] for one, _ in self.weights], dtype=int)
        target = np.array([self.nodes[other] for _, other in self.weights], dtype=int)
        weight = np.array(list(self.weights.values()), dtype=float)
        total = np.bincount(source, weight, size) if len(source) else np.zeros(size)
        shares = csc_matrix((weight / total[source], (target, source)), shape=(size, size))
        if priors is None:
            right = np.full(size, 1 - alpha)
        else:
            right = np.array([priors.get(one, 0.0) for one in self.nodes])
        found = spsolve(csc_matrix(identity(size) - alpha * shares), right)
        return dict(zip(self.nodes, np.atleast_1d(found), strict=True))


def column(rows: pa.RecordBatch, name: str = "score") -> dict[Id, float]:
    return dict(zip(rows["id"].to_pylist(), rows[name].to_pylist(), strict=True))


def invariant_error(graph: AuthorityGraph, links: Links, alpha: float) -> float:
    """Return max |x + r - b - alpha P'x|, recomputed from the links."""
    x, residual = column(graph.scores()), column(graph.scores(), "residual")
    right = dict.fromkeys(x, 1 - alpha)
    totals: dict[Id, float] = {}
    for (source, _), weight in links.weights.items():
        totals[source] = totals.get(source, 0.0) + weight
    for (source, target), weight in links.weights.items():
        right[target] += alpha * x[source] * weight / totals[source]
    return max((abs(x[one] + residual[one] - right[one]) for one in x), default=0.0)
