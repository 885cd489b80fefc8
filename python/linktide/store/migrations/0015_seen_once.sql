-- Of a link of which nothing was known but one sighting when its wide row was written: that instant. The row then says
-- the first state of the link (live, seen at that instant) and its first life (since that instant), and no row of
-- link_changes or life_changes says them again. Null: those tables say all. Rows of before this migration have null.
ALTER TABLE internal."{links}" ADD COLUMN seen_at TIMESTAMPTZ;
