"""What makes up the citation of tracked domains is stored once a day, and tells a change in SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oracle.events import HOUR_US, Event
from oracle.graph import domain_edges
from oracle.model import derive
from pipeline import whole
from pipeline.stopped import in_order, opened, run
from pipeline.test_trust import SETTINGS, WEIGHTS, web

if TYPE_CHECKING:
    from pathlib import Path

DAY_US = 24 * HOUR_US
KEPT = 500
"""In-edges stored of a domain and day."""
TRACKED = ("d0.example", "d1.example", "d2.example")
COLUMNS = (
    "part, source_domain, contribution, citation_before, citation_after, epoch_us(stored_before_at),"
    " epoch_us(stored_after_at), note"
)


def asked(name: str, from_us: int, to_us: int) -> str:
    return f"explain_authority('{name}', make_timestamptz({from_us}), make_timestamptz({to_us}))"


def stored_days(events: list[Event], per_batch: int) -> list[int]:
    """Return the clock of each batch in which a day of event time turned."""
    clocks, days, clock = [], set(), 0
    for begin in range(0, len(events), per_batch):
        clock = max(clock, *(event.observed_at for event in events[begin : begin + per_batch]))
        if clock // DAY_US not in days:
            days.add(clock // DAY_US)
            clocks.append(clock)
    return clocks


def test_contributions_are_stored_once_a_day_and_add_up(tmp_path: Path) -> None:
    events = in_order(web(6, count=2_000))
    path = tmp_path / "web.duckdb"
    settings = SETTINGS | {"tracked_domains": ",".join(TRACKED[:2]), "rivals": TRACKED[2]}
    half = len(events) // 2
    run(path, events[:half], 40, **settings)
    run(path, events, 40, **settings)  # a restart in between
    with opened(path, **settings) as one:
        rows = one.query(
            "SELECT n.domain_name, c.rev, epoch_us(any_value(c.scored_at)),"
            " count(*) FILTER (c.prior IS NOT NULL), max(c.citation), max(c.prior), sum(c.contribution)"
            " FROM internal.authority_contributions c JOIN internal.newest_domain_names n USING (domain_key)"
            " GROUP BY ALL"
        )
        edges = one.query(
            "SELECT s.domain_name, c.weight, c.out_weight FROM internal.authority_contributions c"
            " JOIN internal.newest_domain_names n USING (domain_key)"
            " JOIN internal.newest_domain_names s ON s.domain_key = c.source_dom_key"
            " WHERE n.domain_name = 'd0.example'"
            " QUALIFY c.rev = max(c.rev) OVER ()"
        )
    assert {row[0] for row in rows} == set(TRACKED)
    assert all(row[3] == 1 and abs(row[5] + row[6] - row[4]) <= 1e-12 * max(1.0, row[4]) for row in rows)
    wanted = stored_days(events, 40)
    for name in TRACKED:
        times = sorted(row[2] for row in rows if row[0] == name)
        days = [time // DAY_US for time in times]
        assert len(days) == len(set(days))
        # From the first batch on that links the domain.
        assert set(days) == {clock // DAY_US for clock in wanted if clock // DAY_US >= days[0]}
    last = max(row[2] for row in rows if row[0] == "d0.example")
    state = derive([event for event in events if event.observed_at <= last])
    graph = domain_edges(state, WEIGHTS)
    assert {name: weight for name, weight, _ in edges}.keys() == {s for s, t in graph if t == "d0.example"}


def test_the_macro_tells_the_stored_change_with_its_residual(tmp_path: Path) -> None:
    events = in_order(web(8, count=2_500))
    path = tmp_path / "web.duckdb"
    settings = SETTINGS | {"tracked_domains": ",".join(TRACKED)}
    run(path, events, 40, **settings)
    first, last = events[len(events) // 3].observed_at, events[-1].observed_at
    with opened(path, **settings) as one:
        for name in TRACKED:
            rows = one.query(f"SELECT {COLUMNS} FROM {asked(name, first, last)}")  # noqa: S608
            before, after = one.past.published(name, first), one.past.published(name, last)
            assert {row[3:5] for row in rows} == {(before.citation, after.citation)}
            change = after.citation - before.citation
            assert abs(sum(row[2] for row in rows) - change) <= 1e-12 * max(1.0, after.citation)
            ((_, _, residual, *_),) = (row for row in rows if row[0] == "residual")
            stored_from, stored_to = rows[0][5:7]
            assert stored_from <= first
            assert stored_to <= last
            exact = one.explain(name, stored_from, stored_to)
            # The engine's x is within its bound, one in a hundred of what is passed at either end.
            near = 0.02 * (exact["citation_before"] + exact["citation_after"])
            for part, wanted in exact["parts"].items():
                found = sum(row[2] for row in rows if row[0] == part)
                assert abs(found - wanted) <= near, part
            stored = sum(row[2] for row in rows) - residual
            assert abs(stored - exact["change"]) <= near
            assert {row[7] for row in rows} == {None}
        nothing = one.query(f"FROM {asked('d9.example', first, last)}")
        assert len(nothing) == 1
        assert nothing[0][-1].startswith("not tracked")


def test_beyond_the_largest_edges_one_row_tells_what_the_others_pass(tmp_path: Path) -> None:
    lines = [
        {"source_url": f"https://s{number}.example/", "target_url": "https://d0.example/"}
        for number in range(KEPT + 40)
    ]
    # Sources that link on pass half.
    lines += [
        {"source_url": f"https://s{number}.example/", "target_url": "https://other.example/"}
        for number in range(100)
    ]
    events = [
        json.dumps(line | {"event": "discovered", "observed_at": "2026-01-01T00:00:00Z"}).encode()
        for line in lines
    ]
    path = tmp_path / "hub.duckdb"
    whole.run(path, [whole.memory(events)], tracked_domains="d0.example")
    with opened(path) as one:
        kept = one.query(
            "SELECT count(*), min(contribution) FROM internal.authority_contributions"
            " WHERE source_dom_key IS NOT NULL"
        )
        rest = one.query(
            "SELECT links, contribution, citation, prior FROM internal.authority_contributions"
            " WHERE source_dom_key IS NULL"
        )
        whole_sum = one.query("SELECT sum(contribution) FROM internal.authority_contributions")[0][0]
    passed = 0.85 * 0.15
    assert kept[0][0] == KEPT
    # 440 pass all, 60 of those that pass half are kept.
    assert abs(kept[0][1] - passed / 2) <= 1e-12
    ((links, contribution, citation, prior),) = rest
    assert (links, round(contribution, 9)) == (40, round(40 * passed / 2, 9))
    assert abs(prior + whole_sum - citation) <= 1e-12 * citation
