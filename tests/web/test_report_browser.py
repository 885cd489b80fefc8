"""The report in a real browser, opened as a file: its plots are drawn, and it asks for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from browser import chromium

from linktide.web.report.page import report_html
from linktide.web.report.report import Report, Told
from linktide.web.report.sections import SECTIONS

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=document.title="taken">'


def rows_of(name: str) -> tuple[dict[str, Any], ...]:
    if name == "survival":
        names = ("survival", "survival_least", "survival_most", "lost", "at_risk")
        return tuple({"age_days": age, **dict.fromkeys(names, 1 / age)} for age in (1.5, 20.0, 300.0))
    section = next(one for one in SECTIONS if one.name == name)
    made = []
    for turn in range(5):
        row: dict[str, Any] = {}
        for column in section.columns:
            is_text = column.kind in {"text", "url", "anchor", "change"}
            is_time = column.kind in {"day", "moment"}
            row[column.key] = HOSTILE if is_text else AT + timedelta(days=turn) if is_time else turn / 2
        made.append(row)
    return tuple(made)


@pytest.mark.timeout(120)
def test_a_report_is_whole_without_a_network(tmp_path: Path) -> None:
    parts = [Told(section, f"SELECT {HOSTILE!r}", rows_of(section.name)) for section in SECTIONS]
    parts[0].rows[0]["domain_name"] = "a.example"  # type: ignore[index]  # made above
    file = tmp_path / "report.html"
    file.write_text(
        report_html(Report("a.example", (HOSTILE,), AT, is_of_now=True, parts=tuple(parts), left_out=()), AT),
        "utf-8",
    )
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_context(offline=True).new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if asked.url != file.as_uri() else None)
        page.goto(file.as_uri())
        page.wait_for_function("document.querySelectorAll('[data-plot] canvas').length === 4")
        assert page.title() == "a.example: links on 2026-11-01"
        assert page.locator("img, iframe, form").count() == 0
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0
        page.screenshot(path=tmp_path / "report.png", full_page=True)
    assert complaints == []
