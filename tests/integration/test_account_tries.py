"""How often one may try to log in, to register, and to have a new password sent."""
import math
import re
import time

import pytest

from account_kit import (NEW, PASSWORD, Client, address, customer,
                         forgot, later, login, register, resets,
                         save, wrong)
from shop_kit import check_page, execute, rows

pytestmark = pytest.mark.usefixtures("no_throttle")


def test_the_eleventh_try_in_a_minute(shop):
    _, email = customer(shop)
    execute(shop, "DELETE FROM throttle")
    thief = Client(shop)
    for _ in range(10):
        wrong(thief, email)
    reply = login(thief, email, status=429)  # even with the right one
    assert 1 <= int(reply.header("retry-after")) <= 60
    check_page(reply)
    # It is in the database: another process knows it, too.
    shop.end("storefront")
    shop.start_serve()
    wrong(thief, email, status=429)
    # Neither its owner nor another account is locked out by that.
    login(Client(shop), email)
    _, other = customer(shop, Client(shop))
    wrong(thief, other)
    later(shop, 61)
    login(thief, email)


def test_right_tries_do_not_count(shop):
    _, email = customer(shop)
    client = Client(shop)
    for _ in range(12):
        login(client, email)
        client.get("/account")
        client.submit("/account/logout")


def test_many_addresses_from_one_client(shop):
    thief, begun, tries = Client(shop), time.monotonic(), 0
    thief.get("/account/login")
    while thief.submit("/account/login", email=address(),
                       password="too few").status == 422:
        tries += 1
        assert tries < 1000
    assert 30 <= tries <= 31 + (time.monotonic() - begun) / 10
    wrong(Client(shop), address())


def test_a_client_is_not_named_in_the_database(shop):
    client = Client(shop, "127.99.98.97")
    email = address()
    wrong(client, email)
    found = rows(shop, "SELECT key FROM throttle")
    assert len(found) == 2
    for key, in found:
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", key)


def test_the_present_password_is_not_guessed(shop):
    visitor, email = customer(shop)
    for n in range(10):
        page, more = (("email", {"email": address()}),
                      ("password", {"new_password": NEW}))[n % 2]
        assert save(visitor, page, password="never this one",
                    **more).status == 422
    for page, more in (("email", {"email": address()}),
                       ("password", {"new_password": NEW})):
        assert save(visitor, page, password=PASSWORD,
                    **more).status == 429


def test_a_thousand_resets_are_three_mails_an_hour(shop):
    _, email = customer(shop)
    execute(shop, "DELETE FROM throttle")
    done, begun = 0, time.monotonic()
    while done < 1000:
        client = Client(shop)
        client.get("/account/forgot")
        form = {**client.form("/account/forgot"), "email": email}
        for n in range(10):
            form["key"] = f"{done:026d}"
            reply = client.post("/account/forgot", form, follow=False)
            assert reply.status == 303
            done += 1
        assert client.post("/account/forgot", form,
                           follow=False).status == 429
    assert resets(shop, email) == 2
    # As of the first mail: what the tries took has passed of itself.
    later(shop, 3590 - math.ceil(time.monotonic() - begun))
    forgot(Client(shop), email)
    assert resets(shop, email) == 2
    # To register with it leads to no more of them, either.
    register(Client(shop), email)
    assert resets(shop, email) == 2
    later(shop, 20)
    forgot(Client(shop), email)
    forgot(Client(shop), email)
    register(Client(shop), email)
    assert resets(shop, email) == 3


def test_registrations_from_one_client(shop):
    client = Client(shop)
    for _ in range(10):
        register(client, address())
    client.get("/account/register")
    reply = client.submit(
        "/account/register", first_name="S", last_name="M", email=address(),
        password=PASSWORD)
    assert reply.status == 429
