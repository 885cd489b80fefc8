"""Another public suffix list comes into force: hosts get their domains by it, in one transaction.

Keys of domains stand in many tables and in the core. The tables are changed where a host moved, the index is
restored from them inside the same transaction, and its new scores go in with the rest: readers see the state
under the old list, then the state under the new one, and nothing between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from linktide.restore import restore_index, writer_row_of
from linktide.store.domain_keys import DomainMove, count_moves, move_hosts, stored_hosts
from linktide.store.failure import write_failure
from linktide.store.rebuild import read_writer
from linktide.store.writer import StoreBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from linktide.index import IndexOptions, LinkIndex, SuffixList
    from linktide.store.database import Database
    from linktide.store.rebuild import WriterRow
    from linktide.store.writer import StoreWriter

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What a rekey does, or did."""

    version_before: str
    version: str
    hosts: int
    """Hosts, each port of one apart, that have another domain."""
    domains: int
    """Domains that lose or gain hosts."""
    links: int
    """Links with such a host on either side."""
    largest: tuple[DomainMove, ...]


def plan_rekey(database: Database, connection: DuckDBPyConnection, suffixes: SuffixList) -> Rekeyed:
    """Count what a rekey to `suffixes` would change; changes nothing."""
    try:
        return _told(database, connection, suffixes, _moved(database, connection, suffixes))
    except duckdb.Error as error:
        raise write_failure(error, database.path, "read the hosts") from error


def rekey(writer: StoreWriter, suffixes: SuffixList, options: IndexOptions) -> tuple[Rekeyed, LinkIndex]:
    """Bring `suffixes` into force and pin it; return what changed, and the index of the new state.

    Raises FenceError, DiskFullError or StoreFailedError. Then the old list and all of its state hold; the
    database must be closed and opened again.
    """
    database = writer.database
    told: list[tuple[Rekeyed, LinkIndex]] = []

    def change() -> StoreBatch:
        moved = _moved(database, database.connection, suffixes)
        rekeyed = _told(database, database.connection, suffixes, moved)
        move_hosts(database, moved, read_writer(database).rev + 1)
        database.pin_suffix_list(suffixes.version, suffixes.text)
        writer.at("keyed")
        index = restore_index(database, options)
        writer.at("restored")
        told.append((rekeyed, index))
        return _batch(index, read_writer(database))

    writer.rewrite(change)
    return told[0]


def _moved(database: Database, connection: DuckDBPyConnection, suffixes: SuffixList) -> pa.RecordBatch:
    return suffixes.moved_hosts(database.pins.hash_seed, stored_hosts(connection))


def _told(
    database: Database, connection: DuckDBPyConnection, suffixes: SuffixList, moved: pa.RecordBatch
) -> Rekeyed:
    links, largest = count_moves(connection, moved, MOST_SHOWN)
    names = set(moved["domain_name"].to_pylist()) | set(moved["new_domain_name"].to_pylist())
    return Rekeyed(
        database.pins.psl_version, suffixes.version, moved.num_rows, len(names), links, tuple(largest)
    )


def _batch(index: LinkIndex, row: WriterRow) -> StoreBatch:
    """Return the scores that moved with the hosts, and what there is to tell of the new state."""
    rows = index.settle()
    rev = row.rev if rows is None else rows.rev
    return StoreBatch({} if rows is None else rows.tables, (), writer_row_of(index, rev, row.clock_us))
