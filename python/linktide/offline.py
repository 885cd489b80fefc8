"""What is done to a database on which no service runs."""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from linktide.configured import kafka_source, now_us, opened_database, refuse_missing
from linktide.errors import ConfigError, LinktideError, RefusedQueryError, StopError
from linktide.explain import audit_told, explain, instant_us, what_if
from linktide.forget import forget_name, forget_segment
from linktide.metrics.values import Metrics
from linktide.rekey import plan_rekey, rekey
from linktide.restore import index_options, restore_index
from linktide.review_desk import review
from linktide.service import Service
from linktide.setting import parse_domain
from linktide.sources.files import FileSource
from linktide.store.asof import StoredPast
from linktide.store.gate import OWN_TABLES, Role
from linktide.store.own_tables import Loading, Mode, checked_columns, unload
from linktide.store.reader import ReaderSettings
from linktide.store.stopped import open_stopped
from linktide.store.writer import StoreWriter
from linktide.url.scalar import normalize_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide.config import Config
    from linktide.index import SuffixList
    from linktide.metrics.batch import Totals
    from linktide.rekey import Rekeyed
    from linktide.sources.files import InputFile
    from linktide.store.database import Database
    from linktide.store.forget import Forgotten
    from linktide.store.own_tables import OwnTable
    from linktide.table_files import OpenedFiles


class Progress(Protocol):
    """Hears how far an import is, after each batch."""

    def __call__(self, *, done_bytes: int, events: int, dead_letters: int) -> None:
        """Hear totals since the beginning; `done_bytes` counts unpacked bytes."""


def import_files(config: Config, files: Sequence[Path | InputFile], progress: Progress) -> Totals:
    """Take files into a database on which no service runs; a killed import goes on where it was."""
    source = FileSource(files, now_us=now_us)

    def tell(totals: Totals) -> None:
        progress(done_bytes=totals.bytes, events=totals.events, dead_letters=totals.dead_letters)

    return _run_to_end(
        Service(config, sources=[source], stop_when_exhausted=True, has_http=False, on_stored=tell)
    )


def replay_topics(config: Config, topics: Sequence[str], into: Path) -> Totals:
    """Build a database of its own from topics, from their first records to the ends they have now.

    It gets the pins of a new one: this program's URL policy, the public suffix list of today. A replay that
    was stopped goes on. Kafka's own offsets stay as they are. Raises ConfigError where no broker is named or
    `into` is the configured database.
    """
    if into.resolve() == config.database.resolve():
        raise ConfigError(f"{into} is the database itself; name another file by --into.")
    chosen = replace(
        config, database=into, kafka_topics=tuple(topics), kafka_assignment="all", kafka_group_id=None
    )
    source = kafka_source(chosen, lambda: False, Metrics(), is_bounded=True)
    if source is None:
        raise ConfigError("kafka.bootstrap_servers is empty; name the brokers that have the topics.")
    return _run_to_end(Service(chosen, sources=[source], stop_when_exhausted=True, has_http=False))


def _run_to_end(service: Service) -> Totals:
    service.run()
    if service.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if service.stopped_by is not None:
        raise StopError(
            f"Stopped after {service.totals.events:,} events; the same command goes on from there."
        )
    return service.totals


def rekey_stopped(
    config: Config,
    suffixes: SuffixList,
    *,
    is_dry_run: bool,
    at_fail_point: Callable[[str], None] = lambda _point: None,
) -> Rekeyed:
    """Bring another public suffix list into force in a database on which no service runs.

    Raises what `open_database` and `rekey` do; then the old list holds, with all of its state.
    """
    with _opened(config) as database:
        if is_dry_run:
            return plan_rekey(database, database.connection, suffixes)
        writer = StoreWriter(database, now=lambda: datetime.now(UTC), at=at_fail_point)
        rekeyed, _ = rekey(writer, suffixes, index_options(config, database.pins.hash_seed))
        return rekeyed


def audit_stopped(config: Config) -> Mapping[str, object]:
    """Hold the scores of a stopped database against exact ones; the index is built anew for it."""
    with _opened(config) as database:
        return audit_told(restore_index(database, index_options(config, database.pins.hash_seed)))


def explain_stopped(
    config: Config, domain_name: str, from_at: str, to_at: str | None, limit: int
) -> Mapping[str, object]:
    """Tell why the authority of a domain changed, from a stopped database; see `linktide.explain`."""
    from_us, to_us = instant_us(from_at), None if to_at is None else instant_us(to_at)
    with _opened(config) as database:
        past = StoredPast(database.connection, database.path)
        options = index_options(config, database.pins.hash_seed)
        return explain(past, options, domain_name, from_us=from_us, to_us=to_us, limit=limit).told()


def what_if_stopped(
    config: Config, domain_name: str, gained: Sequence[str], lost: Sequence[str]
) -> Mapping[str, object]:
    """Tell what other links would do to the authority of a domain, from a stopped database."""
    with _opened(config) as database:
        past = StoredPast(database.connection, database.path)
        options = index_options(config, database.pins.hash_seed)
        return what_if(past, options, domain_name, gained, lost).told()


@contextmanager
def _opened(config: Config, *, is_checking_segments: bool = True) -> Iterator[Database]:
    """Open the database as its only user; raises ConfigError if there is none."""
    refuse_missing(config)
    with opened_database(config, is_checking_segments=is_checking_segments) as database:
        yield database


def forget_stopped(
    config: Config, name: str, *, at_fail_point: Callable[[str], None] = lambda _point: None
) -> Forgotten:
    """Erase what is stored of a registrable domain or a URL in a database on which no service runs.

    Raises ConfigError if the name is neither, and what `open_database` and `forget_name` do.
    """
    is_url = "/" in name
    wanted = _known_url(name) if is_url else _known_domain(name)
    with _opened(config) as database:
        writer = StoreWriter(database, now=lambda: datetime.now(UTC), at=at_fail_point)
        return forget_name(writer, wanted, index_options(config, database.pins.hash_seed), is_url=is_url)


def forget_segment_stopped(config: Config, file_name: str) -> None:
    """Give up a segment that is damaged or gone. Raises ConfigError if the manifest has no such segment."""
    with _opened(config, is_checking_segments=False) as database:
        if not forget_segment(StoreWriter(database, now=lambda: datetime.now(UTC)), file_name):
            raise ConfigError(f"{config.database} has no segment {file_name}; the error of `run` names it.")


def review_stopped(
    config: Config,
    told: Mapping[str, object],
    *,
    at_fail_point: Callable[[str], None] = lambda _point: None,
) -> Mapping[str, object]:
    """Note what a person says of domains and pages in a database on which no service runs.

    Returns the fields of `Noted`. Raises ReviewRefusedError, and what `open_database` and a commit do.
    """
    with _opened(config) as database:
        writer = StoreWriter(database, now=lambda: datetime.now(UTC), at=at_fail_point)
        noted = review(writer, told)
        writer.checkpoint()
        return asdict(noted)


def load_stopped(config: Config, name: str, mode: str, opened: OpenedFiles) -> Loading:
    """Load an own table into a database on which no service runs; all of it or nothing.

    Raises LoadRefusedError, TableFileError, and what `open_database` and a commit do.
    """
    with _opened(config) as database:
        writer = StoreWriter(database, now=lambda: datetime.now(UTC))
        columns = checked_columns(opened.empty.schema)
        loading = Loading(writer, name, Mode(mode), columns, config.own_tables_max_bytes)
        loading.begin()
        try:
            while loading.copy_slice():
                writer.checkpoint_if_due()
            for rows in opened.slices():
                loading.add(rows)
                writer.checkpoint_if_due()
            loading.finish()
        except BaseException:
            with suppress(LinktideError):  # then the next who opens the file drops it
                loading.abandon()
            raise
        finally:
            writer.checkpoint()
        return loading


def unload_stopped(config: Config, name: str) -> OwnTable:
    """Drop an own table of a database on which no service runs. Raises LoadRefusedError."""
    with _opened(config) as database:
        writer = StoreWriter(database, now=lambda: datetime.now(UTC))
        table = unload(writer, name)
        writer.checkpoint()
        return table


def own_tables_stopped(config: Config) -> Sequence[Mapping[str, object]]:
    """Return the own tables of a database on which no service runs, as its status would tell of them."""
    refuse_missing(config)
    with open_stopped(config.database, ReaderSettings(size=1), f"{config.memory_limit}B") as readers:
        try:
            rows: list[dict[str, object]] = readers.query(OWN_TABLES, Role.ADMIN).table.to_pylist()
        except RefusedQueryError:  # a file of before there were any
            return []
        return rows


def _known_domain(name: str) -> str:
    try:
        return parse_domain(name)
    except ValueError as error:
        raise ConfigError(f"{name} is no bare domain and no URL ({error}).") from error


def _known_url(name: str) -> str:
    found = normalize_url(name)
    if found.url is None:
        raise ConfigError(f"{name} is no URL that linktide takes ({found.reason}).")
    return found.url
