"""An export as a file of events: looked through whole before its first event, then read row by row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from linktide.errors import ConfigError, StopError
from linktide.sources.files import CLUSTER
from linktide.sources.source import Partition
from linktide.sources.vendors.csv_rows import CsvForm, CsvRows, found_codec, latin_codec
from linktide.sources.vendors.dates import (
    DAY_US,
    DateEvidence,
    DateOrder,
    is_no_date,
    parse_date,
    time_text,
)
from linktide.sources.vendors.declared import Coverage
from linktide.sources.vendors.mapping import place_of
from linktide.sources.vendors.recognition import recognise
from linktide.sources.vendors.row_events import ROW_LINES, RowEvents, RowRules, is_date_of_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.sources.vendors.declared import Declared
    from linktide.sources.vendors.recognition import Recognised

_READING: Final = "1"
"""Raise it when a row becomes other events than before: then an old half-read file begins anew."""
_HOUR_US: Final = 3_600_000_000
_CHUNK_BYTES: Final = 1 << 20
_HEARD_DATES: Final = 1 << 16
"""Dates repeat; what one says is heard once."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an export speaks of; with its content this is its identity."""

    vendor: str
    target: str
    """Empty if it was not said."""
    exported_at_us: int | None
    coverage: Coverage

    @property
    def topic(self) -> str:
        """Its name among the sources; no file has such a one, as it holds slashes."""
        at = "-" if self.exported_at_us is None else time_text(self.exported_at_us)
        return "/".join((self.vendor, self.coverage, self.target or "-", at))


@dataclass(frozen=True, slots=True)
class Export:
    """A file that can be imported: header known, dates settled."""

    path: Path
    scope: Scope
    known: Recognised
    rules: RowRules
    row_count: int
    """Rows with anything in them, the header and what stands before it aside."""
    last_row: int
    content_hash: str

    @property
    def partition(self) -> Partition:
        """Its identity: content, scope, and how it is read."""
        parts = (
            *(_READING, self.content_hash, self.known.form.codec, self.known.layout.title, self.scope.topic),
            *(str(self.rules.order), str(self.rules.is_time_given)),
        )
        digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
        # With its length, which tells whether all of it was taken.
        return Partition(CLUSTER, self.scope.topic, f"{digest}.{self.last_row * ROW_LINES}", 0)

    def identify(self) -> tuple[Partition, int | None]:
        """As `InputFile.identify`."""
        return self.partition, self.last_row * ROW_LINES

    def reader(self, first: int) -> ExportReader:
        """As `InputFile.reader`."""
        return ExportReader(self, first)


class ExportReader:
    """The lines of an export, `ROW_LINES` a row, from line `first_line` (counted from 0) on."""

    def __init__(self, export: Export, first_line: int) -> None:
        self._export = export
        self._rows = CsvRows(export.path, export.known.form)
        self._first_line = first_line
        self._lines = self._all_lines()

    def read(self) -> tuple[bytes, int]:
        """Return whole lines and how many they are; nothing and 0 at the end. Raises StopError."""
        taken: list[bytes] = []
        size = 0
        for line in self._lines:
            taken.append(line)
            size += len(line) + 1
            if size >= _CHUNK_BYTES:
                break
        return b"".join(line + b"\n" for line in taken), len(taken)

    def close(self) -> None:
        """Release the file; idempotent."""
        self._lines = iter(())
        self._rows.close()

    def _all_lines(self) -> Iterator[bytes]:
        events = RowEvents(self._export.rules)
        header_row = self._export.known.header_row
        first_row, skipped = divmod(self._first_line, ROW_LINES)
        for row, cells in self._rows:
            if row <= first_row:
                continue
            lines = (b"",) * ROW_LINES if row <= header_row else events.lines(row, cells)
            yield from lines[skipped:]
            skipped = 0
        if self._rows.content_hash != self._export.content_hash:
            raise StopError(f"{self._export.path} was changed while it was read; import it again.")


def examined(path: Path, declared: Declared, now_us: int) -> Export:
    """Look through a file. Raises ConfigError, and StopError, if it cannot be imported as declared."""
    codec = found_codec(path, declared.encoding)
    known = recognise(path, codec, declared.vendor)
    found = _looked_through(path, known, declared.order, now_us)
    if codec == "utf-8-sig" and declared.encoding is None and found.is_no_utf8:
        known = replace(known, form=CsvForm(latin_codec(), known.form.separator))
    try:
        order = declared.order or found.evidence.order()
    except ValueError as error:
        raise ConfigError(
            f"{path} was not imported: {error}. Say which by --date-format dmy (31/01/2026) or mdy "
            "(01/31/2026)."
        ) from error
    if found.unread is not None and not any(found.latest_us.values()):
        row, text = found.unread
        raise ConfigError(f"{path} was not imported: none of its dates can be read: {text!r} in row {row}.")
    latest_us = found.latest_us[order]
    exported_at_us = _exported_at(path, declared, latest_us, now_us)
    layout = known.layout
    has_target = place_of(known.header, layout.target_url) is not None
    if not has_target and declared.target is None:
        raise ConfigError(f"{path} does not say what its links point to; name the site by --target.")
    if exported_at_us is None and found.row_count and found.dated_rows == 0:
        raise ConfigError(f"{path} has no dates; say when it was made by --exported-at.")
    if declared.coverage is Coverage.COMPLETE:
        _check_complete(path, declared, found.row_count)
    scope = Scope(layout.vendor, declared.target or "", exported_at_us, declared.coverage)
    rules = RowRules(
        layout,
        tuple(known.header),
        order,
        exported_at_us,
        is_time_given=declared.exported_at_us is not None,
        home_url=None if declared.target is None else f"https://{declared.target}/",
    )
    return Export(path, scope, known, rules, found.row_count, found.last_row, found.content_hash)


def _exported_at(path: Path, declared: Declared, latest_us: int | None, now_us: int) -> int | None:
    """Return when an export was made: as told, else its latest date."""
    told = declared.exported_at_us
    if told is None:
        return latest_us
    if told > now_us + _HOUR_US:
        raise ConfigError(f"--exported-at {time_text(told)} lies in the future.")
    # A day of grace: dates of vendors have no zone.
    if latest_us is not None and latest_us > told + DAY_US:
        raise ConfigError(
            f"{path} was not imported: it holds the date {time_text(latest_us)}, later than --exported-at "
            f"{time_text(told)}."
        )
    return told


def _check_complete(path: Path, declared: Declared, row_count: int) -> None:
    """Raise ConfigError if an export cannot tell what was lost."""
    if declared.target is None or declared.exported_at_us is None:
        raise ConfigError(
            "A complete export says what is gone: name its site by --target and its time by --exported-at."
        )
    if row_count == 0:
        raise ConfigError(
            f"{path} has a header and no rows. As a complete export it would end every link of "
            f"{declared.target}; it was not imported."
        )


@dataclass(slots=True)
class _LookedThrough:
    evidence: DateEvidence
    latest_us: dict[DateOrder | None, int | None]
    """The greatest date that is not in the future, by what the order may be."""
    unread: tuple[int, str] | None = None
    row_count: int = 0
    dated_rows: int = 0
    last_row: int = 0
    is_no_utf8: bool = False
    """As `CsvRows.is_no_utf8`."""
    content_hash: str = ""


def _looked_through(path: Path, known: Recognised, order: DateOrder | None, now_us: int) -> _LookedThrough:
    layout = known.layout
    chosen = (place_of(known.header, one) for one in (layout.first_seen, layout.last_seen, layout.lost_at))
    places = [place for place in chosen if place is not None]
    # It may be a date as well as yes or no.
    loss = place_of(known.header, layout.is_lost) if layout.is_lost_needed else None
    orders: Sequence[DateOrder | None] = (None, *DateOrder) if order is None else (order,)
    found = _LookedThrough(DateEvidence(), dict.fromkeys(orders))
    heard: set[str] = set()
    with CsvRows(path, known.form) as rows:
        for row, cells in rows:
            found.last_row = row
            if row <= known.header_row or not any(cells):
                continue
            found.row_count += 1
            told = [cells[place] for place in places if place < len(cells) and not is_no_date(cells[place])]
            if loss is not None and loss < len(cells) and is_date_of_loss(cells[loss]):
                told.append(cells[loss])
            found.dated_rows += bool(told)
            for text in told:
                if text not in heard:
                    _hear_date(found, row, text, now_us)
                    heard.add(text)
            if len(heard) > _HEARD_DATES:
                heard.clear()
        found.is_no_utf8 = rows.is_no_utf8
        found.content_hash = rows.content_hash
    return found


def _hear_date(found: _LookedThrough, row: int, text: str, now_us: int) -> None:
    found.evidence.hear(row, text)
    is_read = False
    for order, latest_us in found.latest_us.items():
        at = parse_date(text, order)
        is_read = is_read or at is not None
        if at is not None and at.us <= now_us + _HOUR_US:
            found.latest_us[order] = at.us if latest_us is None else max(at.us, latest_us)
    if not is_read and found.unread is None:
        found.unread = (row, text[:100])
