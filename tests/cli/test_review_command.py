"""`linktide review` on a stopped database: what it notes, lists, refuses, and the file for Google."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from command_runs import enter, failed, ran
from new_file import begin_file

from linktide.disavow import MAX_LINES, MAX_URL, DisavowError, disavow_file
from linktide.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOURCES = ("https://spam.example/a", "https://bad.example/x", "https://bad.example/y", "https://bücher.de/ä")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    enter(tmp_path, monkeypatch)
    monkeypatch.setenv("LINKTIDE_DATABASE", "links.duckdb")
    event = {"event": "discovered", "target_url": "https://mine.org/", "observed_at": "2026-11-01T00:00:00Z"}
    lines = [json.dumps(event | {"source_url": source}) + "\n" for source in SOURCES]
    (tmp_path / "events.ndjson").write_text("".join(lines))
    begin_file(tmp_path / "links.duckdb")
    assert ran("import", "events.ndjson").exit_code == 0
    return tmp_path


def printed(*arguments: str) -> str:
    result = ran(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(printed("query", sql, "--json"))
    return found


def test_one_review_after_the_other(folder: Path) -> None:
    assert folder
    assert printed("review", "Spam.example", "--state", "remove", "--note", "wrote", "--by", "me") == (
        "Noted 1 review.\n"
    )
    again = json.loads(printed("review", "spam.example", "--state", "remove", "--json"))
    assert again == {"noted": 0, "unchanged": 1}
    printed("review", "spam.example", "--contact", "x@spam.example")
    printed("review", "spam.example", "--state", "disavow", "--note", "")
    told = rows("SELECT state, note, contact FROM review_history ORDER BY review_number")
    assert [tuple(one.values()) for one in told] == [
        ("remove", "wrote", None),
        ("remove", "wrote", "x@spam.example"),
        ("disavow", None, "x@spam.example"),
    ]
    assert rows("SELECT noted_by FROM review_history WHERE review_number = 1") == [{"noted_by": "me"}]
    assert "Nothing is reviewed as whitelist." in printed("review", "--list", "--state", "whitelist")
    assert [one["subject"] for one in json.loads(printed("review", "--list", "--json"))] == ["spam.example"]
    assert "x@spam.example" in printed("review", "--list", "--state", "disavow")


def test_a_file_is_noted_whole_or_not_at_all(folder: Path) -> None:
    path = folder / "reviews.csv"
    path.write_text(
        "subject,state,note\nspam.example,remove,\nwww.bad.example,disavow,\nok.org,good,\n,remove,\n"
    )
    said = failed(ExitCode.FAILURE, "review", "--file", str(path))
    assert "Nothing is noted, 3 of 4 reviews cannot be: line 3, column subject: 'www.bad.example'" in said
    assert "line 4, column state: 'good' is none of" in said
    assert "line 5, column subject: '' is empty" in said
    assert rows("FROM review_history") == []
    path.write_bytes(
        "subject;state;note\nbücher.de;disavow;=1+1\nhttps://bad.example/x;remove;größer\n".encode()
    )
    assert printed("review", "--file", str(path)) == "Noted 2 reviews.\n"
    assert printed("review", "--file", str(path)) == "Noted 0 reviews; of 2 that held already.\n"
    listed = printed("review", "--list", "--csv")
    cells = {row["subject"]: row["note"] for row in csv.DictReader(io.StringIO(listed))}
    assert cells == {"xn--bcher-kva.de": "'=1+1", "https://bad.example/x": "größer"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["review"],
        ["review", "spam.example"],
        ["review", "spam.example", "--list"],
        ["review", "--list", "--note", "x"],
        ["review", "--disavow", "mine.org", "--state", "remove"],
        ["review", "--file", "x.csv", "--contact", "x"],
        ["review", "spam.example", "--state", "bad"],
        ["review", "spam.example", "--note", "x", "--csv"],
        ["review", "--list", "--csv", "--json"],
        ["review", "--disavow", "no domain"],
    ],
)
def test_what_does_not_go_together_is_a_slip(arguments: list[str], folder: Path) -> None:
    assert folder
    assert ran(*arguments).exit_code == ExitCode.USAGE


def test_other_refusals_have_their_codes(folder: Path) -> None:
    assert "gone.csv does not exist" in failed(ExitCode.FAILURE, "review", "--file", "gone.csv")
    assert "cannot be printed" in failed(ExitCode.FAILURE, "review", "spam.example", "--note", "a\nb")
    assert "longer than 8,192" in failed(ExitCode.FAILURE, "review", "spam.example", "--note", "x" * 9000)
    (folder / "latin.csv").write_bytes("subject,note\na.com,größer\n".encode("latin-1"))
    assert "no UTF-8" in failed(ExitCode.FAILURE, "review", "--file", "latin.csv")
    failed(ExitCode.CONFIG, "review", "a.com", "--state", "remove", "--database", "gone.duckdb")


def test_the_file_for_google_has_what_is_reviewed_and_links(folder: Path) -> None:
    assert folder
    empty = ran("review", "--disavow", "mine.org")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "No domain or page that links to mine.org is reviewed as disavow." in empty.stderr
    for subject in ("spam.example", "https://bad.example/x", "bücher.de", "elsewhere.example"):
        printed("review", subject, "--state", "disavow")
    printed("review", "spam.example", "--note", "paid # for")
    printed("review", "bad.example", "--state", "whitelist")
    lines = printed("review", "--disavow", "Mine.org").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "domain:spam.example",
        "domain:xn--bcher-kva.de",
        "https://bad.example/x",
    ]
    assert lines[0].startswith("# Links to mine.org that were reviewed as disavow, 20")
    assert lines[1].startswith("# 20")
    assert lines[1].endswith(": paid # for")
    assert all(line.isascii() for line in lines)


def disavowed(count: int, note: str | None = None, subject: str = "x{:x}.io") -> list[dict[str, Any]]:
    names = [subject.format(number) for number in range(count)]
    return [{"line": f"domain:{one}", "subject": one, "note": note, "noted_at": NOW} for one in names]


def test_limits_are_told_and_notes_give_way_first() -> None:
    told = disavow_file("mine.org", disavowed(3, "x"), NOW)
    assert told.text.count("\n") == 7
    assert told.remarks == ()
    lines = disavow_file("mine.org", disavowed(MAX_LINES - 1), NOW)
    assert lines.text.count("\n") == MAX_LINES
    assert "Notes are left out: with them the file would have 199,999 lines" in lines.remarks[0]
    size = disavow_file("mine.org", disavowed(1_000, "ä" * 1_000), NOW)
    assert size.text.count("\n") == 1_001
    assert "bytes" in size.remarks[0]
    with pytest.raises(DisavowError, match=r"100,001 lines and .* at most 100,000 lines and 2,000,000 bytes"):
        disavow_file("mine.org", disavowed(MAX_LINES), NOW)
    with pytest.raises(DisavowError, match="bytes"):
        disavow_file("mine.org", disavowed(20_000, subject="{}" + "x" * 100), NOW)
    with pytest.raises(DisavowError, match=r"1 URLs are longer than the 2,048 characters"):
        disavow_file("mine.org", disavowed(1, subject="{}" + "x" * MAX_URL), NOW)


def test_no_note_is_a_line_of_its_own() -> None:
    text = disavow_file("mine.org", disavowed(1, "a\r\ndomain:good.example\u2028b\x85c"), NOW).text
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["domain:x0.io"]
