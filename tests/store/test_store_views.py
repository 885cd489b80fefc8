# ruff: noqa: FBT001 - expected values are parameters
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import PARTITION, Store, Story, day, domain_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIVE, SUSPECT, LOST = 1, 2, 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as one:
        yield one


def live(story: Story, link_id: int, source: str, target: str, since: float = 1, **wide: Any) -> Story:  # noqa: ANN401
    """Tell a link that lives since a day and was last seen then."""
    if "attributes_at" not in wide and wide:
        wide["attributes_at"] = day(since)
    return (
        story.link(link_id, source, target, **wide)
        .state(link_id, LIVE, started_at=day(since), last_seen=day(since))
        .life(link_id, day(since))
    )


def then(before: Story) -> Story:
    """Begin the story of the next batch, about the same links."""
    return Story(sides=before.sides)


def link(store: Store, link_id: int = 1) -> dict[str, Any]:
    found = store.dicts(f"SELECT * FROM links WHERE link_id = {link_id}")  # noqa: S608
    assert len(found) == 1
    return found[0]


def test_a_live_link_shows_in_all_views_of_live_links(store: Store) -> None:
    store.put(
        live(Story(), 1, "a.com/x", "b.com/y", anchor="cat", rel="ugc").domains("a.com", "b.com"), day(2)
    )
    row = link(store)
    assert (row["source_url"], row["target_domain"], row["is_internal"]) == (
        "https://a.com/x",
        "b.com",
        False,
    )
    assert (row["is_live"], row["is_suspect"], row["is_unverified"], row["times_lost"]) == (
        True,
        False,
        False,
        0,
    )
    assert row["first_seen"] == row["last_seen"] == row["started_at"] == row["last_checked_at"] == day(1)
    assert row["lost_at"] is row["confirmed_at"] is row["lost_reason"] is None
    for view in ("backlinks", "outgoing_links", "refdomains", "anchors"):
        assert len(store.dicts(f"FROM {view}")) == 1, view


def test_a_link_only_ever_lost_has_no_life(store: Store) -> None:
    story = Story().link(1, "a.com/x", "b.com/").domains("a.com", "b.com")
    store.put(story.state(1, 0, firm_loss_at=day(2), firm_loss_reason="notfound"), day(2))
    row = link(store)
    assert row["first_seen"] is row["last_seen"] is row["started_at"] is None
    assert (row["is_live"], row["times_lost"], row["last_checked_at"]) == (False, 0, day(2))
    for view in ("backlinks", "domains", "link_lives", "new_lost", "refdomains"):
        assert store.dicts(f"FROM {view}") == [], view


def test_the_newest_rev_decides_not_the_newest_time(store: Store) -> None:
    first = live(Story(), 1, "a.com/x", "b.com/", since=5)
    store.put(first, day(9))
    # A late loss: the registers of the second batch are older in event time and still win.
    second = then(first).state(1, LOST, started_at=day(1), last_seen=day(2), firm_loss_at=day(3))
    second.life(1, day(5), is_void=True)
    second.life(1, day(1), lost_at=day(3), confirmed_at=day(3), lost_reason="notfound", last_alive_at=day(2))
    store.put(second, day(9))
    row = link(store)
    assert (row["is_live"], row["first_seen"], row["last_seen"]) == (False, day(1), day(2))
    assert (row["started_at"], row["lost_at"], row["confirmed_at"]) == (day(1), day(3), day(3))
    assert (row["lost_reason"], row["times_lost"], row["last_checked_at"]) == ("notfound", 1, day(3))
    assert store.dicts("FROM backlinks") == []


def test_several_lives_are_numbered_and_counted(store: Store) -> None:
    story = Story().link(1, "a.com/x", "b.com/")
    story.life(1, day(1), last_alive_at=day(2), lost_at=day(3), confirmed_at=day(6), lost_reason="pageerror")
    ended = {
        "lost_at": day(9),
        "confirmed_at": day(9),
        "lost_reason": "notfound",
        "is_confirmed_by_event": True,
    }
    story.life(1, day(8), last_alive_at=day(8.5), **ended)
    story.life(1, day(11)).state(1, LIVE, started_at=day(11), last_seen=day(12), firm_loss_at=day(9))
    store.put(story, day(12))
    row = link(store)
    assert (row["first_seen"], row["started_at"], row["times_lost"]) == (day(1), day(11), 2)
    assert (row["lost_at"], row["confirmed_at"], row["lost_reason"]) == (None, None, None)
    lives = store.dicts("FROM link_lives ORDER BY life_number")
    assert [one["life_number"] for one in lives] == [1, 2, 3]
    assert [one["started_at"] for one in lives] == [day(1), day(8), day(11)]
    assert [one["confirmed_at"] for one in lives] == [day(6), day(9), None]
    assert [one["is_confirmed_by_event"] for one in lives] == [False, True, False]
    assert lives[0]["last_alive_at"] == day(2)


def test_a_suspect_link_is_live_and_says_so(store: Store) -> None:
    story = live(Story(), 1, "a.com/x", "b.com/")
    story.records["link_changes"] = []
    store.put(story.state(1, SUSPECT, started_at=day(1), last_seen=day(1), suspect_at=day(3)), day(3))
    row = link(store)
    assert (row["is_live"], row["is_suspect"], row["last_checked_at"]) == (True, True, day(3))
    assert [one["is_suspect"] for one in store.dicts("FROM backlinks")] == [True]


@pytest.mark.parametrize(("age", "unverified"), [(89.99, False), (90, True), (200, True)])
def test_unverified_is_told_by_the_writers_clock(store: Store, age: float, unverified: bool) -> None:
    story = live(Story(), 1, "a.com/x", "b.com/")
    story.link(2, "a.com/y", "b.com/").state(
        2, LOST, started_at=day(1), last_seen=day(1), firm_loss_at=day(1)
    )
    store.put(story, day(1 + age))
    assert link(store)["is_unverified"] is unverified
    assert link(store, 2)["is_unverified"] is False
    assert len(store.dicts("FROM backlinks")) == 1


def test_unverified_days_are_a_setting(tmp_path: Path) -> None:
    with Store(tmp_path / "b.duckdb", unverified_after_days=2) as store:
        store.put(live(Story(), 1, "a.com/x", "b.com/"), day(3))
        assert link(store)["is_unverified"] is True


@pytest.mark.parametrize(
    ("rel", "dofollow", "carried"),
    [
        (None, True, []),
        ("", True, []),
        ("noopener", True, []),
        ("nofollow", False, ["nofollow"]),
        ("noopener sponsored ugc", False, ["ugc", "sponsored"]),
        ("nofollower", True, []),
        ("external nofollow", False, ["nofollow"]),
    ],
)
def test_follow_is_read_from_whole_rel_tokens(
    store: Store,
    rel: str | None,
    dofollow: bool,
    carried: list[str],
) -> None:
    store.put(live(Story(), 1, "a.com/x", "b.com/", rel=rel, attributes_at=day(1)), day(1))
    row = link(store)
    assert (row["rel"], row["is_dofollow"]) == (rel, dofollow)
    assert [token for token in ("nofollow", "ugc", "sponsored") if row[f"is_{token}"]] == carried


def test_the_newest_run_of_each_attribute_is_current(store: Store) -> None:
    wide = {"anchor": "old", "rel": "ugc", "link_type": "text", "attributes": '{"alt":"cat","title":"t"}'}
    first = live(Story(), 1, "a.com/x", "b.com/", since=5, **wide)
    live(first, 2, "a.com/y", "b.com/", since=5, **wide)
    first.attribute(1, "anchor", day(7), "new").attribute(1, "rel", day(3), "older than the wide row")
    first.attribute(1, "title", day(6), 'says "hi"').attribute(1, "language", day(1), "de")
    store.put(first, day(9))
    row = link(store)
    assert (row["anchor"], row["rel"], row["link_type"]) == ("new", "ugc", "text")
    assert json.loads(row["attributes"]) == {"alt": "cat", "title": 'says "hi"', "language": "de"}
    untouched = link(store, 2)
    assert (untouched["anchor"], json.loads(untouched["attributes"])) == ("old", {"alt": "cat", "title": "t"})


def test_void_runs_drop_out_also_from_the_wide_row(store: Store) -> None:
    first = live(
        Story(), 1, "a.com/x", "b.com/", since=5, anchor="wide", rel="ugc", attributes='{"alt":"cat"}'
    )
    first.attribute(1, "anchor", day(7), "later")
    store.put(first, day(9))
    second = then(first).attribute(1, "anchor", day(7), "", is_void=True)
    store.put(second.attribute(1, "rel", day(5), "", is_void=True), day(9))
    assert (link(store)["anchor"], link(store)["rel"]) == ("wide", None)
    third = (
        then(first).attribute(1, "anchor", day(5), "", is_void=True).attribute(1, "rel", day(5), "nofollow")
    )
    store.put(third.attribute(1, "alt", day(5), "", is_void=True), day(9))
    row = link(store)
    assert (row["anchor"], row["rel"], row["attributes"]) == (None, "nofollow", None)


def test_all_runs_void_leaves_no_attribute(store: Store) -> None:
    first = live(Story(), 1, "a.com/x", "b.com/", since=5, anchor="wide")
    store.put(first, day(9))
    store.put(then(first).attribute(1, "anchor", day(5), "", is_void=True), day(9))
    assert link(store)["anchor"] is None


def test_a_link_first_heard_of_without_attributes_gets_them_later(store: Store) -> None:
    first = live(Story(), 1, "a.com/x", "b.com/")
    store.put(first, day(1))
    store.put(then(first).attribute(1, "anchor", day(2), "cat").attribute(1, "alt", day(2), "x"), day(2))
    assert (link(store)["anchor"], link(store)["attributes"]) == ("cat", '{"alt":"x"}')


def profile() -> Story:
    """Tell b.com's links: two of a.com (one followed), one of c.com, one internal, one lost, one out."""
    story = Story().domains("a.com", "b.com", "c.com", "d.com")
    live(story, 1, "a.com/x", "b.com/1", since=1, anchor="cat")
    live(story, 2, "a.com/x", "b.com/2", since=3, anchor="cat", rel="nofollow")
    live(story, 3, "c.com/x", "b.com/1", since=2, anchor="dog")
    live(story, 4, "b.com/1", "b.com/2", since=1, anchor="home")
    live(story, 5, "b.com/1", "a.com/", since=1)
    story.link(6, "d.com/x", "b.com/1", anchor="gone", attributes_at=day(1))
    story.state(6, LOST, started_at=day(1), last_seen=day(1), firm_loss_at=day(2))
    story.life(6, day(1), lost_at=day(2), confirmed_at=day(2), lost_reason="notfound")
    story.add("domain_scores", domain_key=domain_key("a.com"), citation=2.5, authority=61.5, scored_at=day(1))
    return story


def test_backlinks_and_outgoing_links_carry_the_other_sides_authority(store: Store) -> None:
    store.put(profile(), day(4))
    found = {row["link_id"]: row["domain_authority"] for row in store.dicts("FROM backlinks")}
    assert found == {1: 61.5, 2: 61.5, 3: 0.0, 5: 0.0}
    found = {row["link_id"]: row["domain_authority"] for row in store.dicts("FROM outgoing_links")}
    assert found == {1: 0.0, 2: 0.0, 3: 0.0, 5: 61.5}


def test_refdomains_sum_up_the_live_links_of_a_pair(store: Store) -> None:
    store.put(profile(), day(4))
    found = {(row["source_domain"], row["target_domain"]): row for row in store.dicts("FROM refdomains")}
    assert found.keys() == {("a.com", "b.com"), ("c.com", "b.com"), ("b.com", "a.com")}
    pair = found["a.com", "b.com"]
    assert (pair["backlinks"], pair["dofollow_backlinks"], pair["is_dofollow"]) == (2, 1, True)
    assert (pair["source_pages"], pair["target_pages"], pair["domain_authority"]) == (1, 2, 61.5)
    assert (pair["first_seen"], pair["last_seen"]) == (day(1), day(3))


def test_domains_count_live_links_of_both_sides(store: Store) -> None:
    store.put(profile(), day(4))
    found = {row["domain_name"]: row for row in store.dicts("FROM domains")}
    assert found.keys() == {"a.com", "b.com", "c.com", "d.com"}
    numbers = (
        "backlinks",
        "dofollow_backlinks",
        "refdomains",
        "dofollow_refdomains",
        "outgoing_links",
        "linked_domains",
    )
    assert [found["b.com"][name] for name in numbers] == [3, 2, 2, 2, 1, 1]
    assert [found["a.com"][name] for name in numbers] == [1, 1, 1, 1, 2, 1]
    assert [found["d.com"][name] for name in numbers] == [0, 0, 0, 0, 0, 0]
    assert (found["a.com"]["citation"], found["a.com"]["authority_note"]) == (2.5, None)


def test_authority_is_hidden_while_the_graph_is_too_small(store: Store) -> None:
    store.put(profile(), day(4), is_authority_shown=False)
    found = {row["domain_name"]: row for row in store.dicts("FROM domains")}["a.com"]
    assert (found["domain_authority"], found["authority_note"], found["citation"]) == (
        None,
        "graph too small",
        2.5,
    )
    assert {row["domain_authority"] for row in store.dicts("FROM backlinks")} == {None}
    assert [row["domain_authority"] for row in store.dicts("FROM authority_history")] == [None]


def test_anchors_group_by_target_and_text(store: Store) -> None:
    store.put(profile(), day(4))
    found = {(row["target_domain"], row["anchor"]): row for row in store.dicts("FROM anchors")}
    assert found.keys() == {("b.com", "cat"), ("b.com", "dog"), ("a.com", None)}
    cat = found["b.com", "cat"]
    assert (cat["backlinks"], cat["dofollow_backlinks"], cat["refdomains"]) == (2, 1, 1)
    assert (cat["first_seen"], cat["last_seen"]) == (day(1), day(3))


def test_new_lost_tells_every_turn_and_the_event_that_decided_it(store: Store) -> None:
    story = Story().link(1, "a.com/x", "b.com/", anchor="cat", rel="ugc", attributes_at=day(1))
    story.link(2, "b.com/1", "b.com/2").life(2, day(1))
    story.life(1, day(1), last_alive_at=day(1), lost_at=day(3), confirmed_at=day(6), lost_reason="pageerror")
    ended = {
        "lost_at": day(9),
        "confirmed_at": day(9),
        "lost_reason": "notfound",
        "is_confirmed_by_event": True,
    }
    story.life(1, day(8), last_alive_at=day(8), **ended)
    story.event(1, 1, day(1), 12).event(1, 2, day(1), 11).event(1, 3, day(3), 13, lost_reason="pageerror")
    story.event(1, 1, day(8), 14).event(1, 3, day(9), 15, lost_reason="pageerror")
    story.event(1, 3, day(9), 17, lost_reason="notfound").event(1, 3, day(9), 18, lost_reason="notfound")
    store.put(story, day(9), offsets=(None, 20))
    found = store.dicts("FROM new_lost ORDER BY changed_at")
    assert [row["change"] for row in found] == ["new", "lost", "restored", "lost"]
    assert [row["changed_at"] for row in found] == [day(1), day(6), day(8), day(9)]
    assert [row["source_offset"] for row in found] == [11, None, 14, 17]
    assert [row["source_name"] for row in found] == [
        PARTITION.cluster,
        None,
        PARTITION.cluster,
        PARTITION.cluster,
    ]
    assert [row["lost_at"] for row in found] == [None, day(3), None, day(9)]
    assert [row["lost_reason"] for row in found] == [None, "pageerror", None, "notfound"]
    assert {(row["anchor"], row["rel"], row["is_dofollow"], row["link_id"]) for row in found} == {
        ("cat", "ugc", False, 1)
    }
    assert (found[0]["topic"], found[0]["source_partition"]) == ("links", 0)


def test_a_loss_without_reason_decides_as_removed_from_html(store: Store) -> None:
    story = Story().link(1, "a.com/x", "b.com/")
    ended = {"lost_at": day(2), "confirmed_at": day(2), "lost_reason": "removedfromhtml"}
    story.life(1, day(1), is_confirmed_by_event=True, **ended)
    story.event(1, 3, day(2), 1, lost_reason="pageerror").event(1, 3, day(2), 5)
    store.put(story, day(2), offsets=(None, 6))
    assert store.all("SELECT source_offset FROM new_lost WHERE change = 'lost'") == [(5,)]


def test_velocity_nets_late_revisions_and_forgets_what_was_taken_back(store: Store) -> None:
    story = Story().domains("b.com")
    target = domain_key("b.com")
    for hour, new, restored, lost in ((1, 3, 1, 0), (1, -1, 0, 2), (2, 1, 0, 0), (2, -1, 0, 0), (3, 1, 0, 1)):
        story.add(
            "velocity_delta",
            t_dom_key=target,
            hour=day(hour),
            new_links=new,
            restored_links=restored,
            lost_links=lost,
        )
    store.put(story, day(4))
    names = ("target_domain", "hour", "new_links", "restored_links", "lost_links", "net_links")
    found = [tuple(row[name] for name in names) for row in store.dicts("FROM link_velocity ORDER BY hour")]
    assert found == [("b.com", day(1), 2, 1, 2, 1), ("b.com", day(3), 1, 0, 1, 0)]


def test_authority_history_keeps_every_score(store: Store) -> None:
    key = domain_key("a.com")
    store.put(
        Story()
        .domains("a.com")
        .add("domain_scores", domain_key=key, citation=1.0, authority=9.0, scored_at=day(1))
    )
    store.put(Story().add("domain_scores", domain_key=key, citation=2.0, authority=8.0, scored_at=day(2)))
    found = store.dicts("FROM authority_history ORDER BY scored_at")
    assert [(row["domain_name"], row["domain_authority"], row["citation"]) for row in found] == [
        ("a.com", 9.0, 1.0), ("a.com", 8.0, 2.0),
    ]  # fmt: skip


def test_dead_letters_and_sources_name_their_partition(store: Store) -> None:
    story = Story().add(
        "dead_letters", source_id=1, off=7, reason="JSON", detail="no JSON", record_at=day(1),
        received_at=day(2), bytes=b"{", byte_length=1, bytes_hash=5,
    )  # fmt: skip
    store.put(story, day(2), offsets=(None, 8))
    letter = store.dicts("FROM dead_letters")[0]
    assert (letter["source_name"], letter["topic"], letter["source_partition"]) == ("cluster-a", "links", 0)
    assert (letter["source_offset"], letter["bytes"], letter["reason"]) == (7, b"{", "JSON")
    source = store.dicts("FROM sources")[0]
    assert (letter["topic_id"], source["topic_id"]) == ("topic-id-a", "topic-id-a")
    assert (source["source_name"], source["next_offset"], source["events"], source["dead_letters"]) == (
        "cluster-a", 8, 5, 1,
    )  # fmt: skip
