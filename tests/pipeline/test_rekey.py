"""A rekey leaves what a fresh database under the new list would hold, and goes on like it."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from new_file import begin_file, pins_of

from examples import examples
from linktide.config import load
from linktide.errors import RetryError
from linktide.offline import rekey_stopped
from linktide.store.domain_keys import DERIVED, KEYED
from linktide.store.writer import REWRITE_POINTS
from linktide.suffixes import read_suffix_list
from oracle.compare import assert_same, shown_rows
from oracle.deliveries import SAMPLE
from oracle.events import HOUR_US, Event, Kind, Origin
from oracle.histories import BASE_US, PAGES, RECORD_AT_US, histories
from oracle.model import derive
from oracle.views import VIEWS
from pipeline import whole
from pipeline.arrivals import SPELLINGS, arrivals
from pipeline.suffix_lists import HOSTS, RuleSet, judged, rehost, rule_sets
from pipeline.test_histories import check_numbers
from pipeline.test_scores import EPSILON_BUSY, check_core, check_published, chunks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linktide.rekey import Rekeyed
    from oracle.compare import Query
    from oracle.page_events import AnyEvent
    from pipeline.arrivals import Arrival

ADDS_PORT = next(number for number, respell in enumerate(SPELLINGS) if ":443" in respell("https://a.com/"))
BEFORE = RuleSet(("com", "wild.com", "uk", "co.uk"))
AFTER = RuleSet(("com", "blog.com", "*.wild.com", "!kept.wild.com", "uk"))


@st.composite
def hosted_arrivals(draw: st.DrawFn, rules: RuleSet) -> Arrival:
    """Draw a history over hosts on which lists may differ, and one way in which it arrives."""
    hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=len(PAGES), max_size=len(PAGES), unique=True))
    arrival = draw(arrivals(rehost(draw(histories()), hosts, rules)))
    # Hosts here carry ports: the spelling that adds one would make another URL.
    styles = tuple((style, spelling if spelling != ADDS_PORT else 0) for style, spelling in arrival.styles)
    return replace(arrival, styles=styles)


def run(path: Path, arrival: Arrival, rules: RuleSet) -> None:
    """Take all of an arrival; only a new file follows these rules."""
    suffixes = rules.write(path.with_suffix(".dat"))
    begin_file(path, pins_of(suffixes))
    index = whole.run(
        path,
        arrival.sources_of(),
        batch_max_events=arrival.batch_max_events,
        public_suffix_list=suffixes,
        sightings_only_topics=(SAMPLE,),
    )
    assert index is not None


def rekey(
    path: Path, rules: RuleSet, at: Callable[[str], None] = lambda _point: None, *, is_dry_run: bool = False
) -> Rekeyed:
    config = load(flags={"database": path}, environ={}, folder=path.parent)
    suffixes = read_suffix_list(rules.write(path.with_suffix(".new")))
    return rekey_stopped(config, suffixes, is_dry_run=is_dry_run, at_fail_point=at)


def check(path: Path, events: Sequence[AnyEvent], rules: RuleSet) -> None:
    """The file is what these events make under these rules, in views, scores, numbers and keys."""
    state = derive(judged(events, rules))
    with whole.opened(path) as stopped:
        assert_same(stopped.query, state)
        check_numbers(stopped.index, state)
        check_core(stopped.index, state, EPSILON_BUSY)
        check_published(stopped.query, state)
        check_keys(stopped.query)
        assert stopped.query("SELECT value FROM internal.settings WHERE name = 'psl_text'") == [
            (rules.text(),)
        ]


SIDES = """
(SELECT s_dom_key k, source_domain n FROM internal.links
 UNION SELECT t_dom_key, target_domain FROM internal.links)
"""


def check_keys(query: Query) -> None:
    """A domain has one key, the same in every table; no table names a domain that no link has."""
    assert query(f"SELECT n FROM {SIDES} GROUP BY n HAVING count(*) > 1") == []  # noqa: S608
    assert query(f"SELECT k FROM {SIDES} GROUP BY k HAVING count(*) > 1") == []  # noqa: S608
    for table, columns in KEYED.items():
        keys = [column for column in columns if column.endswith("_key")]
        other = " OR ".join(f"t.{key} <> l.{key}" for key in keys)
        joined = f"internal.{table} t JOIN internal.links l USING (link_id)"
        assert query(f"SELECT * FROM {joined} WHERE {other}") == []  # noqa: S608
    assert query(f"FROM internal.domain_names ANTI JOIN {SIDES} ON k = domain_key AND n = domain_name") == []
    assert query("SELECT domain_key FROM internal.domain_names GROUP BY ALL HAVING count(*) > 1") == []


def shown(query: Query) -> dict[str, list[object]]:
    """Read every view but its scores."""
    return {view.name: sorted(shown_rows(query, view), key=repr) for view in VIEWS}


def crowd(count: int) -> list[Event]:
    """Make many events between few pages of all hosts, in domains of BEFORE."""
    chance = random.Random(11)
    domains = BEFORE.domains()
    found = []
    for number in range(count):
        source, target = chance.choice(HOSTS), chance.choice(HOSTS)
        kind = chance.choice((Kind.DISCOVERED, Kind.SEEN, Kind.LOST))
        found.append(
            Event(
                kind=kind,
                observed_at=BASE_US + chance.randrange(24 * 40) * HOUR_US,
                source_url=f"https://{source}/{chance.randrange(2)}",
                target_url=f"https://{target}/",
                source_domain=domains[source],
                target_domain=domains[target],
                origin=Origin("memory", "links", 0, number),
                record_at=RECORD_AT_US,
                lost_reason=chance.choice((None, "pageerror")) if kind is Kind.LOST else None,
                rel=chance.choice((None, "nofollow")),
            )
        )
    return found


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped database of `crowd`, to be copied."""
    path = tmp_path_factory.mktemp("crowd") / "a.duckdb"
    suffixes = BEFORE.write(path.with_suffix(".dat"))
    begin_file(path, pins_of(suffixes))
    whole.run(
        path,
        [whole.memory_of(chunks_of(crowd(1_500), 300))],
        public_suffix_list=suffixes,
        batch_max_events=300,
    )
    return path


def copy_of(crowded: Path, folder: Path) -> Path:
    return Path(shutil.copy(crowded, folder / "a.duckdb"))


def rev_of(path: Path) -> int:
    with whole.opened(path) as stopped:
        return int(stopped.query("SELECT rev FROM internal.writer")[0][0])


def moved_between(events: Sequence[Event], before: RuleSet, after: RuleSet) -> tuple[set[str], int]:
    """Tell which hosts have another domain, and how many links have such a host."""
    old, new = before.domains(), after.domains()
    links = {(event.source_url, event.target_url) for event in events}
    met = {url.split("/")[2] for pair in links for url in pair}
    hosts = {host for host in met if old[host] != new[host]}
    return hosts, sum(any(url.split("/")[2] in hosts for url in pair) for pair in links)


def test_what_changes_is_told_before_and_after(crowded: Path, tmp_path: Path) -> None:
    path, events = copy_of(crowded, tmp_path), crowd(1_500)
    planned = rekey(path, AFTER, is_dry_run=True)
    check(path, events, BEFORE)
    assert rekey(path, AFTER) == planned
    check(path, events, AFTER)
    hosts, links = moved_between(events, BEFORE, AFTER)
    assert (planned.hosts, planned.links) == (len(hosts), links)
    assert len(hosts) > 5
    assert sum(move.hosts for move in planned.largest) == len(hosts)
    assert [move.links for move in planned.largest] == sorted(
        (move.links for move in planned.largest), reverse=True
    )
    named = {(move.domain_name, move.new_domain_name) for move in planned.largest}
    assert ("blog.com", "one.blog.com") in named
    assert planned.version_before != planned.version
    revised = rev_of(path)
    assert revised > rev_of(crowded)
    again = rekey(path, AFTER)
    assert rev_of(path) == revised + 1
    assert (again.hosts, again.domains, again.links, again.largest) == (0, 0, 0, ())
    check(path, events, AFTER)


@pytest.mark.parametrize("point", REWRITE_POINTS)
def test_a_failure_leaves_the_old_state_whole(crowded: Path, tmp_path: Path, point: str) -> None:
    path = copy_of(crowded, tmp_path)

    def fail(at: str) -> None:
        if at == point:
            raise RetryError(f"bomb at {at}")

    with pytest.raises(RetryError, match="bomb"):
        rekey(path, AFTER, fail)
    check(path, crowd(1_500), AFTER if point == "committed" else BEFORE)


KILLED = """
import os, pathlib, signal, sys
from linktide.config import load
from linktide.offline import rekey_stopped
from linktide.suffixes import read_suffix_list
path, suffixes, point = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]

def at(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)

config = load(flags={"database": path}, environ={}, folder=path.parent)
rekey_stopped(config, read_suffix_list(suffixes), is_dry_run=False, at_fail_point=at)
"""


@pytest.mark.parametrize("point", REWRITE_POINTS)
def test_a_kill_leaves_the_old_state_whole(crowded: Path, tmp_path: Path, point: str) -> None:
    path = copy_of(crowded, tmp_path)
    suffixes = AFTER.write(tmp_path / "new.dat")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(suffixes), point],
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL
    check(path, crowd(1_500), AFTER if point == "committed" else BEFORE)


def told(number: int, kind: Kind, source: str, target: str) -> Event:
    domains = BEFORE.domains()
    return Event(
        kind=kind,
        observed_at=BASE_US + number * HOUR_US,
        source_url=f"https://{source}/",
        target_url=f"https://{target}/",
        source_domain=domains[source],
        target_domain=domains[target],
        origin=Origin("memory", "links", 0, number),
        record_at=RECORD_AT_US,
    )


def take(path: Path, events: Sequence[Event]) -> None:
    suffixes = BEFORE.write(path.with_suffix(".dat"))
    begin_file(path, pins_of(suffixes))
    whole.run(path, [whole.memory_of(chunks_of(list(events), 1))], public_suffix_list=suffixes)


def test_a_domain_that_was_gone_begins_again_without_its_score(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    sources = ("shop.co.uk", "still.example", "alone", "wild.com")
    events = [
        *(told(number, Kind.DISCOVERED, source, "one.blog.com") for number, source in enumerate(sources)),
        told(len(sources), Kind.DISCOVERED, "blog.com", "alone"),
    ]
    take(path, events[:-1])
    with whole.opened(path) as stopped:
        scores = stopped.query("SELECT max(authority) FROM internal.newest_domain_scores")
    assert scores[0][0] > 1
    rekey(path, AFTER)
    check(path, events[:-1], AFTER)
    take(path, events)
    check(path, events, AFTER)


def test_a_domain_of_links_never_sighted_has_no_place_in_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    events = [
        told(0, Kind.DISCOVERED, "shop.co.uk", "one.blog.com"),
        told(1, Kind.LOST, "x.one.blog.com", "two.blog.com:8080"),
        told(2, Kind.LOST, "w.wild.com", "alone"),
    ]
    take(path, events)
    for rules in (AFTER, BEFORE, AFTER):
        rekey(path, rules)
        check(path, events, rules)


OF_DOMAINS = {"domain_keys": ("domain_key", "domain_name"), "score_history": ("domain_key",)}
"""What is true of a domain whatever hosts it has: a rekey adds names and drops those of empty domains."""
OF_ALERTS = {
    "alert_changes": ("domain_name",),
    "tracked_hours": ("domain_name",),
    "tracked_scores": ("domain_name",),
    "held_turns": ("domain_name", "domain_authority"),
}
"""What was told under the names of its time stays as it was told, as decision 0026 says."""

OF_MINE = {
    "source_rules": ("domains",),
    "source_domains": ("domain_name",),
    "mine_domains": ("domain_name",),
    "anchor_terms": ("target_domain",),
    "own_pages": ("domain_name",),
    "placements": ("t_dom_key", "source_domain", "target_domain"),
    "blocklist": ("domain_name",),
}
"""What the user's files say, and what was found of them as they were read."""


def test_every_column_that_holds_a_domain_is_known_to_the_rekey(crowded: Path) -> None:
    with whole.opened(crowded) as stopped:
        found = stopped.query(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE schema_name = 'internal' AND column_name SIMILAR TO '.*(dom_key|domain).*' "
            "AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE schema_name = 'internal')"
        )
    known = {
        (table, column)
        for table, columns in (KEYED | DERIVED | OF_DOMAINS | OF_ALERTS | OF_MINE).items()
        for column in columns
    }
    assert {(re.sub(r"(_run)?_[0-9]+$", "", table), column) for table, column in found} == known


@examples(5)
@given(st.data())
def test_a_rekey_equals_a_fresh_build_and_goes_on_like_it(data: st.DataObject) -> None:
    before, after = data.draw(rule_sets()), data.draw(rule_sets())
    arrival = data.draw(hosted_arrivals(before))
    half = arrival.until(data.draw(st.integers(0, len(arrival.events))))
    with TemporaryDirectory() as folder:
        path, fresh = Path(folder) / "a.duckdb", Path(folder) / "fresh.duckdb"
        run(path, half, before)
        check(path, half.events, before)
        rekey(path, after)
        check(path, half.events, after)
        run(fresh, half, after)
        with whole.opened(path) as one, whole.opened(fresh) as other:
            assert shown(one.query) == shown(other.query)
        run(path, arrival, before)
        check(path, arrival.events, after)
        rekey(path, before)
        check(path, arrival.events, before)
