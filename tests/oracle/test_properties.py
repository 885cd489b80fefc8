"""Properties of the oracle: it depends on the set of events alone, and agrees with the register formulas."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.corpora import observed_us
from oracle.deliveries import ALIASES, Style, deliveries, render, styles
from oracle.events import SUSPECT_WINDOW_US, Event
from oracle.graph import ALPHA, solve
from oracle.histories import NOT_TEXTS, histories
from oracle.model import Link, State, Status, derive, derive_as_of
from oracle.registers import registers_of
from oracle.shown import Settings
from oracle.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oracle.page_events import AnyEvent


def without_origins(link: Link) -> Link:
    lives = tuple(replace(life, begun_by=frozenset(), ended_by=frozenset()) for life in link.lives)
    runs = tuple(replace(run, told_by=frozenset()) for run in link.runs)
    return replace(link, lives=lives, runs=runs)


def links_of(state: State) -> dict[tuple[str, str], Link]:
    return {pair: without_origins(link) for pair, link in state.links.items()}


def statuses(state: State) -> dict[tuple[str, str], Status]:
    return {pair: link.status for pair, link in state.links.items()}


def register_statuses(events: Iterable[AnyEvent], clock: int) -> dict[tuple[str, str], Status]:
    return {pair: of.status(clock) for pair, of in registers_of(events).items()}


def turning_points(events: Iterable[AnyEvent], clock: int) -> list[int]:
    """List each instant at which a status can change, and those 1 µs beside it, up to the clock."""
    times = {event.observed_at for event in events}
    times |= {time + SUSPECT_WINDOW_US for time in times}
    return sorted(
        {time + beside for time in times for beside in (-1, 0, 1) if time + beside <= clock} | {clock}
    )


@settings(max_examples=300, deadline=None)
@given(histories())
def test_registers_give_the_same_status(events: tuple[AnyEvent, ...]) -> None:
    state = derive(events)
    if state.clock is not None:
        assert statuses(state) == register_statuses(events, state.clock)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_order_and_repetition_do_not_matter(data: st.DataObject) -> None:
    events = data.draw(histories())
    delivered = data.draw(deliveries(events, may_sample=False)).events
    assert links_of(derive(delivered)) == links_of(derive(events))
    assert derive(delivered).clock == derive(events).clock


@settings(max_examples=100, deadline=None)
@given(histories(max_events=30))
def test_as_of_is_replay(events: tuple[AnyEvent, ...]) -> None:
    state = derive(events)
    for time in turning_points(events, state.clock) if state.clock is not None else []:
        by_lives = {pair for pair, link in state.links.items() if link.is_live_at(time)}
        replayed = derive_as_of(events, time)
        by_registers = register_statuses([event for event in events if event.observed_at <= time], time)
        assert by_lives == {pair for pair, link in replayed.links.items() if link.is_live}
        assert by_lives == {pair for pair, of in by_registers.items() if of in {Status.LIVE, Status.SUSPECT}}


@settings(max_examples=200, deadline=None)
@given(histories())
def test_lives_are_in_order_and_apart(events: tuple[AnyEvent, ...]) -> None:
    for link in derive(events).links.values():
        ends = [end for life in link.lives for end in (life.started_at, life.confirmed_at)]
        closed = [end for end in ends if end is not None]
        assert closed == sorted(set(closed))
        assert None not in ends[:-1]
        for life in link.lives:
            if life.confirmed_at is not None:
                assert life.last_alive_at is not None
                assert life.lost_at is not None
                assert life.started_at <= life.last_alive_at < life.lost_at <= life.confirmed_at
                assert life.confirmed_at <= life.lost_at + SUSPECT_WINDOW_US


@settings(max_examples=50, deadline=None)
@given(histories())
def test_no_view_has_two_rows_of_one_key(events: tuple[AnyEvent, ...]) -> None:
    state = derive(events)
    for view in VIEWS:
        rows = view.rows(state, Settings())
        assert all(len(row) == len(view.columns) for row in rows), view.name
        assert len({row[: view.key_length] for row in rows}) == len(rows), view.name


@settings(max_examples=200, deadline=None)
@given(histories(max_events=5), styles())
def test_every_style_says_the_same(events: tuple[AnyEvent, ...], style: Style) -> None:
    names = {alias: name for name, alias in ALIASES.items()}
    for event in events:
        if not isinstance(event, Event):
            continue  # what the product makes of them, test_histories.py compares
        body: dict[str, Any] = {
            names.get(key, key): value for key, value in json.loads(render(event, style)).items()
        }
        body |= {name: json.dumps(body[name]) for name in NOT_TEXTS & body.keys()}
        assert observed_us(body.pop("observed_at")) == event.observed_at
        assert (body.pop("event"), body.pop("lost_reason", None)) == (event.kind, event.lost_reason)
        assert (body.pop("source_url"), body.pop("target_url")) == event.pair
        if "rel" in body:
            body["rel"] = " ".join(sorted({token.lower() for token in body["rel"]}))
        assert body == event.carried


def test_a_loop_of_two_has_score_one_each() -> None:
    assert solve({"a", "b"}, {("a", "b"): 1.0, ("b", "a"): 1.0}) == pytest.approx(
        {"a": 1.0, "b": 1.0}, abs=1e-12
    )


def test_a_star_can_be_summed_by_hand() -> None:
    score = solve({"a", "b", "c", "d"}, {("a", "b"): 1.0, ("a", "c"): 1.0, ("b", "c"): 1.0})
    half = 0.15 * ALPHA / 2
    assert score == pytest.approx(
        {"a": 0.15, "b": 0.15 + half, "c": 0.15 + half + ALPHA * (0.15 + half), "d": 0.15}, abs=1e-12
    )


def test_solution_of_a_random_graph_leaves_no_residual() -> None:
    chance = random.Random(5)
    nodes = [str(number) for number in range(300)]
    edges = {(chance.choice(nodes[:250]), chance.choice(nodes)) for _ in range(2_000)}
    score = solve(nodes, dict.fromkeys(edges, 1.0))
    degree = {node: sum(source == node for source, _ in edges) for node in nodes}
    for node in nodes:
        shares = sum(score[source] / degree[source] for source, target in edges if target == node)
        assert score[node] == pytest.approx(1 - ALPHA + ALPHA * shares, abs=1e-13)
