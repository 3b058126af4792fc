"""What must not be possible with accounts: each rule, and a way to break it.
How often one may try is test_account_tries.py's, what a link to a new password may
do test_account_reset.py's."""
import concurrent.futures
import ctypes
import os
import re
import statistics
import time

import pytest

from account_kit import (NEW, NEXT, PASSWORD, Client, account_id, address, ask,
                         customer, forgot, login, register,
                         reset_token, resets, save, wrong)
from harness import PUBLIC_KEY, SANITIZED, TREE, Shop
from shop_kit import Page, add, check_page, execute, one, rows, session_id

pytestmark = pytest.mark.usefixtures("no_throttle")


# -------------------------------------------------------------------- sessions

def test_the_session_is_another_one_after_log_in_and_out(shop):
    visitor, email = shop.visitor(), address()
    register(visitor, email)
    before = visitor.cookies["sid"]
    login(visitor, email)
    inside = visitor.cookies["sid"]
    assert inside != before
    visitor.get("/account")
    visitor.submit("/account/logout")
    assert "sid" not in visitor.cookies
    for old in (before, inside):
        thief = shop.visitor()
        thief.cookies["sid"] = old
        thief.get("/account")
        assert thief.path.startswith("/account/login")
        assert thief.cookies["sid"] != old


def test_every_cookie_has_its_flags(shop):
    """Of a shop on https all are __Host- and Secure, too."""
    with Shop("nginx", env={"STOREFRONT_URL": "https://shop.example"}) as safe:
        for where, name, flags in (
                (shop, "sid", "Path=/; Max-Age={}; HttpOnly; SameSite=Lax"),
                (safe, "__Host-sid", "Path=/; Max-Age={}; HttpOnly; "
                                     "SameSite=Lax; Secure")):
            visitor = where.visitor()
            origin = {"Origin": "https://shop.example"} \
                if where is safe else {}
            visitor.get("/account/register")
            seen = []

            def post(path, fields, page=None):
                if page:
                    visitor.get(page)
                reply = visitor.post(path, {**visitor.form(path), **fields},
                                     headers=origin, follow=False)
                assert reply.status == 303, reply
                seen.extend(reply.all("set-cookie"))
            email = address()
            post("/account/register", {
                "first_name": "Sarah", "last_name": "Mason", "email": email,
                "password": PASSWORD})
            post("/account/login", {"email": email, "password": PASSWORD},
                 "/account/login")
            post("/account/password", {"password": PASSWORD,
                                       "new_password": NEW},
                 "/account/password")
            post("/account/logout", {}, "/account")
            assert len(seen) == 3
            for n, cookie in enumerate(seen):
                value, _, rest = cookie.partition("; ")
                assert value.startswith(name + "=")
                assert rest == flags.format(0 if n == 2 else 30 * 86400)


def test_a_cookie_with_any_bit_changed_is_none(shop):
    visitor, _ = customer(shop)
    cookie = visitor.cookies["sid"]
    for i, c in enumerate(cookie):
        for bit in (1, 2):
            other = chr(ord(c) ^ bit)
            if not re.match(r"[A-Za-z0-9_.-]", other):
                continue
            thief = shop.visitor()
            thief.cookies["sid"] = cookie[:i] + other + cookie[i + 1:]
            assert thief.get("/account", follow=False).status == 303, i


def test_a_login_ends_when_it_is_not_used(shop):
    visitor, _ = customer(shop)
    execute(shop, "UPDATE login SET seen_at = seen_at - 1790 "
            "WHERE session = ?", session_id(visitor))
    assert visitor.get("/account", follow=False).status == 200
    # Being used has kept it.
    execute(shop, "UPDATE login SET seen_at = seen_at - 1790 "
            "WHERE session = ?", session_id(visitor))
    assert visitor.get("/account", follow=False).status == 200
    execute(shop, "UPDATE login SET seen_at = seen_at - 1801 "
            "WHERE session = ?", session_id(visitor))
    assert visitor.get("/account", follow=False).status == 303


def test_a_login_ends_after_twelve_hours(shop):
    visitor, _ = customer(shop)
    execute(shop, "UPDATE login SET since = since - ? WHERE session = ?",
            12 * 3600 - 60, session_id(visitor))
    assert visitor.get("/account", follow=False).status == 200
    execute(shop, "UPDATE login SET since = since - 61 WHERE session = ?",
            session_id(visitor))
    assert visitor.get("/account", follow=False).status == 303


def test_a_new_password_ends_all_other_logins(shop):
    visitor, email = customer(shop)
    other = shop.visitor()
    login(other, email)
    before = visitor.cookies["sid"]
    save(visitor, "password", password=PASSWORD, new_password=NEW)
    assert visitor.path == "/account?done=password"
    assert visitor.cookies["sid"] != before
    assert visitor.get("/account", follow=False).status == 200
    assert other.get("/account", follow=False).status == 303


def test_sessions_without_anything_do_not_stay(shop):
    """A robot that opens forms makes one each time."""
    def count(where):
        return one(shop, f"SELECT COUNT(*) FROM session WHERE {where}")
    kept = shop.visitor()
    add(kept, shop, "WINNIEPOOH", 1)
    shop.get("/account/login")
    execute(shop, "UPDATE session SET seen_at = seen_at - 90000")
    old = "cart IS NULL AND email = '' AND seen_at < " + str(
        int(time.time()) - 80000)
    carts = count("cart IS NOT NULL")
    assert count(old) > 0 and carts > 0
    tries = 0
    while count(old) > 0:
        shop.get("/account/login")
        tries += 1
        assert tries < 3000
    assert count("cart IS NOT NULL") == carts
    assert kept.get("/cart").text.count("Winnie the Pooh") > 0
    execute(shop, "UPDATE session SET seen_at = seen_at - 2600000 "
            "WHERE cart IS NOT NULL")
    while count("cart IS NOT NULL") > 0:
        shop.get("/account/login")
        tries += 1
        assert tries < 6000


# ------------------------------------------------------------- forms of others

def posts():
    """The paths that take a form of the account or a message, off the routes."""
    with open(os.path.join(TREE, "src", "storefront", "pages.c")) as f:
        found = re.findall(r'\{"POST", "(/account[^"]*|/contact)"', f.read())
    assert len(found) >= 8
    return found


TYPED = {"first_name": "Eve", "last_name": "Eve", "email":
         "eve@klaviyo-demo.com", "password": PASSWORD, "new_password": NEW,
         "message": "Hello", "phone": "", "address1": "", "address2": "",
         "city": "", "region": "", "zip": "", "country": "US", "reset": "x",
         "key": "a" * 26}


def accounts(shop):
    return [rows(shop, f"SELECT * FROM {table} ORDER BY 1") for table in (
        "account", "login", "account_order", "reset_request", "lead",
        "klaviyo_outbox")]


@pytest.mark.parametrize("path", posts())
def test_no_form_without_this_sessions_token(shop, path):
    """Nor with the token of another session, nor from another site."""
    visitor, _ = customer(shop)
    other, _ = customer(shop)
    other.get("/account")
    strange = other.form("/account/logout")["token"]
    before = accounts(shop)
    for token in (None, "", "x", strange):
        fields = {**TYPED, **({} if token is None else {"token": token})}
        reply = visitor.post(path, fields, follow=False)
        assert reply.status == 403, (path, token)
    page = visitor.get("/account")
    assert page.status == 200 and visitor.path == "/account"
    mine = visitor.form("/account/logout")["token"]
    for headers in ({"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"},
                    {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}):
        reply = visitor.post(path, {**TYPED, "token": mine}, headers=headers,
                             follow=False)
        assert reply.status == 403, (path, headers)
    assert accounts(shop) == before


@pytest.mark.parametrize("path", posts())
def test_a_field_that_comes_twice_is_refused(shop, path):
    reply = shop.request("POST", path, b"email=a%40b.example&email=c%40d.ex",
                         {"Content-Type": "application/x-www-form-urlencoded",
                          "Sec-Fetch-Site": "same-origin"})
    assert reply.status == 400


@pytest.mark.parametrize("value", [b"%00", b"%ff", b"%c0%af", b"%ed%a0%80",
                                   b"%0", b"a%01b"])
def test_bad_bytes_are_refused(shop, value):
    reply = shop.request("POST", "/account/login",
                         b"email=a%40b.example&password=12345678" + value,
                         {"Content-Type": "application/x-www-form-urlencoded",
                          "Sec-Fetch-Site": "same-origin"})
    assert reply.status == 400


def test_log_in_leads_only_to_the_shop_itself(shop):
    assert len(NEXT) >= 40
    _, email = customer(shop)
    for n in NEXT:
        visitor = shop.visitor()
        visitor.get("/account/login")
        form = {**visitor.form("/account/login"), "email": email,
                "password": PASSWORD, "next": n}
        reply = visitor.post("/account/login", form, follow=False)
        if reply.status == 400:
            continue
        assert reply.status == 303
        assert reply.header("location") == shop.url + "/account", repr(n)
        assert "x" not in visitor.cookies
    visitor = shop.visitor()
    login(visitor, email, next="/checkout?a=1")
    assert visitor.path in ("/checkout?a=1", "/cart")


def test_no_account_of_another(shop):
    """All that is changed is the session's own: no form names an account."""
    visitor, email = customer(shop)
    other, theirs = customer(shop)
    before = rows(shop, "SELECT * FROM account WHERE id = ?",
                  account_id(shop, theirs))
    save(visitor, "details", first_name="Eve", id=account_id(shop, theirs),
         account=account_id(shop, theirs))
    assert rows(shop, "SELECT * FROM account WHERE id = ?",
                account_id(shop, theirs)) == before


# ------------------------------------------------------------------- passwords

def test_passwords_of_any_bytes_and_length(shop):
    for password in ("x" * 1024, "  eight ", "p\u00e4ssw\u00f6rter", "\u2603" * 8):
        visitor, email = shop.visitor(), address()
        register(visitor, email, password)
        login(visitor, email, password)
        wrong(shop.visitor(), email, password=password.strip() + "x")
        wrong(shop.visitor(), email, password=password[:-1] + "y")


def sodium_hash(password, ops, memory):
    sodium = ctypes.CDLL("libsodium.so.23")
    out = ctypes.create_string_buffer(128)
    assert sodium.sodium_init() >= 0
    assert sodium.crypto_pwhash_str(
        out, password.encode(), ctypes.c_ulonglong(len(password)),
        ctypes.c_ulonglong(ops), ctypes.c_size_t(memory)) == 0
    return out.value.decode()


def test_a_weak_hash_is_made_anew_on_login(shop):
    _, email = customer(shop)
    weak = sodium_hash(PASSWORD, 1, 8 << 20)
    execute(shop, "UPDATE account SET password = ? WHERE id = ?", weak,
            account_id(shop, email))
    wrong(shop.visitor(), email)
    assert one(shop, "SELECT password FROM account WHERE id = ?",
               account_id(shop, email)) == weak
    login(shop.visitor(), email)
    strong = one(shop, "SELECT password FROM account WHERE id = ?",
                 account_id(shop, email))
    assert "$m=65536,t=2,p=1$" in strong
    login(shop.visitor(), email)
    assert one(shop, "SELECT password FROM account WHERE id = ?",
               account_id(shop, email)) == strong


def test_no_password_in_any_row(shop):
    visitor, email = customer(shop)
    save(visitor, "password", password=PASSWORD, new_password=NEW)
    hash = one(shop, "SELECT password FROM account WHERE id = ?",
               account_id(shop, email))
    tables = [t for t, in rows(
        shop, "SELECT table_name FROM information_schema.tables WHERE "
        "table_schema = 'public'" if shop.engine == "postgresql" else
        "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert "klaviyo_outbox" in tables
    for table in tables:
        text = repr(rows(shop, f"SELECT * FROM {table}"))
        assert PASSWORD not in text and NEW not in text, table
        assert table == "account" or hash not in text, table


def peak(process):
    """The most memory that a process has had, in bytes."""
    with open(f"/proc/{process.pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1]) * 1024


def test_a_hundred_at_once(shop):
    """Two passwords are hashed at a time, however many come; the others are
    told to come again, and the shop's pages are served meanwhile."""
    with Shop("nginx", env={"STOREFRONT_THREADS": "32"}) as busy:
        _, email = customer(busy)
        clients = [Client(busy) for _ in range(100)]
        for client in clients:
            client.get("/account/login")
        hashing = peak(busy.programs["storefront"])  # one was hashed

        def attempt(client):
            return client.submit("/account/login", email=email,
                                 password="never this one")
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(attempt, clients))
        after = peak(busy.programs["storefront"])
        states = [a.status for a in answers]
        # So slow a program may have no turn to write within its 5 seconds.
        late = {503} if SANITIZED else set()
        assert {422, 429} <= set(states) <= {422, 429} | late
        for a in answers:
            if a.status == 429:
                assert int(a.header("retry-after")) >= 1
                assert "try again" in Page(a).text
        # One more hash than before, and what 100 requests need besides.
        room = (300 if SANITIZED else 40) << 20
        assert after < hashing + (64 << 20) + room, (hashing, after)
        login(busy.visitor(), email)


# ------------------------------------------------------ who has an account here

def plain(reply):
    """A page without what differs anyway: tokens and keys."""
    return re.sub(r'(name="(?:token|key)" value=")[^"]*', r"\1",
                  re.sub(r"[Pp]erson\.\d+@Klaviyo-Demo\.com", "", reply.text))


def test_answers_do_not_tell_who_has_an_account(shop):
    _, known = customer(shop)
    answers = []
    for email in (known, address()):
        visitor = shop.visitor()
        a = plain(wrong(visitor, email, password="never this one"))
        visitor.get("/account/forgot")
        b = visitor.submit("/account/forgot", email=email)
        path_b = visitor.path
        c = register(visitor, email)
        answers.append((a, plain(b), path_b, plain(c)))
    assert answers[0] == answers[1]


def test_time_does_not_tell_who_has_an_account(shop):
    """The median of pairs that take turns.  Without the hash that is made for
    nobody an unknown address is answered fifty times as fast."""
    _, known = customer(shop)

    def measure(path, fields):
        visitor.get(path)
        form = {**visitor.form(path), **fields}
        execute(shop, "DELETE FROM throttle")
        begun = time.perf_counter()
        visitor.post(path, form, follow=False)
        return time.perf_counter() - begun
    visitor = shop.visitor()
    for path, factor, fields in (
            ("/account/login", 1.6, {"password": "never this one"}),
            ("/account/register", 1.6, {
                "password": PASSWORD, "first_name": "S", "last_name": "M"}),
            ("/account/forgot", 3, {})):
        times = ([], [])
        for _ in range(15):
            times[0].append(measure(path, {**fields, "email": known}))
            times[1].append(measure(path, {**fields, "email": address()}))
        ratio = statistics.median(b / a for a, b in zip(*times))
        assert 1 / factor < ratio < factor, (path, ratio)


def test_to_register_again_changes_nothing(shop):
    """The owner is written to, with a way to a new password."""
    visitor, email = customer(shop)
    account = account_id(shop, email)
    before = rows(shop, "SELECT * FROM account WHERE id = ?", account)
    stranger = shop.visitor()
    register(stranger, email.upper(), "another password", first_name="Eve")
    assert rows(shop, "SELECT * FROM account WHERE id = ?", account) == before
    assert resets(shop, email) == 1
    wrong(stranger, email, password="another password")
    assert visitor.get("/account", follow=False).status == 200


# ----------------------------------------------------------------- quiet pages

def test_no_klaviyo_where_secrets_are_typed(shop):
    """Not its script, and not in the policy either."""
    visitor, email = customer(shop)
    other = shop.visitor()
    forgot(Client(shop), email)
    for who, path in ((other, "/account/login"), (other, "/account/register"),
                      (other, "/account/forgot"), (visitor, "/account/email"),
                      (visitor, "/account/password"),
                      (other, "/account/reset/" + reset_token(shop, email))):
        reply = who.get(path)
        check_page(reply)
        assert reply.status == 200, path
        assert PUBLIC_KEY not in reply.text, path
        assert "klaviyo" not in reply.header("content-security-policy"), path
    assert PUBLIC_KEY in visitor.get("/account").text


def test_private_pages_are_nobody_elses(shop):
    visitor, _ = customer(shop)
    for path in ("/account", "/account/details", "/account/login",
                 "/account/register", "/account/forgot", "/contact"):
        reply = visitor.get(path, follow=False)
        assert reply.header("cache-control") == "private, no-store", path
        reply = shop.get(path)
        assert reply.header("cache-control") == "private, no-store", path


def test_a_failing_page_does_not_log_its_token(shop):
    email, path = ask(shop)
    before = len(shop.log("storefront"))
    execute(shop, "ALTER TABLE reset_request RENAME TO away")
    try:
        assert shop.get(path).status == 503
    finally:
        execute(shop, "ALTER TABLE away RENAME TO reset_request")
    said = shop.log("storefront")[before:]
    assert "GET /account/reset/-" in said
    assert path.rpartition(".")[2] not in said
