CREATE VIEW main.refdomains AS
SELECT p.target_domain, p.source_domain, s.domain_authority,
       p.backlinks, p.dofollow_backlinks, p.source_pages, p.target_pages,
       p.dofollow_backlinks > 0 AS is_dofollow, p.first_seen, p.last_seen
FROM (
    SELECT target_domain, source_domain, s_dom_key,
           count(*) AS backlinks, count(*) FILTER (is_dofollow) AS dofollow_backlinks,
           count(DISTINCT source_key) AS source_pages, count(DISTINCT target_key) AS target_pages,
           min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM internal.live_links
    GROUP BY target_domain, source_domain, s_dom_key
) p
LEFT JOIN internal.shown_scores s ON s.domain_key = p.s_dom_key;

CREATE VIEW main.anchors AS
SELECT target_domain, anchor, count(*) AS backlinks, count(*) FILTER (is_dofollow) AS dofollow_backlinks,
       count(DISTINCT s_dom_key) AS refdomains, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM internal.live_links
GROUP BY target_domain, anchor;

CREATE VIEW main.domains AS
WITH sighted AS (
    SELECT s_dom_key, t_dom_key, is_live AND NOT is_internal AS counts, is_dofollow
    FROM internal.link_facts WHERE is_sighted
), links_in AS (
    SELECT t_dom_key AS domain_key, count(*) FILTER (counts) AS backlinks,
           count(*) FILTER (counts AND is_dofollow) AS dofollow_backlinks,
           count(DISTINCT s_dom_key) FILTER (counts) AS refdomains,
           count(DISTINCT s_dom_key) FILTER (counts AND is_dofollow) AS dofollow_refdomains
    FROM sighted GROUP BY t_dom_key
), links_out AS (
    SELECT s_dom_key AS domain_key, count(*) FILTER (counts) AS outgoing_links,
           count(DISTINCT t_dom_key) FILTER (counts) AS linked_domains
    FROM sighted GROUP BY s_dom_key
)
SELECT n.domain_name, s.domain_authority,
       CASE WHEN NOT (SELECT is_authority_shown FROM internal.writer) THEN 'graph too small' END AS authority_note,
       s.citation,
       coalesce(i.backlinks, 0) AS backlinks, coalesce(i.dofollow_backlinks, 0) AS dofollow_backlinks,
       coalesce(i.refdomains, 0) AS refdomains, coalesce(i.dofollow_refdomains, 0) AS dofollow_refdomains,
       coalesce(o.outgoing_links, 0) AS outgoing_links, coalesce(o.linked_domains, 0) AS linked_domains
FROM internal.newest_domain_names n
LEFT JOIN links_in i ON i.domain_key = n.domain_key
LEFT JOIN links_out o ON o.domain_key = n.domain_key
LEFT JOIN internal.shown_scores s ON s.domain_key = n.domain_key
WHERE i.domain_key IS NOT NULL OR o.domain_key IS NOT NULL;

CREATE VIEW main.authority_history AS
SELECT n.domain_name, s.scored_at,
       CASE WHEN (SELECT is_authority_shown FROM internal.writer) THEN s.authority END AS domain_authority,
       s.citation
FROM internal.domain_scores s
JOIN internal.newest_domain_names n ON n.domain_key = s.domain_key;
