-- What is otherwise at one time than at another: of each link of a domain whether it lives and what it carries, at both.
-- `changed_at` is since when it is as it is at the later one. A field that was never told of before is no change.
CREATE OR REPLACE MACRO main.backlinks_diff(domain_name, from_at, to_at) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT CAST(from_at AS TIMESTAMPTZ) AS before_at,
           CASE WHEN CAST(from_at AS TIMESTAMPTZ) > CAST(to_at AS TIMESTAMPTZ)
                THEN error('backlinks_diff: from_at, ' || CAST(from_at AS TIMESTAMPTZ) || ', is after to_at, '
                           || CAST(to_at AS TIMESTAMPTZ))
                WHEN CAST(to_at AS TIMESTAMPTZ) > w.clock
                THEN error('backlinks_diff: ' || CAST(to_at AS TIMESTAMPTZ) || ' is after the newest event, '
                           || w.clock || '; nothing is known of it yet')
                ELSE CAST(to_at AS TIMESTAMPTZ) END AS after_at
    FROM internal.writer w
), known AS (
    SELECT v.link_id, bool_or(v.started_at <= t.before_at) AS was_known,
           bool_or(v.started_at <= t.before_at AND (v.confirmed_at IS NULL OR v.confirmed_at > t.before_at)) AS was_live,
           max({'started_at': v.started_at, 'reason': v.lost_reason,
                'lost_at': CASE WHEN v.confirmed_at <= t.after_at THEN v.confirmed_at END}) AS newest
    FROM internal.lives v JOIN asked t ON v.started_at <= t.after_at
    WHERE v.target_domain = domain_name
    GROUP BY v.link_id
), sides AS (
    SELECT k.link_id, k.was_known, k.was_live, k.newest.lost_at IS NULL AS is_live, k.newest.started_at AS started_at,
           k.newest.lost_at AS ended_at, k.newest.reason AS lost_reason
    FROM known k
    WHERE k.was_live OR k.newest.lost_at IS NULL
), runs AS (
    SELECT r.link_id, r.field,
           arg_max(r.value, r.observed_at) FILTER (r.observed_at <= t.before_at) AS old_value,
           arg_max(r.value, r.observed_at) AS new_value, max(r.observed_at) AS told_at
    FROM internal.attribute_runs r JOIN asked t ON r.observed_at <= t.after_at
    WHERE r.target_domain = domain_name AND r.field IN ('anchor', 'rel')
    GROUP BY r.link_id, r.field
), carried AS (
    SELECT r.link_id, max(r.old_value) FILTER (r.field = 'anchor') AS old_anchor,
           max(r.new_value) FILTER (r.field = 'anchor') AS new_anchor,
           max(r.old_value) FILTER (r.field = 'rel') AS old_rel, max(r.new_value) FILTER (r.field = 'rel') AS new_rel
    FROM runs r GROUP BY r.link_id
), changed AS (
    SELECT s.link_id, CASE WHEN s.is_live THEN CASE WHEN s.was_known THEN 'restored' ELSE 'new' END ELSE 'lost' END AS change,
           CASE WHEN s.is_live THEN s.started_at ELSE s.ended_at END AS changed_at, s.is_live,
           CASE WHEN NOT s.is_live THEN s.lost_reason END AS lost_reason,
           CAST(NULL AS VARCHAR) AS old_value, CAST(NULL AS VARCHAR) AS new_value
    FROM sides s WHERE s.was_live <> s.is_live
    UNION ALL
    SELECT s.link_id, internal.turn_of(r.field, r.old_value, r.new_value), r.told_at, true, NULL, r.old_value, r.new_value
    FROM sides s JOIN runs r ON r.link_id = s.link_id
    WHERE s.was_live AND s.is_live AND r.old_value <> r.new_value
), shown AS (
    SELECT c.*, l.source_url, l.target_url, l.source_domain, l.target_domain,
           CASE WHEN a.link_id IS NOT NULL THEN CASE WHEN c.is_live THEN a.new_anchor ELSE a.old_anchor END
                WHEN l.attributes_at <= t.after_at AND (c.is_live OR l.attributes_at <= t.before_at) THEN l.anchor END AS anchor,
           CASE WHEN a.link_id IS NOT NULL THEN CASE WHEN c.is_live THEN a.new_rel ELSE a.old_rel END
                WHEN l.attributes_at <= t.after_at AND (c.is_live OR l.attributes_at <= t.before_at) THEN l.rel END AS rel
    FROM internal.links l
    JOIN changed c ON c.link_id = l.link_id
    CROSS JOIN asked t
    LEFT JOIN carried a ON a.link_id = l.link_id
    WHERE l.target_domain = domain_name AND l.s_dom_key <> l.t_dom_key
)
SELECT h.change, h.changed_at, h.source_url, h.target_url, h.source_domain, h.target_domain, h.anchor, h.rel,
       internal.is_followed(h.rel) AS is_dofollow, h.old_value, h.new_value, h.lost_reason, h.link_id
FROM shown h
ORDER BY h.changed_at DESC, h.link_id, h.change;
