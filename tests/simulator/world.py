"""One seed's world: it takes the steps of a session one by one, in an order and with faults drawn by chance.

The session is the product's own, without its threads: the simulator is the scheduler. Between any two steps
the process may crash, a commit may fail before or after it took hold, a partition may be taken away and given
back, sources pause, the clock jumps, and a session that believes it still runs may come back as a zombie.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import duckdb

from linktide.alert_desk import AlertDesk
from linktide.alert_watch import AlertWatch
from linktide.errors import FenceError, RetryError
from linktide.memory_limit import MemoryLimit
from linktide.metrics.batch import BatchReport
from linktide.metrics.index_counters import IndexCounters
from linktide.metrics.values import Metrics
from linktide.pipeline import Parts, PipelineSettings, Session
from linktide.store.writer import FAIL_POINTS
from oracle.histories import RECORD_AT_US
from simulator.late_commits import LateCommits
from simulator.topic import Topic, TopicSource, draw_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.index import Decoder, IndexOptions, LinkIndex
    from linktide.sources.source import Chunk, Partition, Position
    from linktide.store.writer import StoreWriter
    from linktide.storing import DecodedBatch
    from simulator.fake_store import FakeStore, FakeWriter
    from simulator.memory_store import MemoryStore

STEPS = {"fetch": 8, "decode": 5, "store": 6, "settle": 1, "checkpoint": 1, "tell": 3}
"""Step → its weight."""
FAULTS = {
    "crash": 3, "crash in a commit": 3, "failed commit": 3, "stop": 1, "zombie": 2, "zombie wakes": 4,
    "rebalance": 3, "pause": 2, "clock": 1,
}  # fmt: skip
FAULT_SHARE = 0.2
CATCH_UP_SHARE = 0.5
"""Of the batches that are applied before the one before them is committed."""


class CrashError(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass(slots=True)
class Life:
    """One life of the process: what is lost when it crashes."""

    session: Session
    writer: StoreWriter | FakeWriter
    index: LinkIndex
    positions: dict[Partition, Position]
    """Where the decoder stands."""
    rev: int
    """The newest revision that it knows of."""
    queue: list[Chunk] = field(default_factory=list)
    decoded: list[DecodedBatch] = field(default_factory=list)


class World:
    """The topic, the store, the clock and the life that runs."""

    def __init__(
        self, seed: int, store: MemoryStore | FakeStore, options: IndexOptions, decoders: Sequence[Decoder]
    ) -> None:
        self.chance = random.Random(seed)
        self.store = store
        self.options = options
        self.decoders = decoders
        self.clock_us = RECORD_AT_US
        self.topic: Topic = draw_topic(self.chance)
        self.source = TopicSource(self.topic, self.chance)
        self.counts: Counter[str] = Counter()
        self.bomb: tuple[str, type[BaseException]] | None = None
        self.zombie: Life | None = None
        self.settings = PipelineSettings(batch_max_events=8, catch_up_max_events=8)
        self.life = self.begin_life()

    # --- lives ---------------------------------------------------------------------------------------------

    def begin_life(self) -> Life:
        writer = self.store.writer(self._now, lambda: self.clock_us / 1e6, self._at)
        index = self.store.restore(self.options)
        stored = dict(self.store.positions)
        metrics = Metrics()
        parts = Parts(
            [self.source],
            self.chance.choice(self.decoders),
            index,
            cast("StoreWriter", writer),
            BatchReport(metrics),
            IndexCounters(metrics, []),
            AlertDesk(metrics, (), AlertWatch(metrics, lambda: self.clock_us, 0)),
            MemoryLimit(None, metrics, ends_by_itself=False),
            stored,
            committer=LateCommits(),
        )
        session = Session(
            parts,
            self.settings,
            stop=threading.Event(),
            now_us=lambda: self.clock_us,
            monotonic=lambda: self.clock_us / 1e6,
        )
        self.source.open(stored)
        return Life(session, writer, index, dict(stored), self.store.rev)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock_us // 1_000_000, UTC)

    def _at(self, point: str) -> None:
        if self.bomb is not None and self.bomb[0] == point:
            error = self.bomb[1]
            self.bomb = None
            raise error(f"bomb at {point}")

    def restart(self) -> None:
        if self.chance.random() < 0.5:
            # The commit under way took hold before the end, or failed, which ends a zombie, too.
            try:
                self.life.session._storer.finish()  # noqa: SLF001 -- as above
            except (CrashError, RetryError):
                self.zombie = None if self.zombie is self.life else self.zombie
            self.life.rev = max(self.life.rev, self.life.session.stored_rev)
        self.store.crash()
        self.bomb = None
        self.life = self.begin_life()

    # --- steps ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Take steps until all of the topic is stored; the faults end before that."""
        turns = self.chance.randint(10, 60)
        while turns > 0 or not self.is_done():
            turns -= 1
            if turns == 0:
                self.source.paused = set()
            if turns > 0 and self.chance.random() < FAULT_SHARE:
                self.take(self.chance.choices(list(FAULTS), list(FAULTS.values()))[0])
            else:
                self.take(self.chance.choices(list(STEPS), list(STEPS.values()))[0])
        self.bomb = None
        self.do_settle()

    def is_done(self) -> bool:
        life = self.life
        return self.source.is_exhausted and not life.queue and not life.decoded

    def take(self, step: str) -> None:
        self.counts[step] += 1
        self.clock_us += self.chance.choice((0, 1_000, 1_000_000))
        try:
            getattr(self, f"do_{step.replace(' ', '_')}")()
        except (CrashError, RetryError):
            self.counts["restart"] += 1
            self.restart()

    def do_fetch(self) -> None:
        self.life.queue.extend(self.source.poll(0))

    def do_decode(self) -> None:
        life = self.life
        taken = self.chance.randint(1, max(1, len(life.queue)))
        chunks, life.queue = life.queue[:taken], life.queue[taken:]
        is_catching_up = self.chance.random() < CATCH_UP_SHARE
        batches = life.session._batches(chunks, life.positions, is_catching_up=is_catching_up)  # noqa: SLF001 -- the scheduler
        life.decoded.extend(batches)

    def store_batch(self, life: Life) -> None:
        if life.decoded:
            life.session._storer.store(life.decoded.pop(0))  # noqa: SLF001 -- as above
            life.rev = max(life.rev, life.session.stored_rev)

    def do_store(self) -> None:
        self.store_batch(self.life)

    def do_settle(self) -> None:
        self.life.session._storer.settle()  # noqa: SLF001 -- as above
        self.life.rev = max(self.life.rev, self.life.session.stored_rev)

    def do_checkpoint(self) -> None:
        self.life.writer.checkpoint()

    def do_tell(self) -> None:
        self.life.session._tell_sources()  # noqa: SLF001 -- as above

    # --- faults --------------------------------------------------------------------------------------------

    def do_crash(self) -> None:
        raise CrashError

    def do_crash_in_a_commit(self) -> None:
        self.bomb = (self.chance.choice(FAIL_POINTS), CrashError)

    def do_failed_commit(self) -> None:
        point = self.chance.choice(FAIL_POINTS[: FAIL_POINTS.index("committed") + 1])
        self.bomb = (point, self.chance.choice((RetryError, duckdb.IOException)))

    def do_stop(self) -> None:
        """End well: what is decoded is stored, the rest is read again."""
        while self.life.decoded:
            self.store_batch(self.life)
        self.life.session._storer.finish()  # noqa: SLF001 -- as above
        self.do_tell()
        self.restart()

    def do_zombie(self) -> None:
        """Give a life up that believes it still runs, with what it has decoded."""
        self.do_fetch()
        self.do_decode()
        self.zombie = self.life
        self.restart()

    def do_zombie_wakes(self) -> None:
        """Let it store what it has: once another life stored anything, the fence must hold it off."""
        zombie = self.zombie
        if zombie is None or not zombie.decoded or zombie.rev == self.store.rev:
            return
        bomb, self.bomb = self.bomb, None
        try:
            self.store_batch(zombie)
            zombie.session._storer.finish()  # noqa: SLF001 -- as above
        except FenceError:
            # Which stops the process: its index holds by now what it could not store.
            self.zombie = None
            self.counts["fenced"] += 1
            self.store.crash()
        else:
            raise AssertionError("a zombie wrote")
        finally:
            self.bomb = bomb

    def do_rebalance(self) -> None:
        self.source.rebalance()

    def do_pause(self) -> None:
        self.source.pause()

    def do_clock(self) -> None:
        self.clock_us += self.chance.choice((-3_600, 3_600, 400_000)) * 1_000_000
