"""The Rust core. Takes bytes and Arrow data, releases the GIL, returns Arrow data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, final, type_check_only

from typing_extensions import Buffer

__all__ = [
    "URL_POLICY_VERSION",
    "AuthorityChange",
    "AuthorityGraph",
    "BatchDecoder",
    "Changes",
    "DomainWeb",
    "EventBatch",
    "Index",
    "PgServer",
    "Snapshot",
    "SolvedWeb",
    "Standing",
    "SuffixList",
    "UrlNormalizer",
    "WhatIf",
    "dead_letter_reasons",
    "decode_event",
    "decode_only",
    "read_records",
    "read_snapshot",
    "scan_record_batches",
    "url_flags",
    "url_parameters",
    "url_reasons",
    "url_rules",
    "url_wrappers",
]

URL_POLICY_VERSION: int

@type_check_only
class _RecordBatch(Protocol):
    """An Arrow record batch; `pyarrow.record_batch(it)` takes it over without a copy."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

@type_check_only
class _Array(Protocol):
    """An Arrow array; `pyarrow.array(it)` takes it over without a copy."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

def scan_record_batches(data: Buffer, fetch_offset: int) -> tuple[int, int, int | None]:
    """Walk Kafka record batches: (next offset, records, offset to fetch again or None).

    Checks headers and checksums, decompresses nothing, never raises for what it reads.
    """

def read_records(
    codec: str,
    data: Buffer,
    first_offset: int,
    received_at_us: int,
    aborted: Sequence[tuple[int, int]] = (),
) -> _RecordBatch:
    """Unpack a chunk to (offset int64, timestamp µs UTC, value binary); damaged batches yield nothing.

    Raises ValueError for an unknown codec and for values of 2 GiB or more together.
    """

def dead_letter_reasons() -> list[tuple[str, str]]:
    """Every dead-letter reason and its sentence for the operator, in the order of docs/events.md."""

def decode_event(
    value: bytes | None, record_time_us: int, max_event_bytes: int = 1048576
) -> dict[str, Any] | tuple[str, str]:
    """Decode one message: the fields found, or (reason, detail). For tests and tools, not for streams."""

def decode_only(
    codec: str, data: bytes, first_offset: int, received_at_us: int, max_event_bytes: int
) -> tuple[int, int]:
    """Unpack a chunk and decode its events without looking into URLs: (accepted, refused). For benches.

    Raises ValueError for an unknown codec.
    """

_Distribution: TypeAlias = tuple[list[int], float]

@final
class BatchDecoder:
    """Chunks in, one batch out; a pure function of its input. One call at a time, from any thread.

    Raises ValueError if the text is no public suffix list.
    """

    def __new__(
        cls, public_suffix_list: str, seed: int, max_event_bytes: int, max_batch_bytes: int
    ) -> BatchDecoder: ...
    @property
    def public_suffix_list_version(self) -> str: ...
    def decode(
        self, chunks: Sequence[tuple[int, str, bytes, int, int, Sequence[tuple[int, int]], bool]]
    ) -> EventBatch:
        """Decode chunks.

        Each is (source_id, codec, data, first_offset, received_at_us, aborted, accepts_losses).
        """

@final
class EventBatch:
    """Accepted events and dead letters of some chunks."""

    def __len__(self) -> int:
        """Return the number of accepted events."""

    @property
    def links(self) -> int:
        """Return the number of link events and of links that pages list."""

    @property
    def ended_at(self) -> tuple[int, int] | None:
        """Where the batch was full: (place of the chunk, first offset not read); None if all was read."""

    def by_source(self) -> list[tuple[int, int, int, int | None]]:
        """Return (source_id, events, dead letters, greatest record time in µs) by source."""

    def by_kind(self) -> list[tuple[str, int]]:
        """Return accepted events by name."""

    def by_reason(self) -> list[tuple[str, int]]:
        """Return dead letters by reason."""

    def delays(
        self, now_us: int, freshness_bounds: Sequence[float], delay_bounds: Sequence[float]
    ) -> tuple[_Distribution, _Distribution]:
        """Return (freshness, source delay): counts by bucket, and their sum in seconds."""

@final
class Snapshot:
    """A snapshot under way; see `Index.begin_snapshot`."""

    def step(self, index: Index, budget_seconds: float) -> int | None:
        """Save for about so many seconds, between two batches; the size of the file once it is whole.

        Raises OSError, or ValueError if the vectors changed.
        """

    def finish(self, index: Index) -> int:
        """Save all that is left and wait until it is on the disk; raises as `step`."""

def read_snapshot(path: Path, facts: Sequence[tuple[str, str]]) -> tuple[str, int, int, int, int]:
    """Return (token, base revision, newest revision, taken at µs, bytes); raises as `load_snapshot`."""

@final
class Index:
    """Link state and authority. One thread moves it; others may read its numbers.

    Raises ValueError for an option out of range.
    """

    def __new__(
        cls,
        seed: int,
        rel_weights: tuple[float, float, float],
        *,
        alpha: float = 0.85,
        epsilon_busy: float = 1e-2,
        epsilon_idle: float = 1e-3,
        authority_min_domains: int = 1000,
    ) -> Index: ...
    def restore_domains(self, rows: _RecordBatch) -> None:
        """Take domains of the tables."""

    def reserve_links(self, links: int) -> None:
        """Make room for so many links of the tables."""

    def restore_links(self, rows: _RecordBatch) -> None:
        """Take wide rows of links, after the domains."""

    def restore_attributes(self, rows: _RecordBatch) -> None:
        """Take current attributes of links that have more than their wide row, after the links."""

    def restore_registers(self, rows: _RecordBatch) -> None:
        """Take state rows of links, after the links, in any order."""

    def nameless_domains(self) -> _Array:
        """Return the keys of the domains that links brought and no domain row has named."""

    def load_snapshot(self, path: Path, facts: Sequence[tuple[str, str]]) -> None:
        """Take what a snapshot holds, into a new index whose seeds are set.

        Raises ValueError if it is not to be trusted or belongs elsewhere, OSError if it cannot be read; the
        index is of no use then.
        """

    def begin_snapshot(
        self, path: Path, facts: Sequence[tuple[str, str]], token: str, taken_at_us: int
    ) -> Snapshot:
        """Begin a snapshot in a file of its own; raises OSError if it cannot be made."""

    def fingerprint(self) -> dict[str, int]:
        """Return sums of hashes of the state, by part: equal states have equal ones. Takes a while."""

    def missing_timers(self) -> int:
        """Return how many suspect links have no timer; 0 unless something is wrong."""

    def restore_pages(self, rows: _RecordBatch) -> None:
        """Take loss registers of pages of the tables, before the links."""

    def restore_page_sets(self, rows: _RecordBatch) -> None:
        """Take the ids of the contents of pages that are stored."""

    def restore_page_scores(self, rows: _RecordBatch) -> None:
        """Take scores of pages of the tables, after the links."""

    def restore_topic_scores(self, rows: _RecordBatch) -> None:
        """Take topical scores of the tables, after the domains and the seeds."""

    def set_seeds(self, trusted: Sequence[str], topics: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Take seed sets in place of those before; a domain that no link has named yet counts later."""

    def set_priors(self, rows: Sequence[_RecordBatch]) -> None:
        """Take priors (domain_name, prior) in place of those before."""

    def restored(self, clock: int | None, rev: int) -> None:
        """Set clock (µs) and revision once all links are in; authority is solved."""

    def begin(self, batch: EventBatch) -> _RecordBatch:
        """Take a batch; returns link_id and page_key of links whose stored observations `finish` needs."""

    def finish(self, stored: Sequence[_RecordBatch] = ()) -> Changes:
        """Complete the batch with the observations of the links that `begin` named."""

    def settle(self) -> Changes | None:
        """Drain authority to the idle error; None if no shown score moved."""

    def scores(self) -> _RecordBatch:
        """Return domain_name, citation, residual of all domains."""

    def numbers(self) -> dict[str, float]:
        """Return numbers of the whole index, by name."""

    def set_tracked(self, names: Sequence[str]) -> None:
        """Write contributions of these domains, once a day of event time."""

    def restore_contributed(self, rows: _RecordBatch) -> None:
        """Take when contributions were last written: domain_key, scored_at."""

    def audit(self) -> _RecordBatch:
        """Return one row a vector: its true error beside what is promised."""

    def vectors(self) -> list[tuple[str, str, float, float, float, int, int]]:
        """Return (graph, vector, bound, bound over sum, target, edges followed, bytes) of every vector."""

    def shrink(self) -> None:
        """Give back memory that is reserved and not needed now."""

    def domain_numbers(self, names: Sequence[str]) -> list[tuple[int, int, int, int, float | None] | None]:
        """Return (live backlinks, new, restored, lost, authority or None) of each named domain."""

@final
class Changes:
    """The rows that a batch appends."""

    def tables(self) -> dict[str, _RecordBatch]:
        """Return table name → record batch; only tables with rows."""

    def turns(self) -> _RecordBatch | None:
        """Return turns of links to tracked domains; None if there are none."""
    def hours(self) -> _RecordBatch | None:
        """Return those of them that are news, counted by domain and hour; None if none is."""

    @property
    def rev(self) -> int: ...
    @property
    def clock_us(self) -> int | None: ...

@type_check_only
class _ArrayStream(Protocol):
    """Arrow arrays in chunks."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class SuffixList:
    """A public suffix list, private section included.

    Raises ValueError if the text is no public suffix list.
    """

    def __new__(cls, text: str) -> SuffixList: ...
    @property
    def version(self) -> str:
        """The file's VERSION line; if it has none, `unversioned-` and a hash of the text."""

    def __len__(self) -> int:
        """Return how many rules there are."""

    def domain_of(self, host: str) -> str:
        """Return the registrable domain of a host as normalised URLs have it."""

    def moved_hosts(self, seed: int, hosts: _RecordBatch) -> _RecordBatch:
        """Return of authority, domain_name those whose domain is another one by this list.

        domain_key, new_domain_name, new_domain_key come with them. Raises ValueError if a column is missing.
        """

@final
class UrlNormalizer:
    """Normalises URLs by the policy, with a public suffix list given as text. Any thread may call.

    Raises ValueError if the text is no public suffix list, or an option cannot be.
    """

    POLICY_VERSION: Final[int]

    def __new__(
        cls,
        psl_text: str,
        *,
        level: str = "index",
        ftp: bool = False,
        assume_scheme: str | None = None,
        keep_hashbang: bool = False,
        keep_hashroute: bool = False,
        max_output_bytes: int = 8192,
        reject_private: bool = False,
        unwrap_redirects: bool = False,
        unwrap_amp: bool = False,
        extra_tracking: Sequence[str] = ...,
    ) -> UrlNormalizer: ...
    @property
    def suffixes_version(self) -> str: ...
    @property
    def suffixes_rules(self) -> int: ...
    def normalize(
        self, url: bytes, base: str | None = None
    ) -> tuple[
        str | None,
        str | None,
        str | None,
        bytes | None,
        int | None,
        int | None,
        str | None,
        int | None,
    ]:
        """Return url, host, domain, url_id, domain_id, cluster_key, reason, flags of one URL."""

    def normalize_columns(
        self,
        urls: _Array | _ArrayStream,
        bases: str | _Array | _ArrayStream | None = None,
        threads: int = 1,
    ) -> list[_Array]:
        """Return struct arrays of the rows, in order: one, unless a column of texts takes 2 GiB.

        Raises TypeError for arrays that hold no text, ValueError for bases that are not as many.
        """

    def explain(
        self, url: bytes, base: str | None = None
    ) -> tuple[list[tuple[str, list[str], str, str, str]], str | None]:
        """Return (level, rules, part, before, after) of each change, and the cluster form."""

def url_rules() -> list[
    tuple[str, str, list[str], str, str, list[tuple[str, str | None, list[str], str, str]]]
]:
    """Every rule: id, level, options, when, what, vectors (input, base, settings, kind, expected)."""

def url_parameters() -> list[list[str]]:
    """Every dropped parameter: name, match, kind, maker, how the page was found, page."""

def url_wrappers() -> list[tuple[str, str, str, str, str]]:
    """Every page that is unwrapped: maker, option, host, path, where the target stands."""

def url_flags() -> list[tuple[str, int, str]]:
    """Every flag: name, bits, meaning."""

def url_reasons() -> list[tuple[str, int, str, str]]:
    """Every reason: name, code, rule, meaning."""

@type_check_only
class _RecordBatches(Protocol):
    """A stream of Arrow record batches: a table, a data frame, a reader."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class AuthorityGraph:
    """Links and the authority of their nodes, kept within epsilon. One call at a time, from any thread.

    Raises ValueError for a setting out of range and for seeds that cannot be taken.
    """

    def __new__(
        cls, alpha: float, epsilon: float, threshold: str, seeds: Sequence[tuple[int | str, float]] | None
    ) -> AuthorityGraph: ...
    def apply(self, batch: _RecordBatch | _RecordBatches) -> tuple[int, int, int, int, int, int, bool]:
        """Apply edits and drain.

        Returns (added, dropped, reweighted, unchanged, unknown drops, edges touched, solved in bulk).
        """

    def scores(self) -> _RecordBatch:
        """Return id, score, residual of every node."""

    def solve_exact(self) -> _RecordBatch:
        """Return the same columns, solved exactly; changes nothing."""

    @property
    def error_bound(self) -> float: ...
    @property
    def edges_touched(self) -> int: ...
    @property
    def link_count(self) -> int: ...
    @property
    def node_count(self) -> int: ...
    @property
    def unlinked_seed_count(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

@final
class DomainWeb:
    """The live links of one instant, on their way to a domain graph. Raises ValueError once it is solved."""

    def __new__(
        cls, seed: int, rel_weights: tuple[float, float, float], *, alpha: float = 0.85
    ) -> DomainWeb: ...
    def take_domains(self, rows: _RecordBatch) -> None:
        """Take domain_key, domain_name."""

    def take_priors(self, rows: _RecordBatch) -> None:
        """Take domain_name, prior."""

    def take_links(self, rows: _RecordBatch) -> None:
        """Take source_key, s_dom_key, t_dom_key, rel, link_type of links that live, in any order."""

    def solve(self) -> SolvedWeb:
        """Fold the links into edges between domains and solve exactly."""

@final
class SolvedWeb:
    """A domain graph and its exact citation."""

    def standing(self, domain_name: str) -> Standing | None:
        """Return what it says of a domain; None if the domain has no name here."""

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> WhatIf:
        """Return what other links would do; ValueError if that cannot be asked."""

    @property
    def linked_sources(self) -> int: ...
    @property
    def node_count(self) -> int: ...
    @property
    def link_count(self) -> int: ...

@final
class Standing:
    """One domain at one instant."""

    @property
    def citation(self) -> float: ...
    @property
    def link_count(self) -> int: ...
    def change_to(self, after: Standing) -> AuthorityChange:
        """Return the change from here to another standing of the domain."""

@final
class AuthorityChange:
    """A change of citation in parts that add up to it."""

    def rows(self) -> _RecordBatch:
        """Return one row for each in-edge, and the prior, the largest first."""

    def parts(self) -> dict[str, float]:
        """Return the sum of each part."""

    def numbers(self) -> dict[str, float]:
        """Return citation, points and links before and after, and the change."""

@final
class WhatIf:
    """A domain as it is and as it would be."""

    def rows(self) -> _RecordBatch:
        """Return one row for each domain that gains or loses its link."""

    def numbers(self) -> dict[str, float]:
        """Return citation and points before and after, exact and to first order, the error and its bound."""

@final
class PgServer:
    """A running PostgreSQL endpoint, in threads of its own.

    `engine` has `run(sql, catalogue_sql, parameters, role, timeout_seconds, is_abandoned)`, which returns a
    table, and `describe(sql, catalogue_sql, parameters, role)`, which returns a schema; both are called from
    many threads at once. An exception with an attribute `code` is told to the client with it. A user is
    (name, role, salt, iterations, stored key, server key); without users anybody comes in, as a reader.
    Raises OSError if it cannot listen, ValueError for what is no address, certificate or key.
    """

    def __new__(
        cls,
        engine: object,
        host: str,
        port: int,
        *,
        connections: int,
        tls: tuple[Path, Path] | None,
        needs_tls: bool,
        spill_folder: Path,
        spill_bytes: int,
        users: Sequence[tuple[str, str, bytes, int, bytes, bytes]] | None,
    ) -> PgServer: ...
    @property
    def port(self) -> int:
        """The port it listens on."""

    def replace_users(self, users: Sequence[tuple[str, str, bytes, int, bytes, bytes]] | None) -> None:
        """Take other users; who is in stays in."""

    def replace_tls(self, chain: Path, key: Path) -> None:
        """Take another certificate chain and key, for connections from now on. Raises ValueError."""

    def stats(self) -> tuple[int, int, int, int, int]:
        """Return (open, accepted, failed logins, turned away, spilled bytes)."""

    def stop(self) -> None:
        """Close the listener and all connections; returns within two seconds."""
