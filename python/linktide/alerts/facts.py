"""What rules look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from linktide.alerts.velocity import DAY_HOURS, GAINED, DomainHours, Pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.alerts.rule import Row

WEEK_HOURS = 7 * DAY_HOURS
_SCORE_SLACK_HOURS = 48
"""A score that old or so stands for the one of a week ago: where no batch came in that hour there is none."""


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """One tracked domain as of an hour of event time."""

    name: str
    role: str
    now: int
    """Hours since 1970."""
    hours: DomainHours
    scores: Mapping[int, float] = field(default_factory=dict)
    """Hours since 1970 → authority."""

    @property
    def gained(self) -> Pace:
        """Links that began."""
        return self.hours.pace(self.now, GAINED)

    def score(self) -> float | None:
        """Return the newest authority; None if none is shown."""
        return self._score_before(self.now)

    def score_a_week_ago(self) -> float | None:
        """Return the authority of seven days ago; None if there was none about then."""
        return self._score_before(self.now - WEEK_HOURS)

    def _score_before(self, hour: int) -> float | None:
        back = range(hour, hour - _SCORE_SLACK_HOURS, -1)
        return next((self.scores[one] for one in back if one in self.scores), None)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One partition of a source."""

    name: str
    silent_seconds: float
    """Since records last came."""
    usual_seconds: float | None
    """Mean time between arrivals; None until there were enough."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The service as of now; rates are of the last five minutes."""

    lag: int = 0
    """Records not yet fetched."""
    commit_age_seconds: float = 0.0
    slow_share: float | None = None
    """Share of events that were not queryable within five seconds; None without events."""
    events: int = 0
    dead_letters: int = 0
    free_bytes: int | None = None
    min_free_bytes: int = 0
    wal_bytes: int = 0
    most_wal_bytes: int = 0
    """Above it checkpoints must have failed."""
    bound_shares: Mapping[str, float] = field(default_factory=dict)
    """graph/vector → error bound of authority over its target."""
    sources: tuple[SourceFacts, ...] = ()
    tracked_in_spike: int = 0
    tracked: int = 0
    """Own tracked domains."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """How far the visits over links of some days come from one source."""

    source: str
    """The greatest."""
    share: float
    visits: int
    """From all sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicGain:
    """Links that a domain gained in the last day and that are toxic, beside what is usual for it."""

    toxic: int
    gained: int
    """All that began in that day, rated or not."""
    mean: float | None
    """Toxic links a day of the baseline; None if of none of its days anything could be rated."""
    days: int
    """Of the baseline, those of which something is known; they alone count."""
    rows: Sequence[Row] = ()
    """The most toxic; asked only of a burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFacts:
    """What the views say of one tracked domain; None where there is nothing to say."""

    name: str
    role: str
    clock_us: int
    """Event time when it was asked."""
    asked_us: int
    """Wall time: without events an alert may begin twice at one event time."""
    overdue: int | None = None
    """Placements that are not as agreed for longer than their grace; None without placements."""
    overdue_rows: Sequence[Row] = ()
    """Of these the newest."""
    exact_share: float | None = None
    """Of the referring domains whose anchors are known, those with exact money anchors."""
    anchor_refdomains: int | None = None
    """How many these are; asked only where the share is worth a word."""
    exact_rows: Sequence[Row] = ()
    broken: int | None = None
    """Live links to pages that do not answer."""
    broken_a_day_ago: int | None = None
    """The same 24 hours before the newest event; asked only where it could have been fewer by enough."""
    broken_rows: Sequence[Row] = ()
    """Pages with links that are broken since."""
    visits: Concentration | None = None
    """Until the day of the newest event."""
    visits_a_day_ago: Concentration | None = None
    """Until the day before; asked only where it may matter."""
    toxic: ToxicGain | None = None
    """None where nothing of the last day could be rated; asked only where a burst could be."""
