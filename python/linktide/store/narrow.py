"""Narrow copies of the views of links, in memory: each makes only the joins that some statements need.

A view makes all its outer joins whatever a statement asks of it: DuckDB takes away one that nothing is asked
of only in few forms, and for a small domain planning it costs as much as running it. So a statement is bound
to the narrowest copies that have every column it names (docs/decisions/0023-narrow-views.md).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final, Self

from linktide.store.database import CATALOG, HOME

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from linktide.store.reads import Reads

_FILES: Final = (
    "30_links.sql",
    "52_new_lost.sql",
    "65_profiles.sql",
    "66_kinds.sql",
    "68_anchor_classes.sql",
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
    ("state", "attributes", "distinct"),
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


@dataclass(frozen=True, slots=True)
class NarrowViews:
    """Which copies there are, and what columns they have."""

    whole: Columns
    """What the views have of which there are copies."""
    copies: tuple[tuple[str, Columns], ...]
    """Search path and columns of each copy, the cheapest first."""

    @classmethod
    def create(cls, connection: DuckDBPyConnection) -> Self:
        """Make the copies in the memory of an instance that has the file attached, and look at them."""
        copies = []
        for words in WIDTHS:
            schema = "_".join(("only", *words))
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{schema}").fetchall()
            connection.execute(narrow_sql(frozenset(words), schema)).fetchall()
            copies.append((f"memory.{schema},{HOME}", _columns_in(connection, "memory", schema)))
        names = {name for _, columns in copies for name in columns}
        whole = _columns_in(connection, CATALOG, "main")
        return cls({name: whole[name] for name in names & whole.keys()}, tuple(copies))

    def path_for(self, reads: Reads) -> str | None:
        """Return the search path that binds a statement to the narrowest copies it can do with, if any."""
        if reads.is_whole or reads.ctes & self.whole.keys():
            return None
        asked = {name: self.whole[name] & reads.columns for name in reads.tables & self.whole.keys()}
        for path, has in self.copies if asked else ():
            if all(name in has and columns <= has[name] for name, columns in asked.items()):
                return path
        return None


class Binder:
    """Finds the views for a statement; safe for many threads."""

    def __init__(self, create: Callable[[], NarrowViews] | None) -> None:
        """`create` makes the copies, when they are first wanted; without it there are none."""
        self._create = create
        self._lock = threading.Lock()
        self._views: NarrowViews | None = None

    def path_for(self, reads: Reads) -> str | None:
        """Return the search path to run a statement by; None: the one there is."""
        if self._create is None:
            return None
        with self._lock:
            if self._views is None:
                self._views = self._create()
        return self._views.path_for(reads)


def narrow_sql(words: frozenset[str], schema: str) -> str:
    """Return the text that makes the copies with only what the words name, in memory."""
    folder = resources.files(__package__).joinpath("views")
    text = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _FILES)
    statements = [kept for one in text.split(";\n") if (kept := _without_others(one, words))]
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
