-- What is folded by key alone lies in one run (…_base) with one row a key; the newest of the rows since then
-- (recent_…) supersede it. So looking up a few keys needs no fold of all.

-- Qualified: a macro with a parameter domain_name could not read this view otherwise.
CREATE VIEW internal.newest_domain_names AS
SELECT d.domain_key, d.domain_name, d.rev FROM internal.domain_names d;

CREATE VIEW internal.recent_domain_scores AS
SELECT domain_key, arg_max_null(citation, rev) AS citation,
       arg_max_null(authority, rev) AS authority,
       arg_max_null(trust_mass, rev) AS trust_mass,
       arg_max_null(trust, rev) AS trust,
       arg_max_null(scored_at, rev) AS scored_at,
       max(rev) AS rev
FROM internal.domain_scores_new
GROUP BY domain_key;

CREATE VIEW internal.newest_domain_scores AS
SELECT domain_key, citation, authority, trust_mass, trust, scored_at, rev
FROM internal.domain_scores_base ANTI JOIN internal.domain_scores_new USING (domain_key)
UNION ALL
FROM internal.recent_domain_scores;

-- The same, base and new folded as one, for views of the links to a domain: the keys that a join asks for then reach the scan of
-- both, so that a few are looked up without a fold of the rest. DuckDB does this only for one fold of a statement, the one that is
-- joined last, and only if it expects few keys: pages have it not, nor what is asked by another name than that of the target.
CREATE VIEW internal.sought_domain_scores AS
SELECT domain_key, arg_max_null(authority, rev) AS authority, arg_max_null(trust, rev) AS trust
FROM internal.domain_scores
GROUP BY domain_key;

CREATE VIEW internal.recent_page_scores AS
SELECT page_key, arg_max_null(domain_key, rev) AS domain_key,
       arg_max_null(citation, rev) AS citation,
       arg_max_null(authority, rev) AS authority,
       arg_max_null(trust_mass, rev) AS trust_mass,
       arg_max_null(trust, rev) AS trust,
       arg_max_null(scored_at, rev) AS scored_at,
       max(rev) AS rev
FROM internal.page_scores_new
GROUP BY page_key;

CREATE VIEW internal.newest_page_scores AS
SELECT page_key, domain_key, citation, authority, trust_mass, trust, scored_at, rev
FROM internal.page_scores_base ANTI JOIN internal.page_scores_new USING (page_key)
UNION ALL
FROM internal.recent_page_scores;

CREATE VIEW internal.newest_topic_scores AS
SELECT s.*
FROM internal.topic_scores s
JOIN (SELECT domain_key, topic, max(rev) AS rev FROM internal.topic_scores GROUP BY domain_key, topic) newest
    USING (domain_key, topic, rev);

-- Scores as people may see them: no authority while the graph is too small for one that means anything, no trust
-- while nobody is trusted. A domain without a row never moved from where every domain begins: authority 0,
-- citation 1 − α = 0.15.
CREATE VIEW internal.shown_scores AS
SELECT n.domain_key, coalesce(s.citation, 0.15) AS citation,
       CASE WHEN w.is_authority_shown THEN coalesce(s.authority, 0) END AS domain_authority,
       CASE WHEN w.is_authority_shown AND w.trust_scale IS NOT NULL THEN coalesce(s.trust, 0) END AS trust,
       CASE WHEN w.is_authority_shown
            THEN 1 - coalesce(s.trust_mass, 0) * w.trust_scale / coalesce(s.citation, 0.15) END AS spam_mass
FROM internal.newest_domain_names n
LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
CROSS JOIN internal.writer w;

-- The same of pages; a page without a row has authority 0.
CREATE VIEW internal.shown_page_scores AS
SELECT s.page_key, s.citation,
       CASE WHEN w.is_authority_shown THEN s.authority END AS page_authority,
       CASE WHEN w.is_authority_shown AND w.trust_scale IS NOT NULL THEN coalesce(s.trust, 0) END AS trust
FROM internal.newest_page_scores s
CROSS JOIN internal.writer w;

CREATE OR REPLACE MACRO internal.page_score(score, is_shown) AS CASE WHEN is_shown THEN coalesce(score, 0) END;
