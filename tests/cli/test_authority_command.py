"""`linktide authority`: what it asks a running service, what it does on a stopped file, how it ends."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from command_runs import enter, failed, ran
from fake_service import FakeService, serving
from new_file import begin_file

from linktide.cli import session
from linktide.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOSTILE = "\x1b]0;owned\x07"
VECTOR: dict[str, Any] = {
    "graph": "domain", "vector": "citation", "nodes": 3, "links": 2, "error": 1e-4, "error_bound": 1e-3,
    "error_target": 3e-3, "error_ratio": 1e-5, "error_bound_ratio": 1e-4, "greatest_relative_error": 1e-5,
    "relative_target": 1e-3, "is_drained": True, "equation_error": 1e-16, "greatest_gap_points": 0.04,
    "greatest_gap_domain": HOSTILE, "is_violated": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    return enter(tmp_path, monkeypatch)


def told_audit(monkeypatch: pytest.MonkeyPatch, **changed: object) -> None:
    told: Mapping[str, object] = {"vectors": [VECTOR | changed]}
    monkeypatch.setattr(session, "audit", lambda _config: told)


def test_an_audit_that_holds_ends_well_and_shows_no_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    told_audit(monkeypatch)
    result = ran("authority", "audit")
    assert result.exit_code == 0
    assert "0.001" in result.stdout
    assert "\x1b" not in result.stdout
    assert json.loads(ran("authority", "audit", "--json").stdout)["vectors"] == [VECTOR]


def test_a_violated_bound_has_an_exit_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told_audit(monkeypatch, is_violated=True)
    for flags in ((), ("--json",)):
        result = ran("authority", "audit", *flags)
        assert result.exit_code == ExitCode.BOUND_VIOLATED
        assert "domain citation" in result.stderr
        assert result.stdout


def test_the_running_service_is_asked(folder: Path) -> None:
    service = FakeService(refusal=(400, {"error": "nothing to say", "exit_code": 2}))
    with serving(service, folder / "linktide.duckdb"):
        for command in (("audit",), ("explain", "a.com", "--from", "2026-01-01"), ("what-if", "a.com")):
            assert "nothing to say" in failed(ExitCode.USAGE, "authority", *command)


@pytest.fixture
def events(folder: Path) -> Path:
    lines = [
        {
            "event": kind, "observed_at": f"2026-01-0{day}T00:00:00Z",
            "source_url": f"https://{source}/", "target_url": f"https://{target}/",
        }
        for kind, day, source, target in (
            ("discovered", 1, "a.com", "b.com"),
            ("discovered", 1, "b.com", "c.com"),
            ("discovered", 2, "c.com", "b.com"),
            ("lost", 3, "a.com", "b.com"),
            ("discovered", 3, "c.com", "a.com"),
        )
    ]  # fmt: skip
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    begin_file(folder / "linktide.duckdb")
    assert ran("import", str(path), "--set", "authority.min_domains=0").exit_code == 0
    return path


@pytest.mark.usefixtures("events")
def test_a_stopped_database_is_explained_in_each_form() -> None:
    asked = ("authority", "explain", "b.com", "--from", "2026-01-02", "--set", "authority.min_domains=0")
    told = json.loads(ran(*asked, "--json").stdout)
    assert (told["from_at"], told["to_at"]) == ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
    assert {row["source_domain"] for row in told["rows"]} == {"a.com", "c.com"}
    assert told["parts"]["lost"] == pytest.approx(-0.85 * 0.15)
    assert sum(told["parts"].values()) == pytest.approx(told["change"], abs=1e-12)
    shown = ran(*asked).stdout
    assert "dilution" in shown
    assert "published after:" in shown
    rows = list(csv.DictReader(io.StringIO(ran(*asked, "--csv").stdout)))
    assert sum(float(row["change"]) for row in rows) == pytest.approx(told["change"], abs=1e-12)
    assert "1 smaller rows add" in ran(*asked, "--limit", "1").stdout
    small = ran(*asked[:-2]).stdout
    assert "no points, graph too small" in small


@pytest.mark.usefixtures("events")
def test_a_stopped_database_is_asked_what_if_and_audited() -> None:
    asked = ("authority", "what-if", "b.com", "--gain", "a.com,new.com", "--lose", "c.com")
    told = json.loads(ran(*asked, "--json", "--set", "authority.min_domains=0").stdout)
    assert [row["change"] for row in told["rows"]] == ["gained", "gained", "lost"]
    assert "first order" in ran(*asked).stdout
    audit = json.loads(ran("authority", "audit", "--json").stdout)["vectors"]
    assert [(one["graph"], one["vector"]) for one in audit] == [("page", "citation"), ("domain", "citation")]
    assert not any(one["is_violated"] for one in audit)


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("explain", "nobody.com", "--from", "2026-01-01"), "side of no link"),
        (("explain", "'; DROP TABLE internal.links; --", "--from", "2026-01-01"), "no domain"),
        (("explain", "b.com", "--from", "yesterday"), "no time"),
        (("explain", "b.com", "--from", "2026-01-02", "--to", "2026-01-01"), "from must not be after to"),
        (("explain", "b.com", "--from", "2026-01-02", "--to", "2036-01-01"), "later than the newest event"),
        (("what-if", "b.com"), "no domain is named"),
        (("what-if", "b.com", "--gain", "b.com"), "itself"),
    ],
)
def test_what_has_no_answer_is_one_sentence(command: tuple[str, ...], why: str) -> None:
    assert why in failed(ExitCode.USAGE, "authority", *command)


def test_without_a_database_nothing_is_made(folder: Path) -> None:
    failed(ExitCode.CONFIG, "authority", "audit")
    assert list(folder.iterdir()) == []
