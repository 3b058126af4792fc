"""What the tests of accounts share.

    visitor, email = customer(shop)      # registered and logged in
    login(shop.visitor(), email)
    save(visitor, "details", first_name="Sara")
    client = Client(shop, "127.0.3.4")   # a visitor from another address
"""
import http.client
import itertools
import urllib.parse

from harness import PATIENCE, Reply, Visitor
from shop_kit import execute, one, rows, signed

PASSWORD = "correct horse battery"
NEW = "battery staple horse"
# Where nobody may be led on to.
NEXT = ["https://evil.example", "http:evil.example", "//evil.example",
        "///evil.example", "/\\evil.example", "\\\\evil.example", "\\evil",
        "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)",
        "data:text/html,x", "evil.example", "@evil.example", ".evil.example",
        ":80", "?x", "#x", "", " /account", "/ evil", "/\u00e9vil",
        "/a\r\nSet-Cookie: x=1", "/a\\b", "/\u2028", "/x" * 300,
        "%2f%2fevil.example", "../x", "./x", "/\u007f", "/\\/evil.example",
        "http://127.0.0.1@evil.example", "https:evil.example", "//",
        "/\\", "ftp://x", "mailto:x", "//evil.example/%2f..", "x:y",
        "//google.com/%2e%2e", "///"]
people = itertools.count(1)
clients = (f"127.{a}.{b}.{c}" for a in range(1, 250) for b in range(1, 250)
           for c in range(1, 250))


def address():
    return f"Person.{next(people)}@Klaviyo-Demo.com"


class Client(Visitor):
    """A visitor whom the web server sees come from an address of their own."""

    def __init__(self, shop, host=None):
        super().__init__(Sender(shop, host or next(clients)))


class Sender:
    """What a Visitor takes for its shop: its requests leave from its host."""

    def __init__(self, shop, host):
        self.shop, self.host, self.url = shop, host, shop.url

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            headers.setdefault("Content-Type",
                               "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.shop.port, timeout=PATIENCE,
            source_address=(self.host, 0))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


def register(visitor, email, password=PASSWORD, **fields):
    visitor.get("/account/register")
    reply = visitor.submit("/account/register", **{
        "first_name": "Sarah", "last_name": "Mason", "email": email,
        "password": password, **fields})
    assert (reply.status, visitor.path) == (200, "/account/login?done=new")
    return reply


def login(visitor, email, password=PASSWORD, status=200, **fields):
    visitor.get("/account/login")
    reply = visitor.submit("/account/login", email=email, password=password,
                           **fields)
    assert reply.status == status, reply
    return reply


def wrong(visitor, email, status=422, password="too few"):
    """A password that cannot be right is not even hashed: many a second."""
    return login(visitor, email, password, status=status)


def customer(shop, visitor=None, **fields):
    """(visitor, address) of somebody who has just logged in."""
    visitor, email = visitor or shop.visitor(), address()
    register(visitor, email, **fields)
    login(visitor, email)
    assert visitor.path == "/account"
    return visitor, email


def save(visitor, page, **fields):
    visitor.get("/account/" + page)
    return visitor.submit("/account/" + page, **fields)


def account_id(shop, email):
    return one(shop, "SELECT id FROM account WHERE email_key = ?",
               email.lower())


def forgot(visitor, email, status=200):
    visitor.get("/account/forgot")
    reply = visitor.submit("/account/forgot", email=email)
    assert reply.status == status, reply
    return reply


def reset_token(shop, email):
    """The token of the newest link, made anew as the worker makes it."""
    id, expires = rows(
        shop, "SELECT id, expires_at FROM reset_request WHERE account = ? "
        "ORDER BY created_at DESC, used_at IS NOT NULL", account_id(
            shop, email))[0]
    payload = f"{id}.{expires}"
    return f"{payload}.{signed(shop, 'reset', payload)}"


def ask(shop):
    """(address, link's path) of somebody who has asked for a link."""
    _, email = customer(shop)
    forgot(Client(shop), email)
    return email, "/account/reset/" + reset_token(shop, email)


def resets(shop, email):
    """How many mails an address would get."""
    return len(rows(
        shop, "SELECT r.id FROM reset_request r JOIN klaviyo_outbox o "
        "ON o.id = 'Reset Password/' || r.id WHERE r.account = ?",
        account_id(shop, email)))


def later(shop, seconds):
    """As if time had passed, for the buckets."""
    execute(shop, "UPDATE throttle SET full_at = full_at - ?", seconds)
