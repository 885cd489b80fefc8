"""CSV exports of vendors for `linktide import`: looked through here, then the way of every other file."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from linktide.cli import session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linktide.cli.session import ImportResult, Progress
    from linktide.config import Config
    from linktide.connection import Connection
    from linktide.sources.vendors.declared import Declared
    from linktide.sources.vendors.export import Export, Scope
    from linktide.sources.vendors.unlisted import Unlisted

_SUFFIXES: Final = (".csv", ".tsv")
_PACKED: Final = (".gz", ".zst")
_PAGE_ROWS: Final = 100_000
_FIRST_ROWS: Final = 10
_MOST_TOLD: Final = 300
_REFUSED: Final = """
WITH letters AS (
    SELECT source_offset // $3 + 1 AS file_row, reason, arg_min(detail, source_offset) AS detail,
           arg_min(bytes, source_offset) AS bytes
    FROM dead_letters
    WHERE source_name = 'file' AND topic = $1 AND topic_id = $2 AND replayed_at IS NULL
    GROUP BY ALL)
SELECT reason, file_row, detail, bytes, count(*) OVER (PARTITION BY reason) AS row_count,
       (SELECT count(DISTINCT file_row) FROM letters) AS all_rows
FROM letters
QUALIFY row_number() OVER (PARTITION BY reason ORDER BY file_row) <= $4
ORDER BY row_count DESC, reason, file_row
"""
_COMPLETE: Final = """
SELECT topic, topic_id, next_offset, events FROM sources
WHERE source_name = 'file' AND starts_with(topic, $1) AND NOT ends_with(topic, '/unlisted')
"""
# A row whose URL is none cannot be one of the links that the export before it listed.
_NOT_KNOWN: Final = """
SELECT count(DISTINCT source_offset // $2) AS row_count FROM dead_letters
WHERE source_name = 'file' AND topic = $1 AND list_contains($3, topic_id) AND replayed_at IS NULL
      AND NOT starts_with(reason, 'URL_') AND reason <> 'RELATIVE_URL'
"""
_KEPT: Final = """
SELECT count(*) AS row_count FROM link_observations WHERE source_name = 'file' AND topic = $1
"""
_UNLISTED: Final = """
WITH earlier AS (
    SELECT source_url, target_url FROM link_observations WHERE source_name = 'file' AND topic = $1
    GROUP BY ALL HAVING NOT bool_or(event = 'lost')),
later AS (
    SELECT DISTINCT source_url, target_url FROM link_observations WHERE source_name = 'file' AND topic = $2)
SELECT source_url, target_url FROM earlier ANTI JOIN later USING (source_url, target_url)
WHERE (source_url > $4 OR (source_url = $4 AND target_url > $5))
      AND ends_with('.' || regexp_extract(target_url, '^https?://([^/:?#]+)', 1), '.' || $3)
ORDER BY source_url, target_url LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows of one file that were refused for one reason."""

    reason: str
    row_count: int
    first: Sequence[tuple[int, str]]
    """The first of them: row number, why."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one export."""

    export: Export
    refused_rows: int
    refusals: Sequence[Refusal]
    notes: Sequence[str]
    """Why losses were not told."""

    def as_json(self) -> dict[str, object]:
        """Return what `--json` prints."""
        scope, rules = self.export.scope, self.export.rules
        times = import_module("linktide.sources.vendors.dates")
        at = scope.exported_at_us
        return {
            "file": str(self.export.path),
            "vendor": scope.vendor,
            "layout": rules.layout.title,
            "target": scope.target or None,
            "exported_at": None if at is None else times.time_text(at),
            "scope": str(scope.coverage),
            "date_format": None if rules.order is None else str(rules.order),
            "topic": scope.topic,
            "topic_id": self.export.partition.topic_id,
            "rows": self.export.row_count,
            "rows_taken": self.export.row_count - self.refused_rows,
            "rows_refused": self.refused_rows,
            "refusals": [
                {
                    "reason": one.reason,
                    "rows": one.row_count,
                    "first": [{"row": row, "why": why} for row, why in one.first],
                }
                for one in self.refusals
            ],
            "notes": list(self.notes),
        }


def is_export(path: Path, declared: Declared) -> bool:
    """Tell whether a file is an export by its name, or because its vendor was named."""
    suffixes = [one.lower() for one in path.suffixes]
    plain = suffixes[:-1] if suffixes[-1:] and suffixes[-1] in _PACKED else suffixes
    return declared.vendor is not None or bool(plain and plain[-1] in _SUFFIXES)


def read_exports(paths: Sequence[Path], declared: Declared) -> list[Export]:
    """Look through all of them before the first event. Raises ConfigError and StopError."""
    examined = import_module("linktide.sources.vendors.export").examined
    return [examined(path, declared, time.time_ns() // 1_000) for path in paths]


def import_unlisted(
    config: Config, exports: Sequence[Export], progress: Progress
) -> tuple[ImportResult, dict[Scope, list[str]]]:
    """Tell the losses of complete exports that are stored, against those before and after them.

    Returns what was stored, and for each scope why losses were not told.
    """
    complete = import_module("linktide.sources.vendors.declared").Coverage.COMPLETE
    scopes: dict[Scope, list[str]] = {}
    for export in exports:
        if export.scope.coverage is complete:
            scopes.setdefault(export.scope, []).append(export.partition.topic_id)
    events = refused = 0
    notes: dict[Scope, list[str]] = {}
    for scope, given in scopes.items():
        with tempfile.TemporaryDirectory(prefix="linktide-") as folder:
            with _connected(config) as connection:
                stored = _as_given(_stored(connection, scope), scope.topic, given)
                files = list(_unlisted(connection, scope, stored, Path(folder), notes.setdefault(scope, [])))
            # Not while it is read: one instance of DuckDB a file and process.
            if files:
                result = session.import_files(config, files, progress)
                events, refused = events + result.events, refused + result.dead_letters
    return session.ImportResult(events, refused), notes


def told_of(config: Config, exports: Sequence[Export], notes: dict[Scope, list[str]]) -> list[Told]:
    """Say what became of exports that were imported, from what is stored."""
    lines = import_module("linktide.sources.vendors.row_events").ROW_LINES
    with _connected(config) as connection:
        told = []
        for export in exports:
            part = export.partition
            rows = _rows(connection, _REFUSED, part.topic, part.topic_id, lines, _FIRST_ROWS)
            refusals = [
                Refusal(
                    reason,
                    int(next(row["row_count"] for row in rows if row["reason"] == reason)),
                    [(int(row["file_row"]), _why(row)) for row in rows if row["reason"] == reason],
                )
                for reason in dict.fromkeys(str(row["reason"]) for row in rows)
            ]
            count = int(rows[0]["all_rows"]) if rows else 0
            told.append(Told(export, count, refusals, notes.get(export.scope, ())))
        return told


def _connected(config: Config) -> Connection:
    connection: Connection = import_module("linktide.connection").connect_configured(config)
    return connection


def _rows(connection: Connection, sql: str, *parameters: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(sql, list(parameters)).arrow().to_pylist()
    return rows


def _why(row: dict[str, Any]) -> str:
    """Return our own word on a row where the reader refused it, else that of the core."""
    with suppress(ValueError, TypeError):
        told = json.loads(row["bytes"])
        if isinstance(told, dict) and isinstance(told.get("refused"), str):
            return str(told["refused"])[:_MOST_TOLD]
    return str(row["detail"])[:_MOST_TOLD]


@dataclass(frozen=True, slots=True)
class _Complete:
    """A complete export as it is stored: all files of one scope."""

    topic: str
    exported_at_us: int
    topic_ids: tuple[str, ...]
    events: int
    is_whole: bool
    checked_ids: tuple[str, ...]
    """Those whose refused rows count against it."""


def _as_given(stored: Iterator[_Complete], topic: str, given: Sequence[str]) -> list[_Complete]:
    """Return exports by time; of the one that is imported now only the files of this command are in question.

    Else a file that was corrected would be held to its first attempt for ever.
    """
    found = (
        replace(one, is_whole=True, checked_ids=tuple(given)) if one.topic == topic else one for one in stored
    )
    return sorted(found, key=lambda one: one.exported_at_us)


def _unlisted(
    connection: Connection, scope: Scope, stored: Sequence[_Complete], folder: Path, notes: list[str]
) -> Iterator[Unlisted]:
    """Write the losses of a stored export, and of the next one if that was imported before it."""
    place = [one.topic for one in stored].index(scope.topic)
    for earlier, later in pairwise(stored):
        if scope.topic not in (earlier.topic, later.topic):
            continue
        if why := _why_not(connection, earlier, later):
            notes.append(f"No losses were told between {earlier.topic} and {later.topic}: {why}")
            continue
        path = folder / f"{len(list(folder.iterdir()))}.ndjson"
        room = import_module("linktide.sources.vendors.unlisted")
        with path.open("wb") as file:
            for source_url, target_url in _pairs(connection, earlier, later, scope.target):
                file.write(room.unlisted_line(source_url, target_url, later.exported_at_us))
        between = (*sorted(earlier.topic_ids), "/", *sorted(later.topic_ids))
        yield room.Unlisted(later.topic, between, path)
    if place == 0:
        notes.append(
            f"No complete export of {scope.vendor} for {scope.target} is older than this one: none is missed."
        )


def _stored(connection: Connection, scope: Scope) -> Iterator[_Complete]:
    parse_date = import_module("linktide.sources.vendors.dates").parse_date
    begin = scope.topic[: scope.topic.rindex("/") + 1]
    by_topic: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(connection, _COMPLETE, begin):
        by_topic.setdefault(row["topic"], []).append(row)
    for topic, rows in by_topic.items():
        at = parse_date(topic.removeprefix(begin), None)
        if at is not None:
            is_whole = all(row["next_offset"] >= int(row["topic_id"].partition(".")[2]) for row in rows)
            ids = tuple(row["topic_id"] for row in rows)
            yield _Complete(topic, at.us, ids, sum(row["events"] for row in rows), is_whole, ids)


def _why_not(connection: Connection, earlier: _Complete, later: _Complete) -> str | None:
    """Return why nothing can be said of what the later one leaves out, None if it can."""
    for one in (earlier, later):
        if not one.is_whole:
            return f"{one.topic} is imported in part only; import all its files again to the end."
    lines = import_module("linktide.sources.vendors.row_events").ROW_LINES
    refused = int(_rows(connection, _NOT_KNOWN, later.topic, lines, list(later.checked_ids))[0]["row_count"])
    if refused:
        return (
            f"{refused:,} rows of the later one were refused, so what it lists is not known; correct them "
            "and import it again."
        )
    if int(_rows(connection, _KEPT, earlier.topic)[0]["row_count"]) < earlier.events:
        return "events of the earlier one are no longer stored (retention.event_days, `linktide forget`)."
    return None


def _pairs(
    connection: Connection, earlier: _Complete, later: _Complete, target: str
) -> Iterator[tuple[str, str]]:
    after = ("", "")
    while True:
        page = _rows(connection, _UNLISTED, earlier.topic, later.topic, target, *after, _PAGE_ROWS)
        for row in page:
            after = (row["source_url"], row["target_url"])
            yield after
        if len(page) < _PAGE_ROWS:
            return
