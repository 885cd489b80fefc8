-- What the user tells of himself in the files of the section `mine`. The rows of a file are replaced whole, in the
-- transaction that says so in mine_files.
CREATE TABLE internal.mine_files (
    file_kind VARCHAR NOT NULL,         -- pages, blocklist, terms, placements, campaigns, source_rules
    file_name VARCHAR NOT NULL,
    content_hash VARCHAR,               -- of what is in force; null: nothing yet
    row_count UBIGINT NOT NULL, refused_rows UBIGINT NOT NULL,
    loaded_at TIMESTAMPTZ,
    refused_because VARCHAR, refused_at TIMESTAMPTZ); -- of a newer content, which is not in force

-- Rows that a file in force has and that were left out; the first of each file.
CREATE TABLE internal.mine_refusals (
    file_kind VARCHAR NOT NULL, file_name VARCHAR NOT NULL, line UBIGINT NOT NULL,
    column_name VARCHAR NOT NULL, value VARCHAR NOT NULL, reason VARCHAR NOT NULL);

CREATE TABLE internal.mine_domains (domain_name VARCHAR NOT NULL, role VARCHAR NOT NULL); -- role: own, rival
CREATE TABLE internal.own_pages (
    page_url VARCHAR NOT NULL, domain_name VARCHAR NOT NULL, published_at TIMESTAMPTZ, file_name VARCHAR NOT NULL);
CREATE TABLE internal.blocklist (domain_name VARCHAR NOT NULL, file_name VARCHAR NOT NULL);
CREATE TABLE internal.anchor_terms (
    target_domain VARCHAR NOT NULL, kind VARCHAR NOT NULL,  -- brand, money
    term VARCHAR NOT NULL, words VARCHAR NOT NULL,          -- as anchors are compared
    file_name VARCHAR NOT NULL);
CREATE TABLE internal.placements (
    link_id UBIGINT NOT NULL, source_key UBIGINT NOT NULL, t_dom_key UBIGINT NOT NULL,
    source_url VARCHAR NOT NULL, target_url VARCHAR NOT NULL,
    source_domain VARCHAR NOT NULL, target_domain VARCHAR NOT NULL,
    expected_rel VARCHAR, expected_anchor VARCHAR, expected_words VARCHAR, -- rel: a token, or followed; null: any
    live_from TIMESTAMPTZ, paid_until TIMESTAMPTZ, grace_days UINTEGER NOT NULL, campaign VARCHAR,
    file_name VARCHAR NOT NULL, line UBIGINT NOT NULL);
CREATE TABLE internal.campaigns (
    campaign VARCHAR NOT NULL, goal UBIGINT, spend DOUBLE, from_at TIMESTAMPTZ, until_at TIMESTAMPTZ,
    file_name VARCHAR NOT NULL);

-- The rules that tell kinds of sources, in the order in which they are asked; those of the user before ours.
CREATE TABLE internal.source_rules (
    rule_number UINTEGER NOT NULL, rule VARCHAR NOT NULL, is_yours BOOLEAN NOT NULL,
    source_kind VARCHAR, acquisition VARCHAR,               -- null: the rule says nothing of it
    domains VARCHAR[] NOT NULL, hosts VARCHAR[] NOT NULL, url VARCHAR, generator VARCHAR, rel VARCHAR, semantic_location VARCHAR,
    link_type VARCHAR, links_external_from UINTEGER, kinds VARCHAR[] NOT NULL, told VARCHAR);
CREATE TABLE internal.source_domains (domain_name VARCHAR NOT NULL, rule_numbers UINTEGER[] NOT NULL);
