-- Whom a domain has to do with, which of its pages draw links, and where these come from.

-- Live links from a domain to others. Runs are sorted by target: it reads one column of all links.
CREATE OR REPLACE MACRO internal.links_out(domain_name) AS TABLE
SELECT l.link_id, l.target_domain, l.t_dom_key, internal.is_followed(l.rel) AS is_dofollow, s.started_at
FROM internal.link_rels l
JOIN internal.domain_keys k ON k.domain_key = l.s_dom_key
JOIN internal.link_state s ON s.link_id = l.link_id AND s.target_domain = l.target_domain
WHERE k.domain_name = domain_name AND l.s_dom_key <> l.t_dom_key AND s.status IN (1, 2);

CREATE OR REPLACE MACRO main.reciprocal_links(domain_name) AS TABLE
WITH links_in AS (
    SELECT k.source_domain, count(*) AS links, count(*) FILTER (k.is_dofollow) AS dofollow, min(k.started_at) AS since
    FROM internal.known_links(domain_name) k WHERE k.is_live GROUP BY k.source_domain
), links_out AS (
    SELECT o.target_domain, any_value(o.t_dom_key) AS domain_key, count(*) AS links,
           count(*) FILTER (o.is_dofollow) AS dofollow, min(o.started_at) AS since
    FROM internal.links_out(domain_name) o GROUP BY o.target_domain
)
SELECT i.source_domain AS other_domain, s.domain_authority, i.links AS backlinks, i.dofollow AS dofollow_backlinks,
       o.links AS outgoing_links, o.dofollow AS dofollow_links, i.since AS links_here_since, o.since AS linked_since,
       i.dofollow > 0 AND o.dofollow > 0 AS is_dofollow_both
FROM links_in i
JOIN links_out o ON o.target_domain = i.source_domain
LEFT JOIN internal.shown_scores s ON s.domain_key = o.domain_key
ORDER BY s.domain_authority DESC NULLS LAST, i.links DESC, other_domain;

-- Domains that came back: links of theirs began with more than 30 days between, or they are linked from here, too.
CREATE OR REPLACE MACRO main.partners(domain_name) AS TABLE
WITH firsts AS (
    SELECT a.source_domain, a.s_dom_key, v.link_id, min(v.started_at) AS first_seen
    FROM internal.lives v
    JOIN internal.links a ON a.link_id = v.link_id AND a.target_domain = v.target_domain AND a.s_dom_key <> a.t_dom_key
    WHERE v.target_domain = domain_name
    GROUP BY a.source_domain, a.s_dom_key, v.link_id
), gaps AS (
    SELECT f.*, f.first_seen - lag(f.first_seen) OVER (PARTITION BY f.source_domain ORDER BY f.first_seen) AS gap FROM firsts f
), comers AS (
    SELECT g.source_domain, any_value(g.s_dom_key) AS domain_key, 1 + count(*) FILTER (g.gap > INTERVAL 30 DAY) AS episodes,
           count(*) AS links_ever, min(g.first_seen) AS first_seen, max(g.first_seen) AS newest_first_seen
    FROM gaps g GROUP BY g.source_domain
), living AS (
    SELECT k.source_domain, count(*) AS backlinks FROM internal.known_links(domain_name) k
    WHERE k.is_live GROUP BY k.source_domain
), given AS (
    SELECT o.target_domain, count(*) AS outgoing_links FROM internal.links_out(domain_name) o GROUP BY o.target_domain
)
SELECT c.source_domain, s.domain_authority, c.episodes, c.links_ever, coalesce(l.backlinks, 0) AS backlinks,
       coalesce(o.outgoing_links, 0) AS outgoing_links, l.backlinks IS NOT NULL AND o.outgoing_links IS NOT NULL AS is_reciprocal,
       c.first_seen, c.newest_first_seen, r.contact, r.note
FROM comers c
LEFT JOIN living l ON l.source_domain = c.source_domain
LEFT JOIN given o ON o.target_domain = c.source_domain
LEFT JOIN internal.shown_scores s ON s.domain_key = c.domain_key
LEFT JOIN main.reviews r ON r.subject = c.source_domain
WHERE c.episodes >= 2 OR (l.backlinks IS NOT NULL AND o.outgoing_links IS NOT NULL)
ORDER BY c.episodes DESC, s.domain_authority DESC NULLS LAST, c.links_ever DESC, c.source_domain;

-- The pages of a domain that others have linked to: what they have, and what came in 30 days. A page draws links from
-- its first one on; in less than a day it is taken to have done so for one. To plan kinds takes longer than all else: only
-- where an acquisition is asked for they are named.
CREATE OR REPLACE MACRO internal.linked_pages(domain_name, wanted_acquisition) AS TABLE
WITH kinds AS (
    SELECT c.link_id, c.acquisition FROM internal.kinds_ever c WHERE c.target_domain = domain_name
), no_kinds AS (
    SELECT CAST(NULL AS UBIGINT) AS link_id, NULL AS acquisition WHERE false
), firsts AS (
    SELECT v.link_id, min(v.started_at) AS first_seen FROM internal.lives v WHERE v.target_domain = domain_name GROUP BY v.link_id
), refs AS (
    SELECT k.target_url, k.source_domain, count(*) AS links_ever, count(*) FILTER (k.is_live) AS backlinks,
           count(*) FILTER (k.is_live AND k.is_dofollow) AS dofollow,
           count(*) FILTER (f.first_seen > w.clock - INTERVAL 30 DAY) AS new_links,
           min(f.first_seen) AS first_seen, min(f.first_seen) FILTER (k.is_dofollow) AS first_dofollow, max(w.clock) AS clock
    FROM internal.known_links(domain_name) k
    JOIN firsts f ON f.link_id = k.link_id
    LEFT JOIN query_table(
        CASE WHEN wanted_acquisition IS NULL THEN 'no_kinds'
             WHEN wanted_acquisition IN ('natural', 'manual', 'self_created', 'unknown') THEN 'kinds'
             ELSE error('acquired is ' || wanted_acquisition || '; wanted natural, manual, self_created or unknown') END) c ON c.link_id = k.link_id
    CROSS JOIN internal.writer w
    WHERE wanted_acquisition IS NULL OR c.acquisition = wanted_acquisition
    GROUP BY k.target_url, k.source_domain
)
SELECT r.target_url, CAST(sum(r.backlinks) AS BIGINT) AS backlinks, CAST(sum(r.dofollow) AS BIGINT) AS dofollow_backlinks,
       count(*) FILTER (r.backlinks > 0) AS refdomains, CAST(sum(r.new_links) AS BIGINT) AS new_links_30d,
       count(*) FILTER (r.first_seen > r.clock - INTERVAL 30 DAY) AS new_refdomains_30d, CAST(sum(r.links_ever) AS BIGINT) AS links_ever,
       count(*) AS refdomains_ever, min(r.first_seen) AS first_seen, min(r.first_dofollow) AS first_dofollow_seen,
       count(*) / greatest((epoch(max(r.clock)) - epoch(min(r.first_seen))) / 86400, 1) AS refdomains_per_day
FROM refs r
GROUP BY r.target_url;

CREATE OR REPLACE MACRO main.best_by_links(domain_name) AS TABLE
SELECT p.target_url, p.backlinks, p.dofollow_backlinks, p.refdomains, p.new_links_30d, p.new_refdomains_30d
FROM internal.linked_pages(domain_name, NULL) p
WHERE p.backlinks > 0
ORDER BY p.refdomains DESC, p.backlinks DESC, p.target_url;

CREATE OR REPLACE MACRO main.best_by_new_links_30d(domain_name) AS TABLE
SELECT p.target_url, p.new_links_30d, p.new_refdomains_30d, p.backlinks, p.refdomains
FROM internal.linked_pages(domain_name, NULL) p
WHERE p.new_links_30d > 0
ORDER BY p.new_refdomains_30d DESC, p.new_links_30d DESC, p.target_url;

-- Pages that draw domains faster than the median page of the domain, two of them at least.
CREATE OR REPLACE MACRO main.link_magnets(domain_name, acquired := NULL) AS TABLE
WITH linked AS MATERIALIZED (
    FROM internal.linked_pages(domain_name, CAST(acquired AS VARCHAR))
)
SELECT p.target_url, p.refdomains_per_day, m.median_per_day, p.refdomains_ever, p.refdomains, p.links_ever, p.backlinks,
       p.first_seen
FROM linked p
CROSS JOIN (SELECT median(l.refdomains_per_day) AS median_per_day FROM linked l) m
WHERE p.refdomains_per_day > m.median_per_day AND p.refdomains_ever >= 2
ORDER BY p.refdomains_per_day DESC, p.refdomains_ever DESC, p.target_url;

-- By which link each page was first found; followed by what the rel of each link says now. Of pages that the user listed
-- also how long it took from their publishing on: by the first link that came after it.
CREATE OR REPLACE MACRO main.discovery(domain_name) AS TABLE
WITH firsts AS (
    SELECT v.link_id, min(v.started_at) AS first_seen FROM internal.lives v WHERE v.target_domain = domain_name GROUP BY v.link_id
), found AS (
    SELECT k.target_url, k.target_key, k.source_url, k.is_dofollow, f.first_seen
    FROM internal.known_links(domain_name) k JOIN firsts f ON f.link_id = k.link_id
), listed AS (
    SELECT internal.cluster_of(o.page_url, domain_name) AS cluster, min(o.page_url) AS page_url, min(o.published_at) AS published_at,
           min(o.title) AS title, list(o.page_key) AS page_keys
    FROM internal.own_pages o
    WHERE o.domain_name = domain_name GROUP BY cluster
), named AS (
    SELECT u.target_url, internal.cluster_of(u.target_url, domain_name) AS cluster
    FROM (SELECT DISTINCT f.target_url FROM found f) u
    WHERE EXISTS (FROM listed)
), pages AS (
    SELECT coalesce(f.target_url, p.page_url) AS target_url, p.page_url IS NOT NULL AS is_listed, p.published_at,
           f.source_url, f.is_dofollow, f.first_seen, p.title, f.target_key, p.page_keys
    FROM found f
    LEFT JOIN named n ON n.target_url = f.target_url
    FULL JOIN listed p ON p.cluster = n.cluster
), keys AS (
    SELECT DISTINCT k.target_url, unnest(list_append(k.page_keys, k.target_key)) AS page_key FROM pages k
), titles AS (
    SELECT k.target_url, internal.newest_told(a.observed_at, a.title) AS title
    FROM keys k JOIN internal.page_answers a ON a.page_key = k.page_key
    GROUP BY k.target_url
)
SELECT b.target_url, coalesce(any_value(t.title), min(b.title)) AS title, min(b.first_seen) AS first_link_at,
       min({'at': b.first_seen, 'url': b.source_url}) FILTER (b.first_seen IS NOT NULL).url AS first_source_url,
       min(b.first_seen) FILTER (b.is_dofollow) AS first_dofollow_at,
       (min({'at': b.first_seen, 'url': b.source_url}) FILTER (b.is_dofollow)).url AS first_dofollow_source_url,
       bool_or(b.is_listed) AS is_listed, min(b.published_at) AS published_at,
       (epoch_us(min(b.first_seen) FILTER (b.first_seen >= b.published_at)) - epoch_us(min(b.published_at))) / 86400000000
           AS days_to_first_link,
       (epoch_us(min(b.first_seen) FILTER (b.is_dofollow AND b.first_seen >= b.published_at)) - epoch_us(min(b.published_at)))
           / 86400000000 AS days_to_first_dofollow
FROM pages b
LEFT JOIN titles t ON t.target_url = b.target_url
GROUP BY b.target_url
ORDER BY first_link_at DESC NULLS LAST, b.target_url;

-- Pages that the user listed and to which no link leads, from others or from the domain itself, to any form of their URL.
CREATE OR REPLACE MACRO main.orphan_pages(domain_name) AS TABLE
WITH pages AS (
    SELECT a.target_url, count(*) FILTER (s.status IN (1, 2)) AS links, max(s.last_seen) AS last_seen
    FROM internal.links a
    JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
    WHERE a.target_domain = domain_name AND s.status <> 0
    GROUP BY a.target_url
), led AS (
    SELECT internal.cluster_of(p.target_url, domain_name) AS cluster, sum(p.links) AS links, max(p.last_seen) AS last_seen
    FROM pages p WHERE EXISTS (FROM internal.own_pages) GROUP BY cluster
), listed AS (
    SELECT o.page_url, any_value(internal.cluster_of(o.page_url, domain_name)) AS cluster, min(o.published_at) AS published_at,
           min(o.title) AS title, any_value(o.page_key) AS page_key
    FROM internal.own_pages o WHERE o.domain_name = domain_name GROUP BY o.page_url
), titles AS (
    SELECT a.page_key, internal.newest_told(a.observed_at, a.title) AS title
    FROM internal.page_answers a SEMI JOIN listed o ON o.page_key = a.page_key
    GROUP BY a.page_key
)
SELECT o.page_url, coalesce(t.title, o.title) AS title, o.published_at,
       (epoch_us(w.clock) - epoch_us(o.published_at)) / 86400000000 AS days_since_published, l.last_seen AS last_link_seen
FROM listed o
CROSS JOIN internal.writer w
LEFT JOIN led l ON l.cluster = o.cluster
LEFT JOIN titles t ON t.page_key = o.page_key
WHERE coalesce(l.links, 0) = 0
ORDER BY published_at DESC NULLS LAST, o.page_url;

-- Where live links come from, by what they carry and by the last label of the domain.
CREATE OR REPLACE MACRO main.link_origins(domain_name) AS TABLE
WITH told AS (
    SELECT a.source_domain,
           unnest([{'dimension': 'language',
                    'name': nullif(lower(regexp_extract(a.attributes_text->>'language', '^[A-Za-z]+')), '')},
                   {'dimension': 'tld', 'name': CASE WHEN contains(a.source_domain, '.') AND NOT contains(a.source_domain, ':')
                                                          AND regexp_matches(a.source_domain, '[^0-9.]')
                                                     THEN regexp_extract(a.source_domain, '[^.]+$') END},
                   {'dimension': 'link_type', 'name': a.link_type},
                   {'dimension': 'semantic_location', 'name': a.attributes_text->>'semantic_location'}]) AS origin
    FROM internal.link_attributes a
    JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND s.status IN (1, 2)
), counted AS (
    SELECT t.origin.dimension AS dimension, t.origin.name AS name, count(*) AS backlinks,
           count(DISTINCT t.source_domain) AS refdomains
    FROM told t GROUP BY t.origin
)
SELECT c.dimension, c.name, c.backlinks, c.refdomains, c.backlinks / sum(c.backlinks) OVER (PARTITION BY c.dimension) AS share,
       CASE WHEN c.name IS NOT NULL
            THEN c.backlinks / sum(c.backlinks) FILTER (c.name IS NOT NULL) OVER (PARTITION BY c.dimension) END AS known_share
FROM counted c
ORDER BY c.dimension, c.backlinks DESC, c.name;
