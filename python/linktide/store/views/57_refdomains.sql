-- What becomes of referring domains.

-- A domain refers while one link of it at least lives; several that begin or end at one instant are one step.
CREATE VIEW main.refdomains_new_lost AS
WITH steps AS (
    SELECT l.target_domain, l.source_domain, s.stepped_at, CAST(sum(s.step) AS BIGINT) AS step
    FROM (
        SELECT link_id, target_domain, started_at AS stepped_at, 1 AS step FROM internal.lives
        UNION ALL
        SELECT link_id, target_domain, confirmed_at, -1 FROM internal.lives WHERE confirmed_at IS NOT NULL
    ) s
    JOIN internal.links l
        ON l.link_id = s.link_id AND l.target_domain = s.target_domain AND l.s_dom_key <> l.t_dom_key
    GROUP BY ALL
), counts AS (
    SELECT target_domain, source_domain, stepped_at, step,
           CAST(sum(step) OVER (PARTITION BY target_domain, source_domain ORDER BY stepped_at) AS BIGINT) AS backlinks
    FROM steps
), turns AS (
    SELECT target_domain, source_domain, stepped_at, backlinks,
           count(*) FILTER (backlinks > 0) OVER (
               PARTITION BY target_domain, source_domain ORDER BY stepped_at) AS beginnings
    FROM counts
    WHERE (backlinks = 0) <> (backlinks - step = 0)
)
SELECT CASE WHEN backlinks = 0 THEN 'lost' WHEN beginnings = 1 THEN 'new' ELSE 'restored' END AS change,
       stepped_at AS changed_at, target_domain, source_domain, backlinks
FROM turns;
