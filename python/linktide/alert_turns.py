"""The turns of links to tracked domains, column by column: a batch may bring tens of thousands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from linktide.alerts.velocity import DAY_HOURS, HOUR_US
from linktide.store.important_links import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STAMP: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        ("link_id", pa.uint64()),
        ("s_dom_key", pa.uint64()),
        ("domain_name", pa.string()),
        ("change", pa.string()),
        ("changed_at", _STAMP),
        ("is_dofollow", pa.bool_()),
        ("is_recent", pa.bool_()),
        ("page_authority", pa.float64()),
        ("domain_authority", pa.float64()),
    ]
)
"""What of them alerts look at; `change` is new, restored, lost or unfollowed, authority is of the source."""
_ASKED: Final = ("s_dom_key", "page_authority", "domain_authority")
NONE: Final = SCHEMA.empty_table()
_COLUMN: Final = {(False, True): 0, (False, False): 1, (True, True): 2, (True, False): 3}
"""(is lost, is dofollow) → its place among the counts of an hour; see `velocity.COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Links to one domain that were lost, or are followed no more, in one batch, and come from somewhere."""

    change: str
    domain_name: str
    is_recent: bool
    at_us: Mapping[int, int]
    """Link → µs since 1970."""
    asked: Sequence[Asked]
    """The same links."""


def turns_of(batch: object, *, is_past: bool = False) -> pa.Table:
    """Return the turns of an applied batch, none if it is None; with `is_past` none of them is news."""
    if batch is None:
        return NONE
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
        return turns, NONE
    is_timed = pc.and_(pc.equal(turns["change"], "lost"), pc.is_in(turns["link_id"], value_set=timed))
    return turns.filter(pc.invert(is_timed)), turns.filter(is_timed)


def names_in(turns: pa.Table) -> set[str]:
    """Return the domains that the turns are of."""
    return set(turns["domain_name"].unique().to_pylist())


def counted(turns: pa.Table) -> dict[tuple[str, int], list[int]]:
    """Count news by (domain, hour since 1970), in the order of `velocity.COLUMNS`."""
    news = turns.filter(pc.and_(turns["is_recent"], pc.not_equal(turns["change"], "unfollowed")))
    keys = pa.table(
        {
            "name": news["domain_name"],
            "hour": pc.divide(news["changed_at"].cast(pa.int64()), HOUR_US),
            "is_lost": pc.equal(news["change"], "lost"),
            "is_dofollow": news["is_dofollow"],
        }
    )
    found: dict[tuple[str, int], list[int]] = {}
    totals = keys.group_by(keys.column_names, use_threads=False).aggregate([([], "count_all")])
    for name, hour, is_lost, is_dofollow, count in zip(*totals.to_pydict().values(), strict=True):
        found.setdefault((name, hour), [0, 0, 0, 0])[_COLUMN[is_lost, is_dofollow]] += count
    return found


def moments(turns: pa.Table, own: pa.Array) -> Iterator[Moment]:
    """Yield what single links with authority tell of the own domains, the news first."""
    told = turns.filter(
        pc.and_(
            pc.and_(
                pc.is_in(turns["change"], value_set=pa.array(["lost", "unfollowed"])),
                pc.is_in(turns["domain_name"], value_set=own),
            ),
            pc.greater(pc.max_element_wise(turns["page_authority"], turns["domain_authority"]), 0.0),
        )
    )
    if not told.num_rows:
        return
    told = told.set_column(told.column_names.index("changed_at"), "at", told["changed_at"].cast(pa.int64()))
    keys = ["change", "domain_name", "is_recent"]
    groups = told.group_by(keys, use_threads=False).aggregate(
        [(name, "list") for name in ("link_id", "at", *_ASKED)]
    )
    for one in groups.sort_by([("is_recent", "descending")]).to_pylist():
        links = one["link_id_list"]
        at_us = dict(zip(links, one["at_list"], strict=True))
        columns = (one[f"{name}_list"] for name in _ASKED)
        asked = [
            Asked(link, one["domain_name"], key, page, domain, is_lost=one["change"] == "lost")
            for link, key, page, domain in zip(links, *columns, strict=True)
        ]
        yield Moment(one["change"], one["domain_name"], one["is_recent"], at_us, asked)


def past_days(turns: pa.Table) -> dict[str, set[int]]:
    """Return by domain the days since 1970 of turns that are no news."""
    old = turns.filter(pc.and_(pc.invert(turns["is_recent"]), pc.not_equal(turns["change"], "unfollowed")))
    day = pc.divide(old["changed_at"].cast(pa.int64()), DAY_HOURS * HOUR_US)
    pairs = pa.table({"name": old["domain_name"], "day": day})
    found: dict[str, set[int]] = {}
    for one in pairs.group_by(["name", "day"], use_threads=False).aggregate([]).to_pylist():
        found.setdefault(one["name"], set()).add(one["day"])
    return found
