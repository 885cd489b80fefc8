"""A store in dictionaries with the fence and the folds of the real one, for many seeds a second.

Rows become visible at commit alone. What the core is restored from is folded here as the views fold it:
the newest `rev` wins, void rows drop out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from linktide.errors import FenceError, LinktideError
from linktide.index import LinkIndex, Stored
from linktide.sources.source import Partition, Position
from linktide.store import rebuild
from linktide.store.failure import write_failure
from linktide.store.writer import CheckpointResult, CommitTiming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from linktide.index import IndexOptions
    from linktide.store.database import Database
    from linktide.store.rebuild import WriterRow
    from linktide.store.writer import Advance, StoreBatch

Rows = list[dict[str, Any]]
NAMED_FIELDS = ("anchor", "rel", "link_type")


@dataclass(slots=True)
class Schemas:
    """What the real store streams, for restores from the fake one."""

    links: pa.Schema
    attributes: pa.Schema
    registers: pa.Schema
    domains: pa.Schema
    pages: pa.Schema
    topics: pa.Schema

    @classmethod
    def of(cls, database: Database) -> Schemas:
        """Read them of an empty database."""
        queries = ("_LINKS", "_ATTRIBUTES", "_REGISTERS", "_DOMAINS", "_PAGE_SCORES", "_TOPIC_SCORES")
        return cls(*(_schema(database, vars(rebuild)[query]) for query in queries))


def _schema(database: Database, query: str) -> pa.Schema:
    return database.connection.sql(query, params={"since": 0}).to_arrow_table().schema


@dataclass(slots=True)
class FakeStore:
    """All that is committed."""

    schemas: Schemas
    tables: dict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    positions: dict[Partition, Position] = field(default_factory=dict)
    counted: dict[Partition, int] = field(default_factory=lambda: defaultdict(int))
    ids: dict[Partition, int] = field(default_factory=dict)
    rev: int = 0
    row: WriterRow | None = None

    def writer(
        self, now: Callable[[], datetime], monotonic: Callable[[], float], at: Callable[[str], None]
    ) -> FakeWriter:
        return FakeWriter(self, now, monotonic, at)

    def crash(self) -> None:
        """Nothing that is not committed is here."""

    def restore(self, options: IndexOptions) -> LinkIndex:
        """Build an index of what is committed."""
        clock = None if self.row is None else self.row.clock_us
        stored = Stored(
            domains=_batch(self.domains(), self.schemas.domains),
            pages=(),
            page_sets=(),
            links=_batch(self.tables["links"], self.schemas.links),
            attributes=_batch(self.attributes(), self.schemas.attributes),
            registers=_batch(self.tables["link_changes"], self.schemas.registers),
            names_of=lambda keys: _batch(self.names(set(keys.to_pylist())), self.schemas.domains),
            page_scores=_batch(self.tables["page_scores"], self.schemas.pages),
            topic_scores=_batch(
                newest(self.tables["topic_scores"], "domain_key", "topic"), self.schemas.topics
            ),
            contributed=(),
            new_links=len(self.tables["links"]),
            clock_us=clock,
            rev=self.rev,
        )
        return LinkIndex.restore(options, stored)

    # --- folds ---------------------------------------------------------------------------------------------

    def domains(self) -> Rows:
        names = newest(self.tables["domain_names"], "domain_key")
        scores = {one["domain_key"]: one for one in newest(self.tables["domain_scores"], "domain_key")}
        return [scores.get(one["domain_key"], {}) | one | {"has_node": True} for one in names]

    def names(self, wanted: set[int]) -> Rows:
        """Return the domains of these keys as sides of links."""
        found = {
            link[f"{side}_dom_key"]: link[f"{name}_domain"]
            for link in self.tables["links"]
            for side, name in (("s", "source"), ("t", "target"))
        }
        return [
            {"domain_key": key, "domain_name": name, "has_node": False}
            for key, name in found.items()
            if key in wanted
        ]

    def runs(self) -> dict[int, dict[tuple[str, Any], str]]:
        """Return the runs of attributes that hold: link → (field, since when) → value."""
        found: dict[int, dict[tuple[str, Any], str]] = defaultdict(dict)
        for link in self.tables["links"]:
            others = json.loads(link["attributes"] or "{}")
            for name, value in (others | {one: link[one] for one in NAMED_FIELDS}).items():
                if link["attributes_at"] is not None and value is not None:
                    found[link["link_id"]][name, link["attributes_at"]] = value
        for change in newest(self.tables["attribute_changes"], "link_id", "field", "observed_at"):
            key = (change["field"], change["observed_at"])
            found[change["link_id"]].pop(key, None)
            if not change["is_void"]:
                found[change["link_id"]][key] = change["value"]
        return found

    def attributes(self) -> Rows:
        """Return what holds of the links that have more than their wide row."""
        runs = self.runs()
        rows = []
        for link_id in {one["link_id"] for one in self.tables["attribute_changes"]}:
            values = current(runs[link_id])
            others = {name: value for name, (_, value) in values.items() if name not in NAMED_FIELDS}
            row = {name: values[name][1] if name in values else None for name in NAMED_FIELDS}
            row["link_id"] = link_id
            row["attributes"] = json.dumps(others) if others else None
            row["attributes_changed_at"] = max((at for at, _ in values.values()), default=None)
            rows.append(row)
        return rows

    def note_seen_once(self, links: Rows) -> None:
        """Put down as rows what wide rows say of links that were seen once."""
        for link in (one for one in links if one["seen_at"] is not None):
            told = {name: link[name] for name in ("link_id", "t_dom_key", "rev")}
            told |= {"started_at": link["seen_at"]}
            registers = ("firm_loss_at", "firm_loss_reason", "suspect_at", "suspect_before_at")
            ending = ("last_alive_at", "lost_at", "confirmed_at", "lost_reason")
            self.tables["link_changes"].append(
                told | {"status": 1, "last_seen": link["seen_at"]} | dict.fromkeys(registers)
            )
            self.tables["life_changes"].append(
                told | {"is_confirmed_by_event": False, "is_void": False} | dict.fromkeys(ending)
            )

    def lives(self) -> Rows:
        folded = newest(self.tables["life_changes"], "link_id", "started_at")
        return [one for one in folded if not one["is_void"]]


@dataclass(slots=True)
class FakeWriter:
    """Commits to a `FakeStore` behind the same fence and the same fail points as StoreWriter."""

    store: FakeStore
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    at: Callable[[str], None]

    def source_id_of(self, partition: Partition) -> int:
        return self.store.ids.setdefault(partition, len(self.store.ids) + 1)

    def observations_of(self, wanted_rows: pa.RecordBatch) -> pa.Table:
        # Its topics hold events of links alone.
        wanted = set(wanted_rows.column("link_id").to_pylist())
        rows = [one for one in self.store.tables["link_events"] if one["link_id"] in wanted]
        return pa.Table.from_pylist(rows, schema=OBSERVATIONS)

    def commit(self, batch: StoreBatch) -> CommitTiming:
        store = self.store
        try:
            self.at("begin")
            self._fence(batch.advances)
            if store.rev + 1 != batch.writer.rev:
                raise FenceError(f"rev {store.rev}, this process wants to write {batch.writer.rev}")
            self.at("fenced")
            staged = {name: pa.record_batch(data) for name, data in batch.tables.items()}
            self.at("written")
            self.at("advanced")
        except LinktideError:
            raise
        except duckdb.Error as error:
            raise write_failure(error, self._path, "commit") from error
        for name, rows in staged.items():
            store.tables[name].extend(_micros(rows).to_pylist())
            if name == "links":
                store.note_seen_once(_micros(rows).to_pylist())
        for one in batch.advances:
            store.positions[one.partition] = Position(one.next_offset, one.leader_epoch)
            store.counted[one.partition] += one.events + one.dead_letters
        store.rev, store.row = batch.writer.rev, batch.writer
        try:
            self.at("committed")
        except duckdb.Error as error:
            raise write_failure(error, self._path, "commit") from error
        return CommitTiming(self.now(), 0.0, 0.0, 0.0, {})

    def _fence(self, advances: Sequence[Advance]) -> None:
        for one in advances:
            stored = self.store.positions.get(one.partition)
            seen = None if stored is None else stored.next_offset
            if seen != one.expected_offset:
                raise FenceError(f"{one.partition} is at {seen}, this process left {one.expected_offset}")

    def checkpoint_if_due(self) -> None:
        """Never due: the simulator checkpoints when it draws it."""

    def checkpoint(self) -> CheckpointResult:
        self.at("checkpoint")
        self.at("checkpointed")
        return CheckpointResult(is_done=True, seconds=0.0, wal_bytes=0)

    @property
    def _path(self) -> Any:  # noqa: ANN401 -- named in errors alone
        return "the fake store"


OBSERVATIONS = pa.schema(
    [
        ("link_id", pa.uint64()), ("kind", pa.uint8()), ("observed_at", pa.timestamp("us", "UTC")),
        ("lost_reason", pa.string()), ("rel", pa.string()), ("anchor", pa.string()),
        ("link_type", pa.string()), ("extra", pa.string()), ("listed_attributes", pa.string()),
    ]
)  # fmt: skip


def newest(rows: Iterable[dict[str, Any]], *key: str) -> Rows:
    """Fold by the newest rev."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        at = tuple(row[name] for name in key)
        if at not in found or row["rev"] >= found[at]["rev"]:
            found[at] = row
    return list(found.values())


def current(runs: dict[tuple[str, Any], str]) -> dict[str, tuple[Any, str]]:
    """Return field → (since when, value) of the newest run of each field."""
    found: dict[str, tuple[Any, str]] = {}
    for (name, at), value in runs.items():
        if name not in found or at > found[name][0]:
            found[name] = (at, value)
    return found


def _micros(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Times as whole numbers: Python's datetime would be slow, and is not compared."""
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _batch(rows: Rows, schema: pa.Schema) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pylist(rows, schema=schema)] if rows else []
