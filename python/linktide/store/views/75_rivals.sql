-- Who refers to several domains, and who to the others only.

-- The links to some domains from others, living or not. A list of domains reaches the sorted runs only where it is joined with
-- them, and of rows without a name it finds none before each has been given one: so rows by key, and states by those found.
CREATE OR REPLACE MACRO internal.links_to(domain_names) AS TABLE
WITH asked AS (
    SELECT DISTINCT unnest(domain_names) AS domain_name
), found AS MATERIALIZED (
    SELECT a.link_id, a.source_key, a.target_domain, a.t_dom_key, a.target_key, a.target_url, a.source_domain, a.s_dom_key, a.rel,
           a.attributes_at, a.seen_at
    FROM internal.links_keyed a SEMI JOIN asked ON a.target_domain = asked.domain_name
    WHERE a.s_dom_key <> a.t_dom_key
)
SELECT f.link_id, f.source_key, f.source_domain, f.s_dom_key, f.target_domain, f.target_key, f.target_url, s.status,
       internal.is_followed(internal.value_now(t.link_id, t.told, f.rel, f.attributes_at)) AS is_dofollow
FROM found f
LEFT JOIN internal.states_of('found') s ON s.link_id = f.link_id
LEFT JOIN internal.told_of('found', 'rel') t ON t.link_id = f.link_id;

-- Of each referring domain of some domains, which of them it refers to.
CREATE OR REPLACE MACRO internal.refers_to(domain_names) AS TABLE
WITH pairs AS (
    SELECT l.source_domain, l.s_dom_key, l.target_domain, count(*) AS backlinks,
           count(*) FILTER (l.is_dofollow) AS dofollow
    FROM internal.links_to(domain_names) l
    WHERE l.status IN (1, 2)
    GROUP BY l.source_domain, l.s_dom_key, l.target_domain
)
SELECT source_domain, s_dom_key AS domain_key, list(target_domain ORDER BY target_domain) AS domains_linked,
       CAST(sum(backlinks) AS BIGINT) AS backlinks, CAST(sum(dofollow) AS BIGINT) AS dofollow_backlinks
FROM pairs
GROUP BY source_domain, s_dom_key;

-- Those that refer to `least` of the domains at least.
CREATE OR REPLACE MACRO main.link_intersect(domain_names, least) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_within('least', least, 1, 10000) AS domains
), found AS MATERIALIZED (
    SELECT f.* FROM internal.refers_to(domain_names) f JOIN given g ON len(f.domains_linked) >= g.domains
)
SELECT r.source_domain, s.domain_authority, s.trust, r.domains_linked, r.backlinks, r.dofollow_backlinks
FROM found r
JOIN internal.scores_of('found') s ON s.domain_key = r.domain_key
ORDER BY len(r.domains_linked) DESC, s.domain_authority DESC NULLS LAST, r.backlinks DESC, r.source_domain;

-- Those that refer to `least` of the rivals at least, and not to one's own domain.
CREATE OR REPLACE MACRO main.backlink_gap(own_domain, rivals, least) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_within('least', least, 1, 10000) AS domains
), found AS MATERIALIZED (
    SELECT f.*
    FROM internal.refers_to(list_append(rivals, own_domain)) f JOIN given g ON len(f.domains_linked) >= g.domains
    WHERE NOT list_contains(f.domains_linked, own_domain) AND f.source_domain <> own_domain
)
SELECT r.source_domain, s.domain_authority, s.trust, r.domains_linked, r.backlinks, r.dofollow_backlinks
FROM found r
JOIN internal.scores_of('found') s ON s.domain_key = r.domain_key
ORDER BY len(r.domains_linked) DESC, s.domain_authority DESC NULLS LAST, r.backlinks DESC, r.source_domain;

-- Domains with the most alike referring domains (Jaccard: those in common over all of either). It goes over the keys of all
-- links, and over the states of those with more rows than the wide one.
CREATE OR REPLACE MACRO main.competitors(own_domain) AS TABLE
WITH recent AS (
    SELECT n.link_id, arg_max_null(n.status, n.rev) AS status FROM internal.link_changes_new n GROUP BY n.link_id
), pairs AS MATERIALIZED (
    SELECT DISTINCT l.s_dom_key, l.t_dom_key
    FROM internal.links_keyed l
    LEFT JOIN recent n ON n.link_id = l.link_id
    LEFT JOIN internal.link_changes_base b ON b.link_id = l.link_id
    WHERE l.s_dom_key <> l.t_dom_key AND coalesce(n.status, b.status, internal.status_seen(l.seen_at)) IN (1, 2)
), own AS MATERIALIZED (
    SELECT p.s_dom_key FROM pairs p JOIN internal.domain_keys k ON k.domain_key = p.t_dom_key WHERE k.domain_name = own_domain
), common AS (
    SELECT p.t_dom_key, count(*) AS common_refdomains FROM pairs p SEMI JOIN own o ON o.s_dom_key = p.s_dom_key GROUP BY p.t_dom_key
), others AS (
    SELECT p.t_dom_key, count(*) AS refdomains FROM pairs p GROUP BY p.t_dom_key
)
SELECT k.domain_name, c.common_refdomains, o.refdomains,
       c.common_refdomains / (o.refdomains + (SELECT count(*) FROM own) - c.common_refdomains) AS similarity
FROM common c
JOIN others o ON o.t_dom_key = c.t_dom_key
JOIN internal.domain_keys k ON k.domain_key = c.t_dom_key
WHERE k.domain_name <> own_domain
ORDER BY similarity DESC, c.common_refdomains DESC, k.domain_name;
