-- Pages, targets and referrals. Every accepted offset is one row in exactly one of link_events, page_snapshots,
-- target_status and referrals, duplicates included.

-- Kind 7 of internal.link_events: a lost event of a source whose losses do not count; it observes nothing.

-- Every accepted page event. What it says of a link: listed in its set, a sighting; else, if it has a reason and its
-- source's losses count, a loss.
CREATE TABLE internal.page_snapshots (
    page_key UBIGINT NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL, record_at TIMESTAMPTZ NOT NULL,
    source_id UINTEGER NOT NULL, off UBIGINT NOT NULL,
    loss_reason VARCHAR,                -- of every link of the page not in the set; null: it does not speak of all
    accepts_losses BOOLEAN NOT NULL,
    set_id UBIGINT,                     -- what it lists; null: nothing
    page_url VARCHAR,                   -- normalised, where no link told it yet
    raw_page_url VARCHAR,               -- only where it differs from the normalised form
    extra VARCHAR,                      -- JSON object of all optional and unknown fields but the links
    rev UBIGINT NOT NULL);

-- What pages list, once per distinct content; a link stands once in a set.
CREATE TABLE internal.page_sets (
    set_id UBIGINT NOT NULL, link_id UBIGINT NOT NULL,
    anchor VARCHAR, rel VARCHAR, link_type VARCHAR,
    attributes VARCHAR,                 -- JSON object field → text of the other attributes, occurrences above 1 among them
    extra VARCHAR,                      -- JSON object of the entry's unknown fields
    raw_target_url VARCHAR,             -- only where it differs from the normalised form
    rev UBIGINT NOT NULL);

-- What targets answered; per target_key the greatest observed_at wins, then the greatest extra by bytes.
CREATE TABLE internal.target_status (
    target_key UBIGINT NOT NULL, target_url VARCHAR NOT NULL, raw_target_url VARCHAR,
    observed_at TIMESTAMPTZ NOT NULL, record_at TIMESTAMPTZ NOT NULL,
    source_id UINTEGER NOT NULL, off UBIGINT NOT NULL,
    http_code USMALLINT, extra VARCHAR, rev UBIGINT NOT NULL);

-- Visits over a link in a day as one source tells them; per (link_id, day, source) the greatest observed_at wins, then
-- the most visits, then the greatest extra by bytes. Never summed.
CREATE TABLE internal.referrals (
    link_id UBIGINT NOT NULL, source_key UBIGINT NOT NULL, target_key UBIGINT NOT NULL,
    source_url VARCHAR NOT NULL, target_url VARCHAR NOT NULL,
    day DATE NOT NULL, visits UBIGINT NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL, record_at TIMESTAMPTZ NOT NULL,
    source_id UINTEGER NOT NULL, off UBIGINT NOT NULL,
    extra VARCHAR, rev UBIGINT NOT NULL);
