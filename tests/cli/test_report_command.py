"""The report: its figures are those of the SQL beside them, at any time; no text in it is more than text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from command_runs import ran
from hostile_links import ATTACKS, MARKUP, TARGET, hostile_events
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from told_days import OWN, QUIET, START, link, take

from linktide.errors import ExitCode
from linktide.web.report.text import code
from oracle.events import is_followed
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

RIVAL = "rival.example"
EVENTS = [
    *QUIET,
    *(
        link(
            "discovered",
            30 + number,
            500 + number % 9,
            target=RIVAL,
            rel=["nofollow"] * (number % 2),
            anchor="x",
        )
        for number in range(30)
    ),
    *(link("seen", 200 + number, 500 + number % 9, target=RIVAL, rel=[], anchor="y") for number in range(5)),
]
AT = START + timedelta(days=8, hours=5)


def flags(folder: Path, name: str = "a.duckdb") -> tuple[str, ...]:
    return "--database", str(folder / name), "--set", f"tracked_domains={OWN}"


def told(folder: Path, *more: str, domain: str = OWN) -> dict[str, Any]:
    result = ran("report", domain, *flags(folder), "--format", "json", *more)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of all events, and one of those until a time."""
    made = tmp_path_factory.mktemp("report")
    take(made / "a.duckdb", EVENTS)
    take(
        made / "then.duckdb",
        [event for event in EVENTS if datetime.fromisoformat(event["observed_at"]) <= AT],
    )
    return made


def test_every_figure_is_what_its_sql_tells(folder: Path) -> None:
    report = told(folder, "--against", RIVAL)
    assert len(report["parts"]) > 10
    for part in report["parts"]:
        result = ran("query", *flags(folder), "--json", part["sql"])
        assert result.exit_code == 0, (part["name"], result.output)
        assert json.loads(result.stdout) == part["rows"], part["name"]


def test_the_summary_is_that_of_brute_force(folder: Path) -> None:
    rows = {row["domain_name"]: row for row in told(folder, "--against", RIVAL)["parts"][0]["rows"]}
    for name in (OWN, RIVAL):
        live: dict[str, bool] = {}
        gained = lost = 0
        for event in EVENTS:
            if event["target_url"] == f"https://{name}/":
                source = event["source_url"]
                if event["event"] == "lost":
                    lost += source in live
                    live.pop(source, None)
                else:
                    gained += source not in live
                    live[source] = (
                        is_followed(" ".join(event["rel"])) if "rel" in event else live.get(source, True)
                    )
        row = rows[name]
        # All of it lies within 30 days.
        assert (row["backlinks"], row["gained_30d"], row["lost_30d"]) == (len(live), gained, lost)
        assert row["refdomains"] == len(live)
        assert row["follow_ratio"] == (pytest.approx(sum(live.values()) / len(live)) if live else None)


def test_a_report_as_of_a_time_is_the_one_that_was_made_then(folder: Path) -> None:
    now_then = ran(
        "report", OWN, *flags(folder, "then.duckdb"), "--format", "json", "--as-of", AT.isoformat()
    )
    # Until the newest event of that database, which is a little before.
    assert "is after the newest event" in now_then.output
    then = told_of(folder, "then.duckdb")
    later = told(folder, "--as-of", then["at"], "--against", RIVAL)
    parts = {part["name"]: part["rows"] for part in then["parts"]}
    assert later["left_out"]
    for part in later["parts"]:
        if part["name"] not in {"authority", "alerts"}:
            assert part["rows"] == parts[part["name"]], part["name"]
    assert {part["name"] for part in later["parts"]} < parts.keys()


def told_of(folder: Path, name: str) -> dict[str, Any]:
    result = ran("report", OWN, *flags(folder, name), "--format", "json", "--against", RIVAL)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


class Page(HTMLParser):
    """Collects what a browser would."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.cells: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "script"}:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self.cells and self._open:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hostile")
    whole.run(made / "a.duckdb", [whole.memory(hostile_events().splitlines())])
    return made


def test_html_is_one_file_that_runs_only_what_it_came_with(hostile: Path) -> None:
    result = ran("report", TARGET, *flags(hostile))
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert not [
        mark for mark in MARKUP if mark in re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    ]
    page = Page(text)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert len(hashes) == 2
    assert all(f"'sha256-{one}'" in policy for one in hashes)
    for tag, attrs in page.tags:
        assert "src" not in attrs
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        assert tag not in {"link", "img", "svg", "iframe", "form", "object", "embed", "base"}
        if tag == "a":
            assert (attrs["href"] or "").startswith(("http://", "https://"))
            assert "nofollow" in (attrs["rel"] or "")
    assert page.cells
    assert not [cell for cell in page.cells if cell.strip().startswith(("=", "@", "+"))]
    # They are shown, as text.
    assert [cell for cell in page.cells if "'=HYPERLINK" in cell]
    assert [cell for cell in page.cells if "<svg onload=alert(1)>" in cell]


def test_markdown_has_no_markup_of_strangers(hostile: Path) -> None:
    result = ran("report", TARGET, *flags(hostile), "--format", "md")
    assert result.exit_code == 0, result.output
    assert "\u202e" not in result.stdout
    assert "\x1b" not in result.stdout
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(result.stdout)
    assert not [mark for mark in MARKUP if mark in html]
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {
        *("h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre")
    }
    # One anchor a row, whatever stands in it; one link is lost.
    part = html[html.index("<h2>Anchors") : html.index("<h2>Pages")]
    assert part.count("<tr>") == len(ATTACKS)


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_a_code_span_is_one_cell(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {code(text)} | end |\n"
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(table)
    assert html.count("<td") == 2
    assert html.count("<td>end</td>") == 1
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (("not a domain",), ExitCode.CONFIG, "is no domain"),
        ((OWN, "--against", "x y"), ExitCode.CONFIG, "is no domain"),
        ((OWN, "--as-of", "soon"), ExitCode.USAGE, "ISO 8601"),
        ((OWN, "--as-of", "0001-01-01"), ExitCode.USAGE, "wanted a time from 1990-01-01 to"),
        ((OWN, "--as-of", "0001-01-01T00:00:00+05:00"), ExitCode.USAGE, "wanted a time from 1990-01-01 to"),
        ((OWN, "--as-of", "1980-01-01"), ExitCode.USAGE, "wanted a time from 1990-01-01 to"),
        ((OWN, "--as-of", "1990-01-01T00:00:00+00:01"), ExitCode.USAGE, "wanted a time from 1990-01-01 to"),
        ((OWN, "--as-of", "9999-12-31T23:59:59-05:00"), ExitCode.USAGE, "wanted a time from 1990-01-01 to"),
        ((OWN, "--as-of", "9999-12-31T23:59:59.999999"), ExitCode.REFUSED_QUERY, "is after the newest event"),
        ((OWN, "--as-of", "2099-01-01"), ExitCode.REFUSED_QUERY, "is after the newest event"),
        ((OWN, "--format", "pdf"), ExitCode.USAGE, "pdf"),
    ],
)
def test_what_cannot_be_told_is_said(
    folder: Path, arguments: tuple[str, ...], exit_code: ExitCode, sentence: str
) -> None:
    result = ran("report", *arguments, *flags(folder))
    assert result.exit_code == exit_code, result.output
    assert sentence in result.output
    assert result.stdout == ""


def test_a_domain_nobody_links_to_has_a_report_that_says_so(folder: Path) -> None:
    report = told(folder, domain="nobody.example")
    assert [row["note"] for row in report["parts"][0]["rows"]] == ["no link to it is known at that time"]
    for form in ("html", "md"):
        result = ran("report", "nobody.example", *flags(folder), "--format", form)
        assert result.exit_code == 0
        assert "no link to it is known at that time" in result.stdout


@pytest.mark.parametrize("at", ["1990-01-01", "1990-01-31", "1991-06-01T00:00:00-05:00"])
def test_a_time_before_every_event_has_a_report(folder: Path, at: str) -> None:
    assert told(folder, "--as-of", at)["parts"][0]["rows"][0]["note"] is not None


def test_times_without_a_zone_are_utc(folder: Path) -> None:
    at = AT.astimezone(UTC).replace(tzinfo=None)
    assert told(folder, "--as-of", at.isoformat())["at"] == f"{at.isoformat()}Z"
