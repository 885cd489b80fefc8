"""Dead letters that are replayed become events with the offsets they came with, once, and are marked."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from event_stream import draw_stream
from topic_contents import Record

from linktide import recovery
from linktide.config import load
from linktide.errors import StopError
from linktide.replay import Replayed, Wanted, wanted_of
from linktide.store.verify import read_whole
from linktide.store.writer import StoreWriter
from oracle.compare import assert_same
from oracle.events import DeadLetter, Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

    from event_stream import EventStream

    from linktide.config import Config

SHORT_BYTES = 1_024
LONG = b'{"note": "' + b"x" * 1_100 + b'", '


def lengthened(value: bytes) -> bytes:
    return LONG + value[1:]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Config, EventStream, list[bytes], set[int]]:
    """Make a database in which one event in three was too long."""
    stream = draw_stream(random.Random(5), 600, 60)
    # One that is too deep may be too long of itself.
    values = [
        value for value in stream.values if value is not None and value.strip() and len(value) <= SHORT_BYTES
    ]
    long = {line for line, value in enumerate(values) if line % 3 == 0 and b"event_id" in value}
    lines = [lengthened(value) if line in long else value for line, value in enumerate(values)]
    path = tmp_path / "links.duckdb"
    whole.run(path, [whole.memory(lines)], max_event_bytes=SHORT_BYTES, authority_min_domains=0)
    config = load(flags={"database": path, "authority_min_domains": 0}, environ={}, folder=tmp_path)
    return config, stream, values, long


def check(
    config: Config, stream: EventStream, values: list[bytes], still_refused: set[int], marked: set[int]
) -> None:
    records = [
        Record(Origin("memory", "links", 0, line), whole.NOW_US, value) for line, value in enumerate(values)
    ]
    events, letters = stream.judge([one for one in records if one.origin.offset not in still_refused])
    letters += [DeadLetter(records[line].origin, "TOO_LARGE", whole.NOW_US) for line in still_refused]
    with whole.opened(config.database, authority_min_domains=0) as index:
        index.query("CREATE TEMP TABLE kept AS FROM internal.dead_letters WHERE replayed_rev IS NOT NULL")
        shown = index.query("SELECT source_offset FROM dead_letters WHERE replayed_at IS NOT NULL")
        assert {row[0] for row in shown} == marked
        state = derive(events, letters)

        def without_marked(sql: str) -> object:
            return index.query(
                sql.replace("FROM dead_letters", "FROM (FROM dead_letters WHERE replayed_at IS NULL)")
            )

        assert_same(without_marked, state)  # type: ignore[arg-type]  # rows of tuples
    assert read_whole(config.database, "500MB").differences == ()


def test_a_reason_that_is_gone_makes_events_of_letters(
    made: tuple[Config, EventStream, list[bytes], set[int]],
) -> None:
    config, stream, values, long = made
    check(config, stream, values, long, set())
    assert recovery.replay_stopped(config, Wanted(("UNKNOWN_EVENT",))).events == 0
    assert recovery.replay_stopped(config, Wanted(until="2000-01-01T00:00:00Z")) == Replayed(0, 0)
    short = replace(config, max_event_bytes=SHORT_BYTES)
    assert recovery.replay_stopped(short, Wanted(("TOO_LARGE",))) == Replayed(len(long), 0)
    check(config, stream, values, long, set())
    done = recovery.replay_stopped(config, Wanted())
    assert done.events == len(long)
    assert done.tried > done.events
    check(config, stream, values, set(), long)
    assert recovery.replay_stopped(config, Wanted(("TOO_LARGE",))) == Replayed(0, 0)


def test_a_replay_that_breaks_off_leaves_whole_slices(
    made: tuple[Config, EventStream, list[bytes], set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, stream, values, long = made
    commit = StoreWriter.commit

    def commit_once(writer: StoreWriter, batch: object) -> object:
        def burst(point: str) -> None:
            if point == "written":
                raise StopError("bomb")

        writer.at = burst
        return commit(writer, batch)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(StoreWriter, "commit", commit_once)
    with pytest.raises(StopError, match="bomb"):
        recovery.replay_stopped(config, Wanted())
    monkeypatch.undo()
    check(config, stream, values, long, set())
    assert recovery.replay_stopped(config, Wanted()).events == len(long)
    check(config, stream, values, set(), long)


def test_what_a_client_wants_is_read_or_refused() -> None:
    assert wanted_of({"reasons": ["A"], "since": "2026-01-01T00:00:00Z"}) == Wanted(
        ("A",), "2026-01-01T00:00:00+00:00"
    )
    wrongs: list[dict[str, object]] = [
        {"reason": []},
        {"reasons": "A"},
        {"reasons": [1]},
        {"since": 5},
        {"until": "soon"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"reason|since|until"):
            wanted_of(wrong)


def test_losses_of_a_topic_that_gives_sightings_only_do_not_count_once_replayed(tmp_path: Path) -> None:
    seen = b'{"event": "seen", "observed_at": "2026-11-01T00:00:00Z", %s}'
    lost = b'{"event": "lost", "observed_at": "2026-11-02T00:00:00Z", "lost_reason": "notfound", %s}'
    pair = b'"source_url": "https://a.example.com/", "target_url": "https://b.example.org/"'
    path = tmp_path / "links.duckdb"
    named: dict[str, Any] = {"sightings_only_topics": ("links",), "authority_min_domains": 0}
    lines = [seen % pair, lengthened(lost % pair)]
    whole.run(path, [whole.memory(lines)], max_event_bytes=SHORT_BYTES, **named)
    config = load(flags={"database": path, **named}, environ={}, folder=tmp_path)
    assert recovery.replay_stopped(config, Wanted()) == Replayed(1, 1)
    with whole.opened(path, **named) as index:
        assert index.query("SELECT is_live FROM links") == [(True,)]
