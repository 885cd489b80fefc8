"""What pages leave in the tables: one row an unchanged answer, a content once, every offset in one place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from linktide.store.writer import TABLES
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "https://a.example/post"
LINKS: list[dict[str, Any]] = [
    {"target_url": "https://b.example/", "anchor": "b", "rel": ["nofollow"]},
    {"target_url": "https://c.example/", "anchor": "c", "alt": "x"},
    {"target_url": "https://c.example/"},
    {"target_url": "/own", "y": 1},
]


def page(day: int, links: list[dict[str, Any]], **more: Any) -> bytes:  # noqa: ANN401
    told = {"event": "page", "observed_at": f"2026-01-{day:02}T12:00:00Z", "source_url": PAGE, "links": links}
    return json.dumps(told | {"complete": True} | more).encode()


def counts(path: Path) -> dict[str, int]:
    with whole.opened(path) as stopped:
        return {name: stopped.query(f"SELECT count(*) FROM internal.{name}")[0][0] for name in TABLES}  # noqa: S608


def run(path: Path, lines: list[bytes], **settings: Any) -> None:  # noqa: ANN401
    """Take lines one a batch; a second call goes on where the first stopped."""
    whole.run(path, [whole.memory(lines, lines_per_chunk=1)], batch_max_events=1, **settings)


def test_an_unchanged_page_is_one_row_and_moves_last_seen(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    lines = [page(1, LINKS)]
    run(path, lines)
    before = counts(path)
    assert (before["links"], before["page_sets"], before["page_snapshots"]) == (3, 3, 1)
    # In another order it is the same content, and after a restart, too.
    lines += [page(day, LINKS[::-1] if day % 2 else LINKS) for day in range(2, 8)]
    run(path, lines)
    grown = {name: count - before[name] for name, count in counts(path).items() if count != before[name]}
    assert grown == {"page_snapshots": 6}
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT DISTINCT epoch(last_seen)::BIGINT FROM links") == [(1_767_787_200,)]
        assert stopped.query(
            "SELECT attributes->>'occurrences' FROM links WHERE target_domain = 'c.example'"
        ) == [("2",)]


def test_a_content_that_comes_back_is_not_stored_again(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    run(path, [page(1, LINKS), page(2, LINKS[:1]), page(3, LINKS), page(4, LINKS[:1]), page(5, [])])
    assert counts(path)["page_sets"] == 4
    with whole.opened(path) as stopped:
        sets = "SELECT set_id, link_id FROM internal.page_sets GROUP BY ALL HAVING count(*) > 1"
        assert stopped.query(sets) == []
        assert stopped.query("SELECT count(*) FROM links WHERE is_live") == [(0,)]
        assert stopped.query("SELECT lost_reason, count(*) FROM link_lives GROUP BY ALL") == [
            ("removedfromhtml", 5)
        ]


def test_every_accepted_offset_is_one_row_in_one_table(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    link = {"observed_at": "2026-01-01T00:00:00Z", "source_url": PAGE, "target_url": "https://b.example/"}
    others: list[dict[str, Any]] = [
        {"event": "seen"},
        {"event": "target"},
        {"event": "referral", "day": "2026-01-01", "visits": 3},
        {"event": "lost"},
    ]
    lines = [page(1, LINKS), page(2, [], http_code=503), *[json.dumps(link | of).encode() for of in others]]
    run(path, [*lines, *lines, page(3, [{"target_url": "tel:1"}])])
    tables = ("link_events", "page_snapshots", "target_status", "referrals", "dead_letters")
    offsets = " UNION ALL ".join(f"SELECT off FROM internal.{table}" for table in tables)  # noqa: S608
    with whole.opened(path) as stopped:
        assert sorted(off for (off,) in stopped.query(offsets)) == list(range(13))
        assert stopped.query("SELECT reason FROM dead_letters") == [("URL_SCHEME",)]
        assert stopped.query("SELECT visits, day::VARCHAR FROM referrals") == [(3, "2026-01-01")]


def test_a_page_that_no_link_tells_of_keeps_its_url(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    run(path, [page(1, []), page(2, LINKS), page(3, LINKS)])
    with whole.opened(path) as stopped:
        urls = stopped.query("SELECT page_url FROM internal.page_snapshots ORDER BY observed_at")
    assert urls == [(PAGE,), (None,), (None,)]


def test_losses_of_a_sample_are_kept_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    run(path, [page(1, LINKS), page(2, []), page(3, [], http_code=404)], sightings_only_topics=("links",))
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT count(*) FROM links WHERE is_live") == [(3,)]
        reasons = "SELECT loss_reason, accepts_losses FROM internal.page_snapshots ORDER BY observed_at"
        assert stopped.query(reasons) == [
            ("removedfromhtml", False),
            ("removedfromhtml", False),
            ("notfound", False),
        ]


def test_the_future_is_refused_and_the_past_is_told(tmp_path: Path) -> None:
    path = tmp_path / "links.duckdb"
    run(path, [page(1, LINKS), page(3, LINKS[:1]), page(5, LINKS)])
    with whole.opened(path) as stopped:
        live = {
            day: stopped.query(f"SELECT count(*) FROM backlinks_asof('2026-01-{day:02} 13:00:00Z')")[0][0]  # noqa: S608
            for day in (1, 2, 3, 4)
        }
        assert live == {1: 2, 2: 2, 3: 1, 4: 1}
        with pytest.raises(duckdb.InvalidInputException, match="is after the newest event"):
            stopped.query("FROM backlinks_asof('2026-01-05 13:00:00Z')")
