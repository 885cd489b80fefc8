"""Writes files for Prometheus: `python -m linktide.alerts.prometheus deploy/prometheus`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import INHIBITS, RULES
from linktide.alerts.slo_rules import RECORDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linktide.alerts.rule import PromCase, Rule

_HEAD: Final = "# Written by `python -m linktide.alerts.prometheus deploy/prometheus`; do not edit.\n"
_ALERTMANAGER: Final = """\
# Where alerts of Prometheus go. Put your own receivers in the place of the webhooks.
route:
  receiver: default
  group_by: [alertname, job, domain]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
  routes:
    - matchers: ['severity="critical"']
      receiver: urgent
      group_wait: 5s
      repeat_interval: 4h
    - matchers: ['severity="info"']
      receiver: quiet
      repeat_interval: 7d
receivers:
  - name: default
    webhook_configs: [{url: "http://127.0.0.1:9095/default", send_resolved: true}]
  - name: urgent
    webhook_configs: [{url: "http://127.0.0.1:9095/urgent", send_resolved: true}]
  - name: quiet
    webhook_configs: [{url: "http://127.0.0.1:9095/quiet", send_resolved: false}]
inhibit_rules:
"""
PROMETHEUS: Final = """\
global:
  scrape_interval: 15s
  evaluation_interval: 15s
scrape_configs:
  - job_name: linktide
    static_configs: [{targets: ["127.0.0.1:8640"]}]
rule_files: [linktide-rules.yaml]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["127.0.0.1:9093"]}]
"""


def rules_text() -> str:
    """Return the rules: what is recorded, then every alert."""
    lines = ["groups:", "  - name: linktide-recorded", "    interval: 15s", "    rules:"]
    for name, expr in RECORDING.items():
        lines += [f"      - record: {name}", *_block("        ", "expr", expr)]
    for group, of_domains in (("linktide-domains", True), ("linktide-service", False)):
        lines += [f"  - name: {group}", "    interval: 15s", "    rules:"]
        for rule in RULES:
            if (rule.role is not None) is of_domains:
                lines += _alert(rule)
    return _HEAD + "\n".join(lines) + "\n"


def rule_tests_text(rules: Sequence[Rule] = RULES) -> str:
    """Return the tests of the rules, one that fires and one that is silent for each alert."""
    lines = ["rule_files: [linktide-rules.yaml]", "evaluation_interval: 1m", "tests:"]
    for rule in rules:
        lines += _test(rule, rule.fires, is_firing=True)
        lines += _test(rule, rule.is_silent, is_firing=False)
    return _HEAD + "\n".join(lines) + "\n"


def alertmanager_text() -> str:
    """Return a configuration of Alertmanager; what explains an alert inhibits it."""
    lines = []
    for name, why in INHIBITS.items():
        lines += [
            f"  - source_matchers: ['alertname=\"{why}\"']",
            f"    target_matchers: ['alertname=\"{name}\"']",
            "    equal: [job, instance]",
        ]
    return _HEAD + _ALERTMANAGER + "\n".join(lines) + "\n"


def description(rule: Rule) -> str:
    """Return what the person who is called reads: impact, causes, numbered actions."""
    causes = "; ".join(rule.causes)
    actions = "\n".join(f"{number}. {action}" for number, action in enumerate(rule.actions, 1))
    return f"Impact: {rule.impact}\nCauses: {causes}.\nActions:\n{actions}"


def files() -> dict[str, str]:
    """Return name → text of all files."""
    return {
        "linktide-rules.yaml": rules_text(),
        "linktide-rules.test.yaml": rule_tests_text(),
        "alertmanager.yaml": alertmanager_text(),
        "prometheus.yaml": _HEAD + PROMETHEUS,
    }


def _alert(rule: Rule) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _block("        ", "expr", rule.expr)
    yield f"        for: {rule.hold}"
    yield f"        keep_firing_for: {rule.keep}"
    yield f"        labels: {{severity: {rule.severity}}}"
    yield "        annotations:"
    whom = "{{ $labels.domain }}" if rule.role is not None else "{{ $labels.instance }}"
    yield f"          summary: {json.dumps(f'{whom}: {rule.about}', ensure_ascii=False)}"
    yield from _block("          ", "description", description(rule))
    yield f"          runbook_url: {rule.runbook}"


def _test(rule: Rule, case: PromCase, *, is_firing: bool) -> Iterator[str]:
    word = "fires" if is_firing else "is silent"
    yield f"  - name: {rule.name} {word}"
    yield "    interval: 1m"
    yield "    input_series:"
    for series, values in case.series.items():
        yield f"      - series: {json.dumps(series)}"
        yield f"        values: {json.dumps(values)}"
    expr = f'count(ALERTS{{alertname="{rule.name}", alertstate="firing"}})'
    yield "    promql_expr_test:"
    yield f"      - expr: {json.dumps(expr)}"
    yield f"        eval_time: {case.at}"
    yield "        exp_samples: " + ("[{labels: '{}', value: 1}]" if is_firing else "[]")


def _block(indent: str, name: str, text: str) -> Iterator[str]:
    yield f"{indent}{name}: |-"
    yield from (f"{indent}  {line}" for line in text.splitlines())


def main(folder: Path) -> None:
    """Write the files into `folder`."""
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
