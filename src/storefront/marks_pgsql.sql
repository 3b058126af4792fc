-- What keeps shelf_mark (schema.sql), on PostgreSQL.  One statement each, ended
-- by a semicolon at a line's end: within a function none stands there.
--
-- A transaction marks a row once, however much it changes: its own versions of
-- one row would pile up, and an import would take the square of its time.

CREATE OR REPLACE FUNCTION shelf_mark(what TEXT) RETURNS void AS $$
  INSERT INTO shelf_mark (product, mark)
  VALUES (what, (random() * 9007199254740991)::BIGINT)
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark
  WHERE shelf_mark.xmin::TEXT::BIGINT <> txid_current() % 4294967296
$$ LANGUAGE sql;

-- Of the row '' a setting tells, which lasts as long as what has marked it: a
-- transaction, or what of it is taken back.  An import asks many times.
CREATE OR REPLACE FUNCTION shelf_marked() RETURNS void AS $$ BEGIN
  IF COALESCE(current_setting('storefront.marked', true), '') = '' THEN
  PERFORM shelf_mark(''); PERFORM set_config('storefront.marked', 'yes',
  true); END IF; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION mark_shelf() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_marked(); RETURN NULL; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION mark_product_out() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_marked(); DELETE FROM shelf_mark WHERE product = OLD.id; RETURN
  NULL; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION mark_product() RETURNS trigger AS $$ BEGIN
  PERFORM shelf_mark(NEW.id); RETURN NULL; END $$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION mark_variant() RETURNS trigger AS $$ BEGIN IF
  TG_OP <> 'INSERT' THEN PERFORM shelf_mark(OLD.product); END IF; IF
  TG_OP <> 'DELETE' THEN PERFORM shelf_mark(NEW.product); END IF; RETURN
  NULL; END $$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS mark_product_in ON product;
CREATE TRIGGER mark_product_in AFTER INSERT OR TRUNCATE ON product
  FOR EACH STATEMENT EXECUTE FUNCTION mark_shelf();

DROP TRIGGER IF EXISTS mark_product_out ON product;
CREATE TRIGGER mark_product_out AFTER DELETE ON product
  FOR EACH ROW EXECUTE FUNCTION mark_product_out();

DROP TRIGGER IF EXISTS mark_product_moved ON product;
CREATE TRIGGER mark_product_moved AFTER UPDATE OF id, handle, published,
  position, image ON product
  FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
  OR OLD.handle IS DISTINCT FROM NEW.handle
  OR OLD.published IS DISTINCT FROM NEW.published
  OR OLD.position IS DISTINCT FROM NEW.position
  OR OLD.image IS DISTINCT FROM NEW.image)
  EXECUTE FUNCTION mark_shelf();

DROP TRIGGER IF EXISTS mark_product ON product;
CREATE TRIGGER mark_product AFTER UPDATE OF title, body, vendor,
  image_alt ON product
  FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title
  OR OLD.body IS DISTINCT FROM NEW.body
  OR OLD.vendor IS DISTINCT FROM NEW.vendor
  OR OLD.image_alt IS DISTINCT FROM NEW.image_alt)
  EXECUTE FUNCTION mark_product();

DROP TRIGGER IF EXISTS mark_variant_in ON variant;
CREATE TRIGGER mark_variant_in AFTER INSERT OR DELETE ON variant
  FOR EACH ROW EXECUTE FUNCTION mark_variant();

DROP TRIGGER IF EXISTS mark_variant ON variant;
CREATE TRIGGER mark_variant AFTER UPDATE OF id, product, name, sku, price,
  compare_at, oversell, position ON variant
  FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id
  OR OLD.product IS DISTINCT FROM NEW.product
  OR OLD.name IS DISTINCT FROM NEW.name
  OR OLD.sku IS DISTINCT FROM NEW.sku
  OR OLD.price IS DISTINCT FROM NEW.price
  OR OLD.compare_at IS DISTINCT FROM NEW.compare_at
  OR OLD.oversell IS DISTINCT FROM NEW.oversell
  OR OLD.position IS DISTINCT FROM NEW.position)
  EXECUTE FUNCTION mark_variant();

DROP TRIGGER IF EXISTS mark_category ON product_category;
CREATE TRIGGER mark_category AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
  ON product_category
  FOR EACH STATEMENT EXECUTE FUNCTION mark_shelf();

DROP TRIGGER IF EXISTS mark_variants_out ON variant;
CREATE TRIGGER mark_variants_out AFTER TRUNCATE ON variant
  FOR EACH STATEMENT EXECUTE FUNCTION mark_shelf();
