-- Toxicity of the links of a domain and of the domains they come from: a reason to look, never a verdict.

-- Of the referring domains that link to ten domains at least, by live links, those that link to the same ones as another
-- (Jaccard above 0.9, that is more than 9/19 of the sum of both sizes in common). Exact, and each needs one twin only: equal
-- sets are found as such; then each is compared with two that share its four least hashes, which settles most of a network; for
-- the rest, by places in one order of all members, the rarest first, some common member stands so early in both that enough
-- can follow (Xiao et al. 2008). Of such pairs are counted those of which the parities of hashed members differ in few bits
-- (Sandes et al. 2020: never more bits than members). Reads all links.
CREATE OR REPLACE MACRO main.twin_profiles(domain_name) AS TABLE
WITH sent AS MATERIALIZED (
    SELECT l.link_id, l.source_domain, l.t_dom_key, l.seen_at, l.target_domain = domain_name AS is_asked
    FROM internal.links_keyed l
    SEMI JOIN (SELECT r.s_dom_key FROM internal.links r WHERE r.target_domain = domain_name) asked ON asked.s_dom_key = l.s_dom_key
    WHERE l.s_dom_key <> l.t_dom_key
), living AS (
    SELECT c.link_id, arg_max_null(c.status, c.rev) AS status
    FROM internal.link_changes_keyed c SEMI JOIN sent n ON n.link_id = c.link_id
    GROUP BY c.link_id
), outgoing AS MATERIALIZED (
    SELECT DISTINCT n.source_domain, n.t_dom_key, n.is_asked
    FROM sent n LEFT JOIN living v ON v.link_id = n.link_id
    WHERE CASE WHEN v.link_id IS NULL THEN n.seen_at IS NOT NULL ELSE v.status IN (1, 2) END
), profiles AS (
    SELECT o.source_domain, list(o.t_dom_key ORDER BY o.t_dom_key) AS targets
    FROM outgoing o GROUP BY o.source_domain HAVING count(*) >= 10 AND bool_or(o.is_asked)
), sets AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY min(p.source_domain)) AS number, p.targets, len(p.targets) AS size,
           list(p.source_domain ORDER BY p.source_domain) AS members
    FROM profiles p GROUP BY p.targets
), items AS MATERIALIZED (
    SELECT s.number, s.size, unnest(s.targets) AS t_dom_key FROM sets s
), lined AS (
    SELECT m.number, unnest([lead(m.number, 1) OVER w, lead(m.number, 2) OVER w]) AS follower
    FROM (SELECT i.number, hash(min(hash(i.t_dom_key), 4)) AS least FROM items i GROUP BY i.number) m
    WINDOW w AS (PARTITION BY m.least ORDER BY m.number)
), neighbours AS MATERIALIZED (
    SELECT l.number AS one, l.follower AS other
    FROM lined l
    JOIN sets a ON a.number = l.number
    JOIN sets b ON b.number = l.follower AND 10 * b.size > 9 * a.size AND 10 * a.size > 9 * b.size
    WHERE 19 * len(list_intersect(a.targets, b.targets)) > 9 * (a.size + b.size)
), settled AS MATERIALIZED (
    SELECT n.one AS number FROM neighbours n UNION SELECT n.other FROM neighbours n
), ranked AS (
    SELECT i.number, i.size, i.t_dom_key, f.sets,
           row_number() OVER (PARTITION BY i.number ORDER BY f.sets, i.t_dom_key) AS place
    FROM items i
    JOIN (SELECT i.t_dom_key, count(*) AS sets FROM items i GROUP BY i.t_dom_key) f ON f.t_dom_key = i.t_dom_key
), firsts AS MATERIALIZED (
    SELECT r.number, r.size, r.t_dom_key, r.size - r.place + 1 AS beyond, d.number IS NOT NULL AS is_settled
    FROM ranked r LEFT JOIN settled d ON d.number = r.number
    WHERE r.place <= r.size - 9 * r.size // 10 AND r.sets > 1
), pairs AS MATERIALIZED (
    SELECT DISTINCT a.number AS one, b.number AS other
    FROM firsts a
    JOIN firsts b ON b.t_dom_key = a.t_dom_key AND b.number <> a.number AND (b.is_settled OR b.number > a.number)
                 AND 19 * a.beyond > 9 * (a.size + b.size) AND 19 * b.beyond > 9 * (a.size + b.size)
    WHERE NOT a.is_settled
), paired AS (
    SELECT p.one AS number FROM pairs p UNION SELECT p.other FROM pairs p
), sketches AS MATERIALIZED (
    SELECT i.number, i.size,
           bit_xor(set_bit(CAST(repeat('0', 1024) AS BIT), CAST(hash(i.t_dom_key) % 1024 AS INTEGER), 1)) AS parities
    FROM items i SEMI JOIN paired p ON p.number = i.number
    GROUP BY i.number, i.size
), close AS MATERIALIZED (
    SELECT p.one, p.other, bit_count(xor(k.parities, l.parities)) AS apart
    FROM pairs p
    JOIN sketches k ON k.number = p.one
    JOIN sketches l ON l.number = p.other
    WHERE 19 * apart < k.size + l.size
), nearest AS MATERIALIZED (
    SELECT n.of.one AS one, n.of.other AS other
    FROM (
        SELECT min({'apart': c.apart, 'one': c.one, 'other': c.other}) AS of FROM close c GROUP BY c.one
        UNION
        SELECT min({'apart': c.apart, 'one': c.one, 'other': c.other}) AS of FROM close c GROUP BY c.other
    ) n
    JOIN sets a ON a.number = n.of.one
    JOIN sets b ON b.number = n.of.other
    WHERE 19 * len(list_intersect(a.targets, b.targets)) > 9 * (a.size + b.size)
), matched AS MATERIALIZED (
    FROM settled UNION SELECT n.one FROM nearest n UNION SELECT n.other FROM nearest n
), others AS (
    SELECT c.one, c.other
    FROM close c
    JOIN sets a ON a.number = c.one
    JOIN sets b ON b.number = c.other
    LEFT JOIN matched m ON m.number = c.one
    LEFT JOIN matched n ON n.number = c.other
    WHERE (m.number IS NULL OR n.number IS NULL)
      AND 19 * len(list_intersect(a.targets, b.targets)) > 9 * (a.size + b.size)
), alike AS (
    FROM neighbours UNION ALL FROM nearest UNION ALL FROM others
), near AS (
    SELECT n.number, min(n.twin) AS twin
    FROM (SELECT a.one AS number, a.other AS twin FROM alike a UNION ALL SELECT a.other, a.one FROM alike a) n
    GROUP BY n.number
), told AS (
    SELECT unnest(s.members) AS source_domain, s.size, s.members, t.members[1] AS twin
    FROM sets s
    LEFT JOIN near n ON n.number = s.number
    LEFT JOIN sets t ON t.number = n.twin
)
SELECT t.source_domain, t.size AS linked_domains, len(t.members) > 1 OR t.twin IS NOT NULL AS has_twin,
       CASE WHEN len(t.members) = 1 THEN t.twin WHEN t.members[1] = t.source_domain THEN t.members[2] ELSE t.members[1]
       END AS twin_domain
FROM told t
ORDER BY has_twin DESC, t.source_domain;

-- The primary part of a language.
CREATE OR REPLACE MACRO internal.language_of(language) AS nullif(lower(regexp_extract(language, '^[A-Za-z]+')), '');

-- What tells the markers of links, those of told_links.
CREATE OR REPLACE MACRO internal.link_signs(domain_name, begun_after) AS TABLE
SELECT k.link_id, k.source_url, k.target_url, k.source_domain, k.s_dom_key, k.source_key, k.target_key, k.rel, k.started_at,
       k.semantic_location, k.links_external, k.words, k.language, k.noindex, k.hidden, k.anchor, k.block,
       internal.kind_of_rule(k.kind_number, k.told_kind) AS source_kind
FROM (
    SELECT u.*, internal.kind_rule(u.url, u.is_url, u.domain_rules, u.rel, u.link_type, u.generator, u.semantic_location,
                                   TRY_CAST(u.links_external AS BIGINT), u.told_kind) AS kind_number
    FROM (
        SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.s_dom_key, l.source_key, l.target_key, l.rel, l.link_type,
               l.started_at, l.semantic_location, l.links_external, l.words, l.source_kind AS told_kind,
               lower(l.generator) AS generator, l.language, l.noindex, l.hidden, lower(l.source_url) AS url,
               internal.has_rule_pattern(lower(l.source_url)) AS is_url, d.rule_numbers AS domain_rules,
               internal.anchor_text(l.anchor, l.alt) AS anchor,
               nullif(regexp_extract(l.ip_source, '^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$', 1), '') AS block
        FROM internal.told_links(domain_name, begun_after) l
        LEFT JOIN internal.source_domains d ON d.domain_name = l.source_domain
    ) u
) k;

-- All markers of links but burst_member, which rests on the others. `twins` are the rows of twin_profiles, a list.
CREATE OR REPLACE MACRO internal.marked_links(domain_name, begun_after, twins) AS TABLE
WITH signs AS MATERIALIZED (
    FROM internal.link_signs(domain_name, begun_after)
), sources AS (
    SELECT DISTINCT s.s_dom_key AS domain_key, s.source_domain FROM signs s
), blocks AS (
    -- In µs: to reckon with numbers is faster than with a calendar.
    SELECT s.s_dom_key, s.block, min(epoch_us(s.started_at)) AS began_us
    FROM signs s WHERE s.block IS NOT NULL GROUP BY s.s_dom_key, s.block
), filled AS (
    SELECT b.*, count(*) OVER (PARTITION BY b.block ORDER BY b.began_us
                               RANGE BETWEEN 604800000000 PRECEDING AND CURRENT ROW) AS domains
    FROM blocks b
), crowds AS (
    SELECT f.s_dom_key, f.block, max(f.domains) OVER (PARTITION BY f.block ORDER BY f.began_us
                                         RANGE BETWEEN CURRENT ROW AND 604800000000 FOLLOWING) > 5 AS is_crowded
    FROM filled f
), footers AS MATERIALIZED (
    SELECT s.s_dom_key, s.anchor, s.target_key, count(DISTINCT s.source_key) AS pages
    FROM signs s WHERE s.semantic_location IN ('footer', 'aside') GROUP BY s.s_dom_key, s.anchor, s.target_key
    HAVING count(DISTINCT s.source_key) >= 3
), known AS (
    SELECT l.s_dom_key, count(DISTINCT l.source_key) AS pages
    FROM internal.links l SEMI JOIN footers f ON f.s_dom_key = l.s_dom_key
    GROUP BY l.s_dom_key
), pages AS (
    SELECT p.page_key, internal.newest_told(p.observed_at, p.language) AS language
    FROM internal.page_answers p SEMI JOIN signs s ON s.target_key = p.page_key
    GROUP BY p.page_key
), bare AS (
    SELECT a.anchor, a.money, lower(trim(a.anchor)) AS bare, internal.words(a.anchor) AS words
    FROM (
        SELECT s.anchor, any_value(t.money) AS money
        FROM signs s CROSS JOIN internal.domain_terms t
        WHERE s.anchor IS NOT NULL AND t.target_domain = domain_name AND t.money IS NOT NULL
        GROUP BY s.anchor
    ) a
), exact AS (
    SELECT b.anchor, b.bare <> '' AND NOT internal.is_naked_url(b.bare, domain_name)
                     AND list_contains(b.money, ' ' || b.words || ' ') AS is_exact
    FROM bare b
), domains AS (
    -- Trust in whole points has no value between 0 and 1: a ratio to less than 1 says nothing more.
    SELECT s.domain_key AS s_dom_key, a.domain_authority, a.domain_authority / greatest(a.trust, 1) AS ratio,
           w.trust_scale IS NOT NULL AS is_trust_known, t.has_twin, CASE WHEN EXISTS (FROM internal.blocklist) THEN l.domain_name IS NOT NULL END AS is_blocked
    FROM sources s
    CROSS JOIN internal.writer w
    JOIN internal.scores_of('sources') a ON a.domain_key = s.domain_key
    LEFT JOIN (
        -- Lists of several domains joined together may name a source twice.
        SELECT u.twin.source_domain AS source_domain, bool_or(u.twin.has_twin) AS has_twin
        FROM (
            SELECT unnest(CAST(list_transform(twins, lambda x: {'source_domain': x.source_domain, 'has_twin': x.has_twin})
                               AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) AS twin
        ) u
        GROUP BY u.twin.source_domain
    ) t ON t.source_domain = s.source_domain
    LEFT JOIN (SELECT DISTINCT b.domain_name FROM internal.blocklist b) l ON l.domain_name = s.source_domain
)
SELECT s.link_id, s.source_url, s.target_url, s.source_domain, s.started_at, d.domain_authority,
       CASE WHEN d.is_trust_known THEN d.ratio > 6.58 END AS citation_trust_ratio, d.ratio > 9.87 AS is_far_ratio,
       TRY_CAST(s.links_external AS BIGINT) > 100
           AND internal.link_density(s.links_external, s.words) > 10 AS link_farm_page,
       x.is_exact AND CASE WHEN s.source_kind <> 'unknown'
                           THEN s.source_kind IN ('comment', 'forum', 'directory', 'profile') END AS money_anchor,
       c.is_crowded AS same_block,
       d.has_twin AS twin_profile,
       CASE WHEN s.semantic_location NOT IN ('footer', 'aside') THEN false
            WHEN s.semantic_location IS NOT NULL AND s.anchor IS NOT NULL THEN coalesce(2 * f.pages > k.pages, false)
       END AS sitewide,
       CASE WHEN s.source_kind <> 'unknown' THEN s.source_kind IN ('comment', 'forum') END
           AND NOT (internal.has_token(s.rel, 'ugc') OR internal.has_token(s.rel, 'nofollow')) AND
           CASE WHEN s.rel IS NOT NULL THEN true END AS ugc_dofollow,
       internal.language_of(s.language) <> internal.language_of(p.language) AS lang_mismatch,
       s.hidden = 'true' AS hidden, s.noindex = 'true' AS noindex, d.is_blocked AS blocklisted
FROM signs s
JOIN domains d ON d.s_dom_key = s.s_dom_key
LEFT JOIN crowds c ON c.s_dom_key = s.s_dom_key AND c.block = s.block
LEFT JOIN footers f ON f.s_dom_key = s.s_dom_key AND f.anchor = s.anchor AND f.target_key = s.target_key
LEFT JOIN known k ON k.s_dom_key = s.s_dom_key
LEFT JOIN exact x ON x.anchor = s.anchor
LEFT JOIN pages p ON p.page_key = s.target_key;

-- Toxic is what has 40 points or more. A day (UTC) is a toxic burst if 20 toxic links or more began on it, more than 5
-- times the mean of the 28 days before it (of as many as the domain has been linked to, 7 at least) and more than half of
-- all that began on it; by the points without burst_member.
CREATE OR REPLACE MACRO internal.rated_links(domain_name, twins) AS TABLE
WITH marked AS MATERIALIZED (
    SELECT m.*, w.in_use, w.weights[12] AS burst_points, internal.marker_points(m, w.weights) AS first_points,
           CAST(floor(epoch_us(m.started_at) / 86400000000) AS BIGINT) AS day
    FROM internal.marked_links(domain_name, CAST(NULL AS TIMESTAMPTZ), twins) m
    CROSS JOIN internal.marker_weights w
), days AS (
    SELECT m.day, count(*) AS gained,
           count(*) FILTER (internal.toxicity_of(m.first_points, m.in_use) >= 40) AS toxic
    FROM marked m
    GROUP BY m.day
), before AS (
    SELECT d.*, least(d.day - min(d.day) OVER (), 28) AS known_days,
           coalesce(sum(d.toxic) OVER (ORDER BY d.day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING), 0)
               AS toxic_before
    FROM days d
), bursts AS (
    SELECT b.day, CASE WHEN b.known_days >= 7
                       THEN b.toxic >= 20 AND 2 * b.toxic > b.gained AND b.toxic * b.known_days > 5 * b.toxic_before
                  END AS is_burst
    FROM before b
)
SELECT m.*, b.is_burst AS burst_member, list_append(m.first_points, CAST(b.is_burst AS BIGINT) * m.burst_points) AS points
FROM marked m
JOIN bursts b ON b.day = m.day;

CREATE OR REPLACE MACRO main.link_toxicity(domain_name, twins := CAST([] AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) AS TABLE
SELECT t.link_id, t.source_url, t.target_url, t.source_domain, internal.toxicity_of(t.points, t.in_use) AS toxicity,
       list_count(t.points) AS markers_evaluated, internal.markers_fired(t.points, w.names) AS markers_fired,
       t.citation_trust_ratio, t.link_farm_page, t.money_anchor, t.same_block, t.twin_profile, t.sitewide, t.ugc_dofollow,
       t.lang_mismatch, t.hidden, t.noindex, t.blocklisted, t.burst_member
FROM internal.rated_links(domain_name, twins) t
CROSS JOIN internal.marker_weights w
ORDER BY toxicity DESC NULLS LAST, t.link_id;

CREATE OR REPLACE MACRO main.toxic_links(domain_name, twins := CAST([] AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) AS TABLE
SELECT t.* FROM main.link_toxicity(domain_name, twins := twins) t WHERE t.toxicity >= 40;

-- A marker of a domain is that of any of its links.
CREATE OR REPLACE MACRO main.toxicity(domain_name, twins := CAST([] AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) AS TABLE
WITH rated AS (
    SELECT t.source_domain, t.domain_authority, t.points, internal.toxicity_of(t.points, t.in_use) >= 40 AS is_toxic
    FROM internal.rated_links(domain_name, twins) t
), summed AS (
    SELECT r.source_domain, any_value(r.domain_authority) AS domain_authority, count(*) AS backlinks,
           count(*) FILTER (r.is_toxic) AS toxic_backlinks,
           [max(r.points[1]), max(r.points[2]), max(r.points[3]), max(r.points[4]), max(r.points[5]), max(r.points[6]),
            max(r.points[7]), max(r.points[8]), max(r.points[9]), max(r.points[10]), max(r.points[11]),
            max(r.points[12])] AS points
    FROM rated r
    GROUP BY r.source_domain
)
SELECT s.source_domain, s.domain_authority, internal.toxicity_of(s.points, w.in_use) AS toxicity,
       list_count(s.points) AS markers_evaluated, internal.markers_fired(s.points, w.names) AS markers_fired, s.backlinks,
       s.toxic_backlinks
FROM summed s
CROSS JOIN internal.marker_weights w
ORDER BY toxicity DESC NULLS LAST, s.source_domain;

CREATE OR REPLACE MACRO main.quality_score(domain_name, twins := CAST([] AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) AS TABLE
SELECT count(*) AS refdomains, count(*) FILTER (r.is_known) AS rated_refdomains,
       count(*) FILTER (r.is_known AND r.domain_authority >= 30 AND r.toxicity < 40)
           / nullif(count(*) FILTER (r.is_known), 0) AS quality_score
FROM (
    SELECT t.domain_authority, t.toxicity, t.domain_authority IS NOT NULL AND t.toxicity IS NOT NULL AS is_known
    FROM main.toxicity(domain_name, twins := twins) t
) r;

-- What began in the 29 days of 24 hours that end with the hour of the clock, as link_velocity_baseline has them, living or
-- not; rated by what these links tell alone, without twins and bursts, so that it costs what these days brought.
CREATE OR REPLACE MACRO internal.gained_links(domain_name) AS TABLE
SELECT g.*, internal.toxicity_of(g.points, g.in_use) AS toxicity, internal.markers_fired(g.points, g.names) AS markers_fired
FROM (
    SELECT m.link_id, m.source_url, m.target_url, m.source_domain, m.started_at,
           date_diff('hour', m.started_at, w.clock) // 24 AS day_number, internal.marker_points(m, p.weights) AS points,
           p.in_use, p.names
    FROM internal.marked_links(
        domain_name, (SELECT date_trunc('hour', c.clock) - INTERVAL 695 HOUR - INTERVAL 1 MICROSECOND FROM internal.writer c),
        CAST([] AS STRUCT(source_domain VARCHAR, has_twin BOOLEAN)[])) m
    CROSS JOIN internal.marker_weights p
    CROSS JOIN internal.writer w
) g;

CREATE OR REPLACE MACRO main.toxic_links_gained(domain_name) AS TABLE
SELECT d.day_number, date_trunc('hour', w.clock) + INTERVAL 1 HOUR - to_days(CAST(d.day_number AS INTEGER) + 1) AS from_at,
       date_trunc('hour', w.clock) + INTERVAL 1 HOUR - to_days(CAST(d.day_number AS INTEGER)) AS until_at,
       count(r.day_number) AS gained_links, count(r.toxicity) AS rated_links,
       CASE WHEN count(r.day_number) = 0 OR count(r.toxicity) > 0
            THEN count(*) FILTER (r.toxicity >= 40) END AS toxic_links
FROM (SELECT unnest(range(0, 29)) AS day_number) d
CROSS JOIN internal.writer w
LEFT JOIN internal.gained_links(domain_name) r ON r.day_number = d.day_number
WHERE w.clock IS NOT NULL
GROUP BY d.day_number, w.clock
ORDER BY d.day_number;

CREATE OR REPLACE MACRO main.toxic_links_of_day(domain_name, day) AS TABLE
WITH given AS MATERIALIZED (
    SELECT internal.whole_within('day', day, 0, 28) AS day_number
)
SELECT g.link_id, g.source_url, g.target_url, g.source_domain, g.started_at, g.toxicity, g.markers_fired
FROM internal.gained_links(domain_name) g
JOIN given d ON d.day_number = g.day_number
WHERE g.toxicity >= 40
ORDER BY g.toxicity DESC, g.link_id;
