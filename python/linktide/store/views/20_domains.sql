CREATE VIEW internal.newest_domain_names AS
SELECT domain_key, arg_max(domain_name, rev) AS domain_name FROM internal.domain_names GROUP BY domain_key;

CREATE VIEW internal.newest_domain_scores AS
SELECT s.*
FROM internal.domain_scores s
JOIN (SELECT domain_key, max(rev) AS rev FROM internal.domain_scores GROUP BY domain_key) newest
    USING (domain_key, rev);

-- Scores as people may see them: no authority while the graph is too small for one that means anything. A domain
-- without a row never moved from where every domain begins: authority 0, citation 1 − α = 0.15.
CREATE VIEW internal.shown_scores AS
SELECT n.domain_key, coalesce(s.citation, 0.15) AS citation,
       CASE WHEN (SELECT is_authority_shown FROM internal.writer) THEN coalesce(s.authority, 0) END
           AS domain_authority
FROM internal.newest_domain_names n
LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key;
