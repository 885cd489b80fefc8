-- Tables that the user loaded, to join ours with; one row for each table of the schema own that is whole.
CREATE SCHEMA own;
CREATE TABLE internal.own_tables (
    name VARCHAR NOT NULL,
    row_count UBIGINT NOT NULL, size_bytes UBIGINT NOT NULL,    -- size: as Arrow
    loaded_at TIMESTAMPTZ NOT NULL);
