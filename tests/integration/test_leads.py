"""The contact form: a message that reaches somebody, and two events that tell
of it."""
import json

import pytest

from account_kit import Client, address, customer, later
from harness import Shop
from shop_kit import Page, check_page, execute, one, rows

REPRESENTATIVE = "sales@klaviyo-demo.com"


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", env={"STOREFRONT_LEADS_EMAIL": REPRESENTATIVE}) as shop:
        yield shop


@pytest.fixture(autouse=True)
def no_throttle(shop):
    execute(shop, "DELETE FROM throttle")


def write(visitor, status=200, **fields):
    visitor.get("/contact")
    reply = visitor.submit("/contact", **{
        "first_name": "John", "last_name": "Smith", "email": address(),
        "phone": "+1 (555) 123-4567", "message": "Do you have\nMoby Dick?",
        **fields})
    assert reply.status == status, reply
    return reply


def leads(shop, email):
    return rows(shop, "SELECT id FROM lead WHERE email = ?", email)


def event(shop, id):
    profile, body = rows(shop, "SELECT profile, event FROM klaviyo_outbox "
                         "WHERE id = ?", id)[0]
    profile = json.loads(profile)
    return profile.get("attributes", profile), json.loads(body)


def test_a_lead(shop):
    visitor, email = shop.visitor(), address()
    assert "/contact" in Page(visitor.get("/")).links()
    reply = write(visitor, email=email)
    assert "Thank you for writing" in check_page(reply).text
    (id,), = leads(shop, email)
    who, body = event(shop, f"Became Lead/{id}")
    assert who["email"] == email and who["first_name"] == "John"
    assert who["properties"]["MostRecentLeadSource"] == "Contact form"
    assert body["properties"] == {"Action": "Contact form"}
    who, body = event(shop, f"New Lead/{id}")
    assert who["email"] == REPRESENTATIVE and "first_name" not in who
    assert body["properties"] == {
        "LeadFirstName": "John", "LeadLastName": "Smith",
        "LeadPhoneNumber": "+1 (555) 123-4567", "LeadEmailAddress": email,
        "LeadAction": "Contact form"}


def test_who_wrote_is_known_to_the_pages(shop):
    visitor, email = shop.visitor(), address()
    write(visitor, email=email)
    told, = Page(visitor.get("/")).identified()
    assert told["email"] == email and told["first_name"] == "John"
    # But not one who is somebody else's account.
    visitor, mine = customer(shop)
    write(visitor, email=email)
    told, = Page(visitor.get("/")).identified()
    assert told["email"] == mine


def test_it_reaches_somebody(shop):
    """`storefront leads`, newest first."""
    first, second = address(), address()
    write(shop.visitor(), email=first, message="the first\nof two")
    execute(shop, "UPDATE lead SET created_at = created_at - 60")
    write(shop.visitor(), email=second, message="the second")
    listed = shop.run("leads").stdout
    assert listed.index(second) < listed.index(first)
    (id,), = leads(shop, first)
    line = [l for l in listed.splitlines() if first in l][0]
    assert line.startswith(id) and "John Smith" in line
    assert "    the first\n    of two\n" in listed
    wrong = shop.run("leads", "x", check=False)
    assert wrong.returncode == 2


def test_without_a_representative_the_prospect_alone_is_told():
    with Shop("nginx") as shop:
        email = address()
        write(shop.visitor(), email=email)
        (id,), = leads(shop, email)
        assert [i for i, in rows(shop, "SELECT id FROM klaviyo_outbox")] == \
            [f"Became Lead/{id}"]


def test_a_wrong_representative_is_named(shop):
    run = shop.run("leads", env={"STOREFRONT_LEADS_EMAIL": "nobody"},
                   check=False)
    assert run.returncode == 2 and "STOREFRONT_LEADS_EMAIL" in run.stderr


def test_sent_twice_it_is_one(shop):
    visitor, email = shop.visitor(), address()
    visitor.get("/contact")
    form = {**visitor.form("/contact"), "first_name": "J", "last_name": "S",
            "email": email, "message": "Hello"}
    for _ in range(2):
        assert visitor.post("/contact", form).status == 200
        assert visitor.path == "/contact?done=1"
    assert len(leads(shop, email)) == 1


@pytest.mark.parametrize("field, value", [
    ("first_name", ""), ("last_name", " "), ("email", "x"), ("email", ""),
    ("phone", "call me"), ("message", " \n "), ("message", "x" * 4001)])
def test_refused(shop, field, value):
    visitor = shop.visitor()
    reply = write(visitor, 422, **{field: value})
    assert [e[0] for e in check_page(reply).errors()] == [field]
    assert visitor.form("/contact")["first_name"] == (
        "" if field == "first_name" else "John")


def test_an_address_is_not_flooded(shop):
    """Each is a reason to write to it: three an hour, whoever sends them."""
    email = address()
    for n in range(5):
        write(Client(shop), 200 if n < 2 else 429, email=email.swapcase())
    reply = write(Client(shop), 429, email=email)
    assert int(reply.header("retry-after")) > 60
    write(Client(shop), email=address())
    later(shop, 3600)
    write(Client(shop), email=email)
    write(Client(shop), 429, email=email)


def test_a_client_is_not_heard_for_ever(shop):
    client = Client(shop)
    for _ in range(10):
        write(client)
    write(client, 429)


def test_one_who_is_logged_in_need_not_say_who(shop):
    visitor, email = customer(shop, phone="+15005550006")
    page = Page(visitor.get("/contact"))
    assert page.value("email") == email
    assert page.value("phone") == "+15005550006"
    assert page.value("first_name") == "Sarah"


HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028{{TITLE}}"


def test_hostile_words(shop):
    visitor, email = shop.visitor(), address()
    write(visitor, email=email, first_name=HOSTILE, message=HOSTILE)
    (id,), = leads(shop, email)
    assert event(shop, f"New Lead/{id}")[1]["properties"][
        "LeadFirstName"] == HOSTILE
    reply = write(visitor, 422, first_name=HOSTILE, message=HOSTILE,
                  email="x")
    page = check_page(reply)
    assert page.value("first_name") == HOSTILE
    assert visitor.form("/contact")["message"].strip("\n") == HOSTILE


def test_words_that_would_command_a_terminal(shop):
    """U+009B is what ESC [ is: `storefront leads` shows neither, and each
    message stays in its lines."""
    email = address()
    write(shop.visitor(), email=email, first_name="Jo\u009b31mhn",
          message="\u009b2Jgone\u0085x\tand\nhere")
    listed = shop.run("leads").stdout
    assert not [c for c in listed if c < " " and c != "\n"
                or "\x7f" <= c <= "\x9f"]
    assert "Jo?31mhn Smith" in listed
    assert "\n    ?2Jgone?x?and\n    here\n" in listed


def test_a_lead_without_its_event_is_none(shop):
    before = one(shop, "SELECT COUNT(*) FROM lead")
    execute(shop, "ALTER TABLE klaviyo_outbox RENAME TO outbox_away")
    try:
        write(shop.visitor(), 503)
    finally:
        execute(shop, "ALTER TABLE outbox_away RENAME TO klaviyo_outbox")
    assert one(shop, "SELECT COUNT(*) FROM lead") == before
