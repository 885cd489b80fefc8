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

CREATE VIEW main.referrals AS
SELECT link_id, newest.source_url AS source_url, newest.target_url AS target_url, day,
       source_name, topic, topic_id, CAST(newest.visits AS BIGINT) AS visits,
       newest.observed_at AS observed_at, CAST(newest.extra AS JSON) AS extra
FROM (
    SELECT r.link_id, r.day, o.cluster AS source_name, o.topic, o.topic_id,
           arg_max({'source_url': r.source_url, 'target_url': r.target_url, 'visits': r.visits,
                    'observed_at': r.observed_at, 'extra': r.extra},
                   {'observed_at': r.observed_at, 'visits': r.visits, 'content': coalesce(r.extra, '')}) AS newest
    FROM internal.referrals r
    JOIN internal.source_offsets o ON o.source_id = r.source_id
    GROUP BY r.link_id, r.day, o.cluster, o.topic, o.topic_id
);
