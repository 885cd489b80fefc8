"""The alerts of a running service: desk, watch and webhook, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from linktide.alert_desk import AlertDesk
from linktide.alert_notifier import Notifier
from linktide.alert_watch import AlertWatch, Store
from linktide.errors import LinktideError
from linktide.profile_watch import ProfileWatch
from linktide.store.alert_rows import WAITING_NOTICES
from linktide.store.gate import Role
from linktide.store.rebuild import read_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.config import Config
    from linktide.index import LinkIndex
    from linktide.metrics.values import Metrics
    from linktide.pipeline import Session
    from linktide.store.database import Database
    from linktide.store.reader import ReaderPool
    from linktide.store.writer import StoreWriter


class Alerting:
    """Lives as long as the service; a session opens and closes it. As a context it makes the calls."""

    def __init__(
        self,
        config: Config,
        metrics: Metrics,
        tracked: Sequence[tuple[str, str]],
        now_us: Callable[[], int],
        *,
        is_calling: bool,
    ) -> None:
        """Take the parts.

        Without `is_calling`, as in an import, calls are stored and wait for a service that makes them, and
        neither the service itself nor what rests on views is judged.
        """
        self._is_calling = is_calling
        self._readers: ReaderPool | None = None
        self._watch = AlertWatch(metrics, now_us, config.min_free_bytes)
        url = config.alerts_webhook_url
        self.desk = AlertDesk(
            metrics,
            tracked,
            self._watch,
            has_webhook=url is not None,
            judges_views=not is_calling or config.alerts_profile_every_seconds > 0,
            on_notice=self._wake,
        )
        own = [name for name, role in tracked if role == "own"]
        every = config.alerts_profile_every_seconds if is_calling else 0.0
        self._profiles = ProfileWatch(metrics, own, every, now_us)
        self._notifier = Notifier(url if is_calling else None, self._waiting, self.desk.answered)

    def __enter__(self) -> Self:
        """Begin to make calls, and to look."""
        self._notifier.start()
        self._profiles.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; calls not answered wait for the next start."""
        self._profiles.stop()
        self._notifier.stop()

    @property
    def is_due(self) -> bool:
        """Whether `step` has something to do."""
        return self._watch.is_due or self.desk.has_struck or self._profiles.has_found

    def step(self, writer: StoreWriter) -> None:
        """Judge the service and its domains between two batches. Raises what a transaction does."""
        if self.is_due:
            self.desk.tick(writer, self._profiles.take())

    def restored(self, database: Database) -> None:
        """Hear that the index is at the newest batch, before the first one of a session."""
        self.desk.begin(database.connection, read_writer(database).clock_us)

    def opened(self, session: Session, database: Database, index: LinkIndex, readers: ReaderPool) -> None:
        """Hear that a session begins."""
        if not self._is_calling:
            return

        def bound_shares() -> Mapping[str, float]:
            return {
                f"{one.graph}/{one.vector}": one.error_bound / one.error_target
                for one in index.vectors()
                if one.error_target > 0
            }

        self._readers = readers
        self._profiles.opened(readers)
        self._watch.store = Store(
            lambda: sum(session.lag().values()), database.free_bytes, database.wal_bytes, bound_shares
        )
        self._notifier.wake()

    def closing(self, writer: StoreWriter) -> None:
        """Hear that the session ends well, while its store is open. Raises what a transaction does.

        A call under way is waited for: what was answered must not be called again by the next session.
        """
        self._readers = None
        self._profiles.closed()
        self._notifier.rest()
        self.desk.strike(writer)

    def closed(self) -> None:
        """Hear that the session is over."""
        self._watch.store = None
        self._readers = None
        self._profiles.closed()

    def _wake(self) -> None:
        self._notifier.wake()

    def _waiting(self) -> Sequence[tuple[str, str]]:
        readers = self._readers
        if readers is None:
            return ()
        try:
            rows = readers.query(WAITING_NOTICES, Role.ADMIN).table.to_pylist()
        except LinktideError:
            # The session ends, or all readers are taken; the next wake or the next minute asks again.
            return ()
        return [(row["notice_id"], row["body"]) for row in rows]
