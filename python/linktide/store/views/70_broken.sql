-- Links to pages that do not answer.

-- The code of the newest of some answers, an aggregate; null if that one has none: an older code says nothing then.
CREATE OR REPLACE MACRO internal.newest_code(http_code, observed_at, extra) AS
    arg_max_null(http_code, {'observed_at': observed_at, 'content': coalesce(extra, '')});
CREATE OR REPLACE MACRO internal.is_broken(http_code) AS http_code = 0 OR http_code >= 400;

-- The newest answer of each target of a domain's links; of targets nobody links to nothing is asked here.
CREATE VIEW internal.target_answers AS
SELECT l.target_domain, l.target_key,
       arg_max({'http_code': s.http_code, 'observed_at': s.observed_at},
               {'observed_at': s.observed_at, 'content': coalesce(s.extra, '')}) AS newest
FROM (SELECT DISTINCT target_domain, target_key FROM internal.links) l
JOIN internal.target_status s ON s.target_key = l.target_key
GROUP BY l.target_domain, l.target_key;

CREATE VIEW main.broken_backlinks AS
SELECT l.source_url, l.target_url, l.source_domain, l.target_domain, CAST(t.newest.http_code AS INTEGER) AS http_code,
       t.newest.observed_at AS observed_at, s.domain_authority, l.anchor, l.is_dofollow, l.first_seen, l.last_seen,
       l.link_id
FROM internal.live_links l
JOIN internal.target_answers t ON t.target_domain = l.target_domain AND t.target_key = l.target_key
LEFT JOIN internal.shown_scores s ON s.domain_key = l.s_dom_key
WHERE internal.is_broken(t.newest.http_code);

-- The links that would have been among them 24 hours before the newest event: by their lives and by what their targets had
-- answered until then, as far as it is known now.
CREATE VIEW internal.broken_a_day_ago AS
SELECT l.target_domain, l.link_id
FROM (
    SELECT d.target_domain, d.target_key, any_value(w.clock) - INTERVAL 24 HOURS AS asked_at,
           internal.newest_code(s.http_code, s.observed_at, s.extra) AS http_code
    FROM (SELECT DISTINCT target_domain, target_key FROM internal.links) d
    JOIN internal.target_status s ON s.target_key = d.target_key
    CROSS JOIN internal.writer w
    WHERE s.observed_at <= w.clock - INTERVAL 24 HOURS
    GROUP BY d.target_domain, d.target_key
) t
JOIN internal.links l
    ON l.target_domain = t.target_domain AND l.target_key = t.target_key AND l.source_domain <> l.target_domain
JOIN internal.lives v
    ON v.link_id = l.link_id AND v.target_domain = l.target_domain
    AND v.started_at <= t.asked_at AND (v.confirmed_at IS NULL OR v.confirmed_at > t.asked_at)
WHERE internal.is_broken(t.http_code);

CREATE VIEW main.broken_targets AS
SELECT target_domain, target_url, any_value(http_code) AS http_code, any_value(observed_at) AS observed_at,
       count(*) AS backlinks, count(*) FILTER (is_dofollow) AS dofollow_backlinks,
       count(DISTINCT source_domain) AS refdomains, max(domain_authority) AS best_authority
FROM main.broken_backlinks
GROUP BY target_domain, target_url;

-- Where the links to a domain's broken pages could lead: of its pages that are linked to and not known to be broken the
-- one whose path is most alike (Jaro and Winkler), at least 0.7. Without the slash that all begin with: by it short paths
-- would all be alike, and the home page like each of them.
CREATE OR REPLACE MACRO main.reclaim(domain_name) AS TABLE
WITH broken AS (
    FROM main.broken_targets b WHERE b.target_domain = domain_name
), sound AS (
    SELECT DISTINCT l.target_url
    FROM internal.live_links l
    WHERE l.target_domain = domain_name AND l.target_url NOT IN (SELECT target_url FROM broken)
), alike AS (
    SELECT p.target_url, p.redirect_to,
           CASE WHEN p.path = p.other THEN 1.0 ELSE jaro_winkler_similarity(p.path, p.other) END AS similarity
    FROM (
        SELECT b.target_url, s.target_url AS redirect_to, internal.path_of(b.target_url)[2:] AS path,
               internal.path_of(s.target_url)[2:] AS other
        FROM broken b CROSS JOIN sound s
    ) p
)
SELECT b.target_url, b.http_code, b.backlinks, b.refdomains, b.best_authority,
       a.best.redirect_to AS redirect_to, a.best.similarity AS similarity
FROM broken b
LEFT JOIN (
    SELECT target_url, max({'similarity': similarity, 'redirect_to': redirect_to}) AS best
    FROM alike WHERE similarity >= 0.7 GROUP BY target_url
) a ON a.target_url = b.target_url
ORDER BY b.refdomains DESC, b.backlinks DESC, b.target_url;
