"""Every metric of the service, declared once; docs/metrics.md is tested against it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


_DELAY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_SOURCE_DELAY_BUCKETS = (1.0, 10.0, 60.0, 300.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0, 28 * 86400.0)
_TIME_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_EVENT_BUCKETS = (1.0, 10.0, 100.0, 1000.0, 5000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0, 250_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; a counter's name ends in _total."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, labels, buckets)


_DOMAIN = ("domain", "role")
_DOMAIN_VELOCITY = (*_DOMAIN, "change")

CATALOG: Final[tuple[Metric, ...]] = (
    _gauge("linktide_build_info", "Always 1; the version is the label.", "version"),
    _gauge(
        "linktide_service_is_ready",
        "1 while events flow or could; 0 while opening, reopening, draining, paused, or without a broker.",
    ),
    _counter(
        "linktide_service_restarts_total", "Times the store was closed and rebuilt after a failed commit."
    ),
    _counter("linktide_pipeline_events_total", "Events accepted and stored.", "event"),
    _counter(
        "linktide_pipeline_links_total", "Links that accepted events name: one each, as many as a page lists."
    ),
    _counter("linktide_pipeline_dead_letters_total", "Records refused and stored as dead letters.", "reason"),
    _counter("linktide_pipeline_replayed_dead_letters_total", "Dead letters that a replay made events of."),
    _counter(
        "linktide_pipeline_filled_events_total",
        "Events of offsets that were absent, stored by a fill of topics.",
    ),
    _counter("linktide_pipeline_batches_total", "Batches stored."),
    _histogram("linktide_pipeline_batch_events", "Events in a batch.", _EVENT_BUCKETS),
    _histogram(
        "linktide_pipeline_stage_seconds",
        "Time of one batch in a stage: decode, observe (stored observations of late links), apply, store.",
        _TIME_BUCKETS,
        "stage",
    ),
    _gauge(
        "linktide_pipeline_queue_bytes", "Undecoded bytes that wait; the sources pause at queue_max_bytes."
    ),
    _gauge("linktide_pipeline_is_catching_up", "1 once ten batches lag, until three do."),
    _gauge("linktide_pipeline_last_commit_timestamp_seconds", "When the last batch was stored."),
    _histogram(
        "linktide_pipeline_freshness_seconds",
        "From the record's time to the commit that made it queryable, by event; catching up left out.",
        _DELAY_BUCKETS,
    ),
    _histogram(
        "linktide_sources_delay_seconds",
        "From the observation to the record that told of it, by event; catching up left out.",
        _SOURCE_DELAY_BUCKETS,
    ),
    _gauge(
        "linktide_sources_lag_records",
        "Records not yet fetched, of what is consumed now.",
        "source",
        "topic",
        "partition",
    ),
    _gauge(
        "linktide_sources_has_offset_gap",
        "1 if records were lost before they could be read: the log does not hold the stored position.",
        "source",
        "topic",
        "partition",
    ),
    _counter(
        "linktide_sources_damaged_refetches_total",
        "Kafka batches fetched again because they were damaged or not whole.",
    ),
    _counter(
        "linktide_sources_commit_failures_total",
        "Failed writes of offsets under kafka.group_id: lag tools show too much, nothing is lost.",
    ),
    _histogram("linktide_store_commit_seconds", "Time of COMMIT.", _TIME_BUCKETS),
    _histogram("linktide_store_checkpoint_seconds", "Time of CHECKPOINT.", _TIME_BUCKETS),
    _counter("linktide_store_checkpoints_deferred_total", "Checkpoints that an open transaction put off."),
    _gauge("linktide_store_wal_bytes", "Size of the write-ahead log."),
    _gauge("linktide_store_file_bytes", "Size of the database file."),
    _gauge(
        "linktide_store_damaged_segments",
        "Segments whose checksum is not that of the manifest, as read once after a start.",
    ),
    _gauge("linktide_store_segment_bytes", "Size of the Parquet segments beside the database."),
    _counter(
        "linktide_store_thinned_events_total",
        "Raw events that expired from segments, and answers of pages; see retention.event_days.",
    ),
    _counter(
        "linktide_store_events_beyond_horizon_total",
        "Link and page events stored although older than what was thinned: lives and attribute changes of "
        "back then may err.",
    ),
    _gauge(
        "linktide_store_dead_letter_bytes",
        "About what the dead letters take; see retention.dead_letter_max_bytes.",
    ),
    _gauge(
        "linktide_store_runs", "Parts of the table of links: what a query of one domain has to look into."
    ),
    _gauge(
        "linktide_store_unfolded_rows",
        "About how many rows wait to be sorted: up to fold_rows or a tenth of all, more after a catch-up.",
    ),
    _counter("linktide_store_folds_total", "Folds of a table's sealed rows into a sorted run."),
    _histogram(
        "linktide_store_fold_slice_seconds",
        "Time of one slice of a fold; checkpoints and backups wait for its end, batches do not.",
        _TIME_BUCKETS,
    ),
    _gauge(
        "linktide_pipeline_is_paused",
        "1 while the sources rest for this reason: free_space (min_free_bytes), dead_letters.",
        "reason",
    ),
    _gauge("linktide_store_min_free_bytes", "The setting min_free_bytes."),
    _gauge("linktide_store_free_bytes", "Free space of the file system that holds the database."),
    _gauge("linktide_index_known_links", "Links ever heard of."),
    _gauge("linktide_index_live_links", "Links that live now, internal ones included."),
    _gauge("linktide_index_domains", "Registrable domains."),
    _gauge("linktide_index_suspect_timers", "Suspect losses that wait for a second word."),
    _gauge("linktide_index_memory_bytes", "Memory of the index, all parts."),
    _gauge(
        "linktide_index_part_memory_bytes",
        "Of that, by part: links, pages, domains, page_graph, domain_graph, vectors.",
        "part",
    ),
    _gauge("linktide_index_memory_limit_bytes", "The setting index_memory_limit; 0: none."),
    _gauge(
        "linktide_index_is_at_memory_limit",
        "1 while ingestion is paused because the index has reached its limit.",
    ),
    _counter("linktide_index_rederived_links_total", "Links derived again because of late events."),
    _counter("linktide_index_history_revised_total", "Stored lives that late events revised."),
    _counter("linktide_links_backfilled_total", "Begins and ends of lives too old for the counters below."),
    _counter(
        "linktide_index_restores_total",
        "Restores of the index: from a snapshot, or from the tables alone, which takes longer.",
        "kind",
    ),
    _gauge("linktide_index_restore_seconds", "Time of the newest restore."),
    _counter("linktide_index_snapshots_total", "Snapshots by outcome: written, failed.", "outcome"),
    _gauge(
        "linktide_index_snapshot_timestamp_seconds",
        "When the newest snapshot was begun; 0 while there is none.",
    ),
    _gauge("linktide_index_snapshot_bytes", "Size of the newest snapshot."),
    _gauge(
        "linktide_index_snapshot_write_seconds", "From begin to end of the newest snapshot; batches go on."
    ),
    _gauge(
        "linktide_index_snapshot_slice_seconds",
        "Longest time the newest snapshot took between two batches.",
    ),
    _gauge(
        "linktide_publish_age_seconds",
        "Since the snapshot file last held what the database did; absent before the first one.",
    ),
    _counter(
        "linktide_publish_rounds_total",
        "Rounds of publish_every_seconds by outcome: published, unchanged (the file is current), failed.",
        "outcome",
    ),
    _gauge("linktide_publish_bytes", "Size of the snapshot file."),
    _gauge("linktide_publish_duration_seconds", "From begin to end of the newest one; batches go on."),
    _gauge("linktide_publish_still_seconds", "How long batches stood still for the newest one."),
    _gauge(
        "linktide_authority_error_bound", "Proven bound on the summed error of all scores.", "graph", "vector"
    ),
    _gauge(
        "linktide_authority_error_bound_ratio", "The bound over the sum of all scores.", "graph", "vector"
    ),
    _gauge(
        "linktide_authority_error_target",
        "What the bound stays under once a batch is drained.",
        "graph",
        "vector",
    ),
    _counter("linktide_authority_edges_total", "Edges followed to keep scores current.", "graph", "vector"),
    _counter(
        "linktide_authority_cpu_seconds_total",
        "CPU time of following links in both graphs and of keeping scores current, all threads.",
    ),
    _gauge("linktide_authority_memory_bytes", "Memory of both graphs and all vectors."),
    _gauge("linktide_authority_vector_memory_bytes", "Memory of one vector.", "graph", "vector"),
    _gauge("linktide_index_pages", "Pages that are a side of a link."),
    _gauge("linktide_authority_is_shown", "0 while the graph is too small for a score that means anything."),
    _gauge(
        "linktide_tracked_domains_dropped",
        "Tracked domains and rivals beyond tracked_max: without metrics and alerts.",
    ),
    _gauge(
        "linktide_public_suffix_list_info",
        "Always 1; the labels are the versions in force and staged, staged empty if none is.",
        "in_force",
        "staged",
    ),
    _gauge(
        "linktide_public_suffix_list_age_seconds",
        "Age of the list in force by its VERSION line; absent if that line is missing or no time.",
    ),
    _counter(
        "linktide_public_suffix_list_refused_total",
        "Times its file was found unreadable, broken or cut off; the list in force stays.",
    ),
    _gauge("linktide_live_links", "Live links to a tracked domain from other domains.", "domain", "role"),
    _counter("linktide_new_links_total", "Links to a tracked domain that began.", "domain", "role"),
    _counter(
        "linktide_restored_links_total", "Links to a tracked domain that began again.", "domain", "role"
    ),
    _counter("linktide_lost_links_total", "Links to a tracked domain that ended.", "domain", "role"),
    _gauge(
        "linktide_authority_score",
        "Authority of a tracked domain, 0 to 100; absent while not shown.",
        "domain",
        "role",
    ),
    _gauge(
        "linktide_velocity_last_day",
        "Links of a tracked domain that began or ended in the 24 hours up to the newest event.",
        *_DOMAIN_VELOCITY,
        "follow",
    ),
    _gauge(
        "linktide_velocity_last_week",
        "The same of seven times 24 hours.",
        *_DOMAIN_VELOCITY,
        "follow",
    ),
    _gauge(
        "linktide_velocity_baseline_mean",
        "Mean of a day, over the 28 that end 24 hours before the newest event.",
        *_DOMAIN_VELOCITY,
    ),
    _gauge("linktide_velocity_baseline_sd", "Standard deviation of these days.", *_DOMAIN_VELOCITY),
    _gauge(
        "linktide_velocity_baseline_days",
        "How many of these days there are: those since the domain was first heard of.",
        "domain",
        "role",
    ),
    _gauge(
        "linktide_authority_score_week_ago",
        "Authority of a tracked domain seven days before the newest event; absent while there was none.",
        "domain",
        "role",
    ),
    _gauge(
        "linktide_alert_active",
        "1 while an alert fires and no other one explains it; domain is empty for those of the service.",
        "alert",
        "domain",
        "severity",
    ),
    _gauge(
        "linktide_placements_violated",
        "Placements of an own domain not as agreed for longer than their grace; absent without placements.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_anchor_exact_share",
        "Share of its referring domains with exact money anchors, 0 to 1; absent without money terms.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_anchor_refdomains",
        "Of how many referring domains that is the share; absent while it is not above 0.1.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_broken_backlinks",
        "Live links of an own domain to pages that do not answer; absent while no answer is told of.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_broken_backlinks_day_ago",
        "The same 24 hours before the newest event, as known now; absent while there are fewer than 3 now.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_referral_top_share",
        "Share of the greatest source of the visits of the last 28 days; absent without visits.",
        *_DOMAIN,
    ),
    _gauge("linktide_referral_visits", "Visits of these days; absent without visits.", *_DOMAIN),
    _gauge(
        "linktide_toxic_links_last_day",
        "Toxic links that an own domain gained in the last 24 hours; absent if it gained under 20 links, "
        "has under 7 days of baseline, or none could be rated.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_toxic_links_gained_last_day",
        "All links that it gained in these hours; absent as the one before.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_toxic_links_baseline_mean",
        "Toxic links a day over linktide_toxic_links_baseline_days; absent as the others, or if these are 0.",
        *_DOMAIN,
    ),
    _gauge(
        "linktide_toxic_links_baseline_days",
        "Days of the 28 before of which it is known how many were toxic; absent as the others.",
        *_DOMAIN,
    ),
    _counter(
        "linktide_alerts_profile_looks_total",
        "Looks at what the views say of an own domain, by outcome: done, busy (no reader was free), failed.",
        "outcome",
    ),
    _counter(
        "linktide_alerts_profile_cpu_seconds_total",
        "CPU time of these looks, of the thread that makes them; it rests a hundred times as long.",
    ),
    _counter("linktide_alerts_total", "Alerts that began, those of the past left out.", "alert", "severity"),
    _gauge("linktide_mine_rows", "Rows in force of the files of the section mine.", "kind"),
    _gauge("linktide_mine_refused_rows", "Rows of these files that were left out.", "kind"),
    _gauge(
        "linktide_mine_files_refused",
        "Files of the section mine whose newest content is wrong; what they had before is in force.",
        "kind",
    ),
    _gauge("linktide_alert_notices_waiting", "Calls to the webhook that were not answered yet."),
    _counter("linktide_http_requests_total", "Answers by route and status class.", "route", "status"),
    _counter(
        "linktide_serve_queries_total",
        "Queries by outcome: done, refused, failed, abandoned (the client hung up).",
        "outcome",
    ),
    _gauge("linktide_sql_port", "Port that SQL clients are answered on; 0: none."),
    _gauge("linktide_sql_connections", "Connections of SQL clients now."),
    _counter("linktide_sql_accepted_total", "Connections of SQL clients taken."),
    _counter("linktide_sql_failed_logins_total", "Wrong passwords of SQL clients."),
    _counter("linktide_sql_turned_away_total", "SQL clients turned away: too many were connected."),
    _gauge("linktide_sql_spilled_bytes", "Results that SQL clients have not read in time, in files."),
    _histogram("linktide_serve_query_seconds", "Time of a query.", _TIME_BUCKETS),
)
