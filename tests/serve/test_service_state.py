"""What a running service tells of itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from open_service import found_link, running

from linktide.errors import ConfigError
from linktide.serve.live_view import NEWEST_SQL, TRACKED_SQL
from linktide.store.failure import StoreFailedError
from linktide.store.gate import Role
from linktide.store.reader import QueryResult, ReaderPool

if TYPE_CHECKING:
    from linktide.service import Service


def push(service: Service, data: bytes, topic: str = "push", topic_id: str = "") -> None:
    first = 0 if topic_id else None
    service.state.push(data, topic=topic, topic_id=topic_id, first_offset=first)


def sources(service: Service) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", service.state.status()["sources"])


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        push(service, found_link(1), "day.ndjson", "b")
        push(service, found_link(2) + found_link(3), "day.ndjson", "a")
        told = [
            (row["source_name"], row["topic"], row["topic_id"], row["events"]) for row in sources(service)
        ]
    assert told == [("file", "day.ndjson", "a", 2), ("file", "day.ndjson", "b", 1)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tracked_domains": ("co.uk",)}, ("tracked_domains", "co.uk", "example.co.uk")),
        ({"tracked_domains": ("github.io",)}, ("tracked_domains", "github.io", "public suffix")),
        ({"rivals": ("www.example.com",)}, ("rivals", "www.example.com", "wanted example.com")),
        ({"rivals": ("a.b.github.io",)}, ("rivals", "a.b.github.io", "wanted b.github.io")),
    ],
)
def test_a_domain_that_is_never_counted_is_refused(
    tmp_path: Path, settings: dict[str, Any], told: tuple[str, ...]
) -> None:
    for _ in range(2):  # before the file is made, and with the list that is pinned in it
        with pytest.raises(ConfigError) as refused, running(tmp_path, **settings):
            pass
        assert all(word in str(refused.value) for word in told)
        if not (tmp_path / "links.duckdb").exists():
            with running(tmp_path):
                pass


def test_domains_of_ones_own_are_taken(tmp_path: Path) -> None:
    own = ("me.github.io", "example.co.uk", "a.internal", "www.ck")
    with running(tmp_path, tracked_domains=own) as service:
        push(service, found_link(1, "https://me.github.io/page"))
        (first, *_) = cast("list[dict[str, Any]]", service.state.top()["tracked"])
    assert (first["domain"], first["live_links"]) == ("me.github.io", 1)


def test_many_viewers_cost_one_reading_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    query = ReaderPool.query

    def counted(pool: ReaderPool, sql: str, *given: Any, **named: Any) -> QueryResult:  # noqa: ANN401 - passed on
        if sql in (NEWEST_SQL, TRACKED_SQL):
            read.append(sql)
        return query(pool, sql, *given, **named)

    monkeypatch.setattr(ReaderPool, "query", counted)
    with running(tmp_path, tracked_domains=("target.example",)) as service:
        push(service, found_link(1))
        for _ in range(20):
            top = service.state.top()
        # Once for the push, and once more if an idle moment has moved the scores meanwhile.
        assert 1 <= read.count(NEWEST_SQL) == read.count(TRACKED_SQL) <= 2
        push(service, found_link(2))
        later = service.state.top()
    assert [len(cast("list[object]", one["newest"])) for one in (top, later)] == [1, 2]


def test_the_page_names_every_key_of_status(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text("utf-8")
    table = page.split("## Status")[1].split("## ")[0]
    named = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)]
    with running(tmp_path) as service:
        told = service.state.status()
        assert told["newest_event_at"] is None
        push(service, found_link(1))
        later = service.state.status()
        view = service.state.query(
            "FROM sources", max_rows=None, role=Role.READER, is_abandoned=lambda: False
        )
    assert sorted(told) == sorted(name for row in named for name in row)
    assert later["newest_event_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert cast("datetime", later["last_commit_at"]) > cast("datetime", told["last_commit_at"])
    (source,) = cast("list[dict[str, object]]", later["sources"])
    assert set(source) == {*view.column_names, "lag", "absent_offsets", "last_offset_gap"}


def test_counters_go_on_when_the_store_is_rebuilt(tmp_path: Path) -> None:
    commits = 0

    def break_once(point: str) -> None:
        nonlocal commits
        commits += point == "advanced"
        if point == "advanced" and commits == 3:
            raise StoreFailedError("the disk hiccups")

    def counted(service: Service) -> dict[str, float]:
        lines = service.state.exposition().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs if "_total" in name}

    now = datetime.now(UTC).isoformat()
    with running(tmp_path, break_once, tracked_domains=("target.example",)) as service:
        before = counted(service)
        for number in range(1, 6):
            push(service, found_link(number, observed_at=now))
            after = counted(service)
            assert all(after[name] >= before[name] for name in before)
            before = after
    assert before["linktide_service_restarts_total"] == 1
    # Of the batch whose commit failed, too, each link counts once.
    assert before['linktide_new_links_total{domain="target.example",role="own"}'] == 5
    assert before['linktide_pipeline_events_total{event="discovered"}'] == 5
