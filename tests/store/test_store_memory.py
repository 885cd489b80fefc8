"""Statements that take what the writer needs are stopped."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import pytest
from hand_made_store import Store

from linktide.errors import RefusedQueryError
from linktide.store.query_guard import Guard, Shared, Watch
from linktide.store.reader import QueryLimits, ReaderPool

if TYPE_CHECKING:
    from pathlib import Path

_HUNGRY = "SELECT length(string_agg(repeat('x', 10000), '')) FROM range(1000000)"


@pytest.mark.timeout(120)
def test_hungry_readers_leave_memory_for_the_writer(tmp_path: Path) -> None:
    failed: list[Exception] = []
    told: list[str] = []
    with Store(tmp_path / "a.duckdb") as store, ReaderPool.of(store.database) as pool:
        writer = store.database.cursor()
        is_over = threading.Event()

        def write() -> None:
            while not is_over.is_set():
                try:
                    writer.execute(
                        "CREATE OR REPLACE TABLE internal.scratch AS "
                        "SELECT i, 'some text ' || i AS t FROM range(100000) r(i) ORDER BY hash(i)"
                    ).fetchall()
                except duckdb.Error as error:
                    failed.append(error)

        def ask() -> None:
            for _ in range(2):
                with pytest.raises(RefusedQueryError) as refused:
                    pool.query(_HUNGRY)
                told.append(str(refused.value))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        beside = threading.Thread(target=write)
        for thread in (beside, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        is_over.set()
        beside.join()
    assert failed == []
    assert len(told) == 8
    assert any("together" in sentence for sentence in told)


def test_a_short_statement_is_not_stopped_for_what_others_take(tmp_path: Path) -> None:
    with Store(tmp_path / "b.duckdb") as store:
        cursor = store.database.cursor()
        watch = Watch(Shared(lambda: 100, 100))
        try:
            with Guard(watch, cursor, QueryLimits(), lambda: False) as guard:
                cursor.execute("SELECT 1").fetchall()
            assert guard.refusal is None
        finally:
            watch.close()


def test_no_memory_to_ask_how_much_there_is_means_too_little() -> None:
    def fail() -> int:
        raise duckdb.OutOfMemoryException("none")

    assert Shared(fail, 100).is_short()
    assert not Shared(lambda: 10, 100).is_short()
