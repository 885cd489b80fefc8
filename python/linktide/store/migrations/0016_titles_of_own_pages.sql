-- A title as the list has it, and the key that the page has or would have; files are taken again, so no row stays without.
ALTER TABLE internal.own_pages ADD COLUMN title VARCHAR;
ALTER TABLE internal.own_pages ADD COLUMN page_key UBIGINT;
