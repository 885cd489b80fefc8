"""Accepted page, target and referral events, and what a page event says of each link of its page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from oracle.events import DEFAULT_REASON, PAGE_ERROR, Event, Kind, Origin, Pair, is_followed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date


@dataclass(frozen=True, slots=True)
class Entry:
    """One link that a page lists; None means that it does not carry the field."""

    target_url: str
    target_domain: str
    rel: str | None = None
    anchor: str | None = None
    link_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PageEvent:
    """How one page answered, and what it listed."""

    observed_at: int
    source_url: str
    source_domain: str
    origin: Origin
    record_at: int
    entries: tuple[Entry, ...] = ()
    is_complete: bool = False
    http_code: int | None = None
    is_noindex: bool = False
    canonical: tuple[str, str] | None = None
    """URL and registrable domain."""
    redirect: tuple[str, str] | None = None
    lost_reason: str | None = None
    is_loss_accepted: bool = True
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What it tells of itself, noindex apart."""

    @property
    def answer(self) -> tuple[str | None, tuple[Entry, ...]]:
        """Return why links not listed are lost, if it speaks of all links, and what it sights."""
        code = self.http_code or 0
        if code in {404, 410}:
            return "notfound", ()
        if 300 <= code < 400:
            return "pageredirected", sole(self.redirect, "redirect")
        if code >= 400 or (code == 0 and self.lost_reason == PAGE_ERROR):
            return PAGE_ERROR, ()
        if self.is_noindex:
            return "noindex", ()
        if self.canonical is not None and cluster(self.canonical[0]) != cluster(self.source_url):
            return "notcanonical", sole(self.canonical, "canonical")
        return (self.lost_reason or DEFAULT_REASON) if self.is_complete else None, self.entries

    @property
    def loss(self) -> str | None:
        """The reason that counts against links not listed."""
        return self.answer[0] if self.is_loss_accepted else None

    def pairs(self) -> dict[Pair, str]:
        """Return the links it sights, with the domain of the target."""
        return {Pair(self.source_url, of.target_url): of.target_domain for of in self.answer[1]}

    def says_of(self, pair: Pair, target_domain: str) -> Event | None:
        """Return the link event that says the same of one link of the page; None if it says nothing."""
        loss, sighted = self.answer
        same = [entry for entry in sighted if entry.target_url == pair.target_url]
        if not same and (loss is None or not self.is_loss_accepted):
            return None
        fields = merge_entries(same)
        return Event(
            kind=Kind.SEEN if same else Kind.LOST,
            observed_at=self.observed_at,
            source_url=pair.source_url,
            target_url=pair.target_url,
            source_domain=self.source_domain,
            target_domain=target_domain,
            origin=self.origin,
            record_at=self.record_at,
            lost_reason=None if same else loss,
            rel=fields.pop("rel", None),
            anchor=fields.pop("anchor", None),
            link_type=fields.pop("link_type", None),
            attributes=fields,
        )


def sole(url: tuple[str, str] | None, link_type: str) -> tuple[Entry, ...]:
    return () if url is None else (Entry(*url, link_type=link_type),)


def cluster(url: str) -> str:
    """Return what all spellings of a page of the test histories share: they differ in the scheme alone."""
    return url.partition("://")[2]


def merge_entries(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the attributes that all entries for one target carry together."""
    if not entries:
        return {}
    fields: dict[str, str] = {}
    for entry in entries:
        for name, text in entry.attributes.items():
            fields[name] = max(fields.get(name, text), text, key=str.encode)
    rels = [entry.rel for entry in entries if entry.rel is not None]
    if rels:
        fields["rel"] = max(rels, key=lambda rel: (is_followed(rel), rel.encode()))
    types = [entry.link_type for entry in entries if entry.link_type is not None]
    if types:
        fields["link_type"] = max(types, key=str.encode)
    anchored = [entry for entry in entries if entry.anchor is not None]
    in_content = [entry for entry in anchored if entry.attributes.get("semantic_location") == "content"]
    for entry in (in_content or anchored)[:1]:
        assert entry.anchor is not None
        fields["anchor"] = entry.anchor
    return fields | {"occurrences": str(len(entries))}


@dataclass(frozen=True, slots=True)
class TargetEvent:
    """How a target answered."""

    observed_at: int
    target_url: str
    origin: Origin
    record_at: int
    http_code: int | None = None
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Other fields of the message, as JSON has them."""


@dataclass(frozen=True, slots=True)
class ReferralEvent:
    """Visits over a link in a day, as a source tells them."""

    observed_at: int
    source_url: str
    target_url: str
    day: date
    visits: int
    origin: Origin
    record_at: int
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)


AnyEvent = Event | PageEvent | TargetEvent | ReferralEvent


def expand(events: Iterable[AnyEvent]) -> list[Event]:
    """Write each page event as one link event for every link of its page, whenever that became known."""
    accepted = list(events)
    links = [event for event in accepted if isinstance(event, Event)]
    pages = [event for event in accepted if isinstance(event, PageEvent)]
    known = {event.pair: event.target_domain for event in links}
    for page in pages:
        known |= page.pairs()
    pages.sort(key=lambda page: page.source_url)
    by_url = {url: list(of) for url, of in groupby(pages, key=lambda page: page.source_url)}
    said = [
        page.says_of(pair, target_domain)
        for pair, target_domain in known.items()
        for page in by_url.get(pair.source_url, ())
    ]
    return links + [event for event in said if event is not None]


def rewrite(event: AnyEvent, place: Callable[[str], tuple[str, str]]) -> AnyEvent:
    """Give every URL of an event the URL and registrable domain that `place` has for it."""

    def end(pair: tuple[str, str] | None) -> tuple[str, str] | None:
        if pair is None:
            return None
        scheme, _, rest = pair[0].partition("://")
        url, domain = place(f"https://{rest}")
        return url.replace("https", scheme, 1), domain

    if isinstance(event, TargetEvent):
        return replace(event, target_url=place(event.target_url)[0])
    source_url, source_domain = place(event.source_url)
    if isinstance(event, PageEvent):
        entries = []
        for entry in event.entries:
            target_url, target_domain = place(entry.target_url)
            entries.append(replace(entry, target_url=target_url, target_domain=target_domain))
        return replace(
            event,
            source_url=source_url,
            source_domain=source_domain,
            entries=tuple(entries),
            canonical=end(event.canonical),
            redirect=end(event.redirect),
        )
    target_url, target_domain = place(event.target_url)
    if isinstance(event, ReferralEvent):
        return replace(event, source_url=source_url, target_url=target_url)
    return replace(
        event,
        source_url=source_url,
        target_url=target_url,
        source_domain=source_domain,
        target_domain=target_domain,
    )
