-- What pages said of themselves, wherever they answered at all.
CREATE VIEW internal.page_answers AS
SELECT page_key, observed_at, nullif(said[1], '') AS title, nullif(said[2], '') AS language
FROM (
    SELECT page_key, observed_at, json_extract_string(extra, ['$.title', '$.language']) AS said
    FROM internal.page_snapshots
    WHERE extra IS NOT NULL AND coalesce(loss_reason, '') NOT IN ('notfound', 'pageredirected', 'pageerror')
    UNION ALL
    SELECT target_key, observed_at, json_extract_string(extra, ['$.title', '$.language'])
    FROM internal.target_status
    WHERE extra IS NOT NULL AND coalesce(http_code, 200) BETWEEN 200 AND 299
);

-- The newest text of some: an aggregate.
CREATE OR REPLACE MACRO internal.newest_told(observed_at, text) AS
    (max({'at': observed_at, 'v': text}) FILTER (text IS NOT NULL)).v;
