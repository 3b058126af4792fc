-- Schema version 3: what happens to an order.  Released, and so never changed.

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
