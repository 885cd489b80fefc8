-- Tables in parts: batches append to the hot part of each; a full one is sealed and folded into sorted runs.
-- The name of the table becomes that of a view over its parts.
CREATE TABLE internal.parts (
    part_name VARCHAR PRIMARY KEY,      -- of the physical table, in this schema
    table_name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,              -- hot: exactly one a table; sealed: at most one; run: folded and sorted
    serial UINTEGER NOT NULL);          -- counts up over all parts; a run is newer than those of a lower serial

-- The name of every registrable domain that is a side of a link; one row a domain.
CREATE TABLE internal.domain_keys (domain_key UBIGINT NOT NULL, domain_name VARCHAR NOT NULL, rev UBIGINT NOT NULL);
INSERT INTO internal.domain_keys
SELECT DISTINCT domain_key, domain_name, 0 FROM (
    SELECT s_dom_key AS domain_key, source_domain AS domain_name FROM internal.links
    UNION ALL SELECT t_dom_key, target_domain FROM internal.links);

-- Superseded scores of domains, for authority_history; those of the parts are to be added.
CREATE TABLE internal.score_history AS FROM internal.domain_scores LIMIT 0;

-- Raw observations that left this file: one Parquet file each, in the folder beside it.
CREATE TABLE internal.segments (
    file_name VARCHAR PRIMARY KEY,      -- without a folder
    row_count UBIGINT NOT NULL, byte_count UBIGINT NOT NULL,
    checksum VARCHAR NOT NULL,          -- BLAKE2b of the whole file, 32 bytes, hexadecimal
    first_observed_at TIMESTAMPTZ, last_observed_at TIMESTAMPTZ,
    made_at TIMESTAMPTZ NOT NULL);

ALTER TABLE internal.link_events RENAME TO link_events_1;
ALTER TABLE internal.links RENAME TO links_1;
ALTER TABLE internal.link_changes RENAME TO link_changes_1;
ALTER TABLE internal.life_changes RENAME TO life_changes_1;
ALTER TABLE internal.attribute_changes RENAME TO attribute_changes_1;
ALTER TABLE internal.velocity_delta RENAME TO velocity_delta_1;
ALTER TABLE internal.domain_keys RENAME TO domain_keys_1;
ALTER TABLE internal.domain_names RENAME TO domain_names_1;
ALTER TABLE internal.domain_scores RENAME TO domain_scores_1;
ALTER TABLE internal.page_scores RENAME TO page_scores_1;
ALTER TABLE internal.topic_scores RENAME TO topic_scores_1;
INSERT INTO internal.parts
SELECT table_name || '_1', table_name, 'hot', 1
FROM (SELECT unnest(['link_events', 'links', 'link_changes', 'life_changes', 'attribute_changes', 'velocity_delta',
                     'domain_keys', 'domain_names', 'domain_scores', 'page_scores', 'topic_scores']) AS table_name);
