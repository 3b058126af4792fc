-- The shop's tables.  One statement each, ended by a semicolon at a line's end.
-- Money is in minor units of meta's currency, times are Unix seconds.

CREATE TABLE IF NOT EXISTS meta (
  name TEXT PRIMARY KEY,          -- schema, currency
  value TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS product (
  id TEXT PRIMARY KEY,            -- Klaviyo's ProductID
  handle TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  body TEXT NOT NULL,             -- text; paragraphs parted by blank lines
  vendor TEXT NOT NULL,
  image TEXT NOT NULL,
  image_alt TEXT NOT NULL,
  published INTEGER NOT NULL,     -- 0 or 1
  position INTEGER NOT NULL,      -- order in the shop
  search TEXT NOT NULL,           -- case-folded title, vendor, categories, body
  changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS product_position ON product (position);

CREATE TABLE IF NOT EXISTS variant (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never one that a stale form knows
  product TEXT NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  name TEXT NOT NULL,             -- "Small / Blue"; empty = the only one
  sku TEXT NOT NULL,
  price INTEGER NOT NULL CHECK (price >= 0),
  compare_at INTEGER NOT NULL CHECK (compare_at >= 0),
  stock INTEGER NOT NULL,
  oversell INTEGER NOT NULL,      -- 1 = sold even without stock
  position INTEGER NOT NULL,
  UNIQUE (product, name)
) STRICT;

CREATE INDEX IF NOT EXISTS variant_sku ON variant (sku);

CREATE TABLE IF NOT EXISTS product_category (
  product TEXT NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  slug TEXT NOT NULL,             -- /collections/SLUG
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (product, slug)
) STRICT;

CREATE INDEX IF NOT EXISTS product_category_slug ON product_category (slug);

CREATE TABLE IF NOT EXISTS cart (
  id TEXT PRIMARY KEY,            -- random
  revision INTEGER NOT NULL,      -- grows with every change
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

-- Added by a form post and not yet reported by a page: taken once.
CREATE TABLE IF NOT EXISTS cart_added (
  cart TEXT NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  variant INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (cart, revision)
) STRICT;

CREATE TABLE IF NOT EXISTS session (
  id TEXT PRIMARY KEY,            -- hash of the cookie's token
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
  whenthere TEXT NOT NULL,        -- "3 to 5 working days"
  price INTEGER NOT NULL,
  free_from INTEGER,              -- subtotal from which it costs nothing
  position INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS discount (
  code TEXT PRIMARY KEY,          -- upper case
  kind TEXT NOT NULL CHECK (kind IN ('percent', 'amount', 'shipping')),
  value INTEGER NOT NULL,         -- percent, or minor units
  minimum INTEGER NOT NULL        -- subtotal from which it applies
) STRICT;

CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY,            -- random, never a counter
  session TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,       -- the form's idempotency key
  body_hash TEXT NOT NULL,        -- of what was posted with it
  time INTEGER NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL,
  shipping_address TEXT NOT NULL, -- eight fields, newline-separated
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
  line INTEGER NOT NULL,          -- 1..
  variant INTEGER NOT NULL,
  product TEXT NOT NULL,
  handle TEXT NOT NULL,
  title TEXT NOT NULL,
  variant_name TEXT NOT NULL,
  sku TEXT NOT NULL,
  vendor TEXT NOT NULL,
  image TEXT NOT NULL,
  categories TEXT NOT NULL,       -- newline-separated names
  price INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (orders, line)
) STRICT;

-- What happened to an order after it was placed.
CREATE TABLE IF NOT EXISTS order_change (
  orders TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  id TEXT NOT NULL,               -- within the order: s1, u1, c1, r1, i1, p1
  kind TEXT NOT NULL CHECK (kind IN
    ('shipment', 'status', 'cancel', 'refund', 'invoice', 'payment')),
  time INTEGER NOT NULL,
  amount INTEGER NOT NULL,        -- canceled or refunded
  reason TEXT NOT NULL,
  next_steps TEXT NOT NULL,
  tracking TEXT NOT NULL,
  url TEXT NOT NULL,
  company TEXT NOT NULL,
  shipment TEXT NOT NULL,         -- of a status: its shipment's id
  status TEXT NOT NULL,
  missing TEXT NOT NULL,          -- of an invoice, newline-separated
  PRIMARY KEY (orders, id)
) STRICT;

CREATE INDEX IF NOT EXISTS order_change_time ON order_change (time);

-- The units that a shipment, cancellation or refund is about.
CREATE TABLE IF NOT EXISTS order_change_line (
  orders TEXT NOT NULL,
  change TEXT NOT NULL,
  line INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (orders, change, line),
  FOREIGN KEY (orders, change)
    REFERENCES order_change (orders, id) ON DELETE CASCADE
) STRICT;
