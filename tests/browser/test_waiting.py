"""A visitor waits for a sold-out variant, with scripts and without."""
import pytest

from browser import Browser
from harness import Shop, wait_for

MAIL = "sarah.mason@klaviyo-demo.com"


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", sandbox=True, worker=True) as shop:
        yield shop


@pytest.fixture
def product(shop):
    """A product of several variants, of which the last is sold out."""
    shop.execute("UPDATE variant SET stock = 5, oversell = 0")
    handle, id = shop.query("SELECT p.handle, MAX(v.id) FROM product p "
                      "JOIN variant v ON v.product = p.id "
                      "WHERE p.published = 1 GROUP BY p.handle "
                      "HAVING COUNT(*) > 1 ORDER BY p.handle LIMIT 1")[0]
    shop.execute("UPDATE variant SET stock = 0 WHERE id = ?", id)
    return "/products/" + handle, str(id)


def sent(shop):
    return shop.query("SELECT COUNT(*) FROM klaviyo_outbox WHERE id LIKE "
                      "'Back in Stock/%' AND sent_at IS NOT NULL")[0][0]


def test_the_form_follows_the_choice(shop, product):
    path, gone = product
    with Browser(shop) as b:
        b.open(path)
        assert not b.one("#notify").is_displayed()
        b.js("document.querySelector('input[value=\"%s\"]').click()" % gone)
        wait_for(lambda: b.one("#notify").is_displayed(), "the form")
        assert b.one("#notify-variant").get_attribute("value") == gone
        # The browser itself asks for an address.
        b.click("#notify [type=submit]")
        assert b.all("#notify-email:invalid")
        b.type("#notify-email", MAIL)
        b.click("#notify [type=submit]")
        b.at(path + "?notified=yes")
        assert "We will write to you" in b.text("#notify")
        assert b.one("#notify").is_displayed()
        b.check_quiet()
    wait_for(lambda: sent(shop) == 1, "it to reach Klaviyo")


def test_without_scripts(shop, product):
    path, gone = product
    with Browser(shop, javascript=False) as b:
        b.open(path)
        assert b.one("#notify").is_displayed()
        b.type("#notify-email", "other@klaviyo-demo.com")
        b.click("#notify [type=submit]")
        b.at(path + "?notified=yes")
    wait_for(lambda: sent(shop) == 2, "it to reach Klaviyo")
