"""A real service with weeks of past and live events from Kafka, and a real Prometheus that scrapes it."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import told_profile
from deploy_files import DEPLOY
from kafka_topics import produce_to_all
from linktide_process import COMMAND, LinktideProcess, wait_until
from test_alerts_reach_people import free_port, running

from linktide.sources.memory import chunk_lines
from linktide.sources.synthetic import RIVALS, TRACKED_DOMAIN, Plan, SyntheticWeb
from pipeline.whole import LINKS, memory_of, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster

DOMAINS = (TRACKED_DOMAIN, *RIVALS)
SCRAPE_SECONDS = 1
HISTORY_DAYS = 21
_LIVE = timedelta(minutes=10)
_SETTINGS = {
    "tracked_domains": TRACKED_DOMAIN,
    "rivals": ",".join(RIVALS),
    "authority.min_domains": "10",
    "authority.trusted_domains": RIVALS[0],
    "fold_rows": "500",
    "snapshot_every_seconds": "3",
    **told_profile.SETTINGS,
}
_DOOMED = 60
_LOOKS = 2
"""What the first one found is in force when the second is over."""
_TOPIC = "watched"


def _doomed(kind: str, number: int, at: datetime) -> bytes:
    """Tell of a link that is there for long and then lost with all its kind: what LinkLossSpike calls for."""
    told = {
        "event": kind,
        "observed_at": at.isoformat(),
        "source_url": f"https://doomed-{number}.example/",
        "target_url": f"https://{TRACKED_DOMAIN}/old",
    }
    return json.dumps(told).encode()


def _past_and_live(started: datetime) -> tuple[dict[int, list[bytes]], list[bytes]]:
    """Return lines by the hour (Unix µs of its last) until `started`, and the lines since."""
    plan = Plan(
        seed=1,
        started_at_us=int(started.timestamp() * 1e6),
        domains=200,
        history_days=HISTORY_DAYS,
        history_events=6_000,
        live_events_per_second=2,
    )
    hours: dict[int, list[bytes]] = {}
    for number in range(_DOOMED):
        at = started - timedelta(days=HISTORY_DAYS - 1, minutes=number)
        hours.setdefault(int(at.timestamp()) // 3600, []).append(_doomed("discovered", number, at))
    for at, line in told_profile.events(started):
        hours.setdefault(int(at.timestamp()) // 3600, []).append(line)
    live: list[bytes] = []
    end_us = plan.started_at_us + int(_LIVE.total_seconds() * 1e6)
    for step, at_us, line in SyntheticWeb(plan).events():
        if at_us >= end_us:
            break
        if step < plan.history_events:
            hours.setdefault(at_us // 3_600_000_000, []).append(line)
        else:
            live.append(line)
    told = {(hour + 1) * 3_600_000_000: lines for hour, lines in sorted(hours.items())}
    return {min(at_us, plan.started_at_us): lines for at_us, lines in told.items()}, live


def _begin(folder: Path, past: dict[int, list[bytes]]) -> None:
    """Make a database that heard of each hour as it happened."""
    chunks = []
    offset = 0
    for at_us, lines in past.items():
        chunks += chunk_lines(
            LINKS, lines, lines_per_chunk=len(lines), received_at_us=at_us, first_offset=offset
        )
        offset += len(lines)
    settings: dict[str, Any] = {name.replace(".", "_"): value for name, value in _SETTINGS.items()}
    # An hour or two a batch, and so a score every hour or two.
    run(folder / "links.duckdb", [memory_of(chunks)], **settings, batch_max_events=24)


@dataclass
class Watched:
    """The service, its Prometheus, and the events that are still to come."""

    service: LinktideProcess
    prometheus: str
    since: datetime
    live: list[bytes]
    broker: KafkaCluster
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    def stir(self) -> None:
        """Bring some traffic of every kind: events, a bad one, queries, a refused one, a SQL client."""
        lines, self.live = self.live[:20], self.live[20:]
        produce_to_all(self.broker, _TOPIC, [(0, line) for line in (*lines, b"no event")])
        self.service.query("SELECT count(*) AS links FROM backlinks")
        refused = {"sql": "DROP VIEW backlinks"}
        assert self._client.post(f"{self.service.address}/api/v1/query", json=refused).is_client_error
        with self.connected() as connection:
            connection.execute("SELECT 1").fetchall()

    def connected(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.service.sql_port, user="grafana", dbname="linktide", autocommit=True
        )

    def ask(self, path: str, **parameters: object) -> Any:  # noqa: ANN401 - the data of an API answer
        answer = self._client.post(f"{self.prometheus}/api/v1/{path}", data=parameters)
        told = answer.json()
        assert told["status"] == "success", told
        return told["data"]

    def label_values(self, query: str) -> list[str]:
        """Answer a variable's `label_values(selector, label)` by the API of series, as Grafana does."""
        selector, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        answer = self._client.get(
            f"{self.prometheus}/api/v1/label/{label}/values", params={"match[]": selector}
        )
        values: list[str] = answer.json()["data"]
        return values

    def scrapes(self) -> int:
        # It is starting: it does not listen yet, or answers in plain text.
        with suppress(httpx.HTTPError, ValueError):
            for row in self.ask("query", query="count_over_time(linktide_build_info[10m])")["result"]:
                return int(row["value"][1])
        return 0

    def looks(self) -> int:
        """Return how often the profiles were looked at, as far as Prometheus knows."""
        query = 'linktide_alerts_profile_looks_total{outcome="done"}'
        return sum(int(row["value"][1]) for row in self.ask("query", query=query)["result"])

    def close(self) -> None:
        self._client.close()


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[str]:
    """Run a Prometheus with this configuration in the folder."""
    (folder / "prometheus.yaml").write_text(config, "utf-8")
    port = free_port()
    command = (
        "prometheus",
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=series",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with running(folder, *command):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def watched(folder: Path, broker: KafkaCluster, scrapes: int) -> Iterator[Watched]:
    """Run both until so many scrapes saw traffic, and the profile was looked at."""
    broker.create_topic(_TOPIC)
    started = datetime.now(UTC) - _LIVE
    told_profile.write_files(folder, started)
    past, live = _past_and_live(started)
    _begin(folder, past)
    now = datetime.now(UTC)
    live[:0] = [_doomed("lost", number, now - timedelta(minutes=1)) for number in range(_DOOMED)]
    settings = [part for name, value in _SETTINGS.items() for part in ("--set", f"{name}={value}")]
    settings += ["--brokers", broker.bootstrap_servers[0], "--topics", _TOPIC]
    arguments = (*COMMAND, "run", "--database", "links.duckdb", "--http-port", "0", *settings)
    with LinktideProcess(folder, *arguments) as service:
        service.wait_ready()
        rules = (DEPLOY / "prometheus" / "linktide-rules.yaml").read_text("utf-8")
        (folder / "linktide-rules.yaml").write_text(rules.replace("interval: 15s", "interval: 1s"), "utf-8")
        config = (DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8").replace(": 15s", ": 1s")
        config = config.replace("127.0.0.1:8640", str(service.address).removeprefix("http://"))
        with prometheus(folder, config) as address:
            one = Watched(service, address, started - timedelta(days=HISTORY_DAYS), live, broker)
            seen = 0

            def is_enough() -> bool:
                nonlocal seen
                if (now_seen := one.scrapes()) != seen or not now_seen:
                    seen = now_seen
                    one.stir()
                return seen >= scrapes and one.looks() >= _LOOKS

            try:
                wait_until(is_enough, "Prometheus has scraped")
                yield one
            finally:
                one.close()
