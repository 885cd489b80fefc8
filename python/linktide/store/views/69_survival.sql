-- How long links live: Kaplan and Meier (1958), with late entry.

-- Of joins by the nearest age the outer ones are taken, though the rows they add are dropped: where DuckDB takes one side for
-- small, as it does here, an inner one compares every pair of rows.

-- Every life of the links to a domain from others, in each group: the ages between which it was followed, in µs. One that
-- an export told of is followed from the export on: had it ended before, nobody would have told of it. So is one that
-- had begun before `observed_since`. What ended before it was followed says nothing.
-- To plan kinds takes longer than all else: only where a group asks for them they are named.
CREATE OR REPLACE MACRO internal.followed_lives(domain_name, observed_since, groupings) AS TABLE
WITH kinds AS (
    SELECT c.link_id, c.source_kind, c.acquisition, c.campaign FROM internal.kinds_of(domain_name) c
), no_kinds AS (
    SELECT CAST(NULL AS UBIGINT) AS link_id, NULL AS source_kind, NULL AS acquisition, NULL AS campaign WHERE false
), exported AS (
    SELECT e.link_id, e.observed_at AS started_at, min(coalesce(x.exported_at, e.record_at)) AS entered_at
    FROM internal.link_events e
    JOIN internal.domain_keys k ON k.domain_key = e.t_dom_key
    JOIN internal.vendor_exports x ON x.source_id = e.source_id
    WHERE k.domain_name = domain_name AND e.kind IN (1, 2)
    GROUP BY e.link_id, e.observed_at
), told AS (
    SELECT v.link_id, v.confirmed_at IS NOT NULL AS is_lost, internal.is_followed(a.rel) AS is_dofollow,
           epoch_us(coalesce(v.confirmed_at, w.clock)) - epoch_us(v.started_at) AS left_us,
           epoch_us(greatest(v.started_at, x.entered_at, CAST(observed_since AS TIMESTAMPTZ))) - epoch_us(v.started_at)
               AS entered_us, k.source_kind, k.acquisition, k.campaign
    FROM internal.lives v
    JOIN internal.link_rels a
        ON a.link_id = v.link_id AND a.target_domain = v.target_domain AND a.s_dom_key <> a.t_dom_key
    LEFT JOIN exported x ON x.link_id = v.link_id AND x.started_at = v.started_at
    LEFT JOIN query_table(CASE WHEN NOT list_has_all(['all', 'follow', 'source_kind', 'acquisition', 'campaign'], groupings)
                               THEN error('groupings is ' || CAST(groupings AS VARCHAR) || '; wanted some of all, follow, '
                                          || 'source_kind, acquisition, campaign')
                               WHEN list_has_any(groupings, ['source_kind', 'acquisition', 'campaign'])
                               THEN 'kinds' ELSE 'no_kinds' END) k ON k.link_id = v.link_id
    CROSS JOIN internal.writer w
    WHERE v.target_domain = domain_name
), grouped AS (
    SELECT t.link_id, t.is_lost, t.entered_us, t.left_us, unnest(list_distinct(groupings)) AS grouping,
           t.is_dofollow, t.source_kind, t.acquisition, t.campaign
    FROM told t
    WHERE t.left_us > t.entered_us
), named AS (
    SELECT g.link_id, g.is_lost, g.entered_us, g.left_us, g.grouping,
           CASE g.grouping WHEN 'all' THEN 'all' WHEN 'follow' THEN CASE WHEN g.is_dofollow THEN 'dofollow' ELSE 'nofollow' END
                           WHEN 'source_kind' THEN g.source_kind WHEN 'acquisition' THEN g.acquisition
                           WHEN 'campaign' THEN g.campaign END AS name
    FROM grouped g
)
-- A link of no campaign is in no group by campaign.
SELECT n.link_id, n.is_lost, n.entered_us, n.left_us, {'by': n.grouping, 'name': n.name} AS link_group
FROM named n
WHERE n.name IS NOT NULL;

-- At age 0, and at each age at which one was lost: who was at risk, that is followed before and not gone yet, and what is
-- left of the curve. At risk are all that were followed before, less those gone before. `log_survival` leaves out losses of all at risk, which `wiped` counts. Such a loss is the end of the
-- curve where nobody is followed beyond it, else it says that too few were followed so young: the curve is broken.
CREATE OR REPLACE MACRO internal.survival_steps(domain_name, observed_since, groupings) AS TABLE
WITH lives AS MATERIALIZED (
    FROM internal.followed_lives(domain_name, observed_since, groupings)
), entries AS MATERIALIZED (
    SELECT l.link_group, l.entered_us, count(*) AS lives, max(l.left_us) AS followed_us
    FROM lives l GROUP BY l.link_group, l.entered_us
), groups AS MATERIALIZED (
    -- Numbered: to sort and to group by a number takes half as long as by a name.
    SELECT row_number() OVER () AS number, e.link_group, CAST(sum(e.lives) AS BIGINT) AS lives,
           CAST(coalesce(sum(e.lives) FILTER (e.entered_us > 0), 0) AS BIGINT) AS entered_late,
           max(e.followed_us) AS followed_us, max(e.entered_us) AS last_entered_us
    FROM entries e GROUP BY e.link_group
), entered AS (
    SELECT g.number, e.entered_us,
           sum(e.lives) OVER (PARTITION BY g.number ORDER BY e.entered_us ROWS UNBOUNDED PRECEDING) AS lives
    FROM entries e JOIN groups g ON g.link_group = e.link_group
), ended AS (
    SELECT g.number, l.left_us, l.is_lost, rank() OVER (PARTITION BY g.number ORDER BY l.left_us) - 1 AS left_before
    FROM lives l JOIN groups g ON g.link_group = l.link_group
), losses AS (
    SELECT e.number, e.left_us AS age_us, count(*) AS lost, any_value(e.left_before) AS left_before
    FROM ended e WHERE e.is_lost GROUP BY e.number, e.left_us
), risks AS (
    SELECT l.number, l.age_us, l.lost, CAST(n.lives - l.left_before AS BIGINT) AS at_risk
    FROM losses l ASOF JOIN entered n ON n.number = l.number AND l.age_us > n.entered_us
    UNION ALL
    SELECT g.number, 0, 0, 0 FROM groups g
), curve AS (
    SELECT r.number, r.age_us, r.lost, r.at_risk,
           sum(CASE WHEN r.lost < r.at_risk THEN ln(1 - r.lost / r.at_risk) ELSE 0 END) OVER upto AS log_survival,
           sum(CASE WHEN r.lost < r.at_risk THEN r.lost / (r.at_risk * (r.at_risk - r.lost)) ELSE 0 END) OVER upto
               AS variance,
           CAST(sum(CAST(r.lost > 0 AND r.lost = r.at_risk AS INTEGER)) OVER upto AS BIGINT) AS wiped,
           lead(r.age_us) OVER (PARTITION BY r.number ORDER BY r.age_us) AS next_us
    FROM risks r
    WINDOW upto AS (PARTITION BY r.number ORDER BY r.age_us ROWS UNBOUNDED PRECEDING)
)
SELECT g.link_group, c.age_us, c.lost, c.at_risk, c.log_survival, c.variance, c.wiped,
       coalesce(c.next_us, g.followed_us) - c.age_us AS lasts_us, g.lives, g.entered_late, g.followed_us,
       -- Only the last row can end the curve.
       c.wiped > 0 AND (c.wiped > 1 OR c.next_us IS NOT NULL OR c.age_us <= g.last_entered_us) AS is_broken,
       CASE WHEN c.wiped = 0 THEN exp(c.log_survival)
            WHEN c.wiped = 1 AND c.lost = c.at_risk AND c.next_us IS NULL AND c.age_us > g.last_entered_us THEN 0.0
       END AS survival
FROM curve c JOIN groups g ON g.number = c.number;

CREATE OR REPLACE MACRO main.link_survival(domain_name, observed_since := NULL, groupings := ['all', 'follow']) AS TABLE
SELECT s.link_group.by AS grouping, s.link_group.name AS link_group, s.age_us / 86400000000 AS age_days, s.at_risk, s.lost,
       s.survival,
       CASE WHEN s.survival > 0
            THEN exp(s.log_survival * exp(1.959963984540054 * sqrt(s.variance) / -s.log_survival)) END AS survival_least,
       CASE WHEN s.survival > 0
            THEN exp(s.log_survival * exp(-1.959963984540054 * sqrt(s.variance) / -s.log_survival)) END AS survival_most
FROM internal.survival_steps(domain_name, observed_since, CAST(groupings AS VARCHAR[])) s
WHERE s.lost > 0
ORDER BY s.link_group, s.age_us;

-- What is left of the curve at an age: null beyond the greatest age that anyone was followed to.
CREATE OR REPLACE MACRO internal.survival_at(followed_us, age_us, steps) AS
    CASE WHEN age_us <= followed_us THEN list_last(list_filter(steps, lambda x: x.age_us <= age_us)).survival END;

CREATE OR REPLACE MACRO main.link_half_life(domain_name, observed_since := NULL, groupings := ['all', 'follow']) AS TABLE
WITH curves AS (
    SELECT s.link_group, any_value(s.lives) AS lives, CAST(sum(s.lost) AS BIGINT) AS lost,
           any_value(s.entered_late) AS entered_late, any_value(s.followed_us) AS followed_us,
           -- Just above a half by rounding alone is a half.
           min(s.age_us) FILTER (s.survival <= 0.5 + 1e-9) AS half_us, bool_or(s.is_broken) AS is_broken,
           list({'age_us': s.age_us, 'survival': s.survival} ORDER BY s.age_us) AS steps
    FROM internal.survival_steps(domain_name, observed_since, CAST(groupings AS VARCHAR[])) s
    GROUP BY s.link_group
)
SELECT c.link_group.by AS grouping, c.link_group.name AS link_group, c.lives, c.lost, c.entered_late,
       c.followed_us / 86400000000 AS followed_days, c.half_us / 86400000000 AS half_life_days,
       internal.survival_at(c.followed_us, 30 * 86400000000, c.steps) AS survival_30d,
       internal.survival_at(c.followed_us, 90 * 86400000000, c.steps) AS survival_90d,
       internal.survival_at(c.followed_us, 365 * 86400000000, c.steps) AS survival_365d,
       CASE WHEN c.is_broken THEN 'too few young links: at one age all that were followed were lost'
            WHEN c.lost = 0 THEN 'no link was lost'
            WHEN c.half_us IS NULL THEN 'more than half outlive the greatest age followed' END AS note
FROM curves c
ORDER BY c.link_group;

-- Live links: what the curve of all links of the domain says of one that has come to its age. What lies beyond the greatest
-- age followed is not told.
CREATE OR REPLACE MACRO internal.outlook(domain_name, horizon_days, observed_since) AS TABLE
WITH given AS MATERIALIZED (
    SELECT CAST(internal.days_within('horizon_days', horizon_days, 0) * 86400000000 AS BIGINT) AS horizon_us
), steps AS MATERIALIZED (
    SELECT s.age_us, s.log_survival, s.wiped, s.is_broken, s.followed_us,
           -- Beyond the last step a curve that ended has nothing left; else it goes on to the greatest age.
           sum(CASE WHEN s.survival = 0 THEN 0 ELSE exp(s.log_survival) * s.lasts_us END)
               OVER (ORDER BY s.age_us DESC ROWS UNBOUNDED PRECEDING) AS area_us
    FROM internal.survival_steps(domain_name, observed_since, ['all']) s
), whole AS MATERIALIZED (
    SELECT max(s.wiped) AS wiped, bool_or(s.is_broken) AS is_broken FROM steps s
), living AS MATERIALIZED (
    SELECT v.link_id, epoch_us(w.clock) - epoch_us(v.started_at) AS age_us,
           epoch_us(w.clock) - epoch_us(v.started_at) + g.horizon_us AS then_us
    FROM internal.lives v CROSS JOIN internal.writer w CROSS JOIN given g
    WHERE v.target_domain = domain_name AND v.confirmed_at IS NULL
), placed AS MATERIALIZED (
    SELECT l.link_id, l.age_us, l.then_us, s.log_survival, s.wiped, s.followed_us,
           s.area_us - exp(s.log_survival) * (l.age_us - s.age_us) AS area_us
    FROM living l ASOF JOIN steps s ON l.age_us >= s.age_us
)
SELECT p.link_id, p.age_us / 86400000000 AS age_days,
       CASE WHEN p.age_us < p.followed_us AND (p.wiped = a.wiped OR NOT a.is_broken)
            THEN p.area_us / exp(p.log_survival) / 86400000000 END AS expected_remaining_days,
       CASE WHEN p.then_us > p.followed_us THEN NULL
            WHEN t.wiped = p.wiped THEN 1 - exp(t.log_survival - p.log_survival)
            WHEN NOT t.is_broken THEN 1.0 END AS loss_chance
FROM placed p
ASOF JOIN steps t ON p.then_us >= t.age_us
CROSS JOIN whole a;

CREATE OR REPLACE MACRO main.link_outlook(domain_name, horizon_days := 90, observed_since := NULL) AS TABLE
SELECT l.source_url, l.target_url, l.source_domain, l.target_domain, o.age_days, o.expected_remaining_days, o.loss_chance,
       l.link_id
FROM internal.links l
JOIN internal.outlook(domain_name, horizon_days, observed_since) o ON o.link_id = l.link_id
WHERE l.target_domain = domain_name AND l.s_dom_key <> l.t_dom_key
ORDER BY o.loss_chance DESC NULLS LAST, o.age_days, l.link_id;

-- An edge of the domain graph is there while one followed link of the source domain lives: it goes when all of them go.
CREATE OR REPLACE MACRO main.value_at_risk(domain_name, horizon_days := 90, observed_since := NULL) AS TABLE
WITH asked AS MATERIALIZED (
    SELECT n.domain_key, coalesce(s.citation, 0.15) AS citation
    FROM internal.newest_domain_names n LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
    WHERE n.domain_name = domain_name
), newest AS MATERIALIZED (
    SELECT max(c.rev) AS rev, max(c.scored_at) AS scored_at
    FROM internal.authority_contributions c SEMI JOIN asked a ON a.domain_key = c.domain_key
), edges AS MATERIALIZED (
    SELECT c.source_dom_key, c.contribution
    FROM internal.authority_contributions c
    SEMI JOIN asked a ON a.domain_key = c.domain_key
    SEMI JOIN newest n ON n.rev = c.rev
    WHERE c.source_dom_key IS NOT NULL
), links AS (
    SELECT a.s_dom_key, a.source_domain, o.loss_chance
    FROM internal.link_rels a
    JOIN internal.outlook(domain_name, horizon_days, observed_since) o ON o.link_id = a.link_id
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND internal.is_followed(a.rel)
), sources AS MATERIALIZED (
    SELECT l.s_dom_key, any_value(l.source_domain) AS source_domain, count(*) AS dofollow_backlinks,
           CASE WHEN count(*) = count(l.loss_chance) THEN product(l.loss_chance) END AS loss_chance
    FROM links l GROUP BY l.s_dom_key
), rows_of AS (
    SELECT s.source_domain, s.dofollow_backlinks, s.loss_chance, e.contribution, e.contribution * s.loss_chance AS citation_at_risk
    FROM edges e JOIN sources s ON s.s_dom_key = e.source_dom_key
), total AS (
    SELECT CAST(sum(r.dofollow_backlinks) AS BIGINT) AS dofollow_backlinks, sum(r.citation_at_risk) AS citation_at_risk,
           sum(r.contribution) AS contribution,
           sum(r.contribution) FILTER (r.loss_chance IS NOT NULL) / nullif(sum(r.contribution), 0) AS evaluated_share
    FROM rows_of r
)
SELECT r.source_domain, r.dofollow_backlinks, r.loss_chance, r.contribution, r.citation_at_risk, r.evaluated_share,
       CASE WHEN w.is_authority_shown AND r.is_total THEN internal.points(a.citation) END AS domain_authority,
       CASE WHEN w.is_authority_shown AND r.is_total THEN internal.points(a.citation - r.citation_at_risk) END
           AS domain_authority_after,
       CASE WHEN NOT r.is_total THEN NULL WHEN a.domain_key IS NULL THEN 'unknown domain'
            WHEN n.rev IS NULL THEN 'not tracked: nothing is stored of the domain'
            WHEN NOT w.is_authority_shown THEN 'graph too small'
            WHEN r.citation_at_risk IS NULL THEN 'no link was followed long enough' END AS note
FROM (
    SELECT NULL AS source_domain, t.dofollow_backlinks, NULL AS loss_chance, t.contribution, t.citation_at_risk,
           t.evaluated_share, true AS is_total
    FROM total t
    UNION ALL
    SELECT r.source_domain, r.dofollow_backlinks, r.loss_chance, r.contribution, r.citation_at_risk, NULL, false FROM rows_of r
) r
LEFT JOIN asked a ON true
CROSS JOIN newest n
CROSS JOIN internal.writer w
ORDER BY r.is_total DESC, r.citation_at_risk DESC NULLS LAST, r.source_domain;
