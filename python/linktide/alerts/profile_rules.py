"""Alerts of own tracked domains that rest on views: agreements, anchors, broken pages, visits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from linktide.alerts.domain_rules import LEAST_DAYS
from linktide.alerts.rule import Finding, PromCase, Row, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.alerts.facts import Concentration, ProfileFacts, ToxicGain

MOST_OVERDUE: Final = 200
"""Broken agreements of one domain that are told apart; of more the number is known."""
ANCHOR_NEAR: Final = 0.1
ANCHOR_OVER: Final = 0.2
"""Sound profiles have 1 to 5 %, those that lost their places had 30 and more (product.md §5)."""
ANCHOR_REFDOMAINS: Final = 20
BROKEN_RISE: Final = 3
TOP_SHARE: Final = 0.6
VISIT_DAYS: Final = 28
LEAST_VISITS: Final = 20
"""Of fewer the greatest source is nearly always far ahead by chance."""
TOXIC_FLOOR: Final = 20
TOXIC_TIMES: Final = 5
TOXIC_SHARE: Final = 0.5
_OWN: Final = 'role="own"'
_TO: Final = f'job="linktide", instance="a", domain="a.com", {_OWN}'


def _violated(facts: ProfileFacts) -> Finding | None:
    if not facts.overdue:
        return None
    newest = facts.overdue_rows[0]
    others = facts.overdue - 1
    more = f" and {others} more" if others else ""
    return Finding(
        f"not as agreed ({newest['state']}): the link from {newest['source_url']}{more}", facts.overdue_rows
    )


def _is_violated_anew(found: Sequence[Mapping[str, object]], last: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether a placement is overdue that was not at the last look.

    Of more than are told apart one that moves up behind the last of them is no news. What comes before it is:
    had it been overdue then, it would have been among them.
    """

    def links(rows: Sequence[Mapping[str, object]]) -> set[tuple[object, object]]:
        return {(row["source_url"], row["target_url"]) for row in rows}

    others = links(found) - links(last)
    if len(last) < MOST_OVERDUE:
        return bool(others)
    # Rows of a store that was left hold times as text; written alike they sort as the times do.
    least = str(last[-1].get("overdue_since"))
    return any(
        str(row["overdue_since"]) > least for row in found if (row["source_url"], row["target_url"]) in others
    )


def _anchors(facts: ProfileFacts) -> Finding | None:
    if facts.exact_share is None or (facts.anchor_refdomains or 0) < ANCHOR_REFDOMAINS:
        return None
    return Finding(
        f"{facts.exact_share:.1%} of {facts.anchor_refdomains} referring domains have exact money anchors",
        [
            {"exact_share": round(facts.exact_share, 4), "refdomains": facts.anchor_refdomains},
            *facts.exact_rows,
        ],
    )


def _over(facts: ProfileFacts) -> Finding | None:
    return _anchors(facts) if (facts.exact_share or 0.0) > ANCHOR_OVER else None


def _near(facts: ProfileFacts) -> Finding | None:
    return _anchors(facts) if ANCHOR_NEAR < (facts.exact_share or 0.0) <= ANCHOR_OVER else None


def _broken(facts: ProfileFacts) -> Finding | None:
    now, before = facts.broken, facts.broken_a_day_ago
    if now is None or before is None or now - before < BROKEN_RISE:
        return None
    return Finding(
        f"{now} links lead to pages that do not answer, a day ago there were {before}",
        [{"broken_backlinks": now, "a_day_ago": before}, *facts.broken_rows],
    )


def _is_concentrated(visits: Concentration | None) -> bool:
    return visits is not None and visits.visits >= LEAST_VISITS and visits.share > TOP_SHARE


def _concentrated(facts: ProfileFacts) -> Finding | None:
    visits = facts.visits
    if visits is None or not _is_concentrated(visits) or not _is_concentrated(facts.visits_a_day_ago):
        return None
    return Finding(
        f"{visits.share:.0%} of {visits.visits} visits over links come from {visits.source}",
        [{"source": visits.source, "share": round(visits.share, 4), "visits": visits.visits}],
    )


def is_toxic_burst(gain: ToxicGain) -> bool:
    """Tell whether the last day brought far more toxic links than is usual, and little else."""
    return (
        gain.mean is not None
        and gain.days >= LEAST_DAYS
        and gain.toxic >= TOXIC_FLOOR
        and gain.toxic > TOXIC_TIMES * gain.mean
        and gain.toxic > TOXIC_SHARE * gain.gained
    )


def _toxic_burst(facts: ProfileFacts) -> Finding | None:
    gain = facts.toxic
    if gain is None or gain.mean is None or not is_toxic_burst(gain):
        return None
    figures: Row = {
        "toxic_last_day": gain.toxic,
        "gained_last_day": gain.gained,
        "mean": round(gain.mean, 3),
        "days": gain.days,
    }
    return Finding(
        f"{gain.toxic} of {gain.gained} links gained in the last day are toxic, usual are {gain.mean:.1f} "
        f"a day (over {gain.days} days)",
        [figures, *gain.rows],
    )


def _gauges(at: str, minutes: int = 60, **told: float) -> PromCase:
    series = {f"linktide_{name}{{{_TO}}}": f"{value}x{minutes}" for name, value in told.items()}
    return PromCase(series, at=at)


def _toxic_gauges(toxic: int, *, gained: int, mean: float, days: int) -> PromCase:
    return _gauges(
        "30m",
        toxic_links_last_day=toxic,
        toxic_links_gained_last_day=gained,
        toxic_links_baseline_mean=mean,
        toxic_links_baseline_days=days,
    )


_TOXIC: Final = "linktide_toxic_links"
_EXACT: Final = f"linktide_anchor_exact_share{{{_OWN}}}"
_ENOUGH: Final = f"and linktide_anchor_refdomains{{{_OWN}}} >= {ANCHOR_REFDOMAINS}"
_ANCHOR_OVER: Final = Rule(
    name="AnchorOverOptimised",
    severity=Severity.WARNING,
    about="too many links have exact money anchors",
    impact="Search engines take many exact money anchors for bought links, and rank the domain lower.",
    causes=(
        "a campaign asked for the same words again and again",
        "links were bought",
        "somebody else links so to harm the domain",
    ),
    actions=(
        "Ask `anchor_profile` and, for the words, `anchor_classes` where `anchor_class` is exact.",
        "Look at `backlinks` with these anchors: which domains are new, which belong together?",
        "Ask the sites you work with for the name of the brand or the bare URL instead.",
    ),
    definition=f"More than {ANCHOR_OVER:.0%} of the referring domains, of at least {ANCHOR_REFDOMAINS} "
    "whose anchors are known, have the class exact in `anchor_profile`. Nothing is judged without money "
    "terms in the file of `mine.terms`.",
    expr=f"{_EXACT} > {ANCHOR_OVER:g}\n{_ENOUGH}",
    fires=_gauges("30m", anchor_exact_share=0.21, anchor_refdomains=20),
    is_silent=_gauges("30m", anchor_exact_share=0.9, anchor_refdomains=19),
    role="own",
    judge_profile=_over,
)
PROFILE_RULES: Final = (
    Rule(
        name="PlacementViolated",
        severity=Severity.CRITICAL,
        about="a link is not as agreed",
        impact="What was agreed on, and perhaps paid for, is not there or is worth less.",
        causes=(
            "the page or the link was taken down",
            "rel, anchor or target were changed",
            "the link was never set",
        ),
        actions=(
            "Look at `state` in the evidence: missing, lost, wrong_rel, wrong_target or wrong_anchor.",
            "Open the page and see whether it is so.",
            "Write to the site, with `violated_since` and what was agreed; all of it is in `placements`.",
            "If the agreement is over, put `paid_until` into the file of `mine.placements`.",
        ),
        definition="Rows of the view `placements` of an own domain have `is_overdue`: missing, lost, "
        "wrong_rel, wrong_target or wrong_anchor for longer than the grace of the placement. One that "
        "becomes so while the alert fires ends it and raises it anew, with all of them; also one that was "
        f"mended and breaks again. The evidence has {MOST_OVERDUE} at most, those whose grace ended last.",
        expr=f"linktide_placements_violated{{{_OWN}}} > 0",
        fires=_gauges("30m", placements_violated=1),
        is_silent=_gauges("30m", placements_violated=0),
        role="own",
        judge_profile=_violated,
        is_anew=_is_violated_anew,
    ),
    _ANCHOR_OVER,
    replace(
        _ANCHOR_OVER,
        name="AnchorNearOverOptimised",
        severity=Severity.INFO,
        about="many links have exact money anchors",
        definition=f"The same for a share above {ANCHOR_NEAR:.0%} and up to {ANCHOR_OVER:.0%}: time to stop.",
        expr=f"{_EXACT} > {ANCHOR_NEAR:g}\nand {_EXACT} <= {ANCHOR_OVER:g}\n{_ENOUGH}",
        fires=_gauges("30m", anchor_exact_share=0.11, anchor_refdomains=20),
        is_silent=_gauges("30m", anchor_exact_share=0.21, anchor_refdomains=20),
        judge_profile=_near,
    ),
    Rule(
        name="BrokenBacklinksRising",
        severity=Severity.WARNING,
        about="more links lead to pages that do not answer",
        impact="Visitors and authority that come over these links are lost.",
        causes=("own pages were moved or deleted", "the site fails", "another site links to a wrong address"),
        actions=(
            "Open the pages that stand in the evidence.",
            "Bring them back, or redirect them: `reclaim` names the page that is most alike.",
            "If they answer, see in `target_status` who tells otherwise, and since when.",
        ),
        definition="Rows of `broken_backlinks` now - those of 24 hours before the newest event, by lives "
        f"and by answers of targets until then, ≥ {BROKEN_RISE}.",
        expr=f"linktide_broken_backlinks{{{_OWN}}} - linktide_broken_backlinks_day_ago{{{_OWN}}}"
        f" >= {BROKEN_RISE}",
        fires=_gauges("30m", broken_backlinks=5, broken_backlinks_day_ago=2),
        is_silent=_gauges("30m", broken_backlinks=5, broken_backlinks_day_ago=3),
        role="own",
        judge_profile=_broken,
    ),
    Rule(
        name="TrafficConcentration",
        severity=Severity.INFO,
        about="visits over links depend on one source",
        impact="If that source goes, most visitors over links go with it.",
        causes=("one site sends many visitors", "other sources dried up", "a post went around"),
        actions=(
            "Ask `links_by_visits` which links they are, and `diversification` how it stands.",
            "See that these links stay; seek others like them.",
        ),
        definition=f"The greatest source has more than {TOP_SHARE:.0%} of the visits over links of "
        f"{VISIT_DAYS} days, of at least {LEAST_VISITS}, as `diversification` counts them: both until the "
        "day of the newest event and until the day before.",
        expr=f"linktide_referral_top_share{{{_OWN}}} > {TOP_SHARE:g}\n"
        f"and linktide_referral_visits{{{_OWN}}} >= {LEAST_VISITS}",
        hold="1d",
        fires=_gauges("25h", 1_500, referral_top_share=0.7, referral_visits=20),
        is_silent=_gauges("25h", 1_500, referral_top_share=0.7, referral_visits=19),
        role="own",
        judge_profile=_concentrated,
    ),
    Rule(
        name="ToxicBurst",
        severity=Severity.CRITICAL,
        about="many toxic links were gained in a day",
        impact="Search engines may take them for bought links and rank the domain lower; somebody may mean "
        "to harm it.",
        causes=(
            "somebody points bad links at the domain (negative SEO)",
            "somebody bought links for it, perhaps an agency",
            "a network of sites copied a page that links to it",
            "a source tells of fields that it told nothing of before",
        ),
        actions=(
            "Open some of the pages: `markers_fired` says why to look at them, and that is no verdict.",
            "Ask `toxic_links_of_day` with day 0 for all of them, and `toxicity` for their domains.",
            "Ask who works on links for the domain whether they are theirs.",
            "Note what is to go with `linktide review`; its `--disavow` prints the file for Google.",
        ),
        definition=f"In `toxic_links_gained` the last day has at least {TOXIC_FLOOR} toxic links, more than "
        f"{TOXIC_TIMES} times the mean of the baseline, and more than {TOXIC_SHARE:.0%} of all links gained "
        "that day, unrated ones among them. The baseline is the 28 days before, those before the domain was "
        "first heard of and those of whose links none could be rated left out; under "
        f"{LEAST_DAYS} days, or if of the last day nothing could be rated, nothing is judged.",
        expr=f"{_TOXIC}_last_day{{{_OWN}}} >= {TOXIC_FLOOR}\n"
        f"and {_TOXIC}_last_day{{{_OWN}}} > {TOXIC_TIMES} * {_TOXIC}_baseline_mean{{{_OWN}}}\n"
        f"and {_TOXIC}_last_day{{{_OWN}}} > {TOXIC_SHARE:g} * {_TOXIC}_gained_last_day{{{_OWN}}}\n"
        f"and {_TOXIC}_baseline_days{{{_OWN}}} >= {LEAST_DAYS}",
        fires=_toxic_gauges(20, gained=39, mean=3.9, days=7),
        is_silent=_toxic_gauges(20, gained=39, mean=4, days=7),
        role="own",
        judge_profile=_toxic_burst,
    ),
)
