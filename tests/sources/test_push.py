from __future__ import annotations

import threading

import pytest
from chunk_records import all_records
from source_kits import fixed_now

from linktide.errors import RetryError
from linktide.sources.push import PushGapError, PushSource
from linktide.sources.source import Partition, Position

PUSH = Partition("push", "push", "", 0)


def opened(inbox_bytes: int = 1 << 20, stored: int = 0) -> PushSource:
    source = PushSource(now_us=fixed_now, inbox_bytes=inbox_bytes)
    source.open({PUSH: Position(stored)} if stored else {})
    return source


def test_a_ticket_is_settled_by_the_commit_that_covers_it() -> None:
    source = opened(stored=40)
    first = source.submit(b"a\nb\n")
    second = source.submit(b"c")
    assert (first.next_offset, second.next_offset) == (42, 43)
    assert all_records(source.poll(0)) == [(40, b"a"), (41, b"b"), (42, b"c")]
    source.commit({PUSH: Position(42)})
    assert first.wait(0) == 42
    with pytest.raises(RetryError, match="1 lines for 'push' were accepted but not stored within 0 s"):
        second.wait(0)
    source.commit({PUSH: Position(43)})
    assert second.wait(0) == 43


def test_a_full_inbox_asks_to_come_back_and_has_room_after_the_commit() -> None:
    source = opened(inbox_bytes=100)
    source.submit(b"x" * 79)
    with pytest.raises(RetryError, match="holds 80 bytes and has no room for 30 more"):
        source.submit(b"y" * 29)
    source.poll(0)
    with pytest.raises(RetryError):
        source.submit(b"y" * 29)
    source.commit({PUSH: Position(1)})
    source.submit(b"y" * 29)
    assert all_records(source.poll(0)) == [(1, b"y" * 29)]


def test_a_submit_larger_than_the_inbox_goes_into_an_empty_one() -> None:
    source = opened(inbox_bytes=10)
    source.submit(b"x" * 50)
    assert len(source.poll(0)) == 1


def test_known_lines_are_skipped_and_their_ticket_waits_for_the_first_ones() -> None:
    source = opened(stored=3)
    known = source.submit(b"0\n1\n2\n", first_offset=0)
    assert (known.accepted_lines, known.wait(0)) == (0, 3)
    part = source.submit(b"2\n3\n4\n", first_offset=2)
    again = source.submit(b"3\n4\n", first_offset=3)
    assert (part.accepted_lines, again.accepted_lines) == (2, 0)
    assert all_records(source.poll(0)) == [(3, b"3"), (4, b"4")]
    with pytest.raises(RetryError):
        again.wait(0)
    source.commit({PUSH: Position(5)})
    assert (part.wait(0), again.wait(0)) == (5, 5)


def test_a_gap_is_refused_and_says_where_to_go_on() -> None:
    source = opened(stored=3)
    with pytest.raises(PushGapError, match="begins at offset 9, but 3 comes next: send from 3") as caught:
        source.submit(b"x\n", first_offset=9)
    assert caught.value.wanted_offset == 3 == source.next_offset(PUSH)


def test_a_file_pushed_continues_the_partition_of_its_import() -> None:
    partition = Partition("file", "links.ndjson", "cafe", 0)
    source = PushSource(now_us=fixed_now)
    source.open({partition: Position(1)})
    source.submit(b"0\n1\n", topic="links.ndjson", topic_id="cafe", first_offset=0, cluster="file")
    (chunk,) = source.poll(0)
    assert chunk.partition == partition
    assert all_records([chunk]) == [(1, b"1")]


def test_what_was_polled_comes_again_after_a_reopen_unless_it_proves_stored() -> None:
    source = opened()
    tickets = [source.submit(b"%d\n" % number) for number in range(4)]
    source.poll(0)
    source.submit(b"4\n")
    source.close()
    source.open({PUSH: Position(2)})
    assert [ticket.wait(0) for ticket in tickets[:2]] == [1, 2]
    assert all_records(source.poll(0)) == [(2, b"2"), (3, b"3"), (4, b"4")]


def test_an_ending_source_takes_nothing_in_drains_and_fails_what_is_left() -> None:
    source = opened()
    stored, lost = source.submit(b"a\n"), source.submit(b"b\n")
    source.end()
    with pytest.raises(RetryError, match="takes in no events"):
        source.submit(b"c\n")
    assert not source.is_exhausted
    source.poll(0)
    assert source.is_exhausted
    source.commit({PUSH: Position(1)})
    source.close()
    assert stored.wait(0) == 1
    with pytest.raises(RetryError, match="ended before the lines were stored"):
        lost.wait(0)


def test_nothing_is_taken_in_before_the_stored_positions_are_known() -> None:
    with pytest.raises(RetryError):
        PushSource(now_us=fixed_now).submit(b"a\n")


def test_a_submit_wakes_a_waiting_poll() -> None:
    source = opened()
    pusher = threading.Timer(0.05, lambda: source.submit(b"a\n"))
    pusher.start()
    assert all_records(source.poll(30)) == [(0, b"a")]
    pusher.join()


def test_many_threads_get_offsets_of_their_own_and_all_tickets_settle() -> None:
    source = opened()
    settled: list[int] = []

    def push(name: int) -> None:
        settled.extend(source.submit(b"%d-%d\n" % (name, n)).wait(30) for n in range(50))

    threads = [threading.Thread(target=push, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    read: list[tuple[int, bytes | None]] = []
    while len(read) < 200:
        chunks = source.poll(5)
        read += all_records(chunks)
        source.commit({PUSH: Position(read[-1][0] + 1)})
    for thread in threads:
        thread.join()
    assert [offset for offset, _ in read] == list(range(200))
    assert len({line for _, line in read}) == 200
    assert sorted(settled) == list(range(1, 201))


def test_lag_lists_only_what_waits() -> None:
    source = PushSource(now_us=fixed_now)
    source.open({})
    source.submit(b"{}\n{}\n", topic="a")
    assert {part.topic: lines for part, lines in source.lag().items()} == {"a": 2}
    (chunk,) = source.poll(0)
    assert source.lag() == {}
    source.submit(b"{}\n", topic="b")
    source.commit({chunk.partition: Position(chunk.next_offset)})
    assert {part.topic: lines for part, lines in source.lag().items()} == {"b": 1}
