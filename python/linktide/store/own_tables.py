"""Tables that the user loads, to join ours with: the schema `own`.

A load writes slices into a table that nothing can name; one short transaction then gives it its name. What a
process leaves that dies in between, the next start drops.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from linktide.errors import LinktideError
from linktide.setting import size_text
from linktide.store.arrow_view import ARROW_VIEW
from linktide.store.gate import OWN_SCHEMA, OwnNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from linktide.store.writer import StoreWriter

SLICE_ROWS: Final = 122_880
"""Rows of one transaction, two row groups: these go into the file at once, not through the WAL."""
SLICE_BYTES: Final = 16 << 20
"""Bytes of one transaction, as Arrow."""
MAX_COLUMNS: Final = 1_000

_BUILDING: Final = "being loaded"
"""Holds a space: no name that is given or asked for can be it."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_COLUMN = re.compile(r"[^\W\d]\w*")
_MAX_COLUMN_BYTES = 63
_NOT_OURS_TO_GIVE = ("pg_", "duckdb_", "sqlite_", "pragma_", "information_schema", "linktide_")
_SCALAR = (
    r"(?:BOOLEAN|U?(?:TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR|BLOB|DATE|TIME|"
    r"TIMESTAMP|TIMESTAMP WITH TIME ZONE)"
)
_TYPE = re.compile(rf"{_SCALAR}(?:\[\])?", re.ASCII)


class LoadRefusedError(LinktideError):
    """A table cannot be loaded or unloaded as asked; nothing is changed."""


class Mode(StrEnum):
    """What becomes of a table of that name."""

    NEW = "new"
    """There must be none."""
    REPLACE = "replace"
    APPEND = "append"


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table of the user's, as internal.own_tables tells of it."""

    name: str
    row_count: int
    size_bytes: int


class OwnTables:
    """What tables there are; written by the writer's thread, `names` may be read by any."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        """Read them, and drop what a load left that did not end."""
        self._connection = connection
        self._tables: dict[str, OwnTable] = {}
        self._names = OwnNames(frozenset(), 0)
        connection.execute(f'DROP TABLE IF EXISTS {OWN_SCHEMA}."{_BUILDING}"').fetchall()
        self.reload()

    def names(self) -> OwnNames:
        """Return the names; never equal to what was returned before a change."""
        return self._names

    def reload(self) -> None:
        """Read them again after a change."""
        query = "SELECT name, row_count, size_bytes FROM internal.own_tables ORDER BY name"
        rows = self._connection.execute(query).fetchall()
        self._tables = {name: OwnTable(name, int(count), int(size)) for name, count, size in rows}
        self._names = OwnNames(frozenset(self._tables), self._names.changes + 1)

    def get(self, name: str) -> OwnTable | None:
        """Return a table, None if there is none of that name."""
        return self._tables.get(name)

    def size_bytes(self, without: str) -> int:
        """Return the bytes of all tables but one."""
        return sum(one.size_bytes for one in self._tables.values() if one.name != without)


def see_own_tables(cursors: Sequence[DuckDBPyConnection]) -> OwnNames:
    """Let bare names be found among own tables once ours have been looked through; return what they are.

    For a file that nobody changes; `Database.cursor` does so for the live one.
    """
    try:
        rows = cursors[0].execute("SELECT name FROM internal.own_tables").fetchall()
    except duckdb.CatalogException:  # a file of before migration 9
        return OwnNames(frozenset(), 0)
    for cursor in cursors:
        cursor.execute(f"SET search_path = 'main,{OWN_SCHEMA}'").fetchall()
    return OwnNames(frozenset(name for (name,) in rows), 1)


def check_name(name: str) -> None:
    """Raise LoadRefusedError unless a table may have this name."""
    if not _NAME.fullmatch(name) or name.startswith(_NOT_OURS_TO_GIVE):
        raise LoadRefusedError(
            f"{name[:80]!r} cannot be the name of a table; wanted a letter, then letters, digits and _, in "
            f"lower case, at most 63, not beginning with {', '.join(_NOT_OURS_TO_GIVE)}."
        )


def checked_columns(schema: pa.Schema) -> dict[str, str]:
    """Return the columns that Arrow data of this schema gets, name → type of DuckDB.

    Raises LoadRefusedError for names or types that no own table may have. Any thread; asks no database.
    """
    names = list(schema.names)
    if not 1 <= len(names) <= MAX_COLUMNS:
        raise LoadRefusedError(f"The data has {len(names)} columns; wanted 1 to {MAX_COLUMNS}.")
    for name in names:
        if not _COLUMN.fullmatch(name) or len(name.encode()) > _MAX_COLUMN_BYTES or name != name.lower():
            raise LoadRefusedError(
                f"{name[:80]!r} cannot be the name of a column; wanted letters, digits and _, in lower case, "
                f"at most {_MAX_COLUMN_BYTES} bytes."
            )
    if len(set(names)) < len(names):
        raise LoadRefusedError("Two columns have one name; name each once.")
    try:
        with duckdb.connect(":memory:", config={"enable_external_access": False, "threads": 1}) as scratch:
            relation = scratch.from_arrow(schema.empty_table())
            types = [str(kind) for kind in relation.types]
    except (duckdb.Error, pa.ArrowException) as error:
        raise LoadRefusedError("The data has a column of a type that cannot be stored.") from error
    for name, kind in zip(names, types, strict=True):
        if not _TYPE.fullmatch(kind):
            raise LoadRefusedError(
                f"The column {name} has the type {kind[:80]}; wanted numbers, texts, bytes, times, or lists."
            )
    return dict(zip(names, types, strict=True))


@dataclass(slots=True)
class Loading:
    """A table that is being loaded. All but the fields are called by the writer's thread.

    Each call is one short transaction. Raises LoadRefusedError, and then the database is as before;
    DiskFullError or StoreFailedError as a commit does.
    """

    writer: StoreWriter
    name: str
    mode: Mode
    columns: Mapping[str, str]
    max_bytes: int
    """Of all own tables together, as Arrow."""
    rows: int = field(init=False, default=0)
    size_bytes: int = field(init=False, default=0)
    _to_copy: int = field(init=False, default=0)
    """Rows that the table of this name has, to be copied first."""

    def begin(self) -> None:
        """Make the table that nothing can name, in the place of one that another load left."""
        check_name(self.name)
        own = self.writer.database.own
        before = own.get(self.name)
        if before is not None and self.mode is Mode.NEW:
            raise LoadRefusedError(
                f"There is a table {OWN_SCHEMA}.{self.name} already; replace it by --replace, or add to it "
                "by --append."
            )
        if before is not None and self.mode is Mode.APPEND:
            self._check_same()
            self._to_copy, self.size_bytes = before.row_count, before.size_bytes
        described = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        with self.writer.transaction(f"begin to load {self.name}"):
            self._run(f'DROP TABLE IF EXISTS {OWN_SCHEMA}."{_BUILDING}"')
            self._run(f'CREATE TABLE {OWN_SCHEMA}."{_BUILDING}" ({described})')

    def copy_slice(self) -> bool:
        """Copy the next rows of the table that is added to; false once all are."""
        if self.rows >= self._to_copy:
            return False
        with self.writer.transaction(f"copy {self.name}"):
            copied = self._run(
                f'INSERT INTO {OWN_SCHEMA}."{_BUILDING}" BY NAME SELECT * FROM {OWN_SCHEMA}."{self.name}" '  # noqa: S608
                f"WHERE rowid >= {self.rows} AND rowid < {self.rows + SLICE_ROWS}"
            )
        self.rows += copied
        # Rows are never taken out of an own table, so that row ids have no holes.
        return copied > 0 and self.rows < self._to_copy

    def add(self, rows: pa.Table) -> None:
        """Write rows; at most SLICE_ROWS and SLICE_BYTES of them, so that no batch waits long."""
        size = self.size_bytes + rows.nbytes
        held = size + self.writer.database.own.size_bytes(without=self.name)
        if held > self.max_bytes:
            raise LoadRefusedError(
                f"Own tables would hold more than own_tables_max_bytes = {size_text(self.max_bytes)}; "
                "load less, unload some, or raise it."
            )
        with (
            self.writer.transaction(f"load {self.name}"),
            self.writer.database.arrow.of(rows),
        ):
            self.rows += self._run(
                f'INSERT INTO {OWN_SCHEMA}."{_BUILDING}" BY NAME SELECT * FROM {ARROW_VIEW}'  # noqa: S608
            )
        self.size_bytes = size

    def finish(self) -> None:
        """Give the table its name, in the place of one that has it."""
        with self.writer.transaction(f"name the table {self.name}"):
            self._run(f'DROP TABLE IF EXISTS {OWN_SCHEMA}."{self.name}"')
            self._run(f'ALTER TABLE {OWN_SCHEMA}."{_BUILDING}" RENAME TO "{self.name}"')
            self._run("DELETE FROM internal.own_tables WHERE name = ?", self.name)
            self._run(
                "INSERT INTO internal.own_tables VALUES (?, ?, ?, ?)",
                self.name,
                self.rows,
                self.size_bytes,
                self.writer.now(),
            )
            self.writer.at("named")
        self.writer.database.own.reload()

    def abandon(self) -> None:
        """Drop what was loaded."""
        with self.writer.transaction(f"give up loading {self.name}"):
            self._run(f'DROP TABLE IF EXISTS {OWN_SCHEMA}."{_BUILDING}"')

    def _check_same(self) -> None:
        """Raise LoadRefusedError unless the table of this name has the same columns."""
        described = self.writer.database.connection.execute(f'DESCRIBE {OWN_SCHEMA}."{self.name}"').fetchall()
        there = {str(row[0]): str(row[1]) for row in described}
        for name in sorted(there.keys() | self.columns.keys()):
            if there.get(name) != self.columns.get(name):
                raise LoadRefusedError(
                    f"The column {name} is {self.columns.get(name, 'missing')} in the data and "
                    f"{there.get(name, 'missing')} in {OWN_SCHEMA}.{self.name}; to add rows give the same "
                    "columns, or replace the table."
                )

    def _run(self, sql: str, *values: object) -> int:
        rows = self.writer.database.connection.execute(sql, list(values)).fetchall()
        return int(rows[0][0]) if rows else 0


def unload(writer: StoreWriter, name: str) -> OwnTable:
    """Drop a table and return what it was. Raises as `Loading` does."""
    table = writer.database.own.get(name)
    if table is None:
        known = ", ".join(sorted(writer.database.own.names().names)) or "none"
        raise LoadRefusedError(f"There is no own table {name[:80]!r}; there are: {known}.")
    with writer.transaction(f"unload {name}"):
        connection = writer.database.connection
        connection.execute(f'DROP TABLE {OWN_SCHEMA}."{name}"').fetchall()
        connection.execute("DELETE FROM internal.own_tables WHERE name = ?", [name]).fetchall()
    writer.database.own.reload()
    return table
