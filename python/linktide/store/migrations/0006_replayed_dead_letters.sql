-- A dead letter that a replay made an event of keeps its row: the batch and the time of that, null while it waits.
ALTER TABLE internal.dead_letters ADD COLUMN replayed_rev UBIGINT;
ALTER TABLE internal.dead_letters ADD COLUMN replayed_at TIMESTAMPTZ;
