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
       CASE WHEN s.domain_authority IS NOT NULL
            THEN 100 * percent_rank() OVER (ORDER BY s.citation) END AS authority_percentile,
       s.trust, s.trust / nullif(s.domain_authority, 0) AS trust_ratio, s.spam_mass,
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

-- Pages that are a side of a link which has ever been sighted.
CREATE VIEW main.pages AS
WITH sighted AS (
    SELECT source_key, target_key, source_url, target_url, source_domain, target_domain, s_dom_key, is_live,
           is_live AND NOT is_internal AS counts, is_dofollow
    FROM internal.link_facts WHERE is_sighted
), links_in AS (
    SELECT target_key AS page_key, any_value(target_url) AS page_url, any_value(target_domain) AS domain_name,
           count(*) FILTER (counts) AS backlinks, count(*) FILTER (counts AND is_dofollow) AS dofollow_backlinks,
           count(DISTINCT s_dom_key) FILTER (counts) AS refdomains,
           count(*) FILTER (is_live AND NOT counts) AS internal_links
    FROM sighted GROUP BY target_key
), links_out AS (
    SELECT source_key AS page_key, any_value(source_url) AS page_url, any_value(source_domain) AS domain_name,
           count(*) FILTER (counts) AS outgoing_links
    FROM sighted GROUP BY source_key
), both_sides AS (
    SELECT coalesce(i.page_key, o.page_key) AS page_key, coalesce(i.page_url, o.page_url) AS page_url,
           coalesce(i.domain_name, o.domain_name) AS domain_name, coalesce(i.backlinks, 0) AS backlinks,
           coalesce(i.dofollow_backlinks, 0) AS dofollow_backlinks, coalesce(i.refdomains, 0) AS refdomains,
           coalesce(i.internal_links, 0) AS internal_links, coalesce(o.outgoing_links, 0) AS outgoing_links
    FROM links_in i FULL JOIN links_out o ON o.page_key = i.page_key
)
SELECT b.page_url, b.domain_name, internal.page_score(p.page_authority, w.is_authority_shown) AS page_authority,
       CASE WHEN w.is_authority_shown
            THEN 100 * percent_rank() OVER (ORDER BY coalesce(p.citation, 0.15)) END AS authority_percentile,
       internal.page_score(p.trust, w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust,
       coalesce(p.citation, 0.15) AS citation,
       b.backlinks, b.dofollow_backlinks, b.refdomains, b.internal_links, b.outgoing_links
FROM both_sides b
LEFT JOIN internal.shown_page_scores p ON p.page_key = b.page_key
CROSS JOIN internal.writer w;

CREATE VIEW main.authority_history AS
SELECT n.domain_name, s.scored_at,
       CASE WHEN (SELECT is_authority_shown FROM internal.writer) THEN s.authority END AS domain_authority,
       CASE WHEN (SELECT is_authority_shown FROM internal.writer) THEN s.trust END AS trust,
       s.citation
FROM (
    FROM internal.score_history
    UNION ALL BY NAME FROM internal.domain_scores_new
) s
JOIN internal.newest_domain_names n ON n.domain_key = s.domain_key;

-- Trust from the seeds of a topic; domains that hold none are left out.
CREATE VIEW main.topical_authority AS
SELECT t.topic, n.domain_name,
       CASE WHEN (SELECT is_authority_shown FROM internal.writer) THEN t.score END AS topical_authority,
       t.trust_mass, t.scored_at
FROM internal.newest_topic_scores t
JOIN internal.newest_domain_names n ON n.domain_key = t.domain_key
WHERE t.score > 0 AND list_contains((SELECT topics FROM internal.writer), t.topic);
