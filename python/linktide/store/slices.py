"""The SQL of one fold: its rows cut by their order into slices, each folded by key and sorted."""

from __future__ import annotations

from bisect import bisect_right
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from linktide.store.database import Database
    from linktide.store.parts import Family, Part

Bound = tuple[object, ...]

_MARGIN: Final = 1.1
"""So much more is read than a slice should write: bounds are only samples."""
_LEAST_SHARE: Final = 0.1
_MOST_AT_END: Final = 1.3


class Slicer:
    """Folds some parts of a family into a table, in the order of the family.

    A slice writes so many rows and no more, and the next goes on behind the last row written. Up to where
    the inputs are read for it follows from samples of them, which only decide how much is read in vain. All
    rows of one key lie in the same slice, since the order of a family is a function of its key.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a fold is made of
        self,
        database: Database,
        family: Family,
        inputs: Sequence[Part],
        output: Part,
        void_floor: int,
        cell_rows: int,
    ) -> None:
        """Sample the bounds, about `cell_rows` apart.

        Void rows up to the revision `void_floor` are dropped; -1 if something older may need them.
        """
        self._cell_rows = cell_rows
        self._parts = database.parts
        self._family = family
        self._inputs = tuple(inputs)
        self._output = output
        self._void_floor = void_floor
        self._bounds = self._sampled(database.connection)
        self._low: tuple[str, list[object]] = "true", []
        self._next = 0
        self._share = 1.0
        """Rows written of the rows read, as met so far."""
        self.is_done = False
        self.rows = 0
        """Rows written so far."""

    def fold_next(self, most_rows: int, cursor: DuckDBPyConnection) -> int:
        """Fold the next slice; return the rows written: `most_rows`, fewer, or at the end up to half more."""
        cells = ceil(most_rows * _MARGIN / self._share / self._cell_rows)
        end = self._next + cells
        low, values = self._low
        # No small slice for the end: the last one is larger instead.
        if end + (_MOST_AT_END - 1) * cells > len(self._bounds):
            # A row without a domain breaks a promise of the core, but is not ours to lose.
            rows = self._insert(cursor, f"({low}) OR {self._family.order[0]} IS NULL", values)
            self.rows += rows
            self.is_done = True
            return rows + self._found_again(cursor)
        high = self._bounds[end - 1]
        below, more = _beyond(self._family.order, high, "<")
        rows = self._insert(cursor, f"({low}) AND ({below})", [*values, *more], f"LIMIT {most_rows}")
        self.rows += rows
        if rows < most_rows:
            self._share = max(rows / (cells * self._cell_rows), _LEAST_SHARE)
            self._low = _beyond(self._family.order, high, ">=")
            self._next = end
        else:
            last = self._last_written(cursor)
            self._low = _beyond(self._family.order, last, ">")
            self._next = bisect_right(self._bounds, last)
        return rows

    def _insert(
        self, cursor: DuckDBPyConnection, condition: str, values: list[object], limit: str = ""
    ) -> int:
        folded, order = self._folded(condition), ", ".join(self._family.order)
        found = cursor.execute(
            f'INSERT INTO internal."{self._output.name}" BY NAME '  # noqa: S608 - our own names
            f"SELECT * FROM ({folded}) ORDER BY {order} {limit}",
            values,
        ).fetchall()
        return int(found[0][0])

    def _last_written(self, cursor: DuckDBPyConnection) -> Bound:
        columns = ", ".join(_bound_of(column) for column in self._family.order)
        found = cursor.execute(
            f'SELECT {columns} FROM internal."{self._output.name}" WHERE rowid = ?',  # noqa: S608
            [self.rows - 1],
        ).fetchall()
        return tuple(found[0])

    def _found_again(self, cursor: DuckDBPyConnection) -> int:
        """Write the rows that no slice has met, of a table that keeps every row; return how many.

        There are none, unless the same row was stored twice and the end of a slice fell between the two.
        """
        if self._family.key:
            return 0
        names = ", ".join(self._parts.run_columns(self._family.table))
        output = f'SELECT {names} FROM internal."{self._output.name}"'  # noqa: S608 - our own names
        inputs = " UNION ALL ".join(
            f"SELECT {names} FROM ({self._parts.select_to_fold(part)})"  # noqa: S608
            for part in self._inputs
        )
        counts = f"SELECT (SELECT count(*) FROM ({inputs})) - (SELECT count(*) FROM ({output}))"  # noqa: S608
        missing = int(cursor.execute(counts).fetchall()[0][0])
        if missing:
            cursor.execute(
                f'INSERT INTO internal."{self._output.name}" BY NAME ({inputs}) EXCEPT ALL ({output})'
            ).fetchall()
            self.rows += missing
        return missing

    def _sampled(self, connection: DuckDBPyConnection) -> list[Bound]:
        """Return bounds in order."""
        samples: list[Bound] = []
        for part in self._inputs:
            condition = f"rowid % {self._cell_rows} = {self._cell_rows - 1}"
            bounds = ", ".join(_bound_of(column) for column in self._family.order)
            samples += connection.execute(
                f"SELECT {bounds} FROM ({self._parts.select_to_fold(part, condition)})"  # noqa: S608 - our own names
            ).fetchall()
        return sorted({bound for bound in samples if None not in bound})

    def _folded(self, condition: str) -> str:
        """Return the SELECT of the folded rows of a slice."""
        table, key = self._family.table, self._family.key
        rows = " UNION ALL BY NAME ".join(self._parts.select_to_fold(part) for part in self._inputs)
        chosen = f"SELECT * FROM ({rows}) WHERE {condition}"  # noqa: S608 - our own names
        columns = self._parts.run_columns(table)
        if table == "velocity_delta":
            return (
                "SELECT t_dom_key, target_domain, hour, CAST(sum(new_links) AS INTEGER) AS new_links, "  # noqa: S608
                "CAST(sum(restored_links) AS INTEGER) AS restored_links, "
                f"CAST(sum(lost_links) AS INTEGER) AS lost_links, max(rev) AS rev FROM ({chosen}) "
                "GROUP BY t_dom_key, target_domain, hour"
            )
        if not key:
            return chosen
        others = [column for column in columns if column not in (*key, "rev")]
        newest = ", ".join(f"arg_max_null({column}, rev) AS {column}" for column in others)
        keys = ", ".join(key)
        # Most keys stand in one row, and finding these takes a fraction of folding every column of all.
        folded = (
            f"WITH chosen AS MATERIALIZED ({chosen}), again AS MATERIALIZED "  # noqa: S608 - our own names
            f"(SELECT {keys} FROM chosen GROUP BY {keys} HAVING count(*) > 1) "
            f"SELECT {', '.join(columns)} FROM chosen ANTI JOIN again USING ({keys}) UNION ALL BY NAME "
            f"SELECT {keys}, {newest}, max(rev) AS rev FROM chosen SEMI JOIN again USING ({keys}) "
            f"GROUP BY {keys}"
        )
        return self._without_voids(folded)

    def _without_voids(self, newest: str) -> str:
        if self._void_floor < 0 or "is_void" not in self._parts.columns(self._family.table):
            return newest
        is_stale = f"is_void AND rev <= {self._void_floor}"
        # A void row also takes back what the wide row says of the same instant, which stays as it is.
        instant = _WIDE_INSTANTS[self._family.table]
        return (
            f"WITH newest AS MATERIALIZED ({newest}) "  # noqa: S608
            f"SELECT * FROM newest WHERE NOT ({is_stale}) UNION ALL BY NAME "
            f"SELECT * FROM (FROM newest WHERE {is_stale}) n SEMI JOIN internal.links l "
            f"ON l.target_domain = n.target_domain AND l.link_id = n.link_id AND {instant}"
        )


_WIDE_INSTANTS: Final = {
    "life_changes": "l.seen_at = n.started_at",
    "attribute_changes": "l.attributes_at = n.observed_at",
}
"""Table with void rows → when the wide row says what such a row takes back."""


def _bound_of(column: str) -> str:
    # Instants as numbers: a bound goes back into SQL, and Python's datetime would need a time zone.
    return f"epoch_us({column})" if column in _INSTANTS else column


_INSTANTS: Final = frozenset({"hour", "started_at", "observed_at"})


def _beyond(order: Sequence[str], bound: Bound, sign: str) -> tuple[str, list[object]]:
    """Return the condition that a row lies on that side of a bound (>, >= or <), and its values.

    The bound of the first column stands alone, too: by it a sorted run is read in part.
    """
    columns = [_bound_of(column) for column in order]
    strict = sign[0]
    condition, values = f"{columns[-1]} {sign} ?", [bound[-1]]
    for column, value in zip(reversed(columns[:-1]), reversed(bound[:-1]), strict=True):
        condition = f"{column} {strict} ? OR ({column} = ? AND ({condition}))"
        values = [value, value, *values]
    return f"{columns[0]} {strict}= ? AND ({condition})", [bound[0], *values]
