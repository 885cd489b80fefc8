"""What a complete export no longer lists, as a file of losses, against one of the same vendor and target."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.sources.decompress import read_pieces
from linktide.sources.files import CLUSTER, LineReader
from linktide.sources.source import Partition
from linktide.sources.vendors.dates import time_text

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.sources.files import RecordReader

REASON: Final = "dropped:unlisted"
"""All that is known of such a loss is that the vendor no longer lists the link."""
_CHUNK_BYTES: Final = 1 << 20
_MAX_LINE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The losses that a later export tells by leaving out what an earlier one listed."""

    topic: str
    """Of the later export."""
    between: tuple[str, ...]
    """The identities of both exports, of all their files."""
    path: Path
    """`unlisted_line`s, always in the same order."""

    def identify(self) -> tuple[Partition, int | None]:
        """As `InputFile.identify`."""
        digest = hashlib.blake2b("\0".join(self.between).encode(), digest_size=16).hexdigest()
        return Partition(CLUSTER, f"{self.topic}/unlisted", digest, 0), None

    def reader(self, first: int) -> RecordReader:
        """As `InputFile.reader`."""
        return LineReader(read_pieces(self.path, b""), first, _CHUNK_BYTES, _MAX_LINE_BYTES)


def unlisted_line(source_url: str, target_url: str, exported_at_us: int) -> bytes:
    """Return the loss of one link, at the time of the later export."""
    told = {
        "event": "lost",
        "observed_at": time_text(exported_at_us),
        "source_url": source_url,
        "target_url": target_url,
        "lost_reason": REASON,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
