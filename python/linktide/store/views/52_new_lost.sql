-- The turns of links between different domains, with the event behind each. Lines for `--| word` as in 30_links.sql.

CREATE VIEW main.new_lost AS
SELECT t.change, t.changed_at, a.source_url, a.target_url, a.source_domain, a.target_domain,
       a.anchor, a.rel, internal.is_followed(a.rel) AS is_dofollow, --| attributes
       t.lost_at, t.lost_reason, t.old_value, t.new_value, t.link_id,
       o.cluster AS source_name, o.topic, o.topic_id, --| provenance
       CAST(o.part AS BIGINT) AS source_partition, CAST(d.event.off AS BIGINT) AS source_offset, --| provenance
FROM internal.link_turns t
JOIN internal.link_attributes a
    ON a.link_id = t.link_id AND a.target_domain = t.target_domain AND a.s_dom_key <> a.t_dom_key
LEFT JOIN internal.turn_events d --| provenance
    ON d.link_id = t.link_id AND d.target_domain = t.target_domain --| provenance
       AND d.change = t.change AND d.changed_at = t.changed_at --| provenance
LEFT JOIN internal.source_offsets o ON o.source_id = d.event.source_id --| provenance
;
