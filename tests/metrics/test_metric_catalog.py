from __future__ import annotations

import re
from pathlib import Path

import pytest

from linktide.metrics.catalog import CATALOG, Kind, Metric
from linktide.metrics.reference import metrics_text

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
ROOMS = (
    *("service", "pipeline", "sources", "store", "index"),
    *("links", "authority", "public", "http", "serve", "sql", "publish", "alert", "alerts", "mine"),
)
UNITS = ("seconds", "bytes", "ratio", "total")
BOUNDED = {
    "version", "event", "reason", "stage", "source", "topic", "partition", "domain", "role", "route",
    "status", "outcome", "graph", "vector", "part", "in_force", "staged", "kind", "change", "follow",
    "alert", "severity",
}  # fmt: skip
each_metric = pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)


def test_no_metric_is_declared_twice() -> None:
    names = [metric.name for metric in CATALOG]
    assert len(set(names)) == len(names)


@each_metric
def test_a_name_says_room_thing_and_unit(metric: Metric) -> None:
    assert re.fullmatch(r"linktide(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    is_of_a_domain = "domain" in metric.labels or metric.name == "linktide_tracked_domains_dropped"
    if not is_of_a_domain and metric.name != "linktide_build_info":
        assert metric.name.split("_")[1] in ROOMS
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith(("_seconds", "_events"))
    # A unit stands at the end of a name, or before _total.
    stem = metric.name.removesuffix("_total")
    assert not any(f"_{unit}_" in f"{stem}_".removesuffix(f"_{unit}_") for unit in UNITS)


@each_metric
def test_labels_are_bounded_and_domains_carry_their_role(metric: Metric) -> None:
    assert set(metric.labels) <= BOUNDED
    assert len(set(metric.labels)) == len(metric.labels)
    # Of an alert the domain may be none: then it is of the service, which has no role.
    is_of_alert = "alert" in metric.labels
    assert is_of_alert or ("domain" in metric.labels) == ("role" in metric.labels)


@each_metric
def test_buckets_belong_to_histograms_and_rise(metric: Metric) -> None:
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


@each_metric
def test_every_metric_stands_once_on_the_page_with_its_help(metric: Metric) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{metric.name}` |")]
    assert len(rows) == 1
    assert metric.help in rows[0]
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert metric.help.endswith(".")
    assert "|" not in metric.help


def test_the_page_is_what_the_catalogue_says() -> None:
    assert metrics_text() == PAGE, "run: python -m linktide.metrics.reference docs"


def test_a_metric_of_an_unknown_room_has_no_place_on_the_page() -> None:
    with pytest.raises(KeyError):
        metrics_text([Metric("linktide_cellar_bottles", Kind.GAUGE, "Bottles.")])
