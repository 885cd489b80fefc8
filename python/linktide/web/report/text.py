"""The report as text: Markdown and JSON here, HTML by its page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from linktide.json_rows import iso_utc, json_value
from linktide.plain import plain_cell, plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from linktide.web.report.report import Report, Told

_TICKS: Final = re.compile("`+")
_NONE: Final = "\u2013"
_MOST_MARKDOWN_ROWS: Final = 20


FORMS: Final = ("html", "md", "json")


def report_text(report: Report, form: str, made_at: datetime) -> str:
    """Return the report in one of FORMS; `made_at` is told in HTML."""
    if form == "json":
        return report_json(report)
    if form == "md":
        return report_markdown(report)
    from linktide.web.report.page import report_html  # noqa: PLC0415 - templates, for this form alone

    return report_html(report, made_at)


def report_json(report: Report) -> str:
    """Return one object: all rows of all parts, each with its statement. Text is as strangers wrote it."""
    told = {
        "domain": report.domain,
        "rivals": list(report.rivals),
        "at": iso_utc(report.at),
        "parts": [
            {
                "name": part.section.name,
                "title": part.section.title,
                "sql": part.sql,
                "rows": [{name: json_value(value) for name, value in row.items()} for row in part.rows],
            }
            for part in report.parts
        ],
        "left_out": list(report.left_out),
    }
    return plain_json(json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1)) + "\n"


def report_markdown(report: Report) -> str:
    """Return Markdown with tables (GFM); strangers' text stands in code spans, where nothing is markup."""
    beside = f", beside {', '.join(map(code, report.rivals))}" if report.rivals else ""
    lines = [
        f"# {code(report.domain)}",
        "",
        f"Links from other domains as of {report.at:%Y-%m-%d %H:%M:%S} UTC{beside}.",
    ]
    for part in report.parts:
        lines += ["", f"## {part.section.title}", "", part.section.about, "", *_table(part), ""]
        lines += ["```sql", *part.sql.split("\n"), "```"]
    if report.left_out:
        lines += ["", f"Told of now alone, and so not of this time: {', '.join(report.left_out).lower()}."]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return text as a code span of one line, also within a table; a formula gets a quote before it."""
    shown = plain_cell(text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    # A space at both ends is taken away again; without it a tick at an end would join the fence.
    pad = (
        " "
        if shown.startswith("`") or shown.endswith("`") or not shown.strip() or shown[0] == " " == shown[-1]
        else ""
    )
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""


def _table(part: Told) -> list[str]:
    if not part.rows:
        return [part.section.empty]
    columns = part.section.columns
    rows = part.rows[-_MOST_MARKDOWN_ROWS:] if part.section.is_plot_alone else part.rows
    numbers = {"number", "points", "usual", "percent"}
    lines = [
        "| " + " | ".join(column.label for column in columns) + " |",
        "|" + "|".join("---:" if column.kind in numbers else "---" for column in columns) + "|",
        *(
            "| " + " | ".join(_cell(column.kind, row, column.key) for column in columns) + " |"
            for row in rows
        ),
    ]
    if len(rows) < len(part.rows):
        lines += ["", f"The newest {len(rows)} of {len(part.rows)} rows."]
    return lines


def _cell(kind: str, row: Mapping[str, Any], key: str) -> str:  # noqa: PLR0911 - one line a kind
    value = row[key]
    if value is None:
        return _NONE
    if kind == "number":
        return f"{value:,.0f}"
    if kind == "points":
        return f"{value:.1f}"
    if kind == "usual":
        return f"{value:.3g}"
    if kind == "percent":
        return f"{100 * value:.1f} %"
    if kind in {"day", "moment"}:
        return f"{value:%Y-%m-%d}" if kind == "day" else f"{value:%Y-%m-%d %H:%M:%S}"
    return code(str(value)) or "empty"
