"""The oracle against hand-written histories: about one for each sentence of the state design."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oracle.events import HOUR_US
from oracle.graph import domain_edges, known_domains
from oracle.model import Link, Status, derive
from oracle.shown import Settings
from oracle.turns import new_lost
from oracle.views import domains, link_velocity, links
from oracle.written import at, event, history

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oracle.events import Event

OPEN = (None, None, None, None, False)
"""What follows the start of a life that runs."""

HISTORIES: tuple[tuple[str, str, int | None, str, tuple[tuple[object, ...], ...]], ...] = (
    # What it shows; events as "kind time:reason", times in hours; the clock if later; status; its lives as
    # (started, last alive, lost, confirmed, reason, by event).
    ("discovered starts a life", "d0", None, "live", ((0, *OPEN),)),
    ("seen starts a life just so", "s0", None, "live", ((0, *OPEN),)),
    ("a sighting goes on with the life", "d0 s5", None, "live", ((0, *OPEN),)),
    ("a firm loss ends it", "d0 l5", None, "lost", ((0, 0, 5, 5, "removedfromhtml", True),)),
    ("its reason holds", "d0 s2 l5:noindex", None, "lost", ((0, 2, 5, 5, "noindex", True),)),
    (
        "a sighting after that starts another",
        "d0 l5 s9",
        None,
        "live",
        ((0, 0, 5, 5, "removedfromhtml", True), (9, *OPEN)),
    ),
    (
        "a loss without a life changes nothing",
        "d0 l5 l6:notfound",
        None,
        "lost",
        ((0, 0, 5, 5, "removedfromhtml", True),),
    ),
    ("a loss before the first life changes nothing", "l1 d2", None, "live", ((2, *OPEN),)),
    ("a link only ever lost has no life", "l1 l2:pageerror", None, "none", ()),
    ("a suspect link is live", "d0 l5:pageerror", None, "suspect", ((0, *OPEN),)),
    ("a sighting clears suspicion", "d0 l5:pageerror s6", None, "live", ((0, *OPEN),)),
    (
        "suspicion cleared, the next suspect loss is a first one",
        "d0 l5:pageerror s6 l7:pageerror",
        None,
        "suspect",
        ((0, *OPEN),),
    ),
    (
        "a second suspect loss ends it",
        "d0 l5:pageerror l6:pageerror",
        None,
        "lost",
        ((0, 0, 5, 6, "pageerror", True),),
    ),
    (
        "a firm loss ends it with its own reason",
        "d0 l5:pageerror l6:notfound",
        None,
        "lost",
        ((0, 0, 5, 6, "notfound", True),),
    ),
    ("one instant is no second loss", "d0 l5:pageerror l5:pageerror", None, "suspect", ((0, *OPEN),)),
    (
        "a loss after exactly 72 h still confirms",
        "d0 l5:pageerror l77:notfound",
        None,
        "lost",
        ((0, 0, 5, 77, "notfound", True),),
    ),
    ("a sighting after exactly 72 h still saves", "d0 l5:pageerror s77", None, "live", ((0, *OPEN),)),
    (
        "a loss later than that finds no life",
        "d0 l5:pageerror l78:notfound",
        None,
        "lost",
        ((0, 0, 5, 77, "pageerror", False),),
    ),
    (
        "a sighting later than that starts another",
        "d0 l5:pageerror s78",
        None,
        "live",
        ((0, 0, 5, 77, "pageerror", False), (78, *OPEN)),
    ),
    ("time alone confirms at 72 h", "d0 s1 l5:pageerror", 77, "lost", ((0, 1, 5, 77, "pageerror", False),)),
    ("and not before", "d0 l5:pageerror", 76, "suspect", ((0, *OPEN),)),
    ("lost and sighted at one instant is no interruption", "d0 l5 s5", None, "live", ((0, *OPEN),)),
    ("a life may begin at an instant of loss", "s5 l5", None, "live", ((5, *OPEN),)),
    ("firm wins over suspect", "d0 l5:pageerror l5:noindex", None, "lost", ((0, 0, 5, 5, "noindex", True),)),
    (
        "notfound over pageredirected",
        "d0 l5:pageredirected l5:notfound",
        None,
        "lost",
        ((0, 0, 5, 5, "notfound", True),),
    ),
    (
        "pageredirected over lostredirect",
        "d0 l5:pageredirected l5:lostredirect",
        None,
        "lost",
        ((0, 0, 5, 5, "pageredirected", True),),
    ),
    (
        "lostredirect over noindex",
        "d0 l5:noindex l5:lostredirect",
        None,
        "lost",
        ((0, 0, 5, 5, "lostredirect", True),),
    ),
    (
        "noindex over notcanonical",
        "d0 l5:notcanonical l5:noindex",
        None,
        "lost",
        ((0, 0, 5, 5, "noindex", True),),
    ),
    (
        "notcanonical over removedfromhtml",
        "d0 l5 l5:notcanonical",
        None,
        "lost",
        ((0, 0, 5, 5, "notcanonical", True),),
    ),
    (
        "removedfromhtml over dropped",
        "d0 l5:dropped:z l5",
        None,
        "lost",
        ((0, 0, 5, 5, "removedfromhtml", True),),
    ),
    ("dropped by bytes", "d0 l5:dropped:a l5:dropped:b", None, "lost", ((0, 0, 5, 5, "dropped:b", True),)),
)


def only_link(events: Iterable[Event], clock_hours: float | None = None) -> Link:
    state = derive(events, clock=None if clock_hours is None else at(clock_hours))
    (link,) = state.links.values()
    return link


def lives_in_hours(link: Link) -> list[tuple[object, ...]]:
    def hours(time: int | None) -> float | None:
        return None if time is None else time / HOUR_US

    return [
        (
            hours(life.started_at),
            hours(life.last_alive_at),
            hours(life.lost_at),
            hours(life.confirmed_at),
            life.lost_reason,
            life.is_confirmed_by_event,
        )
        for life in link.lives
    ]


@pytest.mark.parametrize(
    ("shows", "text", "clock", "status", "lives"), HISTORIES, ids=[row[0] for row in HISTORIES]
)
def test_lives(
    shows: str, text: str, clock: float | None, status: str, lives: tuple[tuple[object, ...], ...]
) -> None:
    link = only_link(history(text), clock)
    assert (link.status, lives_in_hours(link)) == (status, list(lives)), shows


def test_one_microsecond_decides_at_the_end_of_suspicion() -> None:
    events = history("d0 l5:pageerror")
    end = at(77)
    assert derive(events, clock=end - 1).links[events[0].pair].status is Status.SUSPECT
    assert derive(events, clock=end).links[events[0].pair].status is Status.LOST


def test_the_clock_is_the_greatest_time_of_any_link() -> None:
    other = event("l77", target="https://c.net/")
    state = derive([*history("d0 l5:pageerror"), other])
    assert state.clock == at(77)
    assert state.links[event("d0").pair].status is Status.LOST


def test_dates_of_a_link() -> None:
    link = only_link(history("d1 l2 d4 s6 l7:pageerror l8:pageerror l9"))
    assert (link.first_seen, link.last_seen, link.last_checked_at) == (at(1), at(6), at(9))
    assert link.times_lost == 2
    only_lost = only_link(history("l3"))
    assert (only_lost.first_seen, only_lost.last_seen, only_lost.last_checked_at) == (None, None, at(3))
    assert only_lost.times_lost == 0


def test_a_source_that_does_not_accept_losses_gives_sightings_only() -> None:
    link = only_link([event("d0"), event("l5", 1, is_loss_accepted=False)])
    assert (link.status, link.last_checked_at) == (Status.LIVE, 0)
    assert derive([event("l5", is_loss_accepted=False)]).clock == at(5)


def test_deciding_events_are_those_of_the_instant_with_the_winning_reason() -> None:
    link = only_link(history("d0 s0 l0 l5:pageerror l5:noindex l5:noindex l5"))
    (life,) = link.lives
    assert {origin.offset for origin in life.begun_by} == {0, 1}
    assert {origin.offset for origin in life.ended_by} == {4, 5}
    (by_time,) = only_link(history("d0 l5:pageerror"), 99).lives
    assert by_time.ended_by == frozenset()


def test_absent_is_not_empty_and_the_latest_wins() -> None:
    events = [
        event("d0", 0, anchor="one", rel="nofollow", attributes={"title": "T"}),
        event("s1", 1),
        event("s2", 2, anchor="", rel=""),
        event("s3", 3, attributes={"title": "T"}),
        event("l4", 4, anchor="of a loss", rel="ugc"),
    ]
    link = only_link(events)
    assert dict(link.values) == {"anchor": "", "rel": "", "title": "T"}
    assert [(run.field, run.observed_at, run.value) for run in link.runs] == [
        ("anchor", 0, "one"),
        ("rel", 0, "nofollow"),
        ("title", 0, "T"),
        ("anchor", at(2), ""),
        ("rel", at(2), ""),
    ]


@pytest.mark.parametrize(
    ("name", "values", "merged"),
    [
        ("rel", ["nofollow", "noopener"], "noopener"),
        ("rel", ["noopener", ""], "noopener"),
        ("rel", ["nofollow", "ugc"], "ugc"),
        ("rel", ["ugc", ""], ""),
        ("rel", [None, "nofollow"], "nofollow"),
        ("anchor", ["a", "bb"], "bb"),
        ("anchor", ["bb", "ba"], "ba"),
        ("anchor", ["äö", "abc"], "äö"),
        ("anchor", ["", None], ""),
        ("link_type", ["image", "text"], "text"),
        ("link_type", [None, "form"], "form"),
    ],
)
def test_one_instant_has_one_value(name: str, values: list[str | None], merged: str) -> None:
    for order in (values, values[::-1]):
        fields = [{name: value} for value in order]
        events = [event("d0", number, **of) for number, of in enumerate(fields)]  # type: ignore[arg-type]
        assert dict(only_link(events).values) == {name: merged}


def test_unverified_links_are_live_and_count() -> None:
    events = [event("d0"), event(f"d{90 * 24}", target="https://c.net/")]
    rows = {row[1]: row for row in links(derive(events), Settings())}
    assert [rows[url][5:8] for url in ("https://b.org/", "https://c.net/")] == [
        (True, False, True),
        (True, False, False),
    ]
    assert sorted(row[1:3] for row in domains(derive(events), Settings())) == [(0, 0), (1, 1), (1, 1)]


def test_internal_links_count_in_no_view_but_two() -> None:
    state = derive([event("d0", target="https://a.com/2")])
    assert len(links(state, Settings())) == 1
    assert domains(state, Settings()) == [("a.com", 0, 0, 0, 0, 0, 0)]
    assert new_lost(state, Settings()) == []
    assert domain_edges(state) == {}


def test_velocity_counts_beginnings_and_confirmed_ends_by_hour() -> None:
    events = history("d0.5 l0.9 s1.2 l2:pageerror l3.99:pageerror")
    assert sorted(link_velocity(derive(events), Settings())) == [
        ("b.org", at(0), 1, 0, 1, 0),
        ("b.org", at(1), 0, 1, 0, 1),
        ("b.org", at(3), 0, 0, 1, -1),
    ]


@pytest.mark.parametrize(
    ("rel", "link_type", "is_edge"),
    [
        (None, None, True),
        ("noopener", "redirect", True),
        ("nofollow", None, False),
        ("ugc", "text", False),
        ("sponsored", "text", False),
        (None, "form", False),
        (None, "alternate", False),
        (None, "rss", False),
        (None, "canonical", True),
    ],
)
def test_edges_of_the_domain_graph(rel: str | None, link_type: str | None, is_edge: bool) -> None:  # noqa: FBT001
    state = derive([event("d0", rel=rel, link_type=link_type)])
    assert domain_edges(state) == ({("a.com", "b.org"): 1.0} if is_edge else {})
    assert known_domains(state) == {"a.com", "b.org"}


def test_suspect_links_pass_and_lost_ones_do_not() -> None:
    assert domain_edges(derive(history("d0 l1:pageerror"))) == {("a.com", "b.org"): 1.0}
    lost = derive(history("d0 l1"))
    assert domain_edges(lost) == {}
    assert known_domains(lost) == {"a.com", "b.org"}
    assert known_domains(derive(history("l1"))) == set()
