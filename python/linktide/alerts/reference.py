"""Writes docs/alerts.md from the catalogue: `python -m linktide.alerts.reference docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import INHIBITS, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.alerts.rule import Rule

_HEAD: Final = """\
# Alerts
<!-- Written by `python -m linktide.alerts.reference docs`; do not edit. -->

The service judges every batch, itself every few seconds, and what views say of own domains every few minutes.
What it finds is in three places, the same in each:

* the view [`alerts`](sql.md#alerts), with the rows behind it (`evidence`) and the offsets of the batch
  that raised it, stored in the transaction of that batch;
* `/metrics`: `linktide_alert_active` (1 while it fires), `linktide_alerts_total`, and for tracked domains
  the figures behind it, `linktide_velocity_…`, so that rules hold from the first scrape;
* Prometheus, by the rules in `deploy/prometheus/`, made of the same catalogue as this page.

## Who is called

One of the two, not both:

* **Alertmanager**, if you run Prometheus: take `linktide-rules.yaml` and begin with `prometheus.yaml` and
  `alertmanager.yaml` beside it. `promtool test rules linktide-rules.test.yaml` tests the rules.
* **A webhook**: `alerts.webhook_url`. Each alert is one POST of JSON when it begins and one when it ends
  (`state` is firing or resolved). Calls are stored with the alert and struck off once answered with 2xx;
  until then they are made again, ever more slowly, also after a restart. Should the process be killed
  between the answer and the striking off, the same call is made again under the same `id`, which is also
  the header `Idempotency-Key`: keep the last ids if that matters to you. Texts of others (URLs, anchors)
  stand in it as JSON strings: escape them where you show them.

`runbook_url` of the rules and `runbook` of the calls are paths from the root of this repository. If your
people follow links, put the address of your copy before them, in the rules by
`sed -i 's|runbook_url: |&https://wiki.example/linktide/|' linktide-rules.yaml`.

## Of what time

Alerts of domains go by event time, up to the newest event: a service that was away for an hour judges that
hour when it reads it. News is what began or ended within 24 hours of the newest event and came within 48
hours of having happened. Anything else (late feeds, and of an import all but its last day) raises rows
with `is_historical` only, and nobody is called. So do dead letters that are replayed and offsets that are
filled later, whatever their time; they are no news and no baseline. Without a running service these are
stored and raise nothing.

What time alone decided (a page that failed for 72 hours) waits while the service catches up, since a record
that waits may bring the sighting. It waits in the database and is judged once no more than usual waits.

## Baseline

Of each tracked domain news is counted by hour (`linktide_velocity_…`). The last day is the 24 hours up to
the newest event; the baseline are the 28 times 24 hours that end where the last day begins less the days
before the domain was first heard of. With fewer than 7 days of baseline nothing is called a spike. History
that is imported is not news and is no baseline; `link_velocity_baseline` counts it, as all views do.

## What views say

Placements, anchors, broken pages and visits are asked of the views, one own domain after the other, each
once in `alerts.profile_every_seconds` (300; anchors and visits once an hour). The asking rests a hundred
times as long as it took of a core, so with many domains a round takes longer:
`linktide_alerts_profile_looks_total` and `linktide_alerts_profile_cpu_seconds_total` tell how it goes.
What was a day ago is asked of the history, as it is known now, so a restart changes nothing. An import,
and a database without a running service, are not judged so.

## Which domains

Those in `tracked_domains` (role own) and `rivals` (role rival), at most `tracked_max` together.
"""


def alerts_text() -> str:
    """Return docs/alerts.md."""
    parts = [_HEAD, "\n".join(_table())]
    parts += ["\n".join(_section(rule)) for rule in RULES]
    return "\n".join(parts)


def _table() -> Iterator[str]:
    yield "## All alerts\n"
    yield "| alert | severity | of | what is the case |"
    yield "|---|---|---|---|"
    for rule in RULES:
        whom = {"own": "own domains", "rival": "rivals", None: "the service"}[rule.role]
        yield f"| [{rule.name}](#{rule.name.lower()}) | {rule.severity} | {whom} | {rule.about} |"
    yield ""


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.name}"
    yield f"{rule.definition}\n"
    yield f"* **Impact**: {rule.impact}"
    yield f"* **Causes**: {'; '.join(rule.causes)}."
    if rule.name in INHIBITS:
        yield f"* **Inhibited by**: {INHIBITS[rule.name]}."
    yield f"* **In Prometheus**: severity {rule.severity}, for {rule.hold}, kept for {rule.keep}.\n"
    yield "```promql"
    yield rule.expr
    yield "```\n"
    yield from (f"{number}. {action}" for number, action in enumerate(rule.actions, 1))
    yield ""


def main(folder: Path) -> None:
    """Write the page into `folder`."""
    (folder / "alerts.md").write_text(alerts_text().rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
