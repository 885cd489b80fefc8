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
), sides AS MATERIALIZED (
    SELECT k.link_id, k.was_known, k.was_live, k.newest.lost_at IS NULL AS is_live, k.newest.started_at AS started_at,
           k.newest.lost_at AS ended_at, k.newest.reason AS lost_reason
    FROM known k
    WHERE k.was_live OR k.newest.lost_at IS NULL
), told AS MATERIALIZED (
    SELECT c.link_id, c.field, c.observed_at, arg_max_null(c.value, c.rev) AS value,
           arg_max_null(c.is_void, c.rev) AS is_void
    FROM internal.attribute_changes c
    WHERE c.target_domain = domain_name AND c.field IN ('anchor', 'rel')
    GROUP BY c.link_id, c.field, c.observed_at
), wide AS MATERIALIZED (
    SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain, l.anchor, l.rel, l.attributes_at
    FROM internal.links l
    WHERE l.target_domain = domain_name AND l.s_dom_key <> l.t_dom_key
          AND l.link_id IN (SELECT s.link_id FROM sides s WHERE s.was_live <> s.is_live UNION ALL SELECT o.link_id FROM told o)
), runs AS MATERIALIZED (
    -- As internal.attribute_runs has them; that names the wide rows twice more, and planning is what this costs.
    SELECT r.link_id, r.field, arg_max(r.value, r.observed_at) FILTER (r.observed_at <= t.before_at) AS old_value,
           arg_max(r.value, r.observed_at) AS new_value, max(r.observed_at) AS told_at
    FROM (
        SELECT o.link_id, o.field, o.observed_at, o.value FROM told o WHERE NOT o.is_void
        UNION ALL
        SELECT w.link_id, f.field, w.attributes_at, CASE f.field WHEN 'anchor' THEN w.anchor ELSE w.rel END
        FROM wide w CROSS JOIN (VALUES ('anchor'), ('rel')) f(field)
        ANTI JOIN told o ON o.link_id = w.link_id AND o.field = f.field AND o.observed_at = w.attributes_at
    ) r
    JOIN asked t ON r.observed_at <= t.after_at
    WHERE r.value IS NOT NULL
    GROUP BY r.link_id, r.field
), carried AS (
    SELECT r.link_id, max({'old': r.old_value, 'new': r.new_value}) FILTER (r.field = 'anchor') AS anchor,
           max({'old': r.old_value, 'new': r.new_value}) FILTER (r.field = 'rel') AS rel
    FROM runs r GROUP BY r.link_id
), changed AS (
    SELECT s.link_id, CASE WHEN s.is_live THEN CASE WHEN s.was_known THEN 'restored' ELSE 'new' END ELSE 'lost' END AS change,
           CASE WHEN s.is_live THEN s.started_at ELSE s.ended_at END AS changed_at,
           CASE WHEN NOT s.is_live THEN s.lost_reason END AS lost_reason,
           CAST(NULL AS VARCHAR) AS old_value, CAST(NULL AS VARCHAR) AS new_value
    FROM sides s WHERE s.was_live <> s.is_live
    UNION ALL
    SELECT s.link_id, internal.turn_of(r.field, r.old_value, r.new_value), r.told_at, NULL, r.old_value, r.new_value
    FROM sides s JOIN runs r ON r.link_id = s.link_id
    WHERE s.was_live AND s.is_live AND r.old_value <> r.new_value
), shown AS (
    SELECT c.*, w.source_url, w.target_url, w.source_domain, w.target_domain,
           CASE WHEN c.change = 'lost' THEN a.anchor.old ELSE a.anchor.new END AS anchor,
           CASE WHEN c.change = 'lost' THEN a.rel.old ELSE a.rel.new END AS rel
    FROM wide w
    JOIN changed c ON c.link_id = w.link_id
    LEFT JOIN carried a ON a.link_id = w.link_id
)
SELECT h.change, h.changed_at, h.source_url, h.target_url, h.source_domain, h.target_domain, h.anchor, h.rel,
       internal.is_followed(h.rel) AS is_dofollow, h.old_value, h.new_value, h.lost_reason, h.link_id
FROM shown h
ORDER BY h.changed_at DESC, h.link_id, h.change;
