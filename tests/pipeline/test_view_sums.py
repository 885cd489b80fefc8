"""Views count the same links: what one sums up, another lists."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from oracle.model import derive_as_of
from pipeline import whole
from pipeline.arrivals import arrivals, side_by_side
from pipeline.real_runs import RealRun, needs_data

if TYPE_CHECKING:
    from oracle.compare import Query
    from oracle.events import Pair
    from oracle.page_events import AnyEvent

LIVE = "SELECT count(*), count(*) FILTER (is_dofollow) FROM backlinks"
SUMS_OF_LIVE = (
    "SELECT count(*), count(*) FILTER (is_dofollow) FROM outgoing_links",
    "SELECT count(*), count(*) FILTER (is_dofollow) FROM links WHERE is_live AND NOT is_internal",
    "SELECT coalesce(sum(backlinks), 0), coalesce(sum(dofollow_backlinks), 0) FROM domains",
    "SELECT coalesce(sum(backlinks), 0), coalesce(sum(dofollow_backlinks), 0) FROM refdomains",
    "SELECT coalesce(sum(backlinks), 0), coalesce(sum(dofollow_backlinks), 0) FROM anchors",
)
PAIRS = "SELECT count(*), count(*) FILTER (is_dofollow) FROM refdomains"
SUMS_OF_PAIRS = (
    """
    SELECT count(*), count(*) FILTER (is_followed)
    FROM (SELECT bool_or(is_dofollow) AS is_followed FROM backlinks GROUP BY source_domain, target_domain)
    """,
    "SELECT coalesce(sum(refdomains), 0), coalesce(sum(dofollow_refdomains), 0) FROM domains",
)
TURNS = """
SELECT coalesce(sum(new_links), 0), coalesce(sum(restored_links), 0), coalesce(sum(lost_links), 0),
       coalesce(sum(net_links), 0) FROM link_velocity
"""
SUMS_OF_TURNS = (
    """
    SELECT count(*) FILTER (life_number = 1), count(*) FILTER (life_number > 1), count(confirmed_at),
           count(*) FILTER (confirmed_at IS NULL) FROM link_lives WHERE NOT is_internal
    """,
    """
    SELECT count(*) FILTER (change = 'new'), count(*) FILTER (change = 'restored'),
           count(*) FILTER (change = 'lost'),
           count(*) FILTER (change IN ('new', 'restored')) - count(*) FILTER (change = 'lost')
    FROM new_lost
    """,
    """
    SELECT count(first_seen), sum(times_lost) + count(*) FILTER (is_live) - count(first_seen),
           sum(times_lost), count(*) FILTER (is_live)
    FROM links WHERE NOT is_internal
    """,
)
HOURS = """
SELECT target_domain, hour, sum(new_links), sum(restored_links), sum(lost_links)
FROM link_velocity GROUP BY ALL
"""
HOURS_OF_LIVES = """
SELECT target_domain, time_bucket(INTERVAL 1 hour, turned_at) AS hour,
       count(*) FILTER (turn = 'new'), count(*) FILTER (turn = 'restored'), count(*) FILTER (turn = 'lost')
FROM (
    SELECT target_domain, started_at AS turned_at, if(life_number = 1, 'new', 'restored') AS turn
    FROM link_lives WHERE NOT is_internal
    UNION ALL
    SELECT target_domain, confirmed_at, 'lost'
    FROM link_lives WHERE NOT is_internal AND confirmed_at IS NOT NULL
) GROUP BY ALL
"""


def zeros(rows: object) -> list[tuple[int, ...]]:
    """Read a row of sums; the sum of nothing is null."""
    assert isinstance(rows, list)
    return [tuple(0 if value is None else value for value in row) for row in rows]


def check_sums(query: Query) -> None:
    for one, others in ((LIVE, SUMS_OF_LIVE), (PAIRS, SUMS_OF_PAIRS), (TURNS, SUMS_OF_TURNS)):
        for other in others:
            assert zeros(query(other)) == zeros(query(one)), other
    for one, other in ((HOURS, HOURS_OF_LIVES), (HOURS_OF_LIVES, HOURS)):
        assert query(f"SELECT count(*) FROM ({one} EXCEPT {other})") == [(0,)]  # noqa: S608
    out = "SELECT coalesce(sum(outgoing_links), 0), coalesce(sum(linked_domains), 0) FROM domains"
    assert query(out) == query("SELECT (SELECT count(*) FROM backlinks), (SELECT count(*) FROM refdomains)")


SIDE = """
link_id, source_url, target_url, source_domain, target_domain, is_internal, is_live, is_suspect, started_at,
last_seen, anchor, rel, link_type, is_dofollow, is_nofollow, is_ugc, is_sponsored
"""


def check_sides(query: Query) -> None:
    """What leads from a domain is the same whichever way it is found."""
    for (name,) in query("SELECT DISTINCT source_domain FROM links LIMIT 20"):
        quoted = str(name).replace("'", "''")
        found = query(f"SELECT {SIDE} FROM links_from('{quoted}')")  # noqa: S608
        wanted = query(f"SELECT {SIDE} FROM links WHERE source_domain = '{quoted}'")  # noqa: S608
        assert sorted(found, key=str) == sorted(wanted, key=str)
        scores = "SELECT link_id, domain_authority, trust FROM"
        listed = query(f"{scores} links_from('{quoted}') WHERE is_live AND NOT is_internal")
        wanted = query(f"{scores} outgoing_links WHERE source_domain = '{quoted}'")
        assert sorted(listed, key=str) == sorted(wanted, key=str)


def check_lives(query: Query) -> None:
    """Lives of a link follow one another, and only the newest may run."""
    wrong = """
    SELECT count(*) FROM (
        SELECT *, lead(started_at) OVER (PARTITION BY link_id ORDER BY life_number) AS next_at FROM link_lives
    ) WHERE started_at > last_alive_at OR last_alive_at >= lost_at OR lost_at > confirmed_at
         OR next_at <= confirmed_at OR (next_at IS NOT NULL AND confirmed_at IS NULL)
         OR (confirmed_at IS NULL) <> (lost_at IS NULL) OR (confirmed_at IS NULL) <> (lost_reason IS NULL)
         OR (confirmed_at IS NULL) <> (last_alive_at IS NULL)
    """
    assert query(wrong) == [(0,)]


@needs_data
@pytest.mark.xdist_group("fpb")
def test_sums_of_fpb(fpb: RealRun) -> None:
    with whole.opened(fpb.path) as stopped:
        check_sums(stopped.query)
        check_sides(stopped.query)
        check_lives(stopped.query)


@needs_data
@pytest.mark.xdist_group("page_hrefs")
def test_sums_of_many_source_domains(page_hrefs: RealRun) -> None:
    with whole.opened(page_hrefs.path) as stopped:
        check_sums(stopped.query)
        check_sides(stopped.query)
        check_lives(stopped.query)


def live_at(query: Query, time: int) -> set[tuple[str, str]]:
    rows = query(
        f"SELECT source_url, target_url FROM link_lives WHERE epoch_us(started_at) <= {time}"  # noqa: S608
        f" AND (confirmed_at IS NULL OR {time} < epoch_us(confirmed_at))"
    )
    return {(source_url, target_url) for source_url, target_url in rows}


def replayed(events: tuple[AnyEvent, ...], time: int) -> set[Pair]:
    return {pair for pair, link in derive_as_of(events, time).links.items() if link.is_live}


@examples(6)
@given(st.data())
def test_lives_tell_what_was_live_at_any_time(data: st.DataObject) -> None:
    history = data.draw(side_by_side(most=4))
    arrival = data.draw(arrivals(history))
    clock = max((event.observed_at for event in history), default=0)
    instants = {event.observed_at + beside for event in history for beside in (-1, 0, 72 * 3_600_000_000)}
    known = sorted(instant for instant in instants if instant <= clock)
    times = data.draw(st.lists(st.sampled_from(known), min_size=5, max_size=15)) if known else []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        arrival.run(path)
        with whole.opened(path) as stopped:
            check_sums(stopped.query)
            check_sides(stopped.query)
            check_lives(stopped.query)
            for time in times:
                assert live_at(stopped.query, time) == replayed(arrival.events, time)
