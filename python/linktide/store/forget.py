"""Erase all that is stored of a domain or of one page: from tables, runs, segments and dead letters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from linktide.store.domain_keys import drop_empty_domains, take_back_velocity
from linktide.store.failure import write_failure
from linktide.store.parts import LINK_EVENTS
from linktide.store.segment_files import rewrite_segments

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.store.database import Database

_BY_LINK: Final = ("links", "link_changes", "life_changes", "attribute_changes", LINK_EVENTS)
_BY_DOMAIN: Final = ("domain_keys", "domain_names", "domain_scores", "topic_scores", "page_scores")
# In the columns that a rekey gives to links that move: these ones move out of every domain, so that what
# counted them counts them no more.
_FORGOTTEN: Final = """
CREATE OR REPLACE TEMP TABLE moved_links AS
SELECT link_id, source_key, target_key, s_dom_key AS old_s_dom_key, t_dom_key AS old_t_dom_key,
       CAST(0 AS UBIGINT) AS s_dom_key, CAST(0 AS UBIGINT) AS t_dom_key,
       source_url, target_url, source_domain, target_domain
FROM internal.links
WHERE {condition}
"""
_OF_DOMAIN: Final = "source_domain = $name OR target_domain = $name"
_OF_URL: Final = "source_url = $name OR target_url = $name"
_PAGES: Final = """
DELETE FROM internal."{part}" WHERE page_key IN (
    SELECT source_key FROM temp.moved_links WHERE {source}
    UNION ALL SELECT target_key FROM temp.moved_links WHERE {target})
"""
# A set lists links of one page. What is left of it is another: a crawl that lists all again is no repetition.
_CUT_SETS: Final = (
    """CREATE OR REPLACE TEMP TABLE cut_sets AS
    SELECT DISTINCT set_id FROM internal.page_sets SEMI JOIN temp.moved_links USING (link_id)""",
    "DELETE FROM internal.page_sets WHERE link_id IN (SELECT link_id FROM temp.moved_links)",
    "UPDATE internal.page_sets SET set_id = hash(set_id, $rev) WHERE set_id IN (FROM temp.cut_sets)",
    "UPDATE internal.page_snapshots SET set_id = hash(set_id, $rev) WHERE set_id IN (FROM temp.cut_sets)",
    "DROP TABLE temp.cut_sets",
)
_HOST: Final = "split_part(split_part({url}, '/', 3), ':', 1)"
# The host of a URL that stands in no link tells its domain, unless a longer known domain has it.
_IN_DOMAIN: Final = """
{host} = $name OR (ends_with({host}, '.' || $name) AND NOT EXISTS (
    FROM internal.domain_keys d
    WHERE ends_with(d.domain_name, '.' || $name) AND ends_with('.' || {host}, '.' || d.domain_name)))
"""
_OF_PAGES: Final = {
    "page_snapshots": ("page_url",),
    "target_status": ("target_url",),
    "referrals": ("source_url", "target_url"),
    "reviews": ("subject",),
}
"""Tables of what is told of pages beside links → their columns of URLs."""
_ESCAPED: Final = r"%[0-9a-f]{2}|\\x[0-7][0-9a-f]|\\(?:x5c)?(?:[nrtbf]|u00[0-7][0-9a-f])"
"""A character of ASCII in other characters."""
# Evidence quotes URLs and names.
_ALERTS: Final = (
    """DELETE FROM internal.alert_changes WHERE domain_name = $name
    OR regexp_matches(lower(evidence), $mention) OR regexp_matches(lower(summary), $mention)""",
    "DELETE FROM internal.alert_notices WHERE regexp_matches(lower(body), $mention)",
    "DELETE FROM internal.tracked_hours WHERE domain_name = $name",
    "DELETE FROM internal.tracked_scores WHERE domain_name = $name",
    "DELETE FROM internal.held_turns WHERE domain_name = $name",
)
# What was said of another subject stays; but neither its note, its contact nor the name of who said it
# may name what is forgotten.
_REVIEWED: Final = (
    "DELETE FROM internal.reviews WHERE subject = $name",
    *(
        f"UPDATE internal.reviews SET {column} = {left} WHERE regexp_matches(lower({column}), $mention)"  # noqa: S608
        for column, left in (("note", "NULL"), ("contact", "NULL"), ("noted_by", "'forgotten'"))
    ),
)
_LETTERS: Final = (
    "DELETE FROM internal.dead_letters WHERE regexp_matches(lower(CAST(bytes AS VARCHAR)), $mention) "
    "OR regexp_matches(lower(detail), $mention)"
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased."""

    links: int
    events: int
    dead_letters: int
    segments: int
    """Files written anew."""
    reviews: int
    """Rows of what people said of it."""


def forget(database: Database, name: str, *, is_url: bool, rev: int) -> tuple[Forgotten, list[Path]]:
    """Erase a domain or a normalised URL; inside the writer's transaction.

    Returns what was erased, and the files of segments that were replaced: erase these once it is committed.
    Raises StoreFailedError or DiskFullError.
    """
    try:
        return _forget(database, name, is_url=is_url, rev=rev)
    except (duckdb.Error, OSError) as error:
        raise write_failure(error, database.path, f"forget {name}") from error


def give_up_segment(database: Database, file_name: str) -> bool:
    """Strike a segment from the manifest; inside the writer's transaction. False if there is no such one."""
    connection = database.connection
    found = connection.execute("DELETE FROM internal.segments WHERE file_name = ?", [file_name]).fetchall()
    database.parts.create_view(LINK_EVENTS)
    return bool(found[0][0])


def _forget(database: Database, name: str, *, is_url: bool, rev: int) -> tuple[Forgotten, list[Path]]:
    connection, parts = database.connection, database.parts

    given = {"name": name, "mention": mention_of(name, is_url=is_url)}

    def run(statement: str) -> int:
        values = {key: value for key, value in given.items() if f"${key}" in statement}
        rows = connection.execute(statement, values or None).fetchall()
        return int(rows[0][0]) if rows else 0

    links = run(_FORGOTTEN.format(condition=_OF_URL if is_url else _OF_DOMAIN))
    take_back_velocity(database, rev)
    erased = 0
    for table in _BY_LINK:
        for part in parts.of(table):
            gone = run(
                f'DELETE FROM internal."{part.name}" '  # noqa: S608 - our own names
                "WHERE link_id IN (SELECT link_id FROM temp.moved_links)"
            )
            erased += gone if table == LINK_EVENTS else 0
    more, replaced = rewrite_segments(connection, parts, rev, "e.*", "m.link_id IS NULL")
    for part in parts.of("page_scores"):
        sides = ("source_url", "target_url") if is_url else ("source_domain", "target_domain")
        source, target = (f"{side} = $name" for side in sides)
        run(_PAGES.format(part=part.name, source=source, target=target))
    reviews = run("SELECT count(*) FROM internal.reviews")
    _forget_pages(database, name, is_url=is_url, rev=rev)
    for statement in _REVIEWED:
        run(statement)
    reviews -= run("SELECT count(*) FROM internal.reviews")
    drop_empty_domains(database, rev)
    if not is_url:
        _forget_domain(database, name)
    letters = run(_LETTERS)
    for statement in _ALERTS:
        run(statement)
    connection.execute("UPDATE internal.writer SET rev = ?", [rev]).fetchall()
    connection.execute("DROP TABLE temp.moved_links").fetchall()
    return Forgotten(links, erased + more, letters, len(replaced), reviews), replaced


def mention_of(name: str, *, is_url: bool) -> str:
    """Return the pattern of a name in lower-case text or bytes as DuckDB writes them, but of no longer name.

    The hosts of a domain are found with it. A character beyond ASCII may be part of the host before it, so it
    begins no name; what is escaped (in JSON, a URL or by DuckDB) does.
    """
    text = re.escape(name.lower())
    if is_url:
        return rf"{text}($|[^a-z0-9/?&=%.~_:+-])"
    return rf"(^|{_ESCAPED}|[^a-z0-9_\x{{80}}-\x{{10FFFF}}-]){text}($|[^a-z0-9._-]|\.($|[^a-z0-9]))"


def _forget_pages(database: Database, name: str, *, is_url: bool, rev: int) -> None:
    """Erase what pages, targets and referrals told: by their links, and where no link stood by their URLs."""
    connection = database.connection
    for statement in _CUT_SETS:
        connection.execute(statement, {"rev": rev} if "$rev" in statement else None).fetchall()
    side = "source_url" if is_url else "source_domain"
    connection.execute(
        "DELETE FROM internal.page_snapshots WHERE page_key IN "  # noqa: S608 - our own names
        f"(SELECT source_key FROM temp.moved_links WHERE {side} = $name)",
        {"name": name},
    ).fetchall()
    for table, columns in _OF_PAGES.items():
        for column in columns:
            condition = f"{column} = $name" if is_url else _IN_DOMAIN.format(host=_HOST.format(url=column))
            connection.execute(
                f"DELETE FROM internal.{table} WHERE {condition}",  # noqa: S608 - our own names
                {"name": name},
            ).fetchall()


def _forget_domain(database: Database, name: str) -> None:
    """Erase what is stored of the domain itself; its name last, as the rows are found by it."""
    connection, parts = database.connection, database.parts
    key = "(SELECT domain_key FROM internal.domain_keys WHERE domain_name = ?)"
    named = [(part.name, "domain_key") for table in _BY_DOMAIN[1:] for part in parts.of(table)]
    named += [(part.name, "t_dom_key") for part in parts.of("velocity_delta")]
    named += [("score_history", "domain_key")]
    named += [("authority_contributions", "domain_key"), ("authority_contributions", "source_dom_key")]
    named += [(part.name, "domain_key") for part in parts.of("domain_keys")]
    keys = connection.execute(f"SELECT {key}", [name]).fetchall()
    for part_name, column in named:
        connection.execute(
            f'DELETE FROM internal."{part_name}" WHERE {column} = ?',  # noqa: S608 - our own names
            [keys[0][0]],
        ).fetchall()
