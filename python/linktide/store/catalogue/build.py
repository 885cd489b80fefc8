"""Builds the catalogue from the columns of the views."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

import duckdb

from linktide.errors import ReadersBusyError, RefusedQueryError, UnknownNameError
from linktide.store.catalogue.column_types import type_of
from linktide.store.database import CLOSED_TO_EXTENSIONS
from linktide.store.gate import OWN_SCHEMA, Gate, Names, OwnNames
from linktide.store.public_names import MACROS, VIEWS
from linktide.store.reader import ReaderPool, ReaderSettings, lock_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")

_CATALOG_NAMESPACE, _PUBLIC, _OWN, _INFO = 11, 2200, 2201, 13000
_OWNER = 10
_FIRST_OID = 16_384
_WORDS = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "varchar": "character varying",
    "bpchar": "character",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "char": '"char"',
}
"""Types whose name in SQL is another than in the catalogue."""
_COLUMN_TYPES = {
    "oid": "BIGINT",
    "xid": "BIGINT",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "boolean": "BOOLEAN",
    "real": "FLOAT",
    "timestamptz": "TIMESTAMPTZ",
    "interval": "INTERVAL",
    "bytea": "BLOB",
    "int2vector": "SMALLINT[]",
    "smallint[]": "SMALLINT[]",
    "oidvector": "BIGINT[]",
    "oid[]": "BIGINT[]",
}
"""How a column of the catalogue is kept; lists and texts for all else."""
_TYPES = {
    "VARCHAR": (
        *("name", "regproc", "regprocedure", "regclass", "regtype", "regnamespace", "regrole", "cstring"),
        *("aclitem", "pg_node_tree", "sql_identifier", "character_data", "yes_or_no"),
    ),
    "BIGINT": ("xid", "cardinal_number"),
    "SMALLINT[]": ("int2vector",),
    "BIGINT[]": ("oidvector",),
}
"""Types that clients cast to, and how they are kept."""
_DEFAULTS = {"BIGINT": "0", "INTEGER": "0", "SMALLINT": "0", "BOOLEAN": "false", "FLOAT": "0"}
_SETTINGS = {
    "server_version": "15.0",
    "server_version_num": "150000",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "search_path": '"$user", public, own',
    "standard_conforming_strings": "on",
    "integer_datetimes": "on",
    "transaction_isolation": "read committed",
    "default_transaction_read_only": "on",
    "max_identifier_length": "63",
    "max_index_keys": "32",
    "is_superuser": "off",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view or of an own table, in the words of DuckDB."""

    schema: str
    table: str
    name: str
    type: str


class Catalogue:
    """Answers questions to the catalogue; made when the first one comes, and anew when own tables changed.

    Safe for many threads.
    """

    def __init__(self, readers: ReaderPool) -> None:
        """Tell of the views and own tables that `readers` see; only their columns are read."""
        self._views = readers
        self._lock = threading.Lock()
        self._readers: ReaderPool | None = None
        self._told: OwnNames | None = None
        """The own tables that it tells of."""
        self._is_closed = False

    def ask(self, sql: str, catalogue_sql: str | None, call: Callable[[ReaderPool, str], _T]) -> _T:
        """Ask the catalogue if `catalogue_sql` is a question to it, else the views. Raises what `call` does.

        A text that names views, beside what makes it look like such a question, is for the views.
        """
        if catalogue_sql is not None:
            with suppress(UnknownNameError):
                return call(self._own_readers(), catalogue_sql)
        return call(self._views, sql)

    def _own_readers(self) -> ReaderPool:
        with self._lock:
            if self._is_closed:
                raise ReadersBusyError("The database is not open for reading at the moment.")
            own = self._views.gate.own()
            if self._readers is None or self._told != own:
                # Not closed: whoever reads the one before reads it to its end, then nothing holds it.
                self._readers, self._told = _open(self._views, own), own
            return self._readers

    def close(self) -> None:
        """Interrupt what runs; idempotent."""
        with self._lock:
            self._is_closed = True
            if self._readers is not None:
                self._readers.close()


def _open(views: ReaderPool, own: OwnNames) -> ReaderPool:
    columns = [one for view in VIEWS for one in _described(views, "main", view)]
    for name in sorted(own.names):
        with suppress(RefusedQueryError):  # unloaded a moment ago
            columns += _described(views, OWN_SCHEMA, name)
    settings = ReaderSettings(operator_memory_limit="50MB")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "200MB",
        "threads": 1,
        **CLOSED_TO_EXTENSIONS,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'").fetchall()
        tables = _build(connection, columns)
        cursors = [connection, *(connection.cursor() for _ in range(settings.size - 1))]
        for cursor in cursors:
            # Before the schemas of DuckDB's own, whose tables tell of the instance and not of the links.
            cursor.execute("SET search_path = 'pg,info'").fetchall()
        lock_readers(cursors, settings, None)
    except BaseException:
        connection.close()
        raise
    names = Names(tables, macros=frozenset())
    return ReaderPool(cursors, settings, lambda cursor: cursor.close(), gate=Gate(names))


def _described(views: ReaderPool, schema: str, name: str) -> list[Column]:
    rows = views.query(f'DESCRIBE {schema}."{name}"').table.to_pylist()
    return [Column(schema, name, row["column_name"], row["column_type"]) for row in rows]


def _build(connection: DuckDBPyConnection, columns: Sequence[Column]) -> frozenset[str]:
    """Make the tables, the functions and the rows; return the names of the tables."""
    shapes = _shapes()
    statements = ["CREATE SCHEMA pg", "CREATE SCHEMA info"]
    for name, shape in shapes.items():
        schema = "info" if name.startswith("information_schema.") else "pg"
        described = ", ".join(_declared(column, kind) for column, kind in shape)
        statements.append(f"CREATE TABLE {schema}.{name.split('.')[-1]} ({described})")
    statements += [f"CREATE TYPE pg.{name} AS {kind}" for kind, names in _TYPES.items() for name in names]
    connection.execute("BEGIN; " + ";".join(statements)).fetchall()
    words = " ".join(f"WHEN '{name}' THEN '{word}'" for name, word in _WORDS.items())
    connection.execute(
        f"CREATE MACRO pg.type_words(name, modifier) AS CASE name {words} "
        "WHEN 'numeric' THEN CASE WHEN coalesce(modifier, -1) < 4 THEN 'numeric' ELSE "
        "format('numeric({},{})', ((modifier - 4) >> 16) & 65535, (modifier - 4) & 65535) END ELSE name END"
    ).fetchall()
    connection.execute(_resource("functions.sql")).fetchall()
    _fill_fixed(connection)
    _fill_relations(connection, columns, sorted(shapes))
    _fill_information(connection)
    connection.execute("COMMIT").fetchall()
    return frozenset(name.split(".")[-1] for name in shapes)


def _declared(column: str, kind: str) -> str:
    stored = _COLUMN_TYPES.get(kind, "VARCHAR[]" if kind.endswith("[]") else "VARCHAR")
    default = f" DEFAULT {_DEFAULTS[stored]}" if stored in _DEFAULTS else ""
    return f'"{column}" {stored}{default}'


def _resource(name: str) -> str:
    return resources.files("linktide.store.catalogue").joinpath(name).read_text("utf-8")


def _shapes() -> dict[str, list[tuple[str, str]]]:
    """Return the columns of each table, name and type."""
    shapes = {}
    for line in _resource("tables.txt").splitlines():
        if not line.startswith("#"):
            table, _, columns = line.partition("\t")
            shapes[table] = [
                (name, kind) for name, _, kind in (one.partition(":") for one in columns.split())
            ]
    return shapes


def _insert(connection: DuckDBPyConnection, table: str, rows: Sequence[dict[str, object]]) -> None:
    names = ", ".join(f'"{name}"' for name in rows[0])
    marks = "(" + ", ".join("?" for _ in rows[0]) + ")"
    sql = f"INSERT INTO {table} ({names}) VALUES {', '.join(marks for _ in rows)}"  # noqa: S608 - of this file
    connection.execute(sql, [value for row in rows for value in row.values()]).fetchall()


def _fill_fixed(connection: DuckDBPyConnection) -> None:
    """Put in what is the same in every database."""
    insert = partial(_insert, connection)
    namespaces = (
        (_CATALOG_NAMESPACE, "pg_catalog"),
        (_PUBLIC, "public"),
        (_OWN, OWN_SCHEMA),
        (_INFO, "information_schema"),
    )
    insert("pg.pg_namespace", [{"oid": oid, "nspname": name, "nspowner": _OWNER} for oid, name in namespaces])
    database = {
        "oid": 5,
        "datname": "linktide",
        "datdba": _OWNER,
        "encoding": 6,
        "datlocprovider": "c",
        "datallowconn": True,
        "datconnlimit": -1,
        "dattablespace": 1663,
        "datcollate": "C.UTF-8",
        "datctype": "C.UTF-8",
    }
    insert("pg.pg_database", [database])
    role = {"rolname": "linktide", "rolinherit": True, "rolcanlogin": True, "rolconnlimit": -1, "oid": _OWNER}
    insert("pg.pg_roles", [role])
    insert("pg.pg_user", [{"usename": "linktide", "usesysid": _OWNER}])
    insert("pg.pg_am", [{"oid": 2, "amname": "heap", "amhandler": "heap_tableam_handler", "amtype": "t"}])
    insert("pg.pg_tablespace", [{"oid": 1663, "spcname": "pg_default", "spcowner": _OWNER}])
    insert("pg.pg_language", [{"oid": 14, "lanname": "sql", "lanowner": _OWNER, "lanpltrusted": True}])
    insert("pg.pg_collation", [{"oid": 100, "collname": "default", "collnamespace": _CATALOG_NAMESPACE}])
    insert("pg.pg_settings", [{"name": name, "setting": value} for name, value in _SETTINGS.items()])
    head, *lines = _resource("types.txt").splitlines()
    names = head.removeprefix("# Base types of PostgreSQL 15: ").split()
    fixed = {"typnamespace": _CATALOG_NAMESPACE, "typowner": _OWNER, "typisdefined": True, "typtypmod": -1}
    flags = {"typbyval", "typispreferred"}
    told = [dict(zip(names, line.split(" "), strict=True)) for line in lines]
    insert(
        "pg.pg_type",
        [{**fixed, **{k: v == "1" if k in flags else v for k, v in one.items()}} for one in told],
    )


def _fill_relations(
    connection: DuckDBPyConnection, columns: Sequence[Column], catalogue_tables: Sequence[str]
) -> None:
    """Put in views and own tables, their columns, the macros, and the tables of the catalogue itself."""
    fixed = {
        "relkind": "v",
        "relowner": _OWNER,
        "relpersistence": "p",
        "relreplident": "n",
        "relispopulated": True,
        "relacl": ["=r/linktide"],
    }
    classes: list[dict[str, object]] = []
    attributes: list[dict[str, object]] = []
    array_of = dict(connection.execute("SELECT oid, typarray FROM pg.pg_type").fetchall())
    by_relation: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        by_relation.setdefault((column.schema, column.table), []).append(column)
    for place, ((schema, name), described) in enumerate(by_relation.items(), _FIRST_OID):
        is_own = schema == OWN_SCHEMA
        told = {"oid": place, "relname": name, "relnamespace": _OWN if is_own else _PUBLIC}
        told |= {"relnatts": len(described)}
        classes.append({**told, **fixed, "relkind": "r" if is_own else "v"})
        for number, one in enumerate(described, 1):
            kind, modifier = type_of(one.type, array_of)
            attributes.append(
                {
                    "attrelid": place,
                    "attname": one.name,
                    "attnum": number,
                    "atttypid": kind,
                    "atttypmod": modifier,
                }
            )
    for place, name in enumerate(catalogue_tables, 12_000):
        namespace = _INFO if name.startswith("information_schema.") else _CATALOG_NAMESPACE
        told = {"oid": place, "relname": name.split(".")[-1], "relnamespace": namespace, "relnatts": 0}
        classes.append({**told, **fixed})
    _insert(connection, "pg.pg_class", classes)
    same = {"attstattarget": -1, "attcacheoff": -1, "attidentity": "", "attgenerated": "", "attislocal": True}
    _insert(connection, "pg.pg_attribute", [{**one, **same, "attstorage": "p"} for one in attributes])
    function = {"pronamespace": _PUBLIC, "proowner": _OWNER, "prolang": 14, "prokind": "f", "proretset": True}
    macros = [
        {"oid": place, "proname": name, **function} for place, name in enumerate(MACROS, _FIRST_OID + 500)
    ]
    _insert(
        connection,
        "pg.pg_proc",
        [{**one, "provolatile": "s", "prorettype": 2249, "prosrc": "SETOF record"} for one in macros],
    )


def _fill_information(connection: DuckDBPyConnection) -> None:
    """Tell the same in other words: lengths by type, pg_views, information_schema."""
    for statement in (
        """UPDATE pg.pg_attribute SET attlen = t.typlen, attcollation = t.typcollation
           FROM pg.pg_type t WHERE t.oid = atttypid""",
        """INSERT INTO pg.pg_views SELECT 'public', relname, 'linktide', NULL FROM pg.pg_class
           WHERE relnamespace = 2200""",
        """INSERT INTO pg.pg_tables (schemaname, tablename, tableowner)
           SELECT 'own', relname, 'linktide' FROM pg.pg_class WHERE relnamespace = 2201""",
        """INSERT INTO info.schemata (catalog_name, schema_name, schema_owner)
           SELECT 'linktide', nspname, 'linktide' FROM pg.pg_namespace""",
        """INSERT INTO info.information_schema_catalog_name VALUES ('linktide')""",
        """INSERT INTO info.enabled_roles VALUES ('linktide')""",
        """INSERT INTO info.tables (table_catalog, table_schema, table_name, table_type, is_insertable_into,
               is_typed)
           SELECT 'linktide', n.nspname, c.relname, if(c.relkind = 'r', 'BASE TABLE', 'VIEW'), 'NO', 'NO'
           FROM pg.pg_class c JOIN pg.pg_namespace n ON n.oid = c.relnamespace""",
        """INSERT INTO info.views (table_catalog, table_schema, table_name, check_option, is_updatable,
               is_insertable_into, is_trigger_updatable, is_trigger_deletable, is_trigger_insertable_into)
           SELECT table_catalog, table_schema, table_name, 'NONE', 'NO', 'NO', 'NO', 'NO', 'NO'
           FROM info.tables WHERE table_schema = 'public'""",
        """INSERT INTO info.columns (table_catalog, table_schema, table_name, column_name, ordinal_position,
               is_nullable, data_type, numeric_precision, numeric_precision_radix, numeric_scale,
               datetime_precision, udt_catalog, udt_schema, udt_name, dtd_identifier, is_self_referencing,
               is_identity, is_generated, is_updatable)
           SELECT 'linktide', n.nspname, c.relname, a.attname, a.attnum, 'YES',
               CASE t.typcategory WHEN 'A' THEN 'ARRAY' ELSE pg.type_words(t.typname, NULL) END,
               CASE t.typname WHEN 'int2' THEN 16 WHEN 'int4' THEN 32 WHEN 'int8' THEN 64
                              WHEN 'float4' THEN 24 WHEN 'float8' THEN 53 END,
               CASE WHEN t.typname IN ('int2', 'int4', 'int8', 'float4', 'float8') THEN 2
                    WHEN t.typname = 'numeric' THEN 10 END,
               CASE WHEN t.typname IN ('int2', 'int4', 'int8') THEN 0 END,
               CASE WHEN t.typname IN ('time', 'timestamp', 'timestamptz') THEN 6
                    WHEN t.typname = 'date' THEN 0 END,
               'linktide', 'pg_catalog', t.typname, a.attnum::VARCHAR, 'NO', 'NO', 'NEVER', 'NO'
           FROM pg.pg_class c JOIN pg.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg.pg_attribute a ON a.attrelid = c.oid JOIN pg.pg_type t ON t.oid = a.atttypid
           ORDER BY n.nspname, c.relname, a.attnum""",
    ):
        connection.execute(statement).fetchall()
