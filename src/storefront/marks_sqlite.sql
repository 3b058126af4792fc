-- What keeps shelf_mark (schema.sql), on SQLite.  One statement each, ended by a
-- semicolon at a line's end: within a trigger none stands there.

CREATE TRIGGER IF NOT EXISTS mark_product_in AFTER INSERT ON product BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES ('', random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_product_out AFTER DELETE ON product BEGIN
  DELETE FROM shelf_mark WHERE product = OLD.id; INSERT INTO
  shelf_mark (product, mark) VALUES ('', random()) ON CONFLICT (product)
  DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_product_moved AFTER UPDATE OF
  id, handle, published, position, image ON product
  WHEN OLD.id IS NOT NEW.id
  OR OLD.handle IS NOT NEW.handle
  OR OLD.published IS NOT NEW.published
  OR OLD.position IS NOT NEW.position
  OR OLD.image IS NOT NEW.image BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES ('', random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_product AFTER UPDATE OF
  title, body, vendor, image_alt ON product
  WHEN OLD.title IS NOT NEW.title
  OR OLD.body IS NOT NEW.body
  OR OLD.vendor IS NOT NEW.vendor
  OR OLD.image_alt IS NOT NEW.image_alt BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES (NEW.id, random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_variant_in AFTER INSERT ON variant BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES (NEW.product, random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_variant_out AFTER DELETE ON variant BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES (OLD.product, random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_variant AFTER UPDATE OF
  id, product, name, sku, price, compare_at, oversell, position ON variant
  WHEN OLD.id IS NOT NEW.id
  OR OLD.product IS NOT NEW.product
  OR OLD.name IS NOT NEW.name
  OR OLD.sku IS NOT NEW.sku
  OR OLD.price IS NOT NEW.price
  OR OLD.compare_at IS NOT NEW.compare_at
  OR OLD.oversell IS NOT NEW.oversell
  OR OLD.position IS NOT NEW.position BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES (OLD.product, random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; INSERT INTO
  shelf_mark (product, mark) VALUES (NEW.product, random()) ON CONFLICT
  (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_category_in AFTER INSERT
  ON product_category BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES ('', random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_category_out AFTER DELETE
  ON product_category BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES ('', random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;

CREATE TRIGGER IF NOT EXISTS mark_category_changed AFTER UPDATE
  ON product_category BEGIN
  INSERT INTO shelf_mark (product, mark) VALUES ('', random())
  ON CONFLICT (product) DO UPDATE SET mark = excluded.mark; END;
