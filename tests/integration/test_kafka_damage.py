"""A batch damaged on the broker's disk: fetched once more, then handed on as damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka_reading import poll_up_to, source_of, unpack
from kafka_topics import damage_value, lengthen_batch, produce_batches

if TYPE_CHECKING:
    from kafka_broker import KafkaCluster

pytestmark = pytest.mark.broker
VALUES = [b"value-%03d" % number for number in range(40)]


def test_a_damaged_batch_is_fetched_again_then_handed_on(own_broker: KafkaCluster) -> None:
    own_broker.create_topic("damaged")
    produce_batches(own_broker, "damaged", VALUES, records_per_batch=10)
    damage_value(own_broker, "damaged", b"value-013")
    counted: list[str] = []
    source = source_of(own_broker, "damaged", count=counted.append)
    source.open({})
    chunks = poll_up_to(source, 40)
    assert counted == ["damaged_refetches"]
    source.close()
    assert [(c.first_offset, c.next_offset, c.is_damaged) for c in chunks] == [(0, 10, False), (10, 40, True)]
    assert b"Value-013" in chunks[1].data
    sound = [value for value in VALUES if not value.startswith(b"value-01")]
    assert [value for _, _, value in unpack(chunks)] == sound


def test_a_batch_with_a_length_too_great_is_read_to_its_true_end(
    own_broker: KafkaCluster, caplog: pytest.LogCaptureFixture
) -> None:
    own_broker.create_topic("lengthened")
    produce_batches(own_broker, "lengthened", VALUES, records_per_batch=10)
    lengthen_batch(own_broker, "lengthened", b"value-013", 0x40)
    source = source_of(own_broker, "lengthened")
    source.open({})
    chunks = poll_up_to(source, 40)
    source.close()
    assert [value for _, _, value in unpack(chunks)] == VALUES
    assert not any(chunk.is_damaged or chunk.gap for chunk in chunks)
    assert "wrong length" in caplog.text
