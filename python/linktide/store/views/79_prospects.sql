-- What links bring more links, and whom to ask for one.

CREATE OR REPLACE MACRO internal.whole_days(name, days) AS
    CASE WHEN days >= 1 AND days = floor(days) AND days <= 36500 THEN CAST(days AS INTEGER)
         ELSE error(name || ' is ' || days || '; wanted a whole number of days from 1 to 36500') END;

-- A social link to a page begins a cascade if none came within `after_days` before. Beside each other: the other links to
-- the page that were first seen in the days after it, and in those before.
CREATE OR REPLACE MACRO main.link_cascades(domain_name, after_days := 14, before_days := 28) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_days('after_days', after_days) AS days_after, internal.whole_days('before_days', before_days) AS days_before
), firsts AS (
    SELECT v.link_id, min(v.started_at) AS first_seen FROM internal.lives v WHERE v.target_domain = domain_name GROUP BY v.link_id
), linked AS MATERIALIZED (
    SELECT k.target_url, k.source_url, k.source_domain, k.source_kind = 'social' AS is_social, f.first_seen
    FROM internal.kinds_ever k JOIN firsts f ON f.link_id = k.link_id
    WHERE k.target_domain = domain_name
), turns AS (
    SELECT l.target_url, l.first_seen, l.source_url,
           lag(l.first_seen) OVER (PARTITION BY l.target_url ORDER BY l.first_seen, l.source_url) AS social_before
    FROM linked l WHERE l.is_social
), begun AS MATERIALIZED (
    SELECT t.target_url, t.first_seen AS began_at, t.source_url, t.first_seen + to_days(g.days_after) AS until_at,
           t.first_seen - to_days(g.days_before) AS from_at
    FROM turns t CROSS JOIN given g
    WHERE t.social_before IS NULL OR t.first_seen - t.social_before > to_days(g.days_after)
), counted AS (
    SELECT b.target_url, b.began_at, b.source_url, b.until_at,
           count(*) FILTER (l.is_social AND l.first_seen >= b.began_at AND l.first_seen <= b.until_at) AS social_links,
           count(*) FILTER (NOT l.is_social AND l.first_seen >= b.from_at AND l.first_seen < b.began_at) AS links_before,
           count(*) FILTER (NOT l.is_social AND l.first_seen > b.began_at AND l.first_seen <= b.until_at) AS links_after,
           count(DISTINCT l.source_domain) FILTER (NOT l.is_social AND l.first_seen > b.began_at AND l.first_seen <= b.until_at)
               AS refdomains_after
    FROM begun b JOIN linked l ON l.target_url = b.target_url
    GROUP BY b.target_url, b.began_at, b.source_url, b.until_at
)
SELECT c.target_url, c.began_at, c.source_url AS social_source_url, c.social_links, c.links_before, c.links_after,
       c.refdomains_after, c.until_at <= w.clock AS is_over,
       CASE WHEN c.until_at <= w.clock THEN (c.links_after / g.days_after) / nullif(c.links_before / g.days_before, 0) END AS lift
FROM counted c
CROSS JOIN given g
CROSS JOIN internal.writer w
ORDER BY c.links_after DESC, c.began_at DESC, c.target_url;

-- Domains that refer to rivals and not to one's own, by how well they are worth asking. Each factor is from 0 to 1, and the
-- score is the mean of those that are known, each with its weight: more of a factor never makes it less.
CREATE OR REPLACE MACRO main.outreach_targets(own_domain, rivals := NULL, least := 1) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT DISTINCT lower(r.domain_name) AS domain_name
    FROM (
        SELECT unnest(coalesce(CAST(rivals AS VARCHAR[]),
                               (SELECT list(m.domain_name) FROM internal.mine_domains m WHERE m.role = 'rival'))) AS domain_name
    ) r
    WHERE lower(r.domain_name) <> own_domain
), known AS MATERIALIZED (
    FROM internal.links_to((SELECT list_append(list(a.domain_name), own_domain) FROM asked a))
), broken AS MATERIALIZED (
    SELECT s.target_key
    FROM (SELECT DISTINCT l.target_key FROM known l WHERE l.target_domain <> own_domain) t
    JOIN internal.target_status s ON s.target_key = t.target_key
    GROUP BY s.target_key
    HAVING internal.is_broken(internal.newest_code(s.http_code, s.observed_at, s.extra))
), links AS (
    SELECT l.source_domain, l.s_dom_key, l.target_domain, l.is_dofollow, l.status, k.target_key IS NOT NULL AS is_broken
    FROM known l
    LEFT JOIN broken k ON k.target_key = l.target_key
), sources AS (
    SELECT l.source_domain, any_value(l.s_dom_key) AS domain_key,
           list(DISTINCT l.target_domain ORDER BY l.target_domain) FILTER (l.status IN (1, 2)) AS domains_linked,
           count(*) FILTER (l.status IN (1, 2)) AS backlinks, count(*) FILTER (l.status IN (1, 2) AND l.is_dofollow) AS dofollow,
           count(*) FILTER (l.status <> 0 AND l.target_domain <> own_domain) AS links_ever, count(*) FILTER (l.status IN (1, 2) AND l.is_broken) AS to_broken
    FROM links l
    GROUP BY l.source_domain
    HAVING bool_or(l.status IN (1, 2)) AND NOT bool_or(l.status IN (1, 2) AND l.target_domain = own_domain)
), asking AS MATERIALIZED (
    SELECT s.*
    FROM sources s
    WHERE len(s.domains_linked) >= least AND s.source_domain <> own_domain
          AND s.source_domain NOT IN (SELECT a.domain_name FROM asked a)
          AND s.source_domain NOT IN (SELECT b.domain_name FROM internal.blocklist b)
          AND s.source_domain NOT IN (SELECT v.subject FROM main.reviews v WHERE v.state IN ('remove', 'disavow'))
), factors AS (
    SELECT s.*, h.domain_authority, len(s.domains_linked) / (SELECT count(*) FROM asked) AS rivals_share,
           s.backlinks / s.links_ever AS surviving_share
    FROM asking s
    JOIN internal.scores_of('asking') h ON h.domain_key = s.domain_key
)
SELECT f.source_domain,
       100 * (0.4 * coalesce(f.domain_authority / 100, 0) + 0.3 * f.rivals_share + 0.2 * f.surviving_share
              + 0.1 * CAST(f.to_broken > 0 AS INTEGER))
           / (CASE WHEN f.domain_authority IS NULL THEN 0.6 ELSE 1 END) AS score,
       f.domain_authority, f.domains_linked, f.rivals_share, f.surviving_share, f.to_broken AS links_to_broken,
       f.backlinks, f.dofollow AS dofollow_backlinks, f.links_ever, v.contact, v.note
FROM factors f
LEFT JOIN main.reviews v ON v.subject = f.source_domain
ORDER BY score DESC, f.backlinks DESC, f.source_domain;
