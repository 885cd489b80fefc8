"""The only way to the Rust core: events decoded, link state and authority moved, URLs and batches read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from linktide import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from linktide._core import EventBatch
    from linktide._core import Snapshot as SnapshotCore
    from linktide.sources.source import Chunk

URL_POLICY_VERSION: str = str(_core.URL_POLICY_VERSION)
"""Version of the URL policy that this program applies."""

scan_record_batches = _core.scan_record_batches
"""Walk Kafka record batches: (data, fetch offset) → (next offset, records, damaged offset or None)."""

PgServer = _core.PgServer
"""The PostgreSQL endpoint, running; see serve/sql.py."""

AuthorityCore = _core.AuthorityGraph
"""The graph and scores behind `linktide.authority.AuthorityGraph`."""

DomainWeb = _core.DomainWeb
"""The live links of one instant, on their way to a domain graph solved exactly; see explain.py."""


UrlNormalizer = _core.UrlNormalizer
"""Normalises URLs, one or a column; `linktide.url` is the door for users."""

url_rules = _core.url_rules
url_parameters = _core.url_parameters
url_wrappers = _core.url_wrappers
url_flags = _core.url_flags
url_reasons = _core.url_reasons
"""The tables of the URL policy."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Whom to trust, and what is known of domains from elsewhere."""

    trusted: Sequence[str] = ()
    topics: Sequence[tuple[str, Sequence[str]]] = ()
    priors: Sequence[pa.RecordBatch] = ()
    """domain_name, prior; see priors.py."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What an index is told once; see config.py for the meaning."""

    seed: int
    epsilon_busy: float = 1e-2
    epsilon_idle: float = 1e-3
    authority_min_domains: int = 1000
    rel_weights: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of nofollow, ugc and sponsored links beside a followed one's 1."""
    seeds: Seeds = field(default_factory=Seeds)
    tracked: Sequence[str] = ()
    """Domains whose contributions are written once a day of event time."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the tables hold, or hold beyond a snapshot, for `LinkIndex.restore`; see store/rebuild.py.

    Streams are read in this order, each to its end before the next is begun.
    """

    domains: Iterable[pa.RecordBatch]
    pages: Iterable[pa.RecordBatch]
    """Loss registers of pages."""
    page_sets: Iterable[pa.RecordBatch]
    links: Iterable[pa.RecordBatch]
    attributes: Iterable[pa.RecordBatch]
    registers: Iterable[pa.RecordBatch]
    names_of: Callable[[pa.Array], Iterable[pa.RecordBatch]]
    """Names of domains, by key, that none of `domains` has named."""
    page_scores: Iterable[pa.RecordBatch]
    topic_scores: Iterable[pa.RecordBatch]
    contributed: Iterable[pa.RecordBatch]
    new_links: int
    """How many rows `links` has."""
    clock_us: int | None
    rev: int


@dataclass(frozen=True, slots=True)
class SnapshotHead:
    """What a snapshot says of itself."""

    token: str
    base_rev: int
    """Everything up to this revision is in it."""
    end_rev: int
    """Nothing of a later revision is in it."""
    taken_at_us: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VectorNumbers:
    """How exact one vector of authority is."""

    graph: str
    """page or domain."""
    vector: str
    """citation, trust, or a topic."""
    error_bound: float
    error_bound_ratio: float
    error_target: float
    edges_touched: int
    memory_bytes: int


class SnapshotRefusedError(Exception):
    """A snapshot is not to be trusted, or belongs elsewhere; the text completes "it is not used: …"."""


@contextmanager
def refusing_snapshots() -> Iterator[None]:
    """Raise what the core says of a snapshot as SnapshotRefusedError."""
    try:
        yield
    except ValueError as error:
        raise SnapshotRefusedError(str(error)) from error


def read_snapshot(path: Path, facts: Sequence[tuple[str, str]]) -> SnapshotHead:
    """Read begin and end of a snapshot.

    Raises OSError, and SnapshotRefusedError if it is damaged or not for these facts.
    """
    with refusing_snapshots():
        return SnapshotHead(*_core.read_snapshot(path, list(facts)))


@dataclass(frozen=True, slots=True)
class Rows:
    """What one batch appends."""

    tables: Mapping[str, object]
    """Table name → Arrow record batch."""
    rev: int
    clock_us: int | None
    turns: pa.RecordBatch | None = None
    """What became of links to tracked domains; see `turns.rs`."""
    hours: pa.RecordBatch | None = None
    """What of it is news, counted by domain and hour."""


@dataclass(frozen=True, slots=True)
class DomainNumbers:
    """What the core counts of one domain."""

    live_links: int
    new_links: int
    restored_links: int
    lost_links: int
    authority: float | None


class SuffixList:
    """A public suffix list, private section included. Raises ValueError if the text is none."""

    def __init__(self, text: str) -> None:
        self._list = _core.SuffixList(text)
        self.text = text

    @property
    def version(self) -> str:
        """The text's VERSION line; if it has none, `unversioned-` and a hash of the text."""
        return self._list.version

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._list)

    def domain_of(self, host: str) -> str:
        """Return the registrable domain of a host as normalised URLs have it."""
        return self._list.domain_of(host)

    def moved_hosts(self, seed: int, hosts: pa.Table) -> pa.RecordBatch:
        """Return the rows of `hosts` that have another domain by this list.

        `hosts` has authority and domain_name; domain_key, new_domain_name and new_domain_key (under `seed`)
        come with them. Raises ValueError if a column is missing.
        """
        batch = pa.RecordBatch.from_struct_array(hosts.combine_chunks().to_struct_array().combine_chunks())
        return pa.record_batch(self._list.moved_hosts(seed, batch))


class Decoder:
    """Turns chunks into batches of accepted events and dead letters; never fails on their content.

    A batch is full when its unpacked records take `max_batch_bytes` (the columns and the store make several
    copies of it); see `EventBatch.ended_at`. Losses that come from one of `sightings_only_topics` are
    accepted and count for nothing.
    """

    def __init__(
        self,
        public_suffix_list: str,
        seed: int,
        max_event_bytes: int,
        max_batch_bytes: int = 96 << 20,
        sightings_only_topics: Collection[str] = (),
    ) -> None:
        self._sightings_only = frozenset(sightings_only_topics)
        self._decoder = _core.BatchDecoder(public_suffix_list, seed, max_event_bytes, max_batch_bytes)

    def decode(self, chunks: Sequence[tuple[int, Chunk]]) -> EventBatch:
        """Decode (source id, chunk) pairs in order; the GIL is released."""
        return self._decoder.decode(
            [
                (
                    source_id,
                    one.codec.value,
                    one.data,
                    one.first_offset,
                    one.received_at_us,
                    list(one.aborted),
                    one.partition.topic not in self._sightings_only,
                )
                for source_id, one in chunks
            ]
        )


class LinkIndex:
    """Link state and authority of one database. One thread moves it; any thread may read its numbers.

    If the rows of a batch cannot be stored, throw the index away and restore it from the tables.
    """

    def __init__(self, options: IndexOptions) -> None:
        self._index = _core.Index(
            options.seed,
            options.rel_weights,
            epsilon_busy=options.epsilon_busy,
            epsilon_idle=options.epsilon_idle,
            authority_min_domains=options.authority_min_domains,
        )
        self.topics: tuple[str, ...] = ()
        self.is_from_snapshot = False
        """Whether a snapshot spared it most of the tables."""

    @classmethod
    def restore(
        cls,
        options: IndexOptions,
        stored: Stored,
        snapshot: tuple[Path, Sequence[tuple[str, str]]] | None = None,
    ) -> Self:
        """Build the index from the tables, or from a snapshot (file, facts) and what they hold beyond it.

        Raises SnapshotRefusedError if the snapshot is not to be trusted; nothing of it is used then.
        """
        index = cls(options)
        index.set_seeds(options.seeds)
        core = index._index
        if snapshot is not None:
            with refusing_snapshots():
                core.load_snapshot(snapshot[0], list(snapshot[1]))
            index.is_from_snapshot = True
        index.restore_domains(stored.domains)
        for rows in stored.pages:
            core.restore_pages(rows)
        for rows in stored.page_sets:
            core.restore_page_sets(rows)
        core.reserve_links(int(core.numbers()["known_links"]) + stored.new_links)
        for rows in stored.links:
            core.restore_links(rows)
        for rows in stored.attributes:
            core.restore_attributes(rows)
        for rows in stored.registers:
            core.restore_registers(rows)
        nameless = pa.array(core.nameless_domains())
        if len(nameless):
            index.restore_domains(stored.names_of(nameless))
        index.restore_scores(stored.page_scores, stored.topic_scores)
        core.set_tracked(list(options.tracked))
        for rows in stored.contributed:
            core.restore_contributed(rows)
        core.restored(stored.clock_us, stored.rev)
        return index

    def begin_snapshot(
        self, path: Path, facts: Sequence[tuple[str, str]], token: str, taken_at_us: int
    ) -> SnapshotCore:
        """Begin a snapshot in a file of its own; raises OSError if it cannot be made."""
        return self._index.begin_snapshot(path, list(facts), token, taken_at_us)

    def step_snapshot(self, snapshot: SnapshotCore, budget_seconds: float) -> int | None:
        """Save for about so long, between two batches; return the size of the file once it is whole.

        Raises OSError, and SnapshotRefusedError if the vectors of authority became others meanwhile.
        """
        with refusing_snapshots():
            return snapshot.step(self._index, budget_seconds)

    def finish_snapshot(self, snapshot: SnapshotCore) -> int:
        """Save all that is left; return the size of the file. Raises as `step_snapshot`."""
        with refusing_snapshots():
            return snapshot.finish(self._index)

    def fingerprint(self) -> Mapping[str, int]:
        """Return sums of hashes of the state, by part: equal states have equal ones. For tests and audits."""
        return {**self._index.fingerprint(), "missing timers": self._index.missing_timers()}

    def set_seeds(self, seeds: Seeds) -> None:
        """Take seeds and priors in place of those before; domains not met yet count later."""
        self._index.set_priors(list(seeds.priors))
        self.topics = tuple(name for name, _ in seeds.topics)
        self._index.set_seeds(list(seeds.trusted), [(name, list(names)) for name, names in seeds.topics])

    def restore_scores(
        self, page_scores: Iterable[pa.RecordBatch], topic_scores: Iterable[pa.RecordBatch]
    ) -> None:
        """Take what was last written of pages and topics, so that only what moved is written again."""
        for rows in page_scores:
            self._index.restore_page_scores(rows)
        for rows in topic_scores:
            self._index.restore_topic_scores(rows)

    def restore_domains(self, domains: Iterable[pa.RecordBatch]) -> None:
        """Take what was last written of domains."""
        for rows in domains:
            self._index.restore_domains(rows)

    def apply(self, batch: EventBatch, observations_of: Callable[[pa.RecordBatch], pa.Table]) -> Rows:
        """Take a batch and return its rows.

        `observations_of` is asked, at most once, for the stored observations of links with late evidence,
        given as link_id and page_key.
        """
        late_links = pa.record_batch(self._index.begin(batch))
        stored = observations_of(late_links).to_batches() if len(late_links) else []
        changes = self._index.finish(stored)
        turns, hours = (
            None if told is None else pa.record_batch(told) for told in (changes.turns(), changes.hours())
        )
        return Rows(changes.tables(), changes.rev, changes.clock_us, turns, hours)

    def settle(self) -> Rows | None:
        """Bring authority to its idle error; None if no shown score moved."""
        changes = self._index.settle()
        return None if changes is None else Rows(changes.tables(), changes.rev, changes.clock_us)

    @property
    def memory_bytes(self) -> int:
        """Memory that the index holds, all parts."""
        return int(self.numbers()["memory_bytes"])

    def shrink(self) -> None:
        """Give back memory that is reserved and not needed now; takes some time."""
        self._index.shrink()

    def numbers(self) -> Mapping[str, float]:
        """Return the numbers of the whole index, by name."""
        return self._index.numbers()

    def domain_numbers(self, names: Sequence[str]) -> list[DomainNumbers | None]:
        """Return what the core counts of each domain; None for one it has not met."""
        found = self._index.domain_numbers(list(names))
        return [None if numbers is None else DomainNumbers(*numbers) for numbers in found]

    def vectors(self) -> list[VectorNumbers]:
        """Return how exact each vector of authority is."""
        return [VectorNumbers(*numbers) for numbers in self._index.vectors()]

    def audit(self) -> pa.RecordBatch:
        """Return one row a vector: its true error by one exact solve of each, beside what is promised.

        Batches wait while the graphs are copied, not while they are solved.
        """
        return pa.record_batch(self._index.audit())

    def scores(self) -> pa.RecordBatch:
        """Return domain_name, citation and residual of every domain, shown or not."""
        return pa.record_batch(self._index.scores())
