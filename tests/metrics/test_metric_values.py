from __future__ import annotations

import sys
import threading
from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from linktide.metrics.catalog import CATALOG, Kind, Metric
from linktide.metrics.values import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COUNTER = Metric("linktide_test_events_total", Kind.COUNTER, "Events.")
BY_REASON = Metric(
    "linktide_test_refused_total", Kind.COUNTER, 'Refused, "why"\nby \\ reason.', ("reason", "part")
)
GAUGE = Metric("linktide_test_queue_bytes", Kind.GAUGE, "Bytes.", ("source",))
TIMES = Metric("linktide_test_delay_seconds", Kind.HISTOGRAM, "Delay.", (), (0.5, 1.0, 2_419_200.0))
STAGES = Metric("linktide_test_stage_seconds", Kind.HISTOGRAM, "Stage.", ("stage",), (1.0,))
MADE = (COUNTER, BY_REASON, GAUGE, TIMES, STAGES)

ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs"]))

Sample = tuple[str, tuple[tuple[str, str], ...]]


def scraped(metrics: Metrics) -> Mapping[Sample, float]:
    """Return what a scrape reads, by sample name and labels."""
    families = text_string_to_metric_families(metrics.exposition().decode("utf-8"))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_has_no_labels_is_there_at_nought_from_the_start() -> None:
    seen = scraped(Metrics(MADE))
    assert seen == {
        ("linktide_test_events_total", ()): 0.0,
        ("linktide_test_delay_seconds_bucket", (("le", "0.5"),)): 0.0,
        ("linktide_test_delay_seconds_bucket", (("le", "1.0"),)): 0.0,
        ("linktide_test_delay_seconds_bucket", (("le", "2419200.0"),)): 0.0,
        ("linktide_test_delay_seconds_bucket", (("le", "+Inf"),)): 0.0,
        ("linktide_test_delay_seconds_count", ()): 0.0,
        ("linktide_test_delay_seconds_sum", ()): 0.0,
    }


@given(ANY_TEXT, ANY_TEXT, st.integers(0, 2**40))
def test_any_label_text_comes_back_from_a_scrape(reason: str, part: str, amount: int) -> None:
    metrics = Metrics(MADE)
    metrics.add("linktide_test_refused_total", amount, reason, part)
    seen = scraped(metrics)
    # A surrogate is no text that UTF-8 can carry; it must not break the scrape, and is shown as "?".
    reason, part = (text.encode("utf-8", "replace").decode("utf-8") for text in (reason, part))
    assert seen["linktide_test_refused_total", (("part", part), ("reason", reason))] == amount


def test_counters_add_up_and_gauges_are_replaced_and_dropped() -> None:
    metrics = Metrics(MADE)
    metrics.add("linktide_test_events_total")
    metrics.add("linktide_test_events_total", 2.5)
    metrics.set("linktide_test_queue_bytes", 7.0, "a")
    metrics.set("linktide_test_queue_bytes", 5.0, "a")
    metrics.set("linktide_test_queue_bytes", 1.0, "b")
    metrics.drop("linktide_test_queue_bytes", "b")
    metrics.drop("linktide_test_queue_bytes", "never")
    seen = scraped(metrics)
    assert seen["linktide_test_events_total", ()] == metrics.value("linktide_test_events_total") == 3.5
    assert {key: value for key, value in seen.items() if "queue" in key[0]} == {
        ("linktide_test_queue_bytes", (("source", "a"),)): 5.0
    }
    assert metrics.value("linktide_test_queue_bytes", "b") == 0.0


@given(st.lists(st.floats(0, 1e9)))
def test_a_histogram_counts_what_is_at_most_its_bound(values: list[float]) -> None:
    metrics = Metrics(MADE)
    for value in values:
        metrics.observe("linktide_test_delay_seconds", value)
    seen = scraped(metrics)
    for bound in (0.5, 1.0, 2_419_200.0, inf):
        text = "+Inf" if bound == inf else str(bound)
        found = seen["linktide_test_delay_seconds_bucket", (("le", text),)]
        assert found == sum(value <= bound for value in values)
    assert seen["linktide_test_delay_seconds_count", ()] == len(values)
    assert seen["linktide_test_delay_seconds_sum", ()] == pytest.approx(sum(values))


@given(st.lists(st.lists(st.floats(0, 1e9))))
def test_many_at_once_is_the_same_as_one_by_one(batches: list[list[float]]) -> None:
    single, whole = Metrics(MADE), Metrics(MADE)
    bounds = (*TIMES.buckets, inf)
    for batch in batches:
        for value in batch:
            single.observe("linktide_test_delay_seconds", value)
        below = [sum(value <= bound for value in batch) for bound in bounds]
        counts = [many - few for many, few in zip(below, [0, *below], strict=False)]
        whole.observe_all("linktide_test_delay_seconds", counts, sum(batch))
    seen, expected = scraped(whole), scraped(single)
    assert seen.keys() == expected.keys()
    assert all(seen[key] == pytest.approx(expected[key]) for key in expected)


def test_a_quantile_is_the_bound_of_its_bucket() -> None:
    metrics = Metrics(MADE)
    name = "linktide_test_delay_seconds"
    assert metrics.quantile(name, 0.99) is None
    metrics.observe_all(name, [98, 1, 1, 0], 60.0)
    assert [metrics.quantile(name, share) for share in (0.5, 0.98, 0.99, 1.0)] == [0.5, 0.5, 1.0, 2_419_200.0]
    metrics.observe(name, 1e9)
    assert metrics.quantile(name, 1.0) == inf


def test_a_slip_in_name_kind_or_labels_raises() -> None:
    metrics = Metrics(MADE)
    with pytest.raises(KeyError):
        metrics.add("linktide_test_event_total")
    slips: tuple[Callable[[], object], ...] = (
        lambda: metrics.add("linktide_test_refused_total", 1, "only one"),
        lambda: metrics.add("linktide_test_events_total", 1, "one too many"),
        lambda: metrics.add("linktide_test_events_total", -1),
        lambda: metrics.add("linktide_test_events_total", float("nan")),
        lambda: metrics.add("linktide_test_queue_bytes", 1, "a"),
        lambda: metrics.set("linktide_test_queue_bytes", 1),
        lambda: metrics.set("linktide_test_delay_seconds", 1),
        lambda: metrics.drop("linktide_test_events_total"),
        lambda: metrics.observe("linktide_test_events_total", 1),
        lambda: metrics.observe("linktide_test_stage_seconds", 1),
        lambda: metrics.observe_all("linktide_test_delay_seconds", [1, 2, 3], 1),
        lambda: metrics.value("linktide_test_delay_seconds"),
        lambda: metrics.quantile("linktide_test_events_total", 0.5),
    )
    for slip in slips:
        with pytest.raises(ValueError, match=r"linktide_test_|zip"):
            slip()
    # A refused value leaves nothing behind.
    assert scraped(metrics) == scraped(Metrics(MADE))


def test_gauges_that_are_read_are_fresh_at_every_scrape() -> None:
    metrics = Metrics(MADE)
    sizes = iter([3.0, 4.0])
    metrics.on_scrape(lambda: metrics.set("linktide_test_queue_bytes", next(sizes), "a"))
    key = ("linktide_test_queue_bytes", (("source", "a"),))
    assert [scraped(metrics)[key], scraped(metrics)[key]] == [3.0, 4.0]


def test_no_count_is_lost_between_threads() -> None:
    metrics = Metrics(MADE)

    def work() -> None:
        for _ in range(2_000):
            metrics.add("linktide_test_events_total")
            metrics.observe("linktide_test_delay_seconds", 0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(20):
            metrics.exposition()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    seen = scraped(metrics)
    assert seen["linktide_test_events_total", ()] == 8_000
    assert seen["linktide_test_delay_seconds_count", ()] == 8_000


def test_the_whole_catalogue_is_scraped_under_its_own_names() -> None:
    metrics = Metrics()
    for metric in CATALOG:
        labels = tuple(f"{label} value" for label in metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            metrics.observe(metric.name, 0.2, *labels)
        else:
            metrics.set(metric.name, 2.0, *labels)
    seen = scraped(metrics)
    for metric in CATALOG:
        pairs = tuple(sorted((label, f"{label} value") for label in metric.labels))
        name = f"{metric.name}_count" if metric.kind is Kind.HISTOGRAM else metric.name
        assert seen[name, pairs] == (1.0 if metric.kind is Kind.HISTOGRAM else 2.0)
    families = list(text_string_to_metric_families(metrics.exposition().decode("utf-8")))
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}
    assert all(family.documentation for family in families)
