-- What people said of domains and pages that link. Nothing is changed or taken out: of a subject the newest row holds,
-- and the rows before it tell what held until then.
CREATE TABLE internal.reviews (
    review_number UBIGINT NOT NULL,     -- in the order in which they were told; noted_at never goes back in it
    subject VARCHAR NOT NULL,           -- registrable domain, or normalised URL
    subject_kind VARCHAR NOT NULL,      -- domain, url
    state VARCHAR,                      -- for_review, whitelist, remove, disavow; null: none from here on
    note VARCHAR, contact VARCHAR,      -- null: none from here on
    noted_at TIMESTAMPTZ NOT NULL, noted_by VARCHAR NOT NULL);
