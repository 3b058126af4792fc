-- A shop as the first release's `storefront init` and one day's work left it:
-- schema version 1, with rows in every table.  Never changed: shops like it are
-- out there.  A statement ends with a semicolon at a line's end.

CREATE TABLE IF NOT EXISTS meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS product (
  id TEXT PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  vendor TEXT NOT NULL,
  image TEXT NOT NULL,
  image_alt TEXT NOT NULL,
  published INTEGER NOT NULL,
  position INTEGER NOT NULL,
  search TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS product_position ON product (position);

CREATE TABLE IF NOT EXISTS variant (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product TEXT NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  sku TEXT NOT NULL,
  price INTEGER NOT NULL CHECK (price >= 0),
  compare_at INTEGER NOT NULL CHECK (compare_at >= 0),
  stock INTEGER NOT NULL,
  oversell INTEGER NOT NULL,
  position INTEGER NOT NULL,
  UNIQUE (product, name)
) STRICT;

CREATE TABLE IF NOT EXISTS product_category (
  product TEXT NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (product, slug)
) STRICT;

CREATE INDEX IF NOT EXISTS product_category_slug ON product_category (slug);

CREATE TABLE IF NOT EXISTS cart (
  id TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS cart_line (
  cart TEXT NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
  variant INTEGER NOT NULL REFERENCES variant (id) ON DELETE CASCADE,
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 999),
  position INTEGER NOT NULL,
  PRIMARY KEY (cart, variant)
) STRICT;

CREATE TABLE IF NOT EXISTS cart_added (
  cart TEXT NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  variant INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (cart, revision)
) STRICT;

CREATE TABLE IF NOT EXISTS session (
  id TEXT PRIMARY KEY,
  cart TEXT REFERENCES cart (id) ON DELETE SET NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS shipping_method (
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  whenthere TEXT NOT NULL,
  price INTEGER NOT NULL,
  free_from INTEGER,
  position INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS discount (
  code TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('percent', 'amount', 'shipping')),
  value INTEGER NOT NULL,
  minimum INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY,
  session TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  body_hash TEXT NOT NULL,
  time INTEGER NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL,
  shipping_address TEXT NOT NULL,
  billing_address TEXT NOT NULL,
  shipping_name TEXT NOT NULL,
  discount_code TEXT NOT NULL,
  subtotal INTEGER NOT NULL,
  discount INTEGER NOT NULL,
  shipping INTEGER NOT NULL,
  total INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS orders_time ON orders (time);

CREATE TABLE IF NOT EXISTS order_line (
  orders TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  line INTEGER NOT NULL,
  variant INTEGER NOT NULL,
  product TEXT NOT NULL,
  handle TEXT NOT NULL,
  title TEXT NOT NULL,
  variant_name TEXT NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT NOT NULL,
  image TEXT NOT NULL,
  categories TEXT NOT NULL,
  price INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (orders, line)
) STRICT;

CREATE TABLE IF NOT EXISTS klaviyo_outbox (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  lane INTEGER NOT NULL,
  profile TEXT NOT NULL,
  event TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER,
  claim TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  sent_at INTEGER,
  error TEXT) STRICT;

CREATE INDEX IF NOT EXISTS klaviyo_outbox_due ON klaviyo_outbox (lane, due_at, created_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS klaviyo_sender (
  one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
  paused_until INTEGER NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  refused_run INTEGER NOT NULL DEFAULT 0,
  last_sent INTEGER NOT NULL DEFAULT 0) STRICT;

INSERT INTO klaviyo_sender (one) VALUES (1) ON CONFLICT DO NOTHING;

INSERT INTO meta VALUES ('schema', '1'), ('currency', 'USD');
INSERT INTO product VALUES
  ('1111', 'winnie-the-pooh', 'Winnie the Pooh', 'A bear of very little brain.

And honey.', 'Kids Books', 'winnie-the-pooh.png', 'A bear', 1, 1, 'winnie the pooh', 1700000000),
  ('2222', 'hostile', '</script><!--<script>"''&', 'Größe ☃', 'O''Brien & Sons', '', '', 0, 2, 'hostile', 1700000001);
INSERT INTO variant VALUES
  (1, '1111', '', 'WINNIEPOOH', 999, 1299, 12, 0, 1),
  (7, '2222', 'Small / Blue', 'H-"S"', 1500, 0, 0, 1, 1);
INSERT INTO product_category VALUES
  ('1111', 'fiction', 'Fiction', 1), ('1111', 'children', 'Children', 2);
INSERT INTO cart VALUES ('c4rt0000000000000000', 3, 1700000100, 1700000200);
INSERT INTO cart_line VALUES ('c4rt0000000000000000', 1, 2, 1);
INSERT INTO cart_added VALUES ('c4rt0000000000000000', 3, 1, 2);
INSERT INTO session VALUES
  ('5e55100000000000', 'c4rt0000000000000000', 'sarah.mason@klaviyo-demo.com', '+15005550006', 'Sarah', 'Mason', 1700000100, 1700000200),
  ('5e55200000000000', NULL, '', '', '', '', 1700000100, 1700000200);
INSERT INTO shipping_method VALUES
  ('standard', 'Standard delivery', '3 to 5 working days', 695, 9000, 1),
  ('drone', 'By drone', 'in an hour', 2500, NULL, 4);
INSERT INTO discount VALUES ('OLD20', 'percent', 20, 0);
INSERT INTO orders VALUES
  ('k7q2mx40d9k7q2mx40d9', '5e55100000000000', 'key-1', 'hash-1', 1700000300, 'USD', 'placed', 'sarah.mason@klaviyo-demo.com', '+15005550006',
   'Sarah
Mason
125 Summer St
5th floor
Boston
Massachusetts
02110
US', '', 'Standard delivery', '', 1998, 0, 695, 2693);
INSERT INTO order_line VALUES
  ('k7q2mx40d9k7q2mx40d9', 1, 1, '1111', 'winnie-the-pooh', 'Winnie the Pooh', '', 'WINNIEPOOH', 'Kids Books', 'winnie-the-pooh.png', 'Fiction
Children', 999, 2);
INSERT INTO klaviyo_outbox VALUES
  ('Placed Order/k7q2mx40d9k7q2mx40d9', 'event', 0, '', '', 1700000300, NULL, NULL, 1, 1700000301, NULL),
  ('Ordered Product/k7q2mx40d9k7q2mx40d9:1', 'event', 0, '{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com"}}',
   '{"properties":{"OrderId":"k7q2mx40d9k7q2mx40d9","ProductName":"Winnie the Pooh"},"time":"2023-11-14T22:18:20Z","value":19.98,"value_currency":"USD","unique_id":"k7q2mx40d9k7q2mx40d9:1","metric":{"data":{"type":"metric","attributes":{"name":"Ordered Product"}}}}',
   1700000300, 1700000300, NULL, 0, NULL, NULL),
  ('Placed Order/deadbeef', 'event', 0, '{"type":"profile","attributes":{"email":"x"}}', '{}', 1700000000, NULL, NULL, 1, NULL, '400 invalid');
UPDATE klaviyo_sender SET last_sent = 1700000301;
