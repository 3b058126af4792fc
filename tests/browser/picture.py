#!/usr/bin/python3
"""
picture.py FILE.png - the README's picture, taken from the real thing: the shop
on the left, what the sandbox shows of that visit on the right.
"""
import io
import os
import sys

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
from browser import Browser  # noqa: E402
from harness import Shop, wait_for  # noqa: E402

SIZE = (1060, 940)


def shot(b):
    return Image.open(io.BytesIO(b.driver.get_screenshot_as_png())) \
        .convert("RGB")


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
        left = shot(b)
        b.driver.get(shop.sandbox_url + "/")
        wait_for(lambda: "Placed Order" in b.driver.page_source
                 and "Added to Cart" in b.driver.page_source, "the events")
        right = shot(b)
    both = Image.new("RGB", (left.width + right.width + 20,
                             max(left.height, right.height)), "#d8d8d8")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 20, 0))
    both.thumbnail((1600, 1600), Image.LANCZOS)
    both.quantize(128).save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
