-- What keeps the collections (schema.sql), on SQLite.  One statement each,
-- ended by a semicolon at a line's end: within a trigger none stands there.
--
-- What a program with OR REPLACE, or without foreign keys, takes away or puts in
-- before its product, no trigger is told: so the insertion looks what is there.
-- In the WHEN: an INSERT with a SELECT would make a table in memory each time,
-- which an import would feel.

CREATE TRIGGER IF NOT EXISTS place_category_in AFTER INSERT
  ON product_category WHEN NEW.slug <> ''
  AND (SELECT published FROM product WHERE id = NEW.product) = 1
  AND NOT EXISTS (SELECT 1 FROM collection_product
  WHERE product = NEW.product AND slug = NEW.slug) BEGIN
  INSERT INTO collection_product (product, slug, position) VALUES (NEW.product,
  NEW.slug, (SELECT position FROM product WHERE id = NEW.product)); END;

CREATE TRIGGER IF NOT EXISTS place_category_out AFTER DELETE
  ON product_category BEGIN
  DELETE FROM collection_product
  WHERE product = OLD.product AND slug = OLD.slug; END;

CREATE TRIGGER IF NOT EXISTS place_category_moved AFTER UPDATE OF
  product, slug ON product_category
  WHEN OLD.product IS NOT NEW.product OR OLD.slug IS NOT NEW.slug BEGIN
  DELETE FROM collection_product
  WHERE product = OLD.product AND slug = OLD.slug; INSERT INTO
  collection_product (product, slug, position)
  SELECT id, NEW.slug, position FROM product
  WHERE id = NEW.product AND published = 1 AND NEW.slug <> ''
  AND NOT EXISTS (SELECT 1 FROM collection_product
  WHERE product = NEW.product AND slug = NEW.slug); END;

CREATE TRIGGER IF NOT EXISTS place_product_in AFTER INSERT ON product
  WHEN EXISTS (SELECT 1 FROM product_category WHERE product = NEW.id)
  OR EXISTS (SELECT 1 FROM collection_product WHERE product = NEW.id) BEGIN
  DELETE FROM collection_product WHERE product = NEW.id; INSERT INTO
  collection_product (product, slug, position)
  SELECT product, slug, NEW.position FROM product_category
  WHERE product = NEW.id AND slug <> '' AND NEW.published = 1; END;

CREATE TRIGGER IF NOT EXISTS place_product_out AFTER DELETE ON product BEGIN
  DELETE FROM collection_product WHERE product = OLD.id; END;

CREATE TRIGGER IF NOT EXISTS place_product_moved AFTER UPDATE OF
  id, published, position ON product
  WHEN OLD.id IS NOT NEW.id
  OR OLD.published IS NOT NEW.published
  OR OLD.position IS NOT NEW.position BEGIN
  DELETE FROM collection_product WHERE product IN (OLD.id, NEW.id); INSERT INTO
  collection_product (product, slug, position)
  SELECT product, slug, NEW.position FROM product_category
  WHERE product = NEW.id AND slug <> '' AND NEW.published = 1; END;

CREATE TRIGGER IF NOT EXISTS count_place_in AFTER INSERT
  ON collection_product BEGIN
  INSERT INTO collection (slug, products) VALUES (NEW.slug, 1)
  ON CONFLICT (slug) DO UPDATE SET products = products + 1; END;

CREATE TRIGGER IF NOT EXISTS count_place_out AFTER DELETE
  ON collection_product BEGIN
  UPDATE collection SET products = products - 1
  WHERE slug = OLD.slug; DELETE FROM collection
  WHERE slug = OLD.slug AND products < 1; END;
