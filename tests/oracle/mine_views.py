"""The rows of the views that rest on rules, terms and agreements."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from oracle.events import DAY_US, PAGE_ERROR, is_followed, reason_rank
from oracle.live_links import is_dofollow, live_external
from oracle.mine import Rule, holds, is_naked, words_of
from oracle.shown import SHARE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oracle.mine import Mine, Placement
    from oracle.model import Link, State
    from oracle.shown import Row, Settings

CLASSES = ("empty", "naked_url", "generic", "branded", "exact", "partial", "other", "unknown")
GENERIC = {("click", "here"), ("here",), ("read", "more")}
"""Those that the generated histories may have."""
TOLD_KINDS = frozenset({"comment", "directory", "editorial", "forum", "news", "other", "profile"})
"""Of the kinds there are, those that they may tell."""
FARM_LINKS = 100
NONE_OF_A_CLASS = (0, 0.0, 0, 0.0)
SELF_CREATED = frozenset({"comment", "forum", "profile", "directory"})


def rule_holds(rule: Rule, link: Link) -> bool:
    host = link.source_url.split("/")[2].split(".")
    named = {".".join(host[place:]) for place in range(len(host))}
    return (
        (rule.rel is None or rule.rel in (link.values.get("rel") or "").split())
        and (rule.semantic_location is None or link.values.get("semantic_location") == rule.semantic_location)
        and (rule.url is None or re.search(rule.url, link.source_url.lower()) is not None)
        and (not rule.hosts or bool(named & set(rule.hosts)))
    )


def kind_of(link: Link, mine: Mine) -> tuple[str, str | None]:
    """Return the kind of a link's source and the rule; of ours those that the histories can meet."""
    for rule in mine.rules:
        if rule.source_kind is not None and rule_holds(rule, link):
            return rule.source_kind, rule.rule
    told = link.of_source("source_kind")
    location = link.values.get("semantic_location")
    tokens = (link.values.get("rel") or "").split()
    is_farm = location == "content" and int(link.of_source("links_external") or "0") >= FARM_LINKS
    ours = (
        (told in TOLD_KINDS, told, "told kind"),
        ((link.of_source("generator") or "").lower().startswith("mediawiki"), "wiki", "wiki generator"),
        ("ugc" in tokens, "comment", "ugc"),
        (is_farm, "directory", "link farm"),
        (location in {"footer", "aside", "nav"}, "other", f"boilerplate {location}"),
        (location == "content", "editorial", "in content"),
        (True, "unknown", None),
    )
    return next((str(kind), rule) for is_met, kind, rule in ours if is_met)


def acquisition_of(link: Link, kind: str, mine: Mine) -> tuple[str, str | None]:
    for rule in mine.rules:
        if rule.acquisition is not None and rule_holds(rule, link):
            return rule.acquisition, rule.rule
    told = link.values.get("acquisition")
    is_in_content = link.values.get("semantic_location") == "content"
    ours = (
        (bool(placements_of(link, mine)), "manual", "placement"),
        ("campaign_id" in link.values, "manual", "campaign"),
        (told in {"natural", "manual", "self_created"}, told, "told acquisition"),
        ("sponsored" in (link.values.get("rel") or "").split(), "manual", "sponsored"),
        (kind in {"guest_post", "influencer"}, "manual", "guest or influencer"),
        (kind in SELF_CREATED, "self_created", "written by its users"),
        (kind in {"editorial", "news"} and is_in_content, "natural", "editorial in content"),
        (True, "unknown", None),
    )
    return next((str(what), rule) for is_met, what, rule in ours if is_met)


def placements_of(link: Link, mine: Mine) -> list[Placement]:
    pair = (link.source_url, link.target_url)
    return [one for one in mine.placements if (one.source_url, one.target_url) == pair]


def link_kinds(state: State, settings: Settings) -> list[Row]:
    rows: list[Row] = []
    for link in live_external(state):
        kind = kind_of(link, settings.mine)
        agreed = placements_of(link, settings.mine)
        campaign = next((one.campaign for one in agreed), None) or link.values.get("campaign_id")
        rows.append(
            (
                link.source_url,
                link.target_url,
                link.source_domain,
                link.target_domain,
                is_dofollow(link),
                *kind,
                *acquisition_of(link, kind[0], settings.mine),
                campaign,
            )
        )
    return rows


def shares(of: Iterable[tuple[str, str, object]]) -> dict[str, dict[object, tuple[int, float, int, float]]]:
    """From (target, source domain, class) of links: by target and class the links, refdomains and shares."""
    links: defaultdict[str, list[tuple[str, object]]] = defaultdict(list)
    for target, source, what in of:
        links[target].append((source, what))
    found: dict[str, dict[object, tuple[int, float, int, float]]] = {}
    for target, told in links.items():
        by_source = Counter(source for source, _ in told)
        found[target] = {
            what: (
                count,
                count / len(told),
                len({source for source, one in told if one == what}),
                sum(1 / by_source[source] for source, one in told if one == what) / len(by_source),
            )
            for what, count in Counter(one for _, one in told).items()
        }
    return found


def link_mix(state: State, settings: Settings) -> list[Row]:
    kinds = [(link, kind_of(link, settings.mine)[0]) for link in live_external(state)]
    found = shares(
        (link.target_domain, link.source_domain, (kind, acquisition_of(link, kind, settings.mine)[0]))
        for link, kind in kinds
    )
    rows: list[Row] = []
    for target, by_class in found.items():
        for what, (links, share, refdomains, refdomain_share) in by_class.items():
            assert isinstance(what, tuple)
            rounded = (round(share, SHARE_DIGITS), refdomains, round(refdomain_share, SHARE_DIGITS))
            rows.append((target, *what, links, *rounded))
    return rows


def anchor_text(link: Link) -> str | None:
    anchor = link.values.get("anchor")
    return anchor or link.values.get("alt") or anchor


def terms_of(domain: str, kind: str, mine: Mine) -> list[tuple[str, ...]]:
    return [words_of(term) for of, what, term in mine.terms if (of, what) == (domain, kind)]


def anchor_class(text: str | None, domain: str, mine: Mine) -> str:
    if text is None:
        return "unknown"
    words = words_of(text)
    money = terms_of(domain, "money", mine)
    brand = terms_of(domain, "brand", mine) or [words_of(domain.partition(".")[0])]
    classes = (
        (not text.strip(" "), "empty"),
        (is_naked(text, domain), "naked_url"),
        (words in money, "exact"),
        (any(holds(words, term) for term in brand), "branded"),
        (words in GENERIC, "generic"),
        (any(holds(words, term) for term in money), "partial"),
        (True, "other"),
    )
    return next(name for is_met, name in classes if is_met)


def class_of(link: Link, mine: Mine) -> str:
    return anchor_class(anchor_text(link), link.target_domain, mine)


def anchor_classes(state: State, settings: Settings) -> list[Row]:
    groups: defaultdict[tuple[str, str | None], list[Link]] = defaultdict(list)
    for link in live_external(state):
        groups[link.target_domain, anchor_text(link)].append(link)
    return [
        (
            domain,
            text,
            anchor_class(text, domain, settings.mine),
            len(of),
            len({one.source_domain for one in of}),
        )
        for (domain, text), of in groups.items()
    ]


def anchor_profile(state: State, settings: Settings) -> list[Row]:
    live = live_external(state)
    classed = [
        (
            link.target_domain,
            link.source_domain,
            anchor_class(anchor_text(link), link.target_domain, settings.mine),
        )
        for link in live
    ]
    known = shares((target, source, what) for target, source, what in classed if what != "unknown")
    whole = shares(classed)
    rows: list[Row] = []
    for target in whole:
        for what in CLASSES:
            if what in {"exact", "partial"} and not terms_of(target, "money", settings.mine):
                rows.append((target, what, None, None, None, None))
                continue
            links, _, refdomains, _ = whole[target].get(what, (0, 0.0, 0, 0.0))
            told = (
                None
                if what == "unknown" or target not in known
                else known[target].get(what, (0, 0.0, 0, 0.0))
            )
            rounded = [None if told is None else round(told[place], SHARE_DIGITS) for place in (1, 3)]
            rows.append((target, what, links, rounded[0], refdomains, rounded[1]))
    return rows


def placements(state: State, settings: Settings) -> list[Row]:
    return [placement_row(one, state, settings.mine) for one in settings.mine.placements]


def page_answers(one: Placement, state: State) -> list[tuple[int, str]]:
    """Return (time, reason) of answers of its page that speak of all links, from `live_from` on."""
    return [
        (event.observed_at, event.loss)
        for event in state.pages
        if event.source_url == one.source_url
        and event.loss is not None
        and (one.live_from is None or event.observed_at >= one.live_from)
    ]


def placement_row(one: Placement, state: State, mine: Mine) -> Row:
    assert state.clock is not None
    link = next((of for pair, of in state.links.items() if pair == (one.source_url, one.target_url)), None)
    newest = link.lives[-1] if link is not None and link.lives else None
    lost_at = None if newest is None else newest.lost_at
    others = [
        (of.lives[-1].started_at, of.target_url)
        for of in state.links.values()
        if of.is_live and of.source_url == one.source_url and of.target_domain == one.target_domain
        and not placements_of(of, mine) and (lost_at is None or of.lives[-1].started_at >= lost_at)
    ]  # fmt: skip
    firm = [
        (at, reason_rank(reason), reason) for at, reason in page_answers(one, state) if reason != PAGE_ERROR
    ]
    if link is not None and link.is_live:
        name, since = seen_state(one, link)
    elif others:
        name, since = "wrong_target", min(others)[0] if lost_at is None else lost_at
    elif lost_at is not None:
        name, since = "lost", lost_at
    elif firm:
        name, since = "missing", min(firm)[0]
    else:
        name, since = "not_checked", None
    if one.paid_until is not None and one.paid_until <= state.clock:
        name, since = "expired", None
    elif one.live_from is not None and state.clock < one.live_from and name != "ok":
        name, since = "not_yet", None
    elif since is not None and one.live_from is not None:
        since = max(since, one.live_from)
    return (
        one.source_url,
        one.target_url,
        one.source_domain,
        one.target_domain,
        one.campaign,
        name,
        since,
        None if since is None else since + one.grace_days * DAY_US <= state.clock,
        one.rel,
        one.anchor,
        one.live_from,
        one.paid_until,
        None if link is None else link.values.get("rel"),
        None if link is None else link.values.get("anchor"),
        None if link is None else is_dofollow(link),
        min(others)[1] if name == "wrong_target" else None,
        None if link is None else link.first_seen,
        None if link is None else link.last_seen,
        lost_at,
        newest.lost_reason
        if newest is not None and lost_at is not None
        else max(firm)[2]
        if name == "missing"
        else None,
        max((at for at, _ in page_answers(one, state)), default=None),
    )


def is_other_rel(one: Placement, rel: str | None) -> bool:
    if one.rel == "followed":
        return not is_followed(rel)
    return one.rel is not None and one.rel not in (rel or "").split()


def is_other_anchor(one: Placement, anchor: str | None) -> bool:
    return one.anchor is not None and anchor is not None and words_of(anchor) != words_of(one.anchor)


def seen_state(one: Placement, link: Link) -> tuple[str, int | None]:
    def since(field: str, is_wrong: Callable[[Placement, str | None], bool]) -> int:
        """Walk back from the newest value to the first of those that are wrong one after the other."""
        runs = sorted((run.observed_at, run.value) for run in link.runs if run.field == field)
        begun = None
        for at, value in reversed(runs):
            if not is_wrong(one, value):
                return max(link.lives[-1].started_at, begun or 0)
            begun = at
        return link.lives[-1].started_at

    wrong = [
        (name, since(field, is_wrong))
        for name, field, is_wrong in (
            ("wrong_rel", "rel", is_other_rel),
            ("wrong_anchor", "anchor", is_other_anchor),
        )
        if is_wrong(one, link.values.get(field))
    ]
    return (wrong[0][0], min(at for _, at in wrong)) if wrong else ("ok", None)


def campaigns(state: State, settings: Settings) -> list[Row]:
    mine = settings.mine
    told = {one.campaign: one for one in mine.campaigns}
    names = told.keys() | {one.campaign for one in mine.placements if one.campaign is not None}
    rows: list[Row] = []
    for name in names:
        # What is seen of a placement says as much when it is no longer paid for.
        agreed = [replace(one, paid_until=None) for one in mine.placements if one.campaign == name]
        of = [placement_row(one, state, mine) for one in agreed]
        # first_seen, lost_at, state
        seen = [row for row in of if row[16] is not None]
        known = [row for row in of if row[16] is not None or row[5] not in {"not_checked", "not_yet"}]
        won = len(seen) if known else None
        surviving = sum(row[18] is None for row in seen) if known else None
        goal = told[name].goal if name in told else None
        spend = told[name].spend if name in told else None
        rows.append(
            (
                name,
                goal,
                spend,
                len(of),
                len(of) - len(known),
                won,
                surviving,
                None if won is None or not goal else round(won / goal, SHARE_DIGITS),
                None if not surviving or spend is None else round(spend / surviving, SHARE_DIGITS),
            )
        )
    return rows
