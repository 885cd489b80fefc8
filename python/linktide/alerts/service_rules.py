"""Alerts of the service itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from linktide.alerts.domain_rules import WIDE_LEAST, WIDE_SHARE, active_case
from linktide.alerts.rule import Finding, PromCase, Rule, Severity

if TYPE_CHECKING:
    from linktide.alerts.facts import ServiceFacts

STALE_SECONDS: Final = 60
DEAD_SHARE: Final = 0.01
SILENT_FACTOR: Final = 6
SILENT_LEAST_SECONDS: Final = 300.0
FREE_FACTOR: Final = 2
MOST_WAL_BYTES: Final = 1 << 30
BOUND_FACTOR: Final = 2
_TO: Final = 'job="linktide", instance="a"'


def _stale(facts: ServiceFacts) -> Finding | None:
    if facts.lag <= 0 or facts.commit_age_seconds <= STALE_SECONDS:
        return None
    age = round(facts.commit_age_seconds)
    return Finding(
        f"{facts.lag} records wait and nothing was stored for {age} s", [{"lag": facts.lag, "age": age}]
    )


def _dead(facts: ServiceFacts) -> Finding | None:
    records = facts.events + facts.dead_letters
    if facts.dead_letters <= DEAD_SHARE * records:
        return None
    return Finding(
        f"{facts.dead_letters} of {records} records were refused",
        [{"dead_letters": facts.dead_letters, "records": records}],
    )


def _silent(facts: ServiceFacts) -> Finding | None:
    found = [
        {
            "source": one.name,
            "silent_seconds": round(one.silent_seconds),
            "usual_seconds": round(one.usual_seconds, 3),
        }
        for one in facts.sources
        if one.usual_seconds is not None
        and one.silent_seconds > max(SILENT_FACTOR * one.usual_seconds, SILENT_LEAST_SECONDS)
    ]
    if not found:
        return None
    return Finding(
        f"{len(found)} sources tell nothing, {found[0]['source']} for {found[0]['silent_seconds']} s", found
    )


def _disk(facts: ServiceFacts) -> Finding | None:
    if facts.free_bytes is None or facts.free_bytes >= FREE_FACTOR * facts.min_free_bytes:
        return None
    return Finding(
        f"{facts.free_bytes} bytes are free; below {facts.min_free_bytes} the sources pause",
        [{"free_bytes": facts.free_bytes, "min_free_bytes": facts.min_free_bytes}],
    )


def _wal(facts: ServiceFacts) -> Finding | None:
    if facts.wal_bytes <= MOST_WAL_BYTES:
        return None
    return Finding(f"the write-ahead log has {facts.wal_bytes} bytes", [{"wal_bytes": facts.wal_bytes}])


def _bound(facts: ServiceFacts) -> Finding | None:
    over = {name: round(share, 2) for name, share in facts.bound_shares.items() if share > BOUND_FACTOR}
    if not over:
        return None
    rows = [{"vector": name, "bound_over_target": share} for name, share in sorted(over.items())]
    return Finding(f"scores of {', '.join(sorted(over))} are less exact than promised", rows)


def _wide(facts: ServiceFacts) -> Finding | None:
    if facts.tracked < WIDE_LEAST or facts.tracked_in_spike <= WIDE_SHARE * facts.tracked:
        return None
    return Finding(
        f"{facts.tracked_in_spike} of {facts.tracked} tracked domains lose links at once",
        [{"in_spike": facts.tracked_in_spike, "tracked": facts.tracked}],
    )


def _gauge(name: str, value: str, labels: str = "") -> dict[str, str]:
    return {f"{name}{{{_TO}{labels}}}": value}


_LAG: Final = ', source="k", topic="t", partition="0"'
_VECTOR: Final = ', graph="domain", vector="citation"'


def _bounds(bound: float) -> PromCase:
    return PromCase(
        _gauge("linktide_authority_error_bound", f"{bound}x60", _VECTOR)
        | _gauge("linktide_authority_error_target", "1x60", _VECTOR)
    )


def _waiting(lag: str, commit: str) -> PromCase:
    return PromCase(
        _gauge("linktide_sources_lag_records", lag, _LAG)
        | _gauge("linktide_pipeline_last_commit_timestamp_seconds", commit)
    )


def _letters(dead: int) -> PromCase:
    return PromCase(
        _gauge("linktide_pipeline_events_total", "0+100x60", ', event="seen"')
        | _gauge("linktide_pipeline_dead_letters_total", f"0+{dead}x60", ', reason="JSON"')
    )


INDEX_WIDE_SHIFT: Final = Rule(
    name="IndexWideShift",
    severity=Severity.WARNING,
    about="many tracked domains lose links at once",
    impact="It is the feed, most likely, and not the domains: LinkLossSpike is inhibited meanwhile.",
    causes=("a crawler fails", "an export was cut off", "a large site that links to all of them is gone"),
    actions=(
        "Ask `new_lost` for the losses of the last day, by `topic`, `lost_reason` and `source_domain`.",
        "If one feed stands out, stop it and mend it; a new sighting brings the links back.",
    ),
    definition=f"More than {WIDE_SHARE:.0%} of the own tracked domains, of "
    f"at least {WIDE_LEAST}, are in a loss spike.",
    expr='linktide_alert_active{alert="IndexWideShift"} == 1',
    fires=active_case("IndexWideShift", 1, ""),
    is_silent=active_case("IndexWideShift", 0, ""),
    judge_service=_wide,
)

SOURCE_GAP: Final = Rule(
    name="SourceGap",
    severity=Severity.WARNING,
    about="records were lost before they could be read",
    impact="Events are missing: counts may be wrong until links are seen again.",
    causes=("the topic keeps records for less time than the service was away", "the topic was made anew"),
    actions=(
        "See `linktide status` for the offsets that are missing.",
        "If another copy of them exists, bring it in by `linktide fill`.",
        "Let the topic keep its records longer.",
    ),
    definition="A partition goes on elsewhere than where the store stood. It fires for a day.",
    expr="linktide_sources_has_offset_gap == 1",
    fires=PromCase(_gauge("linktide_sources_has_offset_gap", "1x60", _LAG)),
    is_silent=PromCase(_gauge("linktide_sources_has_offset_gap", "0x60", _LAG)),
    is_momentary=True,
)

SERVICE_RULES: Final = (
    INDEX_WIDE_SHIFT,
    SOURCE_GAP,
    Rule(
        name="Stale",
        severity=Severity.CRITICAL,
        about="records wait and nothing is stored",
        impact="Answers are of the past, and get older.",
        causes=("the disk hangs or is full", "the store cannot be opened", "the process hangs"),
        actions=(
            "Look at `/-/ready` and the log: they say why.",
            "See whether the disk is full or slow.",
            "Restart the service; nothing is lost by it.",
        ),
        definition=f"Lag > 0 and the last commit is more than {STALE_SECONDS} s ago.",
        expr=f"time() - linktide_pipeline_last_commit_timestamp_seconds > {STALE_SECONDS}\n"
        "and on (job, instance) job:linktide_sources_lag_records:sum > 0",
        hold="1m",
        fires=_waiting("5x60", "0x60"),
        is_silent=_waiting("0x60", "0x60"),
        judge_service=_stale,
    ),
    Rule(
        name="LagGrows",
        severity=Severity.WARNING,
        about="more records come than are stored",
        impact="Answers get older and older.",
        causes=("more events than the machine can take", "queries or folds take the time"),
        actions=(
            "See `linktide top`: events per second and lag.",
            "Look for long queries and other programs on the machine.",
        ),
        definition="Lag ≥ 10,000 records and greater than 15 minutes ago, for "
        "15 minutes. In Prometheus only.",
        expr="job:linktide_sources_lag_records:sum >= 10000\n"
        "and job:linktide_sources_lag_records:sum > job:linktide_sources_lag_records:sum offset 15m",
        hold="15m",
        fires=PromCase(_gauge("linktide_sources_lag_records", "10000+1000x60", _LAG), at="40m"),
        is_silent=PromCase(_gauge("linktide_sources_lag_records", "80000-1000x60", _LAG), at="40m"),
    ),
    Rule(
        name="NotReady",
        severity=Severity.CRITICAL,
        about="the service is up and takes no events",
        impact="Nothing new is stored.",
        causes=(
            "the broker is away",
            "the disk is full",
            "the memory limit is reached",
            "it restarts again and again",
        ),
        actions=("Ask `/-/ready`: it says why.", "Look at linktide_pipeline_is_paused and the log."),
        definition="linktide_service_is_ready is 0 for 5 minutes. In Prometheus only.",
        expr="linktide_service_is_ready == 0",
        hold="5m",
        fires=PromCase(_gauge("linktide_service_is_ready", "0x60")),
        is_silent=PromCase(_gauge("linktide_service_is_ready", "1x60")),
    ),
    Rule(
        name="SourceSilent",
        severity=Severity.WARNING,
        about="a source tells nothing any more",
        impact="Links appear and vanish unseen; VelocityDrop is inhibited meanwhile.",
        causes=("the crawler behind it stopped", "the topic was renamed", "the network is cut"),
        actions=("Look at the crawler or feed that stands in the evidence.", "Look at the view `sources`."),
        definition=f"A partition brought no records for {SILENT_FACTOR} times "
        "the mean between its last arrivals "
        f"(of at least 20), and for {SILENT_LEAST_SECONDS:.0f} s.",
        expr='linktide_alert_active{alert="SourceSilent"} == 1',
        fires=active_case("SourceSilent", 1, ""),
        is_silent=active_case("SourceSilent", 0, ""),
        judge_service=_silent,
    ),
    Rule(
        name="DLQ",
        severity=Severity.WARNING,
        about="many records are refused",
        impact="Events are set aside as dead letters: kept, but not in any answer.",
        causes=("a producer changed its format", "records of something else in the topic"),
        actions=(
            "Ask the view `dead_letters` for `reason` and `detail`, the newest first.",
            "Mend the producer, then bring back what can be by `linktide replay`.",
        ),
        definition=f"More than {DEAD_SHARE:.0%} of the records of the last 5 minutes became dead letters.",
        expr="sum by (job, instance) (rate(linktide_pipeline_dead_letters_total[5m]))\n"
        f"> {DEAD_SHARE:g} * (sum by (job, instance) (rate(linktide_pipeline_dead_letters_total[5m]))\n"
        "+ sum by (job, instance) (rate(linktide_pipeline_events_total[5m])))",
        hold="5m",
        fires=_letters(5),
        is_silent=_letters(0),
        judge_service=_dead,
    ),
    Rule(
        name="DiskSpace",
        severity=Severity.CRITICAL,
        about="the disk is nearly full",
        impact="Below min_free_bytes the sources pause and nothing new is stored.",
        causes=("the database grows", "something else fills the disk"),
        actions=(
            "Free space, or move the database to a larger disk.",
            "Let old events expire: retention.event_days, retention.dead_letter_days.",
        ),
        definition=f"Free bytes beside the database < {FREE_FACTOR} * min_free_bytes.",
        expr=f"linktide_store_free_bytes < {FREE_FACTOR} * linktide_store_min_free_bytes",
        hold="2m",
        fires=PromCase(
            _gauge("linktide_store_free_bytes", "100x60") | _gauge("linktide_store_min_free_bytes", "60x60")
        ),
        is_silent=PromCase(
            _gauge("linktide_store_free_bytes", "200x60") | _gauge("linktide_store_min_free_bytes", "60x60")
        ),
        judge_service=_disk,
    ),
    Rule(
        name="WalTooLarge",
        severity=Severity.WARNING,
        about="the write-ahead log grows and is not taken in",
        impact="A start takes longer, and the disk fills.",
        causes=("a query is open for long and holds checkpoints up", "a backup is under way"),
        actions=(
            "Look for SQL clients with an open transaction.",
            "See linktide_store_checkpoints_deferred_total.",
        ),
        definition="The write-ahead log is above 1 GiB; a checkpoint is due at 64 MiB.",
        expr=f"linktide_store_wal_bytes > {MOST_WAL_BYTES}",
        hold="10m",
        fires=PromCase(_gauge("linktide_store_wal_bytes", "2000000000x60")),
        is_silent=PromCase(_gauge("linktide_store_wal_bytes", "60000000x60")),
        judge_service=_wal,
    ),
    Rule(
        name="AuthorityErrorBound",
        severity=Severity.WARNING,
        about="scores are less exact than promised",
        impact="Authority may be off by more than the settings say.",
        causes=("events come too fast for the machine", "a very large change of the graph"),
        actions=(
            "Wait: it drains when idle.",
            "If it stays, take a faster machine or a larger epsilon_busy.",
        ),
        definition=f"The proven error bound of a vector is more than {BOUND_FACTOR} times its target.",
        expr=f"linktide_authority_error_bound > {BOUND_FACTOR} * linktide_authority_error_target",
        hold="10m",
        fires=_bounds(3),
        is_silent=_bounds(1.5),
        judge_service=_bound,
    ),
)
