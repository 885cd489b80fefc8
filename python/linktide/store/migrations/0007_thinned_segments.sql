-- How far raw observations of a segment have expired: its rows older than this were looked at, and of these went what
-- defines nothing, unless it was too little to write the file anew. Null: not looked at yet.
ALTER TABLE internal.segments ADD COLUMN thinned_before_at TIMESTAMPTZ;
-- Rows that went so far.
ALTER TABLE internal.segments ADD COLUMN thinned_rows UBIGINT DEFAULT 0;
