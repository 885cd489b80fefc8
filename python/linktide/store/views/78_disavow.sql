-- What Google may be asked to disregard: subjects that a person reviewed as disavow and that link here now, nothing else.
CREATE OR REPLACE MACRO main.disavow_export(domain_name) AS TABLE
WITH living AS MATERIALIZED (
    SELECT k.source_domain, k.source_url, count(*) AS backlinks
    FROM internal.known_links(domain_name) k
    WHERE k.is_live
    GROUP BY k.source_domain, k.source_url
), linking AS (
    SELECT l.source_domain AS subject, 'domain' AS subject_kind, CAST(sum(l.backlinks) AS BIGINT) AS backlinks
    FROM living l GROUP BY l.source_domain
    UNION ALL
    SELECT l.source_url, 'url', l.backlinks FROM living l
)
SELECT CASE WHEN r.subject_kind = 'domain' THEN 'domain:' || r.subject ELSE r.subject END AS line, r.subject, r.subject_kind,
       r.note, r.noted_at, r.noted_by, n.backlinks
FROM main.reviews r
JOIN linking n ON n.subject = r.subject AND n.subject_kind = r.subject_kind
WHERE r.state = 'disavow'
ORDER BY r.subject_kind, r.subject;
