"""Alerts: what fires now, what fired, and how the freshness goal stands."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import RUNBOOK, Kind, Panel
from linktide_dashboards.queries import TARGETS, Prom, Sql, of, rate

_SEVERE: Final = ((None, "green"), (1, "orange"))
_CRITICAL: Final = ((None, "green"), (1, "red"))


def _firing(severity: str) -> Prom:
    return Prom(f"sum({of('linktide_alert_active', severity=severity)})", severity)


NOW: Final = Row(
    "Now",
    (
        Panel(
            title="Critical",
            about="Alerts that fire now and want somebody at once. What another alert explains is left out.",
            kind=Kind.STAT,
            width=6,
            steps=_CRITICAL,
            queries=(_firing("critical"),),
        ),
        Panel(
            title="Warnings",
            about="Alerts that fire now and want somebody today.",
            kind=Kind.STAT,
            width=6,
            steps=_SEVERE,
            queries=(_firing("warning"),),
        ),
        Panel(
            title="For information",
            about="Alerts that fire now and want nobody.",
            kind=Kind.STAT,
            width=6,
            queries=(_firing("info"),),
        ),
        Panel(
            title="Calls that wait",
            about="Calls to alerts.webhook_url that were not answered yet. It stays at 0 where "
            "Alertmanager calls.",
            kind=Kind.STAT,
            width=6,
            steps=_SEVERE,
            queries=(Prom(of("linktide_alert_notices_waiting"), "{{instance}}"),),
        ),
        Panel(
            title="Firing",
            about="By the service, over event time. The rules of deploy/prometheus call for the same.",
            kind=Kind.TABLE,
            queries=(Prom(f"{of('linktide_alert_active')} == 1", ""),),
        ),
        Panel(
            title="Called for by Prometheus",
            about="What the rules of deploy/prometheus hold pending or firing. Empty: nothing, or "
            "they are not loaded.",
            kind=Kind.TABLE,
            queries=(Prom(f"ALERTS{{{TARGETS}}}", ""),),
        ),
    ),
)
PAST: Final = Row(
    "What was",
    (
        Panel(
            title="Alerts with their evidence",
            about="The newest hundred. `historical` ones were of the past when they were told: "
            "nobody was called. The name leads to what it means and what to do.",
            kind=Kind.TABLE,
            width=24,
            links=("alert", f"{RUNBOOK}#${{__data.fields.runbook}}"),
            hides=("runbook",),
            queries=(
                Sql(
                    """
                    SELECT started_at, alert, domain_name, severity, state, is_historical, summary, ended_at,
                           inhibited_by, evidence, offsets, lower(alert) AS runbook
                    FROM alerts
                    WHERE $__timeFilter(started_at)
                    ORDER BY started_at DESC LIMIT 100
                    """
                ),
            ),
        ),
        Panel(
            title="Alerts a day",
            about="By the day on which they began, historical ones left out.",
            is_bars=True,
            is_stacked=True,
            interval="1d",
            queries=(
                Sql(
                    """
                    SELECT $__timeGroupAlias(started_at, $__interval), alert AS metric, count(*) AS value
                    FROM alerts
                    WHERE $__timeFilter(started_at) AND NOT is_historical
                    GROUP BY 1, 2 ORDER BY 1, 2
                    """,
                    is_series=True,
                ),
            ),
        ),
        Panel(
            title="Alerts that begin",
            about="As the service counts them, by name.",
            unit="cps",
            lowest=0,
            queries=(rate("linktide_alerts_total", "alert"),),
        ),
    ),
)
_FRESH: Final = "linktide_pipeline_freshness_seconds"
GOAL: Final = Row(
    "The freshness goal",
    (
        Panel(
            title="Events within 5 seconds",
            about="Share of events that were queryable 5 s after their record's time; the goal is 99 %.",
            unit="percentunit",
            highest=1,
            steps=((None, "red"), (0.99, "green")),
            queries=(
                Prom(
                    f"sum by (instance) (rate({of(f'{_FRESH}_bucket', le='5.0')}[$__rate_interval]))"
                    f" / sum by (instance) (rate({of(f'{_FRESH}_count')}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Slow share over the windows of the rules",
            about="What FreshnessBurnsFast and FreshnessBurns compare: 14.4 and 6 times the "
            "allowed hundredth. Recorded by deploy/prometheus/linktide-rules.yaml.",
            unit="percentunit",
            lowest=0,
            steps=((None, "green"), (0.06, "orange"), (0.144, "red")),
            queries=tuple(
                Prom(
                    f"job:linktide_freshness_slow:ratio_rate{window}{{{TARGETS}}}",
                    f"{{{{instance}}}}, {window}",
                )
                for window in ("5m", "30m", "1h", "6h")
            ),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-alerts",
    title="Alerts",
    about="What fires now, what fired and on what evidence, and how the freshness goal stands.",
    since="now-7d",
    rows=(NOW, PAST, GOAL),
    has_sql=True,
)
