"""The freshness goal: alerts on events that take too long to become queryable, and what rules record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linktide.alerts.rule import Finding, PromCase, Rule, Severity

if TYPE_CHECKING:
    from linktide.alerts.facts import ServiceFacts

SLO_SECONDS: Final = 5
SLO_SHARE: Final = 0.01
"""Events that may take longer."""
_TO: Final = 'job="linktide", instance="a"'
_FRESH: Final = "linktide_pipeline_freshness_seconds"


def _slow(facts: ServiceFacts) -> Finding | None:
    if facts.slow_share is None or facts.slow_share <= SLO_SHARE:
        return None
    share = round(facts.slow_share, 4)
    return Finding(f"{share:.1%} of events took more than {SLO_SECONDS} s", [{"slow_share": share}])


def _slow_ratio(window: str) -> str:
    by = "by (job, instance)"
    fast = f'sum {by} (rate({_FRESH}_bucket{{le="{float(SLO_SECONDS)}"}}[{window}]))'
    return f"(1 - {fast} / sum {by} (rate({_FRESH}_count[{window}])))"


def _burn_expr(factor: float, long: str, short: str) -> str:
    limit = f"{factor:g} * {SLO_SHARE:g}"
    return (
        f"job:linktide_freshness_slow:ratio_rate{long} > {limit}\n"
        f"and job:linktide_freshness_slow:ratio_rate{short} > {limit}"
    )


BURN_WINDOWS: Final = ("5m", "30m", "1h", "6h")
RECORDING: Final = {
    "domain:linktide_velocity_last_day:sum": "sum without (follow) (linktide_velocity_last_day)",
    "domain:linktide_velocity_last_week:sum": "sum without (follow) (linktide_velocity_last_week)",
    "domain:linktide_velocity_baseline:spread": "(linktide_velocity_baseline_sd > "
    "sqrt(linktide_velocity_baseline_mean))"
    "\nor sqrt(linktide_velocity_baseline_mean)",
    "job:linktide_sources_lag_records:sum": "sum by (job, instance) (linktide_sources_lag_records)",
} | {f"job:linktide_freshness_slow:ratio_rate{window}": _slow_ratio(window) for window in BURN_WINDOWS}
"""Recorded series → expression; in the order in which they are recorded."""


def _fresh(slow_of_ten: int, minutes: int = 60) -> dict[str, str]:
    """Return ten events a minute, so many of them slow."""
    bucket = f"{_FRESH}_bucket{{{_TO}"
    fast = 10 - slow_of_ten
    return {
        f'{bucket}, le="1.0"}}': f"0+{fast}x{minutes}",
        f'{bucket}, le="5.0"}}': f"0+{fast}x{minutes}",
        f'{bucket}, le="10.0"}}': f"0+10x{minutes}",
        f'{bucket}, le="+Inf"}}': f"0+10x{minutes}",
        f"{_FRESH}_count{{{_TO}}}": f"0+10x{minutes}",
    }


_SLO_IMPACT: Final = "Answers are older than promised: 99 % of events are to be queryable within 5 s."
_SLO_CAUSES: Final = ("the machine is too busy", "large folds or queries", "a slow disk")
_SLO_ACTIONS: Final = (
    "See `linktide top` and linktide_pipeline_stage_seconds: which stage takes the time?",
    "Look for queries that run long, and for other programs on the machine and its disk.",
)

SLO_RULES: Final = (
    Rule(
        name="FreshnessSLO",
        severity=Severity.WARNING,
        about="events take too long to become queryable",
        impact=_SLO_IMPACT,
        causes=_SLO_CAUSES,
        actions=_SLO_ACTIONS,
        definition=f"More than {SLO_SHARE:.0%} of the events of the last 5 "
        f"minutes took more than {SLO_SECONDS} s.",
        expr=f"histogram_quantile({1 - SLO_SHARE:g}, sum by (job, instance, le)"
        f" (rate({_FRESH}_bucket[5m]))) > {SLO_SECONDS}",
        hold="5m",
        fires=PromCase(_fresh(1)),
        is_silent=PromCase(_fresh(0)),
        judge_service=_slow,
    ),
    Rule(
        name="FreshnessBurnsFast",
        severity=Severity.CRITICAL,
        about="the freshness goal of a month is used up within two days",
        impact=_SLO_IMPACT,
        causes=_SLO_CAUSES,
        actions=_SLO_ACTIONS,
        definition="Slow events burn the error budget 14.4 times too fast over 1 hour and over 5 minutes. "
        "In Prometheus only.",
        expr=_burn_expr(14.4, "1h", "5m"),
        hold="2m",
        fires=PromCase(_fresh(5, 90), at="80m"),
        is_silent=PromCase(_fresh(1, 90), at="80m"),
    ),
    Rule(
        name="FreshnessBurns",
        severity=Severity.WARNING,
        about="the freshness goal of a month is used up within five days",
        impact=_SLO_IMPACT,
        causes=_SLO_CAUSES,
        actions=_SLO_ACTIONS,
        definition="Slow events burn the error budget 6 times too fast over 6 hours and over 30 minutes. "
        "In Prometheus only.",
        expr=_burn_expr(6, "6h", "30m"),
        hold="15m",
        fires=PromCase(_fresh(1, 480), at="7h"),
        is_silent=PromCase(_fresh(0, 480), at="7h"),
    ),
)
