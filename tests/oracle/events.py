"""The accepted events that the model takes: already decoded, with normalised URLs. Times are Unix µs, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US

SUSPECT_WINDOW_US = 72 * HOUR_US
"""How long a suspect loss waits for a second loss or a sighting."""

PAGE_ERROR = "pageerror"
"""The one suspect reason; every other is firm."""

DEFAULT_REASON = "removedfromhtml"

FIRM_REASONS = ("notfound", "pageredirected", "lostredirect", "noindex", "notcanonical", "removedfromhtml")
"""The firm reasons, strongest first; `dropped:*` comes after them."""


class Kind(StrEnum):
    DISCOVERED = "discovered"
    SEEN = "seen"
    LOST = "lost"


class Origin(NamedTuple):
    """Where an event came from; two deliveries of one event have two origins."""

    source_name: str
    topic: str
    partition: int
    offset: int


class Pair(NamedTuple):
    """The identity of a link."""

    source_url: str
    target_url: str


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted event. None means that the event does not carry the field; "" that it carries it empty."""

    kind: Kind
    observed_at: int
    source_url: str
    target_url: str
    source_domain: str
    target_domain: str
    origin: Origin
    record_at: int
    lost_reason: str | None = None
    rel: str | None = None
    """Canonical tokens: lower case, sorted, unique, joined by a space."""
    anchor: str | None = None
    link_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The other attribute fields it carries, field → text."""
    is_loss_accepted: bool = True
    """False for an event of a source with `accept_losses = false`: if it is a loss, it is no observation."""

    @property
    def pair(self) -> Pair:
        return Pair(self.source_url, self.target_url)

    @property
    def is_sighting(self) -> bool:
        return self.kind is not Kind.LOST

    @property
    def reason(self) -> str:
        """The reason of a loss, the default filled in."""
        return DEFAULT_REASON if self.lost_reason is None else self.lost_reason

    @property
    def carried(self) -> dict[str, str]:
        """Every attribute field it carries, rel, anchor and link_type among them."""
        named = {"rel": self.rel, "anchor": self.anchor, "link_type": self.link_type}
        return dict(self.attributes) | {name: text for name, text in named.items() if text is not None}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused record."""

    origin: Origin
    reason: str
    record_at: int


def is_suspect_reason(reason: str) -> bool:
    return reason == PAGE_ERROR


def reason_rank(reason: str) -> tuple[int, bytes]:
    """Greater is stronger among firm reasons; two `dropped:*` are ranked by their bytes."""
    if reason in FIRM_REASONS:
        return (len(FIRM_REASONS) - FIRM_REASONS.index(reason), b"")
    if reason.startswith("dropped:"):
        return (0, reason.encode())
    raise ValueError(f"the reason {reason!r} of a loss is none of {FIRM_REASONS}, {PAGE_ERROR}, dropped:*")


def is_followed(rel: str | None) -> bool:
    """Tell whether a link with this rel counts as followed; a rel never carried does."""
    return not {"nofollow", "ugc", "sponsored"} & set((rel or "").split())
