"""Authority and quality: how much tracked domains weigh, and what their links are worth."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import Kind, Panel
from linktide_dashboards.queries import Prom, Sql, of, of_domains, rate

_SCORE: Final = of_domains("linktide_authority_score")
_BEFORE: Final = of_domains("linktide_authority_score_week_ago")

SCORES: Final = Row(
    "Authority",
    (
        Panel(
            title="Authority now",
            about="0 to 100, a logarithmic scale over the whole index. Absent while the graph is too small.",
            kind=Kind.STAT,
            width=8,
            queries=(Prom(f"max by (domain) ({_SCORE})", "{{domain}}"),),
        ),
        Panel(
            title="Change in a week",
            about="Points beside seven days before the newest event; AuthorityDrop fires below "
            "-3. `linktide authority explain DOMAIN` says what it is made of.",
            kind=Kind.STAT,
            width=8,
            steps=((None, "red"), (-3, "orange"), (-1, "green")),
            queries=(Prom(f"max by (domain) ({_SCORE} - {_BEFORE})", "{{domain}}"),),
        ),
        Panel(
            title="Is authority shown",
            about="0 while fewer domains link than authority.min_domains: then every score is null.",
            kind=Kind.STAT,
            width=8,
            unit="bool_yes_no",
            steps=((None, "orange"), (1, "green")),
            queries=(Prom(of("linktide_authority_is_shown"), "{{instance}}"),),
        ),
        Panel(
            title="Authority over event time",
            about="Published scores; a new one is published when it moves by a twentieth of a point.",
            lowest=0,
            highest=100,
            queries=(
                Sql(
                    """
                    SELECT scored_at AS time, domain_name AS metric, domain_authority AS value
                    FROM authority_history
                    WHERE $__timeFilter(scored_at) AND domain_name IN (${domain:sqlstring})
                    ORDER BY 1, 2
                    """,
                    is_series=True,
                ),
            ),
        ),
        Panel(
            title="Domains",
            about="The chosen domains: their place among all, what trusted seeds lend them, who "
            "links. spam_mass near 1: authority that trust does not account for; null "
            "without authority.trusted_domains.",
            kind=Kind.TABLE,
            queries=(
                Sql(
                    """
                    SELECT domain_name, domain_authority, authority_percentile, trust, trust_ratio, spam_mass,
                           refdomains, dofollow_refdomains, backlinks, dofollow_backlinks
                    FROM domains
                    WHERE domain_name IN (${domain:sqlstring})
                    ORDER BY domain_authority DESC NULLS LAST
                    """
                ),
            ),
        ),
    ),
)
QUALITY: Final = Row(
    "Quality of links",
    (
        Panel(
            title="Followed links",
            about="Share of live links that are followed. All followed is as unusual as none.",
            kind=Kind.BARS,
            width=8,
            unit="percentunit",
            lowest=0,
            highest=1,
            queries=(
                Sql(
                    """
                    SELECT domain_name, dofollow_backlinks / nullif(backlinks, 0) AS followed
                    FROM domains
                    WHERE domain_name IN (${domain:sqlstring})
                    ORDER BY 1
                    """
                ),
            ),
        ),
        Panel(
            title="Referring domains that weigh something",
            about="Share of referring domains with an authority of 30 or more.",
            kind=Kind.BARS,
            width=8,
            unit="percentunit",
            lowest=0,
            highest=1,
            queries=(
                Sql(
                    """
                    SELECT target_domain, count(*) FILTER (domain_authority >= 30) / count(*) AS weighty
                    FROM refdomains
                    WHERE target_domain IN (${domain:sqlstring})
                    GROUP BY 1 ORDER BY 1
                    """
                ),
            ),
        ),
        Panel(
            title="Referring domains by authority",
            about="How many referring domains there are in each ten points.",
            kind=Kind.BARS,
            width=8,
            queries=(
                Sql(
                    """
                    SELECT coalesce(least(floor(domain_authority / 10), 9) * 10 || ' and more', 'not shown')
                               AS authority,
                           count(*) AS refdomains
                    FROM refdomains
                    WHERE target_domain IN (${domain:sqlstring})
                    GROUP BY 1 ORDER BY 1
                    """
                ),
            ),
        ),
        Panel(
            title="Weightiest referring domains",
            about="The fifty referring domains with most authority.",
            kind=Kind.TABLE,
            queries=(
                Sql(
                    """
                    SELECT target_domain, source_domain, domain_authority, trust, backlinks,
                           dofollow_backlinks, first_seen, last_seen
                    FROM refdomains
                    WHERE target_domain IN (${domain:sqlstring})
                    ORDER BY domain_authority DESC NULLS LAST, backlinks DESC LIMIT 50
                    """
                ),
            ),
        ),
        Panel(
            title="Anchors",
            about="The fifty anchor texts that most domains use. One exact phrase on many domains "
            "looks bought.",
            kind=Kind.TABLE,
            queries=(
                Sql(
                    """
                    SELECT target_domain, anchor, refdomains, backlinks, dofollow_backlinks,
                           first_seen, last_seen
                    FROM anchors
                    WHERE target_domain IN (${domain:sqlstring})
                    ORDER BY refdomains DESC, backlinks DESC LIMIT 50
                    """
                ),
            ),
        ),
        Panel(
            title="Pages that are linked most",
            about="The fifty pages with most referring domains.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT page_url, page_authority, authority_percentile, refdomains, backlinks,
                           dofollow_backlinks, internal_links
                    FROM pages
                    WHERE domain_name IN (${domain:sqlstring})
                    ORDER BY refdomains DESC, backlinks DESC LIMIT 50
                    """
                ),
            ),
        ),
    ),
)
LEANS: Final = Row(
    "What was agreed, and what it leans on",
    (
        Panel(
            title="Placements that are not as agreed",
            about="For longer than their grace, by domain. PlacementViolated fires from one on. "
            "Empty without placements.",
            lowest=0,
            steps=((None, "green"), (1, "red")),
            queries=(Prom(of_domains("linktide_placements_violated"), "{{domain}}"),),
        ),
        Panel(
            title="Exact money anchors",
            about="Share of referring domains. Sound are 1 to 5 %; AnchorOverOptimised fires above 20 %. "
            "Empty without money terms in the file of mine.terms.",
            unit="percentunit",
            lowest=0,
            steps=((None, "green"), (0.1, "orange"), (0.2, "red")),
            queries=(Prom(of_domains("linktide_anchor_exact_share"), "{{domain}}"),),
        ),
        Panel(
            title="Links to pages that do not answer",
            about="BrokenBacklinksRising fires if there are three more than a day ago. Empty while nobody "
            "tells of answers.",
            lowest=0,
            queries=(Prom(of_domains("linktide_broken_backlinks"), "{{domain}}"),),
        ),
        Panel(
            title="Visits from the greatest source",
            about="Share of the visits over links of 28 days. TrafficConcentration fires above 60 % for a "
            "day. Empty without visits.",
            unit="percentunit",
            lowest=0,
            highest=1,
            steps=((None, "green"), (0.6, "orange")),
            queries=(Prom(of_domains("linktide_referral_top_share"), "{{domain}}"),),
        ),
        Panel(
            title="Toxic links gained, last day",
            about="Beside all links gained in these 24 hours, and five times the usual toxic ones a day. "
            "ToxicBurst fires above that, from 20 on, if more than half of all are toxic. Empty with fewer "
            "than 20 gained, or where nothing could be rated.",
            width=24,
            lowest=0,
            queries=(
                Prom(of_domains("linktide_toxic_links_last_day"), "{{domain}}, toxic"),
                Prom(of_domains("linktide_toxic_links_gained_last_day"), "{{domain}}, all"),
                Prom(
                    f"5 * {of_domains('linktide_toxic_links_baseline_mean')}", "{{domain}}, five times usual"
                ),
            ),
        ),
        Panel(
            title="What became of placements",
            about="Every link that was agreed on, those that are not as agreed first.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT target_domain, state, violated_since, is_overdue, source_url, target_url, campaign,
                           found_target_url, expected_rel, rel, expected_anchor, anchor, lost_reason
                    FROM placements
                    WHERE target_domain IN (${domain:sqlstring})
                    ORDER BY is_overdue DESC NULLS LAST, violated_since DESC NULLS LAST, source_url LIMIT 100
                    """
                ),
            ),
        ),
    ),
)
EXACTNESS: Final = Row(
    "How exact scores are",
    (
        Panel(
            title="Proven error",
            about="Bound of the summed error over the sum of all scores. AuthorityErrorBound "
            "fires if it stays too high.",
            unit="percentunit",
            lowest=0,
            queries=(Prom(of("linktide_authority_error_bound_ratio"), "{{graph}} {{vector}}"),),
        ),
        Panel(
            title="Cost of keeping scores current",
            about="CPU seconds a second, all threads, of both graphs and all vectors.",
            unit="percentunit",
            lowest=0,
            queries=(rate("linktide_authority_cpu_seconds_total"),),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-authority",
    title="Authority and quality",
    about="How much tracked domains weigh, what their links are worth, and how exact that is.",
    since="now-30d",
    refresh="1m",
    rows=(SCORES, QUALITY, LEANS, EXACTNESS),
    has_domains=True,
    has_sql=True,
)
