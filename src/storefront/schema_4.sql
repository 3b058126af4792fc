-- Schema version 4: accounts, leads, the catalogue as it was pushed, and indexes.
-- Released, and so never changed.

CREATE INDEX IF NOT EXISTS variant_sku ON variant (sku);

CREATE INDEX IF NOT EXISTS session_seen ON session (seen_at);

CREATE INDEX IF NOT EXISTS session_empty ON session (seen_at)
  WHERE cart IS NULL AND email = '';

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
