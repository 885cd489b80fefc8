"""What the HTTP room needs of the service; the service hands itself over in this shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from linktide.serve.reading import LoadStep
    from linktide.store.gate import Role


class PushAnswer(Protocol):
    """What became of pushed lines, once stored."""

    @property
    def next_offset(self) -> int:
        """The offset after the last line."""

    @property
    def accepted(self) -> int:
        """Lines stored as events."""

    @property
    def dead_letters(self) -> int:
        """Lines refused and stored as dead letters."""


class SuffixApi(Protocol):
    """The public suffix list of the service."""

    def told(self) -> Mapping[str, object]:
        """Return the versions in force and staged."""

    def rekey(self, text: str, *, is_dry_run: bool) -> Mapping[str, object]:
        """Bring the list of this text into force and tell what changed, or tell what would; blocks.

        Raises LinktideError if the text is no list or the rekey failed; RetryError while the store reopens.
        """


class AuthorityApi(Protocol):
    """Questions about authority; each call blocks, for as long as a few solves take.

    Raises LinktideError if there is no answer, RetryError while the store reopens or another question runs.
    """

    def audit(self) -> Mapping[str, object]:
        """Return `vectors`: the true error of each beside what is promised, by one exact solve."""

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> Mapping[str, object]:
        """Return the parts of a domain's change between two ISO 8601 times; `to_at` None: now."""

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> Mapping[str, object]:
        """Return what a domain would have with links of `gained` and without those of `lost`."""


class RecoveryApi(Protocol):
    """Backups and replays of the service."""

    def backup(self, step: str, token: str) -> Mapping[str, object]:
        """Take a step of a backup (hold, still, go, release) that another process makes; blocks.

        Raises LinktideError for a step or token that belongs to none, RetryError while the store reopens.
        """

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """Make events of dead letters, or of what is absent of topics; blocks. Raises LinktideError."""

    def load(self, asked: LoadStep) -> Mapping[str, object]:
        """Take a step of a load of an own table, or unload one; blocks. Raises LinktideError."""

    def review(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """Note what a person says of domains and pages, all or nothing; blocks. Raises LinktideError."""


class PageApi(Protocol):
    """What the built-in page asks; any thread may. Raises RetryError while the store is not open."""

    @property
    def tracked(self) -> Sequence[tuple[str, str]]:
        """(domain, role) in the order to show them; the role is own or rival."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    def revision(self) -> int | None:
        """Return the newest stored batch; 0 while the store is not open, None once the service ends."""

    def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Run one of the page's own statements, or return its kept answer; blocks."""

    def read_all(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        """Run one of them for a download; blocks. Raises RefusedQueryError if it is too big."""

    def ask(self, sql: str) -> pa.Table:
        """Run a statement as an outsider may, by the limits for these; blocks. Raises what a query does."""

    def health(self) -> Mapping[str, object]:
        """Return how the pipeline is, without a statement; also while the store is not open."""

    def domains(self, names: Sequence[str]) -> list[Mapping[str, object] | None]:
        """Return what the core counts of each domain; None for one it has not met."""


class ServiceApi(Protocol):
    """The service as its HTTP room sees it; every call may come from any thread."""

    @property
    def page(self) -> PageApi:
        """What the built-in page asks."""

    def query(
        self,
        sql: str,
        *,
        max_rows: int | None,
        role: Role,
        is_abandoned: Callable[[], bool],
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> pa.Table:
        """Run one statement through the gate; it is stopped soon after `is_abandoned` turns true.

        Raises LinktideError; RetryError while the store reopens, AbandonedQueryError if it was stopped so.
        """

    def push(self, data: bytes, *, topic: str, topic_id: str, first_offset: int | None) -> PushAnswer:
        """Take NDJSON lines and return once they are stored; blocks. Raises RetryError if full or reopening.

        With `topic_id` the lines are a stretch of the file of that content hash, from `first_offset` on.
        """

    def status(self) -> Mapping[str, object]:
        """Return what the service is and does, as JSON values."""

    def top(self) -> Mapping[str, object]:
        """Return the data of the live view, as JSON values."""

    def rekey(self, text: str, *, is_dry_run: bool) -> Mapping[str, object]:
        """As `SuffixApi.rekey`."""

    def audit(self) -> Mapping[str, object]:
        """As `AuthorityApi.audit`."""

    def explain(self, domain_name: str, from_at: str, to_at: str | None, limit: int) -> Mapping[str, object]:
        """As `AuthorityApi.explain`."""

    def what_if(self, domain_name: str, gained: Sequence[str], lost: Sequence[str]) -> Mapping[str, object]:
        """As `AuthorityApi.what_if`."""

    def backup(self, step: str, token: str) -> Mapping[str, object]:
        """As `RecoveryApi.backup`."""

    def replay(self, wanted: Mapping[str, object]) -> Mapping[str, object]:
        """As `RecoveryApi.replay`."""

    def load(self, asked: LoadStep) -> Mapping[str, object]:
        """As `RecoveryApi.load`."""

    def review(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """As `RecoveryApi.review`; what the page kept of an answer before is not shown any more."""

    def exposition(self) -> bytes:
        """Return the metrics in the Prometheus text format."""

    def not_ready_because(self) -> str | None:
        """Return why events do not flow, None if they do."""

    def count_request(self, route: str, status: int) -> None:
        """Hear of one answer, for metrics; `route` is the route's pattern, never a raw path."""
