"""Store and SQL: the file, the index in memory, and those who ask."""

from __future__ import annotations

from typing import Final

from linktide_dashboards.board import Board, Row
from linktide_dashboards.panels import Kind, Panel
from linktide_dashboards.queries import Prom, Sql, of, quantiles, rate

_INSTANCE: Final = "{{instance}}"

ROOM: Final = Row(
    "Room",
    (
        Panel(
            title="Free space",
            about="Of the file system that holds the database, and min_free_bytes, below which "
            "the sources rest.",
            unit="bytes",
            lowest=0,
            queries=(
                Prom(of("linktide_store_free_bytes"), "{{instance}} free"),
                Prom(of("linktide_store_min_free_bytes"), "{{instance}} min_free_bytes"),
            ),
        ),
        Panel(
            title="Files",
            about="The database, its write-ahead log, segments of raw events, and about what dead "
            "letters take of it.",
            unit="bytes",
            lowest=0,
            queries=(
                Prom(of("linktide_store_file_bytes"), "{{instance}} database"),
                Prom(of("linktide_store_wal_bytes"), "{{instance}} log"),
                Prom(of("linktide_store_segment_bytes"), "{{instance}} segments"),
                Prom(of("linktide_store_dead_letter_bytes"), "{{instance}} dead letters"),
            ),
        ),
        Panel(
            title="Rows that wait to be sorted",
            about="A tenth of all is usual, more after a catch-up; questions read them unsorted.",
            lowest=0,
            queries=(Prom(of("linktide_store_unfolded_rows"), _INSTANCE),),
        ),
        Panel(
            title="Folds",
            about="Seconds a second that slices of folds take beside the batches.",
            unit="percentunit",
            lowest=0,
            queries=(rate("linktide_store_fold_slice_seconds_sum"),),
        ),
        Panel(
            title="Checkpoints put off",
            about="By transactions that were open; then the log grows.",
            unit="cps",
            lowest=0,
            queries=(rate("linktide_store_checkpoints_deferred_total"),),
        ),
        Panel(
            title="Damaged segments",
            about="Files whose checksum is wrong, as read once after a start: docs/operations.md.",
            kind=Kind.STAT,
            steps=((None, "green"), (1, "red")),
            queries=(Prom(of("linktide_store_damaged_segments"), _INSTANCE),),
        ),
    ),
)
INDEX: Final = Row(
    "Index",
    (
        Panel(
            title="Memory of the index by part",
            about="At index_memory_limit ingestion pauses. DuckDB's memory_limit comes on top.",
            unit="bytes",
            is_stacked=True,
            lowest=0,
            queries=(Prom(f"sum by (part) ({of('linktide_index_part_memory_bytes')})", "{{part}}"),),
        ),
        Panel(
            title="What it knows",
            about="Links that live, links ever heard of, pages and registrable domains.",
            lowest=0,
            queries=(
                Prom(of("linktide_index_live_links"), "live links"),
                Prom(of("linktide_index_known_links"), "known links"),
                Prom(of("linktide_index_pages"), "pages"),
                Prom(of("linktide_index_domains"), "domains"),
            ),
        ),
        Panel(
            title="Age of the snapshot",
            about="A restart reads what is newer from the tables: the older, the longer it takes.",
            kind=Kind.STAT,
            width=8,
            unit="s",
            queries=(Prom(f"time() - ({of('linktide_index_snapshot_timestamp_seconds')} > 0)", _INSTANCE),),
        ),
        Panel(
            title="Time of the last restore",
            about="From the open database to an index that serves.",
            kind=Kind.STAT,
            width=8,
            unit="s",
            queries=(Prom(of("linktide_index_restore_seconds"), _INSTANCE),),
        ),
        Panel(
            title="Snapshots that failed in a day",
            about="Then the next start takes longer; nothing is lost.",
            kind=Kind.STAT,
            width=8,
            steps=((None, "green"), (1, "orange")),
            queries=(
                Prom(f"increase({of('linktide_index_snapshots_total', outcome='failed')}[1d])", _INSTANCE),
            ),
        ),
    ),
)
ASKED: Final = Row(
    "Those who ask",
    (
        Panel(
            title="Queries",
            about="Of HTTP and SQL clients, by outcome. Refused ones did not pass the gate or ran "
            "into a limit.",
            unit="cps",
            lowest=0,
            queries=(rate("linktide_serve_queries_total", "outcome"),),
        ),
        Panel(
            title="Time of a query",
            about="Of those that were done.",
            unit="s",
            lowest=0,
            queries=quantiles("linktide_serve_query_seconds"),
        ),
        Panel(
            title="SQL clients",
            about="Logged in now; sql.connections bounds them.",
            lowest=0,
            queries=(Prom(of("linktide_sql_connections"), _INSTANCE),),
        ),
        Panel(
            title="SQL clients that did not get in",
            about="Wrong passwords, and those turned away because too many were connected.",
            unit="cps",
            lowest=0,
            queries=(
                rate("linktide_sql_failed_logins_total", legend="{{instance}} wrong password"),
                rate("linktide_sql_turned_away_total", legend="{{instance}} turned away"),
            ),
        ),
        Panel(
            title="Results that wait in files",
            about="Of SQL clients that read slowly; sql.spill_max_bytes bounds them.",
            unit="bytes",
            lowest=0,
            queries=(Prom(of("linktide_sql_spilled_bytes"), _INSTANCE),),
        ),
        Panel(
            title="HTTP answers",
            about="By status class.",
            unit="reqps",
            is_stacked=True,
            lowest=0,
            queries=(rate("linktide_http_requests_total", "status"),),
        ),
        Panel(
            title="Newest dead letters",
            about="What was refused in the chosen time, and why.",
            kind=Kind.TABLE,
            width=24,
            queries=(
                Sql(
                    """
                    SELECT received_at, source_name, topic, source_partition, source_offset, reason, detail,
                           byte_length, replayed_at
                    FROM dead_letters
                    WHERE $__timeFilter(received_at)
                    ORDER BY received_at DESC LIMIT 100
                    """
                ),
            ),
        ),
    ),
)
BOARD: Final = Board(
    uid="linktide-store",
    title="Store and SQL",
    about="The file and its room, the index in memory, and those who ask.",
    rows=(ROOM, INDEX, ASKED),
    has_sql=True,
)
