"""Where commands meet the rest of linktide: one thin function each.

The rooms behind it are imported when first needed, so that `init`, `top` and `--help` start at once.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from linktide.errors import ConfigError
from linktide.remote import RunningService, find_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from linktide.config import Config
    from linktide.rekey import Rekeyed
    from linktide.sources.files import InputFile
    from linktide.sources.source import Source

_BROKER_ANSWER_SECONDS = 5.0


class Progress(Protocol):
    """Hears how far a file is. May be called from another thread."""

    def __call__(self, *, done_bytes: int, events: int, dead_letters: int) -> None:
        """Hear totals since the beginning; `done_bytes` counts unpacked bytes."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import stored."""

    events: int
    dead_letters: int


def query(config: Config, sql: str, max_rows: int | None = None) -> pa.Table:
    """Run one statement: by the running service if there is one, else on the stopped file."""
    with import_module("linktide.connection").connect_configured(config) as connection:
        return connection.sql(sql, max_rows=max_rows).arrow()


@contextmanager
def asking(config: Config) -> Iterator[Callable[[str], pa.Table]]:
    """Open what `query` asks once, for many statements."""
    with import_module("linktide.connection").connect_configured(config) as connection:
        yield lambda sql: connection.sql(sql).arrow()


def import_files(config: Config, files: Sequence[Path | InputFile], progress: Progress) -> ImportResult:
    """Take files into the index: through the running service if there is one, else with one made for them."""
    service = find_service(config)
    if service is not None:
        with service:
            return push_files(service, files, progress)
    result = import_module("linktide.offline").import_files(config, files, progress)
    return ImportResult(result.events, result.dead_letters)


def empty_files(paths: Sequence[Path]) -> list[Path]:
    """Return those of the files that hold no event at all."""
    is_empty: Callable[[Path], bool] = import_module("linktide.sources.files").is_empty
    return [path for path in paths if is_empty(path)]


def push_files(
    service: RunningService, files: Sequence[Path | InputFile], progress: Progress
) -> ImportResult:
    """Push files chunk by chunk; what the service has already is passed over, so a stopped import goes on."""
    source = _file_source(files)
    source.open({})
    next_offsets: dict[object, int] = {}
    events = dead_letters = done_bytes = 0
    try:
        while not source.is_exhausted:
            for chunk in source.poll(0.0):
                if next_offsets.get(chunk.partition, 0) < chunk.next_offset:
                    next_offset, accepted, refused = service.push(chunk)
                    next_offsets[chunk.partition] = next_offset
                    events += accepted
                    dead_letters += refused
                done_bytes += len(chunk.data)
                progress(done_bytes=done_bytes, events=events, dead_letters=dead_letters)
    finally:
        source.close()
    return ImportResult(events, dead_letters)


def rekey(
    config: Config, list_path: Path | None, *, is_dry_run: bool
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Bring a list into force: through the running service if there is one, else in the stopped database.

    Returns the fields of `linktide.rekey.Rekeyed`, and what to say of the domains that settings name.
    """
    room = import_module("linktide.suffixes")
    suffixes = room.read_suffix_list(list_path or config.public_suffix_list)
    service = find_service(config)
    told: Mapping[str, Any]
    if service is not None:
        with service:
            told = service.rekey(suffixes.text, is_dry_run=is_dry_run)
    else:
        told = asdict(
            import_module("linktide.offline").rekey_stopped(config, suffixes, is_dry_run=is_dry_run)
        )
    return told, room.misplaced(config, suffixes)


def audit(config: Config) -> Mapping[str, Any]:
    """Hold every score against the exact one: those of the running service, or of the stopped database."""
    service = find_service(config)
    if service is None:
        stopped: Mapping[str, Any] = import_module("linktide.offline").audit_stopped(config)
        return stopped
    with service:
        return service.audit()


def explain(
    config: Config, domain_name: str, from_at: str, to_at: str | None, limit: int
) -> Mapping[str, Any]:
    """Tell why the authority of a domain changed; the fields of `linktide.explain.Explanation.told`."""
    service = find_service(config)
    if service is None:
        room = import_module("linktide.offline")
        stopped: Mapping[str, Any] = room.explain_stopped(config, domain_name, from_at, to_at, limit)
        return stopped
    with service:
        return service.explain(domain_name, from_at, to_at, limit)


def what_if(
    config: Config, domain_name: str, gained: Sequence[str], lost: Sequence[str]
) -> Mapping[str, Any]:
    """Tell what other links would do to the authority of a domain."""
    service = find_service(config)
    if service is None:
        room = import_module("linktide.offline")
        stopped: Mapping[str, Any] = room.what_if_stopped(config, domain_name, gained, lost)
        return stopped
    with service:
        return service.what_if(domain_name, gained, lost)


def backup(config: Config, target: Path, *, is_forced: bool) -> Mapping[str, Any]:
    """Back the database up, beside the running service if there is one; the fields of `recovery.BackedUp`."""
    room = import_module("linktide.recovery")
    service = find_service(config)
    if service is None:
        return asdict(room.back_up(config, target, None, is_forced=is_forced))
    with service:
        return asdict(room.back_up(config, target, service, is_forced=is_forced))


def restore(config: Config, backup: Path, *, is_forced: bool) -> Mapping[str, Any]:
    """Put a backup in the place of the database; the fields of `recovery.PutBack`."""
    return asdict(import_module("linktide.recovery").put_back(config, backup, is_forced=is_forced))


def rebuild(config: Config) -> Mapping[str, Any]:
    """Compare a stopped database with the index built from it; the fields of `recovery.Rebuilt`."""
    return asdict(import_module("linktide.recovery").rebuild(config))


def migrate(config: Config, *, is_dry_run: bool) -> Mapping[str, Any]:
    """Bring the schema up to date; the fields of `recovery.Migrated`."""
    return asdict(import_module("linktide.recovery").migrate_stopped(config, is_dry_run=is_dry_run))


def replay(config: Config, wanted: Mapping[str, object]) -> Mapping[str, Any]:
    """Make events of dead letters, through a running service if there is one: `replay.Replayed`."""
    service = find_service(config)
    if service is not None:
        with service:
            return service.replay(wanted)
    chosen = import_module("linktide.replay").wanted_of(wanted)
    return asdict(import_module("linktide.recovery").replay_stopped(config, chosen))


def fill_topics(config: Config, topics: Sequence[str]) -> Mapping[str, Any]:
    """Fill what is absent of topics, through a running service if there is one: `fill.TopicsFilled`."""
    service = find_service(config)
    if service is not None:
        with service:
            return service.replay({"topics": list(topics)})
    filled = import_module("linktide.recovery").fill_stopped(config, topics)
    return asdict(filled) | {"left": filled.left}


def replay_topics(config: Config, topics: Sequence[str], into: Path) -> ImportResult:
    """Build a database of its own from topics; see `offline.replay_topics`."""
    import_module("linktide.logs").set_up(config)
    totals = import_module("linktide.offline").replay_topics(config, topics, into)
    return ImportResult(totals.events, totals.dead_letters)


def produce(config: Config, path: Path, topic: str, progress: Progress) -> int:
    """Send a file's events to Kafka and return how many the brokers acknowledged."""
    sent: int = import_module("linktide.sources.produce").produce_file(config, path, topic, progress)
    return sent


def check_brokers(config: Config) -> str:
    """Ask the brokers for the topics; returns a sentence, raises BrokerUnreachableError or ConfigError."""
    if not config.kafka_bootstrap_servers:
        return "no broker is configured."
    settings = import_module("linktide.sources.kafka").kafka_settings(config)
    connect = import_module("linktide.sources.kafka.connect")
    consumer = connect.connect_consumer(settings, _BROKER_ANSWER_SECONDS)
    try:
        missing = sorted(set(config.kafka_topics) - consumer.topics())
    finally:
        consumer.close()
    if missing:
        raise ConfigError(f"kafka.topics names {missing[0]}, which the brokers do not have.")
    return f"{', '.join(config.kafka_bootstrap_servers)} answers and has {', '.join(config.kafka_topics)}."


def run_service(config: Config, reload: Callable[[], Config]) -> None:
    """Run the service in this process until it is told to stop; `reload` reads the configuration again."""
    import_module("linktide.logs").set_up(config)
    supervisor = import_module("linktide.supervisor").Supervisor.of(os.environ, os.getpid(), time.monotonic)
    _service_room().Service(config, reload=reload, supervisor=supervisor).run()


def build_demo(config: Config, source: Source) -> DemoService:
    """Build a service that reads one in-process source and stops when that is exhausted."""
    return _service_room().Service(config, sources=(source,), stop_when_exhausted=True)


class DemoService(Protocol):
    """What the demo needs of the service."""

    def run(self) -> None:
        """Run until the source is exhausted or a signal stops it."""

    def top(self) -> Mapping[str, object]:
        """Return what GET /api/v1/top would; any thread may call. A "note" says why there are no figures."""


class _ServiceRoom(Protocol):
    Service: Callable[..., DemoService]

    def import_files(self, config: Config, paths: Sequence[Path], progress: Progress) -> ImportResult: ...

    def rekey_stopped(self, config: Config, suffixes: object, *, is_dry_run: bool) -> Rekeyed: ...


def _service_room() -> _ServiceRoom:
    return cast("_ServiceRoom", import_module("linktide.service"))


def review(config: Config, told: Mapping[str, object]) -> Mapping[str, Any]:
    """Note what is said of domains and pages, by a running service if there is one; the fields of `Noted`."""
    service = find_service(config)
    if service is not None:
        with service:
            return service.review(told)
    stopped: Mapping[str, Any] = import_module("linktide.offline").review_stopped(config, told)
    return stopped


def forget(config: Config, name: str) -> Mapping[str, Any]:
    """Erase what is stored of a domain or a URL in a database on which no service runs."""
    _check_stopped(config)
    told: Mapping[str, Any] = asdict(import_module("linktide.offline").forget_stopped(config, name))
    return told


def forget_segment(config: Config, file_name: str) -> None:
    """Give up a segment of a database on which no service runs."""
    _check_stopped(config)
    import_module("linktide.offline").forget_segment_stopped(config, file_name)


def _check_stopped(config: Config) -> None:
    service = find_service(config)
    if service is not None:
        with service:
            raise ConfigError(f"A service runs on {config.database}; stop it first.")


def _file_source(files: Sequence[Path | InputFile]) -> Source:
    room = import_module("linktide.sources.files")
    source: Source = room.FileSource(files, now_us=lambda: time.time_ns() // 1_000)
    return source
