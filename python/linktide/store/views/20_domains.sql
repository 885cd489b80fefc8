CREATE VIEW internal.newest_domain_names AS
SELECT domain_key, arg_max(domain_name, rev) AS domain_name FROM internal.domain_names GROUP BY domain_key;

CREATE VIEW internal.newest_domain_scores AS
SELECT s.*
FROM internal.domain_scores s
JOIN (SELECT domain_key, max(rev) AS rev FROM internal.domain_scores GROUP BY domain_key) newest
    USING (domain_key, rev);
