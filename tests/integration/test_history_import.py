"""`storefront history import FILE.csv`: Shopify's order export into the shop,
and from there to Klaviyo."""
import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from harness import PATIENCE, SANITIZED, WRAP, Shop, wait_for
from shop_kit import one, rows

# Shopify's header, as its export has it.
HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,"
    "Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,"
    "Discount Amount,Shipping Method,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,"
    "Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,"
    "Billing Company,Billing City,Billing Zip,Billing Province,"
    "Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,"
    "Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,"
    "Note Attributes,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Vendor,Id,Tags,Risk Level,Source,Lineitem discount,"
    "Tax 1 Name,Tax 1 Value,Phone").split(",")

FIRST = {
    "Name": "#1001", "Email": "sarah.mason@klaviyo-demo.com",
    "Financial Status": "paid", "Paid at": "2024-03-05 10:11:14 -0500",
    "Fulfillment Status": "unfulfilled", "Currency": "USD",
    "Subtotal": "24.98", "Shipping": "5.00", "Taxes": "2.10",
    "Total": "32.08", "Discount Code": "SPRING", "Discount Amount": "5.00",
    "Shipping Method": "Standard", "Created at": "2024-03-05 10:11:12 -0500",
    "Billing Name": "Sarah Jane Mason",
    "Billing Address1": "125 Summer St", "Billing Address2": "5th floor",
    "Billing Company": "Books & Co", "Billing City": "Boston",
    "Billing Zip": "'02110", "Billing Province": "MA",
    "Billing Country": "US", "Billing Phone": "'+1 (500) 555-0006",
    "Shipping Name": "Tom Mason", "Shipping Street": "1 Main St",
    "Shipping City": "Salem", "Shipping Zip": "'01970",
    "Shipping Country": "US", "Id": "5137000001"}
KNOWN = {"Lineitem quantity": "2", "Lineitem name": "Winnie - old name",
         "Lineitem price": "9.99", "Lineitem sku": "WINNIEPOOH",
         "Lineitem fulfillment status": "pending", "Vendor": "Books"}
UNKNOWN = {"Lineitem quantity": "1", "Lineitem name": "A kite, red </script>",
           "Lineitem price": "10.00", "Lineitem sku": "KITE-1",
           "Lineitem fulfillment status": "pending", "Vendor": "Toys"}


def order(n=1001, lines=(KNOWN, UNKNOWN), **more):
    """The rows of one order."""
    first = {**FIRST, "Name": f"#{n}", "Id": str(5137000000 + n),
             **{k.replace("_", " "): v for k, v in more.items()}}
    found = [{**first, **lines[0]}]
    for line in lines[1:]:
        found.append({"Name": first["Name"], "Email": first["Email"], **line})
    return found


def text(*orders, header=HEADER):
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", extrasaction="ignore",
                            lineterminator="\n")
    writer.writeheader()
    for some in orders:
        writer.writerows(some)
    return out.getvalue()


def load(shop, content, *options, check=True):
    path = shop.write("orders.csv", content)
    return shop.run("history", "import", path, *options, check=check)


def everything(shop):
    return {table: rows(shop, f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("orders", "order_line", "order_change",
                          "order_change_line", "klaviyo_outbox", "meta")} | {
        "variant": rows(shop, "SELECT * FROM variant ORDER BY id")}


LIFE = {  # name -> what differs, the changes, the status afterwards
    "placed": ({}, [], "placed"),
    "fulfilled": ({"Fulfillment_Status": "fulfilled",
                   "Fulfilled_at": "2024-03-07 00:00:00 +0100"},
                  [("s1", "shipment", "2024-03-06T23:00:00", 0, 3)],
                  "fulfilled"),
    "partial": ({"Fulfillment_Status": "partial", "lines": (
        {**KNOWN, "Lineitem fulfillment status": "fulfilled"}, UNKNOWN)},
        [("s1", "shipment", "2024-03-05T15:11:12", 0, 2)], "partly"),
    "canceled": ({"Cancelled_at": "2024-03-06 08:00:00 UTC",
                  "Financial_Status": "voided"},
                 [("c1", "cancel", "2024-03-06T08:00:00", 3208, 3)],
                 "canceled"),
    "canceled rest": ({"Fulfillment_Status": "partial",
                       "Fulfilled_at": "2024-03-05T23:00:00Z",
                       "Cancelled_at": "2024-03-06 08:00:00 +0000",
                       "lines": ({**KNOWN, "Lineitem fulfillment status":
                                  "fulfilled"}, UNKNOWN)},
                      [("s1", "shipment", "2024-03-05T23:00:00", 0, 2),
                       ("c1", "cancel", "2024-03-06T08:00:00", 1000, 1)],
                      "fulfilled"),
    "refunded": ({"Financial_Status": "refunded", "Refunded_Amount": "32.08",
                  "Cancelled_at": "2024-03-06 08:00:00 UTC"},
                 [("c1", "cancel", "2024-03-06T08:00:00", 3208, 3),
                  ("r1", "refund", "2024-03-06T08:00:00", 3208, 3)],
                 "refunded"),
    "refunded, no amount": (
        {"Financial_Status": "refunded"},
        [("r1", "refund", "2024-03-05T15:11:14", 3208, 3)], "refunded"),
    "partly refunded": (
        {"Financial_Status": "partially_refunded", "Refunded_Amount": "1.50",
         "Fulfillment_Status": "fulfilled",
         "Fulfilled_at": "2024-03-07 00:00:00 UTC"},
        [("s1", "shipment", "2024-03-07T00:00:00", 0, 3),
         ("r1", "refund", "2024-03-07T00:00:00", 150, None)], "fulfilled"),
}


def when(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def test_every_kind_of_order():
    """Each column where it belongs, and each change with its own time; then,
    by sync, to Klaviyo."""
    with Shop(serve=False, sandbox=["--rate", "off"]) as shop:
        orders = []
        for n, (differs, _, _) in enumerate(LIFE.values(), 1001):
            orders.append(order(n, **differs))
        before = everything(shop)
        said = load(shop, text(*orders), "--dry-run").stdout
        assert "8 orders with 16 lines and 10 changes would be loaded" in said
        assert everything(shop) == before
        said = load(shop, text(*orders)).stdout
        assert "8 orders with 16 lines and 10 changes loaded; 0 were" in said
        # Again: nothing changes, and it says so.
        after = everything(shop)
        said = load(shop, text(*orders)).stdout
        assert "0 orders with 0 lines and 0 changes loaded; 8 were" in said
        said = load(shop, text(*orders), "--dry-run").stdout
        assert "0 orders with 0 lines and 0 changes would be loaded; 8" in said
        assert everything(shop) == after
        assert after["variant"] == before["variant"]  # no stock is taken
        assert after["klaviyo_outbox"] == []
        check_rows(shop)
        check_events(shop)


def check_rows(shop):
    found = rows(shop, "SELECT id, time, currency, status, email, phone, "
                 "shipping_address, billing_address, shipping_name, "
                 "discount_code, subtotal, discount, shipping, total "
                 "FROM orders")
    assert len({row[0] for row in found}) == len(LIFE)
    for row in found:
        assert re.fullmatch("[0-9a-z]{16}", row[0])
        assert when(row[1]) == "2024-03-05T15:11:12"
        assert row[2] == "USD"
        assert row[4:6] == ("sarah.mason@klaviyo-demo.com", "+15005550006")
        assert row[6] == "Tom\nMason\n1 Main St\n\nSalem\n\n01970\nUS"
        assert row[7] == ("Sarah Jane\nMason\n125 Summer St\n5th floor\n"
                          "Boston\nMA\n02110\nUS")
        assert row[8:10] == ("Standard", "SPRING")
        # The total is what was paid; the tax is in the goods, and the shop's
        # own sum holds.
        subtotal, discount, shipping, total = row[10:]
        assert (discount, shipping, total) == (500, 500, 3208)
        assert subtotal + shipping - discount == total
    assert sorted(row[3] for row in found) == sorted(
        status for _, _, status in LIFE.values())
    known = one(shop, "SELECT id FROM variant WHERE sku = 'WINNIEPOOH'")
    product = rows(shop, "SELECT id, handle, title, vendor, image FROM "
                   "product WHERE handle = 'winnie-the-pooh'")[0]
    lines = set(rows(shop, "SELECT line, variant, product, handle, title, "
                     "vendor, image, sku, price, quantity FROM order_line"))
    assert lines == {
        (1, known, *product, "WINNIEPOOH", 999, 2),
        (2, 0, "", "", "A kite, red </script>", "Toys", "", "KITE-1", 1000,
         1)}
    assert one(shop, "SELECT categories FROM order_line WHERE line = 1 "
               "LIMIT 1") != ""
    changes = sorted((id, kind, when(at), amount) for id, kind, at, amount in
                     rows(shop, "SELECT id, kind, time, amount "
                          "FROM order_change"))
    assert changes == sorted(change[:4] for _, all_of, _ in LIFE.values()
                             for change in all_of)
    units = sorted(n for n, in rows(
        shop, "SELECT SUM(quantity) FROM order_change_line "
        "GROUP BY orders, change"))
    assert units == sorted(change[4] for _, all_of, _ in LIFE.values()
                           for change in all_of if change[4])


def check_events(shop):
    shop.run("history", "sync")
    shop.start_worker()
    shop.wait_delivered()
    shop.end("worker")
    sent = shop.run("outbox", "status", "--json").stdout
    assert json.loads(sent)["sent"] == 8 + 16 + 10
    import urllib.request
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/export") as all_:
        events = json.load(all_)["events"]
    count = {}
    for event in events:
        assert event["backfill"] is True
        count[event["metric"]] = count.get(event["metric"], 0) + 1
    assert count == {"Placed Order": 8, "Ordered Product": 16,
                     "Fulfilled Order": 4, "Canceled Order": 3,
                     "Refunded Order": 3}
    kite = [e["attributes"]["properties"] for e in events
            if e["metric"] == "Ordered Product"
            and e["attributes"]["properties"]["SKU"] == "KITE-1"]
    assert len(kite) == 8
    for properties in kite:
        assert properties["ProductName"] == "A kite, red </script>"
        assert "ProductURL" not in properties
        assert "ProductID" not in properties
    part, = [e for e in events if e["metric"] == "Refunded Order"
             and e["attributes"]["value"] == 1.5]
    assert part["time"].startswith("2024-03-07T00:00:00")


WRONG = {
    "Currency is \"EUR\"; this shop's orders are in USD":
        order(2, Currency="EUR"),
    'Created at "yesterday" is no time with its zone; write it like '
    '2024-03-05 10:11:12 -0500': order(2, Created_at="yesterday"),
    'Created at "2024-03-05 10:11:12" is no time with its zone':
        order(2, Created_at="2024-03-05 10:11:12"),
    'Created at "2024-02-30 10:11:12 -0500" is no time':
        order(2, Created_at="2024-02-30 10:11:12 -0500"),
    "Created at is before 1990": order(2, Created_at="1985-01-01 10:00:00 Z"),
    "Created at is yet to come": order(2, Created_at="2999-01-01 10:00:00 Z"),
    "Created at is empty; the first row of an order has all of it":
        order(2, Created_at=""),
    "Total is empty; the first row of an order has all of it, and the rows of "
    "an order stand together": order(2, Total=""),
    'Shipping "9,99" is no amount; write it like 19.99':
        order(2, Shipping="9,99"),
    'Total "a lot" is no amount': order(2, Total="a lot"),
    'Total "-1.00" is no amount': order(2, Total="-1.00"),
    'Fulfilled at "soon" is no time': order(2, Fulfilled_at="soon"),
    "Refunded Amount is more than Total": order(2, Refunded_Amount="99.00"),
    "Id is no whole number": order(2, Id="5.1E+12"),
    "Name is empty; each row names its order": order(2, Name=""),
    'Lineitem quantity "two" is no whole number': order(2, lines=(
        {**KNOWN, "Lineitem quantity": "two"},)),
    "Lineitem quantity is less than nothing": order(2, lines=(
        {**KNOWN, "Lineitem quantity": "-1"},)),
    "Lineitem quantity is too large; at most 1000000": order(2, lines=(
        {**KNOWN, "Lineitem quantity": "1000001"},)),
    'Lineitem price is empty': order(2, lines=(
        {**KNOWN, "Lineitem price": ""},)),
}


@pytest.fixture(scope="module")
def shop():
    with Shop(serve=False) as shop:
        yield shop


@pytest.mark.parametrize("why", WRONG)
def test_what_cannot_be_read(shop, why):
    """One error with line and column, and nothing is loaded."""
    before = everything(shop)
    for options in ((), ("--dry-run",)):
        run = load(shop, text(order(1), WRONG[why], order(3)), *options,
                   check=False)
        assert run.returncode == 1 and run.stdout == ""
        assert re.search(r"orders\.csv: line 4: " + re.escape(why),
                         run.stderr), run.stderr
        assert run.stderr.endswith("; nothing was loaded\n")
        assert run.stderr.count("\n") == 1
    assert everything(shop) == before


def test_files_that_are_none(shop):
    before = everything(shop)
    for content, why in (
            ("", "the file is empty; its first row names the columns (Name, "
             "Email, Total, ..)"),
            ("Handle,Title\na,b\n", 'there is no column "Name"'),
            (text(), "the file has no order below its first row"),
            (text(order(1)) + '"#2', "a quote is opened in this row"),
            (text(order(1)).replace("#1", '"#1', 1),
             "line 2: a quote stands where none can"),
            (text(order(1)) + "#2,x\n", "the row has 2 columns")):
        run = load(shop, content, check=False)
        assert run.returncode == 1 and why in run.stderr, run.stderr
    for path in (shop.dir, shop.path("none.csv"), "/dev/stdin"):
        run = shop.run("history", "import", path, check=False, stdin="")
        assert run.returncode == 1 and path in run.stderr
    for wrong in ((), ("a", "b"), ("--what", "a")):
        run = shop.run("history", "import", *wrong, check=False)
        assert run.returncode == 2 and "history takes sync" in run.stderr
    assert everything(shop) == before


def test_many_forms_of_one_file(shop):
    """Line ends, byte order mark, further rows that repeat everything, columns
    in another order: the same order, under the same id."""
    plain = text(order(77))
    load(shop, plain)
    kept = everything(shop)
    assert len(kept["orders"]) == 1
    repeated = [{**order(77)[0], **UNKNOWN}]
    for content in (
            "\ufeff" + plain, plain.replace("\n", "\r\n"),
            plain.replace("\n", "\r"), plain + "\n\n",
            text([order(77)[0]] + repeated),
            text(order(77), header=HEADER[::-1]),
            # One hour later in another zone is the same moment.
            text(order(77, Created_at="2024-03-05 16:11:12 +0100"))):
        assert "1 were there already" in load(shop, content).stdout
        assert everything(shop) == kept
    # An order of nobody, one without lines, one of many, no column Id.
    many = [{**KNOWN, "Lineitem sku": f"S{i}"} for i in range(150)]
    said = load(shop, text(
        order(78, Email="", Billing_Phone=""),
        order(79, lines=({},)),
        order(80, lines=many, Fulfillment_Status="fulfilled"),
        header=[h for h in HEADER if h != "Id"])).stdout
    assert "3 orders with 152 lines and 1 changes loaded" in said
    assert one(shop, "SELECT SUM(quantity) FROM order_change_line") == 300
    run = load(shop, text(order(81, lines=many * 4)), check=False)
    assert "line 502: Lineitem name is one more than 500 lines" in run.stderr
    shop.run("history", "sync")
    body, = [json.loads(event) for event, in rows(
        shop, "SELECT event FROM klaviyo_outbox "
        "WHERE id LIKE 'Fulfilled Order/%'")]
    assert len(body["properties"]["Items"]) == 150


def test_an_order_that_stands_there_twice():
    """The same word for word, as where two exports were put together, is one;
    another one under the same number, or rows that do not stand together, are
    an error, for what comes second would be lost."""
    one_line = [order(1)[0]]
    apart = [{**one_line[0], **UNKNOWN}]  # its second line, as a sheet sorted
    later = order(1, Fulfillment_Status="fulfilled")
    again = "this order stands in line {}, too, and is another one there; " \
        "the rows of an order stand together: sort the file by Name"
    with Shop(serve=False) as shop:
        before = everything(shop)
        for content, line, other in (
                (text(one_line, order(2), apart), 5, 2),
                (text(order(2), order(1), order(3), order(2), later), 10, 4),
                (text(order(1), later), 4, 2),
                (text(order(1), order(1, lines=(UNKNOWN, KNOWN))), 4, 2),
                (text(one_line, later), 3, 2),
                (text(order(1), order(2), order(1, Total="32.09")), 6, 2),
                (text(order(3), order(1), order(2), order(1), later,
                      order(2)), 10, 8)):
            for options in ((), ("--dry-run",)):
                run = load(shop, content, *options, check=False)
                assert run.returncode == 1 and run.stdout == ""
                assert f"orders.csv: line {line}: {again.format(other)}" \
                    in run.stderr, run.stderr
                assert run.stderr.endswith("; nothing was loaded\n")
                assert everything(shop) == before
        both = text(order(1), order(2), order(1), order(2), order(3), order(1),
                    order(1), order(1))
        for options, told in ((("--dry-run",), "would be loaded"),
                              ((), "loaded")):
            said = load(shop, both, *options).stdout
            assert f"3 orders with 6 lines and 0 changes {told}; 5 were " \
                "there already\n" in said
            assert "not what the file says" not in said
        said = load(shop, text(*[order(5)[:1]] * 2, order(6))).stdout
        assert "2 orders with 3 lines and 0 changes loaded; 1" in said
        # And what the shop has already is counted once, too.
        said = load(shop, text(order(1), order(4), order(1), order(4)),
                    "--dry-run").stdout
        assert "1 orders with 2 lines and 0 changes would be loaded; 3" in said


def test_what_is_there_and_not_what_the_file_says():
    """A file that was cut off, and then the whole one; and one of later: what
    was loaded stays, and that it is not all is said."""
    with Shop(serve=False) as shop:
        whole = text(order(1), order(2))
        cut = "".join(whole.splitlines(True)[:-1])
        assert "2 orders with 3 lines" in load(shop, cut).stdout
        kept = everything(shop)
        differ = " not what the file says, the first that of line {}; they " \
            "stay as they are\n"
        for content, count, line in (
                (whole, "1 of those is", 4),
                (text(order(1, Total="32.09"), order(2)), "2 of those are", 2),
                (text(order(1, Fulfillment_Status="fulfilled"),
                      order(2)[:1]), "1 of those is", 2)):
            for options in ((), ("--dry-run",)):
                said = load(shop, content, *options).stdout
                assert "; 2 were there already\n" in said
                assert count + differ.format(line) in said, said
        assert everything(shop) == kept
        # What the shop itself has done with an order is no difference.
        shop.run("order", "fulfill", one(
            shop, "SELECT orders FROM order_line WHERE line = 2"))
        assert "not what" not in load(shop, text(order(1))).stdout


def test_nobody_reads_an_imported_order(shop):
    """Not by the id alone, and not as a visitor without a session."""
    with Shop("nginx") as shop:
        load(shop, text(order(1)))
        id = one(shop, "SELECT id FROM orders")
        assert shop.get(f"/orders/{id}").status == 404
        visitor = shop.visitor()
        assert visitor.get(f"/orders/{id}").status == 404


def large(path, count):
    """As many orders of three lines."""
    begin = int(time.time()) - 3 * 365 * 86400
    step = 3 * 365 * 86400 // count - 1
    with open(path, "w") as f:
        writer = csv.DictWriter(f, HEADER, restval="", lineterminator="\n",
                                extrasaction="ignore")
        writer.writeheader()
        for n in range(count):
            at = time.strftime("%Y-%m-%d %H:%M:%S +0000",
                               time.gmtime(begin + n * step))
            writer.writerows(order(n, lines=(KNOWN, UNKNOWN, KNOWN),
                                   Created_at=at, Paid_at="",
                                   Email=f"c{n % 997}@klaviyo-demo.com"))
    os.chmod(path, 0o644)


def test_killed_and_resumed():
    count = 100000 if os.environ.get("SOAK") else 6000
    with Shop(serve=False) as shop:
        large(shop.path("large.csv"), count)
        generator = random.Random()
        for _ in range(3):
            before = one(shop, "SELECT COUNT(*) FROM orders")
            process = subprocess.Popen(
                shop.storefront("history", "import", shop.path("large.csv")),
                cwd=shop.dir, env=shop.env, stdout=subprocess.DEVNULL,
                user=shop.user.pw_uid if shop.user else None)
            more = before + generator.randrange(count // 5)
            wait_for(lambda: process.poll() is not None or one(
                shop, "SELECT COUNT(*) FROM orders") > more, "some orders")
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
            # Whole orders only.
            assert one(shop, "SELECT COUNT(*) FROM order_line") == \
                3 * one(shop, "SELECT COUNT(*) FROM orders")
        had = one(shop, "SELECT COUNT(*) FROM orders")
        shop.execute("INSERT INTO meta (name, value) VALUES ('history', "
                     "'99 x 0 100')")
        begun = time.monotonic()
        said = shop.run("history", "import", shop.path("large.csv")).stdout
        print(f"{count - had} orders in {time.monotonic() - begun:.1f} s")
        assert f"{count - had} orders with" in said
        assert f"; {had} were there already" in said
        assert one(shop, "SELECT COUNT(*) FROM orders") == count
        assert one(shop, "SELECT COUNT(*) FROM order_line") == 3 * count
        # A sync that was under way begins anew.
        assert had == count or not rows(
            shop, "SELECT 1 FROM meta WHERE name = 'history'")


def test_memory_does_not_grow_with_the_file():
    peaks = []
    for count in (10000, 100000) if os.environ.get("SOAK") else (2000, 10000):
        with Shop(serve=False) as shop:
            large(shop.path("large.csv"), count)
            begun = time.monotonic()
            process = subprocess.Popen(
                shop.storefront("history", "import", shop.path("large.csv")),
                cwd=shop.dir, env=shop.env, stdout=subprocess.DEVNULL,
                user=shop.user.pw_uid if shop.user else None)
            most = 0
            while process.poll() is None:
                with open(f"/proc/{process.pid}/status") as f:
                    found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
                most = max(most, int(found[1]) if found else 0)
                time.sleep(0.01)
            assert process.returncode == 0
            print(f"{count} orders in {time.monotonic() - begun:.1f} s, peak "
                  f"{most} kB")
            peaks.append(most)
    if not (WRAP or SANITIZED):
        assert peaks[1] < peaks[0] * 1.3
