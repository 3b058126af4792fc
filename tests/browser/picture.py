#!/usr/bin/python3
"""
picture.py FOLDER - the README's pictures, taken from the real thing: readme.png,
the shop on the left, what the sandbox shows of that visit on the right; and
status.png, the operator's page of a day on which one order was refused.  That
day's times are put in: it did not last.
"""
import io
import os
import random
import sys
import time

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
from browser import Browser  # noqa: E402
from feeder import Feeder  # noqa: E402
from harness import Shop, wait_for  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from shop_kit import checkout, fill_cart  # noqa: E402
from test_status import Desk  # noqa: E402
from test_status_page import log_in  # noqa: E402

SIZE = (1060, 940)


def shot(b):
    return Image.open(io.BytesIO(b.driver.get_screenshot_as_png())) \
        .convert("RGB")


def save(picture, name):
    picture.thumbnail((1600, 1600), Image.LANCZOS)
    picture.quantize(128).save(os.path.join(sys.argv[1], name), optimize=True)


def the_status(shop, b):
    """More orders, sent in the last hours, and one of an unlucky address."""
    skus = [sku for sku, in shop.query(
        "SELECT sku FROM variant WHERE stock > 4 ORDER BY id LIMIT 40")]
    for n, sku in enumerate(skus):
        visitor = shop.visitor()
        fill_cart(visitor, shop, [(sku, 1 + n % 3)])
        checkout(visitor, email=f"visitor{n}@klaviyo-demo.com")
    wait_for(lambda: "waiting  0" in shop.run("outbox", "status").stdout,
             "all to be sent")
    chance, now = random.Random(7), int(time.time())
    with Feeder(shop) as feed:
        ids = feed.rows("SELECT id FROM klaviyo_outbox")
        feed.do(("UPDATE klaviyo_outbox SET sent_at = ?, created_at = ?"
                 " WHERE id = ?",
                 [(at, at - int(chance.expovariate(0.3)) - 1, id) for id, at
                  in ((id, now - int(chance.triangular(0, 21000, 3000)))
                      for id, in ids)]))
        feed.add("q4k2mz81", 1, email="sarah.mason@klaviyo-demo.com")
        feed.do("UPDATE klaviyo_outbox SET due_at = NULL, attempts = 1, error"
                " = 'HTTP 400: The phone number is not valid' WHERE id LIKE"
                " '%q4k2mz81%'")
    desk = Desk(shop)
    log_in(b, desk)
    b.driver.set_window_size(1180, 1180)
    b.driver.get(f"http://127.0.0.1:{desk.port}/")
    b.click(".letters summary")
    return shot(b)


def main():
    with Shop("nginx", sandbox=True, worker=True) as shop, \
            Browser(shop, size=SIZE) as b:
        b.open("/products/moby-dick")
        b.add()
        b.open("/checkout")
        b.fill("sarah.mason@klaviyo-demo.com")
        b.wait_events("Started Checkout")
        b.order()
        b.wait_events("Ordered Product")
        b.open("/products/winnie-the-pooh")
        b.add(2)
        b.wait_events("Added to Cart")
        b.wait_events("Viewed Product")
        wait_for(lambda: b.js("return document.getAnimations().length") == 0,
                 "the page to rest")
        left = shot(b)
        b.driver.get(shop.sandbox_url + "/")
        wait_for(lambda: "Placed Order" in b.driver.page_source
                 and "Added to Cart" in b.driver.page_source, "the events")
        right = shot(b)
        status = the_status(shop, b)
    both = Image.new("RGB", (left.width + right.width + 20,
                             max(left.height, right.height)), "#d8d8d8")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 20, 0))
    save(both, "readme.png")
    save(status, "status.png")


if __name__ == "__main__":
    main()
