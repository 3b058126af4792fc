"""
deliver.py - the delivery worker beside a bare loop of libcurl and Klaviyo's own
SDK for Node: events to a local nginx that speaks TLS and HTTP/2 and answers 202.

    rows()                                for bench.py
    python3 tests/bench/deliver.py        prints them

All three post the same bodies, an order of three lines and its lines, one event
a request.  The worker takes them from its outbox: claim and settlement are
included, and so is its start, which is a fiftieth of a round.  The others have
them in memory, and neither their start nor their warming up counts.  The rounds
alternate; what counts is the median.  The server is the same for all, so is its
share of the machine.
"""
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE),
                os.path.join(os.path.dirname(HERE), "integration")]
from feeder import Feeder  # noqa: E402
from harness import BUILD, Shop, answers, free_port  # noqa: E402
from shop_kit import checkout, fill_cart  # noqa: E402
from table import goal, head, line, told  # noqa: E402
from tls import Authority  # noqa: E402

SDK = os.path.join(BUILD, "sdk")
EVENTS, LOOP_EVENTS, SDK_EVENTS, ROUNDS = 48000, 24000, 6000, 5
RUSH = 1000
NO_WINDOWS = "100000/6000000"
CONF = """
worker_processes 1;
pid target.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path target-body;
    proxy_temp_path target-proxy;
    fastcgi_temp_path target-fastcgi;
    uwsgi_temp_path target-uwsgi;
    scgi_temp_path target-scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        keepalive_requests 1000000000;
        ssl_certificate {path}/good.pem;
        ssl_certificate_key {path}/good.key;
        client_max_body_size 6m;
        client_body_buffer_size 6m;
        location / {{
            default_type application/vnd.api+json;
            return 202 '{{"data":[]}}';
        }}
    }}
}}
"""


class Target:
    """The server, and an outbox with an order's rows as a model."""

    def __init__(self):
        self.shop = Shop("nginx", engine="sqlite")
        visitor = self.shop.visitor()
        fill_cart(visitor, self.shop, [("WINNIEPOOH", 2), ("TALEOFTWO", 1),
                                       ("MOBY-PB", 1)])
        checkout(visitor)
        self.model = self.shop.query(
            "SELECT id, profile, event FROM klaviyo_outbox"
            " WHERE kind = 'event' AND (id LIKE 'Placed Order/%'"
            " OR id LIKE 'Ordered Product/%')")
        assert len(self.model) == 4, self.model
        order = next(i for i, _, _ in self.model if i.startswith("Placed"))
        self.order = order.partition("/")[2]
        self.ca = Authority(self.shop.mkdir("tls"))
        self.ca.certificate("good", "localhost")
        port = free_port()
        self.url = f"https://localhost:{port}"
        self.shop.write("target.conf", CONF.format(port=port,
                                                   path=self.ca.path))
        self.shop.spawn("target", ["nginx", "-p", self.shop.dir, "-c",
                                   "target.conf", "-e", "stderr", "-g",
                                   "daemon off;"],
                        lambda: answers(("127.0.0.1", port)))
        self.bodies = self.shop.write("bodies", "".join(
            f'{{"data":{{"type":"event","attributes":{event[:-1]},"profile":'
            f'{{"data":{profile}}}}}}}}}\n'
            for _, profile, event in self.rows(4000)))
        self.n = 0

    def rows(self, count, prefix="b"):
        """(id, profile, event) of ${count} events, of orders that differ."""
        for i in range(count):
            name, profile, event = self.model[i % 4]
            order = f"{prefix}{i // 4}".ljust(len(self.order), "x")
            yield (name.replace(self.order, order),
                   profile.replace("sarah.mason", f"c{i // 4}"),
                   event.replace(self.order, order))

    def queue(self, count, lane=0):
        """As they come: an order's at once, RUSH events a second."""
        now = int(time.time())
        self.n += 1
        with Feeder(self.shop) as feed:
            feed.do("DELETE FROM klaviyo_outbox")
            feed.do(("INSERT INTO klaviyo_outbox (id, kind, lane, profile,"
                     " event, created_at, due_at)"
                     " VALUES (?, 'event', ?, ?, ?, ?, ?)",
                     [(name, lane, profile, event, now - (count - i) // RUSH,
                       now - (count - i) // RUSH)
                      for i, (name, profile, event) in
                      enumerate(self.rows(count, f"{self.n}r"))]))

    def environment(self, rates):
        return {**self.shop.env, **self.shop.secrets,
                "KLAVIYO_API_URL": self.url, "KLAVIYO_CA_FILE": self.ca.file,
                "KLAVIYO_RATES": rates}

    def worker(self, count, rates):
        """Until the outbox is empty: events a second, microseconds each."""
        more = {}
        if self.shop.user:
            more = {"user": self.shop.user.pw_uid, "extra_groups": [],
                    "group": self.shop.user.pw_gid}
        begin = time.monotonic()
        process = subprocess.Popen(self.shop.storefront("worker", "--once"),
                                   env=self.environment(rates),
                                   cwd=self.shop.dir, text=True,
                                   stdout=subprocess.PIPE, **more)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begin
        assert said.startswith(f"{count} sent, 0 refused, 0 waiting"), said
        return (count / seconds,
                (used.ru_utime + used.ru_stime) / count * 1e6)

    def peer(self, command, env=None):
        done = subprocess.run(command, env={**os.environ, **(env or {})},
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        count, seconds, used = map(float, done.stdout.split())
        return count / seconds, used / count * 1e6

    def loop(self, count, in_flight, *more):
        return self.peer([os.path.join(BUILD, "bench", "curl_loop"),
                          self.url + "/api/events", self.ca.file,
                          self.bodies, str(count), str(in_flight), *more])

    def sdk(self, count, in_flight):
        return self.peer(["node", os.path.join(SDK, "post.js"), self.url,
                          self.bodies, str(count), str(in_flight)],
                         {"NODE_EXTRA_CA_CERTS": self.ca.file})

    def stop(self):
        self.shop.stop(quietly=True)


def ratio(found, one, other, what):
    """Of neighbours, so that what else the machine does falls on both."""
    return statistics.median(a[what] / b[what]
                             for a, b in zip(found[one], found[other]))


def words(rounds):
    return "{:,.0f} events/s, {:.0f} µs".format(
        *(statistics.median(r[i] for r in rounds) for i in (0, 1)))


def measure(target):
    """{name: [(events a second, processor µs an event) of each round]}, and the
    SDK's best number of requests in flight."""
    best = max((8, 16, 32, 64), key=lambda n: target.sdk(SDK_EVENTS // 2, n))
    found = {"worker": [], "loop": [], "loop by HTTP/2": [], "sdk": []}
    for _ in range(ROUNDS):
        target.queue(EVENTS)
        found["worker"].append(target.worker(EVENTS, NO_WINDOWS + ",0/0"))
        found["loop"].append(target.loop(LOOP_EVENTS, 32))
        found["loop by HTTP/2"].append(target.loop(LOOP_EVENTS, 32, "2"))
        found["sdk"].append(target.sdk(SDK_EVENTS, best))
    return found, best


def rows(_stage=None):
    target = Target()
    try:
        found, best = measure(target)
    finally:
        target.stop()
    yield head("Delivery, one event a request, to a server without windows")
    for name, what in (
            ("worker", "the worker, claim and settlement included"),
            ("loop", "a bare loop of libcurl, kept HTTP/1.1 connections"),
            ("loop by HTTP/2", "the same, one HTTP/2 connection"),
            ("sdk", f"Klaviyo's SDK for Node, {best} in flight")):
        yield told(what, words(found[name]))
    yield goal("events/s of the SDK", ratio(found, "worker", "sdk", 0),
               at_least=8)
    yield goal("processor time an event, of the SDK's",
               ratio(found, "worker", "sdk", 1), at_most=0.1)
    yield goal("events/s of the bare loop", ratio(found, "worker", "loop", 0),
               at_least=0.6)


if __name__ == "__main__":
    for row in rows():
        print(line(row), flush=True)
