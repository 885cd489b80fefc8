"""Compare every view of a database with what the model expects, row by row, and say what differs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from oracle.graph import citation
from oracle.shown import SHARE_DIGITS, Form, Row, Settings, View
from oracle.turns import changes
from oracle.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

    from oracle.model import State

Query = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs one SELECT and returns all its rows."""

LINK_ID_VIEWS = ("backlinks", "outgoing_links", "new_lost", "link_lives")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Difference:
    """How one view differs: rows not shown, rows too many, and rows of one key with other cells."""

    view: View
    expected_count: int
    seen_count: int
    missing: tuple[Row, ...]
    surplus: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]
    """(expected, seen)"""
    repeated: tuple[Row, ...]
    """Keys shown more than once."""

    @property
    def is_none(self) -> bool:
        return not (self.missing or self.surplus or self.changed or self.repeated)

    def describe(self, limit: int = 5) -> str:
        """Say counts, then the first `limit` differences of each sort."""
        head = (
            f"view {self.view.name}: {self.expected_count} rows expected, {self.seen_count} shown;"
            f" {len(self.missing)} missing, {len(self.surplus)} too many,"
            f" {len(self.changed)} different, {len(self.repeated)} shown more than once"
        )
        lines = [head]
        lines += [f"  missing   {self.show(row)}" for row in self.missing[:limit]]
        lines += [f"  too many  {self.show(row)}" for row in self.surplus[:limit]]
        lines += [f"  repeated  {key!r}" for key in self.repeated[:limit]]
        for expected, seen in self.changed[:limit]:
            lines.append(f"  different {expected[: self.view.key_length]!r}")
            cells = zip(self.view.columns, expected, seen, strict=True)
            lines += [
                f"    {name}: expected {cell(wanted, form)}, shown {cell(got, form)}"
                for (name, form), wanted, got in cells
                if wanted != got
            ]
        return "\n".join(lines)

    def show(self, row: Row) -> str:
        named = zip(self.view.columns, row, strict=True)
        return ", ".join(f"{name}={cell(value, form)}" for (name, form), value in named)


def cell(value: object, form: Form) -> str:
    if form is Form.TIME and isinstance(value, int):
        return (EPOCH + timedelta(microseconds=value)).isoformat()
    return repr(value)


def query_of(connection: duckdb.DuckDBPyConnection) -> Query:
    """Make a query of a DuckDB connection; rows are always fetched fully."""
    return lambda sql: connection.execute(sql).fetchall()


def select(view: View) -> str:
    """Write the SELECT of a view's compared columns: times as Unix µs, JSON as text."""
    forms = {Form.PLAIN: "{}", Form.TIME: "epoch_us({})", Form.JSON: "CAST({} AS VARCHAR)"}
    forms[Form.TEXT] = forms[Form.JSON]
    forms[Form.SHARE] = f"round({{}}, {SHARE_DIGITS})"
    return f"SELECT {', '.join(forms[form].format(name) for name, form in view.columns)} FROM {view.name}"  # noqa: S608


def shown_rows(query: Query, view: View) -> list[Row]:
    """Read a view as the model writes its rows."""
    rows = []
    for row in query(select(view)):
        cells = zip(view.columns, row, strict=True)
        rows.append(
            tuple(
                json.loads(value) if form is Form.JSON and value is not None else value
                for (_, form), value in cells
            )
        )
    return rows


def compare_view(query: Query, state: State, view: View, settings: Settings) -> Difference:
    """Compare one view."""
    expected = view.rows(state, settings)
    shown = shown_rows(query, view)
    wanted = {row[: view.key_length]: row for row in expected}
    if len(wanted) != len(expected):
        raise ValueError(f"the model has two rows of one key in {view.name}")
    seen = {row[: view.key_length]: row for row in shown}
    times = Counter(row[: view.key_length] for row in shown)
    return Difference(
        view=view,
        expected_count=len(expected),
        seen_count=len(shown),
        missing=tuple(sorted((row for key, row in wanted.items() if key not in seen), key=repr)),
        surplus=tuple(sorted((row for key, row in seen.items() if key not in wanted), key=repr)),
        changed=tuple(
            sorted(
                ((wanted[key], seen[key]) for key in wanted.keys() & seen.keys() if wanted[key] != seen[key]),
                key=repr,
            )
        ),
        repeated=tuple(sorted((key for key, count in times.items() if count > 1), key=repr)),
    )


def check_link_ids(query: Query) -> list[str]:
    """Tell where `link_id` is not one to one with the pair of URLs, or differs from one view to the next."""
    rows = query("SELECT source_url, target_url, link_id FROM links")
    ids = {(source_url, target_url): link_id for source_url, target_url, link_id in rows}
    complaints = []
    if len(set(ids.values())) != len(ids):
        complaints.append(f"links: {len(ids)} pairs share {len(set(ids.values()))} link_id")
    for name in LINK_ID_VIEWS:
        rows = query(f"SELECT DISTINCT source_url, target_url, link_id FROM {name}")  # noqa: S608
        wrong = [row for row in rows if ids.get((row[0], row[1])) != row[2]]
        complaints += [
            f"{name}: the link_id of {row[:2]} is {row[2]}, in links it is not" for row in wrong[:5]
        ]
    return complaints


def check_deciders(query: Query, state: State) -> list[str]:
    """Tell which rows of `new_lost` name an event that cannot have decided them."""
    allowed = {found.row[:4]: found.deciders for found in changes(state)}
    complaints = []
    for row in query(
        "SELECT change, epoch_us(changed_at), source_url, target_url,"
        " source_name, topic, source_partition, source_offset FROM new_lost"
    ):
        key, named = row[:4], row[4:]
        deciders = allowed.get(key)
        if deciders is None:
            continue  # a row too many is told by the comparison of rows
        if deciders and named not in deciders:
            complaints.append(f"new_lost {key}: decided by {named}, wanted one of {sorted(deciders)[:5]}")
        if not deciders and any(part is not None for part in named):
            complaints.append(f"new_lost {key}: decided by {named}, but time decided it")
    return complaints


def check_offsets(query: Query, state: State) -> list[str]:
    """Tell which partitions have a `next_offset` that is not above all that was delivered."""
    next_offsets = {
        row[:3]: row[3]
        for row in query("SELECT source_name, topic, source_partition, next_offset FROM sources")
    }
    complaints = []
    for of in state.sources:
        found = next_offsets.get((of.source_name, of.topic, of.partition))
        if found is not None and found <= of.greatest_offset:
            complaints.append(f"sources {of}: next_offset is {found}, wanted above {of.greatest_offset}")
    return complaints


def check_citation(query: Query, state: State, greatest_ratio: float) -> list[str]:
    """Tell which published citations are further than `greatest_ratio` from the exact ones.

    The ratio is |published - exact| / exact; a score that is not published counts as 1 - ALPHA,
    what a domain without followed links in has.
    """
    exact = citation(state)
    published: dict[str, float | None] = dict(query("SELECT domain_name, citation FROM domains"))
    complaints = []
    for name, score in sorted(exact.items()):
        shown = published.get(name)
        base = 0.15 if shown is None else shown
        if abs(base - score) > greatest_ratio * score:
            complaints.append(f"domains {name}: citation {shown}, wanted {score} within {greatest_ratio}")
    return complaints


def compare(
    query: Query, state: State, settings: Settings | None = None, without: Collection[str] = ()
) -> list[str]:
    """Compare every view but those named; return a text for each thing that differs."""
    in_force = settings or Settings()
    differences = [compare_view(query, state, view, in_force) for view in VIEWS if view.name not in without]
    told = [difference.describe() for difference in differences if not difference.is_none]
    return told + check_link_ids(query) + check_deciders(query, state) + check_offsets(query, state)


def assert_same(
    query: Query, state: State, settings: Settings | None = None, without: Collection[str] = ()
) -> None:
    """Fail with all differences."""
    told = compare(query, state, settings, without)
    assert not told, "\n".join(told[:40])
