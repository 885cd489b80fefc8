CREATE VIEW main.target_status AS
SELECT newest.target_url AS target_url, CAST(newest.http_code AS INTEGER) AS http_code,
       newest.observed_at AS observed_at, CAST(newest.extra AS JSON) AS extra
FROM (
    SELECT target_key,
           arg_max({'target_url': target_url, 'http_code': http_code, 'observed_at': observed_at, 'extra': extra},
                   {'observed_at': observed_at, 'content': coalesce(extra, '')}) AS newest
    FROM internal.target_status
    GROUP BY target_key
);

-- The URLs are grouped by, too, although the link has them: a filter on them is then made before.
CREATE VIEW main.referrals AS
SELECT link_id, source_url, target_url, day, source_name, topic, topic_id, CAST(newest.visits AS BIGINT) AS visits,
       newest.observed_at AS observed_at, CAST(newest.extra AS JSON) AS extra
FROM (
    SELECT r.link_id, r.source_url, r.target_url, r.day, o.cluster AS source_name, o.topic, o.topic_id,
           arg_max({'visits': r.visits, 'observed_at': r.observed_at, 'extra': r.extra},
                   {'observed_at': r.observed_at, 'visits': r.visits, 'content': coalesce(r.extra, '')}) AS newest
    FROM internal.referrals r
    JOIN internal.source_offsets o ON o.source_id = r.source_id
    GROUP BY r.link_id, r.source_url, r.target_url, r.day, o.cluster, o.topic, o.topic_id
);
