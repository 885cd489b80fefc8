-- Where a partition was not continued at its stored position; one row a jump, beside the batch that made it.
CREATE TABLE internal.offset_jumps (
    source_id UINTEGER NOT NULL,
    kind VARCHAR NOT NULL,              -- begun: its first commit was above offset 0; else why, as docs/operations.md says
    left_offset UBIGINT NOT NULL,       -- where it stood; 0 of one that was never stored
    resumed_offset UBIGINT NOT NULL,    -- below left_offset: what lies between was stored of another log, too
    rev UBIGINT NOT NULL, noted_at TIMESTAMPTZ NOT NULL);

-- Offsets that were never stored and are not stored yet; stretches of a partition do not overlap. What was erased is
-- not among them.
CREATE TABLE internal.offset_gaps (
    source_id UINTEGER NOT NULL,
    first_offset UBIGINT NOT NULL, end_offset UBIGINT NOT NULL, -- end: the offset after the last
    noted_at TIMESTAMPTZ NOT NULL);
