"""What a delivery pass costs beside years of what was delivered before it: the
bytes it reads, which say the same on any machine."""
import time

from feeder import Feeder
from harness import Shop

EVENTS = 60
SENT = ("WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n"
        " WHERE i < {last}) INSERT INTO klaviyo_outbox (id, kind, lane,"
        " profile, event, created_at, attempts, sent_at) SELECT"
        " 'Ordered Product/' || printf('%016x', i * 2654435761 % 4294967296)"
        " || ':' || i, 'event', 1,"
        " CASE WHEN i % 100 THEN '' ELSE '{{}}' END,"
        " CASE WHEN i % 100 THEN '' ELSE '{{}}' END, {now} - i % 8000000, 1,"
        " CASE WHEN i % 100 THEN {now} - i % 8000000 END FROM n")


def history(feed, first, last):
    """Sent rows, each hundredth dead, in the file and not in its log."""
    feed.do(SENT.format(first=first, last=last, now=int(time.time())))
    feed.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def read_so_far():
    """Bytes, by this process and its children that have ended."""
    with open("/proc/self/io") as f:
        return int(dict(line.split(": ") for line in f)["rchar"])


def batch(shop, feed, name):
    feed.add(name, EVENTS)
    feed.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = read_so_far()
    said = shop.run("worker", "--once").stdout
    assert said.startswith(f"{EVENTS} sent, 0 refused, 0 waiting"), said
    return read_so_far() - before


def test_a_pass_does_not_read_what_was_sent():
    with Shop("nginx", sandbox=True, engine="sqlite") as shop, \
            Feeder(shop) as feed:
        history(feed, 1, 1000)
        batch(shop, feed, "first")
        few = batch(shop, feed, "few")
        history(feed, 1001, 100000)
        many = batch(shop, feed, "many")
        assert many < few * 1.2, (few, many)
