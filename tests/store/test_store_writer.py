from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hand_made_store import NOW, PARTITION, SCHEMAS, Store, Story, day, domain_key, rows

from linktide.errors import DiskFullError, FenceError, RetryError
from linktide.sources.source import Partition
from linktide.store.failure import StoreFailedError
from linktide.store.rebuild import read_offsets, read_positions
from linktide.store.writer import FAIL_POINTS, TABLES, CheckpointRule, StoreWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as one:
        yield one


def full_story() -> Story:
    """Return rows for every table of a batch."""
    story = Story().link(1, "a.com/x", "b.com/", anchor="cat", attributes_at=day(1)).domains("a.com", "b.com")
    story.event(1, 1, day(1), 0).state(1, 1, started_at=day(1), last_seen=day(1)).life(1, day(1))
    story.attribute(1, "anchor", day(2), "dog")
    story.add(
        "velocity_delta",
        t_dom_key=domain_key("b.com"),
        hour=day(1),
        new_links=1,
        restored_links=0,
        lost_links=0,
    )
    scores = {"citation": 1.5, "authority": 40.0, "trust_mass": 0.1, "trust": 60.0, "scored_at": day(1)}
    story.add("domain_scores", domain_key=domain_key("b.com"), **scores)
    story.add("page_scores", page_key=7, domain_key=domain_key("b.com"), **scores)
    story.add(
        "topic_scores", domain_key=domain_key("b.com"), topic="news", trust_mass=0.1, score=60.0,
        scored_at=day(1),
    )  # fmt: skip
    story.add(
        "authority_contributions", domain_key=domain_key("b.com"), contribution=0.0, links=0, prior=0.15,
        citation=0.15, scored_at=day(1),
    )  # fmt: skip
    came = {"observed_at": day(1), "record_at": day(1), "source_id": 1}
    story.page(7, day(1), 2, set_id=5).add("page_sets", set_id=5, link_id=1)
    story.add("target_status", target_key=3, target_url="https://b.com/", off=3, **came)
    urls = {"source_url": "https://a.com/x", "target_url": "https://b.com/"}
    story.add(
        "referrals", link_id=1, source_key=7, target_key=3, day=day(1).date(), visits=5, off=4, **urls, **came
    )
    return story.add(
        "dead_letters", source_id=1, off=1, reason="JSON", detail="no JSON", record_at=day(1),
        received_at=NOW, bytes=b"\x00\xff", byte_length=2, bytes_hash=2**64 - 1,
    )  # fmt: skip


def counts(store: Store) -> dict[str, int]:
    return {name: store.all(f"SELECT count(*) FROM internal.{name}")[0][0] for name in TABLES}  # noqa: S608


def test_a_batch_writes_every_table_and_says_how_many_rows(store: Store) -> None:
    story = full_story()
    assert story.records.keys() | {"domain_keys"} == set(TABLES)
    timing = store.writer.commit(store.batch(story, day(2), offsets=(None, 2)))
    assert (
        counts(store) == dict(timing.rows) == {name: len(records) for name, records in story.records.items()}
    )
    assert store.all("SELECT bytes, bytes_hash FROM internal.dead_letters") == [(b"\x00\xff", 2**64 - 1)]
    assert timing.committed_at == NOW


def test_columns_are_matched_by_name_and_any_arrow_object_will_do(store: Store) -> None:
    class OnlyStream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.Table.from_batches([names]).__arrow_c_stream__(requested_schema)

    class OnlyArray:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return names.__arrow_c_array__(requested_schema)

    columns = ["rev", "domain_name", "domain_key"]
    names = rows("domain_names", [{"domain_key": 1, "domain_name": "a.com"}], 1).select(columns)
    for data in (OnlyStream(), OnlyArray(), names, pa.Table.from_batches([names])):
        batch = replace(store.batch(), tables={"domain_names": data})
        assert store.writer.commit(batch).rows == {"domain_names": 1}
    assert store.all("SELECT DISTINCT domain_key, domain_name FROM internal.domain_names") == [(1, "a.com")]


def test_empty_tables_are_not_written(store: Store) -> None:
    empty = pa.RecordBatch.from_pylist([], schema=pa.schema(list(SCHEMAS["links"].items())))
    assert store.writer.commit(replace(store.batch(), tables={"links": empty})).rows == {}


def test_an_unknown_table_is_a_mistake_before_anything_is_written(store: Store) -> None:
    batch = store.batch()
    with pytest.raises(ValueError, match="migrations"):
        store.writer.commit(replace(batch, tables={"migrations": None}))
    store.writer.commit(batch)


def test_offsets_add_up(store: Store) -> None:
    store.put(Story(), day(2), offsets=(None, 10))
    store.put(Story(), day(1), offsets=(10, 20))
    stored = store.dicts("FROM internal.source_offsets")[0]
    assert (stored["next_offset"], stored["events"], stored["dead_letters"]) == (20, 10, 2)
    assert (stored["last_record_at"], stored["leader_epoch"]) == (day(2), 3)


def test_every_partition_has_an_id_of_its_own_for_ever(store: Store) -> None:
    other = Partition("cluster-a", "links", "topic-id-b", 0)
    first, second = store.writer.source_id_of(PARTITION), store.writer.source_id_of(other)
    assert first != second
    assert store.writer.source_id_of(PARTITION) == first
    store.put(Story(), offsets=(None, 1))
    again = StoreWriter(store.database, now=lambda: NOW)
    assert again.source_id_of(PARTITION) == first
    assert read_offsets(store.database.connection)[PARTITION].source_id == first
    assert again.source_id_of(other) == second


@pytest.mark.parametrize(("expected", "rev"), [(None, 2), (9, 2), (11, 2), (10, 1), (10, 3)])
def test_the_fence_refuses_another_writers_traces(store: Store, expected: int | None, rev: int) -> None:
    store.put(full_story(), offsets=(None, 10))
    before = counts(store)
    with pytest.raises(FenceError, match="another writer was here"):
        store.put(full_story(), offsets=(expected, 20), rev=rev)
    assert counts(store) == before
    assert read_positions(store.database)[PARTITION].next_offset == 10
    store.put(full_story(), offsets=(10, 20))


def test_the_fence_refuses_a_partition_the_file_does_not_know(store: Store) -> None:
    with pytest.raises(FenceError, match="next_offset None"):
        store.put(Story(), offsets=(5, 10))


@pytest.mark.parametrize("point", FAIL_POINTS[: FAIL_POINTS.index("committed")])
def test_a_failure_before_the_commit_leaves_nothing(store: Store, point: str) -> None:
    def fail(name: str) -> None:
        if name == point:
            raise OSError("cut")

    broken = StoreWriter(store.database, now=lambda: NOW, at=fail)
    before = counts(store)
    with pytest.raises(StoreFailedError, match="cut"):
        broken.commit(store.batch(full_story(), offsets=(None, 2)))
    assert counts(store) == before
    assert read_positions(store.database) == {}
    store.put(full_story(), offsets=(None, 2))


def test_a_failure_after_the_commit_is_told_though_the_batch_is_there(store: Store) -> None:
    def fail(name: str) -> None:
        if name == "committed":
            raise OSError("cut")

    with pytest.raises(RetryError):
        StoreWriter(store.database, now=lambda: NOW, at=fail).commit(store.batch(full_story()))
    assert store.all("SELECT rev FROM internal.writer") == [(1,)]


def test_a_wrong_column_fails_the_whole_batch(store: Store) -> None:
    batch = store.batch(full_story())
    tables = dict(batch.tables) | {"dead_letters": pa.record_batch({"nonsense": pa.array([1])})}
    with pytest.raises(StoreFailedError, match="nonsense"):
        store.writer.commit(replace(batch, tables=tables))
    assert sum(counts(store).values()) == 0


def test_checkpoints_come_by_wal_size_or_by_age(store: Store) -> None:
    clock = [0.0]
    rule = CheckpointRule(wal_bytes=1_000_000, age_seconds=300)
    store.writer = StoreWriter(store.database, now=lambda: NOW, monotonic=lambda: clock[0], rule=rule)
    clock[0] = 1000.0
    assert store.writer.checkpoint_if_due() is None  # old enough, but there is nothing to do
    store.put(full_story())
    clock[0] = 1000.0
    result = store.writer.checkpoint_if_due()
    assert result is not None
    assert result.is_done
    assert result.wal_bytes > 0 == store.database.wal_bytes()
    store.put(full_story())
    clock[0] = 1299.0
    assert store.writer.checkpoint_if_due() is None
    store.writer.rule = CheckpointRule(wal_bytes=1, age_seconds=300)
    assert store.writer.checkpoint_if_due() is not None


def test_an_open_reader_does_not_break_the_checkpoint(store: Store) -> None:
    store.put(full_story(), offsets=(None, 1))
    reader = store.database.cursor()
    reader.execute("BEGIN TRANSACTION READ ONLY").fetchall()
    reader.execute("SELECT count(*) FROM internal.writer").fetchall()
    store.put(full_story(), offsets=(1, 2))
    blocked = store.writer.checkpoint()
    reader.execute("ROLLBACK").fetchall()
    done = store.writer.checkpoint()
    assert done.is_done
    assert store.database.wal_bytes() == 0
    assert not blocked.is_done or blocked.wal_bytes > 0
    store.put(full_story(), offsets=(2, 3))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_told_and_the_batch_succeeds_when_there_is_room(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], check=False, capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("this place does not let root mount")
    try:
        fill_and_recover(mount)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def fill_and_recover(mount: Path) -> None:
    story = Story()
    for number in range(20_000):
        story.add("domain_names", domain_key=number, domain_name=f"{number * 2654435761 % 2**32}.example.com")
    path = mount / "a.duckdb"
    stored = 0
    with Store(path) as store:
        try:
            for _ in range(100):
                store.put(story, offsets=(stored or None, stored + 1))
                stored += 1
        except DiskFullError as error:
            assert "free space" in str(error)  # noqa: PT017 - the count of batches before it matters
    assert 0 < stored < 100
    subprocess.run(["mount", "-o", "remount,size=64m", str(mount)], check=True)
    with Store(path) as store:
        assert read_positions(store.database)[PARTITION].next_offset == stored
        assert store.all("SELECT count(*) FROM internal.domain_names") == [(20_000 * stored,)]
        store.put(story, offsets=(stored, stored + 1))
