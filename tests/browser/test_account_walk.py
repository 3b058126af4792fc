"""An account in a real browser: made, used, changed, its password forgotten and
set anew by the link that Klaviyo was given; and what has reached Klaviyo then."""
import json

from browser import Browser
from harness import wait_for
from test_walk import contract, start

FIRST, SECOND = "sarah.mason@klaviyo-demo.com", "sarah.miller@klaviyo-demo.com"
PASSWORDS = "correct horse battery", "battery staple horse", "third of three"
GO = ".sheet-go button"


def fill(b, **fields):
    for name, value in fields.items():
        b.type("#" + name, value)
    b.click(GO)


def log_in(b, email, password):
    b.open("/account/login")
    fill(b, email=email, password=password)
    b.at("/account")
    b.one(".account")


def attributes(event):
    return event["attributes"]["properties"]


def updates(b):
    return {attributes(e)["UpdateType"]: attributes(e)
            for e in b.events("Updated Account")}


def test_the_account_walk():
    with start() as shop, Browser(shop) as b:
        # A guest fills a cart, makes an account, and finds the cart in it.
        b.open("/products/winnie-the-pooh")
        b.add(2)
        b.open("/")
        b.click(".account-link")
        b.at("/account/login")
        b.click("a[href^='/account/register']")
        b.at("/account/register")
        fill(b, first_name="Sarah", last_name="Mason", email=FIRST,
             phone="+15005550006", password=PASSWORDS[0])
        b.at("/account/login?done=new")
        assert "account is ready" in b.text("[role=status]")
        created, = b.wait_events("Created Account")
        log_in(b, FIRST, PASSWORDS[0])
        assert b.text("[data-cart-number]") == "2"

        # Name and address; the checkout has them then.
        b.click("a[href='/account/details']")
        fill(b, first_name="Sara", address1="125 Summer St", city="Boston",
             region="MA", zip="02110")
        b.at("/account?done=details")
        b.open("/checkout")
        assert b.one("#address1").get_attribute("value") == "125 Summer St"
        assert b.one("#email").get_attribute("value") == FIRST
        b.order()
        order = b.driver.current_url.rpartition("/")[2]
        b.open("/account")
        assert order in b.text(".orders") and "Placed" in b.text(".orders")
        b.click(".orders a")
        b.at("/orders/" + order)

        # A new address: Klaviyo's profile gets it, and stays one.
        b.wait_events("Ordered Product")
        b.open("/account/email")
        fill(b, email=SECOND, password=PASSWORDS[0])
        b.at("/account?done=email")
        wait_for(lambda: "Email Update" in updates(b), "Email Update")
        b.open("/account/password")
        fill(b, password=PASSWORDS[0], new_password=PASSWORDS[1])
        b.at("/account?done=password")
        wait_for(lambda: "Password Update" in updates(b), "Password Update")

        # Forgotten: the link is what Klaviyo was given.
        b.click(".account-out button")
        wait_for(lambda: b.driver.current_url == shop.url + "/", "home")
        b.open("/account/login")
        b.click("a[href='/account/forgot']")
        fill(b, email=SECOND)
        b.at("/account/forgot?done=1")
        reset, = b.wait_events("Reset Password")
        link = attributes(reset)["PasswordResetLink"]
        assert link.startswith(shop.url + "/account/reset/")
        b.driver.get(link)
        fill(b, password=PASSWORDS[2])
        b.at("/account/login?done=reset")
        log_in(b, SECOND, PASSWORDS[2])
        assert order in b.text(".orders")
        b.check_quiet()
        b.driver.get(link)
        assert "had its day" in b.text("h1")
        wait_for(lambda: len(b.events("Updated Account")) == 4, "4 updates")

        told = updates(b)
        assert told["Name and Address Update"]["NewValues"]["FirstName"] == \
            "Sara"
        assert told["Email Update"]["OldValues"] == {"Email": FIRST}
        assert set(told["Password Update"]) - {"$event_id"} == {
            "UpdateType", "UpdatedProperties"}
        everything = json.dumps(b.state())
        for password in PASSWORDS:
            assert password not in everything
        server = [e for e in b.events() if e["side"] == created["side"]]
        assert len({e["person"] for e in server}) == 1, "one person"
        people = [p for p in b.state()["profiles"] if SECOND in json.dumps(p)]
        assert len(people) == 1 and FIRST not in json.dumps(people[0])
        assert b.state()["refused"] == []
        contract(shop)


def test_a_double_click_counts_once():
    with start() as shop, Browser(shop) as b:
        b.open("/contact")
        for name, value in (("first_name", "John"), ("last_name", "Smith"),
                            ("email", FIRST), ("message", "Hello")):
            b.type("#" + name, value)
        b.js("var go = document.querySelector(arguments[0]);"
             "go.click(); go.click();", GO)
        b.at("/contact?done=1")
        b.wait_events("Became Lead")
        assert shop.query("SELECT COUNT(*) FROM lead")[0][0] == 1
        b.check_quiet()


def test_without_javascript():
    with start() as shop, Browser(shop, javascript=False) as b:
        b.open("/account/register")
        fill(b, first_name="Sarah", last_name="Mason", email=FIRST,
             password=PASSWORDS[0])
        b.at("/account/login")
        log_in(b, FIRST, PASSWORDS[0])
        b.click(".account-out button")
        wait_for(lambda: b.driver.current_url == shop.url + "/", "home")
        b.open("/account")
        b.at("/account/login")
