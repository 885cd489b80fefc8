"""Toxicity of links and of the domains they come from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from oracle.context_views import density, links_to, number
from oracle.events import DAY_US, HOUR_US
from oracle.live_links import live_external
from oracle.mine import Mine
from oracle.mine_views import anchor_class, anchor_text, kind_of, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oracle.model import Link, State
    from oracle.shown import Row

POINTS = {
    "citation_trust_ratio": 15,
    "link_farm_page": 15,
    "money_anchor": 15,
    "same_block": 15,
    "twin_profile": 20,
    "sitewide": 10,
    "ugc_dofollow": 5,
    "lang_mismatch": 5,
    "hidden": 5,
    "noindex": 5,
    "blocklisted": 40,
    "burst_member": 10,
}
"""Of each marker, in the order in which they are told."""
BASELINE = 28
TOXIC = 40
BY_VISITORS = frozenset({"comment", "forum", "directory", "profile"})
Marks = dict[str, "bool | None"]


@dataclass(frozen=True, slots=True)
class Known:
    """What toxicity rests on beside the links."""

    mine: Mine = field(default_factory=Mine)
    scores: Mapping[str, tuple[float, float]] | None = None
    """Domain → authority, trust; None: not shown."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Of target URLs."""
    blocklist: frozenset[str] | None = None
    points: Mapping[str, int] = field(default_factory=dict)
    """Those that are the user's."""
    with_twins: bool = False

    @property
    def weights(self) -> dict[str, int]:
        """Points of the markers that are in use."""
        return {name: points for name, points in (POINTS | dict(self.points)).items() if points}


def both(*parts: bool | None) -> bool | None:
    return False if False in parts else None if None in parts else True


def started(link: Link) -> int:
    return link.lives[-1].started_at


def block(link: Link) -> str | None:
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3}){2})\.[0-9]{1,3}", link.of_source("ip_source") or "")
    return found and found[1]


def crowded(links: Sequence[Link]) -> set[tuple[str, str]]:
    """Return (domain, block) of those that came with five others or more of the block."""
    began: dict[tuple[str, str], int] = {}
    for link in links:
        if (of := block(link)) is not None:
            key = (link.source_domain, of)
            began[key] = min(started(link), began.get(key, started(link)))
    found = set()
    for (_, of), begin in began.items():
        window = {key for key, at in began.items() if key[1] == of and begin <= at <= begin + 7 * DAY_US}
        if len(window) > 5:
            found |= window
    return found


def twins(state: State, domain: str) -> dict[str, bool]:
    asked = {link.source_domain for link in links_to(state, domain)}
    targets: defaultdict[str, set[str]] = defaultdict(set)
    for link in live_external(state):
        if link.source_domain in asked:
            targets[link.source_domain].add(link.target_domain)
    large = {name: of for name, of in targets.items() if len(of) >= 10}
    return {
        name: any(
            Fraction(len(of & others), len(of | others)) > Fraction(9, 10)
            for other, others in large.items()
            if other != name
        )
        for name, of in large.items()
    }


def sitewide(link: Link, links: Sequence[Link], state: State) -> bool | None:
    location, anchor = link.values.get("semantic_location"), anchor_text(link)
    if location is None:
        return None
    if location not in {"footer", "aside"}:
        return False
    pages = {one.source_url for one in state.links.values() if one.source_domain == link.source_domain}
    if anchor is None:
        return None
    same = {
        one.source_url
        for one in links
        if one.values.get("semantic_location") in {"footer", "aside"}
        and (one.source_domain, anchor_text(one), one.target_url)
        == (link.source_domain, anchor, link.target_url)
    }
    return len(same) >= 3 and 2 * len(same) > len(pages)


def ratio(domain: str, known: Known) -> float | None:
    if known.scores is None:
        return None
    authority, trust = known.scores.get(domain, (0.0, 0.0))
    return authority / max(trust, 1.0)


def language(text: str | None) -> str | None:
    found = re.match(r"[A-Za-z]+", text or "")
    return found and found[0].lower()


def flag(link: Link, name: str) -> bool | None:
    told = link.of_source(name)
    return None if told is None else told == "true"


def marks_of(links: Sequence[Link], state: State, domain: str, known: Known) -> dict[tuple[str, str], Marks]:
    """Return all markers of these links to a domain but burst_member."""
    blocks, has_twin = crowded(links), twins(state, domain) if known.with_twins else {}
    found: dict[tuple[str, str], Marks] = {}
    for link in links:
        told = kind_of(link, known.mine)[0]
        kind = None if told == "unknown" else told
        rel, text, external, of = (
            link.values.get("rel"), anchor_text(link), number(link.of_source("links_external")), block(link),
        )  # fmt: skip
        is_known = text is not None and bool(terms_of(domain, "money", known.mine))
        exact = anchor_class(text, domain, known.mine) == "exact" if is_known else None
        tokens = (rel or "").split()
        dense = density(link)
        score = ratio(link.source_domain, known)
        languages = (language(link.of_source("language")), language(known.languages.get(link.target_url)))
        found[link.source_url, link.target_url] = {
            "citation_trust_ratio": None if score is None else score > 6.58,
            "link_farm_page": both(
                None if external is None else external > 100, None if dense is None else dense > 10
            ),
            "money_anchor": both(exact, None if kind is None else kind in BY_VISITORS),
            "same_block": None if of is None else (link.source_domain, of) in blocks,
            "twin_profile": has_twin.get(link.source_domain),
            "sitewide": sitewide(link, links, state),
            "ugc_dofollow": both(
                None if kind is None else kind in {"comment", "forum"},
                None if rel is None else not {"ugc", "nofollow"} & set(tokens),
            ),
            "lang_mismatch": None if None in languages else languages[0] != languages[1],
            "hidden": flag(link, "hidden"),
            "noindex": flag(link, "noindex"),
            "blocklisted": None if known.blocklist is None else link.source_domain in known.blocklist,
        }
    return found


def verdict(marks: Marks, domain: str, known: Known) -> tuple[int | None, int, list[str]]:
    """Return toxicity, how many markers are told and which fire."""
    weights = known.weights
    told = {name: mark for name, mark in marks.items() if mark is not None and name in weights}
    fired = [name for name in POINTS if told.get(name)]
    score = ratio(domain, known)
    is_far = score is not None and score > 9.87
    total = sum(weights[name] * (1 + (name == "citation_trust_ratio" and is_far)) for name in fired)
    is_enough = 2 * len(told) >= len(weights)
    return min(100, total) if is_enough else None, len(told), fired


def bursts(links: Iterable[Link], toxic: Mapping[tuple[str, str], bool]) -> dict[int, bool | None]:
    """Return by day whether it is a burst; None: too early to tell."""
    gained: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for link in links:
        day = started(link) // DAY_US
        gained[day] += 1
        bad[day] += toxic[link.source_url, link.target_url]
    first = min(gained, default=0)
    found: dict[int, bool | None] = {}
    for day, count in gained.items():
        known_days = min(day - first, BASELINE)
        before = sum(bad[one] for one in range(day - BASELINE, day))
        found[day] = (
            None
            if known_days < 7
            else bad[day] >= 20 and bad[day] > 5 * Fraction(before, known_days) and 2 * bad[day] > count
        )
    return found


def rated(state: State, domain: str, known: Known) -> dict[tuple[str, str], Marks]:
    """Return all markers of the live links of a domain."""
    live = links_to(state, domain)
    marks = marks_of(live, state, domain, known)
    toxic = {
        (link.source_url, link.target_url): (
            verdict(marks[link.source_url, link.target_url], link.source_domain, known)[0] or 0
        ) >= TOXIC
        for link in live
    }  # fmt: skip
    days = bursts(live, toxic)
    for link in live:
        marks[link.source_url, link.target_url]["burst_member"] = days[started(link) // DAY_US]
    return marks


def link_toxicity(state: State, domain: str, known: Known) -> list[Row]:
    marks = rated(state, domain, known)
    return [
        (
            link.source_url,
            link.target_url,
            link.source_domain,
            *verdict(of, link.source_domain, known),
            *(of[name] for name in POINTS),
        )
        for link in links_to(state, domain)
        for of in [marks[link.source_url, link.target_url]]
    ]


def toxicity(state: State, domain: str, known: Known) -> list[Row]:
    marks = rated(state, domain, known)
    by_source: defaultdict[str, list[Marks]] = defaultdict(list)
    for link in links_to(state, domain):
        by_source[link.source_domain].append(marks[link.source_url, link.target_url])
    rows: list[Row] = []
    for source, of in by_source.items():
        merged: Marks = {}
        for name in POINTS:
            told = {one[name] for one in of} - {None}
            merged[name] = True in told if told else None
        authority = None if known.scores is None else known.scores.get(source, (0.0, 0.0))[0]
        toxic = sum((verdict(one, source, known)[0] or 0) >= TOXIC for one in of)
        rows.append((source, authority, *verdict(merged, source, known), len(of), toxic))
    return rows


def quality_score(state: State, domain: str, known: Known) -> Row:
    rows = toxicity(state, domain, known)
    pairs = [(authority, points) for _, authority, points, *_ in rows]
    both_known = [(a, p) for a, p in pairs if isinstance(a, float) and isinstance(p, int)]
    good = sum(authority >= 30 and points < TOXIC for authority, points in both_known)
    return (len(rows), len(both_known), good / len(both_known) if both_known else None)


def gained(state: State, domain: str, known: Known) -> dict[int, list[tuple[Link, int | None, list[str]]]]:
    """Return links by the day they began, 0 to 28, with their toxicity and the markers that fire."""
    assert state.clock is not None
    known = replace(known, with_twins=False)
    hour = state.clock // HOUR_US
    links = [
        link for link in state.links.values()
        if link.target_domain == domain and not link.is_internal and link.lives
        and hour - started(link) // HOUR_US < 29 * 24
    ]  # fmt: skip
    marks = marks_of(links, state, domain, known)
    days: dict[int, list[tuple[Link, int | None, list[str]]]] = {day: [] for day in range(29)}
    for link in links:
        points, _, fired = verdict(marks[link.source_url, link.target_url], link.source_domain, known)
        days[(hour - started(link) // HOUR_US) // 24].append((link, points, fired))
    return days


def toxic_links_of_day(state: State, domain: str, known: Known, day: int) -> list[Row]:
    return [
        (link.source_url, link.target_url, link.source_domain, started(link), points, fired)
        for link, points, fired in gained(state, domain, known)[day]
        if points is not None and points >= TOXIC
    ]


def toxic_links_gained(state: State, domain: str, known: Known) -> list[Row]:
    """Rows of the 29 days of 24 hours up to the hour of the clock, the newest first."""
    assert state.clock is not None
    hour = state.clock // HOUR_US
    rows: list[Row] = []
    for day, found in gained(state, domain, known).items():
        of = [points for _, points, _ in found]
        told = [one for one in of if one is not None]
        until = (hour + 1) * HOUR_US - day * DAY_US
        toxic = None if of and not told else sum(one >= TOXIC for one in told)
        rows.append((day, until - DAY_US, until, len(of), len(told), toxic))
    return rows
