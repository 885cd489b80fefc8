from __future__ import annotations

import gzip
import random
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from kafka_reading import decode_plainly

from linktide.errors import BrokerUnreachableError, StopError
from linktide.sources.kafka import KafkaSettings
from linktide.sources.produce import ProduceProgress, create_topic, produce_files

if TYPE_CHECKING:
    from pathlib import Path

    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
LINES = [b'{"source_url":"https://h%d.example/p","target_url":"https://t/"}' % (n % 20) for n in range(3000)]


def settings_for(cluster: KafkaCluster) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=tuple(cluster.bootstrap_servers), topics=())


def test_every_line_arrives_in_the_order_of_its_host(broker: KafkaCluster, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson.gz"
    data = b"\n\n".join(LINES) + b"\r\n"
    path.write_bytes(gzip.compress(data))
    settings = settings_for(broker)
    assert create_topic(settings, "produced", 3)
    assert not create_topic(settings, "produced", 3)
    progress = list(produce_files(settings, "produced", [path]))
    assert progress[-1] == ProduceProgress(3000, len(data))
    arrived = [[value or b"" for _, _, value in decode_plainly(broker, "produced", n)] for n in range(3)]
    assert sorted(chain(*arrived)) == sorted(LINES)
    assert all(arrived)
    by_host = [LINES[n::20] for n in range(20)]
    for values in arrived:
        kept = set(values)
        assert values == [line for line in LINES if line in kept]
    assert all(any(set(lines) <= set(values) for values in arrived) for lines in by_host)


def test_what_cannot_be_done_is_one_sentence(broker: KafkaCluster, tmp_path: Path) -> None:
    settings = settings_for(broker)
    with pytest.raises(StopError, match=r"'no/topic' cannot be created"):
        create_topic(settings, "no/topic", 1)
    nowhere = KafkaSettings(bootstrap_servers=("127.0.0.1:1",), topics=(), open_timeout_seconds=1)
    (tmp_path / "a.ndjson").write_bytes(b"{}\n")
    with pytest.raises(BrokerUnreachableError, match=r"127.0.0.1:1 within 1 s"):
        next(produce_files(nowhere, "t", [tmp_path / "a.ndjson"]))


def test_a_line_the_broker_refuses_stops_the_sending(broker: KafkaCluster, tmp_path: Path) -> None:
    broker.create_topic("small", max_message_bytes="1000")
    (tmp_path / "a.ndjson").write_text(random.Random(1).randbytes(5000).hex())
    sending = produce_files(settings_for(broker), "small", [tmp_path / "a.ndjson"])
    with pytest.raises(BrokerUnreachableError, match=r"did not acknowledge what was sent to topic 'small'"):
        list(sending)
