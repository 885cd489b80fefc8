-- What sightings said otherwise than the one before them. A field that was never told of before has no change.

-- What a field that is told otherwise makes of a link; null: nothing that has a name.
CREATE OR REPLACE MACRO internal.turn_of(field, old_value, new_value) AS
    CASE WHEN field = 'anchor' THEN 'anchor_changed'
         WHEN field <> 'rel' THEN NULL
         WHEN internal.is_followed(old_value) = internal.is_followed(new_value) THEN 'rel_changed'
         WHEN internal.is_followed(new_value) THEN 'followed' ELSE 'unfollowed' END;

CREATE VIEW internal.attribute_turns AS
SELECT link_id, target_domain, field, observed_at AS changed_at, old_value, value AS new_value,
       internal.turn_of(field, old_value, value) AS change
FROM (
    SELECT *, lag(value) OVER (PARTITION BY link_id, target_domain, field ORDER BY observed_at) AS old_value
    FROM internal.attribute_runs
)
WHERE old_value IS NOT NULL;

CREATE VIEW main.attribute_changes AS
SELECT t.changed_at, l.source_url, l.target_url, l.source_domain, l.target_domain, t.field, t.old_value, t.new_value,
       t.link_id
FROM internal.attribute_turns t
JOIN internal.links l
    ON l.link_id = t.link_id AND l.target_domain = t.target_domain AND l.s_dom_key <> l.t_dom_key;
