"""Competitors: own domains beside their rivals, and the links that only rivals have."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import Kind, Panel
from linktide_dashboards.queries import Prom, Sql, of_domains

_NAME: Final = "{{domain}} ({{role}})"
_GAINED_DAY: Final = of_domains("linktide_velocity_last_day", change="gained")


def _week(change: str) -> Prom:
    gauge = of_domains("linktide_velocity_last_week", change=change)
    return Prom(f"sum by (domain, role) ({gauge})", _NAME)


BESIDE: Final = Row(
    "Beside one another",
    (
        Panel(
            title="Live links",
            about="Links from other domains that live now.",
            kind=Kind.BARS,
            width=6,
            lowest=0,
            queries=(Prom(f"sum by (domain, role) ({of_domains('linktide_live_links')})", _NAME),),
        ),
        Panel(
            title="Authority",
            about="0 to 100; absent while the graph is too small.",
            kind=Kind.BARS,
            width=6,
            lowest=0,
            highest=100,
            queries=(Prom(f"max by (domain, role) ({of_domains('linktide_authority_score')})", _NAME),),
        ),
        Panel(
            title="Gained in a week",
            about="Links that began in the seven days up to the newest event.",
            kind=Kind.BARS,
            width=6,
            lowest=0,
            queries=(_week("gained"),),
        ),
        Panel(
            title="Lost in a week",
            about="Links that ended in the seven days up to the newest event.",
            kind=Kind.BARS,
            width=6,
            lowest=0,
            queries=(_week("lost"),),
        ),
        Panel(
            title="Live links over time",
            about="As scraped.",
            lowest=0,
            queries=(Prom(f"sum by (domain, role) ({of_domains('linktide_live_links')})", _NAME),),
        ),
        Panel(
            title="Gained in a day over time",
            about="Sliding, 24 hours of event time. RivalSurge fires where a rival leaves what is "
            "usual for it.",
            lowest=0,
            queries=(Prom(f"sum by (domain, role) ({_GAINED_DAY})", _NAME),),
        ),
        Panel(
            title="Profiles",
            about="The chosen domains by what links to them.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT domain_name, domain_authority, authority_percentile, trust, refdomains,
                           dofollow_refdomains, backlinks, dofollow_backlinks, outgoing_links, linked_domains
                    FROM domains
                    WHERE domain_name IN (${domain:sqlstring})
                    ORDER BY refdomains DESC
                    """
                ),
            ),
        ),
    ),
)
GAP: Final = Row(
    "What rivals have",
    (
        Panel(
            title="Who links to some of them only",
            about="Referring domains that link to at least one of the chosen domains and not to "
            "all, weightiest first: whom to ask for a link. Choose yours and its rivals.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT source_domain, max(domain_authority) AS domain_authority, count(*) AS linked,
                           string_agg(target_domain, ', ' ORDER BY target_domain) AS links_to,
                           sum(backlinks) AS backlinks
                    FROM refdomains
                    WHERE target_domain IN (${domain:sqlstring})
                      AND source_domain NOT IN (${domain:sqlstring})
                    GROUP BY 1
                    HAVING count(*) < len([${domain:sqlstring}]) OR len([${domain:sqlstring}]) = 1
                    ORDER BY domain_authority DESC NULLS LAST, linked DESC LIMIT 100
                    """
                ),
            ),
        ),
        Panel(
            title="Newest links",
            about="The newest hundred links to the chosen domains.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT changed_at, target_domain, source_domain, source_url, target_url, anchor,
                           is_dofollow
                    FROM new_lost
                    WHERE change <> 'lost' AND $__timeFilter(changed_at)
                      AND target_domain IN (${domain:sqlstring})
                    ORDER BY changed_at DESC LIMIT 100
                    """
                ),
            ),
        ),
        Panel(
            title="Links gained, by domain",
            about="By day of event time, imported history included.",
            is_bars=True,
            interval="1d",
            width=24,
            queries=(
                Sql(
                    """
                    SELECT $__timeGroupAlias(hour, $__interval), target_domain AS metric,
                           sum(new_links + restored_links) AS value
                    FROM link_velocity
                    WHERE $__timeFilter(hour) AND target_domain IN (${domain:sqlstring})
                    GROUP BY 1, 2 ORDER BY 1, 2
                    """,
                    is_series=True,
                ),
            ),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-competitors",
    title="Competitors",
    about="Own domains beside their rivals, and the links that only rivals have.",
    since="now-30d",
    refresh="1m",
    rows=(BESIDE, GAP),
    has_domains=True,
    has_sql=True,
)
