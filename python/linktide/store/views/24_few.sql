-- What is known of a few links or domains that were found by other keys than the target domain, by which all runs are
-- sorted. `few` names a table of the statement around it that has them: the ids alone are then compared with those of all
-- rows, and of no other link state or attributes are put together.

-- The newest registers of links (link_id, t_dom_key, seen_at), each once; all null: none is stored. The key of the domain is
-- the same in many rows one after the other: it rules out most of them before the ids are compared.
CREATE OR REPLACE MACRO internal.states_of(few) AS TABLE
WITH told AS (
    SELECT c.link_id, arg_max_null(c.status, c.rev) AS status, arg_max_null(c.started_at, c.rev) AS started_at,
           arg_max_null(c.last_seen, c.rev) AS last_seen
    FROM internal.link_changes_keyed c
    SEMI JOIN (SELECT DISTINCT q.t_dom_key FROM query_table(few) q) d ON d.t_dom_key = c.t_dom_key
    SEMI JOIN query_table(few) f ON f.link_id = c.link_id
    GROUP BY c.link_id
)
SELECT f.link_id, CASE WHEN t.link_id IS NULL THEN internal.status_seen(f.seen_at) ELSE t.status END AS status,
       CASE WHEN t.link_id IS NULL THEN f.seen_at ELSE t.started_at END AS started_at,
       CASE WHEN t.link_id IS NULL THEN f.seen_at ELSE t.last_seen END AS last_seen
FROM query_table(few) f LEFT JOIN told t ON t.link_id = f.link_id;

-- What is told of a field of links (link_id) beside the wide row, as internal.attribute_overlays has it; no row where that says all.
CREATE OR REPLACE MACRO internal.told_of(few, told_field) AS TABLE
SELECT o.link_id, {'newest': max({'at': o.observed_at, 'v': o.value}) FILTER (NOT o.is_void), 'instants': list(o.observed_at)} AS told
FROM (
    SELECT c.link_id, c.observed_at, arg_max_null(c.value, c.rev) AS value, arg_max_null(c.is_void, c.rev) AS is_void
    FROM internal.attribute_changes_keyed c SEMI JOIN query_table(few) f ON f.link_id = c.link_id
    WHERE c.field = told_field
    GROUP BY c.link_id, c.observed_at
) o
GROUP BY o.link_id;

-- The value of a field that holds now, by a row of told_of (its link_id is null: there is none) and the wide row.
CREATE OR REPLACE MACRO internal.value_now(told_id, told, wide_value, wide_at) AS
    CASE WHEN told_id IS NULL THEN wide_value ELSE internal.current_run(told, wide_value, wide_at).v END;

-- Scores as people may see them, of domains (domain_key) of which a link was ever sighted; one row a domain.
CREATE OR REPLACE MACRO internal.scores_of(few) AS TABLE
WITH scored AS (
    SELECT d.domain_key, arg_max_null(d.authority, d.rev) AS authority, arg_max_null(d.trust, d.rev) AS trust
    FROM internal.domain_scores d SEMI JOIN query_table(few) f ON f.domain_key = d.domain_key
    GROUP BY d.domain_key
)
SELECT f.domain_key, internal.page_score(s.authority, w.is_authority_shown) AS domain_authority,
       internal.page_score(s.trust, w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust
FROM (SELECT DISTINCT q.domain_key FROM query_table(few) q) f
CROSS JOIN internal.writer w
LEFT JOIN scored s ON s.domain_key = f.domain_key;
