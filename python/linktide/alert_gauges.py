"""The gauges of alerts and of the velocity behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import BY_NAME
from linktide.alerts.velocity import DAY_HOURS, GAINED, LOST

if TYPE_CHECKING:
    from collections.abc import Container

    from linktide.alerts.book import AlertBook, Key
    from linktide.alerts.facts import ProfileFacts
    from linktide.metrics.values import Metrics

_SIDES: Final = (("gained", GAINED), ("lost", LOST))
_FOLLOWS: Final = ("dofollow", "nofollow")


def tell_alerts(metrics: Metrics, book: AlertBook, changed: Container[Key] | None = None) -> None:
    """Set the gauge of every alert there can be, or of those of them that changed."""
    for (name, domain), is_active in book.active().items():
        if changed is not None and (name, domain) not in changed:
            continue
        labels = (name, domain or "", BY_NAME[name].severity)
        metrics.set("linktide_alert_active", float(is_active), *labels)


def tell_domains(metrics: Metrics, book: AlertBook, now: int, names: set[str] | None) -> None:
    """Set the gauges of these tracked domains, or of all, as of an hour since 1970."""
    for name, role in book.tracked:
        if names is not None and name not in names:
            continue
        facts = book.facts(name, role, now)
        hours = facts.hours
        day, week = hours.last_by_column(DAY_HOURS, now), hours.last_by_column(7 * DAY_HOURS, now)
        for side, columns in _SIDES:
            for column, follow in zip(columns, _FOLLOWS, strict=True):
                labels = (name, role, side, follow)
                metrics.set("linktide_velocity_last_day", day[column], *labels)
                metrics.set("linktide_velocity_last_week", week[column], *labels)
            usual = hours.usual(now, columns)
            metrics.set("linktide_velocity_baseline_mean", usual.mean, name, role, side)
            metrics.set("linktide_velocity_baseline_sd", usual.sd, name, role, side)
            metrics.set("linktide_velocity_baseline_days", usual.days, name, role)
        before = facts.score_a_week_ago()
        if before is not None:
            metrics.set("linktide_authority_score_week_ago", before, name, role)


def tell_profile(metrics: Metrics, facts: ProfileFacts) -> None:
    """Set the gauges of what views say of a tracked domain; what there is no word of has no series."""
    visits, toxic = facts.visits, facts.toxic
    told = {
        "linktide_placements_violated": facts.overdue,
        "linktide_anchor_exact_share": facts.exact_share,
        "linktide_anchor_refdomains": facts.anchor_refdomains,
        "linktide_broken_backlinks": facts.broken,
        "linktide_broken_backlinks_day_ago": facts.broken_a_day_ago,
        "linktide_referral_top_share": None if visits is None else visits.share,
        "linktide_referral_visits": None if visits is None else visits.visits,
        "linktide_toxic_links_last_day": None if toxic is None else toxic.toxic,
        "linktide_toxic_links_gained_last_day": None if toxic is None else toxic.gained,
        "linktide_toxic_links_baseline_mean": None if toxic is None else toxic.mean,
        "linktide_toxic_links_baseline_days": None if toxic is None else toxic.days,
    }
    for name, value in told.items():
        if value is None:
            metrics.drop(name, facts.name, facts.role)
        else:
            metrics.set(name, value, facts.name, facts.role)
