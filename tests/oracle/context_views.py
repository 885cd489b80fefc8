"""Where links stand, and how near what stands around them is to what they link to."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from statistics import median
from typing import TYPE_CHECKING

from oracle.live_links import live_external
from oracle.mine import words_of
from oracle.shown import SHARE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oracle.mine import Mine
    from oracle.model import Link, State
    from oracle.shown import Row, Settings

AROUND = ("snippet_left", "anchor", "alt", "snippet_right")
BEST = 3


def number(text: str | None) -> int | None:
    return None if text is None else int(text)


def density(link: Link) -> float | None:
    links, words = number(link.of_source("links_external")), number(link.of_source("words"))
    return None if links is None or not words else links / (words / 100)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, SHARE_DIGITS)


def link_context(state: State, _settings: Settings) -> list[Row]:
    return [
        (
            link.source_url,
            link.target_url,
            link.source_domain,
            link.target_domain,
            location,
            None if location is None else location == "content",
            number(link.of_source("links_external")),
            number(link.of_source("words")),
            rounded(density(link)),
            link.values.get("snippet_left"),
            link.values.get("snippet_right"),
        )
        for link in live_external(state)
        for location in [link.values.get("semantic_location")]
    ]


def links_to(state: State, domain: str) -> list[Link]:
    return [link for link in live_external(state) if link.target_domain == domain]


def context_mix(state: State, domain: str) -> list[Row]:
    live = links_to(state, domain)
    placed = [(link.source_domain, link.values.get("semantic_location")) for link in live]
    known = Counter(source for source, where in placed if where is not None)
    rows: list[Row] = []
    for where in {where for _, where in placed}:
        of = [link for link in live if link.values.get("semantic_location") == where]
        told = where is not None
        weight = sum(1 / known[link.source_domain] for link in of) if told else 0
        dense = [one for one in map(density, of) if one is not None]
        rows.append(
            (
                where,
                len(of),
                rounded(len(of) / sum(known.values())) if told else None,
                len({link.source_domain for link in of}),
                rounded(weight / len(known)) if told else None,
                rounded(median(dense)) if dense else None,
            )
        )
    return rows


def link_relevance(state: State, domain: str, mine: Mine, titles: Mapping[str, str]) -> list[Row]:
    """Titles: of target URLs."""
    terms = {word for of, _, term in mine.terms if of == domain for word in words_of(term)}
    rows: list[Row] = []
    for link in links_to(state, domain):
        around = [link.of_source("title") or "", *(link.values.get(name, "") for name in AROUND)]
        own = {word for text in around for word in words_of(text)}
        wanted = terms | set(words_of(titles.get(link.target_url, "")))
        anchor = set(words_of(link.values.get("anchor") or link.values.get("alt", "")))
        common = sorted(own & wanted, key=str.encode) if own and wanted else None
        near = (rounded(cosine(own, wanted)), rounded(cosine(anchor, wanted)))
        rows.append((link.source_url, link.target_url, link.source_domain, *near, common))
    return rows


def cosine(one: set[str], other: set[str]) -> float | None:
    return len(one & other) / math.sqrt(len(one) * len(other)) if one and other else None


def refdomain_relevance(state: State, domain: str, mine: Mine, titles: Mapping[str, str]) -> list[Row]:
    found: defaultdict[str, list[float | None]] = defaultdict(list)
    for _, _, source, relevance, _, _ in link_relevance(state, domain, mine, titles):
        assert isinstance(source, str)
        assert relevance is None or isinstance(relevance, float)
        found[source].append(relevance)
    rows: list[Row] = []
    for source, of in found.items():
        known = sorted((one for one in of if one is not None), reverse=True)
        best = known[:BEST]
        rows.append((source, rounded(sum(best) / len(best)) if best else None, len(of), len(known)))
    return rows
