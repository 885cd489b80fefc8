-- Hours are appended batch by batch and summed up when read: finding each by a key cost more than all of judging.
CREATE TABLE internal.hours_told (
    domain_name VARCHAR NOT NULL, hour TIMESTAMPTZ NOT NULL,
    gained_dofollow INTEGER NOT NULL, gained_nofollow INTEGER NOT NULL,
    lost_dofollow INTEGER NOT NULL, lost_nofollow INTEGER NOT NULL);
INSERT INTO internal.hours_told FROM internal.tracked_hours;
DROP TABLE internal.tracked_hours;
ALTER TABLE internal.hours_told RENAME TO tracked_hours;

-- Whether a turn matters is told with it. Of those held while this was not so each may.
CREATE TABLE internal.turns_held (
    link_id UBIGINT NOT NULL, domain_name VARCHAR NOT NULL, change VARCHAR NOT NULL, changed_at TIMESTAMPTZ NOT NULL,
    is_dofollow BOOLEAN NOT NULL, is_recent BOOLEAN NOT NULL, is_important BOOLEAN NOT NULL,
    page_authority DOUBLE NOT NULL, domain_authority DOUBLE NOT NULL,
    attributes_at TIMESTAMPTZ, lost_reason VARCHAR);
INSERT INTO internal.turns_held
SELECT link_id, domain_name, change, changed_at, is_dofollow, is_recent,
       greatest(page_authority, domain_authority) > 0, page_authority, domain_authority, NULL, NULL
FROM internal.held_turns;
DROP TABLE internal.held_turns;
ALTER TABLE internal.turns_held RENAME TO held_turns;
