"""What an error of DuckDB at the opening of a file means."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from linktide.errors import ConfigError, DatabaseDamagedError, DiskFullError, LinktideError, OutOfMemoryError
from linktide.store.failure import StoreFailedError, open_failure

PATH = Path("/var/WAL/links.duckdb")
TOLD = (
    (
        duckdb.InvalidInputException("WAL checkpoint marker must be at the end of the WAL"),
        DatabaseDamagedError,
    ),
    (duckdb.IOException("Failure while replaying WAL file: invalid entry"), DatabaseDamagedError),
    (duckdb.IOException("Failure while replaying WAL: No space left on device"), DiskFullError),
    (duckdb.OutOfMemoryException("Failure while replaying WAL: failed to allocate"), OutOfMemoryError),
    (duckdb.IOException("Checkpoint failed: Allocation error : not enough memory"), OutOfMemoryError),
    (
        duckdb.TransactionException(
            "Failed to commit: Failed to allocate block of 262144 bytes (bad allocation)"
        ),
        OutOfMemoryError,
    ),
    (duckdb.IOException("Could not read the WAL: Input/output error"), StoreFailedError),
    (
        duckdb.IOException(
            'Checkpoint failed for database "linktide". The database has been invalidated. Original error: '
            "fsync failed!"
        ),
        StoreFailedError,
    ),
    (duckdb.IOException(f'Cannot open file "{PATH}": Too many open files in system'), StoreFailedError),
    (duckdb.IOException('Cannot open file "/mnt/a.duckdb": Stale file handle'), StoreFailedError),
    (duckdb.IOException(f'Cannot open file "{PATH}": Is a directory'), ConfigError),
    (duckdb.IOException(f'Cannot open file "{PATH}.wal": Permission denied'), ConfigError),
)


@pytest.mark.parametrize(("error", "wanted"), TOLD, ids=[str(error)[:32] for error, _ in TOLD])
def test_an_error_at_the_opening_has_its_type(error: duckdb.Error, wanted: type[LinktideError]) -> None:
    told = open_failure(error, PATH)
    assert type(told) is wanted
    assert str(PATH) in str(told)
