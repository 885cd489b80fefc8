from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pytest
from command_runs import enter, failed, ran
from fake_service import FakeService, serving
from rich.console import Console

from linktide.cli import session
from linktide.cli.session import ImportResult
from linktide.cli.top import watch
from linktide.config import load
from linktide.errors import ExitCode
from linktide.remote import BusyError, RemoteError, find_service
from linktide.sources.source import Chunk, Codec, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide.cli.session import Progress
    from linktide.config import Config
    from linktide.remote import RunningService
    from linktide.sources.source import Position

HOSTILE = "\x1b]0;owned\x07=cmd()"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    return enter(tmp_path, monkeypatch)


@pytest.fixture
def service(folder: Path) -> Iterator[FakeService]:
    told = FakeService()
    with serving(told, folder / "linktide.duckdb"):
        yield told


def test_query_asks_the_running_service(service: FakeService) -> None:
    service.table = pa.table({"anchor": [HOSTILE], "n": [-1]})
    result = ran("query", "FROM anchors", "--json", "--max-rows", "5")
    assert json.loads(result.stdout) == [{"anchor": HOSTILE, "n": -1}]
    assert service.queries == [{"sql": "FROM anchors", "max_rows": 5}]
    assert ran("query", "FROM anchors", "--csv").stdout == "anchor,n\n\\x1b]0;owned\\x07=cmd(),-1\n"
    shown = ran("query", "FROM anchors").stdout
    assert "\\x1b]0;owned" in shown
    assert "\x1b" not in shown


def test_query_reads_a_statement_from_standard_input(service: FakeService) -> None:
    assert ran("query", "-", text="SELECT\n1").exit_code == 0
    assert service.queries[0]["sql"] == "SELECT\n1"


def test_a_refused_query_is_the_services_sentence_and_code(service: FakeService) -> None:
    service.refusal = (400, {"error": "only SELECT may be asked\x1b[2J", "exit_code": 9})
    sentence = failed(ExitCode.REFUSED_QUERY, "query", "DROP TABLE x")
    assert "only SELECT may be asked\\x1b[2J" in sentence


@pytest.mark.parametrize("command", [("status",), ("top", "--once"), ("query", "SELECT 1")])
def test_a_busy_service_is_found_and_says_so_itself(service: FakeService, command: Sequence[str]) -> None:
    service.refusal = (503, {"error": "All 4 readers are busy: try again.", "exit_code": 1})
    assert failed(ExitCode.FAILURE, *command) == "Error: All 4 readers are busy: try again.\n"


def test_an_answer_that_is_no_answer_is_a_failure(service: FakeService) -> None:
    service.refusal = (502, {})
    assert "502" in failed(ExitCode.FAILURE, "query", "SELECT 1")


def test_a_query_of_a_database_that_is_not_there_names_it() -> None:
    sentence = failed(ExitCode.FAILURE, "query", "SELECT 1", "--database", "gone.duckdb")
    assert "gone.duckdb" in sentence
    assert "--database" in sentence


@pytest.mark.parametrize("content", ["", "[]", '{"pid": 1}', '{"pid": 1, "http_port": 1}', '{"pid": "x"}'])
def test_a_service_file_left_behind_is_no_service(folder: Path, content: str) -> None:
    (folder / "linktide.duckdb.service.json").write_text(content)
    assert "No service runs" in failed(ExitCode.FAILURE, "status")


def test_another_service_on_the_port_is_not_taken_for_ours(service: FakeService) -> None:
    service.pid = -1
    assert "No service runs" in failed(ExitCode.FAILURE, "status")


def test_status_prints_facts_and_sources(service: FakeService) -> None:
    service.status |= {"live_links": 7, "database": "/x\x1b", "sources": [{"topic": "t\x1b", "lag": 3}]}
    shown = ran("status").stdout
    assert "\x1b" not in shown
    for part in ("live_links", "7", "/x\\x1b", "t\\x1b", "lag", "3"):
        assert part in shown
    assert json.loads(ran("status", "--json").stdout)["sources"] == service.status["sources"]


def test_status_has_one_order_whatever_the_service_sends(service: FakeService) -> None:
    facts: list[tuple[str, object]] = [
        ("pid", 1), ("live_links", 7), ("last_commit_at", "T"), ("b", 2), ("a", 1),
    ]  # fmt: skip
    row = {"topic_id": "f00d" * 8, "lag": 3, "next_offset": 9, "topic": "x" * 120, "source_name": "file"}
    shown = []
    for given in (facts, facts[::-1]):
        service.status = dict(given) | {"sources": [row if given is facts else dict([*row.items()][::-1])]}
        shown.append(ran("status").stdout)
    assert shown[0] == shown[1]
    names = re.findall(r"^(\w+) ", shown[0], re.MULTILINE)
    assert names[:5] == ["pid", "last_commit_at", "live_links", "a", "b"]
    assert re.search(r"source_name +topic +next_offset +lag +topic_id", shown[0])
    assert "x" * 120 in shown[0]


def test_top_prints_one_frame(service: FakeService) -> None:
    service.top = {"live_links_total": 12345, "tracked": [{"domain": "a.example\x1b"}]}
    for arguments in (["--once"], []):  # without a terminal there is one frame too
        shown = ran("top", *arguments).stdout
        assert "12,345" in shown
        assert "\x1b" not in shown
    assert json.loads(ran("top", "--json").stdout) == service.top


def test_a_watched_view_outlives_a_moment_without_figures() -> None:
    told: list[object] = [{}, BusyError("busy", 1), {"live_links_total": 777}, KeyboardInterrupt()]

    class Watched:
        def top(self) -> object:
            now = told.pop(0)
            if isinstance(now, BaseException):
                raise now
            return now

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=20)
    watch(cast("RunningService", Watched()), console, 0.0)
    assert told == []
    assert "777" in out.getvalue()


@pytest.mark.parametrize("name", ["top", "status"])
def test_without_a_service_the_sentence_names_the_database(name: str, folder: Path) -> None:
    sentence = failed(ExitCode.FAILURE, name)
    assert str(folder / "linktide.duckdb") in sentence
    assert "linktide run" in sentence


class Chunks:
    """A source of two chunks of two lines."""

    def __init__(self) -> None:
        partition = Partition("file", "Ereignisse-ä.ndjson", "hash", 0)
        self._waiting = [Chunk(partition, Codec.NDJSON, b"{}\n{}\n", first, first + 2, 0) for first in (0, 2)]

    def open(self, stored: Mapping[Partition, Position]) -> None:
        del stored

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        del timeout_seconds
        return [self._waiting.pop(0)]

    @property
    def trouble(self) -> str | None:
        return None

    @property
    def is_exhausted(self) -> bool:
        return not self._waiting

    def close(self) -> None:
        self._waiting = []


@pytest.fixture
def event_file(folder: Path) -> str:
    (folder / "events.ndjson").write_bytes(b"{}\n" * 4)
    return "events.ndjson"


def test_import_pushes_to_the_running_service(
    service: FakeService, event_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_file_source", lambda _: Chunks())
    result = ran("import", event_file, "--json")
    assert json.loads(result.stdout) == {"events": 4, "dead_letters": 0}
    assert [int(headers["linktide-first-offset"]) for headers, _ in service.pushes] == [0, 2]
    assert service.pushes[0][0]["linktide-topic-id"] == "hash"
    assert service.pushes[0][0]["linktide-topic"].encode("latin-1").decode() == "Ereignisse-ä.ndjson"
    assert b"".join(body for _, body in service.pushes) == b"{}\n" * 4


def test_a_push_waits_while_the_service_is_busy_and_then_gives_up(service: FakeService, folder: Path) -> None:
    found = find_service(load(flags={}, environ={}, folder=folder))
    assert found is not None
    waits: list[float] = []
    with found:
        found._wait = waits.append  # noqa: SLF001 - a clock for the test
        chunk = Chunks().poll(0.0)[0]
        service.busy_answers = 3
        assert found.push(chunk) == (2, 2, 0)
        assert len(waits) == 3
        service.busy_answers = 10**6
        with pytest.raises(RemoteError, match="the queue is full"):
            found.push(chunk)


def test_import_pushes_real_files(service: FakeService, event_file: str) -> None:
    assert json.loads(ran("import", event_file, "--json").stdout) == {"events": 4, "dead_letters": 0}
    assert service.pushes[0][1] == b"{}\n" * 4


def test_import_passes_over_what_the_service_has(
    service: FakeService, event_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_file_source", lambda _: Chunks())
    service.stored_offset = 4
    ran("import", event_file)
    assert len(service.pushes) == 1


def test_import_without_a_service_goes_into_the_file(
    folder: Path, event_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def import_files(config: Config, paths: Sequence[Path], progress: Progress) -> ImportResult:
        assert config.database == folder / "linktide.duckdb"
        progress(done_bytes=12, events=3, dead_letters=1)
        return ImportResult(len(paths) + 2, 1)

    monkeypatch.setattr(session, "import_files", import_files)
    result = ran("import", event_file)
    assert "Imported 3 events" in result.stdout
    assert "dead letters: 1" in result.stdout
    assert "FROM dead_letters" in result.stdout
    assert result.stderr == ""


def test_import_of_what_is_there_already_says_so(event_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "import_files", lambda *_: ImportResult(0, 0))
    assert "Nothing new" in ran("import", event_file).stdout


def test_import_of_nothing_but_refused_events_fails(event_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "import_files", lambda *_: ImportResult(0, 4321))
    sentence = failed(ExitCode.FAILURE, "import", event_file)
    assert "4,321" in sentence
    assert "FROM dead_letters" in sentence
    result = ran("import", event_file, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"events": 0, "dead_letters": 4321})


def test_import_of_an_empty_file_says_that_it_is_empty(
    folder: Path, event_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "none.ndjson").write_bytes(b"")
    (folder / "blank.ndjson").write_bytes(b"\n \r\n")
    before = set(folder.iterdir())
    result = ran("import", "none.ndjson", "blank.ndjson")
    assert (result.exit_code, result.stdout) == (0, "")
    assert set(folder.iterdir()) == before
    monkeypatch.setattr(session, "import_files", lambda *_: ImportResult(0, 0))
    assert result.stderr == "".join(
        f"{name}.ndjson is empty: it holds no event.\n" for name in ("none", "blank")
    )
    result = ran("import", "none.ndjson", event_file)
    assert "Nothing new" in result.stdout
    assert result.stderr.count("is empty") == 1


def test_import_of_a_file_that_is_not_there_is_wrong_usage() -> None:
    result = ran("import", "gone.ndjson")
    assert result.exit_code == ExitCode.USAGE
    assert "gone.ndjson" in result.stderr


def test_produce_needs_brokers_and_one_topic(event_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def produce(_: Config, __: Path, topic: str, ___: Callable[..., None]) -> int:
        sent.append(topic)
        return 4

    monkeypatch.setattr(session, "produce", produce)
    assert "kafka.bootstrap_servers" in failed(ExitCode.CONFIG, "produce", event_file)
    monkeypatch.setenv("LINKTIDE_KAFKA_BOOTSTRAP_SERVERS", "k:9092")
    assert "4 events" in ran("produce", event_file, "--topic", "only-written").stdout
    monkeypatch.setenv("LINKTIDE_KAFKA_TOPICS", "a,b")
    assert "--topic" in failed(ExitCode.CONFIG, "produce", event_file)
    assert "4 events" in ran("produce", event_file, "--topic", "b").stdout
    monkeypatch.setenv("LINKTIDE_KAFKA_TOPICS", "a")
    assert json.loads(ran("produce", event_file, "--json").stdout) == {"events": 4}
    assert sent == ["only-written", "b", "a"]


def test_check_says_when_a_service_has_the_database(service: FakeService) -> None:
    assert f"pid {service.pid}" in ran("check").stdout
