"""Brokers that go and come back, and a network that is cut, reset, slow or one-way: nothing is lost."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from brief_kafka import create_brief
from campaign import SEED_VARIABLE, drawn_seed, times
from event_stream import draw_stream
from faulty_proxy import FaultyProxy
from kafka_jars import missing_programs
from linktide_process import LinktideProcess
from test_exactly_once import PARTITIONS, SCRIPT, SMALL_FETCHES, finish, send, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kafka_broker import KafkaCluster

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(3_600)]
TOPIC = "events"
RECORDS = 9_000


@contextmanager
def proxied_broker(folder: Path, proxy: FaultyProxy) -> Iterator[KafkaCluster]:
    """Start a broker that tells its clients to come by way of the proxy."""
    reason = missing_programs()
    if reason is not None:
        pytest.skip(reason)
    cluster = create_brief(folder, settings={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port}"})
    try:
        proxy.serve(cluster.ports[0].plain)
        cluster.start(dies_with_caller=True)
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.destroy()


def run(
    name: str, broker: KafkaCluster, folder: Path, faults: int, fault: Callable[[random.Random], None]
) -> None:
    """Let a service read while its broker or network fails so often; compare it with the topic."""
    seed = drawn_seed()
    chance = random.Random(seed)
    stream = draw_stream(chance, RECORDS, links=600)
    broker.create_topic(TOPIC, PARTITIONS)
    share = -(-len(stream.values) // (faults + 1))
    with LinktideProcess(folder, SCRIPT, SMALL_FETCHES, *settings(broker, TOPIC)) as service:
        service.wait_ready()
        for number in range(faults + 1):
            send(broker, TOPIC, stream.values[number * share : (number + 1) * share], chance)
            if number < faults:
                fault(chance)
            service.live_for(0.1)
        finish(service, broker, TOPIC, stream)
    held = "each record once, offsets = rows, views = oracle"
    print(f"fault {name}: {faults} times, {SEED_VARIABLE}={seed}; {held}")  # noqa: T201 -- what a campaign is for


def test_brokers_that_are_killed_and_stopped(own_broker: KafkaCluster, tmp_path: Path) -> None:
    def fail(chance: random.Random) -> None:
        chance.choice([own_broker.kill, own_broker.stop])()
        own_broker.start(dies_with_caller=True)
        own_broker.wait_ready()

    run("broker killed or stopped", own_broker, tmp_path, times(3, 50), fail)


def test_a_network_that_fails(tmp_path: Path) -> None:
    pause = threading.Event().wait
    longest = times(3, 60)

    with FaultyProxy() as proxy, proxied_broker(tmp_path / "kafka", proxy) as broker:

        def fail(chance: random.Random) -> None:
            how = next(ways)
            if how == "reset":
                assert proxy.reset() > 0
            elif how == "slow":
                proxy.slice_bytes, proxy.slice_pause_seconds = 512, 0.02
                pause(chance.uniform(1, 2))
            else:
                proxy.cut(is_one_way=how == "one-way cut")
                pause(chance.uniform(1, longest))
            proxy.heal()

        faults = times(8, 80)
        chance = random.Random(drawn_seed())
        ways = iter(chance.sample(["reset", "slow", "cut", "one-way cut"] * (faults // 4), faults))
        run("network cut, reset, slow", broker, tmp_path, faults, fail)
