"""The index from the tables: how every session begins, and what a rekey leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.index import LinkIndex, Stored
from linktide.store.rebuild import domain_rows, link_rows, read_writer

if TYPE_CHECKING:
    from linktide.index import IndexOptions
    from linktide.store.database import Database


def restore_index(database: Database, options: IndexOptions) -> LinkIndex:
    """Build the index from the tables as the writer's connection sees them."""
    row = read_writer(database)
    stored = Stored(domain_rows(database), link_rows(database), row.clock_us, row.rev)
    return LinkIndex.restore(options, stored)
