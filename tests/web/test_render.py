from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from linktide.web.alerts import MOST_EVIDENCE, shown_alerts
from linktide.web.assets import assets
from linktide.web.render import (
    NONE,
    Pages,
    bare,
    clock,
    count,
    day,
    domain_path,
    figure,
    href,
    moment,
    percent,
    plain,
    seconds,
    size,
)

ROOT = Path(__file__).parents[2]
PAGE = Pages(assets())


@given(st.text())
def test_no_text_becomes_markup_or_leaves_its_line(text: str) -> None:
    html = PAGE.render(
        "error.html",
        {
            "status": 404,
            "phrase": "x",
            "sentence": text,
            "health": {"not_ready_because": None},
            "figures": {"state": text},
        },
    )
    shown = re.search(r"<bdi>(.*?)</bdi>", html, re.DOTALL)
    assert shown is not None
    assert "<" not in shown[1]
    assert "\n" not in shown[1]
    assert not re.search("[\x00-\x1f\u202a-\u202e\u2066-\u2069]", shown[1])


def test_a_fact_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        PAGE.render("error.html", {"status": 404})


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x",
        "//evil.example/", "x", "", "\x01javascript:alert(1)", "http:", "https://[", None,
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_are_links(url: str | None) -> None:
    assert not href(url)


@given(st.text())
def test_a_link_holds_nothing_that_ends_it(tail: str) -> None:
    found = href(f"https://a.example/{tail}")
    assert found.startswith("https://a.example/") or not found
    assert not set(found) & set(' \t\r\n"<>`\\')
    assert not set(domain_path(tail)[len("/domains/") :]) & set('/?#"<> \n')


def test_figures_are_written_for_people() -> None:
    assert [count(one) for one in (0, 1234567, None, float("nan"))] == ["0", "1,234,567", NONE, NONE]
    assert [figure(one) for one in (1234.5, 12.34, 0.0123, 5.0)] == ["1,234", "12.3", "0.012", "5"]
    assert [size(one) for one in (0, 1023, 1536, 5 << 40)] == ["0 B", "1,023 B", "1.5 KiB", "5.0 TiB"]
    assert [seconds(one) for one in (0.25, 2.0, float("inf"), None)] == ["250 ms", "2.0 s", "very long", NONE]
    assert percent(0.0042) == "0.42 %"
    assert moment("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04:05"
    assert day("nonsense") == NONE
    assert clock("2026-01-02T03:04:05Z", "2026-01-02T23:00:00Z") == "03:04:05"
    assert clock("2026-01-01T03:04:05Z", "2026-01-02T23:00:00Z") == "2026-01-01"
    assert bare("https://a.example/\u202ex") == "a.example/\\u202ex"
    assert not plain(None)


def test_alerts_show_their_evidence_whatever_it_holds() -> None:
    row = {
        "alert": "<b>", "severity": 'x" onload="y', "domain_name": None,
        "state": "firing", "started_at": None,
        "ended_at": None, "is_historical": None, "summary": None,
    }  # fmt: skip
    many = "[" + ",".join('{"lost": 1}' for _ in range(MOST_EVIDENCE + 2)) + "]"
    shown = shown_alerts([row | {"evidence": one} for one in (None, "no json <i>", '{"a": 1}', many, [1])])
    assert [one["evidence"] for one in shown][:3] == [[], ["no json <i>"], ["a: 1"]]
    assert shown[3]["evidence"] == [*["lost: 1"] * MOST_EVIDENCE, "and 2 more"]
    assert {one["severity"] for one in shown} == {"info"}
    nulls = '[{"a": null, "b": 0, "c": "None"}, null, {"a": null}, {}, 3]'
    (shown_nulls,) = shown_alerts([row | {"evidence": nulls}])
    assert shown_nulls["evidence"] == ["b: 0, c: None", "3"]


def test_what_was_taken_from_others_is_what_the_decision_says() -> None:
    told = (ROOT / "docs/decisions/0025-page-without-a-build.md").read_text("utf-8")
    named = re.findall(r"^\| `(\S+)` \| .* \| `([0-9a-f]{64})` \|$", told, re.MULTILINE)
    assert {Path(path).name for path, _ in named} == {"uplot.js", "uplot.css", "axe.js"}
    for path, checksum in named:
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == checksum
        assert (ROOT / path).with_suffix(".LICENSE").is_file()


def test_pages_load_and_run_nothing_but_files_of_their_own() -> None:
    folder = ROOT / "python/linktide/web"
    for template in (folder / "templates").glob("*.html"):
        # The report is one file; its policy names these scripts by their hash.
        text = template.read_text("utf-8").replace("<script>{{ script }}</script>", "")
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:|https?://", text), (
            template.name
        )
        assert not re.search(r"\|\s*safe", re.sub(r"' aria-current=\"true\"'\|safe", "", text)), template.name
    for file in ("page.css", "plots.js", "live.js", "parts.js"):
        text = (folder / "static" / file).read_text("utf-8")
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|eval\(|@import|url\(", text), file
