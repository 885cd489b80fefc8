"""The gate for SQL of outsiders: what one statement may be, read off its parsed form.

It lets through only what it knows. A check of the statement's type alone is worth nothing: DuckDB gives
`WITH x AS (INSERT … RETURNING *) SELECT …` the type SELECT. The other three parts of the gate (a READ ONLY
transaction, a locked configuration, limits) are in reader.py; all four are needed.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

from linktide.errors import RefusedQueryError, UnknownNameError
from linktide.store.public_names import MACROS, VIEWS
from linktide.store.reads import Reads, reads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN_SCHEMA = "own"
"""Where the tables are that users load themselves; see own_tables.py."""

OWN_TABLES = """
SELECT name, CAST(row_count AS BIGINT) AS rows, CAST(size_bytes AS BIGINT) AS bytes, loaded_at
FROM internal.own_tables ORDER BY name
"""
"""What an admin asks of them."""

MAX_STATEMENT_BYTES = 100_000
_KEPT_STATEMENTS = 1_000
_KEPT_CHARACTERS = 2_000

_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
_REFUSED_FUNCTIONS = frozenset(
    {
        "checkpoint",
        "combine",
        "copy_database",
        "current_setting",
        "currval",
        "finalize",
        "force_checkpoint",
        "getenv",
        "getvariable",
        "glob",
        "import_database",
        "json_serialize_plan",
        "nextval",
        "parse_duckdb_log_message",
        "pg_sleep",
        "query",
        "query_table",
        "seq_scan",
        "setseed",
        "setval",
        "sleep_ms",
        "sniff_csv",
        "to_aggregate_state",
        "truncate_duckdb_logs",
        "which_secret",
        "write_log",
    }
)
_REFUSED_PREFIXES = re.compile(
    r"read_|write_|parquet_|pragma_|duckdb_|enable_|disable_|json_execute|python_|arrow_scan|pandas_|"
    r"create_external|register_external|deregister_external|destroy_external|quack_|storage_|test_"
)
_SIZED_BY = {
    "array_resize": (1,),
    "bitstring": (1,),
    "generate_series": (0, 1, 2),
    "list_resize": (1,),
    "lpad": (1,),
    "range": (0, 1, 2),
    "repeat": (1,),
    "rpad": (1,),
}
"""Functions that make one value as big as these arguments say: memory DuckDB does not count."""
_MAX_SIZE = 10_000
_FUNCTION_SCHEMAS = frozenset({"", "main", "pg_catalog"})

_KINDS = frozenset(
    {
        "ASCENDING",
        "BASE_TABLE",
        "DESCENDING",
        "DISTINCT_MODIFIER",
        "EMPTY",
        "EXPRESSION_LIST",
        "JOIN",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "ORDER_DEFAULT",
        "ORDER_MODIFIER",
        "PIVOT",
        "RECURSIVE_CTE_NODE",
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "SHOW_REF",
        "SUBQUERY",
        "TABLE_FUNCTION",
    }
)
_EXPRESSIONS = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "OPERATOR",
        "PARAMETER",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    }
)
_MOST_TOLD = 20
_SERIALIZE = "SELECT json_serialize_sql(CAST(? AS VARCHAR))"
_EXPLAIN = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*EXPLAIN\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Names:
    """What a statement may name, in lower case."""

    views: frozenset[str] = frozenset(VIEWS)
    macros: frozenset[str] = frozenset(MACROS)
    table_functions: frozenset[str] = _TABLE_FUNCTIONS


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The tables of the schema own at one time."""

    names: frozenset[str]
    changes: int
    """How often they were changed, be it in their columns only."""


_NONE_OWN = OwnNames(frozenset(), 0)


class Role(StrEnum):
    """Who asks."""

    READER = "reader"
    """May name the documented views, and own tables."""
    ADMIN = "admin"
    """May also name the tables and views of the schema internal; may write no more than a reader."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run."""

    sql: str
    is_explain: bool
    reads: Reads


class Gate:
    """Decides which statements may run; safe for many threads, runs none of them.

    It parses in an instance of its own, in memory: the live one writes parsed statements in the form of its
    storage version, which leaves out what that version did not know, so that the check could not see it.
    """

    def __init__(self, names: Names | None = None, own: Callable[[], OwnNames] = lambda: _NONE_OWN) -> None:
        """Let statements name `names`; the documented views and macros if that is None. And own tables."""
        self._names = names or Names()
        self.own = own
        """Returns the own tables there are now."""
        self._parser = duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})
        self._lock = threading.Lock()
        self._checked = lru_cache(_KEPT_STATEMENTS)(self._check)

    def check(self, sql: str, role: Role) -> Statement:
        """Return the statement to run; raises RefusedQueryError with one sentence if it may not.

        Short ones that passed are remembered: dashboards and prepared statements come again and again.
        """
        return (self._checked if len(sql) <= _KEPT_CHARACTERS else self._check)(sql, role)

    def _check(self, sql: str, role: Role) -> Statement:
        _check_text(sql)
        kind = self._only_statement(sql)
        if kind == duckdb.StatementType.SELECT:
            return Statement(sql, is_explain=False, reads=self._check_select(sql, role))
        if kind == duckdb.StatementType.EXPLAIN and (found := _EXPLAIN.fullmatch(sql)):
            # Composed anew: what runs is EXPLAIN and the SELECT that was checked, whatever stood around it.
            rest = found["rest"].strip()
            return Statement(f"EXPLAIN {rest}", is_explain=True, reads=self._check_explained(rest, role))
        raise RefusedQueryError(f"only SELECT and EXPLAIN may run here, not {kind.name}")

    def close(self) -> None:
        """Release the parser; idempotent."""
        with self._lock:
            self._parser.close()

    def _check_explained(self, rest: str, role: Role) -> Reads:
        if rest.startswith("("):
            raise RefusedQueryError("EXPLAIN takes no options here; write EXPLAIN SELECT …")
        try:
            kind = self._only_statement(rest)
        except RefusedQueryError as error:
            raise RefusedQueryError("only a SELECT may be explained, and not with ANALYZE") from error
        if kind != duckdb.StatementType.SELECT:
            raise RefusedQueryError("only a SELECT may be explained, and not with ANALYZE")
        return self._check_select(rest, role)

    def _only_statement(self, sql: str) -> duckdb.StatementType:
        try:
            with self._lock:
                statements = self._parser.extract_statements(sql)
            kinds = [one.type for one in statements]
        except duckdb.Error as error:
            raise RefusedQueryError(first_line(error)) from error
        except ValueError as error:  # a kind that DuckDB's own Python enum does not know
            raise RefusedQueryError("only SELECT and EXPLAIN may run here") from error
        if len(kinds) != 1:
            raise RefusedQueryError(f"exactly one statement may run at a time, not {len(kinds)}")
        return kinds[0]

    def _check_select(self, sql: str, role: Role) -> Reads:
        try:
            with self._lock:
                text = self._parser.execute(_SERIALIZE, [sql]).fetchall()[0][0]
            parsed = json.loads(text)
            if parsed["error"]:
                raise RefusedQueryError(f"the statement cannot be checked: {parsed['error_message']}")
            if len(parsed["statements"]) != 1:
                raise RefusedQueryError("exactly one statement may run at a time")
            statement = parsed["statements"][0]
            _Walk(role, self._names, self.own().names).visit(statement, frozenset())
            return reads_of(statement)
        except duckdb.Error as error:
            raise RefusedQueryError(f"the statement cannot be checked: {first_line(error)}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # a form we do not know
            raise RefusedQueryError("the statement has a form that cannot be checked here") from error
        except RecursionError as error:
            raise RefusedQueryError("the statement is nested too deeply") from error


def _check_text(sql: str) -> None:
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        raise RefusedQueryError("the statement is not valid Unicode text") from error
    if size > MAX_STATEMENT_BYTES:
        raise RefusedQueryError(f"the statement is longer than {MAX_STATEMENT_BYTES} bytes")
    if "\0" in sql:
        raise RefusedQueryError("the statement holds a NUL character")


def first_line(error: BaseException) -> str:
    """Return the first line of an error of DuckDB, as a sentence for the asker."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@dataclass(frozen=True, slots=True)
class _Walk:
    """Visits every node of a parsed SELECT; refuses the first that is not known to be harmless."""

    role: Role
    names: Names
    own: frozenset[str]

    def visit(self, node: Any, scope: frozenset[str]) -> None:  # noqa: ANN401 - any JSON
        """Check a node and all below it; `scope` holds the names of the CTEs it sees, in lower case."""
        if isinstance(node, list):
            for one in node:
                self.visit(one, scope)
        if not isinstance(node, dict):
            return
        self._check_kind(node)
        inner = self._visit_ctes(node, scope)
        if node.get("type") == "RECURSIVE_CTE_NODE":
            inner |= {node["cte_name"].lower()}
        if "function_name" in node:
            self._check_function(node)
        for child in self._children(node, inner):
            self.visit(child, inner)

    def _children(self, node: dict[str, Any], scope: frozenset[str]) -> Iterator[Any]:
        kind = None if "class" in node else node.get("type")
        if kind == "BASE_TABLE":
            self._check_table(node, scope)
        elif kind == "SHOW_REF":
            if node["show_type"] not in ("DESCRIBE", "SUMMARY") or node.get("query") is None:
                raise RefusedQueryError("SHOW may not run here; DESCRIBE one of the documented views")
        elif kind == "TABLE_FUNCTION":
            self._check_table_function(node["function"])
            yield node["function"]["arguments"]
            return
        yield from (child for key, child in node.items() if key not in ("cte_map", "qualified_name"))

    @staticmethod
    def _check_kind(node: dict[str, Any]) -> None:
        if "class" in node:
            if node["class"] not in _EXPRESSIONS:
                raise RefusedQueryError(f"an expression of the kind {node['class']} may not run here")
            return
        kind = node.get("type")
        if isinstance(kind, str) and kind not in _KINDS and not kind.endswith("_TYPE_INFO"):
            raise RefusedQueryError(f"a {kind.replace('_', ' ').lower()} may not run here")
        if node.get("at_clause") is not None:
            raise RefusedQueryError("AT (…) may not be used here")

    def _visit_ctes(self, node: dict[str, Any], scope: frozenset[str]) -> frozenset[str]:
        """Check the CTEs of a node in their order, each seeing those before it; return the wider scope."""
        for entry in (node.get("cte_map") or {}).get("map", ()):
            self.visit(entry["value"], scope)
            scope |= {entry["key"].lower()}
        return scope

    def _check_table(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        name, schema, catalog = (node[key].lower() for key in ("table_name", "schema_name", "catalog_name"))
        if not catalog:
            if not schema and name in scope:
                return
            if schema in ("", "main") and name in self.names.views:
                return
            # Ours come first in the search path too: no own table stands before a view of its name.
            if schema in ("", OWN_SCHEMA) and name in self.own:
                return
            if schema == "internal" and self.role is Role.ADMIN:
                return
        whole = ".".join(part for part in (catalog, schema, name) if part)
        known = ", ".join((*VIEWS, *(f"{OWN_SCHEMA}.{one}" for one in sorted(self.own)[:_MOST_TOLD])))
        raise UnknownNameError(f"{whole} is not a documented view; known are {known}")

    def _check_table_function(self, function: dict[str, Any]) -> None:
        name = function.get("function_name", "").lower()
        schema, catalog = (function.get(key, "").lower() for key in ("schema", "catalog"))
        is_known = name in self.names.table_functions and not schema
        is_known = is_known or (name in self.names.macros and schema in ("", "main"))
        if not is_known or catalog:
            raise RefusedQueryError(f"the table function {name or 'without a name'} may not be called here")

    @staticmethod
    def _check_function(node: dict[str, Any]) -> None:
        name = node["function_name"].lower()
        is_foreign = node.get("schema", "").lower() not in _FUNCTION_SCHEMAS
        if is_foreign or name in _REFUSED_FUNCTIONS or _REFUSED_PREFIXES.match(name):
            raise RefusedQueryError(f"the function {name} may not be called here")
        if node.get("export_state"):
            raise RefusedQueryError("EXPORT_STATE may not be used here")
        for place in _SIZED_BY.get(name, ()):
            if place < len(node["arguments"]) and not _is_small(node["arguments"][place]["expression"]):
                raise RefusedQueryError(
                    f"the size in {name} must be a number up to {_MAX_SIZE} written out; "
                    "for more rows use it as a table: FROM range(…)"
                )


def _is_small(expression: dict[str, Any]) -> bool:
    literal = expression.get("literal") or {}
    try:
        return literal.get("kind") == "INTEGER" and int(literal["text"]) <= _MAX_SIZE
    except (KeyError, ValueError):
        return False
