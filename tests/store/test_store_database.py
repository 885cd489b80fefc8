from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest
from hand_made_store import NOW, VERSIONS, Store, Story, day

from linktide.errors import (
    ConfigError,
    DatabaseDamagedError,
    DatabaseLockedError,
    SchemaTooNewError,
)
from linktide.store.database import Database, PinVersions, StoreSettings, wal_path
from linktide.store.failure import StoreFailedError
from linktide.store.fold import Folder, FoldRule
from linktide.store.migrate import Migration, migrations
from linktide.store.parts import Kind

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, pathlib, datetime
from linktide.store.database import Database, PinVersions, StoreSettings
now = datetime.datetime.now(datetime.UTC)
held = Database.open(StoreSettings(pathlib.Path(sys.argv[1])), lambda: PinVersions("1", "1"), now)
print("open", flush=True)
sys.stdin.readline()
"""


def open_database(path: Path, versions: PinVersions = VERSIONS, unverified_after_days: int = 90) -> Database:
    settings = StoreSettings(path, unverified_after_days=unverified_after_days)
    return Database.open(settings, lambda: versions, NOW)


def test_a_new_file_is_pinned_and_stays_so(tmp_path: Path) -> None:
    first = open_database(tmp_path / "a.duckdb")
    pins = first.pins
    first.close()
    second = open_database(tmp_path / "a.duckdb", PinVersions("other", "other"))
    assert second.pins == pins
    assert (pins.url_policy_version, pins.psl_version) == ("1", "2026-10-23")
    assert 0 <= pins.hash_seed < 2**64
    second.close()


def test_two_files_have_different_ids_and_seeds(tmp_path: Path) -> None:
    databases = [open_database(tmp_path / name) for name in ("a.duckdb", "b.duckdb")]
    assert len({one.pins.database_id for one in databases}) == 2
    assert len({one.pins.hash_seed for one in databases}) == 2
    for one in databases:
        one.close()


def test_the_session_is_in_utc_and_loads_no_extension(tmp_path: Path) -> None:
    database = open_database(tmp_path / "a.duckdb")
    rows = database.cursor().execute(
        "SELECT current_setting('TimeZone'), current_setting('autoload_known_extensions'), "
        "current_setting('storage_compatibility_version')"
    )
    assert rows.fetchall() == [("UTC", False, "v1.5.0")]
    database.close()


def test_another_process_is_refused_with_the_holder_named(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(DatabaseLockedError, match=rf"a\.duckdb is in use by .*process {holder.pid}"):
            open_database(path)
        holder.communicate("\n")


def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    database = open_database(tmp_path / "a.duckdb")
    with pytest.raises(DatabaseLockedError, match="this process"):
        open_database(tmp_path / "a.duckdb")
    database.close()
    open_database(tmp_path / "a.duckdb").close()


def test_a_newer_schema_is_refused_with_both_versions(tmp_path: Path) -> None:
    known = migrations()
    newer = (*known, Migration(known[-1].version + 1, "later", "CREATE TABLE internal.later (x INTEGER)"))
    Database.open(StoreSettings(tmp_path / "a.duckdb"), lambda: VERSIONS, NOW, newer).close()
    words = rf"schema version {newer[-1].version}, this linktide knows {known[-1].version}"
    with pytest.raises(SchemaTooNewError, match=words):
        open_database(tmp_path / "a.duckdb")


def test_a_later_migration_is_applied_once_to_an_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    open_database(path).close()
    newer = (
        *migrations(),
        Migration(migrations()[-1].version + 1, "later", "CREATE TABLE internal.later (x INTEGER)"),
    )
    for _ in range(2):
        database = Database.open(StoreSettings(path), lambda: VERSIONS, NOW, newer)
        rows = database.connection.execute(
            "SELECT version, name FROM internal.migrations ORDER BY 1"
        ).fetchall()
        database.close()
    assert rows[-1] == (newer[-1].version, "later")
    assert len(rows) == len(newer)


def test_a_migration_that_names_a_table_in_parts_changes_each_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        for link, is_sealed in ((1, True), (2, True), (3, False)):
            store.put(Story().link(link, f"a.com/{link}", "b.com/", attributes_at=day(link)), day(link))
            if is_sealed:
                Folder(store.database, FoldRule(seal_rows=1)).seal()
            if link == 1:
                Folder(store.database, FoldRule(seal_rows=1)).fold_all()
        kinds = [part.kind for part in store.database.parts.of("links")]
        assert sorted(kinds) == [Kind.HOT, Kind.RUN, Kind.SEALED]
    later = Migration(
        migrations()[-1].version + 1, "later", 'ALTER TABLE internal."{links}" ADD COLUMN later INTEGER'
    )
    database = Database.open(StoreSettings(path), lambda: VERSIONS, NOW, (*migrations(), later))
    try:
        for part in database.parts.physical("links"):
            found = database.connection.table(f"internal.{part}").project("later").fetchall()
            assert found == [(None,)]
    finally:
        database.close()


def test_a_failing_migration_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    bad = Migration(
        migrations()[-1].version + 1, "bad", "CREATE TABLE internal.later (x INTEGER); SELECT error('no')"
    )
    with pytest.raises(StoreFailedError):
        Database.open(StoreSettings(path), lambda: VERSIONS, NOW, (*migrations(), bad))
    database = open_database(path)
    found = database.connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'later'")
    assert found.fetchall() == [(0,)]
    database.close()


def test_migrations_are_numbered_apart() -> None:
    numbers = [one.version for one in migrations()]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
    with pytest.raises(ConfigError, match=r"not linktide's \(it holds main.mine\)"):
        open_database(foreign)
    text = tmp_path / "text.duckdb"
    text.write_text("a letter\n" * 1000)
    with pytest.raises(DatabaseDamagedError, match=r"text\.duckdb"):
        open_database(text)
    with pytest.raises(ConfigError, match="setting `database`"):
        open_database(tmp_path / "nowhere" / "a.duckdb")


@pytest.mark.parametrize("place", [0.0, 0.3, 0.5])
def test_a_damaged_file_is_refused(tmp_path: Path, place: float) -> None:
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        store.put(Story().link(1, "a.com/x", "b.com/"))
    content = bytearray(path.read_bytes())
    # Every block carries a checksum; turn a byte in each that is in use.
    for block in range(int(len(content) * place), len(content), 4096):
        content[block + 20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError, match=r"a\.duckdb"):
        open_database(path)


def crash_with_wal(path: Path) -> bytearray:
    """Leave a file as a killed process does, and return its WAL."""
    with Store(path) as store:
        store.put(Story().link(1, "a.com/x", "b.com/"))
        store.put(Story().link(2, "a.com/y", "b.com/"))
        file, wal = path.read_bytes(), wal_path(path).read_bytes()
    path.write_bytes(file)
    wal_path(path).write_bytes(wal)
    return bytearray(wal)


def test_an_intact_wal_is_replayed_and_emptied(tmp_path: Path) -> None:
    crash_with_wal(tmp_path / "a.duckdb")
    with Store(tmp_path / "a.duckdb") as store:
        assert store.database.wal_bytes() == 0
        assert store.all("SELECT count(*) FROM internal.links") == [(2,)]


@pytest.mark.parametrize("place", [0, 1, 2, 200, 600])
def test_a_damaged_wal_is_refused(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.duckdb"
    wal = crash_with_wal(path)
    wal[place] ^= 0xFF
    wal_path(path).write_bytes(wal)
    with pytest.raises(DatabaseDamagedError, match=r"a\.duckdb"):
        open_database(path)


def test_a_cut_wal_opens_at_an_older_batch(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    wal = crash_with_wal(path)
    wal_path(path).write_bytes(wal[:-10])
    with Store(path) as store:
        assert store.all("SELECT count(*), max(rev) FROM internal.links") == [(1, 1)]
        assert store.all("SELECT rev FROM internal.writer") == [(1,)]


def test_a_wal_without_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    crash_with_wal(path)
    path.unlink()
    with pytest.raises(DatabaseDamagedError, match=r"a\.duckdb is gone, but not its WAL"):
        open_database(path)


def test_views_are_made_anew_when_their_text_changed_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    database = open_database(path)
    database.connection.execute("CREATE VIEW main.abandoned AS SELECT 1")
    database.connection.execute("CREATE OR REPLACE VIEW main.sources AS SELECT 1 AS x")
    database.connection.execute("UPDATE internal.settings SET value = '' WHERE name = 'views_sha256'")
    database.close()
    database = open_database(path)
    names = {row[0] for row in database.connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    assert "abandoned" not in names
    assert "next_offset" in database.connection.sql("FROM sources").columns
    database.close()


def test_unverified_after_days_is_stored_anew_at_each_open(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    open_database(path).close()
    database = open_database(path, unverified_after_days=7)
    assert database.setting("unverified_after_days") == "7"
    assert database.setting("no such setting") is None
    database.close()


def test_sizes_are_those_of_the_file_system(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        assert store.database.wal_bytes() == 0
        store.put(Story().link(1, "a.com/x", "b.com/"), day(1))
        assert store.database.wal_bytes() == wal_path(store.database.path).stat().st_size > 0
        assert store.database.file_bytes() == store.database.path.stat().st_size
        assert store.database.free_bytes() > 0
