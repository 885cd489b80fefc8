"""Which export a file is: by its header, in its first rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.errors import ConfigError, StopError
from linktide.plain import plain_text
from linktide.sources.vendors.catalogue import LAYOUTS, VENDORS
from linktide.sources.vendors.csv_rows import SEPARATORS, CsvForm, CsvRows
from linktide.sources.vendors.mapping import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linktide.sources.vendors.mapping import Layout

_HEADER_WITHIN: Final = 10
"""Rows in which the header is looked for: some exports begin with a title, spreadsheets with `sep=;`."""
_MOST_TOLD: Final = 30
_MOST_TOLD_OF_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file whose header is known."""

    layout: Layout
    form: CsvForm
    header: Sequence[str]
    header_row: int
    """Its number, from 1."""


def recognise(path: Path, codec: str, vendor: str | None) -> Recognised:
    """Find the header of a file. Raises ConfigError, naming the columns found, if it is none we know."""
    seen: list[str] = []
    for separator in SEPARATORS:
        form = CsvForm(codec, separator)
        # With another separator a quote may stand where it begins nothing.
        with suppress(StopError), CsvRows(path, form) as rows:
            for row, cells in rows:
                header = _trimmed(cells)
                if layout := _layout_of(path, header, vendor):
                    return Recognised(layout, form, header, row)
                if len(header) > len(seen):
                    seen = header
                if row >= _HEADER_WITHIN:
                    break
    raise ConfigError(_unknown(path, seen, vendor))


def _trimmed(cells: Sequence[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    return header


def _layout_of(path: Path, header: Sequence[str], vendor: str | None) -> Layout | None:
    fitting = [one for one in LAYOUTS if one.fits(header) and vendor in (None, one.vendor)]
    fitting = [one for one in fitting if one.marks] or fitting
    if len({one.vendor for one in fitting}) > 1:
        names = " and ".join(one.vendor for one in fitting)
        raise ConfigError(f"{path} may be an export of {names}; say which by --vendor.")
    if fitting or vendor is None:
        return fitting[0] if fitting else None
    # Named, it need not prove what it is: the two URLs are enough.
    named = [one for one in LAYOUTS if one.vendor == vendor and place_of(header, one.source_url) is not None]
    return next((one for one in named if place_of(header, one.target_url) is not None), None)


def _unknown(path: Path, seen: Sequence[str], vendor: str | None) -> str:
    names = [plain_text(name[:_MOST_TOLD_OF_NAME]) for name in seen[:_MOST_TOLD]]
    found = ", ".join(names) or "none"
    more = f" and {len(seen) - _MOST_TOLD} more" if len(seen) > _MOST_TOLD else ""
    if vendor is not None:
        wanted = "; or ".join(_wanted(one) for one in LAYOUTS if one.vendor == vendor)
        return f"{path} is no export of {vendor}: columns found: {found}{more}; wanted: {wanted}."
    return (
        f"{path} has a header of no known export: columns found: {found}{more}; wanted: those of one of "
        f"{', '.join(VENDORS)}, see docs/importing.md. Nothing of it was imported; name its "
        "vendor by --vendor."
    )


def _wanted(layout: Layout) -> str:
    marks = f" and one of {', '.join(layout.marks)}" if layout.marks else ""
    return f"{', '.join(layout.signature)}{marks}"
