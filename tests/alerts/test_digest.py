"""The digest: alerts first, then links by worth, a domain a row; strangers' text stays text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner
from told_days import BURST_STORY, OWN, START, link, take

from linktide.cli import main
from linktide.digest import MOST_ROWS, digest_html, since_of

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "wanted"),
    [
        ("today", "UTC", "2026-11-27T00:00:00+00:00"),
        ("today", "Europe/Paris", "2026-11-28T00:00:00+01:00"),
        ("yesterday", "UTC", "2026-11-26T00:00:00+00:00"),
        ("24h", "UTC", "2026-11-26T23:30:00+00:00"),
        ("7d", "UTC", "2026-11-20T23:30:00+00:00"),
        ("2026-11-01T00:00", "Europe/Paris", "2026-11-01T00:00:00+01:00"),
    ],
)
def test_since_means_a_time_in_the_zone(text: str, zone: str, wanted: str) -> None:
    assert since_of(text, NOW, zone).isoformat() == wanted


@pytest.mark.parametrize("text", ["", "soon", "-1d", "99999d", "'; DROP TABLE x"])
def test_since_refuses_what_means_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="isoformat"):
        since_of(text, NOW, "UTC")


def test_the_digest_has_alerts_first_and_at_most_twenty_rows(tmp_path: Path) -> None:
    rival = [link("discovered", 12 * 24, 7000, target="rival.example")]
    take(tmp_path / "a.duckdb", [*BURST_STORY, *rival], rivals=("rival.example",))
    since = (START.replace(day=12)).isoformat()
    flags = ["--database", str(tmp_path / "a.duckdb"), "--since", since]
    flags += ["--set", f"tracked_domains={OWN}", "--set", "rivals=rival.example"]
    told = CliRunner().invoke(main, ["digest", *flags, "--format", "json"])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.output)["digest"]
    assert len(rows) == MOST_ROWS
    assert rows[0]["what"] == "alert: LinkLossSpike"
    assert rows[1]["what"] == "lost"
    assert CliRunner().invoke(main, ["digest", *flags]).output.count("\n") > MOST_ROWS
    page = CliRunner().invoke(main, ["digest", *flags, "--format", "html"]).output
    assert page.count("<tr>") == MOST_ROWS + 1


def test_the_digest_goes_to_the_webhook_and_says_what_became_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(tmp_path / "a.duckdb", BURST_STORY)
    told: list[tuple[str, dict[str, object], str]] = []
    answers = [200, 500]

    def post(url: str, *, content: str, headers: dict[str, str], timeout: float) -> httpx.Response:
        assert timeout > 0
        told.append((url, json.loads(content), headers["Content-Type"]))
        return httpx.Response(answers[len(told) - 1], request=httpx.Request("POST", url))

    monkeypatch.setattr(httpx, "post", post)
    flags = ["digest", "--database", str(tmp_path / "a.duckdb"), "--since", START.replace(day=12).isoformat()]
    flags += ["--set", f"tracked_domains={OWN}", "--webhook"]
    unset = CliRunner().invoke(main, flags)
    assert unset.exit_code != 0
    assert "alerts.webhook_url" in unset.output
    flags += ["--set", "alerts.webhook_url=https://hook.example/secret-token"]
    sent = CliRunner().invoke(main, flags)
    assert (sent.exit_code, sent.output) == (0, "")
    url, body, kind = told[0]
    assert (url, kind) == ("https://hook.example/secret-token", "application/json")
    rows = body["digest"]
    assert isinstance(rows, list)
    assert rows[0]["what"] == "alert: LinkLossSpike"
    assert len(rows) <= MOST_ROWS
    failed = CliRunner().invoke(main, flags)
    assert failed.exit_code != 0
    assert "does not take the digest" in failed.output
    assert "secret-token" not in failed.output


def test_html_escapes_what_strangers_wrote() -> None:
    row = dict.fromkeys(
        ("target_domain", "source_domain", "links", "authority", "lost_reason", "told", "newest_at"), None
    )
    page = digest_html([{**row, "what": "lost", "example_url": "https://a/<script>alert(1)</script>"}], NOW)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
