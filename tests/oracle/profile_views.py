"""The rows of the views of profiles and of broken links for a state; scores are left out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from oracle.live_links import earliest_first_seen, greatest_last_seen, group, is_dofollow, live_external
from oracle.shown import SHARE_DIGITS

if TYPE_CHECKING:
    from oracle.model import State
    from oracle.shown import Row, Settings

FIRST_ERROR = 400
WORDS = ("nofollow", "ugc", "sponsored")


def linked_domains(state: State, _settings: Settings) -> list[Row]:
    pairs = group(live_external(state), lambda link: (link.source_domain, link.target_domain))
    return [
        (
            *pair,
            len(of),
            sum(map(is_dofollow, of)),
            len({link.source_url for link in of}),
            len({link.target_url for link in of}),
            earliest_first_seen(of),
            greatest_last_seen(of),
        )
        for pair, of in pairs.items()
    ]


def backlink_profiles(state: State, _settings: Settings) -> list[Row]:
    domains = group(live_external(state), lambda link: link.target_domain)
    rows: list[Row] = []
    for name, of in domains.items():
        followed = list(filter(is_dofollow, of))
        refdomains = {link.source_domain for link in of}
        followed_refdomains = {link.source_domain for link in followed}
        shares = [sum(link.source_domain == source for link in of) / len(of) for source in refdomains]
        rows.append(
            (
                name,
                len(of),
                len(followed),
                *(sum(word in (link.values.get("rel") or "").split() for link in of) for word in WORDS),
                round(len(followed) / len(of), SHARE_DIGITS),
                len(refdomains),
                len(followed_refdomains),
                round(len(followed_refdomains) / len(refdomains), SHARE_DIGITS),
                round(1 / sum(share * share for share in shares), SHARE_DIGITS),
                round(max(shares), SHARE_DIGITS),
                earliest_first_seen(of),
            )
        )
    return rows


def broken_backlinks(state: State, _settings: Settings) -> list[Row]:
    codes = {told.target_url: told for told in state.targets}
    rows: list[Row] = []
    for link in live_external(state):
        told = codes.get(link.target_url)
        code = None if told is None else told.http_code
        if told is None or code is None or not (code == 0 or code >= FIRST_ERROR):
            continue
        rows.append(
            (
                link.source_url,
                link.target_url,
                link.source_domain,
                link.target_domain,
                code,
                told.observed_at,
                link.values.get("anchor"),
                is_dofollow(link),
                link.first_seen,
                link.last_seen,
            )
        )
    return rows


def broken_targets(state: State, settings: Settings) -> list[Row]:
    targets: defaultdict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in broken_backlinks(state, settings):
        targets[row[3], row[1], row[4], row[5]].append(row)
    return [
        (*key, len(of), sum(bool(row[7]) for row in of), len({row[2] for row in of}))
        for key, of in targets.items()
    ]
