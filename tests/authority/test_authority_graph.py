"""The public authority graph against a direct solve, and what it takes and refuses."""

from __future__ import annotations

import doctest
import threading
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pytest
from exact_scores import Links, Op, batch, column, invariant_error
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide import AuthorityGraph, authority
from linktide.authority import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

THRESHOLDS: tuple[Literal["const", "x"], ...] = ("const", "x")
ROUNDING = 1e-9
NUMBERS = st.sampled_from([0, 1, 2, 3, 5, 8, 70_000, 2**31, 2**32 - 1])
NAMES = st.sampled_from(["", "a", "b.example", "é", "a" * 300])
WEIGHTS = st.sampled_from([1.0, 1.0, 1.0, 0.0, 0.1, 3.5, 1e9])


def streams(weights: st.SearchStrategy[float] = WEIGHTS) -> st.SearchStrategy[list[list[Op]]]:
    def of(ids: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Op]]]:
        op = st.tuples(ids, ids, st.sampled_from(["add", "add", "drop"]), weights)
        return st.lists(st.lists(op, max_size=25), max_size=8)

    return st.one_of(of(NUMBERS), of(NAMES))


def applied(
    stream: Sequence[Sequence[Op]], epsilon: float, threshold: Literal["const", "x"] = "x"
) -> tuple[AuthorityGraph, Links]:
    graph, links = AuthorityGraph(epsilon=epsilon, threshold=threshold), Links()
    for ops in stream:
        graph.apply(batch(ops))
        links.apply(ops)
    return graph, links


@settings(max_examples=120, deadline=None)
@given(
    streams(), st.sampled_from([1e-1, 1e-2, 1e-4, 1e-7]), st.sampled_from(THRESHOLDS), st.floats(0.05, 0.95)
)
def test_every_score_is_within_the_promise_and_the_invariant_holds(
    stream: list[list[Op]], epsilon: float, threshold: Literal["const", "x"], alpha: float
) -> None:
    graph, links = AuthorityGraph(alpha=alpha, epsilon=epsilon, threshold=threshold), Links()
    factor = 1.0 if threshold == "const" else 2.0
    for ops in stream:
        graph.apply(batch(ops))
        links.apply(ops)
        exact, found = links.solve(alpha), column(graph.scores())
        assert list(found) == list(exact)
        worst = max((abs(found[one] - exact[one]) / exact[one] for one in exact), default=0.0)
        assert worst <= factor * epsilon + ROUNDING
        assert invariant_error(graph, links, alpha) <= ROUNDING
        total_error = sum(abs(found[one] - exact[one]) for one in exact)
        assert total_error <= graph.error_bound + ROUNDING
        assert graph.error_bound <= epsilon * (len(exact) + sum(found.values())) + ROUNDING
        assert graph.link_count == len(links.weights)


@settings(max_examples=60, deadline=None)
@given(streams())
def test_an_exact_solve_is_exact_and_changes_nothing(stream: list[list[Op]]) -> None:
    graph, links = applied(stream, epsilon=0.1)
    before, edges = graph.scores(), graph.edges_touched
    found, exact = column(graph.solve_exact()), links.solve(0.85)
    assert found == pytest.approx(exact, rel=1e-11)
    assert graph.scores().equals(before)
    assert graph.edges_touched == edges


@settings(max_examples=60, deadline=None)
@given(streams(), st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12, unique=True))
def test_adding_then_dropping_links_is_nothing_within_twice_epsilon(
    stream: list[list[Op]], links: list[tuple[int, int]]
) -> None:
    numbers = [[op for op in ops if isinstance(op[0], int)] for ops in stream]
    # The nodes are known before, for they stay known after.
    known: list[Op] = [(one, other, "add", 0.0) for one, other in links]
    graph, held = applied([*numbers, known], epsilon=1e-2, threshold="const")
    fresh = [link for link in links if link not in held.weights]
    before = column(graph.scores())
    graph.apply(batch([(one, other, "add", 1.0) for one, other in fresh]))
    graph.apply(batch([(one, other, "drop", 1.0) for one, other in fresh]))
    after = column(graph.scores())
    assert all(abs(after[one] - before[one]) <= 2.05e-2 * before[one] for one in before)


@settings(max_examples=60, deadline=None)
@given(streams(), st.integers(1, 9))
def test_how_a_stream_is_cut_into_batches_does_not_matter(stream: list[list[Op]], size: int) -> None:
    ops = [op for ops in stream for op in ops]
    once, _ = applied([ops], epsilon=1e-3, threshold="const")
    cut, _ = applied(
        [ops[at : at + size] for at in range(0, len(ops), size)], epsilon=1e-3, threshold="const"
    )
    left, right = column(once.scores()), column(cut.scores())
    assert list(left) == list(right)
    assert all(abs(left[one] - right[one]) <= 2.05e-3 * left[one] for one in left)


@given(st.dictionaries(NUMBERS, st.floats(0.01, 10), min_size=1, max_size=4), streams())
@settings(max_examples=60, deadline=None)
def test_with_seeds_trust_comes_from_them_alone(seeds: dict[int, float], stream: list[list[Op]]) -> None:
    numbers = [[op for op in ops if isinstance(op[0], int)] for ops in stream]
    graph, links = AuthorityGraph(epsilon=1e-9, threshold="const", seeds=seeds), Links()
    for seed in seeds:
        links.nodes.setdefault(seed, len(links.nodes))
    for ops in numbers:
        graph.apply(batch(ops))
        links.apply(ops)
    exact = links.solve(0.85, {seed: weight for seed, weight in seeds.items()})  # noqa: C416 - widens the type
    assert column(graph.scores()) == pytest.approx(exact, rel=1e-6, abs=1e-6)
    linked = {one for link in links.weights for one in link}
    assert graph.unlinked_seed_count == len(set(seeds) - linked)


def test_both_ends_of_a_changed_link_are_looked_at() -> None:
    """A source's threshold falls with its score: a residual that was small enough may be too large."""
    graph, links = AuthorityGraph(epsilon=1e-1, threshold="x"), Links()
    star: list[Op] = [(leaf, 0, "add", 1.0) for leaf in range(1, 400)]
    star += [(0, leaf, "add", 1.0) for leaf in range(1, 400)]
    drops: list[list[Op]] = [[(0, leaf, "drop", 1.0)] for leaf in range(1, 399)]
    for ops in (star, *drops):
        graph.apply(batch(ops))
        links.apply(ops)
        rows = graph.scores()
        for x, residual in zip(rows["score"].to_pylist(), rows["residual"].to_pylist(), strict=True):
            assert abs(residual) <= 0.1 * 0.15 * max(1.0, x) * (1 + 1e-12)


def test_what_a_batch_did_is_told() -> None:
    graph = AuthorityGraph()
    done = graph.apply(
        batch(
            [
                (1, 2, "add", 1.0),
                (1, 2, "add", 1.0),
                (1, 2, "add", 2.0),
                (7, 7, "add", 1.0),
                (3, 4, "drop", 1.0),
                (2, 1, "drop", 1.0),
                (1, 2, "drop", 1.0),
                (1, 2, "add", 0.0),
            ]
        )
    )
    edges = graph.edges_touched
    assert done == Applied(2, 1, 1, 2, 2, edges, is_bulk=True)
    assert (graph.link_count, graph.node_count) == (1, 3)
    assert column(graph.scores())[7] == pytest.approx(1.0, rel=1e-2)
    assert repr(graph) == "<AuthorityGraph: 3 nodes, 1 links>"


class OnlyCapsules:
    """An Arrow producer that is not pyarrow."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        array, schema = self._rows.__arrow_c_array__(requested_schema)
        return array, schema


@pytest.mark.parametrize("shape", ["batch", "capsules", "table", "reader"])
@pytest.mark.parametrize("ids", [pa.uint32(), pa.int64(), pa.string(), pa.large_string(), pa.string_view()])
def test_any_arrow_producer_and_layout_will_do(shape: str, ids: pa.DataType) -> None:
    names = ["1", "2", "3"]
    source, target = (
        pa.array(map(int, ends) if pa.types.is_integer(ids) else ends, ids) for ends in (names, names[::-1])
    )
    ops = pa.array(["add", "add", "add"]).dictionary_encode()
    rows = pa.record_batch({"op": ops, "dst": target, "src": source, "other": pa.array(names)})
    graph = AuthorityGraph(epsilon=1e-6)
    if shape == "batch":
        graph.apply(rows)
    elif shape == "capsules":
        graph.apply(OnlyCapsules(rows))
    elif shape == "table":
        graph.apply(pa.Table.from_batches([rows[:1], rows[1:]]))
    else:
        graph.apply(pa.RecordBatchReader.from_batches(rows.schema, [rows[:2], rows[2:]]))
    assert graph.link_count == 3
    assert sorted(map(str, column(graph.scores()))) == ["1", "2", "3"]
    assert list(column(graph.scores()).values()) == pytest.approx([1.0] * 3, rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ({"src": [1], "dst": [2]}, "no column op"),
        ({"src": [1], "dst": [-2], "op": ["add"]}, "row 0 of the column dst is -2"),
        ({"src": [2**32], "dst": [1], "op": ["add"]}, "row 0 of the column src is 4294967296"),
        ({"src": [1, None], "dst": [2, 2], "op": ["add", "add"]}, "row 1 of the column src is null"),
        ({"src": [1.5], "dst": [2], "op": ["add"]}, "src holds Float64"),
        ({"src": [1], "dst": [2], "op": ["insert"]}, '"insert", want "add" or "drop"'),
        ({"src": [1], "dst": [2], "op": ["add"], "weight": [float("nan")]}, "weight is NaN"),
        ({"src": [1], "dst": [2], "op": ["add"], "weight": [-0.5]}, "weight is -0.5"),
        ({"src": [1], "dst": ["b"], "op": ["add"]}, "cannot be mixed"),
        ({"src": ["a"], "dst": ["b"], "op": ["add"]}, "numbers as ids; strings"),
    ],
)
def test_bad_batches_name_what_is_wrong_and_change_nothing(rows: dict[str, Any], wanted: str) -> None:
    graph = AuthorityGraph()
    graph.apply(batch([(1, 2, "add", 1.0)]))
    before = graph.scores()
    with pytest.raises(ValueError, match=wanted):
        graph.apply(pa.record_batch(rows))
    assert graph.scores().equals(before)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"alpha": 1.0}, "alpha must lie between 0 and 1, not 1"),
        ({"alpha": float("nan")}, "alpha must lie between 0 and 1, not NaN"),
        ({"epsilon": 0.0}, "epsilon must lie between 1e-15 and 1, not 0"),
        ({"threshold": "y"}, 'threshold must be "const" or "x", not "y"'),
        ({"seeds": []}, "seeds are empty"),
        ({"seeds": {"a": -1.0}}, 'the seed "a" has the weight -1'),
        ({"seeds": [-1]}, "the seed -1 is no id"),
        ({"seeds": ["a", 1]}, "strings as ids; numbers"),
    ],
)
def test_settings_out_of_range_are_named(options: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        AuthorityGraph(**options)


@pytest.mark.parametrize("seeds", ["example.org", [1.5], [True], [None]])
def test_seeds_of_another_type_are_type_errors(seeds: list[int]) -> None:
    with pytest.raises(TypeError, match="seed"):
        AuthorityGraph(seeds=seeds)


def test_threads_may_share_a_graph() -> None:
    graph, links = AuthorityGraph(epsilon=1e-6), Links()
    parts: list[list[Op]] = [
        [(part * 100 + one, one * 7 % 50, "add", 1.0) for one in range(50)] for part in range(4)
    ]
    threads = [
        threading.Thread(target=lambda ops=ops: [graph.apply(batch([op])) for op in ops]) for ops in parts
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        graph.scores()
    for thread in threads:
        thread.join()
    for ops in parts:
        links.apply(ops)
    assert column(graph.scores()) == pytest.approx(links.solve(0.85), rel=1e-5)


def test_unweighted_links_stay_at_a_few_bytes() -> None:
    rows = 200_000
    source = pa.array([one * 2_654_435_761 % 9_973 for one in range(rows)], pa.uint32())
    target = pa.array([one * 40_503 % 9_999 for one in range(rows)], pa.uint32())
    ops = pa.array(["add"] * rows).dictionary_encode()
    plain, weighted = AuthorityGraph(), AuthorityGraph()
    plain.apply(pa.record_batch({"src": source, "dst": target, "op": ops}))
    weights = pa.array([1 + one % 1000 / 1000 for one in range(rows)])
    weighted.apply(pa.record_batch({"src": source, "dst": target, "op": ops, "weight": weights}))
    nodes = 80 * plain.node_count
    assert plain.memory_bytes - nodes <= 8 * plain.link_count
    assert weighted.memory_bytes - nodes <= 24 * weighted.link_count


def test_the_examples_of_the_docstrings_hold() -> None:
    found = doctest.testmod(authority)
    assert (found.failed, found.attempted > 5) == (0, True)
