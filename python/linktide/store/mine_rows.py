"""What the user tells of himself, in tables: the rows of a file are replaced in one short transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from linktide.store.arrow_view import ARROW_VIEW
from linktide.store.source_rules import store_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from linktide.store.source_rules import SourceRule
    from linktide.store.writer import StoreWriter

TABLES: Final = {
    "pages": "own_pages",
    "blocklist": "blocklist",
    "terms": "anchor_terms",
    "placements": "placements",
    "campaigns": "campaigns",
    "markers": "marker_points",
}
"""Kind of file → table of its rows; source_rules has two, and macros."""
_WORDS: Final = {
    "terms": ", internal.words(term) AS words",
    "placements": ", internal.words(expected_anchor) AS expected_words",
}
_STAGED: Final = f"""
CREATE OR REPLACE TEMP TABLE mine_rows AS SELECT *, ? AS file_name{{words}} FROM {ARROW_VIEW}
"""  # noqa: S608
_REFUSALS: Final = pa.schema(
    [
        ("line", pa.uint64()),
        ("column_name", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
    ]
)

FileKey = tuple[str, str]
"""(kind, name)."""


class MineRows:
    """One transaction in which files of the user's come into force; used by the writer's thread."""

    def __init__(self, writer: StoreWriter) -> None:
        self._writer = writer
        self._connection: DuckDBPyConnection = writer.database.connection

    def known(self) -> dict[FileKey, str | None]:
        """Return the files that are in force or were refused, with the hash of what is in force."""
        query = "SELECT file_kind, file_name, content_hash FROM internal.mine_files"
        return {(kind, name): told for kind, name, told in self._connection.execute(query).fetchall()}

    def refused(self) -> dict[FileKey, str]:
        """Return why the newest content of files is not in force."""
        query = (
            "SELECT file_kind, file_name, refused_because FROM internal.mine_files "
            "WHERE refused_at IS NOT NULL"
        )
        return {(kind, name): told for kind, name, told in self._connection.execute(query).fetchall()}

    def put_domains(self, domains: Mapping[str, str]) -> None:
        """Store whose domains are which, domain → role, if it is not what is stored."""
        stored = dict(self._connection.execute("FROM internal.mine_domains").fetchall())
        if stored == dict(domains):
            return
        self._run("DELETE FROM internal.mine_domains")
        for name, role in domains.items():
            self._run("INSERT INTO internal.mine_domains VALUES (?, ?)", name, role)

    def drop(self, key: FileKey) -> None:
        """Forget a file that is named no more."""
        self._erase(key)
        self._run("DELETE FROM internal.mine_files WHERE file_kind = ? AND file_name = ?", *key)

    def put(
        self,
        key: FileKey,
        content_hash: str,
        rows: pa.Table | Sequence[SourceRule],
        refusals: Sequence[tuple[int, str, str, str]],
        refused_rows: int,
    ) -> None:
        """Put the rows of a file in the place of those it had."""
        kind, name = key
        if isinstance(rows, pa.Table):
            self._replace(key, rows)
            count = rows.num_rows
        else:
            store_rules(self._connection, rows)
            count = len(rows)
        self._run("DELETE FROM internal.mine_refusals WHERE file_kind = ? AND file_name = ?", kind, name)
        told = pa.Table.from_pylist(
            [dict(zip(_REFUSALS.names, one, strict=True)) for one in refusals], schema=_REFUSALS
        )
        with self._writer.database.arrow.of(told):
            self._run(
                "INSERT INTO internal.mine_refusals BY NAME "  # noqa: S608
                f"SELECT *, ? AS file_kind, ? AS file_name FROM {ARROW_VIEW}",
                kind,
                name,
            )
        self._note(key, content_hash, count, refused_rows)

    def refuse(self, key: FileKey, because: str) -> None:
        """Note that the newest content of a file is not in force."""
        kind, name = key
        now = self._writer.now()
        if not self._run(
            "UPDATE internal.mine_files SET refused_because = ?, refused_at = ? "
            "WHERE file_kind = ? AND file_name = ?",
            because, now, kind, name,
        ):  # fmt: skip
            self._run(
                "INSERT INTO internal.mine_files VALUES (?, ?, NULL, 0, 0, NULL, ?, ?)",
                kind,
                name,
                because,
                now,
            )

    def _replace(self, key: FileKey, rows: pa.Table) -> None:
        """Take out the rows that are no more and put in those that are new: of a long list few change."""
        kind, name = key
        table = TABLES[kind]
        with self._writer.database.arrow.of(rows):
            self._run(_STAGED.format(words=_WORDS.get(kind, "")), name)
        same = " AND ".join(
            f"t.{column} IS NOT DISTINCT FROM n.{column}"
            for column, *_ in self._connection.execute("DESCRIBE temp.mine_rows").fetchall()
            if column != "file_name"
        )
        self._run(
            f"DELETE FROM internal.{table} t WHERE t.file_name = ? AND NOT EXISTS ("  # noqa: S608
            f"SELECT 1 FROM temp.mine_rows n WHERE {same})",
            name,
        )
        self._run(
            f"INSERT INTO internal.{table} BY NAME SELECT * FROM temp.mine_rows n WHERE NOT EXISTS ("  # noqa: S608
            f"SELECT 1 FROM internal.{table} t WHERE t.file_name = ? AND {same})",
            name,
        )
        self._run("DROP TABLE temp.mine_rows")

    def _erase(self, key: FileKey) -> None:
        kind, name = key
        if kind in TABLES:
            self._run(f"DELETE FROM internal.{TABLES[kind]} WHERE file_name = ?", name)  # noqa: S608
        elif self.known().get(key) is not None:
            # Rules in force are those of one file, and not of one that never was.
            store_rules(self._connection, ())
        self._run("DELETE FROM internal.mine_refusals WHERE file_kind = ? AND file_name = ?", kind, name)

    def _note(self, key: FileKey, content_hash: str, row_count: int, refused_rows: int) -> None:
        self._run("DELETE FROM internal.mine_files WHERE file_kind = ? AND file_name = ?", *key)
        self._run(
            "INSERT INTO internal.mine_files VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            *key, content_hash, row_count, refused_rows, self._writer.now(),
        )  # fmt: skip

    def _run(self, sql: str, *values: object) -> int:
        rows = self._connection.execute(sql, list(values)).fetchall()
        return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0
