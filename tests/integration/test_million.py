"""
The web process after a million requests, the worker after a million events:
resident below 64 MB each, and holding no more than after the first tenths.

Requests are product pages, sent through nginx many at a time over kept
connections.  Events are put into the outbox by SQL, a backlog, which goes out in
bulk; then some, a few at a time, which go one by one.  The sandbox's rate windows
are lifted.  Short form: a fiftieth of it; SOAK=1: all.
"""
import http.client
import os
import re
import socket
import threading

from feeder import SENT, WAITING, Feeder
from harness import PATIENCE, SANITIZED, Shop, wait_for
from load_samples import heap_told, holds

SOAK = os.environ.get("SOAK") == "1"
REQUESTS, EVENTS, SINGLE = (1000000, 1000000, 15000) if SOAK else (
    20000, 30000, 1500)
RESIDENT = 64 << 10  # kB
GROWN = 1024         # kB allocated, from the first tenths to the last
CONNECTIONS, AT_ONCE = 4, 25
KEPT = 900           # requests of a connection, of which nginx takes 1000


class Reader:
    """Asks for pages, the same ${AT_ONCE} times in one go."""

    def __init__(self, shop, paths):
        self.port, self.paths, self.socket, self.left = shop.port, paths, None, 0
        self.lengths = {}

    def length(self, path):
        """Of an answer, head and all: it is always the same."""
        if path not in self.lengths:
            self.send(path, 1)
            answer = self.socket.recv(1 << 20)
            head, _, body = answer.partition(b"\r\n\r\n")
            size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            while len(body) < size:
                body += self.socket.recv(1 << 20)
            assert head.startswith(b"HTTP/1.1 200 ") and len(body) == size
            self.lengths[path] = len(head) + 4 + size
        return self.lengths[path]

    def send(self, path, n):
        if self.left < n:
            self.close()
            self.socket = socket.create_connection(("127.0.0.1", self.port),
                                                   PATIENCE)
            self.left = KEPT
        self.left -= n
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
                             * n).encode())

    def ask(self, path):
        length = self.length(path) * AT_ONCE
        self.send(path, AT_ONCE)
        answers = bytearray()
        while len(answers) < length:
            more = self.socket.recv(length - len(answers))
            assert more, "an answer is cut off"
            answers += more
        assert answers.count(b"HTTP/1.1 200 ") == AT_ONCE

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


def ask(shop, paths, n):
    """n requests, over some connections."""
    wrong = []

    def some():
        reader = Reader(shop, paths)
        try:
            for i in range(n // CONNECTIONS // AT_ONCE):
                reader.ask(paths[i % len(paths)])
        except Exception as error:  # noqa: BLE001
            wrong.append(error)
        finally:
            reader.close()
    threads = [threading.Thread(target=some) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def flat(looks, connections):
    """Of a process: what it held after each tenth; as many more descriptors may
    be open at last."""
    for look in looks:
        print(look)
    if SANITIZED:
        return
    assert max(look["rss"] for look in looks) < RESIDENT
    for what, more in (("heap", GROWN), ("rss", 3 * GROWN),
                       ("descriptors", connections)):
        # What is in flight at one look or the other is not held.
        first, last = (min(look[what] for look in some)
                       for some in (looks[:3], looks[-3:]))
        assert last <= first + more, what


def test_requests():
    with Shop("nginx", serve=False) as shop:
        shop.start_serve(env=heap_told(shop))
        shop.start_nginx()
        paths = ["/products/" + handle for handle, in shop.query(
            "SELECT handle FROM product WHERE published = 1 ORDER BY id")]
        assert len(paths) > 40
        looks = []
        for _ in range(10):
            ask(shop, paths, REQUESTS // 10)
            looks.append(holds(shop, "storefront"))
        flat(looks, CONNECTIONS)


def test_events():
    with Shop(serve=False, sandbox=["--rate", "off", "--keep", "1000"]) as shop:
        with Feeder(shop) as feeder:
            shop.start_worker(env=heap_told(shop))
            looks, sent = [], 0
            for _ in range(10):
                feeder.add("m", EVENTS // 10, first=sent)
                sent += EVENTS // 10
                wait_for(lambda: feeder.count(WAITING) == 0, "a tenth",
                         PATIENCE * 10, .2)
                looks.append(holds(shop, "worker"))
            flat(looks, 64)
            looks = []
            for _ in range(10):
                for _ in range(SINGLE // 1500):
                    feeder.add("m", 150, first=sent)
                    sent += 150
                    # Klaviyo's minute may be over, which the worker keeps.
                    wait_for(lambda: feeder.count(WAITING) == 0, "a few",
                             PATIENCE * 5, .01)
                looks.append(holds(shop, "worker"))
            flat(looks, 64)
            assert feeder.count(SENT) == sent
