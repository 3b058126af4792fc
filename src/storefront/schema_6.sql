-- Schema version 6: a change of an order may be of the shop's own kind.
-- Released, and so never changed.

-- No engine's words for taking a CHECK away are the other's: the rows step
-- aside while the tables are made anew.
CREATE TABLE order_change_old AS SELECT * FROM order_change;
CREATE TABLE order_change_line_old AS SELECT * FROM order_change_line;
DROP TABLE order_change_line;
DROP TABLE order_change;

CREATE TABLE order_change (
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

CREATE INDEX order_change_time ON order_change (time);

CREATE TABLE order_change_line (
  orders TEXT NOT NULL,
  change TEXT NOT NULL,
  line INTEGER NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (orders, change, line),
  FOREIGN KEY (orders, change)
    REFERENCES order_change (orders, id) ON DELETE CASCADE
) STRICT;

INSERT INTO order_change (orders, id, kind, time, amount, reason, next_steps,
  tracking, url, company, shipment, status, missing)
SELECT orders, id, kind, time, amount, reason, next_steps, tracking, url,
  company, shipment, status, missing FROM order_change_old;
INSERT INTO order_change_line (orders, change, line, quantity)
SELECT orders, change, line, quantity FROM order_change_line_old;
DROP TABLE order_change_line_old;
DROP TABLE order_change_old;
