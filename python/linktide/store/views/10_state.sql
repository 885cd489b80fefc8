-- The folds of change rows into state. Not an interface: users read the views of the other files.

-- The newest registers of a link. One row a link and rev, so the join keeps one.
CREATE VIEW internal.link_state AS
SELECT c.*
FROM internal.link_changes c
JOIN (SELECT link_id, max(rev) AS rev FROM internal.link_changes GROUP BY link_id) newest USING (link_id, rev);

-- Attribute runs beside the wide row, void ones still among them: they also void the run in the wide row.
CREATE VIEW internal.attribute_folds AS
SELECT link_id, field, observed_at, arg_max({'value': value, 'is_void': is_void}, rev) AS newest
FROM internal.attribute_changes
GROUP BY link_id, field, observed_at;

-- All runs of the links that have more than their wide row, as field and text.
CREATE VIEW internal.attribute_runs AS
WITH wide AS (
    SELECT l.link_id, l.attributes_at, l.anchor, l.rel, l.link_type,
           map_entries(CAST(CAST(l.attributes AS JSON) AS MAP(VARCHAR, VARCHAR))) AS others
    FROM internal.links l
    SEMI JOIN internal.attribute_changes c ON c.link_id = l.link_id
    WHERE l.attributes_at IS NOT NULL
), wide_runs AS (
    SELECT link_id, 'anchor' AS field, attributes_at AS observed_at, anchor AS value FROM wide
    UNION ALL SELECT link_id, 'rel', attributes_at, rel FROM wide
    UNION ALL SELECT link_id, 'link_type', attributes_at, link_type FROM wide
    UNION ALL SELECT link_id, other.key, attributes_at, other.value
              FROM (SELECT link_id, attributes_at, unnest(others) AS other FROM wide)
)
SELECT link_id, field, observed_at, value
FROM wide_runs
ANTI JOIN internal.attribute_folds USING (link_id, field, observed_at)
WHERE value IS NOT NULL
UNION ALL
SELECT link_id, field, observed_at, newest.value
FROM internal.attribute_folds
WHERE NOT newest.is_void;

-- Current attributes of the links that have more than their wide row; no row if all their runs are void.
CREATE VIEW internal.attribute_overlays AS
WITH newest AS (
    SELECT link_id, field, max(observed_at) AS observed_at, arg_max(value, observed_at) AS value
    FROM internal.attribute_runs
    GROUP BY link_id, field
)
SELECT link_id, max(observed_at) AS changed_at,
       max(value) FILTER (field = 'anchor') AS anchor,
       max(value) FILTER (field = 'rel') AS rel,
       max(value) FILTER (field = 'link_type') AS link_type,
       to_json(map_from_entries(list({'k': field, 'v': value} ORDER BY field)
           FILTER (field NOT IN ('anchor', 'rel', 'link_type')))) AS attributes
FROM newest
GROUP BY link_id;

-- Current attributes of every link.
CREATE VIEW internal.link_attributes AS
SELECT l.link_id, l.source_key, l.target_key, l.s_dom_key, l.t_dom_key,
       l.source_url, l.target_url, l.source_domain, l.target_domain, l.attributes_at,
       CASE WHEN has_more THEN o.anchor ELSE l.anchor END AS anchor,
       CASE WHEN has_more THEN o.rel ELSE l.rel END AS rel,
       CASE WHEN has_more THEN o.link_type ELSE l.link_type END AS link_type,
       CASE WHEN has_more THEN o.attributes ELSE CAST(l.attributes AS JSON) END AS attributes,
       CASE WHEN has_more THEN o.changed_at ELSE l.attributes_at END AS attributes_changed_at
FROM internal.links l
LEFT JOIN (SELECT DISTINCT link_id, true AS has_more FROM internal.attribute_changes) m ON m.link_id = l.link_id
LEFT JOIN internal.attribute_overlays o ON o.link_id = l.link_id;

-- Lives that hold; the newest rev of each start, void ones gone.
CREATE VIEW internal.lives AS
SELECT c.*
FROM internal.life_changes c
JOIN (SELECT link_id, started_at, max(rev) AS rev FROM internal.life_changes GROUP BY link_id, started_at) newest
    USING (link_id, started_at, rev)
WHERE NOT c.is_void;
