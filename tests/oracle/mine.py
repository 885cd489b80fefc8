"""What a user may have told of himself, for the model; none of it by default."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
"""How the names of characters begin whose scripts have no spaces between words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A source rule; its conditions hold together."""

    rule: str
    source_kind: str | None = None
    acquisition: str | None = None
    rel: str | None = None
    semantic_location: str | None = None
    url: str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """A link that was agreed on; times are Unix µs."""

    source_url: str
    target_url: str
    source_domain: str
    target_domain: str
    rel: str | None = None
    anchor: str | None = None
    live_from: int | None = None
    paid_until: int | None = None
    grace_days: int = 3
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign."""

    campaign: str
    goal: int | None = None
    spend: float | None = None


@dataclass(frozen=True, slots=True)
class Mine:
    """All of it."""

    terms: tuple[tuple[str, str, str], ...] = ()
    """(domain, kind, term)"""
    rules: tuple[Rule, ...] = ()
    placements: tuple[Placement, ...] = ()
    campaigns: tuple[Campaign, ...] = ()


def words_of(text: str) -> tuple[str, ...]:
    """Split a text into words, as anchors and terms are compared."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    parts: list[str] = []
    for letter in folded:
        if unicodedata.category(letter)[0] not in "LMN":
            parts.append(" ")
        elif unicodedata.name(letter, "").startswith(WITHOUT_SPACES):
            parts += [" ", letter, " "]
        else:
            parts.append(letter)
    return tuple("".join(parts).split())


def holds(text: tuple[str, ...], term: tuple[str, ...]) -> bool:
    """Tell whether words stand in other words, one after the other."""
    return any(text[at : at + len(term)] == term for at in range(len(text) - len(term) + 1))


def is_naked(text: str, domain: str) -> bool:
    """Tell whether an anchor is a URL, or names a domain or a page of it."""
    bare = text.strip(" ").lower()
    if re.search(r"\s", bare):
        return False
    host = re.split(r"[/:?#]", bare)[0]
    return bool(re.match(r"(?:[a-z][a-z0-9+.-]*://|www\.).", bare)) or f".{host}".endswith(f".{domain}")
