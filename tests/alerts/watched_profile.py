"""A store whose profile is looked at and judged as the service does it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from hand_made_store import NOW, Store, Story, day, micros

from linktide.alert_desk import AlertDesk
from linktide.alert_watch import AlertWatch
from linktide.metrics.values import Metrics
from linktide.profile_watch import ProfileWatch
from linktide.store.reader import ReaderPool, ReaderSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linktide.alerts.facts import ProfileFacts

OWN = "mine.org"
TICKS = count(1)
"""A wall clock that never stands still."""


@dataclass
class Watched:
    """A store, the readers beside its writer, and a watch and a desk on both."""

    store: Store
    pool: ReaderPool
    seconds: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    watch: ProfileWatch = field(init=False)
    desk: AlertDesk = field(init=False)

    def __post_init__(self) -> None:
        self.watch = ProfileWatch(
            self.metrics, [OWN], 300.0, lambda: next(TICKS), monotonic=lambda: self.seconds
        )
        self.watch.opened(self.pool)
        service = AlertWatch(self.metrics, lambda: micros(NOW), 0)
        self.desk = AlertDesk(self.metrics, [(OWN, "own")], service, has_webhook=True)
        self.desk.begin(self.store.database.connection, None)

    def look(self) -> ProfileFacts:
        self.watch.look(OWN)
        (facts,) = self.watch.take()
        return facts

    def judge(self) -> list[tuple[str, str]]:
        """Look, judge, and return the alerts there are now."""
        self.desk.tick(self.store.writer, [self.look()])
        rows = self.store.dicts("SELECT alert, state FROM alerts ORDER BY started_at, state DESC")
        return [(row["alert"], row["state"]) for row in rows]

    def calls(self) -> list[tuple[str, str]]:
        found = self.store.dicts(
            "SELECT alert_id, state FROM internal.alert_notices ORDER BY noted_at, notice_id"
        )
        return [(row["alert_id"].split("/")[0], row["state"]) for row in found]

    def gauge(self, name: str) -> bool:
        return f'linktide_{name}{{domain="{OWN}",role="own"}}'.encode() in self.metrics.exposition()


@contextmanager
def watching(folder: Path) -> Iterator[Watched]:
    """Make an empty store that is watched."""
    with Store(folder / "a.duckdb") as store:
        pool = ReaderPool.of(store.database, ReaderSettings(size=1, wait_seconds=0.05))
        yield Watched(store, pool)
        pool.close()


def live(story: Story, link: int, source: str, target: str, since: float = 1, **values: Any) -> Story:  # noqa: ANN401
    story.link(link, source, target, attributes_at=day(since), **values)
    return story.state(link, 1, started_at=day(since), last_seen=day(since)).life(link, day(since))


def answered(story: Story, target: str, code: int, at: float, off: int) -> Story:
    """Tell what a page answered; it must be the target of a link of the store."""
    key = Story().link(1, "x.com/", target).records["links"][0]["target_key"]
    return story.add(
        "target_status", target_key=key, target_url=f"https://{target}", observed_at=day(at),
        record_at=day(at), source_id=1, off=off, http_code=code,
    )  # fmt: skip
