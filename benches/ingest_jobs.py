"""What `make bench-ingest` sets side by side: receive a topic, and count its events by target host.

`ingest_jobs.py JOB --broker FOLDER --topic TOPIC --events N --folder FOLDER` runs one job from the start of
the topic to its N-th record and prints one line of JSON. Every count job writes its counts into a DuckDB file
(Kafka Streams into its own store) and is wrong unless they sum up to N. The clocks of receiving begin with
the first poll, those of counting before the first connection.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa

import broker
import one_stage
from linktide import _core
from linktide.config import load
from linktide.configured import now_us
from linktide.index import scan_record_batches
from linktide.sources.kafka import KafkaSource, kafka_settings
from measure import Usage, peak_rss_bytes
from one_stage import LeftOutError, Request, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from linktide.sources.source import Chunk

_ROOT = Path(__file__).resolve().parents[1]
_PEERS = Path(__file__).resolve().parent / "peers"
_POLL_SECONDS = 0.2
_AT_ONCE = 10_000
_STATEMENT_ROWS = 100_000
_COUNT = """
INSERT INTO counts
SELECT lower(host), sum(events)::BIGINT FROM (
    SELECT split_part(json_extract_string(decode(value), '$.target_url'), '/', 3) AS host, count(*) AS events
    FROM arrow_rows GROUP BY host)
GROUP BY 1
"""


def receive(request: Request) -> Result:
    """Receive by linktide's Kafka source (raw hook) and core, to columns of offset, timestamp and value."""
    source = _opened(request)
    read = size = 0
    before = Usage.now()
    for chunk in _chunks(source, request.events):
        rows = _columns(chunk)
        read += len(rows)
        size += rows["value"].nbytes
    return _result(request, read, before, "", {"arrow_bytes": size})


def receive_confluent(request: Request) -> Result:
    """confluent-kafka: consume() of 10,000 at once."""
    consumer = _confluent(request)
    before = Usage.now()
    read = sum(len(messages) for messages in _consumed(consumer, request.events))
    return _result(request, read, before, _confluent_version())


def receive_rdkafka(request: Request) -> Result:
    """Rust rdkafka: a program of its own that looks at nothing but the length of a message."""
    build = ("cargo", "build", "--quiet", "--release", "--manifest-path", "benches/peers/receive/Cargo.toml")
    target = {"CARGO_TARGET_DIR": str(_ROOT / "target")}
    try:
        _output(build, target)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LeftOutError(f"librdkafka cannot be built here ({error})") from error
    program = _ROOT / "target" / "release" / "rdkafka-receive"
    arguments = (request.servers, request.topic, str(broker.PARTITIONS), str(request.events))
    return _told(_output((str(program), *arguments)))


def receive_java(request: Request) -> Result:
    """Kafka's own ConsumerPerformance; wall without the join of its group, CPU with the start of Java."""
    before = os.times()
    text = request.cluster.tool(
        "org.apache.kafka.tools.ConsumerPerformance",
        "--bootstrap-server", request.servers,
        "--topic", request.topic,
        "--num-records", str(request.events),
        "--group", f"performance-{time.monotonic_ns()}",
    )  # fmt: skip
    after = os.times()
    head, values = (line.split(", ") for line in text.strip().splitlines()[-2:])
    told = {name.strip(): value for name, value in zip(head, values, strict=True)}
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    wall = float(told["fetch.time.ms"]) / 1e3
    return Result(int(float(told["data.consumed.in.nMsg"])), Usage(wall, cpu), version=broker.KAFKA_VERSION)


def count(request: Request) -> Result:
    """Count by linktide's source and core to Arrow, DuckDB's SQL for JSON and host; one thread fetches."""
    before = Usage.now()
    source = _opened(request)
    # One thread fetches and unpacks, DuckDB has the other core: more of its threads cost more than they save.
    path, fetching = str(_file(request)), ThreadPoolExecutor(1)
    with duckdb.connect(path, config={"threads": 1}) as connection, fetching as fetcher:
        connection.execute("CREATE TABLE counts (host VARCHAR, links BIGINT)").fetchall()
        tables = _tables(source, request.events)
        following = fetcher.submit(next, tables, None)
        while (rows := following.result()) is not None:
            following = fetcher.submit(next, tables, None)
            connection.register("arrow_rows", rows)
            connection.execute(_COUNT).fetchall()
    return _result(request, _counted(request), before, "")


def count_by_hand(request: Request) -> Result:
    """confluent-kafka, orjson, Counter and DuckDB: the best loop without a framework."""
    host = _host_reader()
    counts: Counter[str] = Counter()
    before = Usage.now()
    for messages in _consumed(_confluent(request), request.events):
        counts.update([host(message.value()) for message in messages])
    _write(request, counts)
    return _result(request, _counted(request), before, _confluent_version())


def count_bytewax(request: Request) -> Result:
    """Bytewax: map to the host with orjson, count_final, a sink that writes into DuckDB."""
    import bytewax.operators as op  # noqa: PLC0415 - a peer may be absent
    from bytewax.connectors.kafka import KafkaSource as Input  # noqa: PLC0415
    from bytewax.dataflow import Dataflow  # noqa: PLC0415
    from bytewax.outputs import DynamicSink, StatelessSinkPartition  # noqa: PLC0415
    from bytewax.testing import run_main  # noqa: PLC0415

    class Part(StatelessSinkPartition[tuple[str, int]]):
        def write_batch(self, items: Sequence[tuple[str, int]]) -> None:
            _write(request, dict(items))

    class Sink(DynamicSink[tuple[str, int]]):
        def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> Part:
            return Part()

    host = _host_reader()
    before = Usage.now()
    flow = Dataflow("count")
    events = op.input("events", flow, Input([request.servers], [request.topic], tail=False))
    # Without errors to be raised, all that comes are messages with a value.
    hosts = op.map("host", events, lambda message: host(cast("Any", message).value))
    op.output("file", op.count_final("count", hosts, lambda name: name), Sink())
    cast("Any", run_main)(flow)
    return _result(request, _counted(request), before, version("bytewax"))


def count_quix(request: Request) -> Result:
    """Quix Streams: a batching sink that counts and writes into DuckDB; no group-by, which costs more."""
    from quixstreams import Application  # noqa: PLC0415 - a peer may be absent
    from quixstreams.sinks import BatchingSink, SinkBatch  # noqa: PLC0415

    class Sink(BatchingSink):
        def write(self, batch: SinkBatch) -> None:
            _write(request, Counter(item.value for item in batch))

    host = _host_reader()
    before = Usage.now()
    app = Application(
        broker_address=request.servers,
        consumer_group=f"quix-{time.monotonic_ns()}",
        auto_offset_reset="earliest",
        state_dir=request.folder / "state",
        loglevel="ERROR",
    )
    topic = app.topic(request.topic, value_deserializer="bytes")
    app.dataframe(topic).apply(host).sink(Sink())
    app.run(count=request.events)
    return _result(request, _counted(request), before, version("quixstreams"))


def count_streams(request: Request) -> Result:
    """Kafka Streams, two threads: select the key, group, count; RocksDB and changelog, no DuckDB."""
    if shutil.which("javac") is None:
        raise LeftOutError("Kafka Streams needs a JDK: there is no javac on PATH")
    try:
        jars = [request.cluster.jars, broker.streams_jars()]
    except broker.BrokerError as error:
        raise LeftOutError(str(error)) from error
    path = ":".join(f"{folder}/*" for folder in jars)
    program = str(_PEERS / "streams" / "CountHosts.java")
    state = str(request.folder / "state")
    logging = f"-Dlog4j2.configurationFile={request.cluster.folder / 'log4j2.properties'}"
    command = ("java", "-Xmx1g", "-cp", path, logging, program, request.servers, request.topic)
    text = _output((*command, str(request.events), state))
    return _told(text, broker.KAFKA_VERSION)


def _host_reader() -> Callable[[bytes], str]:
    """Return what every peer in Python tells the host by: the fastest parser it can install."""
    import orjson  # noqa: PLC0415 - may be absent

    def host(event: bytes) -> str:
        found: str = orjson.loads(event)["target_url"].split("/", 3)[2].lower()
        return found

    return host


def _opened(request: Request) -> KafkaSource:
    config = load(
        flags={"kafka_bootstrap_servers": request.servers, "kafka_topics": request.topic},
        environ={},
        folder=request.folder,
    )
    source = KafkaSource(kafka_settings(config), scan=scan_record_batches, now_us=now_us)
    source.open({})
    if not source.is_raw:
        raise RuntimeError("the raw hook did not take hold")
    return source


def _chunks(source: KafkaSource, events: int) -> Iterator[Chunk]:
    """Yield what the source fetches until so many records were fetched, then close it."""
    read = 0
    while read < events:
        for chunk in source.poll(_POLL_SECONDS):
            read += chunk.next_offset - chunk.first_offset
            yield chunk
    source.close()


def _tables(source: KafkaSource, events: int) -> Iterator[pa.Table]:
    """Yield what the source fetches as tables, large enough to be worth a statement each."""
    batches: list[pa.RecordBatch] = []
    rows = 0
    for chunk in _chunks(source, events):
        batches.append(_columns(chunk))
        rows += len(batches[-1])
        if rows >= _STATEMENT_ROWS:
            yield pa.Table.from_batches(batches)
            batches, rows = [], 0
    if batches:
        yield pa.Table.from_batches(batches)


def _columns(chunk: Chunk) -> pa.RecordBatch:
    return pa.record_batch(
        _core.read_records(
            chunk.codec.value, chunk.data, chunk.first_offset, chunk.received_at_us, chunk.aborted
        )
    )


def _confluent(request: Request) -> Any:  # noqa: ANN401 - a peer without types
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition  # noqa: PLC0415 - may be absent

    settings = {"bootstrap.servers": request.servers, "group.id": "bench", "enable.auto.commit": False}
    consumer = Consumer({**settings, "check.crcs": True, "isolation.level": "read_committed"})
    consumer.assign(
        [TopicPartition(request.topic, part, OFFSET_BEGINNING) for part in range(broker.PARTITIONS)]
    )
    return consumer


def _consumed(consumer: Any, events: int) -> Iterator[list[Any]]:  # noqa: ANN401 - a peer without types
    read = 0
    while read < events:
        messages = consumer.consume(min(_AT_ONCE, events - read), _POLL_SECONDS)
        read += len(messages)
        yield messages
    consumer.close()


def _confluent_version() -> str:
    return version("confluent-kafka")


def _file(request: Request) -> Path:
    return request.folder / "counts.duckdb"


def _write(request: Request, counts: Mapping[str, int]) -> None:
    """Append counts to the file of the job."""
    arrow_counts = pa.table({"host": list(counts), "links": list(counts.values())})
    with duckdb.connect(str(_file(request))) as connection:
        connection.register("arrow_counts", arrow_counts)
        connection.execute("CREATE TABLE IF NOT EXISTS counts (host VARCHAR, links BIGINT)").fetchall()
        connection.execute("INSERT INTO counts FROM arrow_counts").fetchall()


def _counted(request: Request) -> int:
    with duckdb.connect(str(_file(request))) as connection:
        rows = connection.execute("SELECT sum(links)::BIGINT FROM counts").fetchall()
    return int(rows[0][0])


def _result(
    request: Request, read: int, before: Usage, peer_version: str, more: Mapping[str, float] | None = None
) -> Result:
    """Return what was measured since `before`; raises RuntimeError unless all was read, and nothing twice."""
    usage = Usage.now().since(before)
    if read != request.events:
        raise RuntimeError(f"{read} of {request.events} events came out")
    told = {"rss_bytes": float(peak_rss_bytes()), **(more or {})}
    return Result(read, usage, told, version=peer_version)


def _output(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    result = subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=_ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return result.stdout


def _told(text: str, peer_version: str = "") -> Result:
    """Return what a peer that is no Python program printed of itself."""
    told = json.loads(text.splitlines()[-1])
    usage = Usage(told["wall_seconds"], told["cpu_seconds"])
    return Result(told["events"], usage, version=told.get("version", peer_version))


JOBS = {
    job.__name__: job
    for job in (
        receive, receive_rdkafka, receive_java, receive_confluent,
        count, count_by_hand, count_bytewax, count_quix, count_streams,
    )
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(one_stage.main(JOBS))
