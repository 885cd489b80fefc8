-- Whom a domain has to do with, which of its pages draw links, and where these come from.

-- Links from a domain, as they stand in the wide rows: runs are sorted by target, so this reads one column of all links.
CREATE OR REPLACE MACRO internal.links_sent(domain_name) AS TABLE
SELECT l.*, k.domain_name AS sender
FROM internal.links_keyed l JOIN internal.domain_keys k ON k.domain_key = l.s_dom_key
WHERE k.domain_name = domain_name;

-- Every link from a domain: what a site owner links to. Of those that are found the rest is looked up; long texts, which lie
-- apart, only if they are asked for.
CREATE OR REPLACE MACRO main.links_from(domain_name) AS TABLE
WITH found AS MATERIALIZED (
    SELECT l.link_id, l.source_key, l.s_dom_key, l.t_dom_key, l.t_dom_key AS domain_key, l.sender AS source_domain,
           l.rel, l.link_type, l.attributes_at, l.seen_at
    FROM internal.links_sent(domain_name) l
), texts AS (
    SELECT l.link_id, l.source_url, l.target_url, l.anchor FROM internal.links_sent(domain_name) l
), told AS (
    SELECT f.*, internal.value_now(r.link_id, r.told, f.rel, f.attributes_at) AS rel_now,
           internal.value_now(t.link_id, t.told, f.link_type, f.attributes_at) AS type_now
    FROM found f
    LEFT JOIN internal.told_of('found', 'rel') r ON r.link_id = f.link_id
    LEFT JOIN internal.told_of('found', 'link_type') t ON t.link_id = f.link_id
), checks AS (
    SELECT p.page_key, max(p.observed_at) AS firm_at
    FROM internal.page_losses p SEMI JOIN found f ON f.source_key = p.page_key
    WHERE p.is_firm
    GROUP BY p.page_key
)
SELECT f.link_id, x.source_url, x.target_url, f.source_domain, k.domain_name AS target_domain,
       f.s_dom_key = f.t_dom_key AS is_internal,
       coalesce(s.status IN (1, 2), false) AS is_live, coalesce(s.status = 2, false) AS is_suspect,
       d.domain_authority, d.trust, s.started_at, internal.last_seen(s.status, s.last_seen, c.firm_at) AS last_seen,
       internal.value_now(a.link_id, a.told, x.anchor, f.attributes_at) AS anchor, f.rel_now AS rel, f.type_now AS link_type,
       internal.is_followed(f.rel_now) AS is_dofollow, internal.has_token(f.rel_now, 'nofollow') AS is_nofollow,
       internal.has_token(f.rel_now, 'ugc') AS is_ugc, internal.has_token(f.rel_now, 'sponsored') AS is_sponsored
FROM told f
JOIN texts x ON x.link_id = f.link_id
JOIN internal.states_of('found') s ON s.link_id = f.link_id
JOIN internal.domain_keys k ON k.domain_key = f.t_dom_key
LEFT JOIN internal.scores_of('found') d ON d.domain_key = f.domain_key
LEFT JOIN internal.told_of('found', 'anchor') a ON a.link_id = f.link_id
LEFT JOIN checks c ON c.page_key = f.source_key
ORDER BY k.domain_name, f.link_id;

-- Links from a domain to some others: few, and of these alone the rest is looked up. `others` names a table with a domain_key.
CREATE OR REPLACE MACRO internal.links_out(domain_name, others) AS TABLE
WITH sent AS MATERIALIZED (
    SELECT l.link_id, l.s_dom_key, l.t_dom_key, l.rel, l.attributes_at, l.seen_at
    FROM internal.links_sent(domain_name) l
)
SELECT s.link_id, s.t_dom_key, s.rel, s.attributes_at, s.seen_at
FROM sent s SEMI JOIN query_table(others) o ON o.domain_key = s.t_dom_key
WHERE s.s_dom_key <> s.t_dom_key;

CREATE OR REPLACE MACRO main.reciprocal_links(domain_name) AS TABLE
WITH links_in AS MATERIALIZED (
    SELECT a.link_id, a.t_dom_key, a.source_domain, a.s_dom_key AS domain_key, a.rel, a.attributes_at, a.seen_at
    FROM internal.links a
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key
), links_out AS MATERIALIZED (
    FROM internal.links_out(domain_name, 'links_in')
), links AS MATERIALIZED (
    SELECT i.link_id, i.t_dom_key, i.domain_key, i.source_domain AS other_domain, true AS is_in, i.rel, i.attributes_at, i.seen_at
    FROM links_in i SEMI JOIN links_out o ON o.t_dom_key = i.domain_key
    UNION ALL
    SELECT o.link_id, o.t_dom_key, o.t_dom_key, NULL, false, o.rel, o.attributes_at, o.seen_at FROM links_out o
), living AS (
    SELECT l.domain_key, l.other_domain, l.is_in, s.started_at,
           internal.is_followed(internal.value_now(t.link_id, t.told, l.rel, l.attributes_at)) AS is_dofollow
    FROM links l
    JOIN internal.states_of('links') s ON s.link_id = l.link_id
    LEFT JOIN internal.told_of('links', 'rel') t ON t.link_id = l.link_id
    WHERE s.status IN (1, 2)
), pairs AS MATERIALIZED (
    SELECT v.domain_key, max(v.other_domain) AS other_domain,
           count(*) FILTER (v.is_in) AS backlinks, count(*) FILTER (v.is_in AND v.is_dofollow) AS dofollow_backlinks,
           count(*) FILTER (NOT v.is_in) AS outgoing_links, count(*) FILTER (NOT v.is_in AND v.is_dofollow) AS dofollow_links,
           min(v.started_at) FILTER (v.is_in) AS links_here_since, min(v.started_at) FILTER (NOT v.is_in) AS linked_since
    FROM living v
    GROUP BY v.domain_key
    HAVING bool_or(v.is_in) AND NOT bool_and(v.is_in)
)
SELECT p.other_domain, s.domain_authority, p.backlinks, p.dofollow_backlinks, p.outgoing_links, p.dofollow_links,
       p.links_here_since, p.linked_since, p.dofollow_backlinks > 0 AND p.dofollow_links > 0 AS is_dofollow_both
FROM pairs p
JOIN internal.scores_of('pairs') s ON s.domain_key = p.domain_key
ORDER BY s.domain_authority DESC NULLS LAST, p.backlinks DESC, p.other_domain;

-- Domains that came back: links of theirs began with more than 30 days between, or they are linked from here, too.
CREATE OR REPLACE MACRO main.partners(domain_name) AS TABLE
WITH links AS MATERIALIZED (
    SELECT a.link_id, a.source_domain, a.s_dom_key
    FROM internal.links a
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key
), firsts AS (
    -- A link lives while a life of it has not ended.
    SELECT v.link_id, min(v.started_at) AS first_seen, bool_or(v.confirmed_at IS NULL) AS is_live
    FROM internal.lives v
    WHERE v.target_domain = domain_name
    GROUP BY v.link_id
), gaps AS (
    SELECT a.source_domain, a.s_dom_key, f.first_seen, f.is_live,
           f.first_seen - lag(f.first_seen) OVER (PARTITION BY a.s_dom_key ORDER BY f.first_seen) AS gap
    FROM firsts f JOIN links a ON a.link_id = f.link_id
), comers AS MATERIALIZED (
    SELECT any_value(g.source_domain) AS source_domain, g.s_dom_key AS domain_key,
           1 + count(*) FILTER (g.gap > INTERVAL 30 DAY) AS episodes, count(*) AS links_ever,
           count(*) FILTER (g.is_live) AS backlinks, min(g.first_seen) AS first_seen, max(g.first_seen) AS newest_first_seen
    FROM gaps g GROUP BY g.s_dom_key
), links_out AS MATERIALIZED (
    FROM internal.links_out(domain_name, 'comers')
), given AS (
    SELECT o.t_dom_key, count(*) AS outgoing_links
    FROM links_out o JOIN internal.states_of('links_out') s ON s.link_id = o.link_id
    WHERE s.status IN (1, 2)
    GROUP BY o.t_dom_key
), found AS MATERIALIZED (
    SELECT c.*, coalesce(o.outgoing_links, 0) AS outgoing_links, c.backlinks > 0 AND o.outgoing_links IS NOT NULL AS is_reciprocal
    FROM comers c LEFT JOIN given o ON o.t_dom_key = c.domain_key
    WHERE c.episodes >= 2 OR (c.backlinks > 0 AND o.outgoing_links IS NOT NULL)
)
SELECT c.source_domain, s.domain_authority, c.episodes, c.links_ever, c.backlinks, c.outgoing_links, c.is_reciprocal,
       c.first_seen, c.newest_first_seen, r.contact, r.note
FROM found c
JOIN internal.scores_of('found') s ON s.domain_key = c.domain_key
LEFT JOIN main.reviews r ON r.subject = c.source_domain
ORDER BY c.episodes DESC, s.domain_authority DESC NULLS LAST, c.links_ever DESC, c.source_domain;

-- The pages of a domain that others have linked to: what they have, and what came in 30 days. A page draws links from
-- its first one on; in less than a day it is taken to have done so for one. To plan kinds takes longer than all else: only
-- where an acquisition is asked for they are named.
CREATE OR REPLACE MACRO internal.linked_pages(domain_name, wanted_acquisition) AS TABLE
WITH kinds AS (
    SELECT c.link_id, c.acquisition FROM internal.kinds_of(domain_name) c
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
           arg_min(o.title, o.page_url) AS title, list(o.page_key) AS page_keys
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
    SELECT l.source_domain,
           unnest([{'dimension': 'language', 'name': nullif(lower(regexp_extract(l.language, '^[A-Za-z]+')), '')},
                   {'dimension': 'tld', 'name': CASE WHEN contains(l.source_domain, '.') AND NOT contains(l.source_domain, ':')
                                                          AND regexp_matches(l.source_domain, '[^0-9.]')
                                                     THEN regexp_extract(l.source_domain, '[^.]+$') END},
                   {'dimension': 'link_type', 'name': l.link_type},
                   {'dimension': 'semantic_location', 'name': l.semantic_location}]) AS origin
    FROM internal.told_links(domain_name, CAST(NULL AS TIMESTAMPTZ)) l
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
