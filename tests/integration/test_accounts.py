"""Accounts: made, used, changed; what becomes the account's; and which events
report it.  What must not be possible is test_account_security.py's."""
import concurrent.futures
import json

import pytest

from account_kit import (PASSWORD, account_id, address, customer, login,
                         register, save)
from harness import Shop
from shop_kit import (Page, add, cart_lines, check_page, checkout,
                      execute, fill_cart, one, order_of, rows, session_id)

POOH, TALE, MOBY = "WINNIEPOOH", "TALEOFTWO", "MOBY-PB"
pytestmark = pytest.mark.usefixtures("no_throttle")


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as shop:
        execute(shop, "UPDATE variant SET stock = 1000")
        yield shop


def events(shop, account):
    """[(metric, unique_id, properties)] of an account, oldest first."""
    found = rows(shop, "SELECT id, event FROM klaviyo_outbox WHERE "
                 "(id LIKE ? OR id LIKE ?) AND kind = ?",
                 f"%Account/{account}", f"%Account/{account}:%", "event")
    return sorted((*id.split("/", 1), json.loads(event)["properties"])
                  for id, event in found)


def profile(shop, id):
    body = json.loads(one(shop, "SELECT profile FROM klaviyo_outbox "
                          "WHERE id = ?", id))
    return body.get("attributes", body)


# ------------------------------------------------------- register, log in, out

def test_register_log_in_log_out(shop):
    visitor, email = shop.visitor(), address()
    reply = register(visitor, email, phone="+1 (500) 555-0006")
    assert "Your account is ready" in check_page(reply).text
    account = account_id(shop, email)
    row = rows(shop, "SELECT email, email_key, phone, password FROM account "
               "WHERE id = ?", account)[0]
    assert row[:3] == (email, email.lower(), "+15005550006")
    assert row[3].startswith("$argon2id$")
    # Not logged in yet: the page of orders asks for that.
    visitor.get("/account")
    assert visitor.path == "/account/login?next=/account"
    login(visitor, email.upper())
    page = check_page(visitor.page)
    assert visitor.path == "/account"
    assert "Sarah Mason" in page.text and email in page.text
    assert visitor.page.header("cache-control") == "private, no-store"
    reply = visitor.submit("/account/logout")
    assert visitor.path == "/" and "sid" not in visitor.cookies
    assert reply.header("cache-control").startswith("public")
    visitor.get("/account")
    assert visitor.path.startswith("/account/login")


def test_created_account_is_told_with_it(shop):
    visitor, email = customer(shop, phone="+15005550007")
    account = account_id(shop, email)
    assert events(shop, account) == [("Created Account", account, {})]
    attributes = profile(shop, f"Created Account/{account}")
    assert attributes["email"] == email
    assert attributes["phone_number"] == "+15005550007"
    assert attributes["first_name"] == "Sarah"


def test_the_header_is_the_same_for_everyone(shop):
    page = Page(shop.get("/"))
    assert "/account" in page.links()
    assert "/contact" in page.links()
    assert shop.get("/").header("cache-control").startswith("public")


@pytest.mark.parametrize("field, value, why", [
    ("email", "nobody", "no e-mail address"), ("email", "", "e-mail address"),
    ("first_name", " ", "first name"), ("last_name", "", "last name"),
    ("phone", "call me", "no phone number"), ("password", "", "choose a"),
    ("password", "seven77", "at least 8"), ("password", "x" * 1025, "long"),
    ("first_name", "x" * 121, "too long")])
def test_register_refused(shop, field, value, why):
    visitor, email = shop.visitor(), address()
    visitor.get("/account/register")
    fields = {"first_name": "Sarah", "last_name": "Mason", "email": email,
              "password": PASSWORD, "phone": "", field: value}
    reply = visitor.submit("/account/register", **fields)
    page = check_page(reply)
    assert reply.status == 422
    (wrong, said), = page.errors()
    assert wrong == field and why in said
    # What was typed is kept, but for the password.
    for name in fields:
        typed = value.strip() if name == field else fields[name]
        assert page.value(name) == ("" if name == "password" else typed)
    assert not rows(shop, "SELECT 1 FROM account WHERE email_key = ?",
                    email.lower())


def test_password_fields_say_what_they_are(shop):
    def kind(path, name, visitor):
        field, = Page(visitor.get(path)).all("input", name=name)
        assert field["attrs"]["type"] == "password"
        return field["attrs"]["autocomplete"]
    visitor = shop.visitor()
    assert kind("/account/register", "password", visitor) == "new-password"
    assert kind("/account/login", "password", visitor) == "current-password"
    assert Page(visitor.page).all("input", name="email")[0]["attrs"][
        "autocomplete"] == "username"
    visitor, _ = customer(shop)
    assert kind("/account/password", "password", visitor) == \
        "current-password"
    assert kind("/account/password", "new_password", visitor) == \
        "new-password"
    assert kind("/account/email", "password", visitor) == "current-password"


def test_register_sent_twice(shop):
    """A double click: one account, one event, and no mail about a password."""
    visitor, email = shop.visitor(), address()
    visitor.get("/account/register")
    form = {**visitor.form("/account/register"), "first_name": "Sarah",
            "last_name": "Mason", "email": email, "password": PASSWORD}
    for _ in range(2):
        visitor.post("/account/register", form)
        assert visitor.path == "/account/login?done=new"
    account = account_id(shop, email)
    assert len(events(shop, account)) == 1
    assert not rows(shop, "SELECT 1 FROM reset_request WHERE account = ?",
                    account)


# ----------------------------------------------------------------- what changes

def test_details(shop):
    visitor, email = customer(shop)
    account = account_id(shop, email)
    assert save(visitor, "details", first_name="Sara").status == 200
    assert visitor.path == "/account?done=details"
    assert "Sara Mason" in Page(visitor.page).text
    save(visitor, "details", phone="+15005550008")
    save(visitor, "details", address1="125 Summer St", address2="",
         city="Boston", region="MA", zip="02110", country="US")
    assert "United States" in Page(visitor.page).text
    save(visitor, "details", last_name="Miller", address1="1 Main St")
    # The same once more is no change.
    save(visitor, "details")
    told = [e for e in events(shop, account) if e[0] == "Updated Account"]
    assert [e[2] for e in told] == [
        {"UpdateType": "Name Update", "UpdatedProperties": ["FirstName"],
         "OldValues": {"FirstName": "Sarah"},
         "NewValues": {"FirstName": "Sara"}},
        {"UpdateType": "Phone Update", "UpdatedProperties": ["PhoneNumber"],
         "NewValues": {"PhoneNumber": "+15005550008"}},
        {"UpdateType": "Address Update",
         "UpdatedProperties": ["Address1", "City", "Region", "Zip",
                               "Country"],
         "NewValues": {"Address1": "125 Summer St", "City": "Boston",
                       "Region": "MA", "Zip": "02110", "Country": "US"}},
        {"UpdateType": "Name and Address Update",
         "UpdatedProperties": ["LastName", "Address1"],
         "OldValues": {"LastName": "Mason", "Address1": "125 Summer St"},
         "NewValues": {"LastName": "Miller", "Address1": "1 Main St"}}]
    assert len({e[1] for e in told}) == 4
    for e in told:
        assert e[1].startswith(account + ":")
    attributes = profile(shop, "/".join(told[-1][:2]))
    assert attributes["email"] == email
    assert attributes["last_name"] == "Miller"
    assert attributes["location"]["address1"] == "1 Main St"


def test_half_an_address_is_refused(shop):
    visitor, email = customer(shop)
    reply = save(visitor, "details", address1="1 Main St")
    assert reply.status == 422
    assert {e[0] for e in Page(reply).errors()} == {"city", "zip"}
    for field, value in (("address2", "5th floor"), ("city", "Boston"),
                         ("region", "MA"), ("zip", "02110")):
        reply = save(visitor, "details", **{field: value})
        assert [e[0] for e in Page(reply).errors()] == ["address1"]
        assert Page(reply).value(field) == value
    assert one(shop, "SELECT address1 FROM account WHERE id = ?",
               account_id(shop, email)) == ""


def test_email(shop):
    visitor, email = customer(shop)
    account, new = account_id(shop, email), address()
    reply = save(visitor, "email", email=new, password="not this one")
    assert reply.status == 422
    assert [e[0] for e in Page(reply).errors()] == ["password"]
    assert account_id(shop, email) == account
    assert save(visitor, "email", email=new, password=PASSWORD).status == 200
    assert visitor.path == "/account?done=email"
    assert new in Page(visitor.page).text
    told, = [e for e in events(shop, account) if e[0] == "Updated Account"]
    assert told[2] == {
        "UpdateType": "Email Update", "UpdatedProperties": ["Email"],
        "OldValues": {"Email": email}, "NewValues": {"Email": new}}
    # Klaviyo's profile is given the new address before it is told of it.
    kind, who, what = rows(shop, "SELECT kind, profile, event FROM "
                           "klaviyo_outbox WHERE id = ?",
                           f"Updated Email/{told[1]}")[0]
    assert kind == "email" and email in who and new in what
    login(shop.visitor(), new)
    login(shop.visitor(), email, status=422)


def test_email_of_another_account(shop):
    _, other = customer(shop)
    visitor, email = customer(shop)
    reply = save(visitor, "email", email=other.upper(), password=PASSWORD)
    assert reply.status == 422
    (field, said), = Page(reply).errors()
    assert field == "email" and "cannot be used" in said
    assert events(shop, account_id(shop, email))[0][0] == "Created Account"
    assert len(events(shop, account_id(shop, email))) == 1


def test_email_in_other_letters_is_the_same_person(shop):
    visitor, email = customer(shop)
    account = account_id(shop, email)
    save(visitor, "email", email=email.upper(), password=PASSWORD)
    assert one(shop, "SELECT email FROM account WHERE id = ?", account) == \
        email.upper()
    assert not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE id LIKE ?",
                    f"Updated Email/{account}%")


def test_password(shop):
    visitor, email = customer(shop)
    account = account_id(shop, email)
    reply = save(visitor, "password", password="not this one",
                 new_password="another horse")
    assert reply.status == 422
    reply = save(visitor, "password", password=PASSWORD, new_password="short")
    assert [e[0] for e in Page(reply).errors()] == ["new_password"]
    reply = save(visitor, "password", password=PASSWORD,
                 new_password="another horse")
    assert reply.status == 200 and visitor.path == "/account?done=password"
    told, = [e for e in events(shop, account) if e[0] == "Updated Account"]
    assert told[2] == {"UpdateType": "Password Update",
                       "UpdatedProperties": ["Password"]}
    login(shop.visitor(), email, status=422)
    login(shop.visitor(), email, "another horse")


# ---------------------------------------------------- what becomes the account's

def test_orders_belong_to_the_account(shop):
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 2)])
    order = order_of(checkout(visitor, email="gift@klaviyo-demo.com"))
    elsewhere = shop.visitor()
    login(elsewhere, email)
    page = Page(elsewhere.page)
    assert order in page.text and "Placed" in page.text
    assert f"/orders/{order}" in page.links()
    assert elsewhere.get(f"/orders/{order}").status == 200
    # Not after the way out, and for nobody else.
    visitor.get("/account")
    visitor.submit("/account/logout")
    assert visitor.get(f"/orders/{order}").status == 404
    other, _ = customer(shop)
    assert other.get(f"/orders/{order}").status == 404
    assert order not in Page(other.get("/account")).text


def test_an_order_shows_its_state(shop):
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 2)])
    order = order_of(checkout(visitor))
    shop.run("order", "fulfill", order, "--line", "1:1")
    assert "Partly sent" in Page(visitor.get("/account")).text
    shop.run("order", "fulfill", order)
    assert "Sent" in Page(visitor.get("/account")).text


def test_orders_of_this_session_join(shop):
    """What a guest ordered is the account's once they log in from the same
    session; an address alone takes nothing over."""
    email = address()
    stranger, guest = shop.visitor(), shop.visitor()
    fill_cart(stranger, shop, [(MOBY, 1)])
    theirs = order_of(checkout(stranger, email=email))
    fill_cart(guest, shop, [(TALE, 1)])
    mine = order_of(checkout(guest, email=email))
    register(guest, email)
    login(guest, email)
    page = Page(guest.page)
    assert mine in page.text and theirs not in page.text
    assert guest.get(f"/orders/{mine}").status == 200
    assert guest.get(f"/orders/{theirs}").status == 404
    assert stranger.get(f"/orders/{theirs}").status == 200


def test_checkout_is_filled_in(shop):
    visitor, email = customer(shop, phone="+15005550009")
    save(visitor, "details", address1="125 Summer St", address2="5th floor",
         city="Boston", region="MA", zip="02110", country="CA")
    fill_cart(visitor, shop, [(POOH, 1)])
    page = Page(visitor.get("/checkout"))
    assert {n: page.value(n) for n in (
        "email", "phone", "first_name", "last_name", "address1", "address2",
        "city", "region", "zip")} == {
        "email": email, "phone": "+15005550009", "first_name": "Sarah",
        "last_name": "Mason", "address1": "125 Summer St",
        "address2": "5th floor", "city": "Boston", "region": "MA",
        "zip": "02110"}
    assert visitor.form("/checkout")["country"] == "CA"


def test_from_the_checkout_and_back(shop):
    _, email = customer(shop)
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(POOH, 1)])
    page = Page(visitor.get("/checkout"))
    assert "/account/login?next=/checkout" in page.links()
    visitor.get("/account/login?next=/checkout")
    visitor.submit("/account/login", email=email, password=PASSWORD)
    assert visitor.path == "/checkout"
    page = check_page(visitor.page)
    assert page.value("email") == email
    assert "/account/login?next=/checkout" not in page.links()


def test_from_the_checkout_by_a_new_account(shop):
    """Two forms later the visitor is where they wanted to go."""
    visitor, email = shop.visitor(), address()
    fill_cart(visitor, shop, [(POOH, 1)])
    links = Page(visitor.get("/account/login?next=/checkout")).links()
    way, = [link for link in links if link.startswith("/account/register")]
    visitor.get(way)
    visitor.submit("/account/register", first_name="S", last_name="M",
                   email=email, password=PASSWORD)
    assert visitor.path == "/account/login?done=new&next=%2Fcheckout"
    visitor.submit("/account/login", email=email, password=PASSWORD)
    assert visitor.path == "/checkout"
    visitor = shop.visitor()
    visitor.get("/account/register?next=//evil.example")
    assert visitor.form("/account/register")["next"] == ""


def test_cart_follows_the_account(shop):
    """What a guest put into the cart is there after logging in, and on another
    device, both ways."""
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(POOH, 2)])
    cart = one(shop, "SELECT cart FROM session WHERE id = ?",
               session_id(visitor))
    _, email = customer(shop, visitor)
    assert cart_lines(shop, visitor) == [(POOH, 2)]
    # The cart's events are known by its id: that stays.
    assert one(shop, "SELECT cart FROM session WHERE id = ?",
               session_id(visitor)) == cart
    other = shop.visitor()
    login(other, email)
    assert cart_lines(shop, other) == [(POOH, 2)]
    add(other, shop, TALE, 1)
    assert cart_lines(shop, visitor) == [(POOH, 2), (TALE, 1)]
    checkout(other)
    assert cart_lines(shop, visitor) == []


def test_an_empty_cart_is_shared_too(shop):
    visitor, email = customer(shop)
    other = shop.visitor()
    login(other, email)
    add(visitor, shop, POOH, 3)
    assert cart_lines(shop, other) == [(POOH, 3)]


def test_carts_are_merged_on_login(shop):
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 2), (TALE, 1)])
    guest = shop.visitor()
    fill_cart(guest, shop, [(TALE, 3), (MOBY, 4)])
    login(guest, email)
    merged = [(POOH, 2), (TALE, 4), (MOBY, 4)]
    assert cart_lines(shop, guest) == merged == cart_lines(shop, visitor)
    # Once more from the same device adds nothing.
    execute(shop, "UPDATE login SET seen_at = seen_at - 1900")
    login(guest, email)
    assert cart_lines(shop, guest) == merged


def test_logging_in_twice_at_once_merges_once(shop):
    """A double click."""
    visitor, email = customer(shop)
    add(visitor, shop, POOH, 1)
    for n in range(1, 4):
        guest = shop.visitor()
        add(guest, shop, TALE, 1)
        guest.get("/account/login")
        form = {**guest.form("/account/login"), "email": email,
                "password": PASSWORD}
        headers = {"Cookie": "sid=" + guest.cookies["sid"],
                   "Sec-Fetch-Site": "same-origin"}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            states = [a.status for a in pool.map(
                lambda _: shop.post("/account/login", form, headers),
                range(2))]
        assert 303 in states and set(states) <= {303, 403}
        assert cart_lines(shop, visitor) == [(POOH, 1), (TALE, n)]


def test_merging_keeps_within_stock_and_limits(shop):
    visitor, email = customer(shop)
    execute(shop, "UPDATE variant SET stock = 1000")
    fill_cart(visitor, shop, [(POOH, 700), (TALE, 5)])
    guest = shop.visitor()
    fill_cart(guest, shop, [(POOH, 700), (TALE, 5), (MOBY, 2)])
    execute(shop, "UPDATE variant SET stock = 7 WHERE sku = ?", TALE)
    execute(shop, "UPDATE variant SET stock = 0 WHERE sku = ?", MOBY)
    try:
        login(guest, email)
        assert cart_lines(shop, guest) == [(POOH, 999), (TALE, 7)]
    finally:
        execute(shop, "UPDATE variant SET stock = 1000")


def test_merging_keeps_within_a_hundred_lines(shop):
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 1)])
    guest = shop.visitor()
    fill_cart(guest, shop, [(MOBY, 1)])
    cart = one(shop, "SELECT cart FROM session WHERE id = ?",
               session_id(visitor))
    product = one(shop, "SELECT product FROM variant WHERE sku = ?", POOH)
    for n in range(99):
        execute(shop, "INSERT INTO variant (product, name, sku, price, "
                "compare_at, stock, oversell, position) VALUES "
                "(?, ?, ?, 100, 0, 9, 0, 50)", product, f"v{n}", f"v{n}")
        execute(shop, "INSERT INTO cart_line SELECT ?, id, 1, ? FROM variant "
                "WHERE sku = ?", cart, 10 + n, f"v{n}")
    try:
        login(guest, email)
        lines = cart_lines(shop, guest)
        assert len(lines) == 100 and (MOBY, 1) not in lines
    finally:
        execute(shop, "DELETE FROM variant WHERE name LIKE 'v%' "
                "AND sku = name")


def test_a_cart_is_not_taken_over_by_another_account(shop):
    """On a device where somebody's login has run out, the next one's cart is
    their own."""
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 2)])
    execute(shop, "UPDATE login SET seen_at = seen_at - 1900")
    _, second = customer(shop, visitor)
    assert cart_lines(shop, visitor) == []
    other = shop.visitor()
    login(other, email)
    assert cart_lines(shop, other) == [(POOH, 2)]
    add(visitor, shop, TALE, 1)
    assert cart_lines(shop, other) == [(POOH, 2)]


# ----------------------------------------------------------- known to the pages

def test_pages_identify_by_the_account(shop):
    visitor, email = customer(shop, phone="+15005550006")
    told, = Page(visitor.get("/")).identified()
    assert told["email"] == email and told["first_name"] == "Sarah"
    # What is typed at the checkout does not make them somebody else.
    fill_cart(visitor, shop, [(POOH, 1)])
    checkout(visitor, email="gift@klaviyo-demo.com")
    told, = Page(visitor.get("/")).identified()
    assert told["email"] == email


def test_no_identify_until_the_address_is_klaviyos(shop):
    visitor, email = customer(shop)
    new = address()
    save(visitor, "email", email=new, password=PASSWORD)
    assert Page(visitor.get("/")).identified() == []
    execute(shop, "UPDATE klaviyo_outbox SET due_at = NULL, sent_at = "
            "created_at WHERE id LIKE ?",
            f"Updated Email/{account_id(shop, new)}%")
    told, = Page(visitor.get("/")).identified()
    assert told["email"] == new


def test_after_the_login_nobody_is_known(shop):
    visitor, email = customer(shop)
    fill_cart(visitor, shop, [(POOH, 1)])
    execute(shop, "UPDATE login SET seen_at = seen_at - 1900")
    assert Page(visitor.get("/")).identified() == []
    page = Page(visitor.get("/checkout"))
    assert page.value("email") == "" and email not in visitor.page.text


def test_a_change_without_its_event_does_not_happen(shop):
    """The account and its event are one transaction: where the event's table
    refuses, there is no account either."""
    def count():
        return one(shop, "SELECT COUNT(*) FROM account")
    before = count()
    execute(shop, "ALTER TABLE klaviyo_outbox RENAME TO outbox_away")
    try:
        visitor = shop.visitor()
        visitor.get("/account/register")
        reply = visitor.submit(
            "/account/register", first_name="Sarah", last_name="Mason",
            email=address(), password=PASSWORD)
        assert reply.status == 503
    finally:
        execute(shop, "ALTER TABLE outbox_away RENAME TO klaviyo_outbox")
    assert count() == before


def test_an_older_shop_is_brought_up_to_date():
    """`storefront init` on a shop from before there were accounts."""
    with Shop("nginx", serve=False) as old:
        for table in ("account_order", "login", "reset_request", "throttle",
                      "lead", "account"):
            execute(old, f"DROP TABLE {table}")
        execute(old, "UPDATE meta SET value = '3' WHERE name = 'schema'")
        assert "storefront init" in old.run("leads", check=False).stderr
        old.run("init")
        old.start()
        customer(old)


