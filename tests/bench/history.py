"""
history.py - the past of a shop, 100,000 orders of three lines, on its way to
Klaviyo: what we take for it beside what Klaviyo's windows take.

Klaviyo lets an account post 3,500 single events a minute, and 150 bulk requests
of a thousand events.  What `history sync` and the worker take for a part of it,
with no window in their way, is measured; the windows are arithmetic.  In truth
the two run side by side; here they count one after the other.
"""
import re
import time

import deliver
from feeder import Feeder
from table import goal, head, told

ORDERS, PART = 100_000, 5_000
SINGLE, JOBS, JOB = 3_500, 150, 1_000  # Klaviyo's windows, a minute


def add_orders(shop, model, count):
    """Copies of the order ${model}, over three years."""
    numbers = ("(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 "
               f"FROM c WHERE n < {count}) SELECT n FROM c)")
    begin = int(time.time()) - 3 * 365 * 86400
    for table, own in (
            ("orders", {"id": "'old' || n", "key": "'k' || n", "session": "''",
                        "email": "'c' || n % 997 || '@klaviyo-demo.com'",
                        "time": f"{begin} + n * {90_000_000 // count}"}),
            ("order_line", {"orders": "'old' || n"})):
        columns = [name for name, in shop.query(
            f"SELECT name FROM pragma_table_info('{table}')")]
        shop.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT "
            + ", ".join(own.get(name, name) for name in columns)
            + f" FROM {table}, {numbers} WHERE "
            + ("id" if table == "orders" else "orders") + " = ?", model)


def rows(_stage):
    target = deliver.Target()
    try:
        shop = target.shop
        add_orders(shop, target.order, PART)
        with Feeder(shop) as feed:
            feed.do("DELETE FROM klaviyo_outbox")
        begin = time.monotonic()
        said = shop.run("history", "sync").stdout
        queued = time.monotonic() - begin
        orders = int(re.match(r"(\d+) orders", said)[1])
        assert orders >= PART, said
        events = shop.query("SELECT COUNT(*) FROM klaviyo_outbox")[0][0]
        assert events >= orders * 4, (orders, events)
        rate, micro = target.worker(
            events, deliver.NO_WINDOWS + "," + deliver.NO_WINDOWS)
    finally:
        target.stop()
    queued *= ORDERS / orders
    sent = ORDERS * 4 / rate
    windows = ORDERS * 4 / JOB / JOBS * 60
    sdk = ORDERS * 4 / SINGLE * 60
    yield head(f"The past: {ORDERS:,} orders of three lines, "
               f"{ORDERS * 4:,} events")
    yield told("queueing, by `history sync`", f"{queued:.0f} s",
               f"of {orders:,} orders")
    yield told("delivery in bulk, if there were no windows", f"{sent:.0f} s",
               f"{rate:,.0f} events/s, {micro:.0f} µs each")
    yield told("Klaviyo's windows for bulk requests", f"{windows:.0f} s")
    yield told("Klaviyo's windows for single events, as the SDK sends them",
               f"{sdk:.0f} s")
    yield goal("times as fast as single events by the SDK, within the windows",
               sdk / (queued + max(windows, sent)), at_least=10)
    yield goal("our own time, of that of the windows",
               (queued + sent) / windows, at_most=1)
