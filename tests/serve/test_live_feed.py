from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import pyarrow as pa
import pytest
from scripted_service import ScriptedPage, ScriptedService, ask
from starlette.exceptions import HTTPException

from linktide.errors import RetryError
from linktide.serve.live_feed import MOST_LISTENERS, LiveFeed, changes_event
from linktide.serve.live_view import NEWEST_CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=alert(1)>\n\ndata: x\r\nid: 9"


def rows(*revisions: int, anchor: str = "a") -> pa.Table:
    return pa.table(
        {
            "observed_at": pa.array([AT] * len(revisions), pa.timestamp("us", "UTC")),
            "change": ["new"] * len(revisions),
            "source_url": [f"https://s{rev}.example/" for rev in revisions],
            "target_url": ["https://t.example/"] * len(revisions),
            "anchor": [anchor] * len(revisions),
            "target_domain": ["t.example"] * len(revisions),
            "rev": pa.array(revisions, pa.int64()),
        }
    )


def heard(page: ScriptedPage, after: int = 0, reading_seconds: float = 0.0) -> list[dict[str, Any]]:
    """Return the events until the service ends, by a clock that pauses and readings move."""
    now = [0.0]

    async def listen() -> list[bytes]:
        async def call(run: Callable[[], Any]) -> object:
            asked = len(page.asked)
            told = run()
            now[0] += reading_seconds * (len(page.asked) - asked)
            return told

        async def pause(seconds: float) -> None:
            now[0] += seconds
            await anyio.lowlevel.checkpoint()

        feed = LiveFeed(page, call, pause, lambda: now[0])
        return [piece async for piece in feed.events(after)]

    return [parsed(piece) for piece in anyio.run(listen)]


def parsed(piece: bytes) -> dict[str, Any]:
    lines = piece.decode("utf-8").removesuffix("\n\n").split("\n")
    told: dict[str, Any] = dict(line.split(": ", 1) for line in lines)
    return told | ({"data": json.loads(told["data"])} if "data" in told else {})


def changes(events: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [
        (one["id"], [row["from"] for row in one["data"]["rows"]])
        for one in events
        if one.get("event") == "changes"
    ]


def test_each_batch_is_told_once_and_its_number_is_the_id() -> None:
    page = ScriptedPage(revisions=[5, 5, 6, 6, None], reads={"life_changes": rows(5, 4)})
    events = heard(page)
    assert events[0] == {"retry": "3000"}
    assert changes(events) == [("5", ["s5.example/", "s4.example/"])]
    assert len(page.asked) == 2  # one reading for each batch


def test_a_slow_reading_rests_and_misses_nothing() -> None:
    batches: list[int | None] = [*range(1, 41), *[40] * 10, None]
    page = ScriptedPage(revisions=batches, reads={"life_changes": rows(40, 7)})
    events = heard(page, reading_seconds=1.0)
    # 50 looks, 1.25 s each and a second more for each reading.
    assert len(page.asked) <= 1 + 75 / 10
    assert changes(events) == [("40", ["s40.example/", "s7.example/"])]


def test_rows_of_a_batch_that_is_read_twice_stand_once() -> None:
    # The first reading begins at batch 4 and sees batch 5 already.
    page = ScriptedPage(revisions=[4, 5, None], reads={"life_changes": rows(5, 4)})
    assert changes(heard(page)) == [("5", ["s5.example/", "s4.example/"])]


def test_who_comes_back_is_told_what_it_missed() -> None:
    page = ScriptedPage(revisions=[9, None], reads={"life_changes": rows(9, 8, 7)})
    assert changes(heard(page, after=7)) == [("9", ["s9.example/", "s8.example/"])]
    page = ScriptedPage(revisions=[9, None], reads={"life_changes": rows(9, 8, 7)})
    assert changes(heard(page, after=9)) == []


def test_many_listeners_cost_one_reading() -> None:
    page = ScriptedPage(revisions=[3], reads={"life_changes": rows(3)})

    async def listen() -> None:
        async def call(run: Callable[[], Any]) -> object:
            await anyio.lowlevel.checkpoint()
            return run()

        feed = LiveFeed(page, call)

        async def first_three() -> None:
            events = feed.events(0)
            assert [await anext(events) for _ in range(3)][1].startswith(b"id: 3\nevent: changes\n")
            await events.aclose()  # type: ignore[attr-defined]  # a generator

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(first_three)

    anyio.run(listen)
    assert len(page.asked) == 1


def test_the_number_of_listeners_is_bounded_and_given_back() -> None:
    async def join() -> None:
        feed = LiveFeed(ScriptedPage(), lambda run: run())
        with pytest.raises(HTTPException) as caught:
            fill(feed, MOST_LISTENERS + 1)
        assert caught.value.status_code == 503
        fill(feed, MOST_LISTENERS)

    def fill(feed: LiveFeed, number: int) -> None:
        if number:
            with feed.listener():
                fill(feed, number - 1)

    anyio.run(join)


def test_while_the_store_is_shut_the_figures_say_so() -> None:
    page = ScriptedPage(
        revisions=[0, None], failure=RetryError("shut"), troubles={"not_ready_because": "the store is closed"}
    )
    assert [one["data"]["state"] for one in heard(page) if one.get("event") == "figures"] == [
        "not ready: the store is closed"
    ]


def test_an_event_is_one_line_of_data_whatever_an_anchor_holds() -> None:
    table = rows(1, anchor=HOSTILE).to_pylist()
    piece = changes_event(
        [row | {"observed_at": "2026-01-02T03:04:05Z", "role": None} for row in table], 1, AT
    )
    assert piece.count(b"\n") == 4
    assert parsed(piece)["data"]["rows"][0]["anchor"] == HOSTILE.replace("\n", "\\n").replace("\r", "\\r")
    assert parsed(piece)["data"]["is_cut"] is False
    full = [dict(table[0], observed_at="2026-01-02T03:04:05Z", role=None)] * NEWEST_CHANGES
    assert parsed(changes_event(full, 1, AT))["data"]["is_cut"] is True


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30])
def test_a_bad_place_to_go_on_from_is_refused(after: str) -> None:
    assert ask(ScriptedService(), "GET", "/live", params={"after": after}).status_code == 400
    assert ask(ScriptedService(), "GET", "/live", headers={"Last-Event-ID": after}).status_code == 400


def test_the_stream_is_of_events_and_ends_with_the_service() -> None:
    page = ScriptedPage(revisions=[2, None], reads={"life_changes": rows(2)})
    answer = ask(ScriptedService(page=page), "GET", "/live", headers={"Last-Event-ID": "1"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert "id: 2\nevent: changes" in answer.text
