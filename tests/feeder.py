"""
feeder.py - puts events into a shop's outbox, as an order would, and
looks at the queue.

    feed = Feeder(shop)
    feed.add("a", 100)                 # Placed Order a0..a99, due now
    feed.count("due_at IS NOT NULL")   # rows
    feed.do("UPDATE ..")

Promises: on SQLite it writes inside the storefront's write gate, so it may run
beside the worker.
"""
import fcntl
import json
import os
import sqlite3
import time

WAITING = "due_at IS NOT NULL"
SENT = "sent_at IS NOT NULL"
DEAD = "due_at IS NULL AND sent_at IS NULL AND event <> ''"


def event(unique_id, metric="Placed Order"):
    return json.dumps({
        "properties": {"OrderId": unique_id}, "value": 9.99,
        "value_currency": "USD", "time": "2026-07-01T12:00:00Z",
        "unique_id": unique_id, "metric": {"data": {
            "type": "metric", "attributes": {"name": metric}}}},
        separators=(",", ":"))


def profile(**attributes):
    return json.dumps({"type": "profile", "attributes": attributes},
                      separators=(",", ":"))


class Feeder:
    def __init__(self, shop):
        self.gate = None
        if shop.engine == "postgresql":
            import psycopg2
            self.db = psycopg2.connect(shop.server.url(shop.database))
            self.db.autocommit = True
        else:
            self.db = sqlite3.connect(shop.db, timeout=60,
                                      isolation_level=None,
                                      check_same_thread=False)
            self.gate = os.open(shop.db + ".lock", os.O_RDWR)

    def close(self):
        self.db.close()
        if self.gate is not None:
            os.close(self.gate)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def do(self, *statements):
        """One transaction.  Each is an SQL text or (text, [arguments])."""
        if self.gate is not None:
            fcntl.flock(self.gate, fcntl.LOCK_EX)
        try:
            cursor = self.db.cursor()
            cursor.execute("BEGIN" if self.gate is None
                           else "BEGIN IMMEDIATE")
            for statement in statements:
                if isinstance(statement, str):
                    cursor.execute(statement)
                elif self.gate is None:
                    cursor.executemany(statement[0].replace("?", "%s"),
                                       statement[1])
                else:
                    cursor.executemany(*statement)
            cursor.execute("COMMIT")
        finally:
            if self.gate is not None:
                fcntl.flock(self.gate, fcntl.LOCK_UN)

    def add(self, prefix, n, first=0, **attributes):
        """Events ${prefix}${first}.. of n persons, or of the one given."""
        now = int(time.time())
        self.do(("INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
                 " created_at, due_at) VALUES (?, 'event', 0, ?, ?, ?, ?)",
                 [(f"Placed Order/{prefix}{i}",
                   profile(**(attributes or
                              {"email": f"{prefix}{i}@klaviyo-demo.com"})),
                   event(f"{prefix}{i}"), now, now)
                  for i in range(first, first + n)]))

    def rows(self, sql):
        cursor = self.db.cursor()
        cursor.execute(sql)
        return cursor.fetchall()

    def count(self, where="id <> ''"):
        return self.rows("SELECT count(*) FROM klaviyo_outbox WHERE "
                         + where)[0][0]

    def time_passes(self):
        """Every wait is over."""
        self.do("UPDATE klaviyo_outbox SET due_at = 1 WHERE " + WAITING,
                "UPDATE klaviyo_sender SET paused_until = 1"
                " WHERE paused_until > 0")
