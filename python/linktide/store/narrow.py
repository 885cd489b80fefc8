"""Narrow copies of the views of links, in memory: each makes only the joins that some statements need.

A view makes all its outer joins whatever a statement asks of it: DuckDB takes away one that nothing is asked
of only in few forms, and for a small domain planning it costs as much as running it. So a statement is bound
to the narrowest copies that have every column it names (docs/decisions/0023-narrow-views.md).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.database import CATALOG, HOME
from linktide.store.view_text import view_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from linktide.store.reads import Reads

_FILES: Final = (
    "30_links.sql",
    "52_new_lost.sql",
    "65_profiles.sql",
    "66_kinds.sql",
    "68_anchor_classes.sql",
    "69_context.sql",
)
_TAG: Final = re.compile(r"\s*--\| (?P<word>\w+)$")
_NAMED: Final = re.compile(r"^CREATE (?:OR REPLACE )?(?:VIEW|MACRO) (?P<name>\S+?)[ (]", re.MULTILINE)
_OTHER: Final = re.compile(r"\b(?:main|internal)\.\w+")
WIDTHS: Final = (
    (),
    ("state",),
    ("state", "domain_scores"),
    ("state", "attributes"),
    ("state", "distinct", "domain_scores"),
    ("state", "attributes", "domain_scores"),
    ("state", "attributes", "distinct"),
    ("state", "attributes", "page_told"),
    ("state", "attributes", "domain_scores", "page_told"),
    ("state", "attributes", "domain_scores", "page_scores"),
    ("state", "lives"),
    ("state", "lives", "attributes"),
    ("state", "lives", "checks"),
    ("state", "lives", "checks", "attributes"),
)
"""What the narrow copies have, the cheapest first; the views themselves have all."""

_STAND_INS: Final = {"attributes": ("internal.link_attributes", "internal.links")}
"""Word → a view that is named all the same, and what stands in its place without the word."""

Columns = Mapping[str, frozenset[str]]
"""By view, in lower case."""


class NarrowViews:
    """The narrow copies in the memory of one instance; safe for many threads.

    Each copy is made when a statement may want it: to make all takes longer than most statements.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        """Take a connection with the file attached, for nothing else."""
        self._connection = connection
        self._lock = threading.Lock()
        self._whole: Columns | None = None
        self._copies: list[tuple[str, Columns]] = []

    def path_for(self, reads: Reads) -> str | None:
        """Return the search path that binds a statement to the narrowest copies it can do with, if any."""
        if reads.is_whole:
            return None
        with self._lock:
            if self._whole is None:
                self._whole = self.whole()
            asked = {name: self._whole[name] & reads.columns for name in reads.tables & self._whole.keys()}
            if not asked or reads.ctes & self._whole.keys():
                return None
            try:
                for path, has in self.copies():
                    if all(name in has and columns <= has[name] for name, columns in asked.items()):
                        return path
            except duckdb.Error:
                # No memory for a copy, say: the views themselves do as well, if slower.
                return None
        return None

    def whole(self) -> Columns:
        """Return what the views have of which there are copies."""
        named = {found["name"].lower() for found in _NAMED.finditer(_text())}
        columns = _columns_in(self._connection, CATALOG, "main")
        return {name: columns[name] for name in columns if f"main.{name}" in named}

    def copies(self) -> Iterator[tuple[str, Columns]]:
        """Yield search path and columns of each copy, the cheapest first, and make those not there yet."""
        for at, words in enumerate(WIDTHS):
            if at == len(self._copies):
                schema = "_".join(("only", *words))
                self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{schema}").fetchall()
                self._connection.execute(narrow_sql(frozenset(words), schema)).fetchall()
                columns = _columns_in(self._connection, "memory", schema)
                self._copies.append((f"memory.{schema},{HOME}", columns))
            yield self._copies[at]


def narrow_sql(words: frozenset[str], schema: str) -> str:
    """Return the text that makes the copies with only what the words name, in memory."""
    statements = [kept for one in _text().split(";\n") if (kept := _without_others(one, words))]
    for word, (view, stand_in) in _STAND_INS.items():
        if word not in words:
            statements = [re.sub(rf"(FROM|JOIN) {view} ", rf"\1 {stand_in} ", one) for one in statements]
    own = {found["name"] for one in statements for found in _NAMED.finditer(one)}

    def home_of(found: re.Match[str]) -> str:
        name = found[0]
        return f"memory.{schema}.{name.split('.')[1]}" if name in own else f"{CATALOG}.{name}"

    return ";\n".join(_OTHER.sub(home_of, one) for one in statements).replace(
        "CREATE VIEW", "CREATE OR REPLACE VIEW"
    )


def _text() -> str:
    return "".join(map(view_text, _FILES))


def _without_others(statement: str, words: frozenset[str]) -> str:
    """Return a statement without the lines of other words; nothing if its first line is one of these."""
    lines = [line for line in statement.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    kept = []
    for line in lines:
        found = _TAG.search(line)
        if found is None or found["word"] in words:
            kept.append(_TAG.sub("", line))
        elif not kept:
            return ""
    return "\n".join(kept)


def _columns_in(connection: DuckDBPyConnection, catalog: str, schema: str) -> Columns:
    rows = connection.execute(
        "SELECT lower(table_name), lower(column_name) FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? AND NOT internal",
        [catalog, schema],
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    if "links" in columns:
        columns["links_of"] = columns["links"]
    return {table: frozenset(names) for table, names in columns.items()}
