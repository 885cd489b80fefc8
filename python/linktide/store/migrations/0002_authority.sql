-- Scores of pages, trust beside citation, and topical scores.
ALTER TABLE internal.domain_scores ADD COLUMN trust_mass DOUBLE; -- null while nobody is trusted
ALTER TABLE internal.domain_scores ADD COLUMN trust DOUBLE;

-- Sum of the priors of citation over that of trust: what makes the two comparable; null while nobody is trusted.
ALTER TABLE internal.writer ADD COLUMN trust_scale DOUBLE;
-- The topics whose seeds are set.
ALTER TABLE internal.writer ADD COLUMN topics VARCHAR[];

-- Published scores of pages, by the key of their URL; newest rev per page_key wins, a page without a row has 0.
CREATE TABLE internal.page_scores (
    page_key UBIGINT NOT NULL, domain_key UBIGINT NOT NULL,
    citation DOUBLE NOT NULL, authority DOUBLE NOT NULL, trust_mass DOUBLE, trust DOUBLE,
    scored_at TIMESTAMPTZ, rev UBIGINT NOT NULL);

-- Published scores of domains on a topic; newest rev per (domain_key, topic) wins.
CREATE TABLE internal.topic_scores (
    domain_key UBIGINT NOT NULL, topic VARCHAR NOT NULL, trust_mass DOUBLE NOT NULL, score DOUBLE NOT NULL,
    scored_at TIMESTAMPTZ, rev UBIGINT NOT NULL);
