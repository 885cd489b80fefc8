"""The plots of a report, of the rows of its sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.web.tables import seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.web.domain_table import Plot, Row


def line_plot(rows: Sequence[Row], key: str, values: Sequence[tuple[str, str, str, str]]) -> Plot | None:
    """Plot columns over a time column: label, kind, tone and column of each."""
    if len(rows) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    series = [
        {"label": label, "kind": kind, "tone": tone, "values": [row[column] for row in rows]}
        for label, kind, tone, column in values
    ]
    return {"x": seconds_of(rows, key), "series": series}


def survival_plot(rows: Sequence[Row]) -> Plot | None:
    """Plot a survival curve with its bounds; none without rows."""
    if not rows:
        return None

    def percents(key: str) -> list[float]:
        return [100.0, *(100 * row[key] for row in rows)]

    series = [
        ("Outlive it, %", "step", "main", "survival"),
        ("at most", "band", "muted", "survival_most"),
        ("at least", "band", "muted", "survival_least"),
    ]
    return {
        "x": [0.0, *(row["age_days"] for row in rows)],
        "x_label": "Age in days",
        "is_number": True,
        "has_zero": True,
        "series": [
            {"label": label, "kind": kind, "tone": tone, "is_stepped": True, "values": percents(key)}
            for label, kind, tone, key in series
        ],
    }
