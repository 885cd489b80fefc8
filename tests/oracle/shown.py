"""What of a view is compared, and how its cells are read.

A row is a tuple in the order of its view's columns. Times are Unix µs, JSON is a dict, null is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from oracle.mine import Mine

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.model import State

Row = tuple[object, ...]
SHARE_DIGITS = 9
"""After the point, of what is a quotient of counts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the product that change what a view shows."""

    unverified_after_days: int = 90
    mine: Mine = field(default_factory=Mine)
    """What the user told of himself."""


class Form(StrEnum):
    """How a column is read from SQL."""

    PLAIN = "plain"
    TIME = "time"
    JSON = "json"
    TEXT = "text"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class View:
    """What of a view is compared: its columns, how many of them are its key, and its rows."""

    name: str
    columns: tuple[tuple[str, Form], ...]
    key_length: int
    rows: Callable[[State, Settings], list[Row]]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


def columns(text: str) -> tuple[tuple[str, Form], ...]:
    """Read column names; `@` marks a time, `{}` JSON, `'` what is read as text, `%` a share."""
    forms = {"@": Form.TIME, "{": Form.JSON, "'": Form.TEXT, "%": Form.SHARE}
    return tuple((word.strip("@{}'%"), forms.get(word[0], Form.PLAIN)) for word in text.split())
