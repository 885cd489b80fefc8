"""What people say of domains and pages: whatever is said in whatever order, beside brute force."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hand_made_store import NOW, Store, Story, day
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide.store.forget import forget
from linktide.store.rebuild import read_writer
from linktide.store.review_rows import FIELDS, Said, note_reviews
from linktide.store.verify import read_whole
from linktide.store.writer import StoreWriter

DOMAINS = ("a.com", "b.com", "sub.a.com")
URLS = ("https://a.com/x", "https://a.com/y", "https://b.com/")
STATES = ("for_review", "whitelist", "remove", "disavow", None)
TEXTS = (None, "n", "=1+1")
WORDS = {"state": STATES, "note": TEXTS, "contact": TEXTS}
LINKS = {  # id → source, its page, whether it lives and leads to t.com
    1: ("a.com/x", "t.com/", 1),
    2: ("a.com/y", "t.com/", 3),
    3: ("b.com/", "t.com/p", 3),
    4: ("sub.a.com/", "t.com/", 2),
    5: ("b.com/", "other.com/", 1),
    6: ("a.com/x", "t.com/p", 1),
}
KILLED = """
import os, pathlib, signal, sys
from hand_made_store import Store
from linktide.store.review_rows import Said, note_reviews

def at(point):
    if point == sys.argv[2] and told:
        os.kill(os.getpid(), signal.SIGKILL)

told = []
with Store(pathlib.Path(sys.argv[1])) as store:
    store.writer.at = at
    for number in range(2):
        note_reviews(store.writer, [Said("a.com", "domain", {"note": str(number)})], "me")
        told.append(number)
"""


@dataclass(frozen=True)
class Command:
    """One call: what is said at once, and how far the clock went since the one before, maybe back."""

    said: tuple[Said, ...]
    seconds: int
    by: str


@st.composite
def commands(draw: st.DrawFn) -> list[Command]:
    def said(subject: str) -> Said:
        names = draw(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True))
        fields = {name: draw(st.sampled_from(WORDS[name])) for name in names}
        return Said(subject, "url" if "/" in subject else "domain", fields)

    subjects = st.lists(st.sampled_from((*DOMAINS, *URLS)), min_size=1, max_size=4, unique=True)
    return [
        Command(tuple(map(said, draw(subjects))), draw(st.integers(-3, 5)), draw(st.sampled_from("xy")))
        for _ in range(draw(st.integers(1, 12)))
    ]


class Brute:
    """Every row that must be there, by the words of docs/review.md."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def take(self, command: Command, now: datetime) -> int:
        before = len(self.rows)
        held = self.held()
        for one in command.said:
            last = held.get(one.subject, dict.fromkeys(FIELDS))
            merged = {name: one.fields.get(name, last[name]) for name in FIELDS}
            if merged == {name: last[name] for name in FIELDS}:
                continue
            newest = max((row["noted_at"] for row in self.rows[:before]), default=now)
            self.rows.append(
                {"subject": one.subject, "subject_kind": one.subject_kind, **merged}
                | {"noted_at": max(now, newest), "noted_by": command.by}
                | {"review_number": len(self.rows) + 1}
            )
        return len(self.rows) - before

    def held(self, at: datetime | None = None) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            if at is None or row["noted_at"] <= at:
                found[row["subject"]] = {name: row[name] for name in row if name != "review_number"}
        return found

    def disavowed(self, target: str) -> list[tuple[str, int]]:
        lines = []
        for subject, row in self.held().items():
            here = [s for s, t, status in LINKS.values() if status in (1, 2) and t.startswith(f"{target}/")]
            if row["subject_kind"] == "domain":
                links = [one for one in here if one.split("/")[0] == subject]
            else:
                links = [one for one in here if f"https://{one}" == subject]
            if row["state"] == "disavow" and links:
                line = subject if "/" in subject else f"domain:{subject}"
                lines.append((row["subject_kind"], subject, line, len(links)))
        return [(line, count) for _, _, line, count in sorted(lines)]


def linked(path: Path) -> Store:
    store = Store(path)
    story = Story()
    for link_id, (source, target, status) in LINKS.items():
        story.link(link_id, source, target)
        story.state(link_id, status, started_at=day(1), last_seen=day(1))
    store.put(story.domains("a.com", "b.com", "sub.a.com", "t.com", "other.com"), day(2))
    return store


def say(store: Store, subject: str, by: str = "me", **fields: str | None) -> int:
    said = Said(subject, "url" if "/" in subject else "domain", fields)
    return note_reviews(store.writer, [said], by).noted


def found_wrong(path: Path) -> list[str]:
    """Return what a reading of the whole file says of reviews; links made by hand do not add up."""
    return [told for told in read_whole(path, "1GB").differences if "reviews" in told]


@examples(8)
@given(commands())
def test_what_holds_and_held_is_what_was_said(told: list[Command]) -> None:
    brute, now, times = Brute(), NOW, []
    with TemporaryDirectory() as folder, linked(Path(folder) / "a.duckdb") as store:
        for command in told:
            now += timedelta(seconds=command.seconds)
            times.append(now)
            writer = StoreWriter(store.database, now=lambda at=now: at)  # type: ignore[misc]  # a default
            noted = note_reviews(writer, command.said, command.by)
            assert noted.noted == brute.take(command, now)
            assert noted.noted + noted.unchanged == len(command.said)
            again = note_reviews(writer, command.said, "another")
            assert (again.noted, again.unchanged) == (0, len(command.said))
        assert store.dicts("FROM review_history ORDER BY review_number") == brute.rows
        assert {row["subject"]: row for row in store.dicts("FROM reviews")} == brute.held()
        for at in (NOW - timedelta(1), *times):
            rows = store.dicts(f"FROM reviews_asof('{at.isoformat()}')")
            assert {row["subject"]: row for row in rows} == brute.held(at)
        for target in ("t.com", "other.com", "a.com"):
            rows = store.dicts(f"FROM disavow_export('{target}')")
            assert [(row["line"], row["backlinks"]) for row in rows] == brute.disavowed(target)
        path = store.database.path
        store.close()
        assert found_wrong(path) == []


def test_a_whitelisted_subject_is_never_in_the_file(tmp_path: Path) -> None:
    with linked(tmp_path / "a.duckdb") as store:
        for state in ("disavow", "whitelist", "remove", "for_review", None):
            say(store, "a.com", state=state)
            lines = [row["line"] for row in store.dicts("FROM disavow_export('t.com')")]
            assert lines == (["domain:a.com"] if state == "disavow" else [])


def test_partners_carry_what_was_noted(tmp_path: Path) -> None:
    with linked(tmp_path / "a.duckdb") as store:
        back = Story().link(9, "t.com/", "a.com/").state(9, 1, started_at=day(1), last_seen=day(1))
        for link_id in (1, 6):
            back.sides[link_id] = ("a.com", "t.com")
            back.life(link_id, day(1))
        store.put(back, day(3))
        (row,) = store.dicts("FROM partners('t.com')")
        assert (row["source_domain"], row["contact"], row["note"]) == ("a.com", None, None)
        say(store, "a.com", contact="me@a.com", note="old friends")
        (row,) = store.dicts("FROM partners('t.com')")
        assert (row["contact"], row["note"]) == ("me@a.com", "old friends")


def test_forgetting_takes_what_was_said_of_a_domain_and_its_pages(tmp_path: Path) -> None:
    with linked(tmp_path / "a.duckdb") as store:
        say(store, "a.com", state="remove", note="first")
        say(store, "a.com", state="disavow")
        say(store, "https://www.a.com/p", state="remove")
        say(store, "https://sofa.com/a.com", state="remove")
        say(store, "b.com", state="whitelist", note="same owner as A.com", contact="x@a.com")
        told, _ = forget(store.database, "a.com", is_url=False, rev=read_writer(store.database).rev + 1)
        assert told.reviews == 3
        rows = {row["subject"]: row for row in store.dicts("FROM review_history")}
        assert set(rows) == {"https://sofa.com/a.com", "b.com"}
        # The decision on another stays, what names the forgotten one does not.
        assert [rows["b.com"][name] for name in FIELDS] == ["whitelist", None, None]
        assert say(store, "a.com", note="new") == 1


def test_forgetting_takes_it_from_the_names_of_those_who_said_something(tmp_path: Path) -> None:
    with linked(tmp_path / "a.duckdb") as store:
        for number, by in enumerate(("Me@A.com", "me@sofa.com", "http", "x.a.com"), 2):
            note_reviews(store.writer, [Said(f"b{number}.com", "domain", {"state": "remove"})], by)
        forget(store.database, "a.com", is_url=False, rev=read_writer(store.database).rev + 1)
        rows = store.dicts("SELECT noted_by FROM review_history ORDER BY subject")
        assert [row["noted_by"] for row in rows] == ["forgotten", "me@sofa.com", "http", "forgotten"]


def test_forgetting_a_page_leaves_its_domain(tmp_path: Path) -> None:
    with linked(tmp_path / "a.duckdb") as store:
        say(store, "a.com", state="remove", note="see https://a.com/x")
        say(store, "https://a.com/x", state="remove")
        say(store, "https://a.com/x2", state="remove")
        told, _ = forget(
            store.database, "https://a.com/x", is_url=True, rev=read_writer(store.database).rev + 1
        )
        assert told.reviews == 1
        rows = {row["subject"]: row["note"] for row in store.dicts("FROM reviews")}
        assert rows == {"a.com": None, "https://a.com/x2": None}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("SET review_number = 1", "1 rows of reviews have the number of another"),
        ("SET noted_at = noted_at - INTERVAL 1 DAY WHERE review_number = 2", "noted before the one ahead"),
        ("SET state = 'trusted' WHERE review_number = 1", "1 rows of reviews have a kind or state"),
    ],
)
def test_rows_that_nobody_can_have_said_are_found(tmp_path: Path, change: str, told: str) -> None:
    path = tmp_path / "a.duckdb"
    with linked(path) as store:
        say(store, "a.com", state="remove")
        say(store, "b.com", state="remove")
        store.database.connection.execute(f"UPDATE internal.reviews {change}").fetchall()
    (difference,) = found_wrong(path)
    assert told in difference


@pytest.mark.parametrize(("point", "kept"), [("begin", 1), ("reviewed", 1), ("committed", 2)])
def test_a_kill_leaves_all_of_a_command_or_nothing(tmp_path: Path, point: str, kept: int) -> None:
    path = tmp_path / "a.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), point],
        capture_output=True,
        check=False,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Store(path) as store:
        notes = [row["note"] for row in store.dicts("FROM review_history ORDER BY review_number")]
        assert notes == [str(number) for number in range(kept)]
    assert found_wrong(path) == []
