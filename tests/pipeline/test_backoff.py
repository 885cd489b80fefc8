"""The pauses between sessions that fail."""

from __future__ import annotations

from linktide.backoff import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Backoff


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff()
    pauses = [backoff.pause(has_gone_on=False, lived_seconds=0) for _ in range(10)]
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-2:] == [LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_a_session_that_went_on_begins_again_with_a_short_pause() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.pause(has_gone_on=False, lived_seconds=0)
    assert backoff.pause(has_gone_on=True, lived_seconds=0) == FIRST_PAUSE_SECONDS
    assert backoff.pause(has_gone_on=False, lived_seconds=0) == 2 * FIRST_PAUSE_SECONDS


def test_a_session_that_lived_long_begins_again_with_a_short_pause() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.pause(has_gone_on=False, lived_seconds=LONGEST_PAUSE_SECONDS)
    lived = LONGEST_PAUSE_SECONDS + 1
    assert backoff.pause(has_gone_on=False, lived_seconds=lived) == FIRST_PAUSE_SECONDS
