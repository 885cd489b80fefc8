"""What a table of a domain's page is, and a column of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]
Plot = Mapping[str, object]
SHOWN_ROWS: Final = 20
"""Rows on the page; the files have all."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as people see it."""

    key: str
    label: str
    kind: str = "text"
    """How it is written and on which side: text, url, domain, anchor, word, state, change, flag, day, moment,
    number, signed, share, points, percent, usual or review."""


@dataclass(frozen=True, slots=True)
class DomainTable:
    """One table of a domain."""

    name: str
    title: str
    about: str
    sql: str
    columns: tuple[Column, ...]
    plot: Callable[[Sequence[Row]], Plot | None] | None = None
    is_by_day: bool = False
    """The most rows are days: the page shows as many as it is asked for."""
    is_wide: bool = False
    """It takes the whole width of the page; others stand in pairs."""
    plot_label: str = ""
    empty: str = "Nothing yet."

    @property
    def shares(self) -> list[str]:
        """The columns whose numbers are also shown beside the greatest of them."""
        return [column.key for column in self.columns if column.kind == "share"]
