"""Scores after a run are those of the exact solution, within the bound that is promised."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from linktide.sources.source import Chunk, Codec
from oracle.deliveries import frame, render
from oracle.events import HOUR_US, Event, Kind, Origin
from oracle.graph import ALPHA, domain_edges, known_domains, known_pages, page_edges, solve
from oracle.histories import BASE_US, RECORD_AT_US
from oracle.model import State, derive
from pipeline import whole
from pipeline.real_runs import RealRun, needs_data

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.index import LinkIndex
    from oracle.compare import Query

PRIOR = 1 - ALPHA
EPSILON_BUSY, EPSILON_IDLE = 1e-2, 1e-3
SCALE = 100 / 8
"""Points of the scale for a factor of ten in citation."""
LEAST_MOVE_POINTS = 0.05
ROUNDING = 1e-9


def points(citation: float | None) -> float:
    """Put a score on the scale; one never written is that of a domain without followed links in."""
    return 0.0 if citation is None else max(0.0, SCALE * math.log10(citation / PRIOR))


def check_core(index: LinkIndex, state: State, epsilon: float) -> None:
    """The core's graph is the model's, its residual is what its scores leave, its scores are near enough."""
    rows = index.scores().to_pylist()
    x = {row["domain_name"]: row["citation"] for row in rows}
    residual = {row["domain_name"]: row["residual"] for row in rows}
    edges = domain_edges(state)
    assert len(x) == len(rows)
    assert x.keys() == known_domains(state)
    assert index.numbers()["authority_links"] == len(edges)
    total = dict.fromkeys(x, 0.0)
    for (source, _), weight in edges.items():
        total[source] += weight
    wanted = dict.fromkeys(x, PRIOR)
    for (source, target), weight in edges.items():
        wanted[target] += ALPHA * x[source] * weight / total[source]
    assert max((abs(x[name] + residual[name] - wanted[name]) for name in x), default=0) <= ROUNDING
    exact = solve(known_domains(state), edges)
    assert all(abs(x[name] - exact[name]) <= epsilon * exact[name] + ROUNDING for name in x)


def check_published(query: Query, state: State) -> None:
    """What is shown of a settled service is the exact score, but for moves too small to be written."""
    exact = solve(known_domains(state), domain_edges(state))
    shown: dict[str, float | None] = dict(query("SELECT domain_name, citation FROM domains"))
    assert shown.keys() == exact.keys()
    near = LEAST_MOVE_POINTS + SCALE * math.log10(1 + 2 * EPSILON_IDLE) + ROUNDING
    off = {
        name: (shown[name], score)
        for name, score in exact.items()
        if abs(points(shown[name]) - points(score)) > near
    }
    assert off == {}
    check_published_pages(query, state)


def check_published_pages(query: Query, state: State) -> None:
    exact = solve(known_pages(state), page_edges(state))
    shown: dict[str, float] = dict(query("SELECT page_url, citation FROM pages"))
    assert shown.keys() == exact.keys()
    # Pages are drained under the threshold "x": twice epsilon.
    near = LEAST_MOVE_POINTS + SCALE * math.log10(1 + 4 * EPSILON_IDLE) + ROUNDING
    off = {
        url: (shown[url], score)
        for url, score in exact.items()
        if abs(points(shown[url]) - points(score)) > near
    }
    assert off == {}


def check_rows(query: Query) -> None:
    """A score is written once a batch: views take the newest row of a key, and would show two."""
    for table, key in (("domain_scores", "domain_key"), ("page_scores", "page_key")):
        sql = f"SELECT {key}, rev FROM internal.{table} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608
        assert query(sql) == []


def check_run(path: Path, index: LinkIndex, state: State) -> None:
    check_core(index, state, EPSILON_IDLE)
    with whole.opened(path) as stopped:
        check_core(stopped.index, state, EPSILON_BUSY)
        check_published(stopped.query, state)
        check_rows(stopped.query)


@needs_data
@pytest.mark.xdist_group("fpb")
def test_scores_of_fpb(fpb: RealRun) -> None:
    check_run(fpb.path, fpb.index, fpb.state)


@needs_data
@pytest.mark.xdist_group("page_hrefs")
def test_scores_of_many_source_domains(page_hrefs: RealRun) -> None:
    check_run(page_hrefs.path, page_hrefs.index, page_hrefs.state)


# --- generated domain graphs -------------------------------------------------------------------------------


@dataclass
class Web:
    """Links that come, go and change their rel between domains of which few are linked by many."""

    chance: random.Random
    domains: int

    def events(self, count: int) -> list[Event]:
        """Make events in order of time; most of them late in their batch or not at all."""
        found = []
        for number in range(count):
            source, target = self.domain(1.0), self.domain(2.5)
            kind = self.chance.choice((Kind.DISCOVERED, Kind.DISCOVERED, Kind.SEEN, Kind.LOST))
            found.append(
                Event(
                    kind=kind,
                    observed_at=BASE_US + self.chance.randrange(24 * 40) * HOUR_US,
                    source_url=f"https://{source}/{self.chance.randrange(2)}",
                    target_url=f"https://{target}/",
                    source_domain=source,
                    target_domain=target,
                    origin=Origin("memory", "links", 0, number),
                    record_at=RECORD_AT_US,
                    lost_reason=self.chance.choice((None, "pageerror", "notfound"))
                    if kind is Kind.LOST
                    else None,
                    rel=self.chance.choice((None, None, "", "nofollow", "ugc")),
                    link_type=self.chance.choice((None, None, None, "text", "form", "rss", "redirect")),
                )
            )
        return found

    def domain(self, skew: float) -> str:
        return f"d{int(self.domains * self.chance.random() ** skew)}.example"


def chunks_of(events: list[Event], per_chunk: int) -> list[Chunk]:
    parts = [events[begin : begin + per_chunk] for begin in range(0, len(events), per_chunk)]
    return [
        Chunk(
            whole.LINKS,
            Codec.FRAMED,
            frame((event.origin.offset, event.record_at, render(event)) for event in part),
            part[0].origin.offset,
            part[-1].origin.offset + 1,
            RECORD_AT_US,
        )
        for part in parts
    ]


@pytest.mark.parametrize(
    ("domains", "count", "per_chunk"), [(12, 400, 3), (300, 6_000, 150), (4_000, 9_000, 500)]
)
def test_scores_of_a_generated_web(tmp_path: Path, domains: int, count: int, per_chunk: int) -> None:
    events = Web(random.Random(domains), domains).events(count)
    ratios = []

    def at(point: str, index: LinkIndex) -> None:
        if point == "written":
            numbers = index.numbers()
            ratios.append(numbers["authority_error_bound"] / numbers["authority_error_target"])

    path = tmp_path / "web.duckdb"
    index = whole.run(
        path,
        [whole.memory_of(chunks_of(events, per_chunk))],
        at,
        batch_max_events=per_chunk,
        catch_up_max_events=per_chunk,
    )
    assert len(ratios) >= count // per_chunk
    assert max(ratios) <= 1
    check_run(path, index, derive(events))


# --- when a score is shown ---------------------------------------------------------------------------------


def linked_sources(state: State) -> int:
    """Count domains with followed links in that have followed links out."""
    edges = domain_edges(state)
    return len({source for source, _ in edges} & {target for _, target in edges})


@pytest.mark.parametrize("above", [-1, 0, 1])
def test_authority_is_null_where_the_graph_is_too_small(tmp_path: Path, above: int) -> None:
    events = Web(random.Random(3), 40).events(300)
    state = derive(events)
    least = linked_sources(state) - above
    path = tmp_path / "web.duckdb"
    whole.run(path, [whole.memory_of(chunks_of(events, 50))], authority_min_domains=least)
    with whole.opened(path) as stopped:
        rows = stopped.query("SELECT domain_authority, authority_note, citation FROM domains")
        backlinks = stopped.query("SELECT domain_authority FROM backlinks")
        history = stopped.query("SELECT domain_authority FROM authority_history")
    assert len(rows) == len(known_domains(state))
    if above < 0:
        assert {row[:2] for row in rows} == {(None, "graph too small")}
        assert set(backlinks) == set(history) == {(None,)}
        return
    assert {note for _, note, _ in rows} == {None}
    shown = [(authority, citation) for authority, _, citation in rows if citation is not None]
    assert len(shown) > 10
    assert all(math.isclose(authority, points(citation), abs_tol=1e-9) for authority, citation in shown)
    assert any(authority is not None for (authority,) in backlinks)
