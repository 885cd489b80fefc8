CREATE VIEW internal.numbered_lives AS
SELECT *, row_number() OVER (PARTITION BY link_id, target_domain ORDER BY started_at) AS life_number
FROM internal.lives;

CREATE VIEW main.link_lives AS
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain,
       l.s_dom_key = l.t_dom_key AS is_internal, v.life_number,
       v.started_at, v.last_alive_at, v.lost_at, v.confirmed_at, v.lost_reason, v.is_confirmed_by_event
FROM internal.numbered_lives v
JOIN internal.links l ON l.link_id = v.link_id AND l.target_domain = v.target_domain;

-- The two turns of a life: it begins, it ends.
CREATE VIEW internal.life_turns AS
SELECT link_id, target_domain, CASE life_number WHEN 1 THEN 'new' ELSE 'restored' END AS change, started_at AS changed_at,
       CAST(NULL AS TIMESTAMPTZ) AS lost_at, CAST(NULL AS VARCHAR) AS lost_reason,
       true AS is_by_event, false AS is_loss
FROM internal.numbered_lives
UNION ALL
SELECT link_id, target_domain, 'lost', confirmed_at, lost_at, lost_reason, is_confirmed_by_event, true
FROM internal.numbered_lives
WHERE confirmed_at IS NOT NULL;

-- The event that decided a turn: of those at its instant the one with its reason, then the one stored first.
CREATE VIEW internal.turn_events AS
SELECT t.link_id, t.target_domain, t.change, t.changed_at,
       arg_min({'source_id': e.source_id, 'off': e.off}, {
           'is_other': t.is_loss AND coalesce(e.lost_reason, 'removedfromhtml') <> t.lost_reason,
           'rev': e.rev, 'source_id': e.source_id, 'off': e.off}) AS event
FROM internal.life_turns t
JOIN internal.domain_keys k ON k.domain_name = t.target_domain
JOIN internal.link_events e
    ON e.t_dom_key = k.domain_key AND e.link_id = t.link_id AND e.observed_at = t.changed_at
    AND (e.kind = 3) = t.is_loss
WHERE t.is_by_event
GROUP BY t.link_id, t.target_domain, t.change, t.changed_at;

CREATE VIEW main.new_lost AS
SELECT t.change, t.changed_at, a.source_url, a.target_url, a.source_domain, a.target_domain, a.anchor, a.rel,
       NOT (internal.has_token(a.rel, 'nofollow') OR internal.has_token(a.rel, 'ugc')
            OR internal.has_token(a.rel, 'sponsored')) AS is_dofollow,
       t.lost_at, t.lost_reason, t.link_id, o.cluster AS source_name, o.topic, o.topic_id,
       CAST(o.part AS BIGINT) AS source_partition, CAST(d.event.off AS BIGINT) AS source_offset
FROM internal.life_turns t
JOIN internal.link_attributes a
    ON a.link_id = t.link_id AND a.target_domain = t.target_domain AND a.s_dom_key <> a.t_dom_key
LEFT JOIN internal.turn_events d
    ON d.link_id = t.link_id AND d.target_domain = t.target_domain AND d.change = t.change AND d.changed_at = t.changed_at
LEFT JOIN internal.source_offsets o ON o.source_id = d.event.source_id;

-- Deltas that late events took back leave no row: the view depends on the events alone.
CREATE VIEW main.link_velocity AS
SELECT v.target_domain, v.hour, v.new_links, v.restored_links, v.lost_links,
       v.new_links + v.restored_links - v.lost_links AS net_links
FROM (
    SELECT target_domain, hour, CAST(sum(new_links) AS BIGINT) AS new_links,
           CAST(sum(restored_links) AS BIGINT) AS restored_links, CAST(sum(lost_links) AS BIGINT) AS lost_links
    FROM internal.velocity_delta
    GROUP BY target_domain, hour
) v
WHERE v.new_links <> 0 OR v.restored_links <> 0 OR v.lost_links <> 0;
