from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import NOW, Store, Story, day
from rich.console import Console

from linktide.cli.top_view import top_view
from linktide.serve.live_view import (
    NEWEST_CHANGES,
    NEWEST_SQL,
    TRACKED_SQL,
    TopInput,
    figures,
    top,
)
from linktide.store.gate import Role
from linktide.store.reader import ReaderPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    Read = Callable[[str, Sequence[object]], pa.Table]


@dataclass(frozen=True)
class Numbers:
    live_links: int
    authority: float | None


ASKED = TopInput(
    tracked=[("a.own", "own"), ("b.riv", "rival"), ("c.new", "rival")],
    counted=[Numbers(3, 41.5), Numbers(1, None), None],
    is_authority_shown=True,
    live_links=17,
    lag=4,
    events_per_second=12.5,
    freshness_p99_seconds=0.25,
    dead_letters=2,
    is_synthetic=False,
)


def ended(number: float) -> dict[str, Any]:
    return {"lost_at": day(number), "confirmed_at": day(number), "lost_reason": "notfound"}


def history(store: Store) -> None:
    """Three links to a.own from two domains, one to b.riv; two inside a.own; the clock stands on day 9."""
    first = Story().domains("a.own", "b.riv", "one.s1", "two.s2")
    first.link(1, "one.s1/x", "a.own/", anchor="first").link(2, "one.s1/y", "a.own/")
    first.link(3, "two.s2/x", "a.own/").link(4, "two.s2/x", "b.riv/").link(5, "a.own/x", "a.own/")
    first.link(6, "two.s2/gone", "a.own/")
    for link_id in (1, 2, 3, 4, 5, 6):
        first.state(link_id, 1, started_at=day(link_id)).life(link_id, day(link_id))
    store.put(first, clock=day(7))

    sides = first.sides
    second = Story(sides=sides)
    second.state(2, 3).life(2, day(2), **ended(8.5))
    second.state(6, 3).life(6, day(6), **ended(8.6))
    store.put(second, clock=day(8.7))

    third = Story(sides=sides)
    third.state(2, 1, started_at=day(9)).life(2, day(9))
    # What was the life of day 4 began, as a late event tells, on day 4.5: it is the first one all the same.
    third.life(4, day(4), is_void=True).life(4, day(4.5))
    third.state(3, 2)
    for hour, counts in ((9.0, (0, 1, 0)), (8.5, (0, 0, 1)), (9.25, (2, 0, 3)), (9.5, (-1, 0, 0))):
        new_links, restored_links, lost_links = counts
        third.add(
            "velocity_delta", t_dom_key=third._target(1), hour=day(hour), new_links=new_links,  # noqa: SLF001
            restored_links=restored_links, lost_links=lost_links,
        )  # fmt: skip
    store.put(third, clock=day(9.6))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    folder: Path = tmp_path_factory.mktemp("live")
    with Store(folder / "links.duckdb") as store:
        history(store)
        with ReaderPool.of(store.database) as pool:
            yield lambda sql, parameters: pool.query(sql, Role.ADMIN, parameters).table


def test_the_newest_changes_tell_each_life_once_and_only_between_domains(read: Read) -> None:
    newest = top(ASKED, read)["newest"]
    assert isinstance(newest, list)
    assert [(row["change"], row["source_url"], row["observed_at"]) for row in newest] == [
        ("restored", "https://one.s1/y", "2026-10-10T00:00:00Z"),
        ("new", "https://two.s2/x", "2026-10-05T12:00:00Z"),
        ("lost", "https://two.s2/gone", "2026-10-09T14:24:00Z"),
        ("lost", "https://one.s1/y", "2026-10-09T12:00:00Z"),
        ("new", "https://two.s2/x", "2026-10-04T00:00:00Z"),
        ("new", "https://one.s1/x", "2026-10-02T00:00:00Z"),
    ]
    assert [row["target_url"] for row in newest[1::3]] == ["https://b.riv/", "https://a.own/"]
    assert newest[-1]["anchor"] == "first"


def test_the_newest_changes_stop_at_the_number_asked_for(read: Read) -> None:
    rows = read(NEWEST_SQL, [1_000, 2]).to_pylist()
    assert [row["change"] for row in rows] == ["restored", "new"]
    # Few rows looked at show few, but nothing wrong.
    assert [row["change"] for row in read(NEWEST_SQL, [1, NEWEST_CHANGES]).to_pylist()] == ["restored"]


def test_domains_are_counted_as_the_documented_views_count_them(read: Read) -> None:
    rows = {row["domain_name"]: row for row in read(TRACKED_SQL, [["a.own", "b.riv"]]).to_pylist()}
    asked = "SELECT target_domain, count(*) AS n FROM refdomains GROUP BY ALL"
    views = {row["target_domain"]: row["n"] for row in read(asked, []).to_pylist()}
    assert {name: row["refdomains"] for name, row in rows.items()} == views == {"a.own": 2, "b.riv": 1}
    # Of the day of the clock: begun again 1, begun 2 - 1, ended 3; what ended the day before is not today's.
    assert (rows["a.own"]["new_today"], rows["a.own"]["lost_today"]) == (2, 3)
    assert (rows["b.riv"]["new_today"], rows["b.riv"]["lost_today"]) == (0, 0)


def test_names_are_parameters_never_sql(read: Read) -> None:
    hostile = ["a.own' OR true --", "$1", "%", ""]
    assert read(TRACKED_SQL, [hostile]).num_rows == 0


def test_top_tells_every_tracked_domain_in_order(read: Read) -> None:
    told = top(ASKED, read)
    assert told["tracked"] == [
        {"domain": "a.own", "role": "own", "live_links": 3, "refdomains": 2, "new_today": 2, "lost_today": 3,
         "authority": 41.5, "authority_note": None},
        {"domain": "b.riv", "role": "rival", "live_links": 1, "refdomains": 1, "new_today": 0,
         "lost_today": 0, "authority": None, "authority_note": "no score yet"},
        {"domain": "c.new", "role": "rival", "live_links": 0, "refdomains": 0, "new_today": 0,
         "lost_today": 0, "authority": None, "authority_note": "not met yet"},
    ]  # fmt: skip
    small = top(replace(ASKED, is_authority_shown=False), read)["tracked"]
    assert isinstance(small, list)
    assert {(row["authority"], row["authority_note"]) for row in small} == {(None, "graph too small")}


def test_without_tracked_domains_nothing_is_asked_about_them(read: Read) -> None:
    asked: list[str] = []

    def listen(sql: str, parameters: Sequence[object]) -> pa.Table:
        asked.append(sql)
        return read(sql, parameters)

    assert top(replace(ASKED, tracked=[], counted=[]), listen)["tracked"] == []
    assert asked == [NEWEST_SQL]


def test_the_live_view_draws_what_top_tells(read: Read) -> None:
    told = json.loads(json.dumps(top(ASKED, read)))
    drawn = io.StringIO()
    Console(width=140, file=drawn).print(top_view(told, 40, NOW))
    text = drawn.getvalue()
    for shown in (
        "a.own",
        "b.riv (rival)",
        "41.5",
        "restored",
        "two.s2/gone",
        "0.25 s",
        "17",
    ):
        assert shown in text


def test_a_new_database_has_an_empty_view(tmp_path: Path) -> None:
    with Store(tmp_path / "new.duckdb") as store, ReaderPool.of(store.database) as pool:
        told = top(ASKED, lambda sql, parameters: pool.query(sql, Role.ADMIN, parameters).table)
    assert told["newest"] == []
    assert isinstance(told["tracked"], list)
    assert [row["refdomains"] for row in told["tracked"]] == [0, 0, 0]


def test_figures_have_the_types_json_readers_expect() -> None:
    numbers = {"live_links": 3.0, "authority_is_shown": 0.0, "authority_error_bound": 0.0, "share": 0.5}
    told = figures(numbers)
    assert told == {"live_links": 3, "authority_is_shown": False, "authority_error_bound": 0.0, "share": 0.5}
    assert [type(told[name]) for name in numbers] == [int, bool, float, float]
    assert list(told) == sorted(numbers)
