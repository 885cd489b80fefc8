"""What becomes of an alert: a row of the table of alerts, and perhaps a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that begins, ends, or is explained by another one; times in µs since 1970."""

    alert_id: str
    alert: str
    domain_name: str | None
    """None: of the service."""
    severity: str
    is_historical: bool
    started_us: int
    ended_us: int | None
    inhibited_by: str | None
    summary: str
    evidence: Sequence[Mapping[str, object]]
    offsets: Sequence[Mapping[str, object]]

    @property
    def is_loud(self) -> bool:
        """Whether somebody is to be called."""
        return not self.is_historical and self.inhibited_by is None
