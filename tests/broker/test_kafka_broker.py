from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from brief_kafka import create_brief
from kafka.errors import KafkaError
from kafka_broker import KafkaCluster, main
from kafka_jars import BrokerError

if TYPE_CHECKING:
    from kafka_broker import KafkaCluster as Cluster

pytestmark = pytest.mark.broker
SCRIPT = Path(__file__).with_name("kafka_broker.py")

FAILOVER_SECONDS = 30.0


def test_a_stopped_node_keeps_its_topics_and_leaves_no_process(own_broker: Cluster) -> None:
    own_broker.create_topic("kept", partitions=3)
    pid = own_broker.pid(0)
    own_broker.stop()
    assert own_broker.pid(0) is None
    assert not Path(f"/proc/{pid}").exists()
    own_broker.start(dies_with_caller=True)
    own_broker.wait_ready()
    with own_broker.admin() as admin:
        topics = admin.describe_topics(["kept"])
    assert len(topics[0]["partitions"]) == 3


def test_another_process_can_open_and_kill_it(own_broker: Cluster) -> None:
    command = [sys.executable, str(SCRIPT), "--folder", str(own_broker.folder)]
    facts = json.loads(subprocess.run([*command, "status"], check=True, capture_output=True).stdout)
    assert facts["bootstrap_servers"] == own_broker.bootstrap_servers
    assert facts["pids"] == [own_broker.pid(0)]
    subprocess.run([*command, "stop", "--kill", "--keep"], check=True, capture_output=True)
    assert own_broker.pid(0) is None


def test_a_killed_caller_takes_its_nodes_along(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from brief_kafka import create_brief\n"
        "cluster = create_brief(Path(sys.argv[2])); cluster.start(dies_with_caller=True)\n"
        "assert cluster.pid(0) is not None\n"
        "os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", script, str(SCRIPT.parent), str(tmp_path / "kafka")]
    assert subprocess.run(command, check=False).returncode == -9
    deadline = time.monotonic() + 10
    while KafkaCluster.open(tmp_path / "kafka").pid(0) is not None:
        assert time.monotonic() < deadline


def test_a_node_that_dies_is_reported_with_its_last_word(own_broker: Cluster) -> None:
    own_broker.stop()
    properties = own_broker.folder / "node-0.properties"
    properties.write_text(properties.read_text().replace("node.id=0", "node.id=7"))
    own_broker.start(dies_with_caller=True)
    with pytest.raises(BrokerError, match="Kafka node 0 died: "):
        own_broker.wait_ready()


@pytest.mark.slow
def test_a_cluster_of_three_survives_the_kill_of_one(tmp_path: Path) -> None:
    cluster = create_brief(tmp_path / "three", nodes=3)
    try:
        cluster.start()
        cluster.wait_ready()
        cluster.create_topic("spread", partitions=3)
        cluster.kill(1)
        deadline = time.monotonic() + FAILOVER_SECONDS
        topics: list[str] = []
        while "spread" not in topics:
            assert time.monotonic() < deadline
            # The killed one may have led the quorum, or be the one that is asked first.
            with suppress(KafkaError), cluster.admin() as admin:
                topics = list(admin.list_topics())
        cluster.start(1)
        cluster.wait_ready()
    finally:
        cluster.destroy()


def test_what_is_missing_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--folder", str(tmp_path / "none"), "status"]) == 1
    assert capsys.readouterr().err == f"There is no cluster in {tmp_path / 'none'}: start one first.\n"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--folder", str(tmp_path / "none"), "start"]) == 1
    assert "needs java and mvn on PATH" in capsys.readouterr().err
