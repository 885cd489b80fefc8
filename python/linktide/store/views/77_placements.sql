-- Links that were agreed on beside what is seen of them.

-- The expected link, and of the others of its page to that domain the first that may stand in its place: none that was
-- agreed on itself, and none that was there while the expected one was.
CREATE VIEW internal.placement_links AS
SELECT file_name, line, target_domain,
       any_value({'is_live': is_live, 'first_seen': first_seen, 'last_seen': last_seen, 'started_at': started_at,
                  'lost_at': lost_at, 'lost_reason': lost_reason, 'rel': rel, 'anchor': anchor,
                  'is_dofollow': is_dofollow}) FILTER (is_own) AS own,
       min({'started_at': started_at, 'target_url': found_url})
           FILTER (NOT is_own AND is_live AND NOT is_placed AND coalesce(started_at >= own_lost_at, true)) AS other
FROM (
    SELECT *, max(lost_at) FILTER (is_own) OVER (PARTITION BY file_name, line, target_domain) AS own_lost_at
    FROM (
        SELECT p.file_name, p.line, p.target_domain, f.target_url AS found_url, f.is_live, f.first_seen, f.last_seen,
               f.started_at, f.lost_at, f.lost_reason, f.rel, f.anchor, f.is_dofollow, f.link_id = p.link_id AS is_own,
               q.link_id IS NOT NULL AS is_placed
        FROM internal.placements p
        LEFT JOIN internal.link_facts f ON f.target_domain = p.target_domain AND f.source_key = p.source_key
        LEFT JOIN internal.placed_links q ON q.target_domain = f.target_domain AND q.link_id = f.link_id
    )
)
GROUP BY file_name, line, target_domain;

-- What whole answers of its page said since the link should be there.
CREATE VIEW internal.placement_checks AS
SELECT p.file_name, p.line, min(s.observed_at) FILTER (s.is_firm) AS missing_since, max(s.observed_at) AS checked_at,
       (max({'at': s.observed_at, 'rank': internal.reason_rank(s.loss_reason), 'reason': s.loss_reason})
            FILTER (s.is_firm)).reason AS reason
FROM internal.placements p
JOIN internal.page_losses s ON s.page_key = p.source_key AND s.observed_at >= coalesce(p.live_from, s.observed_at)
GROUP BY p.file_name, p.line;

-- The newest event that told of links of its page to that domain, or of the page.
CREATE VIEW internal.placement_events AS
SELECT file_name, line, arg_max({'source_id': source_id, 'off': off}, {'observed_at': observed_at, 'rev': rev}) AS event
FROM (
    SELECT p.file_name, p.line, e.observed_at, e.rev, e.source_id, e.off
    FROM internal.placements p
    JOIN internal.link_events e ON e.t_dom_key = p.t_dom_key AND e.source_key = p.source_key
    UNION ALL
    SELECT p.file_name, p.line, s.observed_at, s.rev, s.source_id, s.off
    FROM internal.placements p
    JOIN internal.page_snapshots s ON s.page_key = p.source_key
)
GROUP BY file_name, line;

-- Whether what is told of a link is another rel, or are other words, than agreed.
CREATE OR REPLACE MACRO internal.is_wrong_rel(expected, rel) AS
    CASE WHEN expected = 'followed' THEN NOT internal.is_followed(rel)
         WHEN expected IS NOT NULL THEN NOT internal.has_token(rel, expected) ELSE false END;
CREATE OR REPLACE MACRO internal.is_wrong_anchor(expected_words, anchor) AS
    coalesce(internal.words(anchor) <> expected_words, false);

-- When each was last told wrong after it was told right: a change from wrong to wrong is none.
CREATE VIEW internal.placement_turns AS
SELECT file_name, line, target_domain,
       max(observed_at) FILTER (field = 'rel' AND is_wrong AND NOT was_wrong) AS rel_at,
       max(observed_at) FILTER (field = 'anchor' AND is_wrong AND NOT was_wrong) AS anchor_at
FROM (
    SELECT *, lag(is_wrong) OVER (PARTITION BY file_name, line, target_domain, field ORDER BY observed_at) AS was_wrong
    FROM (
        SELECT p.file_name, p.line, p.target_domain, r.field, r.observed_at,
               CASE WHEN r.field = 'rel' THEN internal.is_wrong_rel(p.expected_rel, r.value)
                    ELSE internal.is_wrong_anchor(p.expected_words, r.value) END AS is_wrong
        FROM internal.placements p
        JOIN internal.attribute_runs r ON r.target_domain = p.target_domain AND r.link_id = p.link_id
        WHERE r.field IN ('rel', 'anchor')
    )
)
GROUP BY file_name, line, target_domain;

-- What is seen of each placement, whatever its time.
CREATE VIEW internal.placement_sights AS
SELECT p.*, l.own, l.other, c.missing_since, c.checked_at AS page_checked_at, c.reason, t.rel_at, t.anchor_at,
       internal.is_wrong_rel(p.expected_rel, l.own.rel) AS has_wrong_rel,
       internal.is_wrong_anchor(p.expected_words, l.own.anchor) AS has_wrong_anchor,
       CASE WHEN l.own.is_live
            THEN CASE WHEN has_wrong_rel THEN 'wrong_rel' WHEN has_wrong_anchor THEN 'wrong_anchor' ELSE 'ok' END
            WHEN l.other IS NOT NULL THEN 'wrong_target'
            WHEN l.own.lost_at IS NOT NULL THEN 'lost'
            WHEN c.missing_since IS NOT NULL THEN 'missing'
            ELSE 'not_checked' END AS sight
FROM internal.placements p
JOIN internal.placement_links l ON l.file_name = p.file_name AND l.line = p.line AND l.target_domain = p.target_domain
LEFT JOIN internal.placement_checks c ON c.file_name = p.file_name AND c.line = p.line
LEFT JOIN internal.placement_turns t ON t.file_name = p.file_name AND t.line = p.line AND t.target_domain = p.target_domain;

CREATE VIEW internal.placement_states AS
SELECT s.*, w.clock,
       CASE WHEN s.paid_until <= w.clock THEN 'expired'
            WHEN s.live_from > w.clock AND s.sight <> 'ok' THEN 'not_yet'
            ELSE s.sight END AS state
FROM internal.placement_sights s
CROSS JOIN internal.writer w;

CREATE VIEW main.placements AS
SELECT source_url, target_url, source_domain, target_domain, campaign, state, violated_since,
       violated_since + to_days(CAST(grace_days AS INTEGER)) <= clock AS is_overdue,
       expected_rel, expected_anchor, live_from, paid_until,
       own.rel AS rel, own.anchor AS anchor, own.is_dofollow AS is_dofollow,
       CASE WHEN state = 'wrong_target' THEN other.target_url END AS found_target_url,
       own.first_seen AS first_seen, own.last_seen AS last_seen, own.lost_at AS lost_at,
       CASE WHEN own.lost_at IS NOT NULL THEN own.lost_reason WHEN state = 'missing' THEN reason END AS lost_reason,
       page_checked_at, link_id, o.cluster AS source_name, o.topic, o.topic_id,
       CAST(o.part AS BIGINT) AS source_partition, CAST(v.event.off AS BIGINT) AS source_offset
FROM (
    -- Nothing is owed before live_from; greatest() and least() pass over what is null.
    SELECT *, CASE WHEN state IN ('wrong_rel', 'wrong_anchor')
                   THEN greatest(own.started_at, live_from,
                                 least(CASE WHEN has_wrong_rel THEN coalesce(rel_at, own.started_at) END,
                                       CASE WHEN has_wrong_anchor THEN coalesce(anchor_at, own.started_at) END))
                   WHEN state = 'wrong_target' THEN greatest(coalesce(own.lost_at, other.started_at), live_from)
                   WHEN state = 'lost' THEN greatest(own.lost_at, live_from)
                   WHEN state = 'missing' THEN missing_since END AS violated_since
    FROM internal.placement_states
) x
LEFT JOIN internal.placement_events v ON v.file_name = x.file_name AND v.line = x.line
LEFT JOIN internal.source_offsets o ON o.source_id = v.event.source_id;

-- What became of the placements of each campaign; null while nothing is known of them. An error is no word of a link.
CREATE VIEW main.campaigns AS
SELECT coalesce(c.campaign, p.campaign) AS campaign, CAST(c.goal AS BIGINT) AS goal, c.spend, c.from_at, c.until_at,
       coalesce(p.placements, 0) AS placements, coalesce(p.not_checked, 0) AS not_checked, p.won, p.surviving,
       p.won / nullif(c.goal, 0) AS goal_share, c.spend / nullif(p.surviving, 0) AS cost_per_surviving_link
FROM internal.campaigns c
FULL JOIN (
    SELECT campaign, count(*) AS placements, count(*) FILTER (NOT is_told) AS not_checked,
           CASE WHEN bool_or(is_told) THEN count(*) FILTER (was_seen) END AS won,
           CASE WHEN bool_or(is_told) THEN count(*) FILTER (own.is_live) END AS surviving
    FROM (
        SELECT campaign, own, own.first_seen IS NOT NULL AS was_seen,
               was_seen OR (sight <> 'not_checked' AND state <> 'not_yet') AS is_told
        FROM internal.placement_states WHERE campaign IS NOT NULL
    )
    GROUP BY campaign
) p ON p.campaign = c.campaign;
