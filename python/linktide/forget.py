"""Forget a domain or a page: its rows go, and the index is restored without them, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.restore import restore_index, writer_row_of
from linktide.store.forget import Forgotten, forget, give_up_segment
from linktide.store.rebuild import read_writer
from linktide.store.writer import StoreBatch

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.index import IndexOptions
    from linktide.store.writer import StoreWriter


def forget_name(writer: StoreWriter, name: str, options: IndexOptions, *, is_url: bool) -> Forgotten:
    """Erase what is stored of a registrable domain or a normalised URL; return what that was.

    Raises DiskFullError or StoreFailedError; then nothing is erased, and the database must be closed and
    opened again. Where it lay is free, but holds the old bytes until something else is written there.
    """
    database = writer.database
    told: list[tuple[Forgotten, list[Path]]] = []

    def change() -> StoreBatch:
        row = read_writer(database)
        told.append(forget(database, name, is_url=is_url, rev=row.rev + 1))
        writer.at("keyed")
        index = restore_index(database, options)
        writer.at("restored")
        rows = index.settle()
        rev = row.rev + 1 if rows is None else rows.rev
        tables = {} if rows is None else rows.tables
        return StoreBatch(tables, (), writer_row_of(index, rev, row.clock_us))

    writer.rewrite(change)
    forgotten, replaced = told[0]
    for path in replaced:
        path.unlink()
    writer.checkpoint()
    return forgotten


def forget_segment(writer: StoreWriter, file_name: str) -> bool:
    """Give up the raw events of a segment that is damaged or gone; false if there is no such segment."""
    told: list[bool] = []

    def change() -> StoreBatch:
        told.append(give_up_segment(writer.database, file_name))
        return StoreBatch({}, (), read_writer(writer.database))

    writer.rewrite(change)
    return told[0]
