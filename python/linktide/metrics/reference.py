"""Writes docs/metrics.md from the catalogue: `python -m linktide.metrics.reference docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.metrics.catalog import CATALOG, Kind
from linktide.metrics.topics import MOST_CHARACTERS, MOST_TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linktide.metrics.catalog import Metric

_HEAD = """\
# Metrics
<!-- Written by `python -m linktide.metrics.reference docs`; do not edit. -->

`GET /metrics` on the service's port (`http_port`) answers in the Prometheus text format.

```yaml
scrape_configs:
  - job_name: linktide
    static_configs: [{{targets: ["127.0.0.1:8640"]}}]
```

* Times are in seconds, sizes in bytes. Counters end in `_total` and begin again at 0 with the process.
* Metrics without labels are there from the first scrape, and so are the counters of tracked domains; only
  the ages of the public suffix list and of the snapshot file may be absent.
* `domain` is a label for the domains in `tracked_domains` (role `own`) and `rivals` (role `rival`) only, at
  most `tracked_max` together; for the others ask by SQL.
* `topic` names a topic, pushed stream or file: the first {most_topics} that a source meets in the life of the
  process; the others are summed up, with `other` as `topic` and `partition`. Control characters are
  written out (`\\u001b`), names cut at {most_characters} characters. For single ones ask the view `sources`.
* `route` is a route of docs/http.md or `other`, `status` is `2xx` to `5xx`.
"""
_ABOUT_DOMAINS = "domains"
_TITLES = {
    "service": "Service",
    "pipeline": "Pipeline",
    "sources": "Sources",
    "store": "Store",
    "index": "Index",
    "publish": "Snapshot file for DuckDB users",
    "links": "Links",
    "authority": "Authority",
    "public": "Public suffix list",
    _ABOUT_DOMAINS: "Tracked domains",
    "alert": "Alerts",
    "mine": "What is yours",
    "http": "HTTP",
    "serve": "Queries",
    "sql": "SQL clients",
}
_ROOM = 1


def metrics_text(catalog: Sequence[Metric] = CATALOG) -> str:
    """Return docs/metrics.md; raises KeyError for a metric of a room without a title."""
    by_room: dict[str, list[Metric]] = {room: [] for room in _TITLES}
    for metric in catalog:
        by_room[_room_of(metric)].append(metric)
    parts = [_HEAD.format(most_topics=MOST_TOPICS, most_characters=MOST_CHARACTERS)]
    for room, metrics in by_room.items():
        if metrics:
            rows = "\n".join(_rows(metrics))
            table = f"| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}\n"
            parts.append(f"## {_TITLES[room]}\n\n{table}")
    return "\n".join(parts)


def _room_of(metric: Metric) -> str:
    if metric.name.startswith("linktide_alert"):
        return "alert"
    if "domain" in metric.labels or metric.name.startswith("linktide_tracked_domains_"):
        return _ABOUT_DOMAINS
    room = metric.name.split("_")[_ROOM]
    return "service" if room == "build" else room


def _rows(metrics: Sequence[Metric]) -> Iterator[str]:
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        buckets = ""
        if metric.kind is Kind.HISTOGRAM:
            buckets = f" Buckets: {', '.join(_shown(bound) for bound in metric.buckets)}."
        yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help}{buckets} |"


def _shown(bound: float) -> str:
    return f"{bound:.15g}"


def main(folder: Path) -> None:
    """Write the page into `folder`."""
    (folder / "metrics.md").write_text(metrics_text(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
