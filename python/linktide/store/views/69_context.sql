-- Where on its page a link stands and what stands around it. Lines for `--| word` as in 30_links.sql.

-- Links to other sites for each hundred words of a page; null: the page has none, or nobody counted.
CREATE OR REPLACE MACRO internal.link_density(links_external, words) AS
    100 * TRY_CAST(links_external AS DOUBLE) / nullif(TRY_CAST(words AS DOUBLE), 0);

CREATE VIEW main.link_context AS --| attributes
SELECT link_id, source_url, target_url, source_domain, target_domain, told[1] AS semantic_location,
       told[1] = 'content' AS is_content,
       TRY_CAST(told_external AS BIGINT) AS links_external, TRY_CAST(told_words AS BIGINT) AS words, --| page_told
       internal.link_density(told_external, told_words) AS link_density, --| page_told
       told[4] AS snippet_left, told[5] AS snippet_right
FROM (
    SELECT l.*,
           internal.of_source(l.told[2], w.links_external) AS told_external, --| page_told
           internal.of_source(l.told[3], w.words) AS told_words, --| page_told
    FROM (
        SELECT link_id, source_key, source_url, target_url, source_domain, target_domain,
               CASE WHEN attributes_text IS NOT NULL
                    THEN json_extract_string(attributes_text, ['$.semantic_location', '$.links_external', '$.words',
                                                          '$.snippet_left', '$.snippet_right']) END AS told
        FROM internal.live_links
    ) l
    LEFT JOIN internal.page_told w ON w.page_key = l.source_key --| page_told
);
