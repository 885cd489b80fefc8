"""What two sources know of the same links, and what neither does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day

from linktide.sources.source import Partition
from linktide.store.writer import Advance
from pipeline.rows_of_sources import chapman

if TYPE_CHECKING:
    from pathlib import Path

LINKS = 400
TOPICS = {
    "crawl": Partition("cluster-a", "crawl", "t", 0),
    "whole": Partition("file", "ahrefs/complete/a.org/2026-10-03T00:00:00Z", "h1", 0),
    "sample": Partition("file", "moz/sample/a.org/2026-10-03T00:00:00Z", "h2", 0),
    "capped": Partition("file", "semrush/capped/a.org/2026-10-03T00:00:00Z", "h3", 0),
    "rare": Partition("cluster-a", "rare", "t", 0),
}
SHARES = {"crawl": 0.5, "whole": 0.6, "sample": 0.5, "capped": 0.5, "rare": 0.02}


def put(store: Store, known: dict[str, set[int]]) -> None:
    story = Story()
    for number in range(1, LINKS + 1):
        # Every tenth is lost: it counts for nothing.
        is_live = number % 10 > 0
        ended = {} if is_live else {"lost_at": day(2), "confirmed_at": day(2), "lost_reason": "notfound"}
        story.link(number, f"s{number % 9}.com/{number}", "a.org/").life(number, day(1), **ended)
        story.state(number, 1 if is_live else 3, started_at=day(1), last_seen=day(1))
    advances = []
    for name, partition in TOPICS.items():
        source_id = store.writer.source_id_of(partition)
        advances.append(Advance(partition, source_id, None, 1_000, 3, 5, 1, None))
        for off, number in enumerate(sorted(known[name])):
            story.event(number, 1 + off % 2, day(1), off, source_id=source_id)
    store.writer.commit(replace(store.batch(story, day(3)), advances=advances))


def test_pairs_of_sources_are_those_of_brute_force(tmp_path: Path) -> None:
    chance = random.Random(4)
    known = {
        name: {number for number in range(1, LINKS + 1) if chance.random() < share}
        for name, share in SHARES.items()
    }
    live = {number for number in range(1, LINKS + 1) if number % 10}
    with Store(tmp_path / "a.duckdb") as store:
        put(store, known)
        rows = {
            (row["source_a"], row["source_b"]): row for row in store.dicts("FROM source_agreement('a.org')")
        }
    assert len(rows) == 10
    crawl, whole = known["crawl"] & live, known["whole"] & live
    row = rows["cluster-a/crawl", "vendor/ahrefs"]
    assert (row["links_a"], row["links_b"], row["links_both"]) == (len(crawl), len(whole), len(crawl & whole))
    assert row["links_either"] == len(crawl | whole)
    assert row["agreement"] == pytest.approx(len(crawl & whole) / len(crawl | whole))
    estimate, least, most = chapman(len(crawl), len(whole), len(crawl & whole))
    found = (row["estimated_links"], row["estimated_least"], row["estimated_most"])
    assert found == pytest.approx((estimate, least, most))
    # They were drawn independently: the truth lies in it.
    assert least < len(live) < most
    assert row["note"] is None
    refused: dict[Any, str] = {pair: row["note"] for pair, row in rows.items() if row["note"] is not None}
    assert refused["cluster-a/crawl", "vendor/moz"] == "vendor/moz lists only some of what it knows"
    assert refused["cluster-a/crawl", "vendor/semrush"] == "vendor/semrush lists only some of what it knows"
    assert refused["cluster-a/crawl", "cluster-a/rare"] == "fewer than 7 links in common"
    assert len(refused) == 9
    assert all(
        rows[pair]["estimated_links"] is None and rows[pair]["estimated_most"] is None for pair in refused
    )


def test_after_sightings_have_expired_there_is_no_estimate(tmp_path: Path) -> None:
    known = {name: set(range(1, LINKS + 1)) for name in TOPICS}
    with Store(tmp_path / "a.duckdb") as store:
        put(store, known)
        query = "SELECT note, estimated_links FROM source_agreement('a.org') WHERE source_b = 'vendor/ahrefs'"
        assert store.all(query)[0] == (None, LINKS * 9 / 10)
        store.all("INSERT INTO internal.settings VALUES ('pages_thinned_rows', '5')")
        assert set(store.all(query)) == {("sightings have expired (retention.event_days)", None)}
