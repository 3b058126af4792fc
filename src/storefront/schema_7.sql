-- Schema version 7: the collections, in order and counted; the triggers that keep
-- them are collections_sqlite.sql's and collections_pgsql.sql's, and what is there
-- already is filled in by collections_fill.sql.  Released, and so never changed.

CREATE INDEX IF NOT EXISTS product_shown ON product (position, id)
  WHERE published = 1;

DROP INDEX IF EXISTS product_category_slug;

CREATE TABLE IF NOT EXISTS collection_product (
  product TEXT NOT NULL,
  slug TEXT NOT NULL,
  position INTEGER NOT NULL,      -- the product's
  PRIMARY KEY (product, slug)
) STRICT;

CREATE INDEX IF NOT EXISTS collection_product_order
  ON collection_product (slug, position, product);

CREATE TABLE IF NOT EXISTS collection (
  slug TEXT PRIMARY KEY,
  products INTEGER NOT NULL
) STRICT;
