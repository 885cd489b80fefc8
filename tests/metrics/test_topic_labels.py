from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from linktide.metrics.batch import BatchReport
from linktide.metrics.topics import MOST_CHARACTERS, MOST_TOPICS, TopicLabels
from linktide.metrics.values import Metrics
from linktide.sources.source import Partition

if TYPE_CHECKING:
    from collections.abc import Mapping

LAG = "linktide_sources_lag_records"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]")


def named(topic: str, cluster: str = "push", number: int = 0) -> Partition:
    return Partition(cluster, topic, "", number)


@given(st.lists(st.tuples(st.sampled_from(["push", "file"]), st.text(max_size=300), st.integers(0, 2))))
def test_labels_are_bounded_whatever_the_topics_are_called(
    topics: list[tuple[str, str, int]],
) -> None:
    labels = TopicLabels(most_topics=3)
    told = {labels.of(named(topic, cluster, number)) for cluster, topic, number in topics}
    for cluster in ("push", "file"):
        own = {topic for source, topic, _ in told if source == cluster} - {"other"}
        assert len(own) <= 3
    for _, topic, _ in told:
        assert len(topic) <= MOST_CHARACTERS
        assert not CONTROL.search(topic)


def test_a_topic_keeps_its_labels_and_one_source_leaves_room_for_the_next() -> None:
    labels = TopicLabels()
    first = [labels.of(named(f"t{number}")) for number in range(MOST_TOPICS + 2)]
    assert first[-3:] == [
        ("push", f"t{MOST_TOPICS - 1}", "0"),
        ("push", "other", "other"),
        ("push", "other", "other"),
    ]
    assert labels.of(named("t0", number=7)) == ("push", "t0", "7")
    assert labels.of(named("links", "cluster-a")) == ("cluster-a", "links", "0")
    assert TopicLabels().of(named("a\x1b[2J\nb")) == ("push", "a\\u001b[2J\\u000ab", "0")


def test_lag_has_series_of_what_is_consumed_now_and_adds_up_the_others() -> None:
    metrics = Metrics()
    report = BatchReport(metrics)

    def shown(lag: Mapping[Partition, int]) -> list[str]:
        report.lagging(lag)
        lines = metrics.exposition().decode().splitlines()
        return sorted(line for line in lines if line.startswith(LAG))

    assert shown({named("a"): 5}) == [f'{LAG}{{partition="0",source="push",topic="a"}} 5.0']
    # One name with two contents is two partitions, but one series.
    twice = {Partition("file", "b", "1", 0): 1, Partition("file", "b", "2", 0): 2}
    assert shown(twice) == [f'{LAG}{{partition="0",source="file",topic="b"}} 3.0']
    many = {named(f"t{number}"): 1 for number in range(MOST_TOPICS + 10)}
    series = shown(many)
    assert len(series) == MOST_TOPICS
    assert f'{LAG}{{partition="other",source="push",topic="other"}} 11.0' in series
    assert shown({}) == []
