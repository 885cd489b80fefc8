"""Pipeline: from the sources to the commit."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import Kind, Panel
from linktide_dashboards.queries import Prom, Sql, by_instance, of, quantiles, rate

_INSTANCE: Final = "{{instance}}"
_OF_TOPIC: Final = "{{topic}} {{partition}}"

STATE: Final = Row(
    "State",
    (
        Panel(
            title="Ready",
            about="1 while events flow or could; `GET /-/ready` says why not.",
            kind=Kind.STAT,
            width=4,
            unit="bool_yes_no",
            steps=((None, "red"), (1, "green")),
            queries=(Prom(of("linktide_service_is_ready"), _INSTANCE),),
        ),
        Panel(
            title="Version",
            about="What runs.",
            kind=Kind.STAT,
            width=4,
            queries=(Prom(of("linktide_build_info"), "{{version}}"),),
        ),
        Panel(
            title="Records that wait",
            about="Not yet fetched, of all that is consumed.",
            kind=Kind.STAT,
            width=4,
            queries=(by_instance("linktide_sources_lag_records"),),
        ),
        Panel(
            title="Since the last commit",
            about="Grows while nothing comes, too. Stale fires only while records wait.",
            kind=Kind.STAT,
            width=4,
            unit="s",
            queries=(Prom(f"time() - {of('linktide_pipeline_last_commit_timestamp_seconds')}", _INSTANCE),),
        ),
        Panel(
            title="Reopened in a day",
            about="Times the store was closed and rebuilt after a failure, in 24 hours.",
            kind=Kind.STAT,
            width=4,
            steps=((None, "green"), (1, "orange"), (5, "red")),
            queries=(Prom(f"increase({of('linktide_service_restarts_total')}[1d])", _INSTANCE),),
        ),
        Panel(
            title="Offset gaps",
            about="Partitions whose log lost records before they were read: docs/operations.md.",
            kind=Kind.STAT,
            width=4,
            steps=((None, "green"), (1, "red")),
            queries=(by_instance("linktide_sources_has_offset_gap"),),
        ),
    ),
)
FLOW: Final = Row(
    "Flow",
    (
        Panel(
            title="Events",
            about="Accepted and stored, by kind.",
            unit="cps",
            is_stacked=True,
            lowest=0,
            queries=(rate("linktide_pipeline_events_total", "event"),),
        ),
        Panel(
            title="Dead letters",
            about="Refused and kept, by reason. The view dead_letters has their bytes; `linktide "
            "replay` tries again.",
            unit="cps",
            lowest=0,
            queries=(rate("linktide_pipeline_dead_letters_total", "reason"),),
        ),
        Panel(
            title="From record to query",
            about="From the record's time to the commit that made it queryable; catching up left "
            "out. Goal: 5 s.",
            unit="s",
            lowest=0,
            steps=((None, "green"), (5, "red")),
            queries=quantiles("linktide_pipeline_freshness_seconds"),
        ),
        Panel(
            title="From observation to record",
            about="How late the sources tell of what they saw.",
            unit="s",
            lowest=0,
            queries=quantiles("linktide_sources_delay_seconds"),
        ),
        Panel(
            title="Lag by partition",
            about="Records not yet fetched.",
            lowest=0,
            queries=(Prom(of("linktide_sources_lag_records"), _OF_TOPIC),),
        ),
        Panel(
            title="Catching up and resting",
            about="1 while ten batches lag; 1 while the sources rest, by reason.",
            lowest=0,
            highest=1,
            unit="bool",
            queries=(
                Prom(of("linktide_pipeline_is_catching_up"), "{{instance}} catches up"),
                Prom(of("linktide_pipeline_is_paused"), "rests: {{reason}}"),
                Prom(of("linktide_index_is_at_memory_limit"), "{{instance}} at index_memory_limit"),
            ),
        ),
    ),
)
BATCHES: Final = Row(
    "Batches",
    (
        Panel(
            title="Time by stage",
            about="Seconds a second that each stage works: the one near 1 is the bottleneck.",
            unit="percentunit",
            lowest=0,
            queries=(rate("linktide_pipeline_stage_seconds_sum", "stage"),),
        ),
        Panel(
            title="Events in a batch",
            about="Few while events trickle, many while catching up.",
            lowest=0,
            queries=quantiles("linktide_pipeline_batch_events"),
        ),
        Panel(
            title="Time of COMMIT",
            about="The disk's part of a batch.",
            unit="s",
            lowest=0,
            queries=quantiles("linktide_store_commit_seconds"),
        ),
        Panel(
            title="Bytes that wait to be decoded",
            about="At queue_max_bytes fetching pauses.",
            unit="bytes",
            lowest=0,
            queries=(Prom(of("linktide_pipeline_queue_bytes"), _INSTANCE),),
        ),
        Panel(
            title="Late events",
            about="Links derived again, lives revised, and begins and ends too old for counters: "
            "what late events cost.",
            unit="cps",
            lowest=0,
            queries=(
                rate("linktide_index_rederived_links_total", legend="{{instance}} derived again"),
                rate("linktide_index_history_revised_total", legend="{{instance}} lives revised"),
                rate("linktide_links_backfilled_total", legend="{{instance}} backfilled"),
            ),
        ),
        Panel(
            title="Trouble with brokers",
            about="Kafka batches fetched again because they were damaged, and offsets that could "
            "not be committed for lag tools. Neither loses anything.",
            unit="cps",
            lowest=0,
            queries=(
                rate("linktide_sources_damaged_refetches_total", legend="{{instance}} damaged"),
                rate("linktide_sources_commit_failures_total", legend="{{instance}} commits failed"),
            ),
        ),
        Panel(
            title="Sources",
            about="Each partition as it is stored: exactly once up to next_offset.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT source_name, topic, source_partition, next_offset, events, dead_letters,
                           last_record_at, updated_at
                    FROM sources ORDER BY updated_at DESC LIMIT 200
                    """
                ),
            ),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-pipeline",
    title="Pipeline",
    about="From the sources to the commit: is it ready, is it fresh, what does it refuse, where "
    "does time go.",
    since="now-1h",
    rows=(STATE, FLOW, BATCHES),
    has_sql=True,
)
