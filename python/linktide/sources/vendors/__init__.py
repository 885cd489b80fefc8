"""CSV exports of vendors as files of events: one table of mappings, one reader."""
