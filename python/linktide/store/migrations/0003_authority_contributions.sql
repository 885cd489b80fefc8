-- What makes up the citation of tracked domains, written in the first batch of each day of event time: the largest
-- in-edges, and one row without a source: what the other `links` pass together, the prior, and the sum of all. Of
-- one domain and rev: citation = prior + the sum of the contributions, to rounding.
CREATE TABLE internal.authority_contributions (
    domain_key UBIGINT NOT NULL,
    source_dom_key UBIGINT,             -- null: the row of the rest
    source_citation DOUBLE, weight DOUBLE, out_weight DOUBLE,
    contribution DOUBLE NOT NULL,       -- α · source_citation · weight / out_weight
    links UBIGINT NOT NULL,             -- edges in this row
    prior DOUBLE, citation DOUBLE,      -- of the domain, in the row of the rest
    scored_at TIMESTAMPTZ NOT NULL, rev UBIGINT NOT NULL);
