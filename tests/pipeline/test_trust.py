"""Weights, redirects, seeds and priors: what is shown is the exact solution of the oracle's graphs."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from oracle.graph import BASE, Weights, domain_edges, known_domains, known_pages, page_edges, solve
from oracle.model import derive
from pipeline import whole
from pipeline.test_scores import Web, chunks_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oracle.compare import Query
    from oracle.events import Event
    from oracle.model import State

EPSILON = 1e-3
POINTS_PER_DECADE = 100 / 8
TRUST_PER_DECADE = 100 / 6
TRUST_FLOOR = BASE * 1e-4
NEAR = 0.1
"""Points: a move too small to be written, and what the bound leaves open."""

WEIGHTS = Weights(nofollow=0.2, ugc=0.5, sponsored=0.05)
TRUSTED = ("d3.example", "d7.example", "never.example")
TOPICS = (("news", ("d1.example",)), ("travel", ("d2.example", "d9.example")))
SETTINGS: dict[str, Any] = {
    "authority_nofollow_weight": WEIGHTS.nofollow,
    "authority_ugc_weight": WEIGHTS.ugc,
    "authority_sponsored_weight": WEIGHTS.sponsored,
    "authority_trusted_domains": ",".join(TRUSTED),
    "authority_topics": {name: list(names) for name, names in TOPICS},
    "authority_min_domains": 0,
}


def citation_points(value: float) -> float:
    return max(0.0, min(100.0, POINTS_PER_DECADE * math.log10(value / BASE)))


def trust_points(value: float) -> float:
    return max(0.0, min(100.0, TRUST_PER_DECADE * math.log10(max(value, 1e-300) / TRUST_FLOOR)))


def web(seed: int, domains: int = 40, count: int = 1_500) -> list[Event]:
    """Make a web in which redirects come and go, so that pages hand all on for a while."""
    chance = random.Random(seed)
    events = Web(chance, domains).events(count)
    types = ("redirect", "canonical", "text", "form", None, None, None)
    return [replace(event, link_type=chance.choice(types)) for event in events]


def off(shown: Mapping[str, float], wanted: Mapping[str, float], near: float = NEAR) -> dict[str, object]:
    assert shown.keys() == wanted.keys()
    pairs = {name: (shown[name], wanted[name]) for name in wanted}
    return {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > near}


def check(query: Query, state: State) -> None:
    domains, pages = known_domains(state), known_pages(state)
    edges, inner = domain_edges(state, WEIGHTS), page_edges(state, WEIGHTS)
    citation, page_citation = solve(domains, edges), solve(pages, inner)
    seeds = {name: BASE for name in TRUSTED if name in domains}
    trust = solve(domains, edges, priors=seeds)
    page_trust = solve(pages, inner, priors={url: BASE for url, name in pages.items() if name in TRUSTED})
    shown = query("SELECT domain_name, domain_authority, trust, spam_mass FROM domains")
    assert off({row[0]: row[1] for row in shown}, {n: citation_points(x) for n, x in citation.items()}) == {}
    assert off({row[0]: row[2] for row in shown}, {n: trust_points(x) for n, x in trust.items()}) == {}
    scale = len(domains) / len(seeds)
    mass = {name: 1 - trust[name] * scale / citation[name] for name in domains}
    assert off({row[0]: row[3] for row in shown}, mass, 0.02 * scale) == {}
    rows = query("SELECT page_url, page_authority, trust FROM pages")
    assert (
        off({row[0]: row[1] for row in rows}, {n: citation_points(x) for n, x in page_citation.items()}) == {}
    )
    assert off({row[0]: row[2] for row in rows}, {n: trust_points(x) for n, x in page_trust.items()}) == {}
    topical = query("SELECT topic, domain_name, topical_authority FROM topical_authority")
    for topic, names in TOPICS:
        exact = solve(domains, edges, priors=dict.fromkeys(names, BASE))
        told = {name: shown for of, name, shown in topical if of == topic}
        wanted = {name: trust_points(score) for name, score in exact.items()}
        assert off({name: told.get(name, 0.0) for name in wanted}, wanted) == {}


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_a_web_with_weights_redirects_and_seeds(tmp_path: Path, seed: int) -> None:
    events = web(seed)
    path = tmp_path / "web.duckdb"
    whole.run(path, [whole.memory_of(chunks_of(events, 60))], batch_max_events=60, **SETTINGS)
    state = derive(events)
    with whole.opened(path, **SETTINGS) as stopped:
        check(stopped.query, state)
        restored = {(one.graph, one.vector) for one in stopped.index.vectors()}
    assert restored == {
        ("page", "citation"),
        ("page", "trust"),
        ("domain", "citation"),
        ("domain", "trust"),
    } | {("domain", name) for name, _ in TOPICS}


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    events = web(11)
    path = tmp_path / "web.duckdb"
    chunks = chunks_of(events, 50)
    for count in (6, 17, len(chunks)):
        whole.run(path, [whole.memory_of(chunks[:count])], batch_max_events=50, **SETTINGS)
    with whole.opened(path, **SETTINGS) as stopped:
        check(stopped.query, derive(events))


def test_seeds_and_weights_may_change_between_runs(tmp_path: Path) -> None:
    events = web(5)
    path = tmp_path / "web.duckdb"
    chunks = chunks_of(events, 50)
    other: dict[str, Any] = {
        "authority_min_domains": 0,
        "authority_topics": {"news": ["d39.example"], "old": ["d38.example"]},
    }
    whole.run(path, [whole.memory_of(chunks[:9])], batch_max_events=50, **other)
    with whole.opened(path, **other) as stopped:
        assert {trust for (trust,) in stopped.query("SELECT trust FROM domains")} == {None}
        topics = stopped.query("SELECT DISTINCT topic FROM topical_authority ORDER BY 1")
    assert topics == [("news",), ("old",)]
    whole.run(path, [whole.memory_of(chunks)], batch_max_events=50, **SETTINGS)
    with whole.opened(path, **SETTINGS) as stopped:
        check(stopped.query, derive(events))
        topics = stopped.query("SELECT DISTINCT topic FROM topical_authority ORDER BY 1")
    assert topics == [("news",), ("travel",)]


def test_a_prior_file_shows_what_is_known_from_elsewhere(tmp_path: Path) -> None:
    events = web(2)
    ratings = {"d1.example": 62.5, "d3.example": 40.0, "elsewhere.example": 90.0, "d30.example": 0.0}
    prior_file = tmp_path / "ratings.csv"
    lines = [f"{name},{rating}" for name, rating in ratings.items()]
    prior_file.write_text("\n".join(["Target,Domain Rating", *lines]) + "\n", encoding="utf-8")
    path = tmp_path / "web.duckdb"
    # Far too few domains for a score, were it not for the priors.
    settings: dict[str, Any] = {"authority_prior_file": prior_file, "authority_prior_column": "Domain Rating"}
    whole.run(path, [whole.memory_of(chunks_of(events, 50))], batch_max_events=50, **settings)
    state = derive(events)
    domains = known_domains(state)
    priors = dict.fromkeys(domains, BASE)
    priors |= {
        name: BASE * 10 ** (rating / POINTS_PER_DECADE) for name, rating in ratings.items() if name in domains
    }
    exact = solve(domains, domain_edges(state), priors=priors)
    with whole.opened(path, **settings) as stopped:
        shown: dict[str, float] = dict(stopped.query("SELECT domain_name, domain_authority FROM domains"))
    assert off(shown, {name: citation_points(score) for name, score in exact.items()}) == {}
