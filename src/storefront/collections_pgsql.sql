-- What keeps the collections (schema.sql), on PostgreSQL.  One statement each,
-- ended by a semicolon at a line's end: within a function none stands there.
--
-- Whoever changes a collection holds the row '' of shelf_mark first: so two who
-- change the same ones in another order wait for each other there, and nowhere
-- else, and each sees what the one before has left.
--
-- A transaction does not count in one row again and again, for the reason that
-- marks_pgsql.sql says: it notes what it changes in a table that nobody else
-- reads, and its COMMIT adds that up.  Until then the counts are as they were.
-- The first note calls for that, by a setting that lasts as long as the note:
-- where constraints are not deferred each note is added at once, and is a first.

CREATE TABLE IF NOT EXISTS collection_change (
  txid BIGINT NOT NULL,
  slug TEXT NOT NULL,
  products BIGINT NOT NULL,
  first BOOLEAN NOT NULL
);

CREATE INDEX IF NOT EXISTS collection_change_txid ON collection_change (txid);

CREATE OR REPLACE FUNCTION collection_note(what TEXT, n BIGINT) RETURNS BIGINT
  AS $$ DECLARE is_first BOOLEAN := COALESCE(current_setting(
  'storefront.noted', true), '') = ''; BEGIN IF is_first THEN
  PERFORM set_config('storefront.noted', 'yes', true); END IF; INSERT INTO
  collection_change (txid, slug, products, first) VALUES (txid_current(),
  what, n, is_first); RETURN n; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION collection_sum() RETURNS trigger AS $$ BEGIN
  PERFORM set_config('storefront.noted', '', true); WITH gone AS (
  DELETE FROM collection_change WHERE txid = txid_current()
  RETURNING slug, products) INSERT INTO collection (slug, products)
  SELECT slug, n FROM (SELECT slug, SUM(products)::BIGINT AS n FROM gone
  GROUP BY slug) g WHERE n <> 0 ORDER BY slug ON CONFLICT (slug)
  DO UPDATE SET products = collection.products + excluded.products; DELETE FROM
  collection WHERE products = 0; RETURN NULL; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION place_category_in() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_marked(); INSERT INTO collection_product (product, slug,
  position) SELECT id, NEW.slug, position FROM product
  WHERE id = NEW.product AND published = 1 AND NEW.slug <> ''
  ON CONFLICT DO NOTHING; IF FOUND THEN PERFORM collection_note(NEW.slug,
  1); END IF; RETURN NULL; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION place_category_out() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_marked(); DELETE FROM collection_product
  WHERE product = OLD.product AND slug = OLD.slug; IF FOUND THEN
  PERFORM collection_note(OLD.slug, -1); END IF; RETURN NULL; END
  $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION place_product_moved() RETURNS trigger AS $$
  DECLARE n BIGINT; BEGIN
  PERFORM shelf_marked(); WITH gone AS (DELETE FROM collection_product
  WHERE product IN (OLD.id, NEW.id) RETURNING slug)
  SELECT SUM(collection_note(slug, -1)) FROM gone INTO n; WITH placed AS (
  INSERT INTO collection_product (product, slug, position)
  SELECT product, slug, NEW.position FROM product_category
  WHERE product = NEW.id AND slug <> '' AND NEW.published = 1
  ON CONFLICT DO NOTHING RETURNING slug)
  SELECT SUM(collection_note(slug, 1)) FROM placed INTO n; RETURN NULL; END
  $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION place_none() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_marked(); DELETE FROM collection_product; DELETE FROM
  collection; DELETE FROM collection_change; RETURN NULL; END
  $$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS place_category_in ON product_category;
CREATE TRIGGER place_category_in AFTER INSERT ON product_category
  FOR EACH ROW EXECUTE FUNCTION place_category_in();

DROP TRIGGER IF EXISTS place_category_out ON product_category;
CREATE TRIGGER place_category_out AFTER DELETE ON product_category
  FOR EACH ROW EXECUTE FUNCTION place_category_out();

DROP TRIGGER IF EXISTS place_category_moved_1 ON product_category;
CREATE TRIGGER place_category_moved_1 AFTER UPDATE OF product, slug
  ON product_category
  FOR EACH ROW WHEN (OLD.product IS DISTINCT FROM NEW.product
  OR OLD.slug IS DISTINCT FROM NEW.slug)
  EXECUTE FUNCTION place_category_out();

DROP TRIGGER IF EXISTS place_category_moved_2 ON product_category;
CREATE TRIGGER place_category_moved_2 AFTER UPDATE OF product, slug
  ON product_category
  FOR EACH ROW WHEN (OLD.product IS DISTINCT FROM NEW.product
  OR OLD.slug IS DISTINCT FROM NEW.slug)
  EXECUTE FUNCTION place_category_in();

DROP TRIGGER IF EXISTS place_none ON product_category;
CREATE TRIGGER place_none AFTER TRUNCATE ON product_category
  FOR EACH STATEMENT EXECUTE FUNCTION place_none();

DROP TRIGGER IF EXISTS place_product_moved ON product;
CREATE TRIGGER place_product_moved AFTER UPDATE OF id, published, position
  ON product
  FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
  OR OLD.published IS DISTINCT FROM NEW.published
  OR OLD.position IS DISTINCT FROM NEW.position)
  EXECUTE FUNCTION place_product_moved();

DROP TRIGGER IF EXISTS collection_sum ON collection_change;
CREATE CONSTRAINT TRIGGER collection_sum AFTER INSERT ON collection_change
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.first) EXECUTE FUNCTION collection_sum();
