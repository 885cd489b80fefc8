"""What becomes of links and referring domains: lives begin and end, sightings tell attributes otherwise."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.events import is_followed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle.events import Origin
    from oracle.model import Link, Run, State
    from oracle.shown import Row, Settings


@dataclass(frozen=True, slots=True)
class Change:
    """A link between different domains began (`new`, `restored`), ended (`lost`) or was told otherwise."""

    name: str
    changed_at: int
    link: Link
    deciders: frozenset[Origin]
    """The events any of which may be named as the one that decided it; none if time did."""
    lost_at: int | None = None
    lost_reason: str | None = None
    old_value: str | None = None
    new_value: str | None = None

    @property
    def row(self) -> Row:
        """The row of `new_lost`, without what names the deciding event."""
        rel = self.link.values.get("rel")
        return (
            self.name,
            self.changed_at,
            self.link.source_url,
            self.link.target_url,
            self.link.source_domain,
            self.link.target_domain,
            self.link.values.get("anchor"),
            rel,
            is_followed(rel),
            self.lost_at,
            self.lost_reason,
            self.old_value,
            self.new_value,
        )


def between_domains(state: State) -> list[Link]:
    return [link for link in state.links.values() if not link.is_internal]


def life_changes(state: State) -> list[Change]:
    """List every beginning and ending of a life of a link between different domains."""
    found: list[Change] = []
    for link in between_domains(state):
        for index, life in enumerate(link.lives):
            found.append(Change("restored" if index else "new", life.started_at, link, life.begun_by))
            if life.confirmed_at is not None:
                ended = Change("lost", life.confirmed_at, link, life.ended_by, life.lost_at, life.lost_reason)
                found.append(ended)
    return found


def told_otherwise(state: State) -> Iterator[tuple[Link, Run, Run]]:
    """Yield each run with the one of the same field before it, of links between different domains."""
    for link in between_domains(state):
        before: dict[str, Run] = {}
        for run in link.runs:
            if run.field in before:
                yield link, before[run.field], run
            before[run.field] = run


def changes(state: State) -> list[Change]:
    """List the rows of `new_lost`."""
    found = life_changes(state)
    for link, before, run in told_otherwise(state):
        name = name_of(before, run)
        if name is not None:
            found.append(
                Change(name, run.observed_at, link, run.told_by, old_value=before.value, new_value=run.value)
            )
    return found


def name_of(before: Run, run: Run) -> str | None:
    """Name the change, None if `new_lost` does not tell of the field."""
    if run.field == "anchor":
        return "anchor_changed"
    if run.field != "rel":
        return None
    follows = is_followed(run.value)
    if follows == is_followed(before.value):
        return "rel_changed"
    return "followed" if follows else "unfollowed"


def new_lost(state: State, _settings: Settings) -> list[Row]:
    return [found.row for found in changes(state)]


def attribute_changes(state: State, _settings: Settings) -> list[Row]:
    return [
        (
            run.observed_at,
            link.source_url,
            link.target_url,
            run.field,
            link.source_domain,
            link.target_domain,
            before.value,
            run.value,
        )
        for link, before, run in told_otherwise(state)
    ]


def refdomains_new_lost(state: State, _settings: Settings) -> list[Row]:
    """Count the live links of each pair of domains at every instant that one of its lives begins or ends."""
    pairs: defaultdict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in between_domains(state):
        pairs[link.target_domain, link.source_domain].append(link)
    rows: list[Row] = []
    for pair, of in pairs.items():
        lives = [life for link in of for life in link.lives]
        instants = {life.started_at for life in lives}
        instants |= {life.confirmed_at for life in lives if life.confirmed_at is not None}
        refers = has_referred = False
        for at in sorted(instants):
            count = sum(link.is_live_at(at) for link in of)
            if refers != (count > 0):
                change = "lost" if refers else "restored" if has_referred else "new"
                rows.append((change, at, *pair, count))
            refers = count > 0
            has_referred = has_referred or refers
    return rows
