"""What becomes of links that were agreed on, by hand-made stories; the brute force is in tests/pipeline."""

# ruff: noqa: ANN401, S608 - a row is any value by column name; statements of constants

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

LINK = 1
"""That which is agreed on, in all stories."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as made:
        yield made


def story() -> Story:
    return Story().link(LINK, "paid.com/post", "mine.org/a")


def live(told: Story, link_id: int = LINK, since: float = 1) -> Story:
    return told.state(link_id, 1, started_at=day(since), last_seen=day(since))


def lost(told: Story, link_id: int = LINK, since: float = 1, until: float = 5) -> Story:
    told.state(link_id, 3, started_at=day(since), last_seen=day(since), firm_loss_at=day(until))
    return told.life(
        link_id, day(since), last_alive_at=day(since), lost_at=day(until), confirmed_at=day(until),
        lost_reason="notfound", is_confirmed_by_event=True,
    )  # fmt: skip


def agree(store: Store, link_id: int = LINK, **agreed: Any) -> None:
    """Agree on a link that the tables have."""
    given = {"grace_days": 3, "expected_words": None} | agreed
    if "expected_anchor" in agreed:
        given["expected_words"] = agreed["expected_anchor"]
    told = ", ".join(f"? AS {name}" for name in given)
    of_link = "link_id, source_key, t_dom_key, source_url, target_url, source_domain, target_domain"
    store.database.connection.execute(
        "INSERT INTO internal.placements BY NAME "
        f"SELECT {of_link}, 'f' AS file_name, link_id AS line, {told} FROM internal.links WHERE link_id = ?",
        [*given.values(), link_id],
    )


def placement(store: Store, told: Story, clock: float, **agreed: Any) -> dict[str, Any]:
    """Agree on the link of a story; return the row of its placement."""
    store.put(told, clock=day(clock))
    agree(store, **agreed)
    return one(store)


def one(store: Store, link_id: int = LINK) -> dict[str, Any]:
    (row,) = store.dicts(f"FROM placements WHERE link_id = {link_id}")
    return row


def verdict(row: dict[str, Any]) -> tuple[str, datetime | None, bool | None]:
    return row["state"], row["violated_since"], row["is_overdue"]


@pytest.mark.parametrize("rel", [None, "followed"])
def test_nothing_is_owed_before_live_from(store: Store, rel: str | None) -> None:
    told = lost(story()) if rel is None else live(story().attribute(LINK, "rel", day(1), "nofollow"))
    row = placement(store, told, 9, live_from=day(10), expected_rel=rel)
    assert verdict(row) == ("not_yet", None, None)


def test_another_link_before_live_from_is_no_wrong_one(store: Store) -> None:
    told = live(story().link(2, "paid.com/post", "mine.org/b"), 2)
    row = placement(store, told, 9, live_from=day(10))
    assert (*verdict(row), row["found_target_url"]) == ("not_yet", None, None, None)


def test_a_link_that_is_early_is_ok(store: Store) -> None:
    assert verdict(placement(store, live(story()), 9, live_from=day(10))) == ("ok", None, None)


def test_grace_begins_at_live_from(store: Store) -> None:
    row = placement(store, lost(story()), 12, live_from=day(10))
    assert verdict(row) == ("lost", day(10), False)
    store.put(Story(), clock=day(13))
    assert verdict(one(store)) == ("lost", day(10), True)


def retold(field: str, *told: str) -> Story:
    """Tell a live link's field anew each day, from day 1 on."""
    made = live(story())
    for number, value in enumerate(told, 1):
        made.attribute(LINK, field, day(number), value)
    return made


@pytest.mark.parametrize(
    ("told", "since"),
    [
        (("nofollow", "nofollow ugc", "sponsored"), 1),
        (("", "nofollow", "nofollow ugc"), 2),
        (("nofollow", "", "ugc", "ugc nofollow"), 3),
        (("nofollow", "noopener", "nofollow"), 3),
    ],
)
def test_one_wrong_rel_after_another_is_wrong_all_along(
    store: Store, told: tuple[str, ...], since: float
) -> None:
    row = placement(store, retold("rel", *told), 30, expected_rel="followed")
    assert verdict(row) == ("wrong_rel", day(since), True)


def test_one_wrong_anchor_after_another_is_wrong_all_along(store: Store) -> None:
    told = retold("anchor", "shoes", "boots", "Boots!", "hats")
    row = placement(store, told, 30, expected_anchor="shoes")
    assert verdict(row) == ("wrong_anchor", day(2), True)


def test_a_link_that_came_back_is_not_wrong_of_old(store: Store) -> None:
    told = retold("rel", "nofollow", "ugc")
    told.records["link_changes"].clear()
    told.life(LINK, day(1), last_alive_at=day(1), lost_at=day(5), confirmed_at=day(5), lost_reason="notfound")
    row = placement(store, live(told, since=29), 30, expected_rel="followed")
    assert verdict(row) == ("wrong_rel", day(29), False)


def test_a_wrong_rel_beside_a_wrong_anchor_restarts_nothing(store: Store) -> None:
    told = retold("anchor", "boots").attribute(LINK, "rel", day(1), "").attribute(LINK, "rel", day(29), "ugc")
    row = placement(store, told, 30, expected_anchor="shoes", expected_rel="followed")
    assert verdict(row) == ("wrong_rel", day(1), True)


def beside(since: float) -> Story:
    """Tell the agreed link as lost on day 5, and another of its page as live."""
    return live(lost(story()).link(2, "paid.com/post", "mine.org/b"), 2, since)


def test_a_link_that_was_there_before_hides_no_loss(store: Store) -> None:
    row = placement(store, beside(4), 9)
    assert (*verdict(row), row["found_target_url"]) == ("lost", day(5), True, None)


def test_a_link_that_came_instead_is_a_wrong_target_and_tells_of_the_loss(store: Store) -> None:
    row = placement(store, beside(5), 9)
    assert (*verdict(row), row["found_target_url"]) == ("wrong_target", day(5), True, "https://mine.org/b")
    assert (row["lost_at"], row["lost_reason"]) == (day(5), "notfound")


def test_a_link_that_is_a_placement_hides_no_loss(store: Store) -> None:
    store.put(beside(6), clock=day(9))
    agree(store)
    agree(store, 2)
    assert (verdict(one(store)), verdict(one(store, 2))) == (("lost", day(5), True), ("ok", None, None))


def test_what_is_over_tells_of_its_loss(store: Store) -> None:
    row = placement(store, lost(story()), 9, paid_until=day(8))
    assert (row["state"], row["lost_at"], row["lost_reason"]) == ("expired", day(5), "notfound")


def test_of_a_link_never_seen_another_is_a_wrong_target(store: Store) -> None:
    told = live(story().link(2, "paid.com/post", "mine.org/b"), 2)
    row = placement(store, told, 9)
    assert (*verdict(row), row["lost_reason"]) == ("wrong_target", day(1), True, None)


def campaign(store: Store) -> tuple[int, int, int | None, int | None]:
    (row,) = store.dicts("FROM campaigns")
    return row["placements"], row["not_checked"], row["won"], row["surviving"]


def page_key(store: Store) -> int:
    key: int = store.all("SELECT source_key FROM internal.placements")[0][0]
    return key


@pytest.mark.parametrize("paid_until", [None, day(8)])
def test_a_page_that_only_failed_has_told_nothing_of_a_campaign(
    store: Store, paid_until: datetime | None
) -> None:
    row = placement(store, story(), 9, campaign="spring", paid_until=paid_until)
    store.put(Story().page(page_key(store), day(3), 1, loss_reason="pageerror"), clock=day(9))
    assert one(store)["page_checked_at"] == day(3)
    assert (row["state"], campaign(store)) == ("expired" if paid_until else "not_checked", (1, 1, None, None))
    store.put(Story().page(page_key(store), day(4), 2, loss_reason="notfound"), clock=day(9))
    assert one(store)["state"] == ("expired" if paid_until else "missing")
    assert campaign(store) == (1, 0, 0, 0)


def test_nothing_is_known_of_a_campaign_to_come(store: Store) -> None:
    told = live(story().link(2, "paid.com/post", "mine.org/b"), 2)
    placement(store, told, 9, campaign="spring", live_from=day(10))
    assert campaign(store) == (1, 1, None, None)


def test_what_a_campaign_won_early_counts(store: Store) -> None:
    placement(store, live(story()), 9, campaign="spring", live_from=day(10))
    assert campaign(store) == (1, 0, 1, 1)


def test_a_campaign_without_placements_has_none(store: Store) -> None:
    store.database.connection.execute(
        "INSERT INTO internal.campaigns BY NAME SELECT 'never' AS campaign, 'f' AS file_name"
    )
    assert campaign(store) == (0, 0, None, None)
