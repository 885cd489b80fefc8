"""Copies of a file that is written meanwhile hold what was committed when they were finished."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pytest
from hand_made_store import Store, Story, day

from linktide.errors import ConfigError, DatabaseDamagedError
from linktide.store.copying import FileCopy, copy_sound, target_of
from linktide.store.database import wal_path
from linktide.store.verify import checkpoint_copy, read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY = "500MB"
BULK_ROWS = 400_000
"""More than a row group of DuckDB: they go past the WAL into the file."""


@contextmanager
def written(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(path), config={"checkpoint_threshold": "8GB"}) as connection:
        connection.execute("CREATE TABLE t AS SELECT hash(range) AS x FROM range(1000)").fetchall()
        connection.execute("CHECKPOINT").fetchall()
        yield connection


def add(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    connection.execute(f"INSERT INTO t SELECT hash(range) FROM range({rows})").fetchall()  # noqa: S608 -- a number


def rows_in(path: Path) -> int:
    checkpoint_copy(path, MEMORY)
    with duckdb.connect(str(path), read_only=True) as connection:
        count, _ = connection.execute("SELECT count(*), bit_xor(hash(x)) FROM t").fetchall()[0]
    return int(count)


@pytest.mark.parametrize("rows", [10, BULK_ROWS])
@pytest.mark.parametrize("when", ["before the rest", "between two passes"])
def test_commits_while_the_file_is_copied_are_in_the_copy(
    tmp_path: Path, rows: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with written(tmp_path / "a.duckdb") as connection:
        copy = FileCopy(tmp_path / "a.duckdb", tmp_path / "b.duckdb")
        if when == "between two passes":
            one_pass, passes = copy._pass, 0  # noqa: SLF001 -- commits come in the middle of it

            def pass_and_write() -> None:
                nonlocal passes
                one_pass()
                passes += 1
                if passes == 1:
                    add(connection, rows)

            monkeypatch.setattr(copy, "_pass", pass_and_write)
        copy.copy_file()
        if when == "before the rest":
            add(connection, rows)
        copy.copy_rest()
        assert rows_in(copy.part) == 1000 + rows
        copy.finish()
    assert (tmp_path / "b.duckdb").exists()
    assert not copy.part.exists()


def test_a_copy_without_the_blocks_written_since_is_found_out(tmp_path: Path) -> None:
    with written(tmp_path / "a.duckdb") as connection:
        copy_sound(tmp_path / "a.duckdb", tmp_path / "b.duckdb")
        add(connection, BULK_ROWS)
        wal_path(tmp_path / "b.duckdb").write_bytes(wal_path(tmp_path / "a.duckdb").read_bytes())
    with pytest.raises((DatabaseDamagedError, duckdb.Error)):
        rows_in(tmp_path / "b.duckdb")


def test_where_a_copy_goes(tmp_path: Path) -> None:
    source = tmp_path / "links.duckdb"
    source.touch()
    stamp = "20261127T000000Z"
    assert target_of(source, tmp_path, stamp, is_forced=False) == tmp_path / f"links-{stamp}.duckdb"
    assert target_of(source, tmp_path / "x", stamp, is_forced=False) == tmp_path / "x"
    (tmp_path / "x").touch()
    with pytest.raises(ConfigError, match="--force"):
        target_of(source, tmp_path / "x", stamp, is_forced=False)
    assert target_of(source, tmp_path / "x", stamp, is_forced=True) == tmp_path / "x"
    with pytest.raises(ConfigError, match="the database itself"):
        target_of(source, source, stamp, is_forced=True)
    with pytest.raises(ConfigError, match="does not exist"):
        target_of(source, tmp_path / "none" / "x", stamp, is_forced=False)


def test_a_whole_read_tells_where_tables_disagree(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        story = Story().link(1, "a.com/x", "b.com/").state(1, 1)
        for off in range(5):
            story.event(1, 1, day(off), off)
        store.put(story, day(9), offsets=(None, 6))
    sound = read_whole(path, MEMORY)
    # The hand-made writer row says that no link lives.
    assert sound.differences == ("0 live links by the writer, 1 by the newest state of each link",)
    assert (sound.events, sound.dead_letters, sound.links, sound.live_links) == (5, 1, 1, 1)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE internal.writer SET live_links = 1").fetchall()
        connection.execute("INSERT INTO internal.link_events_1 FROM internal.link_events_1").fetchall()
        connection.execute("UPDATE internal.source_offsets SET next_offset = 3").fetchall()
        connection.execute("DELETE FROM internal.links_1").fetchall()
    told = " ".join(read_whole(path, MEMORY).differences)
    assert "5 offsets have more than one row" in told
    assert "offset 4, the stored position is 3" in told
    assert "10 rows, counted were 6" in told
    assert "link_changes_1 has rows of 1 links that are not in links" in told
