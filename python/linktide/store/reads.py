"""What a parsed statement reads: the tables it names, and every name that may be a column of theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Reads:
    """Names in lower case. Rather too many than too few: whoever leaves out the rest must be right."""

    tables: set[str] = field(default_factory=set)
    """Tables, views and table macros without a schema."""
    ctes: set[str] = field(default_factory=set)
    """Common table expressions: what has such a name is taken for one."""
    columns: set[str] = field(default_factory=set)
    """Every part of every column reference."""
    is_whole: bool = False
    """It may read columns that it does not name: by a star, a position or a whole row."""


@dataclass(slots=True)
class _Search:
    found: Reads = field(default_factory=Reads)
    bare: set[str] = field(default_factory=set)
    """Column references of one part: one that is the name of a table means its whole row."""
    tables: set[str] = field(default_factory=set)
    """Names and aliases of all tables."""

    def visit(self, node: Any, *, is_direct: bool) -> None:  # noqa: ANN401 - any JSON
        """Look at a node and all below it; `is_direct`: a SELECT around it reads more than subqueries."""
        if isinstance(node, list):
            for one in node:
                self.visit(one, is_direct=is_direct)
        elif isinstance(node, dict):
            is_direct |= node.get("type") == "SELECT_NODE" and self._reads_table(node["from_table"])
            if "class" in node:
                self._note_expression(node, is_direct=is_direct)
            else:
                self._note_table(node)
            for child in node.values():
                self.visit(child, is_direct=is_direct)

    def _note_expression(self, node: dict[str, Any], *, is_direct: bool) -> None:
        kind = node["class"]
        if kind == "COLUMN_REF":
            names = [name.lower() for name in node["column_names"]]
            self.found.columns.update(names)
            if len(names) == 1:
                self.bare.update(names)
        elif kind == "STAR":
            self.found.is_whole |= is_direct
        elif kind == "POSITIONAL_REFERENCE":
            self.found.is_whole = True

    def _note_table(self, node: dict[str, Any]) -> None:
        kind = node.get("type")
        if kind in ("BASE_TABLE", "TABLE_FUNCTION"):
            of = node if kind == "BASE_TABLE" else node["function"]
            name = of["table_name" if kind == "BASE_TABLE" else "function_name"].lower()
            if not (of.get("schema_name") or of.get("schema") or of.get("catalog_name") or of.get("catalog")):
                self.found.tables.add(name)
            self.tables.update((name, node.get("alias", "").lower()))
            self.found.is_whole |= bool(node.get("column_name_alias"))
        elif kind == "JOIN":
            self.found.columns.update(name.lower() for name in node["using_columns"])
            self.found.is_whole |= node["ref_type"] not in ("REGULAR", "CROSS")
        elif kind in ("PIVOT", "SHOW_REF"):
            self.found.is_whole = True

    def _reads_table(self, source: dict[str, Any] | None) -> bool:
        if source is None:
            return False
        kind = source.get("type")
        if kind == "JOIN":
            return self._reads_table(source["left"]) or self._reads_table(source["right"])
        if kind == "BASE_TABLE" and source["table_name"].lower() in self.found.ctes:
            return False
        return kind not in ("SUBQUERY", "EMPTY", "EXPRESSION_LIST")


def reads_of(statement: dict[str, Any]) -> Reads:
    """Return what a SELECT reads, of the form that DuckDB's `json_serialize_sql` gives it.

    Raises KeyError or TypeError on a form that is not known.
    """
    search = _Search()
    search.found.ctes.update(_ctes_of(statement))
    search.visit(statement, is_direct=False)
    search.found.is_whole |= bool(search.bare & search.tables)
    return search.found


def _ctes_of(node: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield the names of all common table expressions, wherever they hold."""
    if isinstance(node, list):
        for one in node:
            yield from _ctes_of(one)
    elif isinstance(node, dict):
        yield from (entry["key"].lower() for entry in (node.get("cte_map") or {}).get("map", ()))
        if "cte_name" in node:
            yield node["cte_name"].lower()
        for child in node.values():
            yield from _ctes_of(child)
