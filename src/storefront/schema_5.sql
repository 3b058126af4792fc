-- Schema version 5: marks of what has changed in the catalogue; the triggers that
-- write them are marks_sqlite.sql's and marks_pgsql.sql's.  Released, and so never
-- changed.

CREATE TABLE IF NOT EXISTS shelf_mark (
  product TEXT PRIMARY KEY,
  mark INTEGER NOT NULL           -- random: one that was there never returns
) STRICT;
