"""The table of settings, one row each, and how a file, variables and flags become a `Config`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.config_checks import check_together
from linktide.config_layers import SECTIONS, from_environ, from_file, read
from linktide.config_names import known_setting
from linktide.setting import (
    Declared,
    Setting,
    choice,
    domain_sets,
    domains,
    flag,
    host,
    number,
    path,
    paths,
    port,
    setting,
    size,
    text,
    texts,
    time_zone,
    web_address,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIG_FILE_NAME = "linktide.toml"
DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting in force; `origins` says where each came from."""

    database: Path = setting(Path("linktide.duckdb"), path(), "The DuckDB file; made if it does not exist.")
    memory_limit: int = setting(
        10**9, size(2**26, 2**44), "Most memory of DuckDB; the index keeps its own beside it."
    )
    index_memory_limit: int | None = setting(
        None,
        size(2**20, 2**44),
        "Memory of the index at which ingestion pauses, with an alert; SIGHUP takes another. Not set: none.",
    )
    tracked_domains: tuple[str, ...] = setting(
        (), domains(), "Your own registrable domains: shown by `top`, measured."
    )
    rivals: tuple[str, ...] = setting((), domains(), "Registrable domains to compare yours with.")
    public_suffix_list: Path | None = setting(
        None,
        path(),
        "A Public Suffix List file, for a new database; for others it is staged until `linktide rekey`. "
        "Not set: the list of the `publicsuffixlist` package.",
    )

    kafka_bootstrap_servers: tuple[str, ...] = setting(
        (), texts(), "Kafka brokers as host:port; none: no Kafka, events come from files and HTTP."
    )
    kafka_topics: tuple[str, ...] = setting((), texts(), "Topics to read, all their partitions.")
    kafka_group_id: str | None = setting(
        None, text(), "Group under which offsets are also committed to Kafka, for lag tools only."
    )
    kafka_assignment: str = setting(
        "all",
        choice("all", "group"),
        "Read all partitions, or as a member of `kafka.group_id` those it gives.",
    )
    kafka_group_instance_id: str | None = setting(
        None, text(), "Static membership of the group: a restart under this name keeps its partitions."
    )
    kafka_isolation_level: str = setting(
        "read_committed",
        choice("read_committed", "read_uncommitted"),
        "Whether aborted transactions are read.",
    )
    kafka_offset_gap_policy: str = setting(
        "continue",
        choice("continue", "stop"),
        "If the stored offset is no longer in the topic: say what is missing and continue, or stop.",
    )
    kafka_security_protocol: str = setting(
        "PLAINTEXT", choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "How to talk to the brokers."
    )
    kafka_sasl_mechanism: str | None = setting(
        None, choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "How to log in at the brokers."
    )
    kafka_sasl_username: str | None = setting(None, text(), "User name for SASL.")
    kafka_sasl_password: str | None = setting(None, text(), "Password for SASL.", is_secret=True)
    kafka_ssl_cafile: Path | None = setting(
        None, path(), "CA certificates, PEM; not set: those of the system."
    )
    kafka_ssl_certfile: Path | None = setting(None, path(), "Client certificate, PEM.")
    kafka_ssl_keyfile: Path | None = setting(None, path(), "Key of the client certificate, PEM.")
    kafka_ssl_check_hostname: bool = setting(
        default=True, reader=flag(), text="Whether the broker's certificate must bear its host name."
    )

    batch_max_events: int = setting(
        40_000, whole_number(1, 1_000_000), "A batch closes at this many events at the latest."
    )
    batch_max_seconds: float = setting(
        1.0, number(0.01, 60), "A batch closes after this many seconds, sooner if nothing more comes."
    )
    catch_up_max_events: int = setting(
        250_000, whole_number(1, 1_000_000), "Events in a batch while more than ten batches behind."
    )
    queue_max_bytes: int = setting(
        2**26,
        size(2**20, 2**36),
        "Bytes fetched ahead, and of pushes not yet stored; when full, fetching pauses, pushes get 429.",
    )
    max_event_bytes: int = setting(2**20, size(2**10, 2**26), "A longer event becomes a dead letter.")
    sightings_only_topics: tuple[str, ...] = setting(
        (), texts(), "Topics or file names of capped exports and samples: what they leave out is not lost."
    )
    unverified_after_days: int = setting(
        90, whole_number(1, 36_500), "A live link not sighted for so long is shown as unverified."
    )
    snapshot_every_seconds: float = setting(
        600.0,
        number(0, 86_400),
        "How often the state is saved beside the database, for a fast start; also at a stop. 0: never.",
    )

    publish_every_seconds: float = setting(
        0.0,
        number(0, 604_800),
        "How often to publish a snapshot file for DuckDB users, if something changed; 0: never.",
    )
    publish_path: Path | None = setting(
        None, path(), "That file. Not set: beside the database, linktide.snapshot.duckdb for linktide.duckdb."
    )

    min_free_bytes: int = setting(
        2**29,
        size(0, 2**50),
        "Below so much free space beside the database the sources pause until there is more.",
    )
    fold_rows: int = setting(
        1_000_000,
        whole_number(1, 10**9),
        "Appended rows after which they are folded into sorted runs, once these are a tenth of all rows.",
    )
    retention_segment_rows: int = setting(
        5_000_000,
        whole_number(1, 10**9),
        "Raw events after which they leave the database as a Parquet segment in the folder beside it.",
    )
    retention_segment_seconds: float = setting(
        3600.0, number(1, 10**7), "They leave after so long, too, if there are at least 100,000."
    )
    retention_event_days: int = setting(
        0,
        whole_number(0, 36_500),
        "Raw events in segments, and answers of pages, that are older than this and define nothing expire; "
        "0: kept for ever.",
    )
    retention_dead_letter_days: int = setting(
        0, whole_number(0, 36_500), "Dead letters received longer ago are erased; 0: kept for ever."
    )
    retention_dead_letter_max_bytes: int = setting(
        2**30, size(0, 2**50), "When the dead letters take more, the sources pause until some are erased."
    )
    retention_authority_days: int = setting(
        0, whole_number(0, 36_500), "Superseded scores older than this are erased; 0: kept for ever."
    )

    tracked_max: int = setting(
        100,
        whole_number(1, 1_000),
        "Most tracked domains and rivals with metrics and alerts of their own; each costs about 30 series.",
    )
    timezone: str = setting("UTC", time_zone(), "Where a day begins, for people: in the digest.")
    alerts_webhook_url: str | None = setting(
        None,
        web_address(),
        "Where alerts are sent as JSON, if no Alertmanager takes them from Prometheus. Not set: nowhere.",
        is_secret=True,
    )
    alerts_profile_every_seconds: float = setting(
        300.0,
        number(0, 86_400),
        "How often each own domain is judged by what its views say; of many more rarely. 0: never, and what "
        "fires of it ends at the next start.",
    )

    own_tables_max_bytes: int = setting(
        2**32, size(0, 2**50), "Most bytes, as Arrow, that tables of `linktide load` may hold together."
    )

    mine_pages: tuple[Path, ...] = setting(
        (), paths(), "Your own pages: CSV files with url, published_at and title, or sitemap.xml files."
    )
    mine_blocklists: tuple[Path, ...] = setting(
        (), paths(), "Domains whose links are worth nothing to you: CSV files with domain, or one a line."
    )
    mine_terms: Path | None = setting(
        None, path(), "Brand and money terms of anchors: a CSV file with term, kind and domain."
    )
    mine_placements: Path | None = setting(
        None, path(), "Links that were agreed on: a CSV file, one expected link a row."
    )
    mine_campaigns: Path | None = setting(
        None, path(), "Campaigns of link building: a CSV file with campaign, goal, spend, from and until."
    )
    mine_markers: Path | None = setting(
        None,
        path(),
        "Points of markers of toxicity, in place of ours: a CSV file with marker and points.",
    )
    mine_source_rules: Path | None = setting(
        None, path(), "Rules that tell kinds of sources, asked before those of linktide: a CSV file."
    )

    authority_min_domains: int = setting(
        1_000,
        whole_number(0, 10**9),
        "While fewer domains link to others, authority is null: the graph is too small.",
    )
    authority_nofollow_weight: float = setting(
        0.0, number(0, 1), "Weight of a rel=nofollow link beside a followed one's 1."
    )
    authority_ugc_weight: float = setting(0.0, number(0, 1), "Weight of a rel=ugc link.")
    authority_sponsored_weight: float = setting(0.0, number(0, 1), "Weight of a rel=sponsored link.")
    authority_trusted_domains: tuple[str, ...] = setting(
        (), domains(), "Seeds of trust: domains you vouch for; none: no trust is computed."
    )
    authority_topics: tuple[tuple[str, tuple[str, ...]], ...] = setting(
        (), domain_sets(), "Seeds of topical trust: at most 8 named lists of domains."
    )
    authority_prior_file: Path | None = setting(
        None, path(), "What is known of domains from elsewhere: a Common Crawl ranks file, or CSV."
    )
    authority_prior_column: str | None = setting(
        None, text(), "Column of a CSV prior file that holds a rating of 0 to 100."
    )
    authority_prior_max_domains: int = setting(
        2_000_000, whole_number(1, 10**9), "Most domains read from the prior file, from its top."
    )
    epsilon_busy: float = setting(
        1e-2, number(1e-9, 1), "Bound of the relative error of `citation` while events arrive."
    )
    epsilon_idle: float = setting(
        1e-3, number(1e-9, 1), "Bound of the relative error of `citation` when idle."
    )

    http_enabled: bool = setting(default=True, reader=flag(), text="Whether to answer HTTP.")
    http_host: str = setting(
        "127.0.0.1", host(), "Address to bind; any but the loopback wants `http_token_file` and TLS."
    )
    http_port: int = setting(8640, port(), "Port to bind; 0: the system chooses one.")
    http_token_file: Path | None = setting(
        None, path(), "A token that every request but those for health must carry; not set: none."
    )
    http_tls_certfile: Path | None = setting(None, path(), "Certificate chain of the HTTP endpoint, PEM.")
    http_tls_keyfile: Path | None = setting(None, path(), "Key of that certificate, PEM.")
    reader_connections: int = setting(
        4, whole_number(1, 64), "Queries that may run at once; more of them wait."
    )
    statement_timeout_seconds: float = setting(30.0, number(0.1, 3600), "A longer query is stopped.")
    query_max_rows: int = setting(1_000_000, whole_number(1, 10**9), "Most rows one query may return.")
    query_max_bytes: int = setting(2**28, size(2**20, 2**36), "Most bytes, as Arrow, one query may return.")

    sql_enabled: bool = setting(
        default=True, reader=flag(), text="Whether to answer SQL clients by the PostgreSQL protocol."
    )
    sql_host: str = setting(
        "127.0.0.1", host(), "Address to bind; any but the loopback wants `sql.users_file` and TLS."
    )
    sql_port: int = setting(
        5433, port(), "Port to bind; 0: the system chooses one, as it does if this one is taken and not set."
    )
    sql_users_file: Path | None = setting(
        None, path(), "Users and SCRAM verifiers, by `linktide sql-user`; not set: anybody, no password."
    )
    sql_tls_certfile: Path | None = setting(None, path(), "Certificate chain of the endpoint, PEM.")
    sql_tls_keyfile: Path | None = setting(None, path(), "Key of that certificate, PEM.")
    sql_connections: int = setting(32, whole_number(1, 1_000), "Clients logged in at once.")
    sql_spill_max_bytes: int = setting(
        2**32, size(0, 2**50), "Results not read within 5 s wait in files; most bytes of all of them."
    )

    start_retry_seconds: float = setting(
        30.0,
        number(0, 3600),
        "How long to retry an unreachable broker, a missing topic or a full disk at start.",
    )
    log_format: str = setting("text", choice("text", "json"), "Lines for people, or one JSON object a line.")
    log_level: str = setting(
        "info", choice("debug", "info", "warning", "error"), "Least level that is logged."
    )

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    config_path: Path | None = field(default=None, compare=False)

    def is_set(self, name: str) -> bool:
        """Tell whether a setting was given a value, be it the default's."""
        return name in self.origins

    def rows(self) -> Iterator[tuple[Setting, str, str]]:
        """Yield (setting, value as text, origin) in the order of the table; secrets are hidden."""
        for row in settings():
            value = getattr(self, row.name)
            yield row, row.shown(value), self.origins.get(row.name, DEFAULT_ORIGIN)


def settings() -> tuple[Setting, ...]:
    """Return the table of settings, in order of declaration."""
    table = []
    for item in fields(Config):
        declared = item.metadata.get("declared")
        if isinstance(declared, Declared) and item.default is not MISSING:
            section = next((name for name in SECTIONS if item.name.startswith(f"{name}_")), None)
            table.append(
                Setting(item.name, section, item.default, declared.reader, declared.help, declared.is_secret)
            )
    return tuple(table)


def load(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    folder: Path,
    config_path: Path | None = None,
) -> Config:
    """Merge flags > variables > file > defaults into a checked `Config`.

    `flags` go by setting name; None means not given. The file is `config_path`, else LINKTIDE_CONFIG, else
    `linktide.toml` in `folder` if there is one. A relative path in the file is meant from the file's folder,
    any other from `folder`. Raises ConfigError naming the setting, the value, its origin and what was wanted.
    """
    table = {row.name: row for row in settings()}
    found = _find_file(config_path, environ, folder)
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    layers = (
        (from_file(found, table) if found else {}, f"file {found}", found.parent if found else folder),
        (from_environ(environ, table), "env", folder),
        ({name: value for name, value in flags.items() if value is not None}, "flag", folder),
    )
    for layer, layer_origin, base in layers:
        for name, raw in layer.items():
            row = known_setting(name, table, layer_origin)
            origin = f"env {row.env_name}" if layer_origin == "env" else layer_origin
            values[name] = read(row, raw, origin, base)
            origins[name] = origin
    for row in table.values():
        if row.name not in values and isinstance(row.default, Path):
            values[row.name] = folder / row.default
    config = Config(**values, origins=origins, config_path=found)  # type: ignore[arg-type]  # read by the table
    check_together(config)
    return config


def _find_file(config_path: Path | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    named = config_path or (Path(environ["LINKTIDE_CONFIG"]) if environ.get("LINKTIDE_CONFIG") else None)
    if named is not None:
        return folder / named.expanduser()
    default = folder / CONFIG_FILE_NAME
    return default if default.is_file() else None
