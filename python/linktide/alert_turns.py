"""The turns of links to tracked domains, column by column: a batch may bring tens of thousands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from linktide.alerts.velocity import COLUMNS, DAY_HOURS, HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from linktide.store.link_evidence import Row

_STAMP: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        ("link_id", pa.uint64()),
        ("domain_name", pa.string()),
        ("change", pa.string()),
        ("changed_at", _STAMP),
        ("is_dofollow", pa.bool_()),
        ("is_recent", pa.bool_()),
        ("is_important", pa.bool_()),
        ("page_authority", pa.float64()),
        ("domain_authority", pa.float64()),
        ("attributes_at", _STAMP),
        ("lost_reason", pa.string()),
    ]
)
"""What of them alerts look at; `change` is new, restored, lost or unfollowed, authority is of the source."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Links that matter to one domain and were lost, or are followed no more, in one batch."""

    change: str
    domain_name: str
    is_recent: bool
    at_us: Mapping[int, int]
    """Link → µs since 1970."""
    rows: Sequence[Row]
    """A row of evidence each, the best first."""
    said_at: Mapping[int, datetime | None]
    """Link → since when it says what it says."""


def no_turns() -> pa.Table:
    """Return a table of no turns."""
    return SCHEMA.empty_table()


def turns_of(batch: object, *, is_past: bool = False) -> pa.Table:
    """Return the turns of an applied batch, none if it is None; with `is_past` none of them is news."""
    if batch is None:
        return no_turns()
    told = pa.table(pa.record_batch(batch)).select(SCHEMA.names).cast(SCHEMA)
    if is_past:
        nothing = pa.nulls(told.num_rows, pa.bool_()).fill_null(False)  # noqa: FBT003 - what to fill in
        told = told.set_column(SCHEMA.get_field_index("is_recent"), "is_recent", nothing)
    return told


def timed_losses(lives: object) -> pa.Array:
    """Return the links of life rows that time alone ended."""
    if lives is None:
        return pa.array([], pa.uint64())
    rows = pa.record_batch(lives)
    is_timed = pc.and_(rows["confirmed_at"].is_valid(), pc.invert(rows["is_confirmed_by_event"]))
    return rows["link_id"].filter(is_timed).cast(pa.uint64())


def split(turns: pa.Table, timed: pa.Array) -> tuple[pa.Table, pa.Table]:
    """Return the turns that are certain, and the losses among the timed."""
    if not len(timed):
        return turns, no_turns()
    is_timed = pc.and_(pc.equal(turns["change"], "lost"), pc.is_in(turns["link_id"], value_set=timed))
    return turns.filter(pc.invert(is_timed)), turns.filter(is_timed)


def names_in(turns: pa.Table) -> set[str]:
    """Return the domains that the turns are of."""
    return set(turns["domain_name"].unique().to_pylist())


def counted(hours: object) -> dict[tuple[str, int], tuple[int, int, int, int]]:
    """Return the news of an applied batch by (domain, hour since 1970), as `velocity.COLUMNS` has them."""
    if hours is None:
        return {}
    rows = pa.record_batch(hours)
    at = [one // HOUR_US for one in rows["hour"].cast(pa.int64()).to_pylist()]
    keys = zip(rows["domain_name"].to_pylist(), at, strict=True)
    return dict(zip(keys, zip(*(rows[name].to_pylist() for name in COLUMNS), strict=True), strict=True))


def moments(turns: pa.Table, own: pa.Array) -> Iterator[Moment]:
    """Yield what single links that matter tell of the own domains, the news first."""
    told = turns.filter(pc.and_(turns["is_important"], pc.is_in(turns["domain_name"], value_set=own)))
    groups: dict[tuple[bool, str, str], dict[int, tuple[int, Mapping[str, Any]]]] = {}
    at_us = told["changed_at"].cast(pa.int64()).to_pylist()
    for one, at in zip(told.to_pylist(), at_us, strict=True):
        group = groups.setdefault((not one["is_recent"], one["change"], one["domain_name"]), {})
        group[one["link_id"]] = (at, one)
    for (is_old, change, name), links in sorted(groups.items()):
        rows = [_row_of(turn) for _, turn in links.values()]
        rows.sort(key=lambda row: (-row["page_authority"], -row["domain_authority"], row["link_id"]))
        yield Moment(
            change,
            name,
            not is_old,
            {link: at for link, (at, _) in links.items()},
            rows,
            {link: turn["attributes_at"] for link, (_, turn) in links.items()},
        )


def _row_of(turn: Mapping[str, Any]) -> Row:
    row = {
        "link_id": turn["link_id"],
        "target_domain": turn["domain_name"],
        "page_authority": round(turn["page_authority"], 3),
        "domain_authority": round(turn["domain_authority"], 3),
    }
    return row if turn["lost_reason"] is None else {**row, "lost_reason": turn["lost_reason"]}


def past_days(turns: pa.Table) -> dict[str, set[int]]:
    """Return by domain the days since 1970 of turns that are no news."""
    if pc.all(turns["is_recent"]).as_py() is not False:
        return {}
    old = turns.filter(pc.and_(pc.invert(turns["is_recent"]), pc.not_equal(turns["change"], "unfollowed")))
    day = pc.divide(old["changed_at"].cast(pa.int64()), DAY_HOURS * HOUR_US)
    pairs = pa.table({"name": old["domain_name"], "day": day})
    found: dict[str, set[int]] = {}
    for one in pairs.group_by(["name", "day"], use_threads=False).aggregate([]).to_pylist():
        found.setdefault(one["name"], set()).add(one["day"])
    return found
