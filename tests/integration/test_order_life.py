"""What happens to an order after it was placed: `storefront order ..`, each
change one transaction with its event."""
import fcntl
import json
import os
import re
import subprocess

import pytest

import test_history_import as export
from account_kit import account_id, address, customer, forgot, save
from harness import PATIENCE, TREE, Shop, wait_for
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
    assert "  1Z 99  UPS  https://ups.example/1Z99\n" in shop.run(
        "order", "show", order).stdout
    body, properties = event(shop, f"Fulfilled Order/{order}:s1")
    assert body["metric"]["data"]["attributes"]["name"] == "Fulfilled Order"
    assert body["value"] * 100 == pytest.approx(total(shop, order))
    assert properties["TrackingNumber"] == "1Z 99"
    assert properties["TrackingCompany"] == "UPS"
    assert properties["ShippingMethod"] == "Standard delivery"
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
    do(shop, "cancel", order, "--line", "2:1", refused="0 left to cancel")
    do(shop, "cancel", order, "--line", "2",
       refused="nothing of line 2 is left to cancel")
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
    do(shop, "refund", order, "--amount", "0.01",
       refused=f"storefront: ${sum / 100:.2f} of ${sum / 100:.2f} are "
               "refunded: that leaves $0.00\n")
    assert one(shop, "SELECT SUM(amount) FROM order_change WHERE orders = ?",
               order) == sum
    text = shop.run("order", "show", order).stdout
    assert "r1" in text and "Torn cover" in text and "refunded" in text


def test_a_line_alone_is_what_is_left_of_it(shop, order):
    for verb, metric in (("refund", "Refunded Order"),
                         ("fulfill", "Fulfilled Order")):
        do(shop, verb, order, "--line", "1:1")
        do(shop, verb, order, "--line", "1")
        id = f"{metric}/{order}:{verb[0].replace('f', 's')}2"
        assert quantities(event(shop, id)[1]["Items"]) == {POOH: 2}


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


MANY = [f"thing {n}" for n in range(1, 71)]


def test_everything_that_is_missing_is_told(shop, order):
    do(shop, "invoice", order,
       *(word for thing in MANY for word in ("--missing", thing)))
    properties = event(shop, f"Created Invoice/{order}:i1")[1]
    assert properties["MissingInformation"] == MANY


# What is wrong -> what is said of it, on one line.
WRONG = [
    ((), "order takes list, show, fulfill, ship, cancel, refund, invoice, "
         "payment-failed, tell; `storefront order --help`"),
    (("fly", "x"), "order takes list"), (("", "x"), "order takes list"),
    (("refund",), "order refund: it takes ID [--line N[:UNITS]].. "
                  "[--amount AMOUNT] [--reason TEXT]"),
    (("list", "x"), "order list: it takes nothing else"),
    (("show",), "order show: it takes ID"),
    (("show", "x", "y"), "order show: it takes ID"),
    *((("fulfill", "ID", "--line", line),
       f'order fulfill: --line "{line}" is no line; write it like 2, or 2:1')
      for line in ("x", "", "0", "-1", "+1", " 1", "1 ", "1:", ":1", "1:0",
                   "1:-1", "1:+1", "1: 1", "1:1:1", "1:1x", "1.0", "1e0",
                   "\u0661", "4294967297", "1:4294967297",
                   "1:18446744073709551617")),
    (("fulfill", "ID", "--line"), "--line needs a value behind it"),
    (("fulfill", "ID", "--reason", "x"),
     'order fulfill: "--reason" is not understood; it takes ID [--line N'),
    (("fulfill", "ID", "other"), '"other" is not understood'),
    (("fulfill", "ID", "", "x"), '"" is not understood'),
    (("fulfill", "ID", "--tracking", "A", "--tracking", "B"),
     "--tracking is given twice; it takes one"),
    (("fulfill", "ID", "--tracking", "a\nb"), "is not on one line"),
    *((("fulfill", "ID", "--url", url),
       f'--url "{url}" is no address of a page; write it like https://')
      for url in ("javascript:alert(1)", "ups.example/1Z", "http://",
                  "https:///1Z", "https://ups.example/1 Z", "ftp://x/y",
                  'https://ups.example/"')),
    *((("refund", "ID", "--amount", amount),
       f'order refund: --amount "{amount}" is no amount in USD; write it like '
       "19.99")
      for amount in ("-1", "x", "", "0", "0.00", "5,00", "5.001", "1e3", "$5",
                     " 5", "5.", ".5", "99999999999999999999")),
    (("refund", "ID", "--amount", "1" * 100),
     '--amount "' + "1" * 60 + '.." is no amount'),
    (("refund", "ID", "--amount", "1", "--amount", "2"),
     "--amount is given twice"),
    (("ship", "ID", "s1"), "order ship: it takes ID SHIPMENT shipped|"),
    (("ship", "ID", "s1", "shipped", "x"), "order ship: it takes ID SHIPMENT"),
    (("ship", "ID", "s1", "lost"), '"lost" is not understood; it takes ID S'),
    (("invoice", "ID"), "order invoice: say what is missing: --missing TEXT"),
    (("invoice", "ID", "--missing", ""), "--missing is empty"),
    (("invoice", "ID", "--missing", "a\nb"), "is not on one line"),
    (("payment-failed", "ID"), "order payment-failed: say why: --reason TEXT"),
    (("payment-failed", "ID", "--next-steps", "x"), "say why: --reason TEXT"),
    (("tell", "ID"), "EVENT is one of: ready-for-pickup"),
    (("tell", "ID", "none of it"),
     '"none of it" is none of the shop\'s events: ready-for-pickup'),
    (("cancel", "ID", "--reason", ""), "--reason is empty; give it a text"),
    *((("cancel", "ID", "--reason", text),
       'what stands behind "--reason" has a control character, or is no UTF-8')
      for text in ("\x1b[31m", "\x7f", "a\rb", "\udcff", "\udcc0\udcaf",
                   "\udced\udca0\udc80")),
]


@pytest.mark.parametrize("words, why", WRONG)
def test_wrong_calls(shop, an_order, words, why):
    before = rows(shop, "SELECT * FROM order_change ORDER BY 1, 2")
    run = shop.run("order", *(an_order if word == "ID" else word
                              for word in words), check=False)
    assert run.returncode == 2 and run.stdout == ""
    assert why in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert rows(shop, "SELECT * FROM order_change ORDER BY 1, 2") == before


@pytest.mark.parametrize("words", [("--help",), ("cancel", "--help"),
                                   ("cancel", "ID", "--help")])
def test_help(shop, an_order, words):
    """The policy of unique_ids, too."""
    said = shop.run("order", *(an_order if word == "ID" else word
                               for word in words)).stdout
    assert "-> Canceled Order, unique_id ID; a further one ID:c2" in said


@pytest.mark.parametrize("currency, total, good, bad, told, left", [
    ("JPY", "3208", "1208", "12.08", 1208, "¥2,000"),
    ("KWD", "32.080", "12.075", "12.0755", 12.075, "KWD 20.005")])
def test_other_decimals(tmp_path, currency, total, good, bad, told, left):
    """A refund in the currency's own unit, and an error that shows it."""
    line = {**export.KNOWN, "Lineitem price": total, "Lineitem quantity": "1"}
    books = tmp_path / "books.csv"
    books.write_text("Handle,Title,Variant Price\na,A,5\n")
    with Shop(serve=False, catalog=str(books),
              env={"STOREFRONT_CURRENCY": currency}) as shop:
        export.load(shop, export.text(export.order(
            1, lines=(line,), Currency=currency, Total=total, Subtotal=total,
            Shipping="", Discount_Amount="")))
        order = one(shop, "SELECT id FROM orders")
        run = shop.run("order", "refund", order, "--amount", bad, check=False)
        assert run.returncode == 2
        assert f'"{bad}" is no amount in {currency}; write it like 19' \
            in run.stderr
        do(shop, "refund", order, "--amount", good)
        assert event(shop, f"Refunded Order/{order}")[0]["value"] == told
        do(shop, "refund", order, "--amount", total,
           refused=f"that leaves {left}\n")


def test_a_customer_nobody_knows(shop):
    """A sale at a till, of which no address is known: nobody can be told, and
    the shop goes on with it."""
    said = export.load(shop, export.text(
        export.order(1, Email="", Billing_Phone=""),
        export.order(2, Email="no address", Billing_Phone=""))).stdout
    assert "2 orders" in said
    for email in ("", "no address"):
        order = one(shop, "SELECT id FROM orders WHERE email = ?", email)
        run = shop.run("order", "cancel", order)
        assert f"change c1 of order {order} has no event: " in run.stderr
        assert status(shop, order) == "canceled"
        assert not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE id LIKE ?",
                        f"%/{order}%")


def switches(process):
    """How often it has gone to sleep so far."""
    with open(f"/proc/{process.pid}/status") as f:
        return int(next(line for line in f if line.startswith(
            "voluntary_ctxt_switches")).split()[1])


def invoice_behind(shop, order):
    """Types an invoice, which comes to wait at the gate while the order is
    refunded; what it said.  "": it has waited too long, for 5 seconds, as it
    may on a machine that has much to do."""
    execute(shop, "UPDATE orders SET status = 'placed'")
    with open(shop.db + ".lock", "r+b") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        process = subprocess.Popen(
            shop.storefront("order", "invoice", order, "--missing", "x"),
            cwd=shop.dir, env=shop.env, stdout=subprocess.PIPE, text=True,
            user=shop.user.pw_uid if shop.user else None)
        try:
            wait_for(lambda: process.poll() is not None
                     or switches(process) > 50, "it to wait at the gate")
            execute(shop, "UPDATE orders SET status = 'refunded'")
            fcntl.flock(gate, fcntl.LOCK_UN)
            return process.communicate(timeout=PATIENCE)[0]
        finally:
            process.kill()


def test_two_at_once_do_not_undo_each_other():
    """A change that has waited for another one starts from what that made of
    the order."""
    with Shop("direct", engine="sqlite", serve=False) as shop:
        export.load(shop, export.text(export.order(1)))
        order = one(shop, "SELECT id FROM orders")
        said = []
        wait_for(lambda: said.append(invoice_behind(shop, order)) or said[-1],
                 "it to wait no longer than it may")
        assert said[-1] == f"invoice i1: order {order} is refunded\n"
        assert status(shop, order) == "refunded"


def test_words_that_would_command_a_terminal(shop, order):
    do(shop, "cancel", order, "--reason", "two\nlines \u009b31mred")
    said = shop.run("order", "show", order).stdout
    assert said.endswith("  two  lines ?31mred\n"), said


def test_a_list_that_is_not_all_says_so():
    with Shop(serve=False) as shop:
        for count, more in ((1000, ""), (1001, "storefront: these are the "
                            "newest 1000; `storefront order show ID` has "
                            "older ones, too\n")):
            export.large(shop.path("large.csv"), count)
            shop.run("history", "import", shop.path("large.csv"))
            execute(shop, "UPDATE orders SET time = 1700000000")
            assert one(shop, "SELECT COUNT(*) FROM orders") == count
            run = shop.run("order", "list")
            assert run.stdout.count("\n") == 1000 and run.stderr == more


def test_no_such_order(shop):
    for verb in ("fulfill", "cancel", "refund", "show"):
        run = shop.run("order", verb, "nothere", check=False)
        assert run.returncode == 1 and "no order 'nothere'" in run.stderr
    for id in ("", "\udcff", "\x1b[31m", "x" * 10000, "%", "' OR 1=1 --"):
        run = shop.run("order", "cancel", id, check=False)
        assert run.returncode == 1 and "there is no order '" in run.stderr
        assert run.stderr.count("\n") == 1 and "\x1b" not in run.stderr


# ------------------------------------------------------ the ids, as they are said

def policy(shop):
    """The table of `storefront --help`: metric, what is said of its ids."""
    said = shop.run("--help").stdout
    table = said[said.index("unique_id of each event:\n"):].split("\n\n")[0]
    return dict(re.findall(r"^  (\w+ \w+(?: \w+)?)  +(.*)$", table, re.M))


def pattern(said, ids):
    """"ORDER; a further one ORDER:c2, c3 .." as a regular expression."""
    forms = []
    for form in said.split("; a further one "):
        # "ORDER:INVOICE (i1, i2 ..)"; "ORDER:c2, c3 .."
        form = re.sub(r"\w+ \((\w)1, (?:\1)2 \.\.\)$", r"\1[1-9]", form)
        form = re.sub(r"\b(\w)2, (?:\1)3 \.\.$", r"\1[2-9]", form)
        for name, id in ids.items():
            form = form.replace(name, id)
        forms.append(form)
    return "|".join(forms)


def test_the_ids_are_those_that_help_and_readme_say(shop, order):
    visitor, email = customer(shop)
    save(visitor, "details", first_name="Sara")
    forgot(shop.visitor(), email)
    writer = shop.visitor()
    writer.get("/contact")
    writer.submit("/contact", first_name="J", last_name="S", email=address(),
                  message="Hello")
    for _ in range(2):
        do(shop, "fulfill", order, "--line", "1:1")
        do(shop, "refund", order, "--amount", "1")
        do(shop, "invoice", order, "--missing", "x")
        do(shop, "payment-failed", order, "--reason", "x")
    do(shop, "ship", order, "s1", "out-for-delivery")
    do(shop, "cancel", order, "--line", "1:1")
    do(shop, "cancel", order)
    account = account_id(shop, email)
    ids = {"ORDER": order, "LINE": "[12]", "SHIPMENT": "s[12]",
           "STATUS": "(Shipped|Out for delivery|Delivered)",
           "ACCOUNT": account, "CHANGE": r"\d+", "REQUEST": "(%s)" % "|".join(id for id, in rows(
               shop, "SELECT id FROM reset_request WHERE account = ?",
               account)),
           "MESSAGE": "(%s)" % "|".join(
               id for id, in rows(shop, "SELECT id FROM lead"))}
    said = policy(shop)
    seen = {}
    for id, in rows(shop, "SELECT id FROM klaviyo_outbox"):
        metric, _, unique = id.partition("/")
        if order in unique or account in unique or metric in (
                "Reset Password", "Became Lead"):
            seen.setdefault(metric, []).append(unique)
    # New Lead is the representative's, of whom this shop has none; the others
    # are a cart's and a page's.
    assert set(said) - set(seen) == {"New Lead", "Added to Cart",
                                     "Started Checkout", "Viewed Product"}
    for metric, uniques in seen.items():
        for unique in uniques:
            assert re.fullmatch(pattern(said[metric], ids), unique), (
                metric, unique, pattern(said[metric], ids))
    assert sorted(seen["Canceled Order"]) == [order, order + ":c2"]
    assert sorted(seen["Refunded Order"]) == [order, order + ":r2"]
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    table = readme[readme.index("### Event identity"):].split("\n### ")[0]
    rows_of = dict(re.findall(r"^\| ([A-Z].*?) \| (.*) \|$", table, re.M))
    assert {re.sub(r" \(.*", "", name) for names in rows_of
            for name in names.split(", ")} >= set(said)
    assert "order:c2, order:r2" in rows_of["Canceled Order, Refunded Order"]
