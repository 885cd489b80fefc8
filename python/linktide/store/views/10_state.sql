-- The folds of change rows into state. Not an interface: users read the views of the other files.

-- A link has one target domain. It stands in every key and join nevertheless: a filter on it then reaches the
-- sorted runs of all tables, and none is read whole.

-- A key stands once in the oldest run (…_base). Rows since then (…_new) supersede it and are folded by the newest rev,
-- column by column: what nobody asks for is then neither read nor folded. So most of a table is read, not folded. What
-- is superseded is found by outer joins: through these a filter on the domain reaches both sides.

-- What the wide row says of the status: live, if all that was known of the link was one sighting.
CREATE OR REPLACE MACRO internal.status_seen(seen_at) AS
    CASE WHEN seen_at IS NOT NULL THEN CAST(1 AS UTINYINT) END;

-- A register as the newest row has it that tells of the link: one since the oldest run, else there, else the wide row.
CREATE OR REPLACE MACRO internal.newest_state(recent_rev, recent, base_rev, base, wide) AS
    CASE WHEN recent_rev IS NOT NULL THEN recent WHEN base_rev IS NOT NULL THEN base ELSE wide END;

-- The newest registers of the links with rows since the oldest run.
CREATE VIEW internal.recent_link_state AS
SELECT link_id, target_domain,
       arg_max_null(t_dom_key, rev) AS t_dom_key,
       arg_max_null(status, rev) AS status,
       arg_max_null(started_at, rev) AS started_at,
       arg_max_null(last_seen, rev) AS last_seen,
       arg_max_null(firm_loss_at, rev) AS firm_loss_at,
       arg_max_null(firm_loss_reason, rev) AS firm_loss_reason,
       arg_max_null(suspect_at, rev) AS suspect_at,
       arg_max_null(suspect_before_at, rev) AS suspect_before_at,
       max(rev) AS rev
FROM internal.link_changes_new
GROUP BY link_id, target_domain;

-- The newest registers of a link: since the oldest run, else in it, else the wide row says that it was seen once.
CREATE VIEW internal.link_state AS
SELECT l.link_id, l.target_domain, l.t_dom_key,
       internal.newest_state(n.rev, n.status, b.rev, b.status, internal.status_seen(l.seen_at)) AS status,
       internal.newest_state(n.rev, n.started_at, b.rev, b.started_at, l.seen_at) AS started_at,
       internal.newest_state(n.rev, n.last_seen, b.rev, b.last_seen, l.seen_at) AS last_seen,
       internal.newest_state(n.rev, n.firm_loss_at, b.rev, b.firm_loss_at, NULL) AS firm_loss_at,
       internal.newest_state(n.rev, n.firm_loss_reason, b.rev, b.firm_loss_reason, NULL) AS firm_loss_reason,
       internal.newest_state(n.rev, n.suspect_at, b.rev, b.suspect_at, NULL) AS suspect_at,
       internal.newest_state(n.rev, n.suspect_before_at, b.rev, b.suspect_before_at, NULL) AS suspect_before_at,
       coalesce(n.rev, b.rev, l.rev) AS rev
FROM internal.links l
LEFT JOIN internal.recent_link_state n ON n.link_id = l.link_id AND n.target_domain = l.target_domain
LEFT JOIN internal.link_changes_base b ON b.link_id = l.link_id AND b.target_domain = l.target_domain;

-- Attribute runs beside the wide row, void ones still among them: they also void the run in the wide row.
CREATE VIEW internal.attribute_folds AS
SELECT link_id, target_domain, field, observed_at,
       arg_max_null(value, rev) AS value, arg_max_null(is_void, rev) AS is_void
FROM internal.attribute_changes
GROUP BY link_id, target_domain, field, observed_at;

-- All runs of the links that have more than their wide row, as field and text.
CREATE VIEW internal.attribute_runs AS
WITH wide AS (
    SELECT l.link_id, l.target_domain, l.attributes_at, l.anchor, l.rel, l.link_type,
           map_entries(CAST(CAST(l.attributes AS JSON) AS MAP(VARCHAR, VARCHAR))) AS others
    FROM internal.links l
    SEMI JOIN internal.attribute_changes c ON c.link_id = l.link_id AND c.target_domain = l.target_domain
    WHERE l.attributes_at IS NOT NULL
), wide_runs AS (
    SELECT link_id, target_domain, 'anchor' AS field, attributes_at AS observed_at, anchor AS value FROM wide
    UNION ALL SELECT link_id, target_domain, 'rel', attributes_at, rel FROM wide
    UNION ALL SELECT link_id, target_domain, 'link_type', attributes_at, link_type FROM wide
    UNION ALL SELECT link_id, target_domain, other.key, attributes_at, other.value
              FROM (SELECT link_id, target_domain, attributes_at, unnest(others) AS other FROM wide)
)
SELECT link_id, target_domain, field, observed_at, value
FROM wide_runs
ANTI JOIN internal.attribute_folds USING (link_id, target_domain, field, observed_at)
WHERE value IS NOT NULL
UNION ALL
SELECT link_id, target_domain, field, observed_at, value
FROM internal.attribute_folds
WHERE NOT is_void;

-- Of the links that have more than their wide row: field → newest run that is not void (its instant and value), and
-- all instants that are told of, at which the wide row says nothing any more.
CREATE VIEW internal.attribute_overlays AS
SELECT link_id, target_domain, map_from_entries(list({'k': field, 'v': told})) AS fields
FROM (
    SELECT link_id, target_domain, field,
           {'newest': max({'at': observed_at, 'v': value}) FILTER (NOT is_void),
            'instants': list(observed_at)} AS told
    FROM internal.attribute_folds
    GROUP BY link_id, target_domain, field
)
GROUP BY link_id, target_domain;

-- The run of a field that holds now, of what is told of it and what the wide row says; null if none does.
CREATE OR REPLACE MACRO internal.current_run(told, wide_value, wide_at) AS
    CASE WHEN wide_value IS NOT NULL AND wide_at IS NOT NULL
              AND NOT coalesce(list_contains(told.instants, wide_at), false)
              AND coalesce(wide_at > told.newest.at, true)
         THEN {'at': wide_at, 'v': wide_value} ELSE told.newest END;

-- Current attributes of every link. In stages, so that the few links with more than their wide row alone pay. As text who
-- looks for some in them reads them: to make it JSON means to read all of it once more.
CREATE VIEW internal.link_attributes AS
SELECT link_id, source_key, target_key, s_dom_key, t_dom_key,
       source_url, target_url, source_domain, target_domain, attributes_at, seen_at,
       CASE WHEN fields IS NULL THEN anchor ELSE anchor_run.v END AS anchor,
       CASE WHEN fields IS NULL THEN rel ELSE rel_run.v END AS rel,
       CASE WHEN fields IS NULL THEN link_type ELSE type_run.v END AS link_type,
       CASE WHEN fields IS NULL THEN attributes
            WHEN len(other_runs) > 0
            THEN CAST(to_json(map_from_entries(list_transform(other_runs, lambda x: {'k': x.k, 'v': x.run.v}))) AS VARCHAR)
       END AS attributes_text,
       CAST(attributes_text AS JSON) AS attributes,
       CASE WHEN fields IS NULL THEN attributes_at
            ELSE greatest(anchor_run.at, rel_run.at, type_run.at,
                          list_max(list_transform(other_runs, lambda x: x.run.at))) END AS attributes_changed_at
FROM (
    SELECT *,
           CASE WHEN fields IS NOT NULL
                THEN internal.current_run(fields['anchor'], anchor, attributes_at) END AS anchor_run,
           CASE WHEN fields IS NOT NULL THEN internal.current_run(fields['rel'], rel, attributes_at) END AS rel_run,
           CASE WHEN fields IS NOT NULL
                THEN internal.current_run(fields['link_type'], link_type, attributes_at) END AS type_run,
           CASE WHEN fields IS NOT NULL THEN list_filter(
               list_transform(
                   list_sort(list_distinct(list_concat(map_keys(fields), map_keys(wide_others)))),
                   lambda f: {'k': f, 'run': internal.current_run(fields[f], wide_others[f], attributes_at)}),
               lambda x: x.run IS NOT NULL AND x.k NOT IN ('anchor', 'rel', 'link_type')) END AS other_runs
    FROM (
        SELECT l.*, o.fields,
               CASE WHEN o.fields IS NOT NULL
                    THEN CAST(CAST(coalesce(l.attributes, '{}') AS JSON) AS MAP(VARCHAR, VARCHAR)) END AS wide_others
        FROM internal.links l
        LEFT JOIN internal.attribute_overlays o ON o.link_id = l.link_id AND o.target_domain = l.target_domain
    )
);

-- Every link with its current rel alone: for a small domain to plan and to begin with all attributes takes a third of the time.
CREATE VIEW internal.link_rels AS
SELECT l.link_id, l.source_key, l.target_key, l.s_dom_key, l.t_dom_key,
       l.source_url, l.target_url, l.source_domain, l.target_domain, l.seen_at,
       CASE WHEN o.told IS NULL THEN l.rel ELSE internal.current_run(o.told, l.rel, l.attributes_at).v END AS rel
FROM internal.links l
LEFT JOIN (
    SELECT link_id, target_domain,
           {'newest': max({'at': observed_at, 'v': value}) FILTER (NOT is_void), 'instants': list(observed_at)} AS told
    FROM internal.attribute_folds
    WHERE field = 'rel'
    GROUP BY link_id, target_domain
) o ON o.link_id = l.link_id AND o.target_domain = l.target_domain;

-- Lives that hold; the newest rev of each start, void ones gone.
CREATE VIEW internal.recent_lives AS
SELECT link_id, target_domain, started_at,
       arg_max_null(t_dom_key, rev) AS t_dom_key,
       arg_max_null(last_alive_at, rev) AS last_alive_at,
       arg_max_null(lost_at, rev) AS lost_at,
       arg_max_null(confirmed_at, rev) AS confirmed_at,
       arg_max_null(lost_reason, rev) AS lost_reason,
       arg_max_null(is_confirmed_by_event, rev) AS is_confirmed_by_event,
       arg_max_null(is_void, rev) AS is_void,
       max(rev) AS rev
FROM internal.life_changes_new
GROUP BY link_id, target_domain, started_at;

-- Those of rows of their own.
CREATE VIEW internal.told_lives AS
SELECT b.link_id, b.target_domain, b.started_at, b.t_dom_key, b.last_alive_at, b.lost_at, b.confirmed_at,
       b.lost_reason, b.is_confirmed_by_event, b.rev
FROM internal.life_changes_base b
LEFT JOIN internal.recent_lives n
    ON n.link_id = b.link_id AND n.target_domain = b.target_domain AND n.started_at = b.started_at
WHERE n.rev IS NULL AND NOT b.is_void
UNION ALL
SELECT link_id, target_domain, started_at, t_dom_key, last_alive_at, lost_at, confirmed_at,
       lost_reason, is_confirmed_by_event, rev
FROM internal.recent_lives
WHERE NOT is_void;

-- All: a link that was seen once has a life that its wide row tells of, unless a row of that start says otherwise. By a
-- CASE: a filter that reaches the scan of the wide rows early keeps a later one, on the domain, from it.
CREATE VIEW internal.lives AS
FROM internal.told_lives
UNION ALL
SELECT l.link_id, l.target_domain, l.seen_at, l.t_dom_key, NULL, NULL, NULL, NULL, false, l.rev
FROM internal.links l
LEFT JOIN (
    SELECT link_id, target_domain, started_at FROM internal.life_changes_base
    UNION ALL SELECT link_id, target_domain, started_at FROM internal.life_changes_new
) t ON t.link_id = l.link_id AND t.target_domain = l.target_domain AND t.started_at = l.seen_at
WHERE CASE WHEN t.link_id IS NULL THEN l.seen_at IS NOT NULL ELSE false END;

-- Of the lives that have ended. The one that runs, if one does, is the newest, and the state of the link has its start.
CREATE VIEW internal.ended_lives AS
SELECT link_id, target_domain, min(started_at) AS first_started_at, count(*) AS times_lost,
       arg_max_null(lost_at, started_at) AS lost_at,
       arg_max_null(confirmed_at, started_at) AS confirmed_at,
       arg_max_null(lost_reason, started_at) AS lost_reason
FROM internal.told_lives
WHERE confirmed_at IS NOT NULL
GROUP BY link_id, target_domain;
