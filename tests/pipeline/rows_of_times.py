"""Macros that ask of a time, or of two, beside brute force over the events until then."""

# ruff: noqa: S608 - statements of the test's own

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import duckdb
import pytest

from oracle.diffs import backlinks_diff
from oracle.events import DAY_US, SUSPECT_WINDOW_US
from oracle.histories import BASE_US
from oracle.model import derive_as_of
from oracle.profile_views import backlink_profiles, broken_backlinks
from oracle.shown import Settings
from oracle.survival import curve, followed_lives

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from oracle.compare import Query
    from oracle.model import Life, Link, State
    from oracle.page_events import AnyEvent

_DIFF = (
    "SELECT change, epoch_us(changed_at), source_url, target_url, source_domain, target_domain, anchor, rel,"
    " is_dofollow, old_value, new_value, lost_reason"
    " FROM backlinks_diff('{}', make_timestamptz({}), make_timestamptz({}))"
)


def check_as_of(query: Query, events: Sequence[AnyEvent], chance: Random) -> None:
    """What was live at an instant is what the events until then say; nothing is told of the future."""
    for asked in asked_times(events, chance):
        state = derive_as_of(events, asked)
        live = {pair for pair, link in state.links.items() if link.is_live and not link.is_internal}
        shown = query(f"SELECT source_url, target_url FROM backlinks_asof(make_timestamptz({asked}))")
        assert sorted(shown) == sorted(live)
    # Of no link at all DuckDB need not look at the time.
    names = query("SELECT target_domain FROM link_lives WHERE NOT is_internal LIMIT 1")
    if names:
        later = max(event.observed_at for event in events) + 1
        with pytest.raises(duckdb.InvalidInputException, match="is after the newest event"):
            query(f"FROM backlinks_asof(make_timestamptz({later}))")
        with pytest.raises(duckdb.InvalidInputException, match="is after the newest event"):
            query(_DIFF.format(names[0][0], BASE_US, later))


def check_broken_a_day_ago(query: Query, events: Sequence[AnyEvent], chance: Random) -> None:
    """What was broken a day before the clock, put where we like, is what the events until then say."""
    ((clock,),) = query("SELECT epoch_us(clock) FROM internal.writer")
    if clock is None:  # all of it was refused
        return
    for asked in [clock - DAY_US, clock, *asked_times(events, chance)]:
        query(f"UPDATE internal.writer SET clock = make_timestamptz({asked + DAY_US})")
        shown = query("SELECT target_domain, count(*) FROM internal.broken_a_day_ago GROUP BY target_domain")
        before = broken_backlinks(derive_as_of(events, asked), Settings())
        assert dict(shown) == Counter(str(row[3]) for row in before)
    query(f"UPDATE internal.writer SET clock = make_timestamptz({clock})")


def check_diffs(query: Query, events: Sequence[AnyEvent], chance: Random) -> None:
    """What is otherwise between two instants is what the two states say, and adds up with what was live."""
    times = sorted(asked_times(events, chance))
    names = sorted(row[0] for row in query("SELECT DISTINCT target_domain FROM links"))
    for from_at, to_at in [*pairwise(times), *zip(times[:1], times[:1], strict=True)]:
        before, after = derive_as_of(events, from_at), derive_as_of(events, to_at)
        for name in names:
            shown = query(_DIFF.format(name, from_at, to_at))
            assert sorted(shown, key=repr) == sorted(backlinks_diff(before, after, name), key=repr)
            gained = {row[2:4] for row in shown if row[0] in {"new", "restored"}}
            lost = {row[2:4] for row in shown if row[0] == "lost"}
            assert live_at(query, name, to_at) == (live_at(query, name, from_at) - lost) | gained


def live_at(query: Query, name: str, at_us: int) -> set[tuple[str, ...]]:
    return set(
        query(
            f"SELECT source_url, target_url FROM backlinks_asof(make_timestamptz({at_us}))"
            f" WHERE target_domain = '{name}'"
        )
    )


def asked_times(events: Sequence[AnyEvent], chance: Random) -> list[int]:
    """Draw instants at which something happens, just before, or when a suspicion is confirmed."""
    times = sorted({event.observed_at for event in events})
    drawn = [
        max(time + chance.choice((0, 0, -1, SUSPECT_WINDOW_US)), BASE_US)
        for time in chance.sample(times, min(3, len(times)))
    ]
    return [time for time in drawn if time <= times[-1]]


def check_survival(query: Query, state: State, chance: Random) -> None:
    """The curves of each domain are those of its lives, whenever observation began."""
    names = sorted({link.target_domain for link in state.links.values()})
    for name in names:
        since = chance.choice((None, *(life.started_at for life in lives_of(state, name))))
        groups = followed_lives(state, name, since)
        named = "" if since is None else f", observed_since := make_timestamptz({since})"
        found = query(
            "SELECT grouping, link_group, CAST(round(age_days * 86400000000) AS BIGINT), at_risk, lost,"
            f" survival FROM link_survival('{name}'{named})"
        )
        wanted = [
            (*group, step.age, step.at_risk, step.lost, step.survival)
            for group, lives in groups.items()
            for step in curve(lives)
        ]
        assert sorted(row[:5] for row in found) == sorted(row[:5] for row in wanted)
        assert {row[:3]: row[5] for row in found} == {
            row[:3]: None if row[5] is None else pytest.approx(float(row[5]), abs=1e-9) for row in wanted
        }


def is_to(link: Link, name: str) -> bool:
    return link.target_domain == name and not link.is_internal


def lives_of(state: State, name: str) -> list[Life]:
    return [life for link in state.links.values() if link.target_domain == name for life in link.lives]


def check_compare(query: Query, events: Sequence[AnyEvent], chance: Random) -> None:
    """Domains side by side at an instant have what the events until then give them."""
    for asked in asked_times(events, chance):
        state = derive_as_of(events, asked)
        wanted = {row[0]: (*row[1:3], row[7], *row[4:6]) for row in backlink_profiles(state, Settings())}
        names = sorted({link.target_domain for link in state.links.values()})
        rows = query(
            "SELECT domain_name, backlinks, dofollow_backlinks, refdomains, gained_30d, lost_30d,"
            " epoch_us(at_time)"
            f" FROM compare([{', '.join(map(repr, names))}]::VARCHAR[], at_time := make_timestamptz({asked}))"
        )
        assert [row[0] for row in sorted(rows)] == names
        for name, links, followed, refdomains, gained, lost, at in rows:
            assert at == asked
            profile = wanted.get(name)
            known = [
                link for link in state.links.values() if link.target_domain == name and not link.is_internal
            ]
            lives = [life for link in known for life in link.lives]
            if not lives:
                assert (links, gained) == (None, None)
                continue
            assert (links, followed, refdomains) == ((0, 0, 0) if profile is None else profile[:3])
            month = asked - 30 * DAY_US
            assert gained == sum(life.started_at > month for life in lives)
            assert lost == sum(life.confirmed_at is not None and life.confirmed_at > month for life in lives)
