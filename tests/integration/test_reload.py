"""SIGHUP: templates that were changed are shown, broken ones are not; and nobody
who asks meanwhile is turned away."""
import os
import shutil
import signal
import threading

import pytest

from harness import TREE, Shop, wait_for

PAGE = "/products/winnie-the-pooh"


@pytest.fixture
def shop():
    with Shop("nginx", serve=False) as shop:
        shutil.copytree(os.path.join(TREE, "templates"), shop.path("pages"))
        shop._own(shop.path("pages"))
        shop.env["STOREFRONT_TEMPLATES"] = shop.path("pages")
        shop.start()
        yield shop


def change(shop, old, new, name="layout.tpl"):
    path = os.path.join(shop.path("pages"), name)
    with open(path) as file:
        text = file.read()
    assert old in text
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def hup(shop, words):
    before = shop.log("storefront").count(words)
    shop.programs["storefront"].send_signal(signal.SIGHUP)
    wait_for(lambda: shop.log("storefront").count(words) > before,
             "the log to say: " + words)


def test_changed_templates_are_shown(shop):
    visitor = shop.visitor()
    for path in (PAGE, "/", "/search?q=pooh"):
        assert "A demonstration shop" in shop.get(path).text
    visitor.get(PAGE)
    visitor.submit("/cart/add", quantity="1")
    change(shop, "A demonstration shop", "Freshly painted")
    assert "A demonstration shop" in shop.get(PAGE).text
    hup(shop, "templates loaded anew")
    for get in (shop.get, visitor.get):
        for path in (PAGE, "/", "/search?q=pooh"):
            text = get(path).text
            assert "Freshly painted" in text
            assert "A demonstration shop" not in text


def test_broken_templates_change_nothing(shop):
    change(shop, "A demonstration shop", "Never shown {{#OPEN}}")
    hup(shop, "the templates stay as they were")
    assert "A demonstration shop" in shop.get(PAGE).text
    change(shop, "Never shown {{#OPEN}}", '<b onclick="{{TITLE}}">Nor this</b>')
    hup(shop, "the templates stay as they were")
    assert "layout.tpl:" in shop.log("storefront").splitlines()[-1]
    shutil.move(os.path.join(shop.path("pages"), "klaviyo"),
                shop.path("elsewhere"))
    hup(shop, "the templates stay as they were")
    assert "A demonstration shop" in shop.get(PAGE).text
    assert "A demonstration shop" in shop.get("/").text


def test_nobody_waits_for_it(shop):
    """Visitors all the while, and each page is of one set of templates."""
    done, wrong, count = threading.Event(), [], [0] * 4

    def visit(n):
        while not done.is_set():
            reply = shop.get(("/", PAGE)[n % 2])
            count[n] += 1
            new, old = "Freshly painted" in reply.text, \
                "A demonstration shop" in reply.text
            if reply.status != 200 or new == old:
                wrong.append((reply.status, new, old))
    threads = [threading.Thread(target=visit, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        before = sum(count)
        change(shop, *(("A demonstration shop", "Freshly painted")
                       if turn % 2 == 0 else
                       ("Freshly painted", "A demonstration shop")))
        hup(shop, "templates loaded anew")
        wait_for(lambda: sum(count) > before + 4, "more visits")
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == [] and min(count) > 0
