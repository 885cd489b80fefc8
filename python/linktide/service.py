"""The long-lived service: builds every part, runs one pipeline session after another, answers HTTP."""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linktide.alerting import Alerting
from linktide.authority_desk import AuthorityDesk
from linktide.backoff import Backoff
from linktide.configured import (
    decoder_of,
    kafka_ranges,
    kafka_source,
    now_us,
    open_database,
    pipeline_settings,
    reader_settings,
)
from linktide.errands import Workplace
from linktide.errors import ConfigError, LinktideError, RetryError
from linktide.index import PgServer, SuffixList
from linktide.memory_limit import MemoryLimit
from linktide.metrics.batch import BatchReport, Totals
from linktide.metrics.index_counters import IndexCounters
from linktide.metrics.values import Metrics
from linktide.mine_desk import MineDesk
from linktide.pauses import PauseDesk
from linktide.pipeline import Parts, Session
from linktide.publisher import Publisher
from linktide.recovery_desk import RecoveryDesk
from linktide.restore import (
    index_options,
    read_seeds,
    reseed_index,
    restore_index,
    warn_of_unknown,
    with_seeds,
)
from linktide.segment_watch import SegmentWatch
from linktide.serve.http import build_app
from linktide.serve.live_view import version
from linktide.serve.server import HttpServer
from linktide.serve.sql import SqlServing
from linktide.serve.state import ServiceState
from linktide.snapshot import Snapshots
from linktide.sources.push import PushSource
from linktide.store.database import Database, check_unlocked
from linktide.store.reader import ReaderPool
from linktide.store.rebuild import read_positions
from linktide.store.writer import StoreWriter
from linktide.suffix_desk import SuffixDesk
from linktide.suffix_watch import SuffixWatch
from linktide.suffixes import misplaced
from linktide.supervisor import Supervisor
from linktide.upkeep import PAUSES, Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linktide.config import Config
    from linktide.index import Decoder, LinkIndex
    from linktide.sources.source import Partition, Position, Source

_LOG = logging.getLogger("linktide")


def _now() -> datetime:
    return datetime.now(UTC)


class Service:
    """One database, its sources and its readers."""

    def __init__(  # noqa: PLR0913 - the builder takes its parts by name
        self,
        config: Config,
        *,
        sources: Sequence[Source] | None = None,
        stop_when_exhausted: bool = False,
        has_http: bool | None = None,
        on_stored: Callable[[Totals], None] | None = None,
        at_fail_point: Callable[[str], None] | None = None,
        reload: Callable[[], Config] | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """Name the parts; nothing is opened before `run`.

        `sources` replace the configured Kafka source; with `stop_when_exhausted` no pushes are taken and
        `run` returns when all of them are stored. `at_fail_point` is the kill tests' bomb. `reload`
        reads the configuration again at SIGHUP. `supervisor` speaks to who started the process.
        """
        self._config = config
        self._has_http = config.http_enabled if has_http is None else has_http
        self._at_fail_point = at_fail_point
        self._push = (
            None if stop_when_exhausted else PushSource(now_us=now_us, inbox_bytes=config.queue_max_bytes)
        )
        self._stop = threading.Event()
        self._ends_by_itself = ends = stop_when_exhausted
        self.stopped_by: int | None = None
        self._reload, self._is_reload_asked, self._has_begun = reload, False, False
        self._supervisor = supervisor or Supervisor(None, None, time.monotonic)
        self._metrics = Metrics()
        self._memory = MemoryLimit(config.index_memory_limit, self._metrics, ends_by_itself=ends)
        self._pauses = PauseDesk(self._metrics, PAUSES, ends_by_itself=ends)
        given = [kafka_source(config, self._stop.is_set, self._metrics)] if sources is None else sources
        self._sources: list[Source] = [source for source in (*given, self._push) if source is not None]
        self._report = BatchReport(self._metrics, on_stored)
        self._server: HttpServer | None = None
        self._suffixes = SuffixDesk(SuffixWatch(config.public_suffix_list, self._metrics, _now))
        self._authority, self._mine = AuthorityDesk(), MineDesk(config, self._metrics)
        every, clock = config.snapshot_every_seconds, time.monotonic
        self._snapshots = Snapshots(config.database, every, self._metrics, now_us=now_us, monotonic=clock)
        self._recovery, self._segments = self._recovery_desk(), SegmentWatch(self._metrics)
        self.state = ServiceState(
            config,
            self._metrics,
            self._report,
            self._push,
            self._suffixes,
            authority=self._authority,
            most_tracked=config.tracked_max,
            snapshot=self._snapshots.told,
            segments=self._segments.told,
            recovery=self._recovery,
            now_us=now_us,
            is_stopping=self._stop.is_set,
        )
        self._sql = SqlServing(config, self.state, self._metrics, PgServer, is_on=not ends)
        self._publisher = Publisher(config, self._recovery, self._metrics, is_on=not ends)
        self._counters = IndexCounters(self._metrics, self.state.tracked)
        self._alerts = Alerting(config, self._metrics, self.state.tracked, now_us, is_calling=not ends)

    def run(self) -> None:
        """Run until a signal or `stop` ends it, or every source is exhausted.

        Raises StopError, or RetryError if no session could begin within start_retry_seconds; once one has,
        what may pass is retried for ever and `/-/ready` says why it is not ready.
        """
        is_on, sql = not self._ends_by_itself, self._sql
        watching, mine = self._suffixes.watching(is_on=is_on), self._mine.watching(is_on=is_on)
        watched = self._supervisor.watched(self.state.turned_at)
        with self._signals(), watched, watching, mine, self._http(), sql, self._publisher, self._alerts:
            backoff = Backoff()
            has_run = False
            stored = 0
            give_up_at = time.monotonic() + self._config.start_retry_seconds
            while not self._stop.is_set():
                began_at = None
                try:
                    with self._session() as session:
                        has_run = True
                        began_at = time.monotonic()
                        session.run()
                    if not self._suffixes.is_asked:
                        break
                except RetryError as error:
                    if self._stop.is_set():
                        break
                    has_gone_on = self._report.totals.records > stored
                    stored = self._report.totals.records
                    if has_gone_on:
                        give_up_at = time.monotonic() + self._config.start_retry_seconds
                    is_given_up = time.monotonic() >= give_up_at
                    if is_given_up and (self._ends_by_itself or not has_run):
                        raise
                    lived = 0.0 if began_at is None else time.monotonic() - began_at
                    pause = backoff.pause(has_gone_on=has_gone_on, lived_seconds=lived)
                    self._metrics.add("linktide_service_restarts_total")
                    _LOG.error("%s Trying again in %.1f s.", error, pause)
                    self._stop.wait(pause)

    def _recovery_desk(self) -> RecoveryDesk:
        return RecoveryDesk(
            self._metrics,
            lambda topics: kafka_ranges(self._config, topics, self._stop.is_set),
            lambda: self._pauses.reason() or self._memory.trouble,
            self._config.own_tables_max_bytes,
        )

    def stop(self) -> None:
        """End `run` after what is under way; may be called from any thread."""
        self._stop.set()

    @property
    def totals(self) -> Totals:
        """What was stored since the start."""
        return self._report.totals

    def top(self) -> dict[str, object]:
        """Return the data of the live view."""
        return dict(self.state.top())

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Open the store, restore the index, open the sources; close everything afterwards."""
        config = self._config
        database = open_database(config)
        readers: ReaderPool | None = None
        upkeep: Upkeep | None = None
        try:
            at = self._at_fail_point or (lambda _point: None)
            writer = StoreWriter(database, now=_now, at=at)
            upkeep = Upkeep.of(
                database, config, self._metrics, self._pauses, _now, at, self._snapshots.void_floor
            )
            upkeep.hold = lambda: writer.hold
            index = self._open_index(database, writer)
            decoder = decoder_of(config, database.pins)
            stored = read_positions(database)
            readers = ReaderPool.of(database, reader_settings(config))
            parts = self._parts_of(writer, upkeep, decoder, index, stored)
            session = Session(parts, pipeline_settings(config), stop=self._stop, now_us=now_us)
            for source in self._sources:
                source.open(stored)
            self._alerts.opened(session, database, index, readers)
            self.state.is_up(session, index, database, readers)
            self._recovery.opened(
                Workplace(database, writer, index, decoder, self._alerts.desk.past, upkeep.rest)
            )
            self._suffixes.served()
            if not self._ends_by_itself:
                self._segments.begin(database)
            if self._server is not None:
                # Only who holds the database may say that it serves it.
                self._server.announce(datetime.now(UTC), version(), self._sql.address)
                _LOG.info("Serving %s on port %d.", config.database, self._server.port)
            self._supervisor.ready()
            yield session
            self._recovery.closing()
            self._close_store(writer, upkeep, index)
        except LinktideError as error:
            self.state.is_down(str(error))
            self._supervisor.down(str(error))
            raise
        finally:
            self._recovery.closing()
            why = "hosts get their domains by another public suffix list"
            self.state.is_down(why if self._suffixes.is_asked else "the store is closed")
            self._suffixes.closed()
            self._authority.closed()
            self._alerts.closed()
            self._snapshots.abandon()
            self._close_sources()
            self._segments.end()
            if readers is not None:
                readers.close()
            if upkeep is not None:
                upkeep.close()
            database.close()

    def _open_index(self, database: Database, writer: StoreWriter) -> LinkIndex:
        """Restore the index, after a rekey if one is asked for, and show it to all beside the session."""
        options = index_options(self._config, database.pins.hash_seed)
        began_at = time.monotonic()
        index = self._suffixes.grant(writer, options) or restore_index(
            database, options, self._snapshots.kept(database)
        )
        self._snapshots.opened(database, index, time.monotonic() - began_at)
        warn_of_unknown(index, options.seeds)
        self._alerts.restored(database)
        self._mine.opened(writer)
        self._suffixes.opened(database)
        self._authority.opened(database, index, options)
        self._look_at_domains(SuffixList(database.pins.psl_text))
        return index

    def _parts_of(
        self,
        writer: StoreWriter,
        upkeep: Upkeep,
        decoder: Decoder,
        index: LinkIndex,
        stored: Mapping[Partition, Position],
    ) -> Parts:
        """Put together what a session works with."""
        return Parts(
            self._sources,
            decoder,
            index,
            writer,
            self._report,
            self._counters,
            self._alerts.desk,
            self._memory,
            stored,
            between_batches=lambda: self._between_batches(writer, upkeep, index),
            is_turn_wanted=lambda: self._is_turn_wanted(upkeep),
            upkeep=upkeep.step,
            pause_reason=self._pauses.reason,
            is_to_leave=lambda: self._suffixes.is_asked,
        )

    def _look_at_domains(self, suffixes: SuffixList) -> None:
        """Refuse to start with a domain that is never counted; if a rekey made it so, a warning must do."""
        sentences = misplaced(self._config, suffixes)
        if sentences and not self._has_begun:
            raise ConfigError(sentences[0])
        self._has_begun = True
        for sentence in sentences:
            _LOG.warning("%s", sentence)

    def _is_turn_wanted(self, upkeep: Upkeep) -> bool:
        dues = (self._snapshots.is_due, self._recovery.is_waiting, self._alerts.is_due, self._mine.is_due)
        return self._is_reload_asked or any(dues) or upkeep.is_turn_wanted

    def _between_batches(self, writer: StoreWriter, upkeep: Upkeep, index: LinkIndex) -> bool:
        """Do what needs index and store to stand still together; tell whether scores are to be written."""
        upkeep.hear()
        is_reseeded = self._take_reload(writer.database, index)
        self._snapshots.step(writer, index)
        self._alerts.step(writer)
        self._mine.step(writer)
        return is_reseeded | self._recovery.take_turn()

    def _take_reload(self, database: Database, index: LinkIndex) -> bool:
        """Take seeds, priors and the memory limit of the configuration anew, if SIGHUP asked for it."""
        if not self._is_reload_asked or self._reload is None:
            return False
        self._is_reload_asked = False
        with self._supervisor.reloading():
            try:
                config = self._reload()
                seeds = read_seeds(config)
                self._sql.reload(config)
            except ConfigError as error:
                _LOG.error("The configuration is not taken again: %s", error)
                return False
            self._config = with_seeds(self._config, config)
            self._memory.take(config.index_memory_limit)
            self._mine.take(config)
            reseed_index(database, index, seeds)
            self._authority.reseeded(index_options(self._config, database.pins.hash_seed))
            warn_of_unknown(index, seeds)
            _LOG.info("Took the seeds of authority again: %d trusted domains.", len(seeds.trusted))
        return True

    def _close_sources(self) -> None:
        for source in self._sources:
            with suppress(LinktideError, OSError):
                source.close()

    def _close_store(self, writer: StoreWriter, upkeep: Upkeep, index: LinkIndex) -> None:
        upkeep.rest()
        # A store that cannot checkpoint is sound all the same: its WAL is replayed at the next start.
        with suppress(LinktideError):
            self._alerts.closing(writer)
        with suppress(LinktideError):
            if not self._suffixes.is_asked:
                self._snapshots.finish(writer, index)
            writer.checkpoint()

    @contextmanager
    def _http(self) -> Iterator[None]:
        if not self._has_http:
            yield
            return
        try:
            self._server = HttpServer(self._config, build_app(self.state, self._config))
        except ConfigError:
            # Who starts the same configuration twice must hear of the database, not of the port.
            check_unlocked(self._config.database)
            raise
        try:
            self._server.start()
            yield
        finally:
            self._server.stop()
            self._server = None

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT, if this is the main thread; give them back afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        taken = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        if self._reload is not None:
            taken[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._on_reload)
        try:
            yield
        finally:
            for number, before in taken.items():
                signal.signal(number, before)

    def _on_reload(self, _number: int, _frame: object) -> None:
        self._is_reload_asked = True

    def _on_signal(self, number: int, _frame: object) -> None:
        # No lock may be taken here: the interrupted thread may hold it.
        self.stopped_by = number
        self._stop.set()
        self._supervisor.stopping()
