"""What rests on the user's rules, terms and agreements equals the brute force, on generated histories."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from oracle.compare import compare_view
from oracle.events import Event
from oracle.histories import PAGES, TIMES, histories
from oracle.mine import Campaign, Mine, Placement, Rule
from oracle.model import derive
from oracle.page_events import PageEvent
from oracle.shown import Settings
from oracle.views import MINE_VIEWS, VIEWS
from pipeline import whole
from pipeline.arrivals import arrivals, move

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oracle.page_events import AnyEvent

NAMES = {"link_kinds", "link_mix", "anchor_classes", "anchor_profile"}
COMPARED = tuple(view for view in VIEWS if view.name in NAMES)
TERMS = ("A", "buy", "Buy-Now", "漢", "ABC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SITES = {url.replace(domain, f"h0{domain}"): f"h0{domain}" for url, domain in PAGES}
"""As `move` writes them."""
RULES = (
    Rule("it's mine", "news", "natural", rel="nofollow"),
    Rule("footers; DROP TABLE x", None, "manual", semantic_location="footer"),
    Rule("own blog", "influencer", None, url=r"//blog\.", hosts=("h0a.com",)),
    Rule("a country", "forum", None, hosts=("co.uk",)),
    Rule("wörds", "wiki", "self_created", url=r"%c3|[xy]$"),
)


def written(at: int | None) -> str:
    return "" if at is None else (EPOCH + timedelta(microseconds=at)).isoformat()


def pairs_of(events: Sequence[AnyEvent]) -> list[tuple[str, str]]:
    """Return the links that events name, so that what is agreed on is met, and some that they do not."""
    sites = sorted(SITES)
    named = {pair for event in events for pair in links_named(event) if set(pair) <= SITES.keys()}
    return sorted(named) * 12 + [(source, target) for source in sites for target in sites]


def links_named(event: AnyEvent) -> list[tuple[str, str]]:
    if isinstance(event, PageEvent):
        return [(event.source_url, entry.target_url) for entry in event.entries]
    return [(event.source_url, event.target_url)] if isinstance(event, Event) else []


@st.composite
def told(draw: st.DrawFn, events: Sequence[AnyEvent]) -> Mine:
    """Draw what a user told; all of it from one seed, as draws are alike and cost time."""
    chance = random.Random(draw(st.integers(0, 100_000)))
    terms = {
        (chance.choice(sorted(set(SITES.values()))), chance.choice(("brand", "money")), chance.choice(TERMS))
        for _ in range(chance.randint(0, 8))
    }
    pairs = dict.fromkeys(chance.sample(pairs_of(events), 8))
    agreed = [drawn(chance, *pair) for pair in pairs]
    rules = chance.sample(RULES, chance.randint(0, 4))
    told_campaigns = (Campaign("spring", 2, 12.5), Campaign("never", None, 1.0))
    return Mine(tuple(sorted(terms)), tuple(rules), tuple(agreed), told_campaigns)


def drawn(chance: random.Random, source: str, target: str) -> Placement:
    """Draw what is agreed of a link; a clock may stand before `live_from`."""
    live_from = chance.choice((None, None, None, *TIMES[::90], max(TIMES)))
    paid_until = chance.choice((*[None] * 24, *TIMES[::90]))
    if live_from is not None and paid_until is not None and paid_until <= live_from:
        paid_until = None
    return Placement(
        source,
        target,
        SITES[source],
        SITES[target],
        chance.choice((None, None, "followed", "nofollow", "ugc")),
        chance.choice((None, None, None, "A!", "buy  NOW")),
        live_from,
        paid_until,
        chance.choice((0, 3, 30)),
        chance.choice((None, "spring", "fall")),
    )


def write(path: Path, header: str, rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header.split(), *rows])
    return path


def hosts(rule: Rule) -> tuple[str]:
    return (" ".join(rule.hosts),)


def times(one: Placement) -> tuple[str, str]:
    return written(one.live_from), written(one.paid_until)


def write_all(folder: Path, mine: Mine) -> dict[str, Any]:
    """Write what a user told as files, and return the settings that name them."""
    rules = [
        [one.rule, one.source_kind, one.acquisition, one.rel, one.semantic_location, one.url, *hosts(one)]
        for one in mine.rules
    ]
    agreed = [
        [one.source_url, one.target_url, one.rel, one.anchor, *times(one), one.grace_days, one.campaign]
        for one in mine.placements
    ]
    campaigns = [(one.campaign, one.goal, one.spend) for one in mine.campaigns]
    of_rules = "rule source_kind acquisition rel semantic_location url hosts"
    of_placements = "source_url target_url rel anchor live_from paid_until grace_days campaign"
    return {
        "mine_terms": write(folder / "terms.csv", "domain kind term", mine.terms),
        "mine_source_rules": write(folder / "rules.csv", of_rules, rules),
        "mine_placements": write(folder / "placements.csv", of_placements, agreed),
        "mine_campaigns": write(folder / "campaigns.csv", "campaign goal spend", campaigns),
    }


@examples(6)
@given(st.data())
def test_views_of_what_was_told_equal_the_brute_force(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(move(data.draw(histories(max_events=40)), 0)))
    mine = data.draw(told(arrival.events))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        arrival.run(path, **write_all(Path(folder), mine))
        state = derive(arrival.events)
        with whole.opened(path) as stopped:
            assert stopped.query("SELECT refused_because FROM mine_files WHERE refused_at IS NOT NULL") == []
            if state.clock is None:
                return
            for view in (*COMPARED, *MINE_VIEWS):
                found = compare_view(stopped.query, state, view, Settings(mine=mine))
                assert found.is_none, f"{found.describe()}\n{mine}"
