"""What who imports an export says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from linktide.sources.vendors.dates import DateOrder

ENCODINGS: Final = ("utf-8", "utf-16", "latin-1")


class Coverage(StrEnum):
    """How much of what the vendor knows of the target an export holds."""

    COMPLETE = "complete"
    SAMPLE = "sample"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True)
class Declared:
    """What who imports says of an export."""

    vendor: str | None = None
    target: str | None = None
    """Domain or host, lower case."""
    exported_at_us: int | None = None
    coverage: Coverage = Coverage.SAMPLE
    order: DateOrder | None = None
    encoding: str | None = None
