"""What happens to an order after it was placed: `storefront order ..`, each
change one transaction with its event."""
import json

import pytest

from harness import Shop
from shop_kit import checkout, execute, fill_cart, one, order_of, rows, stock

# Events of the shop's own (own_events of tracking_order.c): word, metric.
OWN = [("ready-for-pickup", "Ready for Pickup")]
POOH, TALE = "WINNIEPOOH", "TALEOFTWO"


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as shop:
        execute(shop, "UPDATE variant SET stock = 1000")
        yield shop


@pytest.fixture
def order(shop):
    """3 of one book, 1 of another."""
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(POOH, 3), (TALE, 1)])
    return order_of(checkout(visitor))


@pytest.fixture(scope="module")
def an_order(shop):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("MOBY-PB", 1)])
    return order_of(checkout(visitor))


def do(shop, *words, refused=None):
    before = rows(shop, "SELECT * FROM order_change ORDER BY 1, 2")
    run = shop.run("order", *words, check=False)
    if refused is None:
        assert run.returncode == 0, run.stderr
    else:
        assert run.returncode == 1 and refused in run.stderr, run
        assert rows(shop, "SELECT * FROM order_change ORDER BY 1, 2") \
            == before
    return run.stdout


def event(shop, id):
    body, = [json.loads(event) for event, in rows(
        shop, "SELECT event FROM klaviyo_outbox WHERE id = ?", id)]
    return body, body["properties"]


def status(shop, order):
    return one(shop, "SELECT status FROM orders WHERE id = ?", order)


def total(shop, order):
    return one(shop, "SELECT total FROM orders WHERE id = ?", order)


def quantities(items):
    return {item["SKU"]: item["Quantity"] for item in items}


def test_fulfilled_whole(shop, order):
    assert "fulfilled" in do(shop, "fulfill", order, "--tracking", "1Z 99",
                             "--company", "UPS", "--url",
                             "https://ups.example/1Z99")
    body, properties = event(shop, f"Fulfilled Order/{order}:s1")
    assert body["metric"]["data"]["attributes"]["name"] == "Fulfilled Order"
    assert body["value"] * 100 == pytest.approx(total(shop, order))
    assert properties["TrackingNumber"] == "1Z 99"
    assert properties["TrackingCompany"] == "UPS"
    assert properties["TrackingURL"] == "https://ups.example/1Z99"
    assert quantities(properties["Items"]) == {POOH: 3, TALE: 1}
    assert "ItemsNotFulfilled" not in properties
    assert {"OrderId", "Categories", "ItemNames", "Brands", "BillingAddress",
            "ShippingAddress"} <= set(properties)
    do(shop, "fulfill", order, refused="nothing of order")
    assert status(shop, order) == "fulfilled"


def test_fulfilled_in_parts_and_on_its_way(shop, order):
    do(shop, "fulfill", order, "--line", "1:2")
    assert status(shop, order) == "partly"
    body, properties = event(shop, f"Fulfilled Order/{order}:s1")
    assert quantities(properties["Items"]) == {POOH: 2}
    assert quantities(properties["ItemsNotFulfilled"]) == {POOH: 1, TALE: 1}
    do(shop, "fulfill", order, "--line", "1:2", refused="1 left to send")
    do(shop, "fulfill", order, "--line", "1:1", "--line", "1:1",
       refused="named twice")
    do(shop, "fulfill", order)
    assert status(shop, order) == "fulfilled"
    assert quantities(event(shop, f"Fulfilled Order/{order}:s2")[1]["Items"]) \
        == {POOH: 1, TALE: 1}
    for word, told in (("shipped", "Shipped"),
                       ("out-for-delivery", "Out for delivery"),
                       ("delivered", "Delivered")):
        do(shop, "ship", order, "s1", word)
        properties = event(shop, f"Shipping Update/{order}:s1:{told}")[1]
        assert properties["UpdateType"] == told
        assert "ShippingAddress" in properties
        do(shop, "ship", order, "s1", word, refused="already: " + told)
    do(shop, "ship", order, "s1", "shipped", refused="already: Delivered")
    do(shop, "ship", order, "s2", "delivered")
    do(shop, "ship", order, "s3", "shipped", refused="no shipment 's3'")


def test_canceled(shop, order):
    before = stock(shop, POOH)
    do(shop, "cancel", order, "--line", "1:1", "--reason", "No longer needed")
    assert stock(shop, POOH) == before + 1
    body, properties = event(shop, f"Canceled Order/{order}")
    assert properties["Reason"] == "No longer needed"
    assert body["value"] == 9.99
    assert quantities(properties["Items"]) == {POOH: 1}
    assert quantities(properties["ItemsNotCanceled"]) == {POOH: 2, TALE: 1}
    do(shop, "fulfill", order, "--line", "2")
    do(shop, "cancel", order, "--line", "2", refused="0 left to cancel")
    do(shop, "cancel", order)
    assert quantities(event(shop, f"Canceled Order/{order}:c2")[1]["Items"]) \
        == {POOH: 2}
    assert stock(shop, POOH) == before + 3
    assert status(shop, order) == "fulfilled"
    do(shop, "cancel", order, refused="nothing of order")


def test_canceled_whole(shop, order):
    do(shop, "cancel", order)
    assert status(shop, order) == "canceled"
    body, _ = event(shop, f"Canceled Order/{order}")
    assert body["value"] * 100 == pytest.approx(total(shop, order))
    do(shop, "fulfill", order, refused="nothing of order")


def test_refunded(shop, order):
    sum = total(shop, order)
    do(shop, "refund", order, "--amount", "5.00", "--reason", "Torn cover")
    body, properties = event(shop, f"Refunded Order/{order}")
    assert body["value"] == 5 and properties["Reason"] == "Torn cover"
    do(shop, "refund", order, "--line", "1:2")
    body, properties = event(shop, f"Refunded Order/{order}:r2")
    assert body["value"] == 19.98
    assert quantities(properties["Items"]) == {POOH: 2}
    assert quantities(properties["ItemsNotRefunded"]) == {POOH: 1, TALE: 1}
    do(shop, "refund", order, "--line", "1:2", refused="1 left to refund")
    do(shop, "refund", order, "--amount", f"{sum / 100:.2f}",
       refused="are refunded: that leaves")
    left = sum - 500 - 1998
    do(shop, "refund", order, "--amount", f"{left / 100:.2f}")
    assert status(shop, order) == "refunded"
    do(shop, "refund", order, "--amount", "0.01", refused="leaves 0")
    assert one(shop, "SELECT SUM(amount) FROM order_change WHERE orders = ?",
               order) == sum
    text = shop.run("order", "show", order).stdout
    assert "r1" in text and "Torn cover" in text and "refunded" in text


def test_refunded_whole(shop, order):
    do(shop, "refund", order)
    assert status(shop, order) == "refunded"
    body, properties = event(shop, f"Refunded Order/{order}")
    assert body["value"] * 100 == pytest.approx(total(shop, order))
    assert "ItemsNotRefunded" not in properties


def test_invoice_and_failed_payment(shop, order):
    do(shop, "invoice", order, "--missing", "signature", "--missing", "size")
    body, properties = event(shop, f"Created Invoice/{order}:i1")
    assert properties["MissingInformation"] == ["signature", "size"]
    assert body["value_currency"] == "USD"
    for n in (1, 2):
        do(shop, "payment-failed", order, "--reason", "Card not accepted",
           "--next-steps", "Another card, please")
        properties = event(shop, f"Failed Payment/{order}:p{n}")[1]
        assert properties["PaymentFailure"] == "Card not accepted"
        assert properties["PaymentNextSteps"] == "Another card, please"
        assert "Reason" not in properties
    assert status(shop, order) == "placed"


@pytest.mark.parametrize("word,metric", OWN)
def test_of_the_shops_own(shop, order, word, metric):
    """With all that the guide's events of an order have; as often as it
    happens; and as history."""
    assert f"      {word}: {metric}" in shop.run("order", "--help").stdout
    said = do(shop, "tell", order, word, "--reason", "Desk 3")
    assert said == f"tell n1: order {order} is placed\n"
    do(shop, "tell", order, word)
    body, properties = event(shop, f"{metric}/{order}:n1")
    assert body["metric"]["data"]["attributes"]["name"] == metric
    assert body["value"] * 100 == pytest.approx(total(shop, order))
    assert properties["OrderId"] == order
    assert properties["Reason"] == "Desk 3"
    assert quantities(properties["Items"]) == {POOH: 3, TALE: 1}
    assert "Reason" not in event(shop, f"{metric}/{order}:n2")[1]
    assert f"  own  {word}  Desk 3\n" in shop.run("order", "show", order).stdout
    assert f'"{metric}"' in shop.run("preview", "order", order, "--raw").stdout
    execute(shop, "DELETE FROM klaviyo_outbox WHERE id LIKE ?",
            f"{metric}/{order}:%")
    shop.run("history", "sync")
    assert event(shop, f"{metric}/{order}:n2")[0]["unique_id"] == f"{order}:n2"


def test_a_change_without_its_event_does_not_happen(shop, order):
    """The event cannot be queued (its reason is longer than Klaviyo takes):
    the change is not there either."""
    do(shop, "cancel", order, "--reason", "x" * 110000, refused="Reason")
    assert status(shop, order) == "placed"
    assert not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE id LIKE ?",
                    f"Canceled Order/{order}%")


@pytest.mark.parametrize("words", [
    (), ("refund",), ("fly", "x"), ("list", "x"),
    ("fulfill", "ID", "--line", "x"), ("fulfill", "ID", "--line", "1:0"),
    ("fulfill", "ID", "--line"), ("fulfill", "ID", "--reason", "x"),
    ("refund", "ID", "--amount", "-1"), ("refund", "ID", "--amount", "x"),
    ("ship", "ID", "s1"), ("ship", "ID", "s1", "lost"),
    ("invoice", "ID"), ("payment-failed", "ID"), ("tell", "ID"),
    ("tell", "ID", "nothing of the kind"),
    ("cancel", "ID", "--reason", "")])
def test_wrong_calls(shop, an_order, words):
    run = shop.run("order", *(an_order if word == "ID" else word
                              for word in words), check=False)
    assert run.returncode == 2 and "order takes" in run.stderr


def test_no_such_order(shop):
    for verb in ("fulfill", "cancel", "refund", "show"):
        run = shop.run("order", verb, "nothere", check=False)
        assert run.returncode == 1 and "no order 'nothere'" in run.stderr
