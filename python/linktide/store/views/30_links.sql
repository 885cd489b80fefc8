-- A live link was listed by the last whole answer of its page, else that had ended it.
CREATE OR REPLACE MACRO internal.last_seen(status, stored, page_firm_at) AS
    CASE WHEN status IN (1, 2) THEN greatest(stored, page_firm_at) ELSE stored END;

CREATE VIEW internal.life_summaries AS
SELECT link_id, target_domain, min(started_at) AS first_seen, count(confirmed_at) AS times_lost,
       max(started_at) AS started_at, arg_max_null(lost_at, started_at) AS lost_at,
       arg_max_null(confirmed_at, started_at) AS confirmed_at,
       arg_max_null(lost_reason, started_at) AS lost_reason
FROM internal.lives
GROUP BY link_id, target_domain;

-- All that is known of a link now, with the keys; `links` and the views of live links pick from it.
CREATE VIEW internal.link_facts AS
SELECT a.link_id, a.source_key, a.target_key, a.s_dom_key, a.t_dom_key,
       a.source_url, a.target_url, a.source_domain, a.target_domain,
       a.s_dom_key = a.t_dom_key AS is_internal,
       coalesce(s.status, 0) <> 0 AS is_sighted,
       coalesce(s.status IN (1, 2), false) AS is_live,
       coalesce(s.status = 2, false) AS is_suspect,
       coalesce(s.status IN (1, 2) AND internal.last_seen(s.status, s.last_seen, p.firm_at) <= (
           SELECT w.clock - to_days(CAST(v.value AS INTEGER))
           FROM internal.writer w, internal.settings v
           WHERE v.name = 'unverified_after_days'), false) AS is_unverified,
       l.first_seen, internal.last_seen(s.status, s.last_seen, p.firm_at) AS last_seen,
       greatest(s.last_seen, s.firm_loss_at, s.suspect_at, p.checked_at) AS last_checked_at,
       l.started_at, l.lost_at, l.confirmed_at, l.lost_reason, coalesce(l.times_lost, 0) AS times_lost,
       a.anchor, a.rel, a.link_type,
       NOT (internal.has_token(a.rel, 'nofollow') OR internal.has_token(a.rel, 'ugc')
            OR internal.has_token(a.rel, 'sponsored')) AS is_dofollow,
       internal.has_token(a.rel, 'nofollow') AS is_nofollow,
       internal.has_token(a.rel, 'ugc') AS is_ugc,
       internal.has_token(a.rel, 'sponsored') AS is_sponsored,
       a.attributes
FROM internal.link_attributes a
LEFT JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
LEFT JOIN internal.page_checks p ON p.page_key = a.source_key
LEFT JOIN internal.life_summaries l ON l.link_id = a.link_id AND l.target_domain = a.target_domain;

CREATE VIEW main.links AS
SELECT link_id, source_url, target_url, source_domain, target_domain, is_internal,
       is_live, is_suspect, is_unverified, first_seen, last_seen, last_checked_at,
       started_at, lost_at, confirmed_at, lost_reason, times_lost,
       anchor, rel, link_type, is_dofollow, is_nofollow, is_ugc, is_sponsored, attributes
FROM internal.link_facts;

CREATE VIEW internal.live_links AS
SELECT * FROM internal.link_facts WHERE is_live AND NOT is_internal;

CREATE VIEW main.backlinks AS
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain,
       internal.page_score(coalesce(n.authority, s.authority), w.is_authority_shown) AS domain_authority,
       internal.page_score(coalesce(q.authority, p.authority), w.is_authority_shown) AS page_authority,
       internal.page_score(
           coalesce(n.trust, s.trust), w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust,
       f.is_suspect, f.is_unverified, f.first_seen, f.last_seen, f.last_checked_at, f.started_at, f.times_lost,
       f.anchor, f.rel, f.link_type, f.is_dofollow, f.is_nofollow, f.is_ugc, f.is_sponsored, f.attributes
FROM internal.live_links f
LEFT JOIN internal.recent_domain_scores n ON n.domain_key = f.s_dom_key
LEFT JOIN internal.domain_scores_base s ON s.domain_key = f.s_dom_key
LEFT JOIN internal.recent_page_scores q ON q.page_key = f.source_key
LEFT JOIN internal.page_scores_base p ON p.page_key = f.source_key
CROSS JOIN internal.writer w;

CREATE VIEW main.outgoing_links AS
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain,
       internal.page_score(coalesce(n.authority, s.authority), w.is_authority_shown) AS domain_authority,
       internal.page_score(coalesce(q.authority, p.authority), w.is_authority_shown) AS page_authority,
       internal.page_score(
           coalesce(n.trust, s.trust), w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust,
       f.is_suspect, f.is_unverified, f.first_seen, f.last_seen, f.last_checked_at, f.started_at, f.times_lost,
       f.anchor, f.rel, f.link_type, f.is_dofollow, f.is_nofollow, f.is_ugc, f.is_sponsored, f.attributes
FROM internal.live_links f
LEFT JOIN internal.recent_domain_scores n ON n.domain_key = f.t_dom_key
LEFT JOIN internal.domain_scores_base s ON s.domain_key = f.t_dom_key
LEFT JOIN internal.recent_page_scores q ON q.page_key = f.target_key
LEFT JOIN internal.page_scores_base p ON p.page_key = f.target_key
CROSS JOIN internal.writer w;

-- Every link to a domain.
CREATE OR REPLACE MACRO main.links_of(domain_name) AS TABLE
    SELECT * FROM main.links WHERE target_domain = domain_name;
