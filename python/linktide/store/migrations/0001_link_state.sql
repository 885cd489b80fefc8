-- The tables of link state: append-only, no primary key but on tiny tables, 64-bit keys for joins.
-- Every fold of change rows is by the newest `rev`, never by `observed_at`.
CREATE SCHEMA internal;

CREATE TABLE internal.migrations (
    version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL);

-- What is pinned for the life of the database: database_id, hash_seed, url_policy_version, psl_version.
CREATE TABLE internal.settings (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- Exactly one row: the newest committed batch.
CREATE TABLE internal.writer (
    rev UBIGINT NOT NULL,
    clock TIMESTAMPTZ,                  -- greatest observed_at accepted
    committed_at TIMESTAMPTZ NOT NULL,
    live_links UBIGINT NOT NULL,
    authority_error_bound DOUBLE NOT NULL,
    is_authority_shown BOOLEAN NOT NULL -- false: the graph is too small for a score that means anything
);

-- One row a partition of a source; its next_offset is the fence of exactly-once.
CREATE TABLE internal.source_offsets (
    source_id UINTEGER PRIMARY KEY,
    cluster VARCHAR NOT NULL, topic VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, part UINTEGER NOT NULL,
    next_offset UBIGINT NOT NULL, leader_epoch INTEGER NOT NULL,
    events UBIGINT NOT NULL, dead_letters UBIGINT NOT NULL,
    last_record_at TIMESTAMPTZ, updated_at TIMESTAMPTZ NOT NULL);

-- Raw observations: every accepted discovered, seen and lost event, duplicates included.
CREATE TABLE internal.link_events (
    link_id UBIGINT NOT NULL, source_key UBIGINT NOT NULL, target_key UBIGINT NOT NULL,
    s_dom_key UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL,
    kind UTINYINT NOT NULL,             -- 1 discovered, 2 seen, 3 lost
    observed_at TIMESTAMPTZ NOT NULL, record_at TIMESTAMPTZ NOT NULL,
    source_id UINTEGER NOT NULL, off UBIGINT NOT NULL,
    lost_reason VARCHAR,                -- of a lost event, as accepted
    rel VARCHAR,                        -- canonical tokens joined by a space; null = absent, '' = said to be empty
    anchor VARCHAR, link_type VARCHAR,
    extra VARCHAR,                      -- JSON object of all other optional and unknown fields
    raw_source_url VARCHAR, raw_target_url VARCHAR, -- only where they differ from the normalised form
    rev UBIGINT NOT NULL);

-- One wide row a link, written when it is first heard of; attributes are those of its earliest carrying instant.
CREATE TABLE internal.links (
    link_id UBIGINT NOT NULL, source_key UBIGINT NOT NULL, target_key UBIGINT NOT NULL,
    s_dom_key UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL,
    source_url VARCHAR NOT NULL, target_url VARCHAR NOT NULL,
    source_domain VARCHAR NOT NULL, target_domain VARCHAR NOT NULL,
    anchor VARCHAR, rel VARCHAR, link_type VARCHAR,
    attributes VARCHAR,                 -- JSON object field → text of the other attributes, or null
    attributes_at TIMESTAMPTZ,          -- the instant of all attributes in this row, null if it has none
    rev UBIGINT NOT NULL);

-- State: the registers of a link after a batch that moved them; newest rev wins.
CREATE TABLE internal.link_changes (
    link_id UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL,
    status UTINYINT NOT NULL,           -- 0 never sighted, 1 live, 2 live but suspect, 3 lost
    started_at TIMESTAMPTZ,             -- of the newest life
    last_seen TIMESTAMPTZ,              -- register S
    firm_loss_at TIMESTAMPTZ, firm_loss_reason VARCHAR, -- register F
    suspect_at TIMESTAMPTZ, suspect_before_at TIMESTAMPTZ, -- registers a > b
    rev UBIGINT NOT NULL);

-- Lives; newest rev per (link_id, started_at) wins, then void ones drop out.
CREATE TABLE internal.life_changes (
    link_id UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL, last_alive_at TIMESTAMPTZ, lost_at TIMESTAMPTZ, confirmed_at TIMESTAMPTZ,
    lost_reason VARCHAR, is_confirmed_by_event BOOLEAN NOT NULL, is_void BOOLEAN NOT NULL, rev UBIGINT NOT NULL);

-- Attribute runs that are not in the wide row; newest rev per (link_id, field, observed_at) wins, void ones drop out.
CREATE TABLE internal.attribute_changes (
    link_id UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL, field VARCHAR NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL, value VARCHAR NOT NULL, is_void BOOLEAN NOT NULL, rev UBIGINT NOT NULL);

-- Signed counts of lives of external links: new and restored at started_at, lost at confirmed_at.
CREATE TABLE internal.velocity_delta (
    t_dom_key UBIGINT NOT NULL, hour TIMESTAMPTZ NOT NULL,
    new_links INTEGER NOT NULL, restored_links INTEGER NOT NULL, lost_links INTEGER NOT NULL, rev UBIGINT NOT NULL);

CREATE TABLE internal.domain_names (domain_key UBIGINT NOT NULL, domain_name VARCHAR NOT NULL, rev UBIGINT NOT NULL);

-- Published scores; newest rev per domain_key wins. citation is the unnormalised x of the push system.
CREATE TABLE internal.domain_scores (
    domain_key UBIGINT NOT NULL, citation DOUBLE NOT NULL, authority DOUBLE NOT NULL,
    scored_at TIMESTAMPTZ, rev UBIGINT NOT NULL);

CREATE TABLE internal.dead_letters (
    source_id UINTEGER NOT NULL, off UBIGINT NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    record_at TIMESTAMPTZ NOT NULL, received_at TIMESTAMPTZ NOT NULL,
    bytes BLOB, byte_length UBIGINT NOT NULL, bytes_hash UBIGINT NOT NULL, rev UBIGINT NOT NULL);
