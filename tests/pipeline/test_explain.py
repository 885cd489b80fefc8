"""What is said of authority is what brute force says: of the past, of changes, of what would be."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from linktide.explain import CannotExplainError, audit_told
from oracle.events import Event, Kind, Origin
from oracle.graph import BASE, domain_edges, known_domains, solve
from oracle.histories import BASE_US
from oracle.model import derive, derive_as_of
from pipeline import whole
from pipeline.stopped import in_order, opened, run
from pipeline.test_scores import Web, chunks_of, points
from pipeline.test_trust import SETTINGS, WEIGHTS, web

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from linktide.index import LinkIndex

EXACT = 1e-11


def exact_as_of(events: list[Event], at_us: int) -> tuple[dict[str, float], Mapping[tuple[str, str], float]]:
    state = derive_as_of(events, at_us)
    edges = domain_edges(state, WEIGHTS)
    return solve(known_domains(state), edges), edges


# --- explain -----------------------------------------------------------------------------------------------


def check_parts(told: dict[str, Any]) -> None:
    change = told["citation_after"] - told["citation_before"]
    scale = max(1.0, told["citation_after"])
    assert abs(sum(told["parts"].values()) - change) <= 1e-12 * scale
    assert abs(sum(row["change"] for row in told["rows"]) - change) <= 1e-12 * scale
    for row in told["rows"]:
        parts = sum(row[name] for name in told["parts"])
        passed = (row["passed_after"] or 0.0) - (row["passed_before"] or 0.0) + row["prior"]
        assert abs(parts - row["change"]) <= 1e-12 * scale
        assert abs(passed - row["change"]) <= 1e-12 * scale


@pytest.mark.parametrize("seed", range(3))
def test_both_ends_are_those_of_a_replay_and_the_parts_add_up(tmp_path: Path, seed: int) -> None:
    # Late events, redirects that come and go, suspects that time out, rels that change: in no order of time.
    events = web(seed, domains=20, count=700)
    run(tmp_path / "web.duckdb", events, **SETTINGS)
    clock = max(event.observed_at for event in events)
    chance = random.Random(seed)
    with opened(tmp_path / "web.duckdb", **SETTINGS) as one:
        for _ in range(6):
            times = sorted(chance.choice(events).observed_at + chance.choice((-1, 0, 1)) for _ in range(2))
            from_us, to_us = (min(time, clock) for time in times)
            (before, old), (after, new) = (exact_as_of(events, time) for time in (from_us, to_us))
            for name in ("d0.example", "d3.example", "d11.example"):
                told = one.explain(name, from_us, to_us)
                # A domain that was not met yet stands where every domain begins.
                assert (
                    abs(told["citation_before"] - before.get(name, BASE)) <= EXACT * told["citation_before"]
                )
                assert abs(told["citation_after"] - after.get(name, BASE)) <= EXACT * told["citation_after"]
                sources = {pair[0] for edges in (old, new) for pair in edges if pair[1] == name}
                assert {row["source_domain"] for row in told["rows"]} <= sources
                check_parts(told)
                only_new = {pair[0] for pair in new.keys() - old.keys() if pair[1] == name}
                assert {row["source_domain"] for row in told["rows"] if row["gained"]} == only_new


def test_now_is_the_exact_solution_of_the_index(tmp_path: Path) -> None:
    events = web(7)
    run(tmp_path / "web.duckdb", events, **SETTINGS)
    exact = solve(known_domains(derive(events)), domain_edges(derive(events), WEIGHTS))
    with opened(tmp_path / "web.duckdb", **SETTINGS) as one:
        index = one.index()
        held = {row["domain_name"]: row["citation"] for row in index.scores().to_pylist()}
        published: dict[str, float] = dict(one.query("SELECT domain_name, citation FROM domains"))
        for name in sorted(exact)[:25]:
            told = one.explain(name, BASE_US, None)
            assert abs(told["citation_after"] - exact[name]) <= EXACT * exact[name]
            assert abs(told["citation_after"] - held[name]) <= one.options.epsilon_busy * exact[name]
            assert told["published_after"]["citation"] == published[name]
            gap = points(published[name]) - points(exact[name])
            assert abs(told["published_after"]["gap_points"] - gap) <= 1e-8
            assert told["published_before"]["scored_at"] is None


def test_a_limit_leaves_the_sums_whole(tmp_path: Path) -> None:
    events = in_order(web(4))
    run(tmp_path / "web.duckdb", events, **SETTINGS)
    from_us = events[len(events) // 2].observed_at
    with opened(tmp_path / "web.duckdb", **SETTINGS) as one:
        whole_told, cut = (
            one.explain("d0.example", from_us, None),
            one.explain("d0.example", from_us, None, 3),
        )
    assert cut["rows"] == whole_told["rows"][:3]
    assert cut["parts"] == whole_told["parts"]
    assert cut["left_out"] == len(whole_told["rows"]) - 3 > 0
    shown = sum(row["change"] for row in cut["rows"])
    assert abs(shown + cut["others"] - cut["change"]) <= 1e-12 * max(1.0, cut["citation_after"])


def test_what_cannot_be_explained_says_why(tmp_path: Path) -> None:
    path = tmp_path / "web.duckdb"
    run(path, in_order(web(1, count=200)))
    with opened(path) as one:
        clock = one.past.clock_us()
        assert clock is not None
        for name in (
            "nobody.example",
            "x' OR 1=1 --",
            "d0.example'; DROP TABLE internal.links; --",
            "",
            "a" * 300,
        ):
            with pytest.raises(CannotExplainError):
                one.explain(name, BASE_US, clock)
        with pytest.raises(CannotExplainError, match="later than the newest event"):
            one.explain("d0.example", BASE_US, clock + 1)
        with pytest.raises(CannotExplainError, match="from must not be after to"):
            one.explain("d0.example", clock, clock - 1)
        told = one.explain("D0.Example.", BASE_US, clock)
        # Far fewer domains than authority_min_domains.
        assert (told["points_after"], told["note"]) == (None, "graph too small")
        assert told["published_after"]["points"] is told["published_after"]["gap_points"] is None
        assert told["citation_after"] > BASE
    run(tmp_path / "empty.duckdb", [])
    with opened(tmp_path / "empty.duckdb") as one, pytest.raises(CannotExplainError, match="no event"):
        one.explain("d0.example", BASE_US, None)


# --- what-if -----------------------------------------------------------------------------------------------


def following(events: list[Event], name: str, gained: Sequence[str], lost: Sequence[str]) -> list[Event]:
    """Return what happens next if the domain gains and loses the links of these domains."""
    clock = max(event.observed_at for event in events)
    lives = [link for link in derive(events).links.values() if link.is_live and link.target_domain == name]
    pairs = [(link.source_url, link.target_url) for link in lives if link.source_domain in lost]
    number = len(events)
    base = replace(events[0], observed_at=clock + 1, rel=None, link_type=None, lost_reason=None)
    found = []
    for source_url, target_url in pairs:
        (link,) = (one for one in lives if (one.source_url, one.target_url) == (source_url, target_url))
        found.append(
            replace(
                base, kind=Kind.LOST, source_url=source_url, target_url=target_url, lost_reason="notfound",
                source_domain=link.source_domain, target_domain=name,
            )
        )  # fmt: skip
    found += [
        replace(
            base, kind=Kind.DISCOVERED, source_url=f"https://{source}/fresh", target_url=f"https://{name}/",
            source_domain=source, target_domain=name,
        )
        for source in gained
    ]  # fmt: skip
    return [
        replace(event, origin=Origin("memory", "links", 0, number + place))
        for place, event in enumerate(found)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_what_would_be_is_what_comes_of_it(tmp_path: Path, seed: int) -> None:
    # Without redirects: one that is lost gives its page's other links back, which is more than an edge less.
    events = in_order([replace(one, link_type=None) for one in Web(random.Random(seed), 30).events(900)])
    path, later = tmp_path / "web.duckdb", tmp_path / "later.duckdb"
    run(path, events, **SETTINGS)
    chance = random.Random(seed)
    name = f"d{seed}.example"
    edges = domain_edges(derive(events), WEIGHTS)
    linking = sorted(source for source, target in edges if target == name)
    others = sorted({source for source, _ in edges} - {name, *linking})
    lost, gained = chance.sample(linking, 2), [*chance.sample(others, 2), "fresh.example"]
    happened = [*events, *following(events, name, gained, lost)]
    run(later, happened, **SETTINGS)
    with opened(path, **SETTINGS) as one:
        told = one.what_if(name, gained, lost)
        told_by = "change, contribution, citation_before, error_bound, domain_authority_least"
        rows = one.query(
            f"SELECT {told_by}, domain_authority_most FROM what_if('{name}', {gained}, {lost})"  # noqa: S608
        )
    with opened(later, **SETTINGS) as one:
        wanted = one.explain(name, BASE_US, None)["citation_after"]
    exact = solve(known_domains(derive(happened)), domain_edges(derive(happened), WEIGHTS))[name]
    assert abs(told["citation_after"] - wanted) <= EXACT * wanted
    assert abs(told["citation_after"] - exact) <= EXACT * exact
    assert (
        abs(told["first_order"] + told["citation_before"] - exact) <= told["first_order_error_bound"] + 1e-9
    )
    assert [row["source_domain"] for row in told["rows"]] == [*gained, *lost]
    assert [row["is_known"] for row in told["rows"]] == [True, True, False, True, True]
    # The macro has the same first order from what was published: within the moves too small to be written.
    total = rows[0]
    assert total[0] == "total"
    assert len(rows) == 6
    moved = sum(abs(row["contribution"]) for row in told["rows"])
    assert abs(total[1] - told["first_order"]) <= 0.05 * moved
    assert abs(total[3] - told["first_order_error_bound"]) <= 0.05 * (total[3] + moved)
    assert total[4] <= points(exact) + 0.5 <= total[5] + 1.0


def test_the_sql_graph_is_the_models(tmp_path: Path) -> None:
    for seed in range(3):
        events = web(seed, domains=25, count=800)
        path = tmp_path / f"web{seed}.duckdb"
        run(path, events, **SETTINGS)
        with opened(path, **SETTINGS) as one:
            rows = one.query(
                "SELECT s.domain_name, t.domain_name, e.weight FROM internal.domain_edges e"
                " JOIN internal.newest_domain_names s ON s.domain_key = e.s_dom_key"
                " JOIN internal.newest_domain_names t ON t.domain_key = e.t_dom_key"
            )
        assert {(source, target): weight for source, target, weight in rows} == domain_edges(
            derive(events), WEIGHTS
        )


def test_a_what_if_that_cannot_be_says_why(tmp_path: Path) -> None:
    run(tmp_path / "web.duckdb", in_order(web(1, count=200)))
    with opened(tmp_path / "web.duckdb") as one:
        for name, gained, lost, why in (
            ("nobody.example", ["a.example"], [], "side of no link"),
            ("d0.example", [], [], "no domain is named"),
            ("d0.example", ["d0.example"], [], "itself"),
            ("d0.example", ["d1.example"], ["D1.example"], "among the lost"),
            ("d0.example", ["'; DROP TABLE internal.links; --"], [], "no domain"),
        ):
            with pytest.raises(CannotExplainError, match=why):
                one.what_if(name, gained, lost)
        told = one.what_if("d0.example", ["new.example", "new.example"], [])
        assert (told["points_after"], told["points_first_order"], told["note"]) == (
            None,
            None,
            "graph too small",
        )
        assert len(told["rows"]) == 1


# --- audit -------------------------------------------------------------------------------------------------


def test_every_vector_is_within_its_bound(tmp_path: Path) -> None:
    events = web(3, count=2_000)
    audits: list[dict[str, Any]] = []

    def at(point: str, index: LinkIndex) -> None:
        if point == "written" and len(audits) < 60:
            audits.extend(audit_told(index)["vectors"])  # type: ignore[arg-type]  # a list of objects

    chunks = chunks_of(events, 100)
    whole.run(tmp_path / "web.duckdb", [whole.memory_of(chunks)], at, batch_max_events=100, **SETTINGS)
    vectors = {f"{one['graph']} {one['vector']}" for one in audits}
    assert vectors >= {"page citation", "page trust", "domain citation", "domain trust", "domain news"}
    assert len(audits) >= 60
    assert not any(one["is_violated"] for one in audits)
    assert all(one["error"] <= one["error_bound"] + 1e-9 and one["equation_error"] < 1e-9 for one in audits)
    assert any(one["error"] > 1e-6 for one in audits)
    assert all(one["error_bound"] <= one["error_target"] for one in audits if one["is_drained"])
    with opened(tmp_path / "web.duckdb", **SETTINGS) as one:
        last: list[dict[str, Any]] = audit_told(one.index())["vectors"]  # type: ignore[assignment]
        exact = solve(known_domains(derive(events)), domain_edges(derive(events), WEIGHTS))
        shown: dict[str, float] = dict(one.query("SELECT domain_name, domain_authority FROM domains"))
    (domain,) = (one for one in last if (one["graph"], one["vector"]) == ("domain", "citation"))
    gaps = {name: abs(shown[name] - points(score)) for name, score in exact.items()}
    assert abs(domain["greatest_gap_points"] - max(gaps.values())) <= 1e-5
    assert abs(gaps[domain["greatest_gap_domain"]] - max(gaps.values())) <= 1e-5
    assert domain["nodes"] == len(exact)
