-- What the user told of himself, and what of it is not in force.

CREATE VIEW main.mine_files AS
SELECT file_kind, file_name, CAST(row_count AS BIGINT) AS row_count, CAST(refused_rows AS BIGINT) AS refused_rows,
       loaded_at, refused_because, refused_at
FROM internal.mine_files;

CREATE VIEW main.mine_refusals AS
SELECT file_kind, file_name, CAST(line AS BIGINT) AS line, column_name, value, reason FROM internal.mine_refusals;

CREATE VIEW main.mine_domains AS SELECT domain_name, role FROM internal.mine_domains;

CREATE VIEW main.own_pages AS SELECT page_url, domain_name, title, published_at FROM internal.own_pages;

CREATE VIEW main.blocklist AS SELECT domain_name, file_name FROM internal.blocklist;

CREATE VIEW main.anchor_terms AS SELECT target_domain, kind, term FROM internal.anchor_terms;

CREATE VIEW main.source_rules AS
SELECT CAST(rule_number AS BIGINT) AS rule_number, rule, is_yours, source_kind, acquisition, domains, hosts, url, generator, rel,
       semantic_location, link_type, CAST(links_external_from AS BIGINT) AS links_external_from, kinds, told
FROM internal.source_rules;

-- Of several placements of one link the first in its file.
CREATE VIEW internal.placed_links AS
SELECT link_id, target_domain, arg_min(campaign, line) AS campaign
FROM internal.placements
GROUP BY link_id, target_domain;

-- Terms between spaces, to be found as whole words.
CREATE VIEW internal.domain_terms AS
SELECT target_domain, list(DISTINCT ' ' || words || ' ') FILTER (kind = 'brand') AS brand,
       list(DISTINCT ' ' || words || ' ') FILTER (kind = 'money') AS money
FROM internal.anchor_terms
GROUP BY target_domain;
