-- Whom to ask for a link.

-- The mean of the factors of a domain that are known, each from 0 to 1 and with its weight: more of a factor never makes it
-- less. A relevance that is not known counts as `usual`, the mean of those that are: a cosine is small even of texts that
-- are near, so to leave it out would put who says nothing before who is near. If none is known it has no weight.
CREATE OR REPLACE MACRO internal.outreach_score(domain_authority, relevance, usual, rivals_share, surviving_share, to_broken) AS
    100 * (0.3 * coalesce(domain_authority / 100, 0) + 0.2 * coalesce(relevance, usual, 0) + 0.25 * rivals_share
           + 0.15 * surviving_share + 0.1 * CAST(to_broken > 0 AS INTEGER))
        / (0.5 + CASE WHEN domain_authority IS NULL THEN 0 ELSE 0.3 END + CASE WHEN usual IS NULL THEN 0 ELSE 0.2 END);

CREATE OR REPLACE MACRO internal.is_home(page_url, of_domain) AS
    page_url IN ('https://' || of_domain || '/', 'https://www.' || of_domain || '/',
                 'http://' || of_domain || '/', 'http://www.' || of_domain || '/');

-- Domains that refer to rivals and not to one's own, by how well they are worth asking. In stages that are planned once
-- each. Where one's own domain has no words the last texts are not read: the join has nothing on its other side.
CREATE OR REPLACE MACRO main.outreach_targets(own_domain, rivals := NULL, least := 1) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_within('least', least, 1, 10000) AS domains
), asked AS MATERIALIZED (
    SELECT DISTINCT r.domain_name
    FROM (
        SELECT unnest(coalesce(rivals,
                               (SELECT list(m.domain_name) FROM internal.mine_domains m WHERE m.role = 'rival'))) AS domain_name
    ) r
    WHERE r.domain_name <> own_domain
), links AS MATERIALIZED (
    SELECT l.link_id, l.source_key, l.source_domain, l.s_dom_key, l.target_domain, l.target_key, l.is_dofollow, l.status,
           l.target_domain = own_domain AND internal.is_home(l.target_url, own_domain) AS is_to_home
    FROM internal.links_to(list_append((SELECT list(a.domain_name) FROM asked a), own_domain)) l
    WHERE l.status <> 0
), broken AS (
    SELECT s.target_key
    FROM internal.target_status s SEMI JOIN links l ON l.target_key = s.target_key AND l.target_domain <> own_domain
    GROUP BY s.target_key
    HAVING internal.is_broken(internal.newest_code(s.http_code, s.observed_at, s.extra))
), sources AS MATERIALIZED (
    SELECT l.source_domain, any_value(l.s_dom_key) AS domain_key,
           list_sort(list_distinct(list(l.target_domain) FILTER (l.status IN (1, 2)))) AS domains_linked,
           count(*) FILTER (l.status IN (1, 2)) AS backlinks, count(*) FILTER (l.status IN (1, 2) AND l.is_dofollow) AS dofollow,
           count(*) FILTER (l.target_domain <> own_domain) AS links_ever,
           count(*) FILTER (l.status IN (1, 2) AND k.target_key IS NOT NULL) AS to_broken
    FROM links l
    LEFT JOIN broken k ON k.target_key = l.target_key
    WHERE l.source_domain <> own_domain AND l.source_domain NOT IN (SELECT a.domain_name FROM asked a)
          AND l.source_domain NOT IN (SELECT b.domain_name FROM internal.blocklist b)
    GROUP BY l.source_domain
    HAVING bool_or(l.status IN (1, 2)) AND NOT bool_or(l.status IN (1, 2) AND l.target_domain = own_domain)
), found AS MATERIALIZED (
    SELECT s.*, len(s.domains_linked) / (SELECT count(*) FROM asked) AS rivals_share,
           s.backlinks / s.links_ever AS surviving_share, v.contact, v.note
    FROM sources s
    JOIN given g ON len(s.domains_linked) >= g.domains
    LEFT JOIN main.reviews v ON v.subject = s.source_domain
    WHERE coalesce(v.state NOT IN ('remove', 'disavow'), true)
), home AS (
    SELECT coalesce(internal.newest_told(p.observed_at, p.title),
                    (SELECT min(o.title) FROM internal.own_pages o
                     WHERE o.domain_name = own_domain AND internal.is_home(o.page_url, own_domain))) AS title
    FROM internal.page_answers p
    SEMI JOIN links l ON l.target_key = p.page_key AND l.is_to_home
), own AS MATERIALIZED (
    SELECT h.title, t.words
    FROM home h
    CROSS JOIN (SELECT string_agg(t.words, ' ') AS words FROM internal.anchor_terms t WHERE t.target_domain = own_domain) t
    WHERE h.title IS NOT NULL OR t.words IS NOT NULL
), spoken AS (
    -- Nothing, if there is nothing to compare it with.
    SELECT a.link_id, a.anchor, a.attributes_text AS attributes
    FROM internal.link_attributes a
    SEMI JOIN (SELECT DISTINCT l.target_domain FROM links l CROSS JOIN own o) d ON d.target_domain = a.target_domain
), speaking AS (
    SELECT l.source_key
    FROM links l SEMI JOIN found f ON f.source_domain = l.source_domain
    CROSS JOIN own o
    WHERE l.status IN (1, 2)
), texts AS (
    SELECT NULL AS source_domain, o.title AS text, o.words AS terms FROM own o
    UNION ALL
    SELECT l.source_domain, concat_ws(' ', internal.of_source(l.told[1], p.title), l.told[2], l.anchor, l.told[3], l.told[4]), NULL
    FROM (
        SELECT l.source_domain, l.source_key, a.anchor,
               CASE WHEN a.attributes IS NOT NULL
                    THEN json_extract_string(a.attributes, ['$.title', '$.snippet_left', '$.alt', '$.snippet_right']) END AS told
        FROM links l SEMI JOIN found f ON f.source_domain = l.source_domain
        JOIN spoken a ON a.link_id = l.link_id
        WHERE l.status IN (1, 2)
    ) l
    LEFT JOIN internal.told_by_sources('speaking') p ON p.page_key = l.source_key
), worded AS MATERIALIZED (
    SELECT t.source_domain, internal.word_set(concat_ws(' ', internal.words(t.text), t.terms)) AS words FROM texts t
), near AS MATERIALIZED (
    SELECT w.source_domain, list_avg(max(internal.cosine(o.words, w.words), 3)) AS relevance
    FROM worded w CROSS JOIN (SELECT o.words FROM worded o WHERE o.source_domain IS NULL) o
    WHERE w.source_domain IS NOT NULL
    GROUP BY w.source_domain
), rated AS (
    SELECT f.*, s.domain_authority, n.relevance, avg(n.relevance) OVER () AS usual
    FROM found f
    JOIN internal.scores_of('found') s ON s.domain_key = f.domain_key
    LEFT JOIN near n ON n.source_domain = f.source_domain
)
SELECT r.source_domain,
       internal.outreach_score(r.domain_authority, r.relevance, r.usual, r.rivals_share, r.surviving_share, r.to_broken) AS score,
       r.domain_authority, r.relevance, r.domains_linked, r.rivals_share, r.surviving_share, r.to_broken AS links_to_broken,
       r.backlinks, r.dofollow AS dofollow_backlinks, r.links_ever, r.contact, r.note
FROM rated r
ORDER BY score DESC, r.backlinks DESC, r.source_domain;

-- What else is broken and linked to by many: whoever has a page on the matter can offer it in its place. Of the thousand
-- most linked ones also which of one's own pages that is: of more, all their words beside those of all pages are too many.
-- Where no page has a title the last texts are not read.
CREATE OR REPLACE MACRO main.broken_link_opportunities(own_domain) AS TABLE
WITH broken AS MATERIALIZED (
    SELECT b.*, row_number() OVER (ORDER BY b.refdomains DESC, b.best_authority DESC NULLS LAST, b.backlinks DESC, b.target_url) AS place
    FROM main.broken_targets b
    WHERE b.target_domain <> own_domain
), pages AS MATERIALIZED (
    SELECT p.page_key, any_value(p.page_url) AS page_url, min(p.title) AS title
    FROM (
        SELECT o.page_key, o.page_url, o.title FROM internal.own_pages o WHERE o.domain_name = own_domain
        UNION ALL
        SELECT DISTINCT l.target_key, l.target_url, NULL FROM internal.links l WHERE l.target_domain = own_domain
    ) p
    WHERE p.page_key NOT IN (SELECT a.target_key FROM internal.target_answers a
                             WHERE a.target_domain = own_domain AND internal.is_broken(a.newest.http_code))
    GROUP BY p.page_key
), told AS (
    SELECT a.page_key, internal.newest_told(a.observed_at, a.title) AS title
    FROM internal.page_answers a SEMI JOIN pages p ON p.page_key = a.page_key
    GROUP BY a.page_key
), titled AS MATERIALIZED (
    SELECT p.page_url, coalesce(t.title, p.title) AS text
    FROM pages p LEFT JOIN told t ON t.page_key = p.page_key
    WHERE coalesce(t.title, p.title) IS NOT NULL
), anchors AS (
    SELECT b.target_url, string_agg(DISTINCT internal.anchor_text(l.anchor, json_extract_string(l.attributes, '$.alt')), ' ') AS text
    FROM broken b
    JOIN internal.link_attributes l ON l.target_domain = b.target_domain AND l.target_url = b.target_url
    WHERE b.place <= 1000 AND EXISTS (FROM titled)
    GROUP BY b.target_url
), worded AS MATERIALIZED (
    SELECT x.is_own, x.url, internal.word_set(internal.words(x.text)) AS words
    FROM (
        SELECT true AS is_own, t.page_url AS url, t.text FROM titled t
        UNION ALL
        SELECT false, a.target_url, a.text FROM anchors a
    ) x
), common AS (
    SELECT o.url AS target_url, p.url AS page_url,
           count(*) / sqrt(any_value(o.size) * any_value(p.size)) AS relevance
    FROM (SELECT w.url, len(w.words) AS size, unnest(w.words) AS word FROM worded w WHERE NOT w.is_own) o
    JOIN (SELECT w.url, len(w.words) AS size, unnest(w.words) AS word FROM worded w WHERE w.is_own) p ON p.word = o.word
    GROUP BY o.url, p.url
), best AS (
    SELECT c.target_url, min({'far': -c.relevance, 'url': c.page_url}) AS page FROM common c GROUP BY c.target_url
)
SELECT b.* EXCLUDE (place), p.page.url AS best_page, -p.page.far AS best_page_relevance
FROM broken b
LEFT JOIN best p ON p.target_url = b.target_url
ORDER BY b.place;
