"""The demo's source: a synthetic stream, history at once and then live at a visible pace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.sources.source import Chunk, Codec, Partition, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linktide.sources.synthetic import SyntheticWeb

CLUSTER = "demo"
TOPIC = "synthetic"
_CHUNK_EVENTS = 5_000
_MICROSECONDS = 1_000_000


class DemoSource:
    """Serves a `SyntheticWeb` as one partition of the topic `synthetic`.

    `now` gives Unix seconds, `wait` blocks for the seconds it is given (at most the timeout of a poll).
    History is served as fast as it is taken; a live event is served once its time has come. With
    `duration_seconds` the stream ends so long after the start of the web.
    """

    def __init__(
        self,
        web: SyntheticWeb,
        *,
        now: Callable[[], float],
        wait: Callable[[float], object],
        duration_seconds: float | None = None,
    ) -> None:
        # A stream with another seed or start is another stream: its stored offsets mean nothing here.
        topic_id = f"{web.plan.seed}-{web.plan.started_at_us}"
        self.partition = Partition(cluster=CLUSTER, topic=TOPIC, topic_id=topic_id, number=0)
        self._web = web
        self._now = now
        self._wait = wait
        self._end_us = (
            None if duration_seconds is None else web.plan.started_at_us + int(duration_seconds * 1e6)
        )
        self._events: Iterator[tuple[int, int, bytes]] = web.events()
        self._ahead: tuple[int, int, bytes] | None = None
        self._next_offset = 0
        self._next_step = 0

    def open(self, stored: Mapping[Partition, Position]) -> None:
        """Continue after what is stored, by making the same events again."""
        wanted = stored.get(self.partition, Position(0)).next_offset
        while self._next_offset < wanted:
            self._take()

    def poll(self, timeout_seconds: float) -> Sequence[Chunk]:
        """Return the events that are due, at most some thousands; wait for the next one if none is."""
        now_us = self._now_us()
        due_us = self._peek()[1]
        if due_us > now_us:
            self._wait(min(timeout_seconds, (due_us - now_us) / _MICROSECONDS))
            now_us = self._now_us()
        first_offset = self._next_offset
        lines: list[bytes] = []
        while len(lines) < _CHUNK_EVENTS and self._peek()[1] <= self._last_us(now_us):
            lines.append(self._take())
        if not lines:
            return ()
        chunk = Chunk(
            partition=self.partition,
            codec=Codec.NDJSON,
            data=b"\n".join(lines) + b"\n",
            first_offset=first_offset,
            next_offset=self._next_offset,
            received_at_us=now_us,
        )
        return (chunk,)

    def rest(self) -> None:
        """Nothing is lost by silence."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Do nothing: there is nobody to tell."""

    def lag(self) -> Mapping[Partition, int]:
        """Return about how many events are due and not taken."""
        now_us = self._now_us()
        return {self.partition: max(0, self._web.steps_due(self._last_us(now_us)) - self._next_step)}

    @property
    def trouble(self) -> str | None:
        """None: nothing can stand in its way."""
        return None

    @property
    def is_exhausted(self) -> bool:
        """True once the duration is over and everything before its end was taken."""
        return self._end_us is not None and self._now_us() >= self._end_us and self._peek()[1] > self._end_us

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _now_us(self) -> int:
        return int(self._now() * _MICROSECONDS)

    def _last_us(self, now_us: int) -> int:
        return now_us if self._end_us is None else min(now_us, self._end_us)

    def _peek(self) -> tuple[int, int, bytes]:
        if self._ahead is None:
            self._ahead = next(self._events)
        return self._ahead

    def _take(self) -> bytes:
        step, _, line = self._peek()
        self._ahead = None
        self._next_offset += 1
        self._next_step = step + 1
        return line
