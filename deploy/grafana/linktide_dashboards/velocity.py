"""Link velocity: what tracked domains gain and lose, beside what is usual for them."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import Kind, Panel
from linktide_dashboards.queries import Prom, Sql, of_domains, rate_of_domains

_NAME: Final = "{{domain}}"
_SIGMAS: Final = 5
"""As the alerts on spikes have it."""
_GAINED_WEEK: Final = of_domains("linktide_velocity_last_week", change="gained")


def _day(change: str) -> str:
    return f"sum by (domain) ({of_domains('linktide_velocity_last_day', change=change)})"


def _beside_usual(change: str) -> tuple[Prom, Prom, Prom]:
    mean = of_domains("linktide_velocity_baseline_mean", change=change)
    sd = of_domains("linktide_velocity_baseline_sd", change=change)
    spread = f"(({sd} > sqrt({mean})) or sqrt({mean}))"
    return (
        Prom(_day(change), f"{_NAME}, last day"),
        Prom(f"max by (domain) ({mean})", f"{_NAME}, usual"),
        Prom(f"max by (domain) ({mean} + {_SIGMAS} * {spread})", f"{_NAME}, a spike"),
    )


NOW: Final = Row(
    "Now",
    (
        Panel(
            title="Live links",
            about="Links from other domains that live now.",
            kind=Kind.STAT,
            width=6,
            queries=(Prom(f"sum by (domain) ({of_domains('linktide_live_links')})", _NAME),),
        ),
        Panel(
            title="Gained, last day",
            about="Links that began or began again in the 24 hours up to the newest event.",
            kind=Kind.STAT,
            width=6,
            queries=(Prom(_day("gained"), _NAME),),
        ),
        Panel(
            title="Lost, last day",
            about="Links that ended in the 24 hours up to the newest event.",
            kind=Kind.STAT,
            width=6,
            queries=(Prom(_day("lost"), _NAME),),
        ),
        Panel(
            title="Days of baseline",
            about="Days that the usual figures rest on, of 28. Under 7 nothing is called a spike.",
            kind=Kind.STAT,
            width=6,
            unit="d",
            steps=((None, "orange"), (7, "green")),
            queries=(Prom(f"max by (domain) ({of_domains('linktide_velocity_baseline_days')})", _NAME),),
        ),
    ),
)
USUAL: Final = Row(
    "Beside what is usual",
    (
        Panel(
            title="Gained in a day",
            about="The last 24 hours of event time, the mean of the 28 days before, and where "
            "LinkGainSpike begins.",
            queries=_beside_usual("gained"),
            lowest=0,
        ),
        Panel(
            title="Lost in a day",
            about="The last 24 hours of event time, the mean of the 28 days before, and where "
            "LinkLossSpike begins.",
            queries=_beside_usual("lost"),
            lowest=0,
        ),
        Panel(
            title="Gained in a week, by follow class",
            about="Seven times 24 hours up to the newest event. Followed links pass authority, "
            "the others may not.",
            queries=(Prom(f"sum by (domain, follow) ({_GAINED_WEEK})", "{{domain}}, {{follow}}"),),
            lowest=0,
        ),
        Panel(
            title="Begins and ends as they are stored",
            about="What batches brought of tracked domains, begins and ends of more than a day ago left out.",
            unit="cps",
            queries=(
                rate_of_domains("linktide_new_links_total", f"{_NAME}, new"),
                rate_of_domains("linktide_restored_links_total", f"{_NAME}, restored"),
                rate_of_domains("linktide_lost_links_total", f"{_NAME}, lost"),
            ),
            lowest=0,
        ),
    ),
)
EXACT: Final = Row(
    "Exact, by event time",
    (
        Panel(
            title="Links that began and ended",
            about="By hour or longer, late events and imported history included; ends count down.",
            is_bars=True,
            interval="1h",
            queries=(
                Sql(
                    """
                    SELECT $__timeGroupAlias(hour, $__interval),
                           sum(new_links) AS "new", sum(restored_links) AS "restored",
                           -sum(lost_links) AS "lost"
                    FROM link_velocity
                    WHERE $__timeFilter(hour) AND target_domain IN (${domain:sqlstring})
                    GROUP BY 1 ORDER BY 1
                    """,
                    is_series=True,
                ),
            ),
        ),
        Panel(
            title="Net change by follow class",
            about="Begun less ended a day, by what the rel of each link says now.",
            is_bars=True,
            interval="1d",
            queries=(
                Sql(
                    """
                    SELECT $__timeGroupAlias(hour, $__interval),
                           CASE WHEN is_dofollow THEN 'followed' ELSE 'not followed' END AS metric,
                           sum(net_links) AS value
                    FROM link_velocity_by_follow
                    WHERE $__timeFilter(hour) AND target_domain IN (${domain:sqlstring})
                    GROUP BY 1, 2 ORDER BY 1, 2
                    """,
                    is_series=True,
                ),
            ),
        ),
        Panel(
            title="Newest changes",
            about="The newest hundred links that began or ended, with the event that decided each.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT changed_at, change, target_domain, source_domain, source_url, target_url, anchor,
                           is_dofollow, lost_reason, topic, source_offset
                    FROM new_lost
                    WHERE $__timeFilter(changed_at) AND target_domain IN (${domain:sqlstring})
                    ORDER BY changed_at DESC LIMIT 100
                    """
                ),
            ),
        ),
        Panel(
            title="Why links ended",
            about="Reasons of the ends in the chosen time; pageerror is a page that did not "
            "answer for three days.",
            kind=Kind.BARS,
            queries=(
                Sql(
                    """
                    SELECT lost_reason, count(*) AS links
                    FROM new_lost
                    WHERE change = 'lost' AND $__timeFilter(changed_at)
                      AND target_domain IN (${domain:sqlstring})
                    GROUP BY 1 ORDER BY 2 DESC
                    """
                ),
            ),
        ),
        Panel(
            title="Who moves most, of all domains",
            about="Domains of the whole index by links gained in the chosen time, tracked or not.",
            kind=Kind.TABLE,
            queries=(
                Sql(
                    """
                    SELECT target_domain, sum(new_links + restored_links) AS gained, sum(lost_links) AS lost,
                           sum(net_links) AS net
                    FROM link_velocity
                    WHERE $__timeFilter(hour)
                    GROUP BY 1 ORDER BY 2 DESC LIMIT 20
                    """
                ),
            ),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-velocity",
    title="Link velocity",
    about="What tracked domains gain and lose, beside what is usual for them.",
    since="now-30d",
    refresh="1m",
    rows=(NOW, USUAL, EXACT),
    has_domains=True,
    has_sql=True,
)
