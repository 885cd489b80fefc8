"""The watch over space: the sources rest while there is too little, and go on by themselves."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from linktide.config import load
from linktide.configured import open_database
from linktide.errors import FreeSpaceError
from linktide.metrics.values import Metrics
from linktide.pauses import PauseDesk
from linktide.upkeep import DEAD_LETTERS, FREE_SPACE, PAUSES, Upkeep

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GAUGE = 'linktide_pipeline_is_paused{reason="free_space"}'


def gauge(metrics: Metrics) -> float:
    lines = metrics.exposition().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(GAUGE))


def test_too_little_space_pauses_once_and_resumes_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(
        flags={"database": tmp_path / "a.duckdb", "min_free_bytes": 2**30}, environ={}, folder=tmp_path
    )
    metrics = Metrics()
    desk = PauseDesk(metrics, PAUSES)
    database = open_database(config)
    clock, free = [0.0], [2**40]
    upkeep = Upkeep.of(database, config, metrics, desk, lambda: NOW, lambda _point: None)
    upkeep.monotonic, upkeep.free_bytes = lambda: clock[0], lambda: free[0]

    def look(bytes_free: int) -> str | None:
        clock[0] += 10
        free[0] = bytes_free
        upkeep.step()
        return desk.reason()

    with caplog.at_level(logging.INFO, "linktide"):
        assert look(2**40) is None
        assert gauge(metrics) == 0
        assert "min_free_bytes" in (look(2**30 - 1) or "")
        assert look(2**29) is not None
        assert gauge(metrics) == 1
        # Not at the very edge: that would flutter.
        assert look(2**30) is not None
        assert look(2**31) is None
        assert gauge(metrics) == 0
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    upkeep.close()
    database.close()


def test_an_import_ends_where_a_service_would_pause(tmp_path: Path) -> None:
    config = load(
        flags={"database": tmp_path / "a.duckdb", "min_free_bytes": 2**30}, environ={}, folder=tmp_path
    )
    metrics = Metrics()
    desk = PauseDesk(metrics, PAUSES, ends_by_itself=True)
    database = open_database(config)
    upkeep = Upkeep.of(database, config, metrics, desk, lambda: NOW, lambda _point: None)
    upkeep.free_bytes = lambda: 2**30 - 1
    with pytest.raises(FreeSpaceError, match="min_free_bytes"):
        upkeep.step()
    assert desk.reason() is None
    upkeep.close()
    database.close()


def test_dead_letters_above_their_budget_pause_until_some_are_erased(tmp_path: Path) -> None:
    config = load(
        flags={"database": tmp_path / "a.duckdb", "retention_dead_letter_max_bytes": 1000},
        environ={},
        folder=tmp_path,
    )
    metrics = Metrics()
    desk = PauseDesk(metrics, PAUSES)
    database = open_database(config)
    clock = [0.0]
    upkeep = Upkeep.of(database, config, metrics, desk, lambda: NOW, lambda _point: None)
    upkeep.monotonic, upkeep.free_bytes = lambda: clock[0], lambda: 2**40
    database.connection.execute(
        "INSERT INTO internal.dead_letters SELECT 1, i, 'X', '', now(), now(), NULL, 300, 0, 1, NULL, NULL "
        "FROM range(3) t(i)"
    ).fetchall()
    upkeep.step()
    assert desk.is_paused(DEAD_LETTERS)
    assert not desk.is_paused(FREE_SPACE)
    database.connection.execute("DELETE FROM internal.dead_letters WHERE off = 0").fetchall()
    clock[0] += 10
    upkeep.step()
    assert desk.reason() is None
    upkeep.close()
    database.close()


def test_old_dead_letters_and_superseded_scores_go_and_newest_stay(tmp_path: Path) -> None:
    flags = {
        "database": tmp_path / "a.duckdb",
        "retention_dead_letter_days": 30,
        "retention_authority_days": 30,
    }
    config = load(flags=flags, environ={}, folder=tmp_path)
    metrics = Metrics()
    database = open_database(config)
    run = database.connection.execute
    run(
        "INSERT INTO internal.dead_letters SELECT 1, i, 'X', '', now(), CAST(? AS TIMESTAMPTZ) - to_days(i), "
        "NULL, 3, 0, 1, NULL, NULL FROM range(0, 60, 20) t(i)",
        [NOW],
    ).fetchall()
    run("UPDATE internal.writer SET clock = CAST(? AS TIMESTAMPTZ)", [NOW]).fetchall()
    scores = database.parts.hot("domain_scores")
    run(
        f'INSERT INTO internal."{scores}" BY NAME SELECT 7 AS domain_key, i AS citation, i AS authority, '  # noqa: S608
        "CAST(? AS TIMESTAMPTZ) - to_days(60 - i) AS scored_at, i AS rev FROM range(0, 20, 10) t(i)",
        [NOW],
    ).fetchall()
    database.parts.reload()
    upkeep = Upkeep.of(
        database, config, metrics, PauseDesk(metrics, PAUSES), lambda: NOW, lambda _point: None
    )
    upkeep.folder.fold_all()
    assert upkeep.retention.step()
    assert run("SELECT off FROM internal.dead_letters ORDER BY 1").fetchall() == [(0,), (20,)]
    assert run("SELECT count(*) FROM internal.score_history").fetchall() == [(0,)]
    assert run("SELECT domain_key, citation FROM internal.newest_domain_scores").fetchall() == [(7, 10.0)]
    assert not upkeep.retention.step()
    upkeep.close()
    database.close()
