CREATE VIEW main.dead_letters AS
SELECT o.cluster AS source_name, o.topic, o.topic_id, CAST(o.part AS BIGINT) AS source_partition,
       CAST(d.off AS BIGINT) AS source_offset, d.reason, d.detail, d.record_at, d.received_at,
       d.bytes, d.byte_length, d.bytes_hash, d.replayed_at
FROM internal.dead_letters d
LEFT JOIN internal.source_offsets o ON o.source_id = d.source_id;

CREATE VIEW main.sources AS
SELECT cluster AS source_name, topic, topic_id, CAST(part AS BIGINT) AS source_partition, next_offset,
       events, dead_letters, last_record_at, updated_at
FROM internal.source_offsets;
