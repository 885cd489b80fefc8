from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.sources.demo import DemoSource
from linktide.sources.source import Chunk, Codec, Position
from linktide.sources.synthetic import (
    BURST_LINKS,
    BURST_PATH,
    DAY_US,
    FARM_ANCHOR,
    PROVENANCE,
    RIVALS,
    TRACKED_DOMAIN,
    Plan,
    SyntheticWeb,
    iso_time,
)

START_US = 1_790_000_000_000_000
SMALL = Plan(seed=7, started_at_us=START_US, domains=300, history_events=3_000)
FULL = Plan(seed=7, started_at_us=START_US)


def lines_of(plan: Plan, wanted: int) -> list[bytes]:
    return [line for _, _, line in islice(SyntheticWeb(plan).events(), wanted)]


@pytest.fixture(scope="module")
def history() -> list[dict[str, object]]:
    web = SyntheticWeb(FULL)
    told = []
    for step, _, line in web.events():
        if step >= FULL.history_events:
            break
        told.append(json.loads(line))
    return told


@dataclass
class Clock:
    """A clock that moves when it is waited for."""

    seconds: float

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


def source_on(clock: Clock, *, duration_seconds: float | None = None) -> DemoSource:
    return DemoSource(SyntheticWeb(SMALL), now=clock.now, wait=clock.wait, duration_seconds=duration_seconds)


def drain(source: DemoSource) -> list[Chunk]:
    chunks: list[Chunk] = []
    while not source.is_exhausted:
        chunks += source.poll(0.5)
    return chunks


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(seed: int) -> None:
    plan = replace(SMALL, seed=seed)
    lines = lines_of(plan, 4_000)
    assert lines == lines_of(plan, 4_000)
    assert lines != lines_of(replace(plan, seed=seed + 1), 4_000)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_time_never_goes_back_and_lies_between_history_and_the_last_step(seed: int) -> None:
    web = SyntheticWeb(replace(SMALL, seed=seed))
    events = list(islice(web.events(), 5_000))
    times = [at_us for _, at_us, _ in events]
    assert all(before <= after for before, after in pairwise(times))
    assert times[0] == START_US - 90 * DAY_US
    for step, at_us, line in events:
        assert at_us <= web.due_at_us(step)
        assert web.steps_due(web.due_at_us(step)) > step
        assert b"\n" not in line


def test_only_reserved_names_and_every_line_says_synthetic(history: list[dict[str, object]]) -> None:
    for told in history:
        assert told["provenance"] == PROVENANCE
        targets = [link["target_url"] for link in told.get("links", [told])]  # type: ignore[attr-defined]
        for url in (told["source_url"], *targets):
            assert (urlsplit(str(url)).hostname or "").endswith((".example", ".test"))


def test_domains_link_to_one_another_and_a_few_get_most(history: list[dict[str, object]]) -> None:
    pairs = [
        (urlsplit(str(told["source_url"])).hostname, urlsplit(str(told["target_url"])).hostname)
        for told in history
        if told["event"] == "discovered"
    ]
    sources = {source for source, _ in pairs}
    into = Counter(target for _, target in pairs)
    assert len(sources) >= 2_000
    assert len(sources & set(into)) >= 2_000
    assert sum(links for _, links in into.most_common(24)) > 0.3 * len(pairs)
    assert {TRACKED_DOMAIN, *RIVALS} <= set(into)


def test_links_decay_for_many_reasons_and_errors_are_among_them(history: list[dict[str, object]]) -> None:
    kinds = Counter(str(told["event"]) for told in history)
    reasons = Counter(str(told["lost_reason"]) for told in history if told["event"] == "lost")
    assert set(kinds) == {"discovered", "lost", "seen", "page"}
    assert {"removedfromhtml", "notfound", "pageredirected", "noindex", "notcanonical", "pageerror"} < set(
        reasons
    )
    assert 0.05 < kinds["lost"] / len(history) < 0.3
    assert reasons["pageerror"] > 0.1 * kinds["lost"]


def test_pages_are_crawled_whole_and_list_what_lives(history: list[dict[str, object]]) -> None:
    live: defaultdict[object, set[object]] = defaultdict(set)
    answers: Counter[tuple[object, int]] = Counter()
    for told in history:
        source, target = told["source_url"], told.get("target_url")
        match told["event"]:
            case "discovered" | "seen":
                live[source].add(target)
            case "lost":
                live[source].discard(target)
            case "page":
                listed = {link["target_url"] for link in told["links"]}  # type: ignore[attr-defined]
                assert listed <= live[source]
                answers[told["http_code"], len(live[source] - listed)] += 1
                live[source] = listed
    assert answers[200, 0] > answers[200, 1] > answers[404, 1] > 0
    assert {code for code, gone in answers if gone > 1} <= {404}


def test_a_burst_and_a_spam_farm_are_in_history(history: list[dict[str, object]]) -> None:
    found = [told for told in history if told["event"] == "discovered"]
    burst = [told for told in found if str(told["target_url"]).endswith(BURST_PATH)]
    assert len({urlsplit(str(told["source_url"])).hostname for told in burst}) == BURST_LINKS
    first_day = min(str(told["observed_at"])[:10] for told in burst)
    assert sum(str(told["observed_at"]).startswith(first_day) for told in burst) >= BURST_LINKS - 20
    farm = [told for told in found if told.get("anchor") == FARM_ANCHOR]
    assert len({urlsplit(str(told["source_url"])).hostname for told in farm}) == 40
    assert any(str(told.get("lost_reason")).startswith("dropped:") for told in history)


def test_history_comes_at_once_and_then_events_come_at_the_asked_rate() -> None:
    clock = Clock(START_US / 1e6)
    source = source_on(clock)
    source.open({})
    assert source.lag()[source.partition] >= SMALL.history_events
    while source.lag()[source.partition]:
        assert source.poll(1.0)
    assert clock.seconds == START_US / 1e6
    offset = source.poll(1.0)[-1].next_offset
    for _ in range(20):
        clock.seconds += 0.5
        offset_now = source.poll(0.0)[-1].next_offset
    seconds = clock.seconds - START_US / 1e6
    assert (offset_now - offset) / seconds == pytest.approx(SMALL.live_events_per_second, rel=0.15)


def test_chunks_are_contiguous_and_never_from_the_future() -> None:
    clock = Clock(START_US / 1e6)
    source = source_on(clock, duration_seconds=5)
    source.open({})
    chunks = drain(source)
    assert chunks[0].first_offset == 0
    for before, after in pairwise(chunks):
        assert before.next_offset == after.first_offset
    for chunk in chunks:
        lines = chunk.data.splitlines()
        assert chunk.codec is Codec.NDJSON
        assert len(lines) == chunk.next_offset - chunk.first_offset
        last_at = json.loads(lines[-1])["observed_at"]
        assert last_at <= iso_time(chunk.received_at_us)
    assert source.poll(1.0) == ()


def test_a_stream_opened_at_a_stored_offset_goes_on_with_the_same_bytes() -> None:
    whole = source_on(Clock(START_US / 1e6), duration_seconds=5)
    whole.open({})
    data = b"".join(chunk.data for chunk in drain(whole)).splitlines()
    rest = source_on(Clock(START_US / 1e6), duration_seconds=5)
    rest.open({rest.partition: Position(1_234)})
    chunks = drain(rest)
    assert chunks[0].first_offset == 1_234
    assert b"".join(chunk.data for chunk in chunks).splitlines() == data[1_234:]
    rest.close()


def test_another_seed_is_another_topic_id() -> None:
    clock = Clock(0)
    other = DemoSource(SyntheticWeb(replace(SMALL, seed=8)), now=clock.now, wait=clock.wait)
    assert other.partition.topic == "synthetic"
    assert other.partition != source_on(clock).partition
