"""The rounds of a publisher: when they are, what is told of them, and that none of them harms the service."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest

from linktide.config import Config, load
from linktide.errors import ConfigError, RetryError
from linktide.metrics.values import Metrics
from linktide.publisher import Publisher
from linktide.store.publish import published_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PUBLISH = """
import json, os, sys, pathlib
order = json.loads(sys.stdin.readline())
def ask(step, token=""):
    print(json.dumps({"step": step, "token": token}), flush=True)
    return json.loads(sys.stdin.readline())
"""
DONE = """
print(json.dumps({"published": {"bytes": 7, "inode": 1, "still_seconds": 0.5, "stamp": STAMP}}), flush=True)
"""
HONEST = f"""{PUBLISH}
token = ask("hold")["answer"]["token"]
ask("still", token)
ask("release", token)
target = pathlib.Path(order["target"])
target.write_text("published")
facts = pathlib.Path(order["source"]).stat()
STAMP = [[facts.st_size, facts.st_mtime_ns], [0, 0]]
{DONE}
"""


class Holder:
    """The service's side of a backup."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.refusal: Exception | None = None

    def backup(self, step: str, token: str = "") -> Mapping[str, object]:
        self.steps.append(step)
        if self.refusal is not None:
            raise self.refusal
        assert token == ("" if step == "hold" else "t")
        return {"token": "t"}


class Rig:
    """A publisher whose process is a script."""

    def __init__(self, folder: Path, program: str, **settings: object) -> None:
        self.database = folder / "links.duckdb"
        self.database.write_text("a database")
        self.now = 100.0
        self.metrics = Metrics()
        self.holder = Holder()
        told = {"publish_every_seconds": 60.0, **settings}
        self.config = Config(database=self.database, **told)  # type: ignore[arg-type]  # by name
        self.program = folder / "program.py"
        self.becomes(program)
        self.publisher = Publisher(
            self.config,
            self.holder,
            self.metrics,
            monotonic=lambda: self.now,
            command=(sys.executable, str(self.program)),
        )

    def becomes(self, program: str) -> None:
        self.program.write_text(program)

    def rounds(self) -> tuple[float, ...]:
        """Return how many were published, unchanged, failed."""
        name = "linktide_publish_rounds_total"
        return tuple(self.metrics.value(name, kind) for kind in ("published", "unchanged", "failed"))

    def age(self) -> str | None:
        lines = self.metrics.exposition().decode().splitlines()
        found = [line.split()[1] for line in lines if line.startswith("linktide_publish_age_seconds ")]
        return found[0] if found else None


def test_a_round_is_served_told_and_passed_over_while_nothing_changes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, HONEST)
    assert rig.age() is None
    assert rig.publisher.round()
    assert rig.holder.steps == ["hold", "still", "release"]
    assert published_path(rig.database).read_text() == "published"
    assert rig.metrics.value("linktide_publish_bytes") == 7
    assert rig.metrics.value("linktide_publish_still_seconds") == 0.5
    rig.now += 40
    assert rig.age() == "40.0"
    assert rig.publisher.round()
    assert (rig.rounds(), rig.age()) == ((1, 1, 0), "0.0")  # it still holds what the database does
    rig.database.write_text("a changed database")
    assert rig.publisher.round()
    published_path(rig.database).unlink()
    assert rig.publisher.round()
    assert rig.rounds() == (3, 1, 0)


FAILURES = {
    "it dies": f'{PUBLISH}\nask("hold"); os.kill(os.getpid(), 9)',
    "it says why": PUBLISH
    + 'ask("hold")\nprint(json.dumps({"failed": "12 KiB are free", "is_retry": False}))',
    "it says nothing": "",
}


@pytest.mark.parametrize("program", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_counted_told_once_and_over(
    program: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("linktide").propagate = True
    rig = Rig(tmp_path, HONEST)
    assert rig.publisher.round()
    rig.database.write_text("a changed database")
    rig.becomes(program)
    rig.now += 5
    with caplog.at_level(logging.INFO, "linktide"):
        for number in range(3):
            rig.becomes(program.replace("12 KiB", f"{number} MB"))
            assert rig.publisher.round()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        # What was held is released, the file before stays, its age goes on.
        assert rig.holder.steps.count("hold") == rig.holder.steps.count("release")
        assert published_path(rig.database).read_text() == "published"
        assert (rig.rounds(), rig.age()) == ((1, 0, 3), "5.0")
        rig.becomes(HONEST)
        assert rig.publisher.round()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert rig.age() == "0.0"


def test_a_service_that_reopens_its_store_is_asked_again_soon(tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        f'{PUBLISH}\nrefused = ask("hold")\nassert refused["is_retry"]\n'
        'print(json.dumps({"failed": refused["refused"], "is_retry": True}))',
    )
    rig.holder.refusal = RetryError("The store is not open now.")
    assert not rig.publisher.round()
    assert rig.rounds() == (0, 0, 0)


def test_the_end_of_the_service_ends_a_round(tmp_path: Path) -> None:
    """The process hears that nobody is there, which `publishing.py` takes for a reason to clean up and go."""
    heard = tmp_path / "heard"
    rig = Rig(
        tmp_path,
        f'{PUBLISH}\nask("hold")\nopen({str(tmp_path / "begun")!r}, "w").close()\n'
        f'sys.stdin.read()\nopen({str(heard)!r}, "w").close()\n',
    )
    with rig.publisher:
        while not (tmp_path / "begun").exists():
            pass
    assert heard.exists()
    assert rig.holder.steps == ["hold", "release"]
    assert rig.rounds() == (0, 0, 0)


@pytest.mark.parametrize("settings", [{"publish_every_seconds": 0.0}])
def test_off_it_does_nothing(settings: dict[str, object], tmp_path: Path) -> None:
    rig = Rig(tmp_path, HONEST, **settings)
    with rig.publisher:
        pass
    assert (rig.holder.steps, rig.rounds()) == ([], (0, 0, 0))


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="publish_path"),
        Rig(tmp_path, HONEST, publish_path=tmp_path / "none" / "x.duckdb").publisher,
    ):
        pass
    for name in ("links.duckdb", "links.duckdb.wal", "links.duckdb.service.json"):
        with pytest.raises(ConfigError, match="publish_path"):
            load(flags={"database": "links.duckdb", "publish_path": name}, environ={}, folder=tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="a folder"):
        load(flags={"publish_path": "folder"}, environ={}, folder=tmp_path)
    told = load(flags={"publish_path": "links.snapshot.duckdb"}, environ={}, folder=tmp_path)
    assert told.publish_path == tmp_path / "links.snapshot.duckdb"
