"""What the service tells the built-in page: numbers that cost nothing, statements whose answers are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from linktide.errors import RetryError
from linktide.serve.live_view import authority_told
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from linktide.metrics.batch import BatchReport
    from linktide.metrics.values import Metrics
    from linktide.serve.opened import Opened

REST = 20.0
"""An answer is kept for so many times as long as it took: a statement costs 5 % of a core at most."""


class PageState:
    """Implements `serve.api.PageApi` on whatever session is open now."""

    def __init__(  # noqa: PLR0913 - what it tells of comes from so many parts
        self,
        metrics: Metrics,
        report: BatchReport,
        tracked: Sequence[tuple[str, str]],
        *,
        opened: Callable[[], Opened | None],
        not_ready_because: Callable[[], str | None],
        is_stopping: Callable[[], bool],
        now_us: Callable[[], int],
    ) -> None:
        self._metrics = metrics
        self._report = report
        self.tracked = tracked
        """(domain, role) in the order to show them."""
        self._opened = opened
        self._not_ready_because = not_ready_because
        self._is_stopping = is_stopping
        self._now_us = now_us

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.fromtimestamp(self._now_us() / 1e6, UTC)

    def revision(self) -> int | None:
        """Return the newest stored batch; 0 while the store is not open, None once the service ends."""
        if self._is_stopping():
            return None
        open_now = self._opened()
        return 0 if open_now is None else open_now.session.stored_rev

    def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Run one of the page's own statements, or return its kept answer."""
        return self._now_open().page_answers.read(sql, parameters)

    def read_all(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Run one of the page's own statements for a download; its answer is not kept."""
        return self._now_open().readers.query(sql, Role.ADMIN, parameters).table

    def ask(self, sql: str) -> pa.Table:
        """Run a statement as an outsider may."""
        return self._now_open().readers.query(sql, Role.READER).table

    def health(self) -> Mapping[str, object]:
        """Return how the pipeline is, without a statement."""
        metrics, open_now, reason = self._metrics, self._opened(), self._not_ready_because()
        told: dict[str, object] = {
            "not_ready_because": reason,
            "events": self._report.totals.events,
            "dead_letters": self._report.totals.dead_letters,
            "events_per_second": self._report.events_per_second(self._now_us()),
            "freshness_p99_seconds": metrics.quantile("linktide_pipeline_freshness_seconds", 0.99),
            "last_commit_seconds_ago": None,
            "live_links": None,
            "domains": None,
            "lag": None,
            "error_bound": None,
            "error_bound_ratio": None,
            "error_target": None,
            "file_bytes": None,
            "free_bytes": None,
            "is_synthetic": False,
        }
        if (committed := metrics.value("linktide_pipeline_last_commit_timestamp_seconds")) > 0:
            told["last_commit_seconds_ago"] = max(0.0, self._now_us() / 1e6 - committed)
        if open_now is not None:
            lag = open_now.session.lag()
            numbers = open_now.index.numbers()
            told |= {
                "live_links": int(numbers["live_links"]),
                "domains": int(numbers["domains"]),
                "lag": sum(lag.values()),
                "error_bound": numbers["authority_error_bound"],
                "error_bound_ratio": numbers["authority_error_bound_ratio"],
                "error_target": numbers["authority_error_target"],
                "file_bytes": open_now.database.file_bytes() + open_now.database.wal_bytes(),
                "free_bytes": open_now.database.free_bytes(),
                "is_synthetic": any(part.cluster == "demo" for part in lag),
            }
        return told

    def domains(self, names: Sequence[str]) -> list[Mapping[str, object] | None]:
        """Return what the core counts of each domain; None for one it has not met."""
        open_now = self._now_open()
        is_shown = bool(open_now.index.numbers()["authority_is_shown"])
        return [
            None
            if counted is None
            else {"live_links": counted.live_links} | authority_told(counted, is_authority_shown=is_shown)
            for counted in open_now.index.domain_numbers(names)
        ]

    def _now_open(self) -> Opened:
        open_now = self._opened()
        if open_now is None:
            raise RetryError(f"The store is not open now: {self._not_ready_because()}; try again soon.")
        return open_now
