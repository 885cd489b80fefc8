"""Stores of links whose toxicity is asked."""

# ruff: noqa: S608 - SQL of the tests' own

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hand_made_store import Store
from told_links import OWN, link, put

from oracle.toxic_views import Known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from oracle.model import Link

MONEY = ((OWN, "money", "buy shoes"), (OWN, "money", "www.shoes.org"), (OWN, "brand", "Own"))
TWINS = f", twins := (SELECT list(t) FROM twin_profiles('{OWN}') t)"


@contextmanager
def store_of(
    folder: Path, links: Sequence[Link], known: Known | None = None, pages: Mapping[str, Any] | None = None
) -> Iterator[Store]:
    """Make a store of links and of what else toxicity rests on."""
    known = known or Known()
    with Store(folder / "a.duckdb") as store:
        put(store, links, pages, known.scores)
        connection = store.database.connection
        for of in known.mine.terms:
            connection.execute(
                "INSERT INTO internal.anchor_terms SELECT ?, ?, ?, internal.words(?), 'f'", [*of, of[2]]
            )
        for name in known.blocklist or ():
            connection.execute("INSERT INTO internal.blocklist VALUES (?, 'f'), (?, 'g')", [name, name])
        for marker, points in known.points.items():
            connection.execute("INSERT INTO internal.marker_points VALUES (?, ?, 'f')", [marker, points])
        yield store


def told(
    folder: Path,
    marker: str,
    links: Sequence[Link],
    known: Known | None = None,
    pages: Mapping[str, Any] | None = None,
) -> list[bool | None]:
    """Return what a marker says of each link to the domain, in their order."""
    with store_of(folder, links, known, pages) as store:
        arguments = TWINS if known is not None and known.with_twins else ""
        rows = store.all(f"SELECT source_url, target_url, {marker}, list_contains(markers_fired, '{marker}') "
                         f"FROM link_toxicity('{OWN}'{arguments})")  # fmt: skip
    found = {row[:2]: row[2] for row in rows}
    assert all(fired == (mark is True) for *_, mark, fired in rows)
    return [
        found[one.source_url, one.target_url] for one in links if one.target_domain == OWN and one.is_live
    ]


def with_values(*of: dict[str, str]) -> list[Link]:
    return [link(f"s{place}.com/", values=one) for place, one in enumerate(of)]
