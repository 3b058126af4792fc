"""Orders while Klaviyo answers slowly, never, or is not there: they are placed as
fast as beside a Klaviyo that answers at once.

Two shops, one with each, take orders in turn, so that what else the machine does
falls on both; a shop that waits for Klaviyo takes seconds, and the bound is
loose.  `make bench` has the exact figures.
"""
import statistics
import time

import pytest

from harness import Shop, wait_for
from shop_kit import add, order_of, rows, send

ORDERS = 40  # of each shop


def placed(shop, n):
    """Places order ${n}: how long the checkout's form took to be answered."""
    visitor = shop.visitor()
    assert add(visitor, shop, "PENCIL-HB", 1, follow=False).status == 303
    assert visitor.get("/checkout").status == 200
    begun = time.monotonic()
    reply = send(visitor, follow=False, email=f"c{n}@klaviyo-demo.com")
    took = time.monotonic() - begun
    assert reply.status == 303 and order_of(reply), reply
    return took


def count(shop, where):
    return rows(shop, f"SELECT count(*) FROM klaviyo_outbox WHERE {where}")[0][0]


@pytest.mark.parametrize("fault", ["slow/2000", "hang/600000", "gone"])
def test_orders_do_not_wait_for_klaviyo(fault):
    # Requests in vain are repeated for as long as this lasts.
    arguments = ["--rate", "off"]
    with (Shop("nginx", sandbox=arguments) as well,
          Shop("nginx", sandbox=arguments if fault == "gone" else
               [*arguments, "--fault", "/api " + fault]) as ill):
        for shop in (well, ill):
            shop.execute("UPDATE variant SET stock = 100000")
        if fault == "gone":
            ill.end("sandbox")
        for shop in (well, ill):
            shop.start_worker()
        placed(ill, 0)
        wait_for(lambda: count(ill, "attempts > 0"), "the worker to try")
        took = {well: [], ill: []}
        for n in range(ORDERS):
            for shop in took:
                took[shop].append(placed(shop, n + 1))
        if fault != "slow/2000":
            assert count(ill, "sent_at IS NOT NULL") == 0
        assert count(ill, "lane = 0") == 2 * (ORDERS + 1)
        wait_for(lambda: count(well, "sent_at IS NULL") == 0, "what is due")
        assert statistics.median(took[ill]) < 3 * statistics.median(
            took[well]), took
