-- What pages told of themselves, wherever they answered at all. An empty text tells nothing.
CREATE VIEW internal.page_answers AS
SELECT page_key, observed_at, nullif(said[1], '') AS title, nullif(said[2], '') AS language, nullif(said[3], '') AS generator,
       nullif(said[4], '') AS source_kind, nullif(said[5], '') AS links_external, nullif(said[6], '') AS words,
       nullif(said[7], '') AS noindex, nullif(said[8], '') AS ip_source
FROM (
    SELECT page_key, observed_at,
           json_extract_string(extra, ['$.title', '$.language', '$.generator', '$.source_kind', '$.links_external', '$.words',
                                       '$.noindex', '$.ip_source']) AS said
    FROM (
        SELECT page_key, observed_at, extra
        FROM internal.page_snapshots
        WHERE extra IS NOT NULL AND coalesce(loss_reason, '') NOT IN ('notfound', 'pageredirected', 'pageerror')
        UNION ALL
        SELECT target_key, observed_at, extra
        FROM internal.target_status
        WHERE extra IS NOT NULL AND coalesce(http_code, 200) BETWEEN 200 AND 299
    )
);

-- The newest text of some: an aggregate.
CREATE OR REPLACE MACRO internal.newest_told(observed_at, text) AS
    (max({'at': observed_at, 'v': text}) FILTER (text IS NOT NULL)).v;

-- What each page told last, field by field. Without the macro above: to put it in eight times takes as long as all the rest.
CREATE VIEW internal.page_told AS
SELECT page_key,
       (max({'at': observed_at, 'v': title}) FILTER (title IS NOT NULL)).v AS title,
       (max({'at': observed_at, 'v': language}) FILTER (language IS NOT NULL)).v AS language,
       (max({'at': observed_at, 'v': generator}) FILTER (generator IS NOT NULL)).v AS generator,
       (max({'at': observed_at, 'v': source_kind}) FILTER (source_kind IS NOT NULL)).v AS source_kind,
       (max({'at': observed_at, 'v': links_external}) FILTER (links_external IS NOT NULL)).v AS links_external,
       (max({'at': observed_at, 'v': words}) FILTER (words IS NOT NULL)).v AS words,
       (max({'at': observed_at, 'v': noindex}) FILTER (noindex IS NOT NULL)).v AS noindex,
       (max({'at': observed_at, 'v': ip_source}) FILTER (ip_source IS NOT NULL)).v AS ip_source
FROM internal.page_answers
GROUP BY page_key;

-- The same of the sources of a few links: a table of the statement around it that is kept (source_key). Said again, for a view that
-- the narrow copies name calls no macro that is a table.
CREATE OR REPLACE MACRO internal.told_by_sources(few) AS TABLE
SELECT a.page_key,
       (max({'at': a.observed_at, 'v': a.title}) FILTER (a.title IS NOT NULL)).v AS title,
       (max({'at': a.observed_at, 'v': a.language}) FILTER (a.language IS NOT NULL)).v AS language,
       (max({'at': a.observed_at, 'v': a.generator}) FILTER (a.generator IS NOT NULL)).v AS generator,
       (max({'at': a.observed_at, 'v': a.source_kind}) FILTER (a.source_kind IS NOT NULL)).v AS source_kind,
       (max({'at': a.observed_at, 'v': a.links_external}) FILTER (a.links_external IS NOT NULL)).v AS links_external,
       (max({'at': a.observed_at, 'v': a.words}) FILTER (a.words IS NOT NULL)).v AS words,
       (max({'at': a.observed_at, 'v': a.noindex}) FILTER (a.noindex IS NOT NULL)).v AS noindex,
       (max({'at': a.observed_at, 'v': a.ip_source}) FILTER (a.ip_source IS NOT NULL)).v AS ip_source
FROM internal.page_answers a SEMI JOIN query_table(few) f ON f.source_key = a.page_key
GROUP BY a.page_key;

-- What describes the source page of a link: as it was told of the link itself, else as its page told it last.
CREATE OR REPLACE MACRO internal.of_source(told_of_link, told_by_page) AS coalesce(told_of_link, told_by_page);
