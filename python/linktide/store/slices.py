"""The SQL of one fold: its rows cut by their order into slices, each folded by key and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.store.parts import is_domain_family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.store.database import Database
    from linktide.store.parts import Family, Part

Bound = tuple[object, ...]


class Slicer:
    """Folds some parts of a family into a table, in the order of the family.

    Bounds are samples of the rows. They only decide how even the slices are: every row lies in exactly one,
    and all rows of one key in the same, since the order of a family is a function of its key.
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
        self._connection = database.connection
        self._parts = database.parts
        self._family = family
        self._inputs = tuple(inputs)
        self._output = output
        self._void_floor = void_floor
        self._bounds = self._sampled()
        self._next = 0
        self.is_done = False
        self.rows = 0
        """Rows written so far."""

    def fold_next(self, about_rows: int) -> int:
        """Fold the next slice, of about so many rows of the inputs; return the rows written."""
        cells = max(1, about_rows // self._cell_rows)
        begin, end = self._next, self._next + cells
        low = self._bounds[begin - 1] if begin else None
        high = self._bounds[end - 1] if end <= len(self._bounds) else None
        condition, values = _between(self._family.order, low, high)
        folded = self._folded(condition)
        order = ", ".join(self._family.order)
        target = f'INSERT INTO internal."{self._output.name}" BY NAME '
        found = self._connection.execute(
            f"{target}SELECT * FROM ({folded}) ORDER BY {order}",  # noqa: S608 - our own names
            list(values),
        ).fetchall()
        self._next = end
        self.is_done = high is None
        self.rows += int(found[0][0])
        return int(found[0][0])

    def _sampled(self) -> list[Bound]:
        """Return bounds in order."""
        samples: list[Bound] = []
        order = self._family.order
        for part in self._inputs:
            condition = f"rowid % {self._cell_rows} = {self._cell_rows - 1}"
            named = part.is_named or not is_domain_family(self._family.table)
            chosen = f'SELECT * FROM internal."{part.name}" WHERE {condition}'  # noqa: S608
            if not named:
                chosen = (
                    "SELECT r.* REPLACE (d.domain_name AS target_domain) "
                    if self._family.table == "links"
                    else "SELECT r.*, d.domain_name AS target_domain "
                ) + f"FROM ({chosen}) r JOIN internal.domain_keys d ON d.domain_key = r.t_dom_key"
            # Instants as text: a bound goes back into SQL, and Python's datetime would need a time zone.
            samples += self._connection.execute(
                f"SELECT {', '.join(_bound_of(column) for column in order)} FROM ({chosen})"  # noqa: S608
            ).fetchall()
        return sorted({bound for bound in samples if None not in bound})

    def _folded(self, condition: str) -> str:
        """Return the SELECT of the folded rows of a slice."""
        table, key = self._family.table, self._family.key
        rows = " UNION ALL BY NAME ".join(self._parts.select(part) for part in self._inputs)
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
        folded = f"SELECT {keys}, {newest}, max(rev) AS rev FROM ({chosen}) GROUP BY {keys}"  # noqa: S608
        return self._without_voids(folded)

    def _without_voids(self, newest: str) -> str:
        if self._void_floor < 0 or "is_void" not in self._parts.columns(self._family.table):
            return newest
        is_stale = f"is_void AND rev <= {self._void_floor}"
        if self._family.table != "attribute_changes":
            return f"SELECT * FROM ({newest}) WHERE NOT ({is_stale})"  # noqa: S608
        # A void run also takes back the run of the same instant in the wide row, which stays as it is.
        return (
            f"WITH newest AS MATERIALIZED ({newest}) "  # noqa: S608
            f"SELECT * FROM newest n WHERE NOT ({is_stale}) OR EXISTS (FROM internal.links l "
            "WHERE l.target_domain = n.target_domain AND l.link_id = n.link_id "
            "AND l.attributes_at = n.observed_at)"
        )


def _bound_of(column: str) -> str:
    return f"epoch_us({column})" if column == "hour" else column


def _between(order: Sequence[str], low: Bound | None, high: Bound | None) -> tuple[str, list[object]]:
    """Return the condition low <= order < high, and its values; one or two columns.

    The bounds of the first column stand alone, too: by these a sorted run is read in part.
    """
    columns = [_bound_of(column) for column in order]
    conditions: list[str] = []
    values: list[object] = []
    for bound, outer, inner, last in ((low, ">=", ">", ">="), (high, "<=", "<", "<")):
        if bound is None:
            continue
        if len(order) == 1:
            conditions.append(f"{columns[0]} {last} ?")
            values += list(bound)
        else:
            first, second = columns
            conditions.append(f"{first} {outer} ? AND ({first} {inner} ? OR {second} {last} ?)")
            values += [bound[0], bound[0], bound[1]]
    condition = " AND ".join(conditions) or "true"
    # A row without a domain breaks a promise of the core, but is not ours to lose: the first slice takes it.
    return f"({condition}) OR {order[0]} IS NULL" if low is None else condition, values
