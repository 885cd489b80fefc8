"""`linktide import` of exports: what is stored, what is told, what a complete one ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from command_runs import enter, failed, ran

from linktide.cli import session, vendor_exports
from linktide.config import load
from linktide.errors import ExitCode
from linktide.sources.files import LineReader
from linktide.sources.vendors.declared import Coverage, Declared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linktide.sources.source import Partition
    from linktide.sources.vendors.export import Export

BING = "Source Url,Anchor Text,Target Url\n"
SEMRUSH = "Source url,Target url,Source title,Nofollow,First seen,Last seen\n"
STATE = "SELECT source_url, target_url, is_live, first_seen, last_seen, lost_at, lost_reason, rel FROM links"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter(tmp_path, monkeypatch)


def asked(sql: str, database: str = "linktide.duckdb") -> list[dict[str, Any]]:
    result = ran("query", f"{sql} ORDER BY ALL", "--json", "--database", database)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def taken(*arguments: str) -> dict[str, Any]:
    result = ran("import", *arguments, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def bing(path: Path, sources: Sequence[str], target: str = "https://shop.example/") -> str:
    path.write_text(BING + "".join(f"https://{one}.example/,t,{target}\n" for one in sources))
    return str(path)


def test_rows_become_links_and_twice_changes_nothing(folder: Path) -> None:
    text = SEMRUSH + (
        "https://a.example/,https://shop.example/,A,true,2024-01-05,2024-05-01\n"
        "https://a.example/,https://shop.example/,A,true,2024-01-05,2024-05-01\n"
        "https://b.example/,https://shop.example/,B,false,2024-02-05,2024-05-01\n"
    )
    (folder / "export.csv").write_text(text)
    told = taken("export.csv")
    assert (told["events"], told["dead_letters"]) == (6, 0)
    state = asked(STATE)
    assert [(row["source_url"], row["first_seen"], row["last_seen"], row["rel"]) for row in state] == [
        ("https://a.example/", "2024-01-05T00:00:00Z", "2024-05-01T00:00:00Z", "nofollow"),
        ("https://b.example/", "2024-02-05T00:00:00Z", "2024-05-01T00:00:00Z", ""),
    ]
    before = (state, asked("SELECT * EXCLUDE (updated_at) FROM sources"), asked("FROM link_observations"))
    (folder / "other name.csv").write_text(text)
    for name in ("export.csv", "other name.csv"):
        assert taken(name)["events"] == 0
    assert (
        asked(STATE),
        asked("SELECT * EXCLUDE (updated_at) FROM sources"),
        asked("FROM link_observations"),
    ) == before
    # Another scope is another import of the same links: their state stays what it was.
    taken("export.csv", "--target", "shop.example", "--scope", "capped")
    assert asked(STATE) == state


def test_the_last_sighting_changes_nothing_that_the_first_one_said(folder: Path) -> None:
    (folder / "a.csv").write_text(
        SEMRUSH + "https://a.example/,https://shop.example/,A,true,2024-01-05,2024-05-01\n"
    )
    taken("a.csv")
    assert asked("SELECT change FROM new_lost") == [{"change": "new"}]
    assert asked("SELECT field FROM attribute_changes") == []


def test_the_report_names_rows_and_reasons(folder: Path) -> None:
    text = SEMRUSH + (
        "https://a.example/,https://shop.example/,A,true,2024-01-05,2024-05-01\n"
        "https://a.example/,mailto:x@shop.example,A,true,2024-01-05,2024-05-01\n"
        "ftp://c.example/,https://shop.example/,A,true,2024-01-05,2024-05-01\n"
        "https://d.example/,https://shop.example/,A,true,soon,2024-05-01\n"
        ",,,,,\n"
        "https://e.example/,https://shop.example/\n"
        ",https://shop.example/,A,true,2024-01-05,2024-05-01\n"
        'https://f.example/,=cmd|\' /C calc\'!A0,"=HYPERLINK(""x"")",,2024-01-05,2024-05-01\n'
    )
    (folder / "a.csv").write_text(text)
    (report,) = taken("a.csv")["exports"]
    assert (report["vendor"], report["rows"], report["rows_taken"], report["rows_refused"]) == (
        "semrush",
        *(7, 1, 6),
    )
    rows = {
        one["reason"]: [(told["row"], told["why"]) for told in one["first"]] for one in report["refusals"]
    }
    assert {reason: [row for row, _ in told] for reason, told in rows.items()} == {
        "MISSING_FIELD": [7, 8, 9],
        "TIME_FORMAT": [5],
        "URL_SCHEME": [3, 4],
    }
    assert "2 cells, the header has 6" in rows["MISSING_FIELD"][0][1]
    assert "no absolute URL: =cmd" in rows["MISSING_FIELD"][2][1]
    assert "soon" in rows["TIME_FORMAT"][0][1]
    # It is as true when nothing is new.
    assert taken("a.csv")["exports"] == [report]
    people = ran("import", "a.csv").stdout
    assert "7 rows, 1 taken, 6 refused" in people
    assert "URL_SCHEME: 2 rows (3, 4)" in people
    where = asked("SELECT DISTINCT topic, source_offset // 3 + 1 AS file_row FROM dead_letters")
    assert [row["file_row"] for row in where] == [3, 4, 5, 7, 8, 9]


def test_nothing_of_any_file_is_taken_if_one_is_wrong(folder: Path) -> None:
    (folder / "a.csv").write_text(
        SEMRUSH + "https://a.example/,https://shop.example/,A,,2024-01-05,2024-05-01\n"
    )
    (folder / "b.csv").write_text(
        SEMRUSH + "https://a.example/,https://shop.example/,A,,01/02/2024,02/03/2024\n"
    )
    (folder / "c.csv").write_text("what,is,this\n1,2,3\n")
    assert "--date-format" in failed(ExitCode.CONFIG, "import", "a.csv", "b.csv")
    assert "what, is, this" in failed(ExitCode.CONFIG, "import", "a.csv", "c.csv")
    assert not (folder / "linktide.duckdb").exists()
    told = taken("a.csv", "b.csv", "--date-format", "dmy")
    assert [one["rows_taken"] for one in told["exports"]] == [1, 1]


def test_events_and_exports_together(folder: Path) -> None:
    (folder / "a.csv").write_text(
        SEMRUSH + "https://a.example/,https://shop.example/,A,,2024-01-05,2024-05-01\n"
    )
    event = {"event": "seen", "observed_at": "2024-01-01T00:00:00Z", "source_url": "https://z.example/",
             "target_url": "https://shop.example/"}  # fmt: skip
    (folder / "e.ndjson").write_text(json.dumps(event) + "\n")
    assert taken("a.csv", "e.ndjson")["events"] == 3
    assert ran("import", "e.ndjson", "--target", "shop.example").exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--exported-at", "01/02/2024"), "--exported-at 01/02/2024 is no time"),
        (("--exported-at", "2999-01-01"), "lies in the future"),
        (("--target", "https://shop.example/"), "is no domain"),
        (("--scope", "complete", "--exported-at", "2024-01-01"), "--target"),
    ],
)
def test_what_is_declared_must_make_sense(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    name = bing(folder / "a.csv", "a")
    assert told in failed(ExitCode.CONFIG, "import", name, *arguments)


COMPLETE = ("--target", "shop.example", "--scope", "complete")
LISTED = {"2024-01-01": "abcf", "2024-02-01": "abdf", "2024-03-01": "acd"}


def lives_expected() -> list[tuple[str, str, str | None]]:
    """By hand: (source, start, end) of each life, a day on which a listed link is missing ends it."""
    found: list[tuple[str, str, str | None]] = []
    for source in sorted(set("".join(LISTED.values()))):
        started: str | None = None
        for day, listed in sorted(LISTED.items()):
            if source in listed and started is None:
                started = day
            elif source not in listed and started is not None:
                found.append((source, started, day))
                started = None
        if started is not None:
            found.append((source, started, None))
    return found


@pytest.mark.parametrize("days", list(permutations(LISTED)), ids=" ".join)
def test_complete_exports_end_what_they_no_longer_list_in_any_order(
    folder: Path, days: tuple[str, ...]
) -> None:
    for day in days:
        # In two files, and the links of another site, of which they say nothing.
        half = len(LISTED[day]) // 2
        one = bing(folder / f"1-{day}.csv", LISTED[day][:half])
        two = bing(folder / f"2-{day}.csv", LISTED[day][half:])
        if day == min(LISTED):
            with (folder / f"2-{day}.csv").open("a") as file:
                file.write("https://a.example/,t,https://other.example/\n")
                file.write("https://a.example/,t,https://notshop.example/\n")
        taken(one, two, *COMPLETE, "--exported-at", day)
    lives = asked("SELECT source_domain, started_at, lost_at, lost_reason, target_domain FROM link_lives")
    assert [
        (row["source_domain"][0], row["started_at"][:10], row["lost_at"] and row["lost_at"][:10])
        for row in lives
        if row["target_domain"] == "shop.example"
    ] == lives_expected()
    assert {row["lost_reason"] for row in lives} == {None, "dropped:unlisted"}
    # Of other sites nothing was said.
    assert [row["lost_at"] for row in lives if row["target_domain"] != "shop.example"] == [None, None]


def test_losses_are_told_once_and_of_the_same_vendor_alone(folder: Path) -> None:
    event = {"event": "seen", "observed_at": "2024-01-01T00:00:00Z", "source_url": "https://own.example/",
             "target_url": "https://shop.example/"}  # fmt: skip
    (folder / "own.ndjson").write_text(json.dumps(event) + "\n")
    (folder / "s.csv").write_text(
        SEMRUSH + "https://s.example/,https://shop.example/,A,,2024-01-05,2024-01-05\n"
    )
    taken("own.ndjson")
    taken("s.csv", *COMPLETE, "--exported-at", "2024-01-10")
    taken(bing(folder / "1.csv", "ab"), *COMPLETE, "--exported-at", "2024-01-15")
    later = bing(folder / "2.csv", "a")
    assert taken(later, "--target", "shop.example", "--exported-at", "2024-02-01")["unlisted_losses"] == 0
    arguments = (later, *COMPLETE, "--exported-at", "2024-02-01")
    assert taken(*arguments)["unlisted_losses"] == 1
    assert taken(*arguments)["events"] == 0
    lost = asked("SELECT source_domain FROM links WHERE NOT is_live")
    assert lost == [{"source_domain": "b.example"}]


def test_a_link_that_the_earlier_one_told_lost_is_not_lost_again(folder: Path) -> None:
    header = "Referring page URL,Target URL,First seen,Last seen\n"
    (folder / "1.csv").write_text(
        header
        + "https://a.example/,https://shop.example/,2024-01-01,2024-01-05\n"
        + "https://b.example/,https://shop.example/,2024-01-01,\n"
    )
    event = {"event": "seen", "observed_at": "2024-01-20T00:00:00Z", "source_url": "https://a.example/",
             "target_url": "https://shop.example/"}  # fmt: skip
    (folder / "own.ndjson").write_text(json.dumps(event) + "\n")
    (folder / "2.csv").write_text(header + "https://c.example/,https://shop.example/,2024-01-25,\n")
    taken("1.csv", *COMPLETE, "--exported-at", "2024-01-10")
    taken("own.ndjson")
    assert taken("2.csv", *COMPLETE, "--exported-at", "2024-02-01")["unlisted_losses"] == 1
    state = {row["source_url"]: (row["is_live"], row["lost_reason"]) for row in asked(STATE)}
    assert state["https://a.example/"] == (True, None)
    assert state["https://b.example/"] == (False, "dropped:unlisted")


def test_a_complete_export_with_refused_rows_ends_nothing(folder: Path) -> None:
    taken(bing(folder / "1.csv", "abc"), *COMPLETE, "--exported-at", "2024-01-01")
    (folder / "2.csv").write_text(BING + "https://a.example/,t,https://shop.example/\nhttps://b.example/,t\n")
    told = taken("2.csv", *COMPLETE, "--exported-at", "2024-02-01")
    assert told["unlisted_losses"] == 0
    assert "1 rows of the later one were refused" in told["exports"][0]["notes"][0]
    # Corrected it ends what it leaves out; a row that can be no link at all says nothing of the others.
    corrected = (folder / "2.csv").read_text().replace("b.example/,t", "b.example/,t,https://shop.example/")
    (folder / "3.csv").write_text(corrected + "javascript:void(0),t,https://shop.example/\n")
    told = taken("3.csv", *COMPLETE, "--exported-at", "2024-02-01")
    assert (told["unlisted_losses"], told["exports"][0]["notes"]) == (1, [])
    assert asked("SELECT source_domain FROM links WHERE NOT is_live") == [{"source_domain": "c.example"}]


def test_an_earlier_export_of_which_events_are_gone_ends_nothing(folder: Path) -> None:
    taken(bing(folder / "1.csv", "abc"), *COMPLETE, "--exported-at", "2024-01-01")
    assert ran("forget", "a.example", "--yes").exit_code == 0
    told = taken(bing(folder / "2.csv", "b"), *COMPLETE, "--exported-at", "2024-02-01")
    assert told["unlisted_losses"] == 0
    assert "no longer stored" in told["exports"][0]["notes"][0]


def test_an_earlier_export_that_is_half_imported_ends_nothing(folder: Path) -> None:
    declared = ("--target", "shop.example", "--exported-at", "2024-01-01")
    bing(folder / "1.csv", "abc")
    export = vendor_exports.read_exports(
        [folder / "1.csv"],
        Declared("bing", "shop.example", 1_704_067_200_000_000, Coverage.COMPLETE),
    )[0]
    half = Half(export, 6)
    config = load(flags={}, environ={}, folder=folder)
    session.import_files(config, [half], lambda **_: None)
    told = taken(bing(folder / "2.csv", "b"), *COMPLETE, "--exported-at", "2024-02-01")
    assert told["unlisted_losses"] == 0
    assert "imported in part only" in told["exports"][0]["notes"][0]
    # Once it is whole, its neighbour's losses are told with it.
    assert taken("1.csv", "--scope", "complete", *declared)["unlisted_losses"] == 2


@dataclass
class Half:
    """An export that ends early, as a killed import leaves it."""

    export: Export
    lines: int

    def identify(self) -> tuple[Partition, int | None]:
        return self.export.partition, self.lines

    def reader(self, first: int) -> LineReader:
        lines = b"".join(line + b"\n" for line in self.export.reader(0)._all_lines())  # noqa: SLF001
        return LineReader(iter([b"\n".join(lines.split(b"\n")[: self.lines]) + b"\n"]), first, 1, 1 << 20)


def test_the_view_of_observations_says_what_was_sent(folder: Path) -> None:
    taken(bing(folder / "1.csv", "ab"), *COMPLETE, "--exported-at", "2024-01-01")
    taken(bing(folder / "2.csv", "a"), *COMPLETE, "--exported-at", "2024-02-01")
    rows = asked(
        "SELECT source_offset, source_url, event, observed_at, lost_reason, is_counted, topic "
        "FROM link_observations"
    )
    topic = "bing/complete/shop.example/2024-0{}-01T00:00:00Z"
    assert [tuple(row.values()) for row in rows] == [
        (*(0, "https://b.example/", "lost", "2024-02-01T00:00:00Z"), "dropped:unlisted", True,
         topic.format(2) + "/unlisted"),
        (4, "https://a.example/", "seen", "2024-01-01T00:00:00Z", None, True, topic.format(1)),
        (4, "https://a.example/", "seen", "2024-02-01T00:00:00Z", None, True, topic.format(2)),
        (7, "https://b.example/", "seen", "2024-01-01T00:00:00Z", None, True, topic.format(1)),
    ]  # fmt: skip
