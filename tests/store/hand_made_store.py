"""Rows made by hand, and stores to put them in."""

# ruff: noqa: ANN401 - a hand-made row is any value by column name

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import pyarrow as pa
from new_file import begin_file

from linktide.sources.source import Partition
from linktide.store.database import Database, PinVersions, StoreSettings
from linktide.store.rebuild import WriterRow, read_writer
from linktide.store.writer import Advance, StoreBatch, StoreWriter

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VERSIONS = PinVersions(url_policy_version="1", psl_version="2026-10-23")
PARTITION = Partition("cluster-a", "links", "topic-id-a", 0)
STAMP = pa.timestamp("us", tz="UTC")
U64 = pa.uint64()
TEXT = pa.string()

SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "link_events": {
        "link_id": U64, "source_key": U64, "target_key": U64, "s_dom_key": U64, "t_dom_key": U64,
        "kind": pa.uint8(), "observed_at": STAMP, "record_at": STAMP, "source_id": pa.uint32(), "off": U64,
        "lost_reason": TEXT, "rel": TEXT, "anchor": TEXT, "link_type": TEXT, "extra": TEXT,
        "raw_source_url": TEXT, "raw_target_url": TEXT, "rev": U64,
    },
    "page_snapshots": {
        "page_key": U64, "observed_at": STAMP, "record_at": STAMP, "source_id": pa.uint32(), "off": U64,
        "loss_reason": TEXT, "accepts_losses": pa.bool_(), "set_id": U64, "page_url": TEXT,
        "raw_page_url": TEXT, "extra": TEXT, "rev": U64,
    },
    "page_sets": {
        "set_id": U64, "link_id": U64, "anchor": TEXT, "rel": TEXT, "link_type": TEXT, "attributes": TEXT,
        "extra": TEXT, "raw_target_url": TEXT, "rev": U64,
    },
    "target_status": {
        "target_key": U64, "target_url": TEXT, "raw_target_url": TEXT, "observed_at": STAMP,
        "record_at": STAMP, "source_id": pa.uint32(), "off": U64, "http_code": pa.uint16(), "extra": TEXT,
        "rev": U64,
    },
    "referrals": {
        "link_id": U64, "source_key": U64, "target_key": U64, "source_url": TEXT, "target_url": TEXT,
        "day": pa.date32(), "visits": U64, "observed_at": STAMP, "record_at": STAMP,
        "source_id": pa.uint32(), "off": U64, "extra": TEXT, "rev": U64,
    },
    "links": {
        "link_id": U64, "source_key": U64, "target_key": U64, "s_dom_key": U64, "t_dom_key": U64,
        "source_url": TEXT, "target_url": TEXT, "source_domain": TEXT, "target_domain": TEXT,
        "anchor": TEXT, "rel": TEXT, "link_type": TEXT, "attributes": TEXT, "attributes_at": STAMP,
        "seen_at": STAMP, "rev": U64,
    },
    "link_changes": {
        "link_id": U64, "t_dom_key": U64, "status": pa.uint8(), "started_at": STAMP, "last_seen": STAMP,
        "firm_loss_at": STAMP, "firm_loss_reason": TEXT, "suspect_at": STAMP, "suspect_before_at": STAMP,
        "rev": U64,
    },
    "life_changes": {
        "link_id": U64, "t_dom_key": U64, "started_at": STAMP, "last_alive_at": STAMP, "lost_at": STAMP,
        "confirmed_at": STAMP, "lost_reason": TEXT, "is_confirmed_by_event": pa.bool_(),
        "is_void": pa.bool_(), "rev": U64,
    },
    "attribute_changes": {
        "link_id": U64, "t_dom_key": U64, "field": TEXT, "observed_at": STAMP, "value": TEXT,
        "is_void": pa.bool_(), "rev": U64,
    },
    "velocity_delta": {
        "t_dom_key": U64, "hour": STAMP, "new_links": pa.int32(), "restored_links": pa.int32(),
        "lost_links": pa.int32(), "rev": U64,
    },
    "domain_keys": {"domain_key": U64, "domain_name": TEXT, "rev": U64},
    "domain_names": {"domain_key": U64, "domain_name": TEXT, "rev": U64},
    "domain_scores": {
        "domain_key": U64, "citation": pa.float64(), "authority": pa.float64(), "trust_mass": pa.float64(),
        "trust": pa.float64(), "scored_at": STAMP, "rev": U64,
    },
    "page_scores": {
        "page_key": U64, "domain_key": U64, "citation": pa.float64(), "authority": pa.float64(),
        "trust_mass": pa.float64(), "trust": pa.float64(), "scored_at": STAMP, "rev": U64,
    },
    "topic_scores": {
        "domain_key": U64, "topic": TEXT, "trust_mass": pa.float64(), "score": pa.float64(),
        "scored_at": STAMP, "rev": U64,
    },
    "authority_contributions": {
        "domain_key": U64, "source_dom_key": U64, "source_citation": pa.float64(), "weight": pa.float64(),
        "out_weight": pa.float64(), "contribution": pa.float64(), "links": U64, "prior": pa.float64(),
        "citation": pa.float64(), "scored_at": STAMP, "rev": U64,
    },
    "dead_letters": {
        "source_id": pa.uint32(), "off": U64, "reason": TEXT, "detail": TEXT, "record_at": STAMP,
        "received_at": STAMP, "bytes": pa.binary(), "byte_length": U64, "bytes_hash": U64, "rev": U64,
    },
}  # fmt: skip


def day(number: float) -> datetime:
    """Return the instant so many days after 1 October 2026."""
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=number)


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def domain_key(domain: str) -> int:
    return 2**63 + int.from_bytes(domain.encode()[-7:])


def rows(table: str, records: list[dict[str, Any]], rev: int) -> pa.RecordBatch:
    """Return a batch of a table; columns not named are null, and `rev` is the batch's unless named."""
    schema = SCHEMAS[table]
    empty = dict.fromkeys(schema) | {"rev": rev}
    complete = [empty | record for record in records]
    return pa.RecordBatch.from_pylist(complete, schema=pa.schema(list(schema.items())))


@dataclass
class Story:
    """Rows of one batch, told link by link."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sides: dict[int, tuple[str, str]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    def add(self, table: str, **values: Any) -> Self:
        self.records.setdefault(table, []).append(values)
        return self

    def link(self, link_id: int, source: str, target: str, **values: Any) -> Self:
        """Tell a wide row; `source` and `target` are host and path, the host being the domain."""
        s_domain, t_domain = source.partition("/")[0], target.partition("/")[0]
        self.sides[link_id] = (s_domain, t_domain)
        return self.add(
            "links", link_id=link_id, source_key=2**62 + crc32(source.encode()),
            target_key=2**61 + crc32(target.encode()), s_dom_key=domain_key(s_domain),
            t_dom_key=domain_key(t_domain), source_url=f"https://{source}", target_url=f"https://{target}",
            source_domain=s_domain, target_domain=t_domain, **values,
        )  # fmt: skip

    def state(self, link_id: int, status: int, **values: Any) -> Self:
        return self.add(
            "link_changes", link_id=link_id, t_dom_key=self._target(link_id), status=status, **values
        )

    def life(self, link_id: int, started_at: datetime, **values: Any) -> Self:
        given = {"is_confirmed_by_event": False, "is_void": False} | values
        return self.add(
            "life_changes", link_id=link_id, t_dom_key=self._target(link_id), started_at=started_at, **given
        )

    def attribute(self, link_id: int, name: str, observed_at: datetime, value: str, **values: Any) -> Self:
        given = {"is_void": False} | values
        return self.add(
            "attribute_changes", link_id=link_id, t_dom_key=self._target(link_id), field=name,
            observed_at=observed_at, value=value, **given,
        )  # fmt: skip

    def event(self, link_id: int, kind: int, observed_at: datetime, off: int, **values: Any) -> Self:
        s_domain, t_domain = self.sides[link_id]
        given = {"record_at": observed_at, "source_id": 1, "source_key": 1} | values
        return self.add(
            "link_events", link_id=link_id, target_key=2, s_dom_key=domain_key(s_domain),
            t_dom_key=domain_key(t_domain), kind=kind, observed_at=observed_at, off=off, **given,
        )  # fmt: skip

    def page(self, page_key: int, observed_at: datetime, off: int, **values: Any) -> Self:
        given = {"record_at": observed_at, "source_id": 1, "accepts_losses": True} | values
        return self.add("page_snapshots", page_key=page_key, observed_at=observed_at, off=off, **given)

    def domains(self, *names: str) -> Self:
        self.named |= set(names)
        for name in names:
            self.add("domain_names", domain_key=domain_key(name), domain_name=name)
        return self

    def _target(self, link_id: int) -> int:
        return domain_key(self.sides[link_id][1])


class Store:
    """An open store and its writer."""

    def __init__(self, path: Path, **settings: Any) -> None:
        begin_file(path, VERSIONS)
        self.database = Database.open(StoreSettings(path, **settings), lambda: VERSIONS, NOW)
        self.writer = StoreWriter(self.database, now=lambda: NOW)
        self.met = {name for (name,) in self.all("SELECT domain_name FROM internal.domain_keys")}

    def batch(self, story: Story | None = None, clock: datetime | None = None, **values: Any) -> StoreBatch:
        """Return the next batch; `offsets=(expected, next)` moves PARTITION."""
        rev = values.get("rev", read_writer(self.database).rev + 1)
        story = story or Story()
        met = {name for sides in story.sides.values() for name in sides}.union(story.named) - self.met
        self.met |= met
        for name in sorted(met):
            story.add("domain_keys", domain_key=domain_key(name), domain_name=name)
        expected, following = values.get("offsets", (None, None))
        advance = Advance(
            PARTITION, self.writer.source_id_of(PARTITION), expected, following or 0, 3, 5, 1,
            micros(clock) if clock else None,
        )  # fmt: skip
        return StoreBatch(
            {name: rows(name, records, rev) for name, records in story.records.items()},
            [advance] if following else [],
            WriterRow(rev, micros(clock) if clock else None, 0, 0.0, values.get("is_authority_shown", True)),
        )

    def put(self, story: Story, clock: datetime | None = None, **values: Any) -> None:
        self.writer.commit(self.batch(story, clock, **values))

    def all(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.connection.execute(query).fetchall()

    def dicts(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.database.connection.sql(query).to_arrow_table().to_pylist()
        return found

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
