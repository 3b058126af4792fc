"""
load_traffic.py - visitors of a shop, as many and as fast as it answers them: a
program of its own, for one Python has one processor.

    python3 load_traffic.py '{"port": 8080, "url": "http://127.0.0.1:8080",
        "seed": 1, "visitors": 4, "count": "FILE", "products": ["handle", ..]}'

Each visitor is a thread that makes one visit after the other without a pause:
looks around, fills a cart, orders, registers and logs in and out, writes to the
shop, fetches the feeds, or goes away in the middle of a request.  A visit comes
from an address of its own (127.x.y.z) and over a connection of its own, kept as
long as it lasts.

Ends when its standard input does, and then prints one JSON: the answers by
request and status, the orders whose confirmation was read, what was wrong, the
times of all answers.  FILE has the number of answers so far, 8 bytes, always.

Promises: what is not expected is told, with the request, and ends the visitor;
an order is in "orders" exactly if its redirect was read.  Who is asked to come
again (503, Retry-After) does, and "come again" has how often.
"""
import array
import collections
import json
import mmap
import random
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

FORM = {"phone": "+15005550006", "first_name": "Sarah", "last_name": "Mason",
        "address1": "125 Summer St", "city": "Boston", "zip": "02110",
        "region": "Massachusetts", "country": "US", "action": "order",
        "shipping": "standard", "payment": "approve", "billing_same": "1"}
WORDS = ("tale", "blue", "whale", "paper", "nothing-like-it", "product 12",
         "letters", "x")
PAGES = ("/", "/collections/fiction", "/collections/stationery", "/cart",
         "/account/login", "/shop.css", "/healthz")
PASSWORD = "correct horse battery"
# Of a hundred visits.  A log-in costs as much as a hundred pages.
VISITS = {"browse": 55, "order": 25, "abandon": 9, "feed": 4, "rude": 5,
          "contact": 1.4, "account": .6}
HIDDEN = re.compile(rb'name="(token|key)" value="([^"]+)"')
VARIANT = re.compile(rb'name="variant" value="(\d+)"')
AMOUNT = re.compile(rb'name="(quantity_\d+)" value="(\d+)"')
COOKIE = re.compile(rb"(?im)^set-cookie: ([^=\r]+)=([^;\r]*)([^\r]*)")


class Wrong(Exception):
    """An answer, or none, that no visitor should get."""


class Answer:
    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def header(self, name):
        found = re.search(rb"(?im)^" + name.encode() + rb": ([^\r]*)",
                          self.head)
        return found[1].decode() if found else ""

    def hidden(self):
        return {n.decode(): v.decode() for n, v in HIDDEN.findall(self.body)}


class Books:
    """What all visitors of this program met, and how often."""

    def __init__(self, path):
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.lock = threading.Lock()
        self.answers = collections.Counter()
        self.orders, self.wrong = [], []
        self.times = array.array("f")
        self.number = 0

    def answered(self, what, status, seconds):
        with self.lock:
            self.answers[f"{what} {status}"] += 1
            self.times.append(seconds)
            self.number += 1
            struct.pack_into("=Q", self.map, 0, self.number)


class Connection:
    """One visitor's browser: a connection, cookies, the address it has."""

    def __init__(self, books, port, url, host):
        self.books, self.url, self.port = books, url, port
        self.host, self.socket, self.cookies = host, None, {}

    def open(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(120)
        s.bind((self.host, 0))
        s.connect(("127.0.0.1", self.port))
        return s

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def head(self, method, path, length=None, **headers):
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(
                f"{n}={v}" for n, v in self.cookies.items()))
        if length is not None:
            lines += [f"Origin: {self.url}", "Sec-Fetch-Site: same-origin",
                      "Content-Type: application/x-www-form-urlencoded",
                      f"Content-Length: {length}"]
        lines += [f"{n.replace('_', '-')}: {v}" for n, v in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def read(self):
        """An answer: its status, its head, its body."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                raise Wrong(f"the connection was closed after {data!r}")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        answer = Answer(int(head[9:12]), head + b"\r\n", body)
        if answer.header("transfer-encoding") == "chunked":
            answer.body = self.chunks(body)
            return answer
        length = answer.header("content-length")
        if not length and answer.status != 304:
            raise Wrong(f"an answer without a length: {head!r}")
        pieces, left = [body], int(length or 0) - len(body)
        if answer.status == 304:
            left = 0
        while left > 0:
            more = self.socket.recv(min(left, 262144))
            if not more:
                raise Wrong(f"{left} bytes are missing after {head!r}")
            pieces.append(more)
            left -= len(more)
        answer.body = b"".join(pieces)
        return answer

    def chunks(self, data):
        """A body in chunks, of which ${data} was read: a feed."""
        def take(n):
            nonlocal data
            while len(data) < n:
                more = self.socket.recv(262144)
                if not more:
                    raise Wrong(f"a body ends early, with {data[-80:]!r}")
                data += more
            taken, data = data[:n], data[n:]
            return taken
        pieces = []
        while True:
            line = take(1)
            while not line.endswith(b"\r\n"):
                line += take(1)
            piece = take(int(line, 16) + 2)
            if len(piece) == 2:
                return b"".join(pieces)
            pieces.append(piece[:-2])

    def ask(self, what, path, *fine, fields=None, **headers):
        """One request; its answer, whose status is one of ${fine}."""
        while True:
            answer = self.once(what, path, fields, headers)
            wait = answer.header("retry-after")
            if answer.status != 503 or not wait:
                break
            with self.books.lock:
                self.books.answers["come again"] += 1
            time.sleep(int(wait))
        if answer.status not in fine:
            raise Wrong(f"{what} {path}: {answer.head!r} {answer.body[:300]!r}")
        return answer

    def once(self, what, path, fields, headers):
        if fields is None:
            data = self.head("GET", path, **headers)
        else:
            body = urllib.parse.urlencode(fields).encode()
            data = self.head("POST", path, len(body), **headers) + body
        begun = time.monotonic()
        if self.socket is None:
            self.socket = self.open()
        self.socket.sendall(data)
        answer = self.read()
        self.books.answered(what, answer.status, time.monotonic() - begun)
        for name, value, more in COOKIE.findall(answer.head):
            self.cookies.pop(name.decode(), None)
            if b"max-age=0" not in more.lower():
                self.cookies[name.decode()] = value.decode()
        if answer.header("connection").lower() == "close":
            self.close()
        return answer


class Visitor:
    def __init__(self, books, settings, number):
        self.books, self.settings = books, settings
        self.rng = random.Random(f"{settings['seed']}/{number}")
        self.name, self.made, self.browser = f"{settings['seed']}.{number}", 0, None

    def run(self, over):
        names, weights = zip(*VISITS.items())
        try:
            while not over.is_set():
                self.visit(self.rng.choices(names, weights)[0])
        except Exception as error:  # noqa: BLE001
            with self.books.lock:
                self.books.wrong.append(f"visitor {self.name}: {error!r}")

    def visit(self, name):
        host = "127.%d.%d.%d" % tuple(self.rng.randint(1, 250)
                                      for _ in range(3))
        self.browser = Connection(self.books, self.settings["port"],
                                  self.settings["url"], host)
        try:
            getattr(self, name)()
        finally:
            self.browser.close()

    def get(self, what, path, *fine, **headers):
        return self.browser.ask(what, path, *(fine or (200,)), **headers)

    def post(self, what, path, fields, *fine, **headers):
        return self.browser.ask(what, path, *(fine or (303,)), fields=fields,
                                **headers)

    def somebody(self):
        self.made += 1
        return f"load{self.name}.{self.made}@klaviyo-demo.com"

    def product(self):
        return "/products/" + self.rng.choice(self.settings["products"])

    # ------------------------------------------------------------- visits

    def browse(self):
        for _ in range(self.rng.randint(3, 14)):
            chance = self.rng.random()
            if chance < .7:
                what, path = "product", self.product()
            elif chance < .85:
                what, path = "page", self.rng.choice(PAGES)
            else:
                what, path = "search", "/search?" + urllib.parse.urlencode(
                    {"q": self.rng.choice(WORDS)})
            tag = self.get(what, path).header("etag")
            if tag and self.rng.random() < .1:
                self.get(what, path, 200, 304, If_None_Match=tag)

    def fill(self):
        for _ in range(self.rng.randint(1, 3)):
            page = self.get("product", self.product())
            fields = {"variant": VARIANT.search(page.body)[1].decode(),
                      "quantity": self.rng.randint(1, 3)}
            if self.rng.random() < .3:
                self.post("cart add", "/cart/add", fields, 200,
                          Accept="application/json")
            else:
                self.post("cart add", "/cart/add", fields)
        cart = self.get("cart", "/cart")
        if self.rng.random() < .4:
            fields = cart.hidden() | {
                n.decode(): self.rng.randint(1, 4)
                for n, _ in AMOUNT.findall(cart.body)}
            self.post("cart update", "/cart/update", fields)
            cart = self.get("cart", "/cart")
        return len(AMOUNT.findall(cart.body))

    def abandon(self):
        self.fill()
        if self.rng.random() < .5:
            self.get("checkout", "/checkout")

    def order(self, email=None):
        lines = self.fill()
        fields = {**FORM, **self.get("checkout", "/checkout").hidden(),
                  "email": email or self.somebody()}
        if self.rng.random() < .05:
            self.post("checkout", "/checkout", {**fields, "city": ""}, 422)
        if self.rng.random() < .05:
            self.post("checkout", "/checkout",
                      {**fields, "payment": "decline"}, 402)
        if self.rng.random() < .1:
            fields["newsletter"] = "1"
        reply = self.post("order", "/checkout", fields)
        path = reply.header("location").removeprefix(self.settings["url"])
        number = path.removeprefix("/orders/")
        if len(number) != 16:
            raise Wrong(f"an order without a number: {reply.head!r}")
        with self.books.lock:
            self.books.orders.append((number, lines))
        if self.rng.random() < .05:  # a second click
            again = self.post("order", "/checkout", fields)
            if not again.header("location").endswith(path):
                raise Wrong(f"{number} again: {again.head!r}")
        self.get("order page", path)

    def feed(self):
        path = self.rng.choice(("/feed/catalog.json", "/feed/catalog.xml"))
        tag = self.get("feed", path).header("etag")
        for _ in range(3):
            tag = self.get("feed", path, 200, 304,
                           If_None_Match=tag).header("etag")

    def contact(self):
        fields = self.get("page", "/contact").hidden()
        if self.rng.random() < .2:
            self.post("contact", "/contact", {**fields, "email": "x"}, 422)
            return
        self.post("contact", "/contact", {
            **fields, "first_name": "Sarah", "last_name": "Mason",
            "email": self.somebody(), "message": "Is it in print? " * 20})

    def account(self):
        email = self.somebody()
        fields = self.get("page", "/account/register").hidden()
        fields |= {"first_name": "Sarah", "last_name": "Mason",
                   "email": email, "password": PASSWORD}
        # 429: others' passwords are being hashed; the form is sent again.
        while self.post("register", "/account/register", fields,
                        303, 429).status == 429:
            time.sleep(.05)
        fields = self.get("page", "/account/login").hidden()
        fields |= {"email": email, "password": PASSWORD}
        while self.post("log in", "/account/login", fields,
                        303, 429).status == 429:
            time.sleep(.05)
        if self.rng.random() < .5:
            self.order(email)
        page = self.get("page", "/account")
        self.post("log out", "/account/logout", page.hidden())

    def rude(self):
        """Who hangs up: before the request, in it, before the answer."""
        browser, path = self.browser, self.product()
        whole = browser.head("GET", path)
        post = browser.head("POST", "/cart/add", 300) + b"variant=1&quantity=1"
        feed = browser.head("GET", "/feed/catalog.json")
        for data, wait in ((b"", False), (whole[:30], False), (whole, False),
                           (post, False), (whole, True), (feed, True)):
            s = browser.open()
            if self.rng.random() < .5:  # a reset instead of an end
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
            s.sendall(data)
            if wait:
                s.recv(1000)
            s.close()
            with self.books.lock:
                self.books.answers["hung up"] += 1


def main():
    settings = json.loads(sys.argv[1])
    books, over = Books(settings["count"]), threading.Event()
    threads = [threading.Thread(target=Visitor(books, settings, n).run,
                                args=(over,))
               for n in range(settings["visitors"])]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    times = sorted(books.times)
    json.dump({"answers": books.answers, "orders": books.orders,
               "wrong": books.wrong, "times": times[::max(
                   1, len(times) // 10000)]}, sys.stdout)


if __name__ == "__main__":
    main()
