"""The catalogue and what is made of it: rules, their tests, the runbook; by the real tools where they are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linktide.alerts.catalogue import INHIBITS, RULES
from linktide.alerts.change import Change
from linktide.alerts.notice import notices_of
from linktide.alerts.prometheus import alertmanager_text, files, rule_tests_text, rules_text
from linktide.alerts.reference import alerts_text
from linktide.metrics.catalog import CATALOG

if TYPE_CHECKING:
    from linktide.alerts.rule import Rule

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_files_are_what_the_catalogue_says() -> None:
    hint = "run: python -m linktide.alerts.{prometheus deploy/prometheus, reference docs}"
    assert {name: (DEPLOY / name).read_text("utf-8") for name in files()} == files(), hint
    assert (ROOT / "docs" / "alerts.md").read_text("utf-8") == alerts_text().rstrip() + "\n", hint


@each_rule
def test_every_alert_says_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]\w+", rule.name)
    assert rule.causes
    assert rule.actions
    assert all(text.rstrip()[-1] in ".?" for text in (*rule.actions, rule.impact, rule.definition))
    page = alerts_text()
    assert page.count(f"\n## {rule.name}\n") == 1
    assert f"(#{rule.name.lower()})" in page


@each_rule
def test_every_alert_looks_at_metrics_that_there_are(rule: Rule) -> None:
    known = {metric.name for metric in CATALOG} | {
        f"{one.name}_{end}" for one in CATALOG for end in ("bucket", "count")
    }
    recorded = set(re.findall(r"record: (\S+)", rules_text()))
    named = set(re.findall(r"(?:\w+:)?linktide_\w+(?::\w+)?", rule.expr))
    assert named
    assert named <= known | recorded


def test_what_inhibits_is_an_alert() -> None:
    names = {rule.name for rule in RULES}
    assert len(names) == len(RULES)
    assert {*INHIBITS, *INHIBITS.values()} <= names


@needs_promtool
def test_promtool_takes_the_rules_and_all_their_tests_hold() -> None:
    assert run("promtool", "check", "rules", "--lint=all", DEPLOY / "linktide-rules.yaml").returncode == 0
    assert run("promtool", "check", "config", DEPLOY / "prometheus.yaml").returncode == 0
    tested = run("promtool", "test", "rules", DEPLOY / "linktide-rules.test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
@each_rule
def test_a_rule_that_never_or_always_fires_fails_its_test(rule: Rule, tmp_path: Path) -> None:
    (tmp_path / "linktide-rules.test.yaml").write_text(rule_tests_text([rule]), "utf-8")
    body = "\n".join(f"          {line}" for line in rule.expr.splitlines())
    for other in ("vector(1) > 2", "vector(1)"):
        spoiled = rules_text().replace(body, f"          {other}")
        assert spoiled != rules_text()
        (tmp_path / "linktide-rules.yaml").write_text(spoiled, "utf-8")
        tested = run("promtool", "test", "rules", tmp_path / "linktide-rules.test.yaml")
        assert tested.returncode != 0
        assert rule.name in tested.stdout + tested.stderr


@needs_amtool
@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "urgent"), ("warning", "default"), ("info", "quiet")]
)
def test_alertmanager_takes_its_configuration_and_routes_by_severity(severity: str, receiver: str) -> None:
    path = DEPLOY / "alertmanager.yaml"
    assert run("amtool", "check-config", path).returncode == 0
    routed = run(
        "amtool", "config", "routes", "test", f"--config.file={path}", f"severity={severity}", "alertname=X"
    )
    assert routed.stdout.strip() == receiver
    assert all(name in alertmanager_text() for pair in INHIBITS.items() for name in pair)


def test_hostile_text_stays_a_json_string() -> None:
    hostile = "</script><script>alert(1)</script>\x1b[2J\u202e{{ .Labels }}\r\n"
    change = Change(
        "ImportantLinkLost/a.com/x", "ImportantLinkLost", "a.com", "critical", False, 0, None, None, hostile,  # noqa: FBT003
        [{"anchor": hostile, "source_url": hostile}], [],
    )  # fmt: skip
    ((_, _, state, body),) = notices_of([change])
    told = json.loads(body)
    assert state == told["state"] == "firing"
    assert body.isascii()
    assert not set(body) & {"\x1b", "\r", "\n"}
    assert told["evidence"][0]["anchor"].startswith("</script>")
    assert "\x1b" not in told["evidence"][0]["anchor"]
    assert "\u202e" not in told["what"]
