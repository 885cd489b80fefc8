"""A stopped database, opened as the commands open it, and runs that fill one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from linktide.config import load
from linktide.configured import open_database
from linktide.explain import explain, what_if
from linktide.restore import index_options, restore_index
from linktide.store.asof import StoredPast
from oracle.compare import query_of
from oracle.events import Event, Origin
from pipeline import whole
from pipeline.test_scores import chunks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.index import IndexOptions, LinkIndex
    from oracle.compare import Query


class Opened:
    """A stopped database as the commands open it."""

    def __init__(self, path: Path, **settings: Any) -> None:  # noqa: ANN401 - as `load` takes them
        self.config = load(flags={"database": path, **settings}, environ={}, folder=path.parent)
        self.database = open_database(self.config)
        self.options: IndexOptions = index_options(self.config, self.database.pins.hash_seed)
        self.query: Query = query_of(self.database.connection)
        self.past = StoredPast(self.database.connection, path)

    def index(self) -> LinkIndex:
        return restore_index(self.database, self.options)

    def explain(self, name: str, from_us: int, to_us: int | None, limit: int = 0) -> dict[str, Any]:
        return explain(self.past, self.options, name, from_us=from_us, to_us=to_us, limit=limit).told()

    def what_if(self, name: str, gained: Sequence[str], lost: Sequence[str]) -> dict[str, Any]:
        return what_if(self.past, self.options, name, gained, lost).told()


@contextmanager
def opened(path: Path, **settings: Any) -> Iterator[Opened]:  # noqa: ANN401 - as above
    one = Opened(path, **settings)
    try:
        yield one
    finally:
        one.database.close()


def in_order(events: Sequence[Event]) -> list[Event]:
    """Number the events anew by time: a web that is told as it happens."""
    ordered = sorted(events, key=lambda event: event.observed_at)
    return [
        replace(event, origin=Origin("memory", "links", 0, number)) for number, event in enumerate(ordered)
    ]


def run(path: Path, events: list[Event], per_batch: int = 60, **settings: Any) -> None:  # noqa: ANN401 - as above
    chunks = chunks_of(events, per_batch)
    whole.run(path, [whole.memory_of(chunks)], batch_max_events=per_batch, **settings)
