CREATE VIEW internal.numbered_lives AS
SELECT *, row_number() OVER (PARTITION BY link_id, target_domain ORDER BY started_at) AS life_number
FROM internal.lives;

CREATE VIEW main.link_lives AS
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain,
       l.s_dom_key = l.t_dom_key AS is_internal, v.life_number,
       v.started_at, v.last_alive_at, v.lost_at, v.confirmed_at, v.lost_reason, v.is_confirmed_by_event
FROM internal.numbered_lives v
JOIN internal.links l ON l.link_id = v.link_id AND l.target_domain = v.target_domain;

-- The two turns of a life: it begins, it ends.
CREATE VIEW internal.life_turns AS
SELECT link_id, target_domain, CASE life_number WHEN 1 THEN 'new' ELSE 'restored' END AS change, started_at AS changed_at,
       CAST(NULL AS TIMESTAMPTZ) AS lost_at, CAST(NULL AS VARCHAR) AS lost_reason,
       true AS is_by_event, false AS is_loss
FROM internal.numbered_lives
UNION ALL
SELECT link_id, target_domain, 'lost', confirmed_at, lost_at, lost_reason, is_confirmed_by_event, true
FROM internal.numbered_lives
WHERE confirmed_at IS NOT NULL;

-- What becomes of a link: its lives turn, its rel or its anchor changes.
CREATE VIEW internal.link_turns AS
SELECT link_id, target_domain, change, changed_at, lost_at, lost_reason, CAST(NULL AS VARCHAR) AS old_value,
       CAST(NULL AS VARCHAR) AS new_value, is_by_event, is_loss
FROM internal.life_turns
UNION ALL
SELECT link_id, target_domain, change, changed_at, NULL, NULL, old_value, new_value, true, false
FROM internal.attribute_turns
WHERE change IS NOT NULL;

-- Whether one sighting says what a turn made of the link; one of lives needs no more than the sighting.
CREATE OR REPLACE MACRO internal.says(change, new_value, anchor, rel) AS
    new_value IS NULL OR coalesce(CASE change WHEN 'anchor_changed' THEN anchor ELSE rel END = new_value, false);

-- The event that decided a turn: of those at its instant the one with its reason, then the one stored first.
CREATE VIEW internal.turn_events AS
WITH page_turns AS (
    SELECT t.link_id, t.target_domain, t.change, t.changed_at, t.is_loss, t.lost_reason, t.new_value, s.set_id, s.source_id, s.off, s.rev,
           s.loss_reason
    FROM internal.link_turns t
    JOIN internal.links l ON l.link_id = t.link_id AND l.target_domain = t.target_domain
    JOIN internal.page_snapshots s ON s.page_key = l.source_key AND s.observed_at = t.changed_at
    WHERE t.is_by_event AND (NOT t.is_loss OR (s.accepts_losses AND s.loss_reason IS NOT NULL))
), told AS (
    SELECT t.link_id, t.target_domain, t.change, t.changed_at, t.is_loss, t.lost_reason, e.source_id, e.off, e.rev,
           coalesce(e.lost_reason, 'removedfromhtml') AS told_reason
    FROM internal.link_turns t
    JOIN internal.domain_keys k ON k.domain_name = t.target_domain
    JOIN internal.link_events e
        ON e.t_dom_key = k.domain_key AND e.link_id = t.link_id AND e.observed_at = t.changed_at
        AND CASE WHEN t.is_loss THEN e.kind = 3
                 ELSE e.kind IN (1, 2) AND internal.says(t.change, t.new_value, e.anchor, e.rel) END
    WHERE t.is_by_event
    UNION ALL
    SELECT p.link_id, p.target_domain, p.change, p.changed_at, false, NULL, p.source_id, p.off, p.rev, NULL
    FROM page_turns p JOIN internal.page_sets g ON g.set_id = p.set_id AND g.link_id = p.link_id
    WHERE NOT p.is_loss AND internal.says(p.change, p.new_value, g.anchor, g.rel)
    UNION ALL
    SELECT p.link_id, p.target_domain, p.change, p.changed_at, true, p.lost_reason, p.source_id, p.off, p.rev, p.loss_reason
    FROM page_turns p ANTI JOIN internal.page_sets g ON g.set_id = p.set_id AND g.link_id = p.link_id
    WHERE p.is_loss
)
SELECT link_id, target_domain, change, changed_at,
       arg_min({'source_id': source_id, 'off': off}, {
           'is_other': is_loss AND told_reason <> lost_reason,
           'rev': rev, 'source_id': source_id, 'off': off}) AS event
FROM told
GROUP BY link_id, target_domain, change, changed_at;

-- Deltas that late events took back leave no row: the view depends on the events alone.
CREATE VIEW main.link_velocity AS
SELECT v.target_domain, v.hour, v.new_links, v.restored_links, v.lost_links,
       v.new_links + v.restored_links - v.lost_links AS net_links
FROM (
    SELECT target_domain, hour, CAST(sum(new_links) AS BIGINT) AS new_links,
           CAST(sum(restored_links) AS BIGINT) AS restored_links, CAST(sum(lost_links) AS BIGINT) AS lost_links
    FROM internal.velocity_delta
    GROUP BY target_domain, hour
) v
WHERE v.new_links <> 0 OR v.restored_links <> 0 OR v.lost_links <> 0;

-- By what the rel of the link says now. Turns of a link whose rel changes move to the other side.
CREATE VIEW main.link_velocity_by_follow AS
SELECT target_domain, hour, is_dofollow, new_links, restored_links, lost_links,
       new_links + restored_links - lost_links AS net_links
FROM (
    SELECT a.target_domain, date_trunc('hour', t.changed_at) AS hour,
           internal.is_followed(a.rel) AS is_dofollow,
           count(*) FILTER (t.change = 'new') AS new_links, count(*) FILTER (t.change = 'restored') AS restored_links,
           count(*) FILTER (t.change = 'lost') AS lost_links
    FROM internal.life_turns t
    JOIN internal.link_rels a
        ON a.link_id = t.link_id AND a.target_domain = t.target_domain AND a.s_dom_key <> a.t_dom_key
    GROUP BY a.target_domain, date_trunc('hour', t.changed_at), is_dofollow
);

CREATE VIEW main.link_velocity_daily AS
SELECT target_domain, CAST(hour AS DATE) AS day, CAST(sum(new_links) AS BIGINT) AS new_links,
       CAST(sum(restored_links) AS BIGINT) AS restored_links, CAST(sum(lost_links) AS BIGINT) AS lost_links,
       CAST(sum(net_links) AS BIGINT) AS net_links
FROM main.link_velocity
GROUP BY target_domain, CAST(hour AS DATE);

-- By how much a day differs from the mean: few links come by chance, so never less than its root.
CREATE OR REPLACE MACRO internal.spread(mean, sd) AS greatest(sd, sqrt(mean));

-- What a day must exceed to be far above what is usual; null: too few days to tell.
CREATE OR REPLACE MACRO internal.spike_above(days, mean, sd) AS
    CASE WHEN days >= 7 THEN greatest(mean + 5 * internal.spread(mean, sd), 4) END;

-- Whole hours before the hour of the clock make days of 24: day −1 ends now, days 0 to 27 are the baseline. A day counts
-- for the baseline once the domain was heard of before it. One pass, so that a filter on the domain reaches the runs.
CREATE VIEW main.link_velocity_baseline AS
SELECT target_domain, gained_last_day, lost_last_day, gained_last_week, lost_last_week, baseline_days,
       gained_mean, gained_sd, lost_mean, lost_sd,
       internal.spread(gained_mean, gained_sd) AS gained_spread, internal.spread(lost_mean, lost_sd) AS lost_spread,
       internal.spike_above(baseline_days, gained_mean, gained_sd) AS gained_spike_above,
       internal.spike_above(baseline_days, lost_mean, lost_sd) AS lost_spike_above
FROM (
SELECT target_domain, gained_last_day, lost_last_day, gained_last_week, lost_last_week, baseline_days,
       coalesce(list_sum(gained), 0) / baseline_days AS gained_mean,
       sqrt(greatest(coalesce(list_sum(list_transform(gained, lambda x: x * x)), 0) / baseline_days
                     - (coalesce(list_sum(gained), 0) / baseline_days) ** 2, 0)) AS gained_sd,
       coalesce(list_sum(lost), 0) / baseline_days AS lost_mean,
       sqrt(greatest(coalesce(list_sum(list_transform(lost, lambda x: x * x)), 0) / baseline_days
                     - (coalesce(list_sum(lost), 0) / baseline_days) ** 2, 0)) AS lost_sd
FROM (
    SELECT target_domain, gained_last_day, lost_last_day, gained_last_week, lost_last_week,
           nullif(oldest_days, 0) AS baseline_days,
           list_transform(list_filter(told, lambda x: x.day_number < oldest_days), lambda x: x.gained) AS gained,
           list_transform(list_filter(told, lambda x: x.day_number < oldest_days), lambda x: x.lost) AS lost
    FROM (
        SELECT target_domain,
               CAST(coalesce(sum(gained) FILTER (day_number = -1), 0) AS BIGINT) AS gained_last_day,
               CAST(coalesce(sum(lost) FILTER (day_number = -1), 0) AS BIGINT) AS lost_last_day,
               CAST(coalesce(sum(gained) FILTER (day_number < 6), 0) AS BIGINT) AS gained_last_week,
               CAST(coalesce(sum(lost) FILTER (day_number < 6), 0) AS BIGINT) AS lost_last_week,
               least(greatest((max(oldest) - 23) // 24, 0), 28) AS oldest_days,
               coalesce(list({'day_number': day_number, 'gained': gained, 'lost': lost}) FILTER (day_number >= 0), []) AS told
        FROM (
            SELECT target_domain, CAST(age // 24 AS INTEGER) - 1 AS day_number, max(age) AS oldest,
                   CAST(sum(gained) AS DOUBLE) AS gained, CAST(sum(lost) AS DOUBLE) AS lost
            FROM (
                SELECT v.target_domain, v.new_links + v.restored_links AS gained, v.lost_links AS lost,
                       date_diff('hour', v.hour, w.clock) AS age
                FROM main.link_velocity v, internal.writer w
            )
            GROUP BY target_domain, CAST(age // 24 AS INTEGER) - 1
        )
        GROUP BY target_domain
    )
)
);

-- The links between different domains that were live at an instant, by their lives. Of an instant after the clock nothing
-- is known yet; it is refused.
CREATE OR REPLACE MACRO main.backlinks_asof(at_time) AS TABLE
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_domain, v.life_number, v.started_at
FROM (
    SELECT CASE WHEN CAST(at_time AS TIMESTAMPTZ) > clock
                THEN error('backlinks_asof: ' || CAST(at_time AS TIMESTAMPTZ) || ' is after the newest event, '
                           || clock || '; nothing is known of it yet')
                ELSE CAST(at_time AS TIMESTAMPTZ) END AS asked_at
    FROM internal.writer
) t
JOIN internal.numbered_lives v
    ON v.started_at <= t.asked_at AND (v.confirmed_at IS NULL OR v.confirmed_at > t.asked_at)
JOIN internal.links l
    ON l.link_id = v.link_id AND l.target_domain = v.target_domain AND l.source_domain <> l.target_domain;
