"""The Rust core. Takes bytes and Arrow data, releases the GIL, returns Arrow data."""

from collections.abc import Buffer, Sequence
from typing import Any, Protocol, type_check_only

__all__ = ["dead_letter_reasons", "decode_event", "read_records", "scan_record_batches"]

@type_check_only
class _RecordBatch(Protocol):
    """An Arrow record batch; `pyarrow.record_batch(it)` takes it over without a copy."""

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
