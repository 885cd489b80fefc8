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

-- Raw events of links, as they came; those that have expired (retention.event_days) are not there.
CREATE VIEW main.link_observations AS
SELECT e.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain,
       CASE e.kind WHEN 1 THEN 'discovered' WHEN 2 THEN 'seen' ELSE 'lost' END AS event,
       e.observed_at, e.lost_reason, e.kind <> 7 AS is_counted,
       o.cluster AS source_name, o.topic, o.topic_id, CAST(o.part AS BIGINT) AS source_partition,
       CAST(e.off AS BIGINT) AS source_offset
FROM internal.link_events e
JOIN internal.links l ON l.link_id = e.link_id
JOIN internal.source_offsets o ON o.source_id = e.source_id;

-- Exports of vendors among the sources; no other file has a name with slashes.
CREATE VIEW internal.vendor_exports AS
SELECT source_id, split_part(topic, '/', 1) AS vendor, split_part(topic, '/', 2) AS scope,
       TRY_CAST(split_part(topic, '/', 4) AS TIMESTAMPTZ) AS exported_at
FROM internal.source_offsets
WHERE cluster = 'file' AND contains(topic, '/');
