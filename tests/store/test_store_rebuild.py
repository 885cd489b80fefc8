from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from hand_made_store import PARTITION, Store, Story, day, domain_key, micros

from linktide.sources.source import Position
from linktide.store.rebuild import (
    attribute_rows,
    domain_rows,
    link_rows,
    name_rows,
    observations_of,
    page_rows,
    page_set_rows,
    read_positions,
    read_writer,
    register_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_all(rows: Iterator[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(rows)


def test_wide_rows_come_page_by_page(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for number in range(200):
            story.link(number, f"a.com/{number % 7}", f"b.com/{number}")
        store.put(story, day(1))
        pages = read_all(link_rows(store.database))["source_key"].to_pylist()
    runs = [page for page, before in zip(pages, [None, *pages], strict=False) if page != before]
    assert len(pages) == 200
    assert len(runs) == len(set(pages)) == 7


def test_wide_rows_changed_attributes_and_state_rows_come_apart(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        first = (
            Story()
            .link(
                1,
                "a.com/x",
                "b.com/",
                anchor="old",
                rel="ugc",
                attributes='{"alt":"cat"}',
                attributes_at=day(1),
            )
            .link(2, "a.com/y", "b.com/")
            .state(1, 1, started_at=day(1), last_seen=day(1))
            .state(2, 0, firm_loss_at=day(2), firm_loss_reason="notfound")
        )
        store.put(first, day(2))
        second = Story(sides=first.sides).attribute(1, "anchor", day(3), "new")
        store.put(second.state(1, 2, started_at=day(1), last_seen=day(3), suspect_at=day(4)), day(4))
        links = {row["link_id"]: row for row in read_all(link_rows(store.database)).to_pylist()}
        changed = read_all(attribute_rows(store.database)).to_pylist()
        states = read_all(register_rows(store.database))
        newest = read_all(register_rows(store.database, 2)).to_pylist()
        assert list(link_rows(store.database, 2)) == []
        assert list(attribute_rows(store.database, 3)) == []
    one, two = links[1], links[2]
    assert (one["anchor"], one["rel"], one["attributes"]) == ("old", "ugc", '{"alt":"cat"}')
    assert (one["attributes_at"], two["attributes_at"]) == (day(1), None)
    assert [(row["link_id"], row["anchor"], row["rel"], row["attributes"]) for row in changed] == [
        (1, "new", "ugc", '{"alt":"cat"}')
    ]
    assert changed[0]["attributes_changed_at"] == day(3)
    assert states.schema.field("status").type == pa.uint8()
    assert states.schema.field("last_seen").type == pa.timestamp("us", tz="UTC")
    assert sorted((row["link_id"], row["rev"], row["status"]) for row in states.to_pylist()) == [
        (1, 1, 1),
        (1, 2, 2),
        (2, 1, 0),
    ]
    assert [(row["link_id"], row["suspect_at"]) for row in newest] == [(1, day(4))]


def test_names_of_domains_come_from_their_links(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        store.put(Story().link(1, "a.com/x", "b.com/"), day(1))
        keys = pa.array([domain_key("b.com"), 99], pa.uint64())
        found = read_all(name_rows(store.database, keys)).to_pylist()
    assert [(row["domain_key"], row["domain_name"], row["has_node"]) for row in found] == [
        (domain_key("b.com"), "b.com", False)
    ]


def test_domains_carry_their_newest_score(tmp_path: Path) -> None:
    key = domain_key("a.com")
    with Store(tmp_path / "a.duckdb") as store:
        store.put(Story().domains("a.com", "b.com"))
        store.put(
            Story().add("domain_scores", domain_key=key, citation=9.0, authority=90.0, scored_at=day(2))
        )
        store.put(
            Story().add("domain_scores", domain_key=key, citation=1.0, authority=10.0, scored_at=day(1))
        )
        found = {row["domain_name"]: row for row in read_all(domain_rows(store.database)).to_pylist()}
    assert (found["a.com"]["domain_key"], found["a.com"]["authority"]) == (key, 10.0)
    assert found["b.com"]["authority"] is None


def test_observations_are_those_of_the_wanted_links_even_inside_the_transaction(tmp_path: Path) -> None:
    story = Story().link(1, "a.com/x", "b.com/").link(2, "a.com/y", "b.com/")
    story.event(1, 1, day(1), 0, rel="").event(2, 1, day(1), 1).event(1, 3, day(2), 2, lost_reason="notfound")
    with Store(tmp_path / "a.duckdb") as store:
        store.put(story)
        store.all("BEGIN")
        table = observations_of(store.database, wanted((1, 7), (99, 8)))
        store.all("ROLLBACK")
        empty = observations_of(store.database, wanted())
    found = sorted((row["kind"], row["rel"], row["lost_reason"]) for row in table.to_pylist())
    assert found == [(1, "", None), (3, None, "notfound")]
    assert empty.num_rows == 0
    assert table.schema.field("observed_at").type == pa.timestamp("us", tz="UTC")


def wanted(*links: tuple[int, int]) -> pa.RecordBatch:
    """Return links as (link_id, page_key)."""
    columns = {name: [link[place] for link in links] for place, name in enumerate(("link_id", "page_key"))}
    return pa.record_batch({name: pa.array(values, pa.uint64()) for name, values in columns.items()})


def test_pages_tell_of_the_wanted_links_whether_they_list_them_or_not(tmp_path: Path) -> None:
    story = Story().add("page_sets", set_id=5, link_id=1, anchor="a", attributes='{"alt":"b"}')
    story.add("page_sets", set_id=5, link_id=3)
    story.page(7, day(1), 0, set_id=5).page(7, day(2), 1, set_id=5, loss_reason="removedfromhtml")
    story.page(7, day(3), 2, loss_reason="notfound").page(7, day(3), 3, loss_reason="pageerror")
    story.page(7, day(4), 4, loss_reason="noindex", accepts_losses=False).page(8, day(5), 5, loss_reason="x")
    with Store(tmp_path / "a.duckdb") as store:
        store.put(story)
        table = observations_of(store.database, wanted((1, 7), (2, 7)))
    columns = ("link_id", "kind", "observed_at", "lost_reason", "anchor", "listed_attributes")
    found = sorted((tuple(row[name] for name in columns) for row in table.to_pylist()), key=repr)
    assert found == sorted(
        [
            (1, 4, day(1), None, "a", '{"alt":"b"}'),
            (1, 4, day(2), None, "a", '{"alt":"b"}'),
            *[
                (link, 3, day(3), reason, None, None)
                for link in (1, 2)
                for reason in ("notfound", "pageerror")
            ],
            (2, 3, day(2), "removedfromhtml", None, None),
        ],
        key=repr,
    )


def test_registers_of_pages_are_maxima_and_two_times_apart(tmp_path: Path) -> None:
    story = Story().page(7, day(2), 0, loss_reason="noindex").page(7, day(2), 1, loss_reason="notfound")
    story.page(7, day(2), 2, loss_reason="dropped:x").page(7, day(1), 3, loss_reason="pageredirected")
    for off, number in enumerate((5, 3, 5, 4)):
        story.page(7, day(number), 10 + off, loss_reason="pageerror", set_id=off % 2)
    story.page(7, day(9), 20, loss_reason="notfound", accepts_losses=False).page(7, day(9), 21)
    story.page(8, day(1), 22, loss_reason="dropped:a").page(8, day(1), 23, loss_reason="dropped:b")
    with Store(tmp_path / "a.duckdb") as store:
        store.put(story)
        found = {row.pop("page_key"): row for row in read_all(page_rows(store.database)).to_pylist()}
        sets = read_all(page_set_rows(store.database)).column("set_id").to_pylist()
    assert found == {
        7: {
            "firm_loss_at": day(2),
            "firm_loss_reason": "notfound",
            "suspect_at": day(5),
            "suspect_before_at": day(4),
        },
        8: {
            "firm_loss_at": day(1),
            "firm_loss_reason": "dropped:b",
            "suspect_at": None,
            "suspect_before_at": None,
        },
    }
    assert sorted(sets) == [0, 1]


def test_writer_row_and_positions_are_those_of_the_newest_batch(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        assert (read_writer(store.database).rev, read_writer(store.database).clock_us) == (0, None)
        assert read_positions(store.database) == {}
        store.put(Story(), day(1), offsets=(None, 10))
        store.put(Story(), day(2), offsets=(10, 20))
        assert read_writer(store.database).rev == 2
        assert read_writer(store.database).clock_us == micros(day(2))
        assert read_positions(store.database) == {PARTITION: Position(20, 3)}
