"""Alerts as the page shows them: what, of which domain, since when, and the evidence behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALERTS_SQL: Final = """
SELECT alert, severity, domain_name, state, started_at, ended_at, is_historical, summary, evidence
FROM alerts
ORDER BY is_historical, ended_at IS NULL DESC, started_at DESC, alert, domain_name
LIMIT $1
"""
"""Parameter: the most rows. Those that fire come first, those of the past last."""

MOST_EVIDENCE: Final = 10
_SEVERITIES: Final = ("critical", "warning", "info")


def shown_alerts(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, object]]:
    """Return alerts for the template. A severity that is none of ours is shown as info: it names a style."""
    return [
        {
            "name": row["alert"],
            "severity": row["severity"] if row["severity"] in _SEVERITIES else "info",
            "domain": row["domain_name"],
            "at": row["started_at"],
            "state": row["state"],
            "is_historical": bool(row["is_historical"]),
            "summary": row["summary"],
            "evidence": _lines(row["evidence"]),
        }
        for row in rows
    ]


def _lines(evidence: object) -> list[str]:
    """Return evidence, JSON or not, as lines: of a list one for each entry, and how many more there are.

    What is null is left out.
    """
    if evidence is None:
        return []
    told = evidence
    if isinstance(evidence, str):
        try:
            told = json.loads(evidence)
        except ValueError:
            return [evidence]
    entries = [one for one in (told if isinstance(told, list) else [told]) if not _is_nothing(one)]
    lines = [_line(entry) for entry in entries[:MOST_EVIDENCE]]
    return lines if len(entries) <= MOST_EVIDENCE else [*lines, f"and {len(entries) - MOST_EVIDENCE} more"]


def _line(entry: object) -> str:
    if isinstance(entry, dict):
        return ", ".join(f"{key}: {value}" for key, value in entry.items() if value is not None)
    return str(entry)


def _is_nothing(entry: object) -> bool:
    """Tell whether an entry says nothing: null, or an object of nulls."""
    return all(one is None for one in (entry.values() if isinstance(entry, dict) else (entry,)))
