-- Who comes over links. Referrals are stored by link alone: those to a domain are found by the host of their target, and
-- what links to it from itself is left out.

-- Visits over a link in a day: of several sources the one that tells most, never a sum of them; crawlers apart.
CREATE OR REPLACE MACRO internal.visits_to(domain_name, from_day) AS TABLE
SELECT r.link_id, r.source_url, r.target_url, r.day, r.is_crawler, r.told.visits AS visits, r.told.conversions AS conversions,
       r.told.channel AS channel
FROM (
    SELECT f.link_id, f.source_url, f.target_url, f.day, coalesce(f.extra->>'channel' = 'crawler', false) AS is_crawler,
           max({'visits': f.visits, 'conversions': TRY_CAST(f.extra->>'conversions' AS BIGINT),
                'channel': f.extra->>'channel'}) AS told
    FROM main.referrals f
    WHERE ends_with('.' || internal.host_of(f.target_url), '.' || domain_name)
          AND NOT ends_with('.' || internal.host_of(f.source_url), '.' || domain_name)
          AND (from_day IS NULL OR f.day >= CAST(from_day AS DATE))
    GROUP BY f.link_id, f.source_url, f.target_url, f.day, is_crawler
) r;

-- Links of a domain from others that have ever been sighted, without more than visits are held against.
CREATE OR REPLACE MACRO internal.known_links(domain_name) AS TABLE
SELECT a.link_id, a.source_key, a.target_key, a.source_url, a.target_url, a.source_domain, s.status IN (1, 2) AS is_live, s.started_at,
       internal.is_followed(a.rel) AS is_dofollow
FROM internal.link_rels a
JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND s.status <> 0;

CREATE OR REPLACE MACRO main.links_by_visits(domain_name, from_day := NULL) AS TABLE
WITH visited AS MATERIALIZED (
    SELECT v.link_id, v.source_url, v.target_url, CAST(sum(v.visits) AS BIGINT) AS visits,
           CAST(sum(v.conversions) AS BIGINT) AS conversions, min(v.day) AS first_day, max(v.day) AS last_day,
           arg_max(v.channel, v.visits) AS channel
    FROM internal.visits_to(domain_name, from_day) v
    WHERE NOT v.is_crawler
    GROUP BY v.link_id, v.source_url, v.target_url
)
SELECT coalesce(k.source_url, v.source_url) AS source_url, coalesce(k.target_url, v.target_url) AS target_url, k.source_domain,
       coalesce(k.is_live, false) AS is_live, k.link_id IS NOT NULL AS is_known, k.is_dofollow,
       CASE WHEN v.link_id IS NOT NULL THEN v.visits WHEN EXISTS (FROM visited) THEN 0 END AS visits, v.conversions,
       v.channel, v.first_day, v.last_day, coalesce(k.link_id, v.link_id) AS link_id
FROM internal.known_links(domain_name) k
FULL JOIN visited v ON v.link_id = k.link_id
WHERE v.link_id IS NOT NULL OR k.is_live
ORDER BY visits DESC NULLS LAST, v.conversions DESC NULLS LAST, link_id;

CREATE OR REPLACE MACRO main.referral_coverage(domain_name, from_day := NULL) AS TABLE
SELECT CAST(sum(l.visits) AS BIGINT) AS visits, CAST(sum(l.conversions) AS BIGINT) AS conversions,
       CAST(sum(l.visits) FILTER (NOT l.is_known) AS BIGINT) AS unmatched_visits,
       coalesce(sum(l.visits) FILTER (NOT l.is_known), 0) / nullif(sum(l.visits), 0) AS unmatched_share,
       count(*) FILTER (l.is_live) AS live_links, count(*) FILTER (l.is_live AND l.visits = 0) AS silent_links,
       CASE WHEN sum(l.visits) IS NOT NULL
            THEN count(*) FILTER (l.is_live AND l.visits = 0) / nullif(count(*) FILTER (l.is_live), 0) END AS silent_share
FROM main.links_by_visits(domain_name, from_day := from_day) l;

-- As varied as how many equal ones would be: 1 / Σ p² (inverse Herfindahl and Hirschman index). Visits over links
-- that are not known are counted by host.
CREATE OR REPLACE MACRO main.diversification(domain_name, from_day := NULL, to_day := NULL) AS TABLE
WITH given AS MATERIALIZED (
    SELECT CASE WHEN CAST(from_day AS DATE) > CAST(to_day AS DATE)
                THEN internal.out_of_range('to_day', CAST(to_day AS DATE), 'a day from from_day, ' || CAST(from_day AS DATE) || ', on')
                ELSE CAST(to_day AS DATE) END AS last_day
), visited AS MATERIALIZED (
    SELECT v.link_id, v.source_url, v.visits, coalesce(v.channel, 'unknown') AS channel
    FROM internal.visits_to(domain_name, from_day) v
    JOIN given g ON g.last_day IS NULL OR v.day <= g.last_day
    WHERE NOT v.is_crawler AND v.visits > 0
), known AS MATERIALIZED (
    FROM internal.known_links(domain_name)
), parts AS (
    SELECT 'links' AS dimension, k.source_domain AS name, count(*) AS amount FROM known k WHERE k.is_live GROUP BY k.source_domain
    UNION ALL
    SELECT 'visits', coalesce(k.source_domain, regexp_replace(internal.host_of(v.source_url), '^www\.', '')) AS name, sum(v.visits)
    FROM visited v LEFT JOIN known k ON k.link_id = v.link_id
    GROUP BY name
    UNION ALL
    SELECT 'channels', v.channel, sum(v.visits) FROM visited v GROUP BY v.channel
), dimensions AS (
    SELECT unnest(['links', 'visits', 'channels']) AS dimension
)
SELECT d.dimension, count(p.name) AS members, CAST(sum(p.amount) AS BIGINT) AS total,
       pow(CAST(sum(p.amount) AS DOUBLE), 2) / sum(CAST(p.amount AS DOUBLE) * p.amount) AS effective_members,
       arg_max(p.name, {'amount': p.amount, 'name': p.name}) AS top_member, max(p.amount) / sum(p.amount) AS top_share
FROM dimensions d LEFT JOIN parts p ON p.dimension = d.dimension
GROUP BY d.dimension
ORDER BY d.dimension;

-- How old a link's newest life was on the day it was visited.
CREATE OR REPLACE MACRO main.visits_by_link_age(domain_name, from_day := NULL) AS TABLE
WITH aged AS (
    SELECT v.link_id, v.visits, date_diff('day', CAST(k.started_at AS DATE), v.day) AS age
    FROM internal.visits_to(domain_name, from_day) v
    JOIN internal.known_links(domain_name) k ON k.link_id = v.link_id
    WHERE NOT v.is_crawler
)
SELECT b.from_days, b.to_days, count(DISTINCT a.link_id) AS links, CAST(sum(a.visits) AS BIGINT) AS visits,
       sum(a.visits) / nullif(count(DISTINCT a.link_id), 0) AS visits_per_link
FROM (VALUES (NULL, -1), (0, 6), (7, 29), (30, 89), (90, 364), (365, NULL)) b(from_days, to_days)
JOIN aged a ON a.age >= coalesce(b.from_days, a.age) AND a.age <= coalesce(b.to_days, a.age)
GROUP BY b.from_days, b.to_days
ORDER BY b.to_days NULLS LAST;

-- When a crawler first came over each link since it was first seen; null: none has yet.
CREATE OR REPLACE MACRO main.first_crawls(domain_name) AS TABLE
WITH begun AS (
    SELECT v.link_id, min(v.started_at) AS first_seen FROM internal.lives v
    WHERE v.target_domain = domain_name GROUP BY v.link_id
), crawled AS (
    SELECT v.link_id, v.day FROM internal.visits_to(domain_name, NULL) v WHERE v.is_crawler AND v.visits > 0
)
SELECT k.source_url, k.target_url, k.source_domain, b.first_seen, min(c.day) AS first_crawled_day,
       date_diff('day', CAST(b.first_seen AS DATE), min(c.day)) AS days_to_first_crawl, k.link_id
FROM internal.known_links(domain_name) k
JOIN begun b ON b.link_id = k.link_id
LEFT JOIN crawled c ON c.link_id = k.link_id AND c.day >= CAST(b.first_seen AS DATE)
WHERE EXISTS (FROM crawled)
GROUP BY k.source_url, k.target_url, k.source_domain, b.first_seen, k.link_id
ORDER BY b.first_seen DESC, k.link_id;
