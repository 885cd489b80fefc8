"""The oracle against hand-written pages: about one for each sentence on them in the state design."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oracle.events import HOUR_US, Origin
from oracle.model import Status, derive
from oracle.page_events import Entry, PageEvent, merge_entries
from oracle.written import at, event

if TYPE_CHECKING:
    from oracle.events import Event
    from oracle.model import Link

B, C, D = "https://b.org/", "https://c.net/", "https://d.de/"


def page(hours: float, *targets: str, number: int = 99, **answer: Any) -> PageEvent:  # noqa: ANN401
    return PageEvent(
        observed_at=at(hours),
        source_url="https://a.com/",
        source_domain="a.com",
        origin=Origin("memory", "links", 0, number),
        record_at=0,
        entries=tuple(Entry(target, target.split("/")[2]) for target in targets),
        **answer,
    )


def whole(hours: float, *targets: str, **answer: Any) -> PageEvent:  # noqa: ANN401
    return page(hours, *targets, is_complete=True, **answer)


def links(*events: Event | PageEvent, clock: float | None = None) -> dict[str, Link]:
    state = derive(events, clock=None if clock is None else at(clock))
    return {pair.target_url: link for pair, link in state.links.items()}


def ends(link: Link) -> list[tuple[float, str | None]]:
    return [(life.confirmed_at / HOUR_US, life.lost_reason) for life in link.lives if life.confirmed_at]


def test_a_complete_page_is_a_loss_of_what_it_does_not_list() -> None:
    found = links(event("d0"), event("d0", target=C), whole(5, C, D))
    assert {url: link.status for url, link in found.items()} == {
        B: Status.LOST,
        C: Status.LIVE,
        D: Status.LIVE,
    }
    assert ends(found[B]) == [(5, "removedfromhtml")]
    assert (found[C].last_seen, found[D].first_seen) == (at(5), at(5))


def test_a_page_speaks_of_links_that_become_known_later() -> None:
    (link,) = links(whole(5), event("d1"), event("s2")).values()
    assert (link.status, ends(link), link.last_checked_at) == (Status.LOST, [(5, "removedfromhtml")], at(5))
    assert links(whole(5), event("d6"))[B].status is Status.LIVE


def test_a_page_that_is_not_complete_gives_sightings_only() -> None:
    found = links(event("d0"), page(5, C))
    assert [link.status for link in found.values()] == [Status.LIVE] * 2
    found = links(event("d0"), whole(5, C, is_loss_accepted=False))
    assert [link.status for link in found.values()] == [Status.LIVE] * 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"http_code": 404}, "notfound"),
        ({"http_code": 410, "is_noindex": True}, "notfound"),
        ({"http_code": 301}, "pageredirected"),
        ({"is_noindex": True}, "noindex"),
        ({"canonical": (C, "c.net")}, "notcanonical"),
        ({"is_complete": True, "lost_reason": "dropped:x"}, "dropped:x"),
    ],
)
def test_answers_that_end_every_link(answer: dict[str, Any], reason: str) -> None:
    found = links(event("d0"), page(5, *([] if "is_complete" in answer else [B]), **answer))
    assert ends(found[B]) == [(5, reason)]


@pytest.mark.parametrize(
    "answer",
    [
        {"http_code": 500},
        {"http_code": 429, "is_complete": True},
        {"http_code": 503, "is_noindex": True},
        {"lost_reason": "pageerror"},
        {"http_code": 0, "lost_reason": "pageerror"},
    ],
)
def test_answers_that_only_raise_suspicion(answer: dict[str, Any]) -> None:
    assert links(event("d0"), page(5, B, **answer))[B].status is Status.SUSPECT
    twice = links(event("d0"), page(5, **answer), page(6, **answer, number=100))
    assert ends(twice[B]) == [(6, "pageerror")]
    assert links(event("d0"), page(5, **answer), page(5, **answer, number=100))[B].status is Status.SUSPECT
    assert links(event("d0"), page(5, **answer), event("l6:pageerror"))[B].status is Status.LOST


@pytest.mark.parametrize(
    ("answer", "link_type"),
    [
        ({"http_code": 301, "redirect": (C, "c.net")}, "redirect"),
        ({"canonical": (C, "c.net")}, "canonical"),
    ],
)
def test_a_redirect_or_canonical_is_the_one_sighting(answer: dict[str, Any], link_type: str) -> None:
    found = links(page(5, B, D, **answer))
    assert [(url, link.values["link_type"], link.status) for url, link in found.items()] == [
        (C, link_type, Status.LIVE)
    ]


def test_the_page_itself_is_no_foreign_canonical() -> None:
    assert links(page(5, B, canonical=("http://a.com/", "a.com")))[B].status is Status.LIVE


def test_at_one_instant_a_listing_wins_and_then_the_stronger_reason() -> None:
    assert links(whole(5, B), event("l5"), whole(5, number=1))[B].status is Status.LIVE
    lost = links(event("d0"), whole(5), page(5, http_code=404, number=1), event("l5:noindex"))
    assert ends(lost[B]) == [(5, "notfound")]


def test_entries_for_one_target_are_one_sighting() -> None:
    entries = [
        Entry(B, "b.org", anchor="nav", rel="ugc", link_type="text"),
        Entry(B, "b.org", anchor="in content", attributes={"semantic_location": "content", "alt": "a"}),
        Entry(B, "b.org", rel="noopener", link_type="image", attributes={"alt": "b"}),
        Entry(B, "b.org", anchor="a later one in content", attributes={"semantic_location": "content"}),
    ]
    merged = {
        "anchor": "in content",
        "rel": "noopener",
        "link_type": "text",
        "alt": "b",
        "semantic_location": "content",
        "occurrences": "4",
    }
    assert merge_entries(entries) == merged
    assert merge_entries(entries[:1] + entries[2:3])["anchor"] == "nav"


def test_occurrences_are_one_until_a_page_says_otherwise() -> None:
    found = links(page(1, B), page(2, B, B, B, number=1), page(3, B, number=2))
    assert [(run.field, run.observed_at, run.value) for run in found[B].runs] == [
        ("occurrences", at(2), "3"),
        ("occurrences", at(3), "1"),
    ]
    assert dict(links(page(1, B))[B].values) == {}
