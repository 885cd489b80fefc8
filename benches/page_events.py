"""Pages crawled again and again, as `page` events: most of them as they were."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIRST_EVENT_AT = datetime(2026, 3, 1, tzinfo=UTC)
_WORDS = (
    "archive",
    "bridge",
    "castle",
    "design",
    "energy",
    "forest",
    "garden",
    "harbour",
    "island",
    "journal",
)
_CHANGED_LINKS = 3


@dataclass(frozen=True, slots=True)
class PagePlan:
    """The size of a crawl of pages."""

    events: int
    seed: int = 7
    links: int = 60
    unchanged_share: float = 0.95
    """The others are pages met for the first time, and pages of which a few links are others."""
    new_share: float = 0.02
    domains: int = 20_000
    pages_per_second: float = 500.0
    """Event time that passes; not the speed at which they are made."""


def page_lines(plan: PagePlan) -> list[bytes]:
    """Return complete `page` events in the order of their time; the same plan gives the same bytes.

    The first pages are met all at once, as many as `new_share` of all; the others follow between visits.
    """
    chance = random.Random(plan.seed).random  # noqa: S311 - a repeatable stream, no secret
    pages: list[tuple[str, list[dict[str, object]]]] = []
    lines: list[bytes] = []

    def link() -> dict[str, object]:
        words = [_WORDS[int(chance() * len(_WORDS))] for _ in range(4)]
        site = f"https://{words[0]}-{int(chance() ** 2 * plan.domains)}.example"
        url = f"{site}/{words[1]}/{int(chance() * 5_000)}"
        made: dict[str, object] = {"target_url": url, "anchor": " ".join(words[2:])}
        return made | {"rel": ["nofollow"]} if chance() < 0.2 else made  # noqa: PLR2004 - as in the other crawl

    def new_page() -> int:
        site = f"https://www.{_WORDS[len(pages) % len(_WORDS)]}-{int(chance() * plan.domains)}.example"
        pages.append((f"{site}/page/{len(pages)}", [link() for _ in range(plan.links)]))
        return len(pages) - 1

    first = max(1, int(plan.events * plan.new_share / 2))
    for number in range(plan.events):
        drawn = chance()
        if number < first or drawn < plan.new_share / 2:
            place = new_page()
        else:
            place = int(chance() * len(pages))
            if drawn > plan.unchanged_share + plan.new_share / 2:
                links = pages[place][1]
                for _ in range(_CHANGED_LINKS):
                    links[int(chance() * len(links))] = link()
        at = _FIRST_EVENT_AT + timedelta(seconds=number / plan.pages_per_second)
        url, links = pages[place]
        told = {
            "event": "page",
            "observed_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source_url": url,
            "http_code": 200,
            "complete": True,
            "links": links,
        }
        lines.append(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode())
    return lines
