"""Links as the brute force has them, put into a store by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

from hand_made_store import Story, day, domain_key, micros

from oracle.events import Pair
from oracle.model import Life, Link, State, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hand_made_store import Store

OWN = "own.org"
CLOCK = 90.5
"""Day of the newest event."""
_COLUMNS = frozenset({"anchor", "rel", "link_type"})


def link(
    source: str,
    target: str = f"{OWN}/",
    begun: float = 1,
    values: Mapping[str, str] | None = None,
    *,
    is_live: bool = True,
) -> Link:
    """Return a link between pages, host and path of each; the host is the domain."""
    at = micros(day(begun))
    ended = None if is_live else micros(day(CLOCK))
    reason = None if is_live else "notfound"
    life = Life(at, at, ended, ended, reason, not is_live, frozenset(), frozenset())
    domains = (source.partition("/")[0], target.partition("/")[0])
    status = Status.LIVE if is_live else Status.LOST
    urls = (f"https://{source}", f"https://{target}")
    return Link(*urls, *domains, status, (life,), at, at, at, (), dict(values or {}))


def state_of(links: Iterable[Link]) -> State:
    """Return what the brute force takes."""
    return State(micros(day(CLOCK)), {Pair(one.source_url, one.target_url): one for one in links}, (), ())


def put(
    store: Store,
    links: Sequence[Link],
    pages: Mapping[str, dict[str, Any]] | None = None,
    scores: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Put links, what pages say of themselves (host and path → fields) and scores into a store."""
    story = Story()
    for number, one in enumerate(links, 1):
        others = {name: text for name, text in one.values.items() if name not in _COLUMNS}
        named = {name: text for name, text in one.values.items() if name in _COLUMNS}
        begun = day((one.lives[0].started_at - micros(day(0))) / 86_400_000_000)
        story.link(
            number, one.source_url.removeprefix("https://"), one.target_url.removeprefix("https://"),
            attributes=json.dumps(others) if others else None, attributes_at=begun, **named,
        )  # fmt: skip
        ended = {"lost_at": day(CLOCK), "confirmed_at": day(CLOCK), "lost_reason": "notfound"}
        story.life(number, begun, **({} if one.is_live else ended))
        story.state(number, 1 if one.is_live else 3, started_at=begun, last_seen=begun)
    for off, (page, fields) in enumerate((pages or {}).items()):
        story.page(2**61 + crc32(page.encode()), day(80), off, extra=json.dumps(fields))
    for name, (authority, trust) in (scores or {}).items():
        story.add(
            "domain_scores", domain_key=domain_key(name), citation=1.0, authority=authority, trust=trust
        )
    names = {name for one in links for name in (one.source_domain, one.target_domain)}
    store.put(story.domains(*sorted(names)), day(CLOCK))
    if scores is not None:
        store.all("UPDATE internal.writer SET trust_scale = 1")
