"""The rows that every documented view must show for a state; scores are left out.

What a row is says `shown.py`. `link_id` and what names the deciding event are checked apart, in `compare.py`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from oracle.context_views import link_context
from oracle.events import DAY_US, HOUR_US
from oracle.graph import known_domains, known_pages
from oracle.live_links import earliest_first_seen, greatest_last_seen, group, is_dofollow, live_external
from oracle.mine_views import anchor_classes, anchor_profile, campaigns, link_kinds, link_mix, placements
from oracle.profile_views import (
    backlink_profiles,
    broken_backlinks,
    broken_targets,
    linked_domains,
)
from oracle.shown import View, columns
from oracle.told_views import referrals, target_status
from oracle.turns import attribute_changes, life_changes, new_lost, refdomains_new_lost

if TYPE_CHECKING:
    from oracle.model import Link, State
    from oracle.shown import Row, Settings

NAMED_FIELDS = frozenset({"anchor", "rel", "link_type"})


def is_unverified(link: Link, state: State, settings: Settings) -> bool:
    if not link.is_live or link.last_seen is None or state.clock is None:
        return False
    return link.last_seen + settings.unverified_after_days * DAY_US <= state.clock


def attribute_cells(link: Link) -> Row:
    rel = link.values.get("rel")
    tokens = (rel or "").split()
    others = {name: text for name, text in link.values.items() if name not in NAMED_FIELDS}
    return (
        link.values.get("anchor"),
        rel,
        link.values.get("link_type"),
        is_dofollow(link),
        "nofollow" in tokens,
        "ugc" in tokens,
        "sponsored" in tokens,
        others or None,
    )


def link_row(link: Link, state: State, settings: Settings) -> Row:
    newest = link.lives[-1] if link.lives else None
    return (
        link.source_url,
        link.target_url,
        link.source_domain,
        link.target_domain,
        link.is_internal,
        link.is_live,
        link.status == "suspect",
        is_unverified(link, state, settings),
        link.first_seen,
        link.last_seen,
        link.last_checked_at,
        newest.started_at if newest else None,
        newest.lost_at if newest else None,
        newest.confirmed_at if newest else None,
        newest.lost_reason if newest else None,
        link.times_lost,
        *attribute_cells(link),
    )


LINK_COLUMNS = columns(
    "source_url target_url source_domain target_domain is_internal is_live is_suspect is_unverified"
    " @first_seen @last_seen @last_checked_at @started_at @lost_at @confirmed_at lost_reason times_lost"
    " anchor rel link_type is_dofollow is_nofollow is_ugc is_sponsored {}attributes"
)
NOT_IN_BACKLINKS = frozenset({"is_internal", "is_live", "lost_at", "confirmed_at", "lost_reason"})
BACKLINK_COLUMNS = tuple(column for column in LINK_COLUMNS if column[0] not in NOT_IN_BACKLINKS)


def links(state: State, settings: Settings) -> list[Row]:
    return [link_row(link, state, settings) for link in state.links.values()]


def backlinks(state: State, settings: Settings) -> list[Row]:
    kept = [index for index, (name, _) in enumerate(LINK_COLUMNS) if name not in NOT_IN_BACKLINKS]
    rows = [link_row(link, state, settings) for link in live_external(state)]
    return [tuple(row[index] for index in kept) for row in rows]


def refdomains(state: State, _settings: Settings) -> list[Row]:
    pairs = group(live_external(state), lambda link: (link.target_domain, link.source_domain))
    return [
        (
            target_domain,
            source_domain,
            len(of),
            sum(map(is_dofollow, of)),
            len({link.source_url for link in of}),
            len({link.target_url for link in of}),
            any(map(is_dofollow, of)),
            earliest_first_seen(of),
            greatest_last_seen(of),
        )
        for (target_domain, source_domain), of in pairs.items()
    ]


def domains(state: State, _settings: Settings) -> list[Row]:
    live = live_external(state)
    links_in = group(live, lambda link: link.target_domain)
    links_out = group(live, lambda link: link.source_domain)
    return [
        (
            name,
            len(links_in.get(name, [])),
            sum(map(is_dofollow, links_in.get(name, []))),
            len({link.source_domain for link in links_in.get(name, [])}),
            len({link.source_domain for link in links_in.get(name, []) if is_dofollow(link)}),
            len(links_out.get(name, [])),
            len({link.target_domain for link in links_out.get(name, [])}),
        )
        for name in known_domains(state)
    ]


def pages(state: State, _settings: Settings) -> list[Row]:
    live = live_external(state)
    inner = [link for link in state.links.values() if link.is_live and link.is_internal]
    links_in = group(live, lambda link: link.target_url)
    links_out = group(live, lambda link: link.source_url)
    within = group(inner, lambda link: link.target_url)
    return [
        (
            url,
            domain,
            len(links_in.get(url, [])),
            sum(map(is_dofollow, links_in.get(url, []))),
            len({link.source_domain for link in links_in.get(url, [])}),
            len(within.get(url, [])),
            len(links_out.get(url, [])),
        )
        for url, domain in known_pages(state).items()
    ]


def anchors(state: State, _settings: Settings) -> list[Row]:
    groups = group(live_external(state), lambda link: (link.target_domain, link.values.get("anchor")))
    return [
        (
            target_domain,
            anchor,
            len(of),
            sum(map(is_dofollow, of)),
            len({link.source_domain for link in of}),
            earliest_first_seen(of),
            greatest_last_seen(of),
        )
        for (target_domain, anchor), of in groups.items()
    ]


def link_lives(state: State, _settings: Settings) -> list[Row]:
    return [
        (
            link.source_url,
            link.target_url,
            number,
            link.source_domain,
            link.target_domain,
            link.is_internal,
            life.started_at,
            life.last_alive_at,
            life.lost_at,
            life.confirmed_at,
            life.lost_reason,
            life.is_confirmed_by_event,
        )
        for link in state.links.values()
        for number, life in enumerate(link.lives, start=1)
    ]


def link_velocity(state: State, _settings: Settings) -> list[Row]:
    counts: Counter[tuple[str, int, str]] = Counter()
    for found in life_changes(state):
        hour = found.changed_at - found.changed_at % HOUR_US
        counts[found.link.target_domain, hour, found.name] += 1
    hours = {(target_domain, hour) for target_domain, hour, _ in counts}
    rows: list[Row] = []
    for target_domain, hour in hours:
        new, restored, lost = (counts[target_domain, hour, name] for name in ("new", "restored", "lost"))
        rows.append((target_domain, hour, new, restored, lost, new + restored - lost))
    return rows


def sources(state: State, _settings: Settings) -> list[Row]:
    return [(of.source_name, of.topic, of.partition, of.events, of.dead_letters) for of in state.sources]


def dead_letters(state: State, _settings: Settings) -> list[Row]:
    return [(*letter.origin, letter.reason) for letter in state.dead_letters]


VIEWS = (
    View("links", LINK_COLUMNS, 2, links),
    View("backlinks", BACKLINK_COLUMNS, 2, backlinks),
    View("outgoing_links", BACKLINK_COLUMNS, 2, backlinks),
    View(
        "refdomains",
        columns(
            "target_domain source_domain backlinks dofollow_backlinks source_pages target_pages is_dofollow"
            " @first_seen @last_seen"
        ),
        2,
        refdomains,
    ),
    View(
        "domains",
        columns(
            "domain_name backlinks dofollow_backlinks refdomains dofollow_refdomains"
            " outgoing_links linked_domains"
        ),
        1,
        domains,
    ),
    View(
        "pages",
        columns("page_url domain_name backlinks dofollow_backlinks refdomains internal_links outgoing_links"),
        1,
        pages,
    ),
    View(
        "anchors",
        columns("target_domain anchor backlinks dofollow_backlinks refdomains @first_seen @last_seen"),
        2,
        anchors,
    ),
    View(
        "link_kinds",
        columns(
            "source_url target_url source_domain target_domain is_dofollow source_kind kind_rule acquisition"
            " acquisition_rule campaign"
        ),
        2,
        link_kinds,
    ),
    View(
        "link_mix",
        columns("target_domain source_kind acquisition backlinks %link_share refdomains %refdomain_share"),
        3,
        link_mix,
    ),
    View(
        "anchor_classes",
        columns("target_domain anchor anchor_class backlinks refdomains"),
        2,
        anchor_classes,
    ),
    View(
        "anchor_profile",
        columns("target_domain anchor_class backlinks %link_share refdomains %refdomain_share"),
        2,
        anchor_profile,
    ),
    View(
        "link_context",
        columns(
            "source_url target_url source_domain target_domain semantic_location is_content links_external"
            " words %link_density snippet_left snippet_right"
        ),
        2,
        link_context,
    ),
    View(
        "new_lost",
        columns(
            "change @changed_at source_url target_url source_domain target_domain anchor rel is_dofollow"
            " @lost_at lost_reason old_value new_value"
        ),
        4,
        new_lost,
    ),
    View(
        "attribute_changes",
        columns("@changed_at source_url target_url field source_domain target_domain old_value new_value"),
        4,
        attribute_changes,
    ),
    View(
        "refdomains_new_lost",
        columns("change @changed_at target_domain source_domain backlinks"),
        4,
        refdomains_new_lost,
    ),
    View(
        "linked_domains",
        columns(
            "source_domain target_domain outgoing_links dofollow_links source_pages target_pages"
            " @first_seen @last_seen"
        ),
        2,
        linked_domains,
    ),
    View(
        "backlink_profiles",
        columns(
            "target_domain backlinks dofollow_backlinks nofollow_backlinks ugc_backlinks sponsored_backlinks"
            " %follow_ratio refdomains dofollow_refdomains %refdomain_follow_ratio %effective_refdomains"
            " %top_refdomain_share @first_seen"
        ),
        1,
        backlink_profiles,
    ),
    View(
        "broken_backlinks",
        columns(
            "source_url target_url source_domain target_domain http_code @observed_at anchor is_dofollow"
            " @first_seen @last_seen"
        ),
        2,
        broken_backlinks,
    ),
    View(
        "broken_targets",
        columns("target_domain target_url http_code @observed_at backlinks dofollow_backlinks refdomains"),
        2,
        broken_targets,
    ),
    View(
        "link_lives",
        columns(
            "source_url target_url life_number source_domain target_domain is_internal @started_at"
            " @last_alive_at @lost_at @confirmed_at lost_reason is_confirmed_by_event"
        ),
        3,
        link_lives,
    ),
    View(
        "link_velocity",
        columns("target_domain @hour new_links restored_links lost_links net_links"),
        2,
        link_velocity,
    ),
    View("target_status", columns("target_url http_code @observed_at {}extra"), 1, target_status),
    View(
        "referrals",
        columns("source_url target_url 'day source_name topic visits @observed_at {}extra"),
        5,
        referrals,
    ),
    View(
        "dead_letters",
        columns("source_name topic source_partition source_offset reason"),
        4,
        dead_letters,
    ),
    View("sources", columns("source_name topic source_partition events dead_letters"), 3, sources),
)
MINE_VIEWS = (
    View(
        "placements",
        columns(
            "source_url target_url source_domain target_domain campaign state @violated_since is_overdue"
            " expected_rel expected_anchor @live_from @paid_until rel anchor is_dofollow found_target_url"
            " @first_seen @last_seen @lost_at lost_reason @page_checked_at"
        ),
        2,
        placements,
    ),
    View(
        "campaigns",
        columns(
            "campaign goal spend placements not_checked won surviving %goal_share %cost_per_surviving_link"
        ),
        1,
        campaigns,
    ),
)
"""Views without a row unless the user told something of himself."""
"""Every documented view but those of scores alone."""
