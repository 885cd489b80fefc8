"""The service as HTTP and the live view see it: safe for any thread, honest while the store is down."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.errors import AbandonedQueryError, LinktideError, RetryError
from linktide.serve import live_view
from linktide.serve.kept_answers import KeptAnswers
from linktide.serve.opened import Opened
from linktide.serve.page_state import REST, PageState
from linktide.serve.stored_facts import source_facts, stored_facts
from linktide.store.catalogue import Catalogue
from linktide.store.gate import OWN_TABLES, Role
from linktide.store.reader import QueryLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from linktide.config import Config
    from linktide.index import LinkIndex
    from linktide.metrics.batch import BatchReport
    from linktide.metrics.values import Metrics
    from linktide.pipeline import Session
    from linktide.serve.api import AuthorityApi, RecoveryApi, SuffixApi
    from linktide.serve.reading import LoadStep
    from linktide.sources.push import PushSource
    from linktide.store.database import Database
    from linktide.store.reader import ReaderPool

_PUSH_WAIT_SECONDS = 60.0
_COUNT_TRIES = 10
_COUNT_PAUSE_SECONDS = 0.5
_PUSHED = """
WITH source AS (
    SELECT source_id FROM internal.source_offsets WHERE cluster = $1 AND topic = $2 AND topic_id = $3)
SELECT (SELECT count(*) FROM internal.link_events e SEMI JOIN source USING (source_id)
        WHERE e.off >= $4 AND e.off < $5) AS accepted,
       (SELECT count(*) FROM internal.dead_letters d SEMI JOIN source USING (source_id)
        WHERE d.off >= $4 AND d.off < $5) AS dead_letters
"""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of pushed lines."""

    next_offset: int
    accepted: int
    dead_letters: int


class ServiceState:
    """Implements `serve.api.ServiceApi` on whatever session is open now."""

    def __init__(  # noqa: PLR0913 - what it tells of comes from eight parts of the service
        self,
        config: Config,
        metrics: Metrics,
        report: BatchReport,
        push: PushSource | None,
        suffixes: SuffixApi,
        *,
        authority: AuthorityApi,
        most_tracked: int,
        snapshot: Callable[[], Mapping[str, object]],
        segments: Callable[[], Mapping[str, object]],
        recovery: RecoveryApi,
        now_us: Callable[[], int],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._report = report
        self._push = push
        self._suffixes = suffixes
        self._authority = authority
        self._snapshot = snapshot
        self._segments = segments
        self._recovery = recovery
        self._now_us = now_us
        self._is_stopping = is_stopping
        self._started_us = now_us()
        self._lock = threading.Lock()
        self._pause = threading.Event().wait
        self._open: Opened | None = None
        self._down_because: str | None = "the store is opening"
        roles = [(name, "own") for name in config.tracked_domains] + [
            (name, "rival") for name in config.rivals
        ]
        self.tracked = roles[:most_tracked]
        """(domain, role) of those with metrics of their own."""
        self.page = PageState(
            metrics,
            report,
            self.tracked,
            opened=lambda: self._open,
            not_ready_because=self.not_ready_because,
            is_stopping=is_stopping,
            now_us=now_us,
        )
        """What the built-in page asks."""
        metrics.set("linktide_tracked_domains_dropped", float(len(roles) - len(self.tracked)))
        metrics.set("linktide_build_info", 1.0, live_view.version())
        for domain, role in self.tracked:
            metrics.set("linktide_live_links", 0.0, domain, role)
        metrics.on_scrape(self._refresh)

    # --- told by the service -------------------------------------------------------------------------------

    def is_up(self, session: Session, index: LinkIndex, database: Database, readers: ReaderPool) -> None:
        """Hear that a session begins."""
        with self._lock:

            def read(sql: str, parameters: Sequence[object]) -> pa.Table:
                return readers.query(sql, Role.ADMIN, parameters).table

            def rev() -> int:
                return session.stored_rev

            kept = KeptAnswers(read, rev), KeptAnswers(read, rev, rest=REST)
            self._open = Opened(session, index, database, readers, *kept, Catalogue(readers))
            self._down_because = None

    def is_down(self, because: str) -> None:
        """Hear that nothing is queryable for the moment; the first reason stays until the next session."""
        with self._lock:
            if self._open is not None:
                self._open.catalogue.close()
            self._open = None
            self._down_because = self._down_because or because

    # --- ServiceApi ----------------------------------------------------------------------------------------

    def query(  # noqa: PLR0913 - all but the text by name
        self,
        sql: str,
        *,
        max_rows: int | None,
        role: Role,
        is_abandoned: Callable[[], bool],
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        timeout_seconds: float | None = None,
        catalogue_sql: str | None = None,
    ) -> pa.Table:
        """Run one statement through the gate; `timeout_seconds` can only lower the setting's.

        `catalogue_sql` is the same as the catalogue is asked it, if it looks like a question to that.
        """
        config = self._config
        seconds = min(config.statement_timeout_seconds, timeout_seconds or config.statement_timeout_seconds)
        limits = QueryLimits(seconds, config.query_max_rows, config.query_max_bytes).narrowed(max_rows)
        try:
            result = self._now_open().catalogue.ask(
                sql,
                catalogue_sql,
                lambda readers, text: readers.query(
                    text, role, parameters, limits, is_abandoned=is_abandoned
                ),
            )
        except LinktideError as error:
            self._metrics.add("linktide_serve_queries_total", 1, _outcome(error))
            raise
        self._metrics.add("linktide_serve_queries_total", 1, "done")
        self._metrics.observe("linktide_serve_query_seconds", result.seconds)
        return result.table

    def describe(
        self, sql: str, *, role: Role, parameters: Sequence[object] | None, catalogue_sql: str | None
    ) -> pa.Schema:
        """Return the columns of one statement that passes the gate."""
        return self._now_open().catalogue.ask(
            sql, catalogue_sql, lambda readers, text: readers.describe(text, role, parameters)
        )

    def push(self, data: bytes, *, topic: str, topic_id: str, first_offset: int | None) -> Pushed:
        """Take NDJSON lines and return once they are stored."""
        if self._push is None:
            raise RetryError("This service takes no pushes.")
        cluster = "file" if topic_id else "push"
        ticket = self._push.submit(
            data, topic=topic, topic_id=topic_id, first_offset=first_offset, cluster=cluster
        )
        next_offset = ticket.wait(_PUSH_WAIT_SECONDS)
        part = ticket.partition
        parameters = [
            part.cluster,
            part.topic,
            part.topic_id,
            next_offset - ticket.accepted_lines,
            next_offset,
        ]
        counted = self._counted(parameters)
        return Pushed(next_offset, counted["accepted"], counted["dead_letters"])

    def _counted(self, parameters: Sequence[object]) -> dict[str, int]:
        """Count what became of stored lines; busy readers are waited for, as the lines are stored already."""
        for _ in range(_COUNT_TRIES):
            try:
                rows: list[dict[str, int]]
                rows = self._now_open().readers.query(_PUSHED, Role.ADMIN, parameters).table.to_pylist()
            except RetryError:
                self._pause(_COUNT_PAUSE_SECONDS)
            else:
                return rows[0]
        raise RetryError("The lines are stored, but no reader was free to count them; sending again is safe.")

    def status(self) -> Mapping[str, object]:
        """Return what the service is and does."""
        open_now, reason = self._open, self.not_ready_because()
        facts: dict[str, object] = {
            "version": live_view.version(),
            "pid": os.getpid(),
            "uptime_seconds": (self._now_us() - self._started_us) / 1e6,
            "database": str(self._config.database),
            "sql_port": int(self._metrics.value("linktide_sql_port")) or None,
            "is_ready": reason is None,
            "not_ready_because": reason,
            "events": self._report.totals.events,
            "dead_letters": self._report.totals.dead_letters,
            "public_suffix_list": self._suffixes.told(),
            "snapshot": self._snapshot(),
            "event_days": self._config.retention_event_days,
            "segments": self._segments(),
        }
        if open_now is not None:
            facts |= stored_facts(open_now.readers)
            facts |= live_view.figures(open_now.index.numbers())
            facts["memory_limit_bytes"] = int(self._metrics.value("linktide_index_memory_limit_bytes"))
            facts["own_tables"] = open_now.readers.query(OWN_TABLES, Role.ADMIN).table.to_pylist()
            facts["mine_files"] = open_now.readers.query("FROM mine_files", Role.ADMIN).table.to_pylist()
            facts["sources"] = source_facts(open_now.readers, open_now.session.lag())
        return facts

    def top(self) -> Mapping[str, object]:
        """Return the data of the live view."""
        open_now = self._open
        if open_now is None:
            return {"tracked": [], "newest": [], "note": self.not_ready_because()}
        numbers = open_now.index.numbers()
        names = [domain for domain, _ in self.tracked]
        return live_view.top(
            live_view.TopInput(
                tracked=self.tracked,
                counted=open_now.index.domain_numbers(names),
                is_authority_shown=bool(numbers["authority_is_shown"]),
                live_links=int(numbers["live_links"]),
                lag=sum(open_now.session.lag().values()),
                events_per_second=self._report.events_per_second(self._now_us()),
                freshness_p99_seconds=self._metrics.quantile("linktide_pipeline_freshness_seconds", 0.99),
                dead_letters=self._report.totals.dead_letters,
                is_synthetic=any(part.cluster == "demo" for part in open_now.session.lag()),
            ),
            open_now.answers.read,
        )

    def rekey(self, text: str, *, is_dry_run: bool) -> Mapping[str, object]:
        """Bring another public suffix list into force, or tell what that would change."""
        return self._suffixes.rekey(text, is_dry_run=is_dry_run)

    def audit(self) -> Mapping[str, object]:
        """Tell how wrong the scores are beside their bounds."""
        return self._authority.audit()

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> Mapping[str, object]:
        """Tell why the authority of a domain changed."""
        return self._authority.explain(domain_name, from_at, to_at, limit)

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> Mapping[str, object]:
        """Tell what other links would do to the authority of a domain."""
        return self._authority.what_if(domain_name, gained, lost)

    def backup(self, step: str, token: str) -> Mapping[str, object]:
        """Take a step of a backup that another process makes."""
        return self._recovery.backup(step, token)

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """Make events of the dead letters that can be."""
        return self._recovery.replay(wanted)

    def load(self, asked: LoadStep) -> Mapping[str, object]:
        """Take a step of a load of an own table, or unload one."""
        return self._recovery.load(asked)

    def review(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """Note what a person says of domains and pages."""
        noted = self._recovery.review(told)
        if (open_now := self._open) is not None:
            open_now.page_answers.forget()  # no batch tells that these rows are others
        return noted

    def exposition(self) -> bytes:
        """Return the metrics in the Prometheus text format."""
        return self._metrics.exposition()

    def not_ready_because(self) -> str | None:
        """Return why events do not flow, None if they do or could."""
        if self._is_stopping():
            return "the service is stopping"
        with self._lock:
            open_now, reason = self._open, self._down_because
        return open_now.session.trouble() if open_now is not None else reason

    def turned_at(self) -> float | None:
        """Return when the work thread last came round, None while it need not."""
        open_now = self._open
        return None if open_now is None else open_now.session.turned_at

    def count_request(self, route: str, status: int) -> None:
        """Hear of one answer."""
        self._metrics.add("linktide_http_requests_total", 1, route, f"{status // 100}xx")

    # --- inside --------------------------------------------------------------------------------------------

    def _now_open(self) -> Opened:
        with self._lock:
            if self._open is None:
                raise RetryError(
                    f"The store is not open now: {self._down_because}; try again in a few seconds."
                )
            return self._open

    def _refresh(self) -> None:
        """Set the gauges that are read rather than told."""
        metrics, open_now = self._metrics, self._open
        metrics.set("linktide_service_is_ready", float(self.not_ready_because() is None))
        if open_now is None:
            return
        numbers = open_now.index.numbers()
        for name, key in _GAUGES.items():
            metrics.set(name, numbers[key])
        for name, size in numbers.items():
            if name.startswith("memory_") and name != "memory_bytes":
                part = name.removeprefix("memory_").removesuffix("_bytes")
                metrics.set("linktide_index_part_memory_bytes", size, part)
        metrics.set("linktide_pipeline_queue_bytes", open_now.session.queue_bytes)
        metrics.set("linktide_store_wal_bytes", open_now.database.wal_bytes())
        metrics.set("linktide_store_file_bytes", open_now.database.file_bytes())
        metrics.set("linktide_store_free_bytes", open_now.database.free_bytes())
        self._report.lagging(open_now.session.lag())
        self._refresh_vectors(open_now.index)
        self._refresh_domains(open_now.index)

    def _refresh_vectors(self, index: LinkIndex) -> None:
        for one in index.vectors():
            labels = (one.graph, one.vector)
            self._metrics.set("linktide_authority_error_bound", one.error_bound, *labels)
            self._metrics.set("linktide_authority_error_bound_ratio", one.error_bound_ratio, *labels)
            self._metrics.set("linktide_authority_error_target", one.error_target, *labels)
            self._metrics.set("linktide_authority_vector_memory_bytes", one.memory_bytes, *labels)

    def _refresh_domains(self, index: LinkIndex) -> None:
        counted = index.domain_numbers([domain for domain, _ in self.tracked])
        for (domain, role), numbers in zip(self.tracked, counted, strict=True):
            if numbers is None:
                continue
            self._metrics.set("linktide_live_links", numbers.live_links, domain, role)
            if numbers.authority is None:
                self._metrics.drop("linktide_authority_score", domain, role)
            else:
                self._metrics.set("linktide_authority_score", numbers.authority, domain, role)


def _outcome(error: LinktideError) -> str:
    if isinstance(error, AbandonedQueryError):
        return "abandoned"
    return "failed" if isinstance(error, RetryError) else "refused"


_GAUGES = {
    "linktide_index_known_links": "known_links",
    "linktide_index_live_links": "live_links",
    "linktide_index_domains": "domains",
    "linktide_index_suspect_timers": "suspect_timers",
    "linktide_index_memory_bytes": "memory_bytes",
    "linktide_index_pages": "pages",
    "linktide_authority_memory_bytes": "authority_memory_bytes",
    "linktide_authority_is_shown": "authority_is_shown",
}
"""Metric → number of the index."""
