"""The parts of the tables: one that batches append to, one that is sealed, and sorted runs; views join them.

Row order and text columns of a run only save reading: every view is the same whatever the parts are, because
change rows are folded by the newest `rev` wherever they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection


class Kind(StrEnum):
    """What a part is."""

    HOT = "hot"
    """Batches append to it."""
    SEALED = "sealed"
    """Once hot; about to be folded."""
    RUN = "run"
    """Folded, in the order of its family."""


@dataclass(frozen=True, slots=True)
class Family:
    """How one table is folded."""

    table: str
    key: tuple[str, ...]
    """Of the rows with the same key the newest rev wins; empty: every row is kept."""
    order: tuple[str, ...]
    """Of a run, and total: no two rows of a run agree in all of it."""
    has_domain: bool = False
    """Its rows belong to the link of a target domain: runs carry its name beside `t_dom_key`."""
    most_runs: int = 5
    """Beside them lie the hot part and at times a sealed one."""


LINK_EVENTS: Final = "link_events"
"""In parts like the families, but what is sealed leaves the file as a Parquet segment."""

FAMILIES: Final = {
    family.table: family
    for family in (
        Family("domain_keys", (), ("domain_name", "domain_key", "rev"), most_runs=1),
        Family("links", (), ("target_domain", "source_domain", "link_id", "rev"), has_domain=True),
        Family("link_changes", ("link_id",), ("target_domain", "link_id"), has_domain=True, most_runs=2),
        Family(
            "life_changes",
            ("link_id", "started_at"),
            ("target_domain", "link_id", "started_at"),
            has_domain=True,
            most_runs=2,
        ),
        Family(
            "attribute_changes",
            ("link_id", "field", "observed_at"),
            ("target_domain", "link_id", "field", "observed_at"),
            has_domain=True,
        ),
        Family(
            "velocity_delta",
            ("t_dom_key", "hour"),
            ("target_domain", "hour", "t_dom_key"),
            has_domain=True,
        ),
        Family("domain_names", (), ("domain_name", "domain_key", "rev"), most_runs=1),
        Family("domain_scores", ("domain_key",), ("domain_key",), most_runs=1),
        Family("page_scores", ("page_key",), ("page_key",), most_runs=1),
        Family("topic_scores", ("domain_key", "topic"), ("domain_key", "topic"), most_runs=1),
    )
}
"""Every folded table. The names of domains come first: the others' runs take them from there."""
BASED: Final = ("link_changes", "life_changes", "domain_scores", "page_scores")
"""Their oldest run, in which a key stands once, and all that came since are views apart (…_base, …_new)."""
SEEN_ONCE: Final = {
    "link_changes": {
        "link_id": "r.link_id",
        "t_dom_key": "r.t_dom_key",
        "status": "CAST(1 AS UTINYINT)",
        "started_at": "r.seen_at",
        "last_seen": "r.seen_at",
        "target_domain": "r.target_domain",
        "rev": "r.rev",
    },
    "life_changes": {
        "link_id": "r.link_id",
        "t_dom_key": "r.t_dom_key",
        "started_at": "r.seen_at",
        "is_confirmed_by_event": "false",
        "is_void": "false",
        "target_domain": "r.target_domain",
        "rev": "r.rev",
    },
}
"""Table → column → what the wide row of a link that was seen once says of it; all other columns are null."""
_READ_BY_OTHERS: Final = {"domain_keys": 0, "links": 1}
"""Tables that the views over the parts of other tables read → in which order they are made."""
KEYED: Final = ("links", "link_changes", "attribute_changes")
"""Their rows as they stand, joined with no names, are a view apart (…_keyed): for who asks by other keys than
that of the target domain."""


@dataclass(frozen=True, slots=True)
class Part:
    """A physical table of the schema internal."""

    name: str
    table: str
    kind: Kind
    serial: int

    @property
    def is_named(self) -> bool:
        """Tell whether its rows carry the name of their target domain, if they have one."""
        return self.kind is Kind.RUN


class Parts:
    """What parts there are, as of the newest committed change; kept by the writer's thread."""

    def __init__(self, connection: DuckDBPyConnection, segment_folder: Path) -> None:
        self._connection = connection
        self.segment_folder = segment_folder
        """Where the segments of `link_events` are."""
        self._parts: dict[str, list[Part]] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, int] = {}
        self.hot_rows: dict[str, int] = {}
        """Rows of each hot part."""
        self.reload()

    def reload(self) -> None:
        """Read the parts again."""
        rows = self._connection.execute(
            "SELECT part_name, table_name, kind, serial, "
            "(SELECT estimated_size FROM duckdb_tables() t "
            "WHERE t.schema_name = 'internal' AND t.table_name = p.part_name) "
            "FROM internal.parts p ORDER BY serial"
        ).fetchall()
        self._parts = {}
        self._rows = {}
        self.hot_rows = {}
        for name, table, kind, serial, size in rows:
            self._parts.setdefault(table, []).append(Part(name, table, Kind(kind), serial))
            self._rows[name] = int(size or 0)
            if kind == Kind.HOT:
                self.hot_rows[table] = int(size or 0)
        # Columns are those of the schema: they stay while the file is open.
        for table in self._parts.keys() - self._columns.keys():
            described = self._connection.execute(f'DESCRIBE internal."{self.hot(table)}"').fetchall()
            self._columns[table] = tuple(str(row[0]) for row in described)

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in parts."""
        return tuple(self._parts)

    def of(self, table: str, kind: Kind | None = None) -> list[Part]:
        """Return the parts of a table, the oldest first."""
        return [part for part in self._parts[table] if kind is None or part.kind is kind]

    def physical(self, table: str) -> list[str]:
        """Return the names of all physical tables of a table; itself if it is not in parts."""
        return [part.name for part in self.of(table)] if table in self._parts else [table]

    def hot(self, table: str) -> str:
        """Return the name of the physical table that rows are appended to; itself if it is not in parts."""
        return self.of(table, Kind.HOT)[0].name if table in self._parts else table

    def rows(self, parts: Iterable[Part]) -> int:
        """Return about how many rows sealed parts and runs hold: as many as when the parts were read."""
        return sum(self._rows[part.name] for part in parts)

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of the hot part."""
        return self._columns[table]

    def run_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a run and of the view."""
        columns = self._columns[table]
        is_added = is_domain_family(table) and "target_domain" not in columns
        return (*columns, "target_domain") if is_added else columns

    def next_serial(self) -> int:
        """Return a serial above all."""
        return 1 + max(part.serial for parts in self._parts.values() for part in parts)

    def count(self, rows: Mapping[str, int]) -> None:
        """Hear what a committed batch appended."""
        for table, more in rows.items():
            if table in self.hot_rows:
                self.hot_rows[table] += more

    def select_to_fold(self, part: Part, condition: str = "true") -> str:
        """Return a SELECT of those rows of a part, with the columns of a run."""
        return self.select(part, condition, has_name="target_domain" in self.columns(part.table))

    def select(self, part: Part, condition: str = "true", *, has_name: bool = False) -> str:
        """Return a SELECT of those rows of a part, with the columns of the view.

        `has_name`: take the name of the domain from the row, as is best where many domains are read.
        """
        columns = self.run_columns(part.table)
        rows = f'internal."{part.name}"'
        if condition != "true":
            rows = f"(SELECT * FROM {rows} WHERE {condition})"  # noqa: S608 - our own names
        if not is_domain_family(part.table) or part.is_named or has_name:
            # Qualified: a bare column with the name of a parameter of a macro around it is refused.
            listed = ", ".join(f"r.{column}" for column in columns)
            return f"SELECT {listed} FROM {rows} r"  # noqa: S608 - our own names
        # The name comes from the small dictionary even where the row has it: a filter on it then finds one
        # key, and the unsorted rows are scanned for eight bytes instead of a text.
        own = [column for column in columns if column != "target_domain"]
        listed = ", ".join(f"r.{column}" for column in own)
        return (
            f"SELECT {listed}, d.domain_name AS target_domain "  # noqa: S608 - our own names
            f"FROM {rows} r LEFT JOIN internal.domain_keys d ON d.domain_key = r.t_dom_key"
        )

    def create_view(self, table: str) -> None:
        """Make the view over the parts of a table anew; inside the caller's transaction."""
        selects = [self.select(part) for part in self.of(table)]
        if table == LINK_EVENTS:
            selects += self._segment_selects()
        if table in SEEN_ONCE:
            listed = ", ".join(f"{told} AS {column}" for column, told in SEEN_ONCE[table].items())
            selects.append(f"SELECT {listed} FROM internal.links r WHERE r.seen_at IS NOT NULL")  # noqa: S608
        self._replace_view(table, selects)
        if table in KEYED:
            listed = ", ".join(f"r.{column}" for column in self.columns(table))
            keyed = [f'SELECT {listed} FROM internal."{part.name}" r' for part in self.of(table)]  # noqa: S608 - our own
            self._replace_view(f"{table}_keyed", keyed)
        if table in BASED:
            base = self.of(table, Kind.RUN)[:1]
            new = [part for part in self.of(table) if part not in base]
            none = f"{self.select(self.of(table, Kind.HOT)[0])} LIMIT 0"
            for name, found in (("base", base), ("new", new)):
                self._replace_view(f"{table}_{name}", [self.select(part) for part in found] or [none])

    def _replace_view(self, name: str, selects: list[str]) -> None:
        body = "\nUNION ALL BY NAME ".join(selects)
        self._connection.execute(f"CREATE OR REPLACE VIEW internal.{name} AS\n{body}").fetchall()

    def _segment_selects(self) -> list[str]:
        names = self._connection.execute("SELECT file_name FROM internal.segments ORDER BY ALL").fetchall()
        paths = [str(self.segment_folder / name).replace("'", "''") for (name,) in names]
        columns = ", ".join(f"r.{column}" for column in self.columns(LINK_EVENTS))
        listed = ", ".join(f"'{path}'" for path in paths)
        return [f"SELECT {columns} FROM read_parquet([{listed}]) r"] if paths else []  # noqa: S608 - our own

    def create_views(self) -> None:
        """Make the views over all parts; inside the caller's transaction."""
        for table in sorted(self._parts, key=lambda name: _READ_BY_OTHERS.get(name, 2)):
            self.create_view(table)


def segment_folder(path: Path) -> Path:
    """Return where the segments of a database file are: beside it, so that both move together."""
    return path.with_name(path.name + ".segments").absolute()


def is_domain_family(table: str) -> bool:
    """Tell whether the rows of a table belong to the link of a target domain."""
    return table in FAMILIES and FAMILIES[table].has_domain
