"""
by_host.py - on PostgreSQL, what each machine's part of the work costs: the web
host's, the database's and the sender's processor time, of a page, a cart, an
order and an event delivered.

There is no goal: README's plan for more than one machine divides by these.  They
are processor time, which says the same on a machine that does other things; what
a network between the hosts adds is waiting, not work.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE),
                os.path.join(os.path.dirname(HERE), "integration")]
from harness import Shop, wait_for  # noqa: E402
from loads import Target, children, load, nanoseconds  # noqa: E402
from shop_kit import add, fill_cart, send  # noqa: E402
from table import head, told  # noqa: E402

ORDERS, CARTS = 150, 150
EVENTS = (3_000, 20_000)  # of today, within Klaviyo's minute; of history
RATES = ("350/3500,0/0", "350/3500")  # none of today's in bulk
CONNECTIONS = 16


class Costs:
    """Of what is done within it, by part: microseconds each."""

    def __init__(self, shop, *programs):
        self.shop, self.programs = shop, programs or ("storefront",)

    def now(self):
        master = self.shop.server.process.pid
        web = [self.shop.programs[name].pid for name in self.programs]
        if "storefront" in self.programs:
            web += children(self.shop.programs["nginx"].pid)
        return nanoseconds(web), nanoseconds([master, *children(master)])

    def __enter__(self):
        self.begun = self.now()
        return self

    def __exit__(self, *_):
        self.took = [(end - begin) / 1e3
                     for begin, end in zip(self.begun, self.now())]

    def each(self, n):
        """(the program's, the database's)"""
        return tuple(one / n for one in self.took)


def words(costs, first="web host"):
    return (f"{first} {costs[0]:,.0f} µs, PostgreSQL {costs[1]:,.0f} µs")


def page(shop):
    target = Target("page", shop.url + "/products/winnie-the-pooh",
                    lambda: children(shop.programs["nginx"].pid))
    load(target, CONNECTIONS, 1)
    with Costs(shop) as costs:
        done = load(target, CONNECTIONS)
    return costs.each(done.requests)


def carts(shop):
    visitors = [shop.visitor() for _ in range(CARTS)]
    for visitor in visitors:
        visitor.get("/")
    with Costs(shop) as costs:
        for visitor in visitors:
            assert add(visitor, shop, "WINNIEPOOH", follow=False).status == 303
    return costs.each(CARTS)


def orders(shop):
    visitors = [shop.visitor() for _ in range(ORDERS)]
    for visitor in visitors:
        fill_cart(visitor, shop, [("WINNIEPOOH", 1), ("TALEOFTWO", 1),
                                  ("MOBY-PB", 1)])
        visitor.get("/checkout")
    with Costs(shop) as costs:
        for i, visitor in enumerate(visitors):
            reply = send(visitor, follow=False,
                         email=f"buyer{i}@klaviyo-demo.com")
            assert reply.status == 303, reply
    return costs.each(ORDERS)


def waiting(shop):
    return shop.query("SELECT COUNT(*) FROM klaviyo_outbox "
                      "WHERE sent_at IS NULL")[0][0]


def model(shop):
    """An order's row, before it is sent and emptied."""
    row, = shop.query("SELECT id, kind, profile, event FROM klaviyo_outbox "
                      "WHERE id LIKE 'Placed Order/%' LIMIT 1")
    return row


def events(shop, like, lane):
    """Copies of an order's event, as they would come in two minutes."""
    name, kind, profile, event = like
    shop.execute("DELETE FROM klaviyo_outbox")
    shop.execute(
        "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event, "
        "created_at, due_at) SELECT 'Placed Order/n' || i, ?, ?, "
        "REPLACE(?, 'buyer', 'n' || i || 'buyer'), REPLACE(?, ?, 'n' || i), "
        "EXTRACT(EPOCH FROM now())::bigint - 120 + i / 167, "
        "EXTRACT(EPOCH FROM now())::bigint - 120 + i / 167 "
        "FROM generate_series(1, ?) AS i", kind, lane, profile, event,
        name.partition("/")[2], EVENTS[lane])
    shop.start_worker(env={"KLAVIYO_RATES": RATES[lane]})
    with Costs(shop, "worker") as costs:
        wait_for(lambda: waiting(shop) == 0, "the events to be sent", 600, .2)
    shop.end("worker")
    return costs.each(EVENTS[lane])


def rows(_stage):
    with Shop("nginx", engine="postgresql", sandbox=["--rate", "off"]) as shop:
        shop.execute("UPDATE variant SET stock = 100000")
        yield head("PostgreSQL: processor time by host")
        yield told("a product page", words(page(shop)))
        yield told("an article put into a cart", words(carts(shop)))
        yield told("an order of three lines, its four events queued",
                   words(orders(shop)))
        like = model(shop)
        yield told("an event, delivered by itself",
                   words(events(shop, like, 0), "sender"))
        yield told("an event of history, delivered by bulk",
                   words(events(shop, like, 1), "sender"))
