-- Links now, and what is summed up of them. A line that ends with `--| word` is there for what the word names: the
-- narrow copies of these views (narrow.py) leave it out when a statement asks for nothing of it. A statement here whose
-- first line is left out is left out whole.

-- A live link was listed by the last whole answer of its page, else that had ended it.
CREATE OR REPLACE MACRO internal.last_seen(status, stored, page_firm_at) AS
    CASE WHEN status IN (1, 2) THEN greatest(stored, page_firm_at) ELSE stored END;

-- All that is known of a link now, with the keys; `links` and the views of live links pick from it.
CREATE VIEW internal.link_facts AS
SELECT link_id, source_key, target_key, s_dom_key, t_dom_key, source_url, target_url, source_domain,
       coalesce(status, 0) <> 0 AS is_sighted, --| state
       coalesce(status IN (1, 2), false) AS is_live, --| state
       coalesce(status = 2, false) AS is_suspect, --| state
       coalesce(status IN (1, 2) AND internal.last_seen(status, last_seen, page_firm_at) <= ( --| checks
           SELECT w.clock - to_days(CAST(v.value AS INTEGER)) --| checks
           FROM internal.writer w, internal.settings v --| checks
           WHERE v.name = 'unverified_after_days'), false) AS is_unverified, --| checks
       coalesce(first_started_at, started_at) AS first_seen, --| lives
       internal.last_seen(status, last_seen, page_firm_at) AS last_seen, --| checks
       greatest(last_seen, firm_loss_at, suspect_at, page_checked_at) AS last_checked_at, --| checks
       started_at, --| state
       CASE WHEN status = 3 THEN lost_at END AS lost_at, --| lives
       CASE WHEN status = 3 THEN confirmed_at END AS confirmed_at, --| lives
       CASE WHEN status = 3 THEN lost_reason END AS lost_reason, --| lives
       coalesce(times_lost, 0) AS times_lost, --| lives
       anchor, rel, link_type, --| attributes
       internal.is_followed(rel) AS is_dofollow, --| attributes
       internal.has_token(rel, 'nofollow') AS is_nofollow, --| attributes
       internal.has_token(rel, 'ugc') AS is_ugc, --| attributes
       internal.has_token(rel, 'sponsored') AS is_sponsored, --| attributes
       attributes, attributes_text, --| attributes
       target_domain, s_dom_key = t_dom_key AS is_internal
FROM (
    SELECT
           internal.newest_state(n.rev, n.status, b.rev, b.status, internal.status_seen(a.seen_at)) AS status, --| state
           internal.newest_state(n.rev, n.started_at, b.rev, b.started_at, a.seen_at) AS started_at, --| state
           internal.newest_state(n.rev, n.last_seen, b.rev, b.last_seen, a.seen_at) AS last_seen, --| state
           internal.newest_state(n.rev, n.firm_loss_at, b.rev, b.firm_loss_at, NULL) AS firm_loss_at, --| state
           internal.newest_state(n.rev, n.suspect_at, b.rev, b.suspect_at, NULL) AS suspect_at, --| state
           p.firm_at AS page_firm_at, p.checked_at AS page_checked_at, --| checks
           l.first_started_at, l.times_lost, l.lost_at, l.confirmed_at, l.lost_reason, --| lives
           a.*
    FROM internal.link_attributes a
    LEFT JOIN internal.recent_link_state n ON n.link_id = a.link_id AND n.target_domain = a.target_domain --| state
    LEFT JOIN internal.link_changes_base b ON b.link_id = a.link_id AND b.target_domain = a.target_domain --| state
    LEFT JOIN internal.page_checks p ON p.page_key = a.source_key --| checks
    LEFT JOIN internal.ended_lives l ON l.link_id = a.link_id AND l.target_domain = a.target_domain --| lives
);

CREATE VIEW main.links AS
SELECT link_id, source_url, target_url, source_domain, target_domain, is_internal,
       is_live, is_suspect, --| state
       is_unverified, --| checks
       first_seen, --| lives
       last_seen, last_checked_at, --| checks
       started_at, --| state
       lost_at, confirmed_at, lost_reason, times_lost, --| lives
       anchor, rel, link_type, is_dofollow, is_nofollow, is_ugc, is_sponsored, attributes, --| attributes
FROM internal.link_facts;

CREATE VIEW internal.live_links AS --| state
SELECT * FROM internal.link_facts WHERE is_live AND NOT is_internal;

CREATE VIEW main.backlinks AS --| state
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain,
       internal.page_score(s.authority, w.is_authority_shown) AS domain_authority, --| domain_scores
       internal.page_score(coalesce(q.authority, p.authority), w.is_authority_shown) AS page_authority, --| page_scores
       internal.page_score( --| domain_scores
           s.trust, w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust, --| domain_scores
       f.is_suspect,
       f.is_unverified, --| checks
       f.first_seen, --| lives
       f.last_seen, f.last_checked_at, --| checks
       f.started_at,
       f.times_lost, --| lives
       f.anchor, f.rel, f.link_type, f.is_dofollow, f.is_nofollow, f.is_ugc, f.is_sponsored, f.attributes, --| attributes
FROM internal.live_links f
CROSS JOIN internal.writer w --| domain_scores
LEFT JOIN internal.sought_domain_scores s ON s.domain_key = f.s_dom_key --| domain_scores
LEFT JOIN internal.recent_page_scores q ON q.page_key = f.source_key --| page_scores
LEFT JOIN internal.page_scores_base p ON p.page_key = f.source_key --| page_scores
;

CREATE VIEW main.outgoing_links AS --| state
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain,
       internal.page_score(coalesce(n.authority, s.authority), w.is_authority_shown) AS domain_authority, --| domain_scores
       internal.page_score(coalesce(q.authority, p.authority), w.is_authority_shown) AS page_authority, --| page_scores
       internal.page_score( --| domain_scores
           CASE WHEN n.domain_key IS NOT NULL THEN n.trust ELSE s.trust END, --| domain_scores
           w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust, --| domain_scores
       f.is_suspect,
       f.is_unverified, --| checks
       f.first_seen, --| lives
       f.last_seen, f.last_checked_at, --| checks
       f.started_at,
       f.times_lost, --| lives
       f.anchor, f.rel, f.link_type, f.is_dofollow, f.is_nofollow, f.is_ugc, f.is_sponsored, f.attributes, --| attributes
FROM internal.live_links f
CROSS JOIN internal.writer w --| domain_scores
LEFT JOIN internal.recent_domain_scores n ON n.domain_key = f.t_dom_key --| domain_scores
LEFT JOIN internal.domain_scores_base s ON s.domain_key = f.t_dom_key --| domain_scores
LEFT JOIN internal.recent_page_scores q ON q.page_key = f.target_key --| page_scores
LEFT JOIN internal.page_scores_base p ON p.page_key = f.target_key --| page_scores
;

-- Each pair of domains with a live link from one to the other; `refdomains` and `linked_domains` are its two sides.
CREATE VIEW internal.live_pairs AS --| state
SELECT target_domain, source_domain, any_value(s_dom_key) AS s_dom_key, any_value(t_dom_key) AS t_dom_key,
       count(*) AS backlinks,
       count(*) FILTER (is_dofollow) AS dofollow_backlinks, --| attributes
       count(DISTINCT source_key) AS source_pages, count(DISTINCT target_key) AS target_pages, --| distinct
       min(first_seen) AS first_seen, --| lives
       max(last_seen) AS last_seen, --| checks
FROM internal.live_links
GROUP BY target_domain, source_domain
;

CREATE VIEW main.refdomains AS --| state
SELECT p.target_domain, p.source_domain,
       internal.page_score(s.authority, w.is_authority_shown) AS domain_authority, --| domain_scores
       internal.page_score( --| domain_scores
           s.trust, w.is_authority_shown AND w.trust_scale IS NOT NULL) AS trust, --| domain_scores
       p.backlinks,
       p.dofollow_backlinks, --| attributes
       p.source_pages, p.target_pages, --| distinct
       p.dofollow_backlinks > 0 AS is_dofollow, --| attributes
       p.first_seen, --| lives
       p.last_seen, --| checks
FROM internal.live_pairs p
CROSS JOIN internal.writer w --| domain_scores
LEFT JOIN internal.sought_domain_scores s ON s.domain_key = p.s_dom_key --| domain_scores
;

CREATE VIEW main.anchors AS --| attributes
SELECT target_domain, anchor, count(*) AS backlinks, count(*) FILTER (is_dofollow) AS dofollow_backlinks,
       count(DISTINCT s_dom_key) AS refdomains, --| distinct
       min(first_seen) AS first_seen, --| lives
       max(last_seen) AS last_seen, --| checks
FROM internal.live_links
GROUP BY target_domain, anchor;

-- Every link to a domain.
CREATE OR REPLACE MACRO main.links_of(domain_name) AS TABLE
    SELECT * FROM main.links WHERE target_domain = domain_name;
