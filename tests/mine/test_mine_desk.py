"""Files of the section mine come into force between batches, whole, and a wrong one leaves what was there."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from linktide import service
from linktide.config import load
from linktide.errors import LinktideError
from linktide.metrics.values import Metrics
from linktide.mine_desk import MineDesk
from linktide.store.database import Database, StoreSettings
from linktide.store.writer import StoreWriter
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linktide.config import Config

TESTS = Path(__file__).parents[1]
DIES = """
import os, pathlib, sys
sys.path[:0] = [sys.argv[3], sys.argv[3] + "/store"]
from pipeline import whole

def die(point, _index):
    if point == sys.argv[2]:
        os._exit(9)

folder = pathlib.Path(sys.argv[1])
whole.run(folder / "l.duckdb", [], at=die, mine_blocklists=str(folder / "blocked.txt"))
"""


class Desk:
    """A desk with an open database; every look and turn is asked for."""

    def __init__(
        self,
        folder: Path,
        *,
        at: Callable[[str], None] = lambda _point: None,
        **settings: Any,  # noqa: ANN401 - as `load` takes them
    ) -> None:
        self.path = folder / "l.duckdb"
        whole.run(self.path, [])
        self.database = Database.open(StoreSettings(self.path), whole.none_new, datetime.now(UTC))
        self.metrics = Metrics()
        self.config: Config = load(
            flags={"database": self.path, "tracked_domains": "mine.org", **settings},
            environ={},
            folder=folder,
        )
        self.writer = StoreWriter(self.database, now=lambda: datetime.now(UTC), at=at)
        self.desk = MineDesk(self.config, self.metrics)
        self.desk.opened(self.writer)

    def turn(self) -> None:
        self.desk.look()
        self.desk.step(self.writer)

    def all(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.connection.execute(query).fetchall()

    def blocked(self) -> set[str]:
        return {name for (name,) in self.all("SELECT domain_name FROM blocklist")}


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    path = tmp_path / "blocked.txt"
    path.write_text("spam.com\nbad.org\n")
    return path


@pytest.fixture
def desk(tmp_path: Path, blocked: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path, mine_blocklists=str(blocked), mine_source_rules=str(tmp_path / "rules.csv"))
    yield opened
    opened.database.close()


def write(path: Path, text: str) -> None:
    """Write a file as editors do: a new one in the place of the old."""
    beside = path.with_suffix(".new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def test_a_change_comes_into_force(desk: Desk, blocked: Path) -> None:
    assert desk.blocked() == {"spam.com", "bad.org"}
    write(blocked, "spam.com\nworse.org\n")
    desk.turn()
    assert desk.blocked() == {"spam.com", "worse.org"}
    assert desk.metrics.value("linktide_mine_rows", "blocklist") == 2


def test_a_wrong_file_leaves_the_old_one_in_force_and_says_why(
    desk: Desk, tmp_path: Path, blocked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = tmp_path / "rules.csv"
    write(rules, "rule,source_kind,hosts\nours,influencer,anna.com\n")
    desk.turn()
    write(rules, "rule,source_kind,hosts\nours,influencer,anna.com\nnew,forum,\n")
    with caplog.at_level(logging.ERROR, "linktide"):
        desk.turn()
    assert "line 3: the rule 'new' has no condition" in caplog.text
    assert "stays in force" in caplog.text
    assert desk.all("SELECT rule FROM source_rules WHERE is_yours") == [("ours",)]
    told = desk.all("SELECT refused_because, row_count FROM mine_files WHERE file_kind = 'source_rules'")
    assert "line 3" in told[0][0]
    assert told[0][1] == 1
    assert desk.metrics.value("linktide_mine_files_refused", "source_rules") == 1
    caplog.clear()
    desk.turn()
    assert caplog.text == "", "an error is told once"
    write(rules, "rule,source_kind,hosts\nours,influencer,anna.com\n")
    desk.turn()
    assert desk.all("SELECT refused_because FROM mine_files WHERE refused_at IS NOT NULL") == []
    assert desk.metrics.value("linktide_mine_files_refused", "source_rules") == 0
    assert desk.blocked() == {"spam.com", "bad.org"}, blocked


def test_a_file_that_is_gone_is_an_error_and_one_no_longer_named_is_forgotten(
    desk: Desk, blocked: Path
) -> None:
    blocked.unlink()
    desk.turn()
    assert desk.blocked() == {"spam.com", "bad.org"}
    (told,) = desk.all("SELECT refused_because FROM mine_files WHERE file_kind = 'blocklist'")
    assert "does not exist" in told[0]
    desk.desk.take(replace(desk.config, mine_blocklists=()))
    desk.turn()
    assert desk.blocked() == set()
    assert desk.all("FROM mine_files WHERE file_kind = 'blocklist'") == []


def test_unchanged_files_are_neither_read_nor_written_again(desk: Desk) -> None:
    before = desk.all("FROM mine_files")
    with patch("linktide.mine_desk.read_file", side_effect=AssertionError):
        desk.turn()
    desk.desk.take(desk.config)
    desk.turn()
    assert desk.all("FROM mine_files") == before


def named(folder: Path, name: str, *, is_wrong: bool = False) -> dict[str, Any]:
    """Write a file of placements and one of rules; as settings."""
    placements, rules = folder / f"placements-{name}.csv", folder / f"rules-{name}.csv"
    write(
        placements,
        f"source_url,target_url\n{'x' if is_wrong else f'https://{name}.com/'},https://mine.org/\n",
    )
    write(rules, f"rule,source_kind,url\n{name},news,{'(' if is_wrong else '/x/'}\n")
    return {"mine_placements": placements, "mine_source_rules": rules}


def in_force(desk: Desk) -> tuple[list[str], list[str]]:
    """Return of which files placements and rules are, at any time one of each."""
    urls = [url for (url,) in desk.all("SELECT source_url FROM internal.placements")]
    rules = [name for (name,) in desk.all("SELECT rule FROM source_rules WHERE is_yours")]
    return [url.removeprefix("https://").removesuffix(".com/") for url in urls], rules


def test_another_name_takes_effect_when_its_file_can_be_taken(tmp_path: Path) -> None:
    settings: dict[str, Any] = {key: str(path) for key, path in named(tmp_path, "a").items()}
    desk = Desk(tmp_path, **settings)
    assert in_force(desk) == (["a"], ["a"])
    # Settings are taken on one thread, files read on another: a turn may come between.
    desk.desk.take(replace(desk.config, **named(tmp_path, "b")))
    desk.desk.step(desk.writer)
    assert in_force(desk) == (["a"], ["a"])
    desk.turn()
    assert in_force(desk) == (["b"], ["b"])
    desk.desk.take(replace(desk.config, **named(tmp_path, "c", is_wrong=True)))
    desk.turn()
    assert in_force(desk) == (["b"], ["b"])
    assert len(desk.all("FROM mine_files WHERE refused_at IS NOT NULL")) == 2
    desk.desk.take(replace(desk.config, **named(tmp_path, "d", is_wrong=True)))
    desk.turn()
    assert in_force(desk) == (["b"], ["b"])
    assert len(desk.all("FROM mine_files WHERE refused_at IS NOT NULL")) == 2, "c never was in force"
    desk.desk.take(replace(desk.config, **named(tmp_path, "b")))
    desk.turn()
    assert in_force(desk) == (["b"], ["b"])
    assert desk.all("FROM mine_files WHERE refused_at IS NOT NULL") == []
    desk.desk.take(replace(desk.config, **named(tmp_path, "c", is_wrong=True)))
    desk.turn()
    named(tmp_path, "c")
    desk.turn()
    assert in_force(desk) == (["c"], ["c"])
    assert len(desk.all("FROM mine_files")) == 2
    desk.desk.take(replace(desk.config, mine_placements=None, mine_source_rules=None))
    desk.desk.step(desk.writer)
    assert in_force(desk) == ([], [])
    desk.database.close()


def test_lists_of_other_names_take_effect_when_all_of_them_can_be_taken(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.txt" for name in "abcd"}
    for name, path in files.items():
        path.write_text(f"{name}.com\n", "utf-8")
    desk = Desk(tmp_path, mine_blocklists=[str(files["a"]), str(files["b"])])
    assert desk.blocked() == {"a.com", "b.com"}
    files["d"].write_text("no domain at all\n", "utf-8")
    desk.desk.take(replace(desk.config, mine_blocklists=(files["c"], files["d"])))
    desk.desk.step(desk.writer)
    assert desk.blocked() == {"a.com", "b.com"}, "nothing was read yet"
    desk.turn()
    assert desk.blocked() == {"a.com", "b.com", "c.com"}, "d is refused"
    write(files["d"], "d.com\n")
    desk.turn()
    assert desk.blocked() == {"c.com", "d.com"}
    desk.desk.take(replace(desk.config, mine_blocklists=(files["c"],)))
    desk.turn()
    assert desk.blocked() == {"c.com"}
    desk.database.close()


def test_domains_are_whose_the_newest_settings_say(tmp_path: Path) -> None:
    terms = tmp_path / "terms.csv"
    terms.write_text("term,kind\nshoes,money\n", "utf-8")
    desk = Desk(tmp_path, mine_terms=str(terms))
    assert desk.all("FROM mine_domains") == [("mine.org", "own")]
    other = replace(desk.config, tracked_domains=("other.org",), rivals=("mine.org", "rival.com"))
    desk.desk.take(other)
    desk.turn()
    wanted = [("mine.org", "rival"), ("other.org", "own"), ("rival.com", "rival")]
    assert sorted(desk.all("FROM mine_domains")) == wanted
    assert desk.all("SELECT target_domain, term FROM anchor_terms") == [("other.org", "shoes")]
    desk.database.close()


def test_what_was_read_of_a_file_named_no_more_is_not_taken(tmp_path: Path) -> None:
    settings: dict[str, Any] = {key: str(path) for key, path in named(tmp_path, "a").items()}
    desk = Desk(tmp_path, **settings)
    other = replace(desk.config, **named(tmp_path, "b"))
    # Written anew and read, but not taken before the settings change.
    write(tmp_path / "placements-a.csv", "source_url,target_url\nhttps://old.com/,https://mine.org/\n")
    desk.desk.look()
    desk.desk.take(other)
    desk.turn()
    desk.turn()
    assert in_force(desk) == (["b"], ["b"])
    assert len(desk.all("FROM mine_files")) == 2
    desk.database.close()


@pytest.mark.parametrize("point", ["begin", "mine", "committed"])
def test_a_failure_leaves_all_or_nothing(tmp_path: Path, blocked: Path, point: str) -> None:
    armed: list[str] = []

    def fail(at: str) -> None:
        if at in armed:
            raise LinktideError("the bomb")

    desk = Desk(tmp_path, at=fail, mine_blocklists=str(blocked))
    write(blocked, "other.net\nthird.net\n")
    armed.append(point)
    with pytest.raises(LinktideError):
        desk.turn()
    armed.clear()
    desk.database.close()
    database = Database.open(StoreSettings(desk.path), whole.none_new, datetime.now(UTC))
    rows = {name for (name,) in database.connection.execute("SELECT domain_name FROM blocklist").fetchall()}
    assert rows == ({"other.net", "third.net"} if point == "committed" else {"spam.com", "bad.org"})
    database.close()


@pytest.mark.parametrize("point", ["mine", "committed"])
def test_a_killed_process_leaves_all_or_nothing(tmp_path: Path, blocked: Path, point: str) -> None:
    path = tmp_path / "l.duckdb"
    whole.run(path, [], mine_blocklists=str(blocked))
    blocked.write_text("other.net\n")
    died = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path), point, str(TESTS)], check=False, env=dict(os.environ)
    )
    assert died.returncode == 9
    with whole.opened(path) as stopped:
        told = {name for (name,) in stopped.query("SELECT domain_name FROM blocklist")}
        assert told == ({"other.net"} if point == "committed" else {"spam.com", "bad.org"})
    whole.run(path, [], mine_blocklists=str(blocked))
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT domain_name FROM blocklist") == [("other.net",)]


def test_reloads_amid_batches_change_no_link(tmp_path: Path, blocked: Path) -> None:
    lines = [
        json.dumps(
            {
                "event": "discovered",
                "observed_at": f"2026-01-01T00:00:{number % 60:02}Z",
                "source_url": f"https://site{number % 40}.com/{number}",
                "target_url": "https://mine.org/",
            }
        ).encode()
        for number in range(600)
    ]
    desks: list[MineDesk] = []
    commits: list[int] = []

    def keep(config: Config, metrics: Metrics) -> MineDesk:
        desks.append(MineDesk(config, metrics))
        return desks[-1]

    def rewrite(point: str, _index: object) -> None:
        if point == "written":
            commits.append(len(commits))
            write(blocked, f"spam{len(commits)}.com\n")
            desks[0].look()

    path = tmp_path / "l.duckdb"
    with patch.object(service, "MineDesk", keep):
        whole.run(
            path,
            [whole.memory(lines, lines_per_chunk=50)],
            rewrite,
            batch_max_events=50,
            mine_blocklists=str(blocked),
        )
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT count(*) FROM backlinks") == [(600,)]
        (name,) = stopped.query("SELECT domain_name FROM blocklist")
        assert name[0] in {f"spam{len(commits)}.com", f"spam{len(commits) - 1}.com"}
    assert len(commits) >= 10
