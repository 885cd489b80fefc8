from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from command_runs import enter, failed, ran

from linktide.cli import main, session
from linktide.cli.reference import leaves
from linktide.config import load, settings
from linktide.errors import BrokerUnreachableError, DatabaseLockedError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.config import Config


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    return enter(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["", *main.commands, *(name for name, _ in leaves(main))])
def test_help_fits_a_screen(name: str) -> None:
    result = ran(*name.split(), "--help")
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_commands_that_print_data_have_json() -> None:
    recovery = ("backup", "restore", "rebuild", "replay", "migrate")
    for name in ("query", "status", "top", "check", "import", "produce", "url explain", *recovery):
        assert "--json" in ran(*name.split(), "--help").output


def test_init_writes_every_setting_and_tracks_the_domain(folder: Path) -> None:
    result = ran("init", "Bücher.example", "--rivals", "b.example, c.example")
    assert result.exit_code == 0, result.output
    text = (folder / "linktide.toml").read_text("utf-8")
    config = load(flags={}, environ={}, folder=folder)
    assert config.tracked_domains == ("xn--bcher-kva.example",)
    assert config.rivals == ("b.example", "c.example")
    set_now = {"tracked_domains", "rivals"}
    for row in settings():
        assert f"\n{'' if row.name in set_now else '# '}{row.key} = " in text
        assert row.env_name in text


def test_what_init_comments_out_is_the_default(folder: Path) -> None:
    ran("init", "a.example")
    text = (folder / "linktide.toml").read_text("utf-8")
    names = {row.key for row in settings()}
    lines = [line.removeprefix("# ") if line.split(" ")[1:2] and line.split()[1] in names else line
             for line in text.splitlines()]  # fmt: skip
    assert len(tomllib.loads("\n".join(lines))["kafka"]) == sum(row.section == "kafka" for row in settings())
    (folder / "linktide.toml").write_text("\n".join(lines), "utf-8")
    assert load(flags={}, environ={}, folder=folder) == load(
        flags={"tracked_domains": "a.example"}, environ={}, folder=folder / ".", config_path=None
    )


def test_init_does_not_overwrite_without_force(folder: Path) -> None:
    (folder / "linktide.toml").write_text("mine")
    assert "--force" in failed(ExitCode.CONFIG, "init", "a.example")
    assert (folder / "linktide.toml").read_text() == "mine"
    assert ran("init", "a.example", "--force").exit_code == 0
    assert "a.example" in (folder / "linktide.toml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("https://a.example/",),
        ("a.example", "--rivals", "b"),
        ("a.example", "--rivals", "A.example"),
        ("www.a.example",),
        ("a.example", "--rivals", "co.uk"),
    ],
)
def test_init_refuses_what_is_no_domain(folder: Path, arguments: tuple[str, ...]) -> None:
    failed(ExitCode.CONFIG, "init", *arguments)
    assert not (folder / "linktide.toml").exists()


def test_init_into_a_folder_that_is_not_there_is_a_sentence() -> None:
    assert "nowhere" in failed(ExitCode.CONFIG, "init", "a.example", "--config", "nowhere/a.toml")


def test_flags_of_run_reach_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Config] = []
    monkeypatch.setattr(session, "run_service", lambda config, reload: seen.extend((config, reload())))
    monkeypatch.setenv("LINKTIDE_HTTP_PORT", "1")
    arguments = ["--track", "a.example", "--brokers", "k:9092,l:9092", "--topics", "t", "--http-port", "2"]
    result = ran("run", *arguments, "--set", "kafka.group-id=g", "--set", "epsilon_busy=0.02")
    assert result.exit_code == 0, result.output
    assert seen[0] == seen[1]
    assert seen[0].tracked_domains == ("a.example",)
    assert seen[0].kafka_bootstrap_servers == ("k:9092", "l:9092")
    assert (seen[0].http_port, seen[0].kafka_group_id, seen[0].epsilon_busy) == (2, "g", 0.02)


@pytest.mark.parametrize("name", ["run", "query", "import", "produce", "top", "check", "status", "rekey"])
def test_every_command_refuses_an_unknown_setting(name: str, folder: Path) -> None:
    (folder / "file").touch()
    argument = {"query": ["SELECT 1"], "import": ["file"], "produce": ["file"]}.get(name, [])
    assert "htpp_port" in failed(ExitCode.CONFIG, name, *argument, "--set", "htpp_port=1")


def test_an_assignment_without_a_value_is_a_sentence() -> None:
    assert "NAME=VALUE" in failed(ExitCode.CONFIG, "status", "--set", "http_port")


@pytest.mark.parametrize(
    "error",
    [
        DatabaseLockedError("linktide.duckdb is held by pid 7."),
        BrokerUnreachableError("k:9092 does not answer."),
    ],
)
def test_an_error_of_the_service_is_its_sentence_and_its_code(
    monkeypatch: pytest.MonkeyPatch, error: DatabaseLockedError | BrokerUnreachableError
) -> None:
    def run_service(_: Config, reload: object) -> None:  # noqa: ARG001 - by name
        raise error

    monkeypatch.setattr(session, "run_service", run_service)
    assert str(error) in failed(error.exit_code, "run")


def test_control_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "query", interrupted)
    assert ran("query", "SELECT 1").exit_code == 130


def test_the_process_itself_ends_with_the_code(folder: Path) -> None:
    (folder / "linktide.toml").write_text("unknown = 1")
    for arguments, code in (
        (["check"], ExitCode.CONFIG),
        (["chekc"], ExitCode.USAGE),
        (["--version"], ExitCode.OK),
    ):
        program = "from linktide.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code
        assert b"Traceback" not in done.stderr


def test_check_shows_every_setting_its_origin_and_no_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKTIDE_KAFKA_SASL_PASSWORD", "hunter2")
    (folder / "linktide.toml").write_text("http_port = 1\n")
    for arguments in ([], ["--json"]):
        result = ran("check", "--set", "log_level=debug", *arguments)
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output
        assert all(row.toml_name in result.stdout for row in settings())
    told = json.loads(ran("check", "--set", "log_level=debug", "--json").stdout)
    origins = {row["name"]: row["origin"] for row in told["settings"]}
    assert origins["kafka.sasl_password"] == "env LINKTIDE_KAFKA_SASL_PASSWORD"  # noqa: S105 - an origin
    assert origins["http_port"] == f"file {folder / 'linktide.toml'}"
    assert (origins["log_level"], origins["log_format"]) == ("flag", "default")
    assert all(item["is_ok"] for item in told["checks"])


@pytest.mark.parametrize(
    ("assignment", "parts"),
    [
        ("tracked_domains=www.a.example", ("tracked_domains", "www.a.example", "wanted a.example")),
        ("rivals=co.uk", ("rivals", "co.uk", "public suffix")),
        ("public_suffix_list=gone.dat", ("public_suffix_list", "gone.dat")),
        ("public_suffix_list=empty.dat", ("empty.dat", "no rule")),
        ("database=nowhere/x.duckdb", ("database", "nowhere", "does not exist")),
    ],
)
def test_check_finds_what_the_service_would_stumble_over(
    folder: Path, assignment: str, parts: tuple[str, ...]
) -> None:
    (folder / "empty.dat").touch()
    result = ran("check", "--set", assignment)
    assert result.exit_code == ExitCode.CONFIG
    wrong = [line for line in result.stdout.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1
    assert all(part in wrong[0] for part in parts)


def test_a_query_is_printed_in_one_form() -> None:
    result = ran("query", "SELECT 1", "--json", "--csv")
    assert result.exit_code == ExitCode.USAGE
    assert "--json and --csv" in result.stderr


def test_a_query_tells_null_from_an_empty_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "query", lambda *_: pa.table({"rel": [None, ""]}))
    assert [line.strip() for line in ran("query", "SELECT 1").stdout.splitlines()[-2:]] == ["null", ""]


def test_check_asks_the_brokers_only_online(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_brokers(_: Config) -> str:
        raise BrokerUnreachableError("k:9092 does not answer; check kafka.bootstrap_servers.")

    monkeypatch.setattr(session, "check_brokers", check_brokers)
    assert ran("check").exit_code == 0
    result = ran("check", "--online")
    assert result.exit_code == ExitCode.BROKER_UNREACHABLE
    assert "k:9092" in result.stdout


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_no_memory_is_a_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(session, "rebuild", refuse)
    assert "no more memory" in failed(ExitCode.OUT_OF_MEMORY, "rebuild")


def test_what_recovery_found_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"rows": 9, "events": 5, "dead_letters": 1, "links": 2, "live_links": 1}
    told = {"contents": held, "known_links": 2, "live_links": 1, "domains": 3, "differences": []}
    monkeypatch.setattr(session, "rebuild", lambda _: told)
    assert "5 events, 1 dead letters, 2 links, 1 live" in ran("rebuild").output
    monkeypatch.setattr(session, "rebuild", lambda _: told | {"differences": ["\x1b[31mred"]})
    wrong = ran("rebuild")
    assert wrong.exit_code == ExitCode.FAILURE
    assert "Differs: \\x1b[31mred" in wrong.output
    asked: list[object] = []

    def replay(_: object, wanted: object) -> dict[str, int]:
        asked.append(wanted)
        return {"tried": 3, "events": 2}

    monkeypatch.setattr(session, "replay", replay)
    assert "2 of 3 dead letters are events now." in ran("replay", "--since", "2026-11-01").output
    assert asked == [{"reasons": [], "since": "2026-11-01T00:00:00+00:00"}]
