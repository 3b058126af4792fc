-- The shop's tables, as a new shop has them.  A change here is also a step in
-- db_schema.c, which an older shop takes: schema_N.sql, with a number of its own.
-- One statement each, ended by a semicolon at a line's end.
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

CREATE INDEX IF NOT EXISTS product_shown ON product (position, id)
  WHERE published = 1;

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

-- Where product_category puts the published products, in the order in which a
-- collection shows them: the next one is a step in an index, however many there
-- are.  Triggers write it, and the next table (collections_sqlite.sql,
-- collections_pgsql.sql), whoever makes the change.
CREATE TABLE IF NOT EXISTS collection_product (
  product TEXT NOT NULL,
  slug TEXT NOT NULL,
  position INTEGER NOT NULL,      -- the product's
  PRIMARY KEY (product, slug)
) STRICT;

CREATE INDEX IF NOT EXISTS collection_product_order
  ON collection_product (slug, position, product);

-- How many are in a collection: of one with none there is no row.
CREATE TABLE IF NOT EXISTS collection (
  slug TEXT PRIMARY KEY,
  products INTEGER NOT NULL
) STRICT;

-- Another number after every change of a product that a page shows, but for its
-- stock; in the row '', of which products there are, where and in which order.
-- Triggers write it (marks_sqlite.sql, marks_pgsql.sql), whoever makes the
-- change: by it a page that was kept is known to be as good as a new one.
CREATE TABLE IF NOT EXISTS shelf_mark (
  product TEXT PRIMARY KEY,
  mark INTEGER NOT NULL           -- random: one that was there never returns
) STRICT;

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

CREATE INDEX IF NOT EXISTS session_seen ON session (seen_at);

CREATE INDEX IF NOT EXISTS session_empty ON session (seen_at)
  WHERE cart IS NULL AND email = '';

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
  id TEXT NOT NULL,               -- within the order: s1, u1, c1, r1, i1, p1, n1
  kind TEXT NOT NULL,             -- one of change_kinds (order_past.c)
  time INTEGER NOT NULL,
  amount INTEGER NOT NULL,        -- canceled or refunded
  reason TEXT NOT NULL,
  next_steps TEXT NOT NULL,
  tracking TEXT NOT NULL,
  url TEXT NOT NULL,
  company TEXT NOT NULL,
  shipment TEXT NOT NULL,         -- of a status: its shipment's id
  status TEXT NOT NULL,           -- of the shop's own: which
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

-- A customer's account.
CREATE TABLE IF NOT EXISTS account (
  id TEXT PRIMARY KEY,            -- random
  email TEXT NOT NULL,            -- as it was typed
  email_key TEXT NOT NULL UNIQUE, -- the same, case-folded
  password TEXT NOT NULL,         -- libsodium's argon2id text
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  phone TEXT NOT NULL,
  address1 TEXT NOT NULL,
  address2 TEXT NOT NULL,
  city TEXT NOT NULL,
  region TEXT NOT NULL,
  zip TEXT NOT NULL,
  country TEXT NOT NULL,
  cart TEXT REFERENCES cart (id) ON DELETE SET NULL, -- on every device
  changes INTEGER NOT NULL,       -- number of the last change; grows
  form TEXT NOT NULL,             -- key of the form that made it
  created_at INTEGER NOT NULL
) STRICT;

-- A session that is logged in.  It may outlast its login: as a guest's.
CREATE TABLE IF NOT EXISTS login (
  session TEXT PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
  account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  since INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS login_account ON login (account);

-- Orders that belong to an account; an order of a guest is in no row.
CREATE TABLE IF NOT EXISTS account_order (
  orders TEXT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
  account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX IF NOT EXISTS account_order_account ON account_order (account);

CREATE INDEX IF NOT EXISTS orders_session ON orders (session);

-- A forgotten password.  The link's token is derived of id and expires_at when
-- the mail is sent: it is nowhere here.
CREATE TABLE IF NOT EXISTS reset_request (
  id TEXT PRIMARY KEY,            -- random; no secret
  account TEXT REFERENCES account (id) ON DELETE CASCADE, -- NULL: unknown
  form TEXT NOT NULL UNIQUE,      -- key of the form that asked
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT;

CREATE INDEX IF NOT EXISTS reset_request_account ON reset_request (account);

CREATE INDEX IF NOT EXISTS reset_request_expires
  ON reset_request (expires_at);

-- Token buckets: how often somebody may try.
CREATE TABLE IF NOT EXISTS throttle (
  key TEXT PRIMARY KEY,           -- keyed hash of what for and who
  full_at INTEGER NOT NULL        -- when all tokens are there again
) STRICT;

CREATE INDEX IF NOT EXISTS throttle_full ON throttle (full_at);

-- What was written on the contact form.
CREATE TABLE IF NOT EXISTS lead (
  id TEXT PRIMARY KEY,            -- random
  form TEXT NOT NULL UNIQUE,      -- key of the form
  created_at INTEGER NOT NULL,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS lead_created ON lead (created_at);

-- What Klaviyo's catalog has, told by `catalog push`.
CREATE TABLE IF NOT EXISTS catalog_pushed (
  kind TEXT NOT NULL CHECK (kind IN ('item', 'variant')),
  product TEXT NOT NULL,          -- also of one that is gone since
  name TEXT NOT NULL,             -- of the variant; empty for an item
  hash TEXT NOT NULL,             -- of what was pushed; empty = unknown
  PRIMARY KEY (kind, product, name)
) STRICT;
