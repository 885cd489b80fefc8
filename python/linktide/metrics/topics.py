"""The labels of a partition: bounded in number and length, because who pushes may name any topic."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from linktide.sources.source import Partition

MOST_TOPICS: Final = 200
"""Of one source with series of their own; Prometheus keeps every series it ever saw."""
MOST_CHARACTERS: Final = 120
OTHER: Final = "other"
# C0, DEL, C1, line and paragraph separators, and what re-orders or hides text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


class TopicLabels:
    """Gives the first topics of each source labels of their own, all further ones `other`; thread-safe.

    A topic keeps what it got while the process lives. Two topics may get the same labels (one name with
    another content, long names): who tells a number adds up.
    """

    def __init__(self, most_topics: int = MOST_TOPICS) -> None:
        self._most_topics = most_topics
        self._lock = threading.Lock()
        self._known: dict[str, set[str]] = {}

    def of(self, partition: Partition) -> tuple[str, str, str]:
        """Return (source, topic, partition)."""
        topic = _label(partition.topic)
        with self._lock:
            known = self._known.setdefault(partition.cluster, set())
            if topic not in known and len(known) >= self._most_topics:
                return partition.cluster, OTHER, OTHER
            known.add(topic)
        return partition.cluster, topic, str(partition.number)


def _label(text: str) -> str:
    plain = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - 1] + "…"
