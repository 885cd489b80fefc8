"""What is otherwise at one time than at another, of two states that each know only what was told by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.events import is_followed
from oracle.turns import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle.model import Link, State
    from oracle.shown import Row


def backlinks_diff(before: State, after: State, target_domain: str) -> list[Row]:
    """List the rows of `backlinks_diff`, without `link_id`; times are Unix µs."""
    return [
        row
        for pair, link in after.links.items()
        if link.target_domain == target_domain and not link.is_internal
        for row in _rows(before.links.get(pair), link)
    ]


def _rows(old: Link | None, new: Link) -> Iterator[Row]:
    was_live = old is not None and old.is_live
    if new.is_live and not was_live:
        change = "restored" if old is not None and old.lives else "new"
        yield _row(change, new.lives[-1].started_at, new)
    elif old is not None and was_live and not new.is_live:
        newest = new.lives[-1]
        yield _row("lost", newest.confirmed_at, old, lost_reason=newest.lost_reason)
    elif old is not None and was_live:
        yield from _otherwise(old, new)


def _otherwise(old: Link, new: Link) -> Iterator[Row]:
    for field in ("anchor", "rel"):
        before = [run for run in old.runs if run.field == field]
        now = [run for run in new.runs if run.field == field]
        if before and before[-1].value != now[-1].value:
            name = name_of(before[-1], now[-1])
            assert name is not None
            yield _row(name, now[-1].observed_at, new, (before[-1].value, now[-1].value))


def _row(
    change: str,
    changed_at: int | None,
    link: Link,
    told: tuple[str | None, str | None] = (None, None),
    lost_reason: str | None = None,
) -> Row:
    rel = link.values.get("rel")
    return (
        change,
        changed_at,
        link.source_url,
        link.target_url,
        link.source_domain,
        link.target_domain,
        link.values.get("anchor"),
        rel,
        is_followed(rel),
        *told,
        lost_reason,
    )
