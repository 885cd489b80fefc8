"""Alerts of tracked domains."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

from linktide.alerts.rule import Finding, PromCase, Row, Rule, Severity
from linktide.alerts.velocity import DAY_HOURS, GAINED, LOST

if TYPE_CHECKING:
    from linktide.alerts.facts import DomainFacts
    from linktide.alerts.velocity import Pace, Usual

LEAST_DAYS: Final = 7
"""Of a baseline; with fewer nothing is called unusual."""
SPIKE_FLOOR: Final = 5
SPIKE_SPREADS: Final = 5
SURGE_FLOOR: Final = 10
DROP_MEAN: Final = 3
DROP_SHARE: Final = 0.25
AUTHORITY_DROP: Final = 3.0
WIDE_SHARE: Final = 0.3
WIDE_LEAST: Final = 10
_OWN: Final = 'role="own"'
_DAYS: Final = f"on (job, instance, domain) linktide_velocity_baseline_days >= {LEAST_DAYS}"


def spread(usual: Usual) -> float:
    """Return by how much a day differs from the mean: few links come by chance, so never below its root."""
    return max(usual.sd, sqrt(usual.mean))


def is_spike(pace: Pace, floor: int = SPIKE_FLOOR) -> bool:
    """Tell whether the last day is far above what is usual; product.md §5 measured the factor."""
    usual = pace.usual
    return (
        usual.days >= LEAST_DAYS
        and pace.last_day >= floor
        and pace.last_day > usual.mean + SPIKE_SPREADS * spread(usual)
    )


def is_slump(facts: DomainFacts, now: int) -> bool:
    """Tell whether the last seven days gained far fewer links than is usual."""
    usual = facts.hours.usual(now, GAINED)
    if usual.days < LEAST_DAYS or usual.mean < DROP_MEAN:
        return False
    return facts.hours.last(7 * DAY_HOURS, now, GAINED) / 7 < DROP_SHARE * usual.mean


def _told(word: str, pace: Pace) -> Finding:
    usual = pace.usual
    figures: Row = {
        f"{word}_last_day": pace.last_day,
        "mean": round(usual.mean, 3),
        "sd": round(usual.sd, 3),
        "days": usual.days,
    }
    return Finding(
        f"{word} {pace.last_day} links in the last day, usual are {usual.mean:.1f} a day "
        f"(over {usual.days} days)",
        [figures],
    )


def _spike(
    word: str, facts: DomainFacts, columns: tuple[int, ...], floor: int = SPIKE_FLOOR
) -> Finding | None:
    # Most domains are below the floor, and what is usual takes longer to find than the last day.
    if facts.hours.last(DAY_HOURS, facts.now, columns) < floor:
        return None
    pace = facts.hours.pace(facts.now, columns)
    return _told(word, pace) if is_spike(pace, floor) else None


def _loss_spike(facts: DomainFacts) -> Finding | None:
    return _spike("lost", facts, LOST)


def _gain_spike(facts: DomainFacts) -> Finding | None:
    return _spike("gained", facts, GAINED)


def _surge(facts: DomainFacts) -> Finding | None:
    return _spike("gained", facts, GAINED, SURGE_FLOOR)


def _drop(facts: DomainFacts) -> Finding | None:
    if not all(is_slump(facts, facts.now - back) for back in range(DAY_HOURS)):
        return None
    pace = facts.gained
    mean = facts.hours.last(7 * DAY_HOURS, facts.now, GAINED) / 7
    return Finding(
        f"gained {mean:.1f} links a day in the last week, usual are {pace.usual.mean:.1f}",
        [{"mean_of_7_days": round(mean, 3), "mean": round(pace.usual.mean, 3), "days": pace.usual.days}],
    )


def _authority_drop(facts: DomainFacts) -> Finding | None:
    now, before = facts.score(), facts.score_a_week_ago()
    if now is None or before is None or now - before >= -AUTHORITY_DROP:
        return None
    return Finding(
        f"authority is {now:.1f}, a week ago it was {before:.1f}",
        [{"authority": round(now, 3), "authority_a_week_ago": round(before, 3)}],
    )


def _spike_expr(change: str, role: str, floor: int) -> str:
    labels = f'change="{change}", role="{role}"'
    day = f"domain:linktide_velocity_last_day:sum{{{labels}}}"
    return (
        f"{day} >= {floor}\n"
        f"and {day} > linktide_velocity_baseline_mean{{{labels}}}"
        f" + {SPIKE_SPREADS} * domain:linktide_velocity_baseline:spread{{{labels}}}\n"
        f"and {_DAYS}"
    )


def _active_expr(name: str) -> str:
    return f'linktide_alert_active{{alert="{name}"}} == 1'


def _velocity(  # noqa: PLR0913, PLR0917 - a table of samples
    change: str, role: str, day: int, mean: float, sd: float, days: int = 28
) -> dict[str, str]:
    to = 'job="linktide", instance="a", domain="a.com"'
    of = f'{to}, change="{change}", role="{role}"'
    return {
        f'linktide_velocity_last_day{{{of}, follow="dofollow"}}': f"{day}x60",
        f'linktide_velocity_last_day{{{of}, follow="nofollow"}}': "0x60",
        f"linktide_velocity_baseline_mean{{{of}}}": f"{mean}x60",
        f"linktide_velocity_baseline_sd{{{of}}}": f"{sd}x60",
        f'linktide_velocity_baseline_days{{{to}, role="{role}"}}': f"{days}x60",
    }


def active_case(name: str, value: int, domain: str = "a.com") -> PromCase:
    """Return the case in which the service itself says so, or not."""
    labels = f'job="linktide", instance="a", alert="{name}", domain="{domain}", severity="x"'
    return PromCase({f"linktide_alert_active{{{labels}}}": f"{value}x60"})


def _weeks(mean: float, week: float) -> dict[str, str]:
    to = 'job="linktide", instance="a", domain="a.com"'
    own = f'{to}, change="gained", {_OWN}'
    return {
        f'linktide_velocity_last_week{{{own}, follow="dofollow"}}': f"{week}x1500",
        f"linktide_velocity_baseline_mean{{{own}}}": f"{mean}x1500",
        f"linktide_velocity_baseline_days{{{to}, {_OWN}}}": "28x1500",
    }


def _scores(now: float, before: float) -> dict[str, str]:
    to = f'job="linktide", instance="a", domain="a.com", {_OWN}'
    return {
        f"linktide_authority_score{{{to}}}": f"{now}x60",
        f"linktide_authority_score_week_ago{{{to}}}": f"{before}x60",
    }


DOMAIN_RULES: Final = (
    Rule(
        name="ImportantLinkLost",
        severity=Severity.CRITICAL,
        about="a link that matters is gone",
        impact="The domain loses authority and perhaps visitors.",
        causes=("the page was changed or taken down", "the link now goes elsewhere", "the site went away"),
        actions=(
            "Open the page that stands in the evidence and see whether the link is really gone.",
            "Look at `lost_reason`: a `notfound` page may have moved, ask where to.",
            "Write to the site; a link that was taken out by mistake often comes back.",
        ),
        definition="A link to an own tracked domain ended that was among the best max(5, 1 %) of its live "
        "links by the authority of their pages, or the last one of a "
        "referring domain among the top tenth of these by "
        "authority. It fires for a day. While the graph is too small for authority nothing is important.",
        expr=_active_expr("ImportantLinkLost"),
        fires=active_case("ImportantLinkLost", 1),
        is_silent=active_case("ImportantLinkLost", 0),
        role="own",
        is_momentary=True,
    ),
    Rule(
        name="FollowFlipped",
        severity=Severity.CRITICAL,
        about="a link that matters passes no authority any more",
        impact="The link is still there for visitors, but counts no more for authority.",
        causes=("the site marks links as nofollow, ugc or sponsored now", "an editor or a plugin changed it"),
        actions=(
            "Open the page that stands in the evidence and look at `rel`.",
            "See in `new_lost` and `links` whether all links of that domain changed: then it is its policy.",
            "Write to the site if the link was agreed upon.",
        ),
        definition="The rel of a live link to an own tracked domain says "
        "nofollow, ugc or sponsored where it did "
        "not, and the link is important as above: among the best, or of a referring domain in the top tenth.",
        expr=_active_expr("FollowFlipped"),
        fires=active_case("FollowFlipped", 1),
        is_silent=active_case("FollowFlipped", 0),
        role="own",
        is_momentary=True,
    ),
    Rule(
        name="LinkLossSpike",
        severity=Severity.CRITICAL,
        about="far more links are lost than is usual",
        impact="The domain is losing links fast; authority follows.",
        causes=(
            "a site with many links was redesigned or went away",
            "own pages answer with errors, so that others take links out",
            "the crawler behind the feed fails and tells losses",
        ),
        actions=(
            "Ask `new_lost` for the losses of the last day, grouped by `source_domain` and `lost_reason`.",
            "If one domain stands out, look at it; if `pageerror` does, look at the feed.",
            "If own pages are gone, bring them back or redirect them.",
        ),
        definition=f"Lost in the last day ≥ {SPIKE_FLOOR} and > mean + "
        f"{SPIKE_SPREADS} * max(sd, √mean) of the "
        f"baseline, with ≥ {LEAST_DAYS} days of it. Inhibited by IndexWideShift.",
        expr=_spike_expr("lost", "own", SPIKE_FLOOR),
        fires=PromCase(_velocity("lost", "own", 60, 4, 2)),
        is_silent=PromCase(_velocity("lost", "own", 60, 4, 2, days=6)),
        role="own",
        judge=_loss_spike,
    ),
    Rule(
        name="LinkGainSpike",
        severity=Severity.INFO,
        about="far more links appear than is usual",
        impact="Good if something got popular; a risk if somebody buys bad links against you.",
        causes=("a page got popular", "a site links from every page", "spam"),
        actions=(
            "Ask `new_lost` for the new links of the last day, grouped by `source_domain` and `anchor`.",
            "If the sources are spam, keep the list for a disavow file.",
        ),
        definition=f"Gained in the last day ≥ {SPIKE_FLOOR} and > mean + "
        f"{SPIKE_SPREADS} * max(sd, √mean) of the "
        f"baseline, with ≥ {LEAST_DAYS} days of it.",
        expr=_spike_expr("gained", "own", SPIKE_FLOOR),
        fires=PromCase(_velocity("gained", "own", 60, 4, 2)),
        is_silent=PromCase(_velocity("gained", "own", 13, 4, 2)),
        role="own",
        judge=_gain_spike,
    ),
    Rule(
        name="VelocityDrop",
        severity=Severity.WARNING,
        about="far fewer links appear than is usual",
        impact="What brought links brings none any more.",
        causes=("a campaign ended", "own pages cannot be reached", "a source of events is silent"),
        actions=(
            "Look at the view `sources`: is every source still told of?",
            "Ask `link_velocity_daily` when it began, and `refdomains` who used to link.",
            "Check that own pages answer.",
        ),
        definition=f"Mean of gained a day in the baseline ≥ {DROP_MEAN}, and of "
        f"the last 7 days < {DROP_SHARE:g} of "
        f"it, for a whole day, with ≥ {LEAST_DAYS} days of baseline. Inhibited by SourceSilent.",
        expr=f'linktide_velocity_baseline_mean{{change="gained", {_OWN}}} >= {DROP_MEAN}\n'
        f'and domain:linktide_velocity_last_week:sum{{change="gained", {_OWN}}} / 7'
        f' < {DROP_SHARE:g} * linktide_velocity_baseline_mean{{change="gained", {_OWN}}}\n'
        f"and {_DAYS}",
        hold="1d",
        fires=PromCase(_weeks(20, 14), at="25h"),
        is_silent=PromCase(_weeks(20, 70), at="25h"),
        role="own",
        judge=_drop,
    ),
    Rule(
        name="AuthorityDrop",
        severity=Severity.WARNING,
        about="authority fell within a week",
        impact="The domain ranks lower among all that the index knows.",
        causes=("links were lost", "sources of links lost authority", "sources link to many others now"),
        actions=(
            "Ask `linktide authority explain` for the week: it tells lost links from weaker ones.",
            "Look at `new_lost` for the links of the domains it names.",
        ),
        definition=f"Authority now - that of seven days ago < -{AUTHORITY_DROP:g} points.",
        expr=f"linktide_authority_score{{{_OWN}}} - linktide_authority_score_week_ago{{{_OWN}}}"
        f" < -{AUTHORITY_DROP:g}",
        fires=PromCase(_scores(40, 45)),
        is_silent=PromCase(_scores(40, 42)),
        role="own",
        judge=_authority_drop,
    ),
    Rule(
        name="RivalSurge",
        severity=Severity.INFO,
        about="a rival gains far more links than is usual",
        impact="A rival does something that works.",
        causes=("a campaign", "news about it", "spam against it"),
        actions=(
            "Ask `new_lost` for the rival's new links of the last day.",
            "See which of them you could have.",
        ),
        definition=f"Of a rival: gained in the last day ≥ {SURGE_FLOOR} and > "
        f"mean + {SPIKE_SPREADS} * max(sd, "
        f"√mean) of the baseline, with ≥ {LEAST_DAYS} days of it.",
        expr=_spike_expr("gained", "rival", SURGE_FLOOR),
        fires=PromCase(_velocity("gained", "rival", 60, 4, 2)),
        is_silent=PromCase(_velocity("gained", "rival", 9, 0.1, 0.3)),
        role="rival",
        judge=_surge,
    ),
)
