"""
What the worker makes of Klaviyo's answers, end to end: the real programs, and
klaviyo-sandbox's faults.  The table itself is in tests/unit/test_judgement.c,
test_unreachable.c and test_recovery.c.

Time: where a pause of five minutes must pass, the worker's wall clock runs 150
times faster (libfaketime); its monotonic clock, and so its time limits, do not.
"""
import json
import re
import statistics
import time
import urllib.request

import pytest

from clock import fast_clock
from feeder import DEAD, SENT, WAITING, Feeder
from harness import PRIVATE_KEY, Shop, answers, free_port, wait_for
from shop_kit import checkout, fill_cart, order_of
from tls import Authority, nginx_conf, nginx_tls

def sandbox(shop, path, body=None):
    with urllib.request.urlopen(
            urllib.request.Request(shop.sandbox_url + path, body),
            timeout=60) as reply:
        return json.load(reply)


def fault(shop, spec):
    sandbox(shop, "/sandbox/fault", spec.encode())


def state(shop):
    return sandbox(shop, "/sandbox/state")


def received(shop):
    """How often each unique_id was accepted: Klaviyo keeps the first."""
    ids = [e["unique_id"] for e in state(shop)["events"]]
    assert len(ids) == len(set(ids))
    return set(ids)


def status(shop):
    return json.loads(shop.run("outbox", "status", "--json",
                               check=False).stdout)


# ------------------------------------------------------------ the network

@pytest.fixture
def klaviyo(tmp_path_factory):
    """A shop and a Klaviyo behind TLS, with good and bad certificates."""
    with Shop(sandbox=["--rate", "off"], serve=False) as shop:
        ca = Authority(shop.mkdir("ca"))
        ca.certificate("good", "localhost")
        ca.certificate("self-signed", "localhost", own=True)
        ca.certificate("expired", "localhost", "20200101000000Z",
                       "20200201000000Z")
        ca.certificate("early", "localhost", "20900101000000Z",
                       "20900201000000Z")
        ca.certificate("elsewhere", "elsewhere.invalid")
        names = "good self-signed expired early elsewhere".split()
        shop.ports = {name: free_port() for name in names}
        for name in names:
            shop.write(f"ca/{name}.access", "")
        shop.write("tls.conf", nginx_conf("tls", *(
            nginx_tls(ca.path, f"127.0.0.1:{port}", name,
                      shop.sandbox_url.removeprefix("http://"))
            for name, port in shop.ports.items())))
        shop.spawn("tls", ["nginx", "-p", shop.dir, "-c", "tls.conf", "-e",
                           "stderr", "-g", "daemon off;"],
                   lambda: all(answers(("127.0.0.1", port))
                               for port in shop.ports.values()))
        shop.ca = ca
        yield shop


def test_certificates(klaviyo):
    """A certificate that does not fit: no byte of an event leaves, nothing is
    lost, and the operator reads why."""
    def once(name, ca=True):
        settings = {"KLAVIYO_API_URL":
                    f"https://localhost:{klaviyo.ports[name]}"}
        if ca:
            settings["KLAVIYO_CA_FILE"] = klaviyo.ca.file
        return klaviyo.run("worker", "--once", env=settings, check=False)

    with Feeder(klaviyo) as feed:
        feed.add("a", 40)
        for name, ca in (("self-signed", True), ("expired", True),
                         ("early", True), ("elsewhere", True),
                         ("good", False)):
            done = once(name, ca)
            assert done.returncode == 1, done
            assert "0 sent, 0 refused, 40 waiting" in done.stdout
            assert re.search(r"cannot be reached: .*(certificate|SSL)",
                             done.stdout), done.stdout
            with open(klaviyo.path(f"ca/{name}.access")) as f:
                assert f.read() == "", "a request was made"
            assert feed.count(WAITING + " AND event <> ''") == 40
            feed.time_passes()
        done = once("good")
        assert done.returncode == 0 and done.stdout.startswith("40 sent")
        assert len(received(klaviyo)) == 40


def test_klaviyo_away_while_customers_buy():
    """The shop's pages take no longer while Klaviyo is closed, or takes
    requests and says nothing; what was ordered meanwhile arrives."""
    listen = f"127.0.0.1:{free_port()}"
    with Shop("nginx") as shop, Feeder(shop) as feed:
        arguments = ["--listen", listen, "--rate", "off", "--data",
                     shop.path("sandbox.data")]
        shop.start_sandbox(arguments)
        shop.start_worker()
        visitor = shop.visitor()
        times = {how: [] for how in ("well", "closed", "silent",
                                     "well order", "closed order",
                                     "silent order")}
        orders = []

        def order():
            fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
            orders.append(order_of(checkout(
                visitor, email=f"a{len(orders)}@klaviyo-demo.com")))

        def go_through(how):
            for _ in range(12):
                begin = time.monotonic()
                assert visitor.get("/products/winnie-the-pooh").status == 200
                times[how].append(time.monotonic() - begin)
            fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
            for _ in range(2):
                begin = time.monotonic()
                order()
                times[how + " order"].append(time.monotonic() - begin)

        def ratios():
            return {how + what: statistics.median(times[how + what])
                    / statistics.median(times["well" + what])
                    for how in ("closed", "silent")
                    for what in ("", " order")}

        def met_silence(before):
            """The worker is waiting for an answer that does not come."""
            return len(state(shop)["faults"]) > before

        feed.do("UPDATE variant SET stock = 1000000")
        order()  # warms up
        for n in range(1, 21):
            go_through("well")
            fault(shop, "/api hang/3000")
            faults = len(state(shop)["faults"])
            order()
            wait_for(lambda: met_silence(faults), "the worker to meet silence")
            go_through("silent")
            fault(shop, "none")
            shop.end("sandbox")
            order()
            feed.time_passes()
            wait_for(lambda: feed.count("error LIKE 'no answer: Failed%'"),
                     "the worker to find nobody")
            go_through("closed")
            feed.do("UPDATE klaviyo_outbox SET error = NULL")
            shop.start_sandbox(arguments)
            feed.time_passes()
            # A busy machine needs more rounds until its noise is even.
            if n >= 5 and max(ratios().values()) < 1.5:
                break
        assert max(ratios().values()) < 1.5, ratios()

        def delivered():
            feed.time_passes()
            return feed.count(WAITING) == 0
        wait_for(delivered, "everything to be delivered", pause=0.5)
        assert feed.count(SENT) == feed.count() == 2 * len(orders)
        assert received(shop) == {i for o in orders for i in (o, o + ":1")}


# ----------------------------------------------------------------- answers

def test_one_poisoned_of_100():
    """99 arrive; one is kept with Klaviyo's words, which name nobody."""
    with Shop(sandbox=["--rate", "off"], serve=False) as shop, \
            Feeder(shop) as feed:
        feed.add("a", 50)
        feed.add("poison", 1, email="sarah.mason", first_name="Sarah",
                 last_name="Mason")
        feed.add("b", 49)
        done = shop.run("worker", "--once")
        assert done.stdout.startswith("99 sent, 1 refused, 0 waiting")
        assert len(received(shop)) == 99
        dead = feed.rows("SELECT id, error FROM klaviyo_outbox WHERE " + DEAD)
        assert [row[0] for row in dead] == ["Placed Order/poison0"]
        words = state(shop)["refused"][0]["errors"][0]
        assert words["detail"] in dead[0][1] and "HTTP 400" in dead[0][1]
        assert words["source"]["pointer"] in dead[0][1]
        told = shop.run("outbox", "list", "dead").stdout
        assert dead[0][1] in told
        for text in (dead[0][1], told, shop.log("worker")):
            assert not re.search("(?i)sarah|mason", text)

        # Mended by the operator, and sent again.
        feed.do("UPDATE klaviyo_outbox SET profile = replace(profile,"
                " 'sarah.mason', 'sarah.mason@klaviyo-demo.com')")
        shop.run("outbox", "retry", "Placed Order/poison0")
        assert shop.run("worker", "--once").stdout.startswith("1 sent")
        assert len(received(shop)) == 100


def test_a_bad_number_is_left_out():
    """The event of a known person goes without it; of an unknown, it is
    kept."""
    with Shop(sandbox=["--rate", "off"], serve=False) as shop, \
            Feeder(shop) as feed:
        feed.add("known", 1, external_id="7", phone_number="+1500")
        feed.add("unknown", 1, phone_number="+1500")
        done = shop.run("worker", "--once")
        assert done.stdout.startswith("1 sent, 1 refused, 0 waiting")
        told = state(shop)
        assert [e["unique_id"] for e in told["events"]] == ["known0"]
        assert "+1500" not in json.dumps(told["events"])
        # Once: three requests for two events.
        assert len(told["refused"]) == 2


def test_key_revoked_and_restored():
    """The queue pauses and says so, probes, and goes on by itself: all
    arrive, and nobody has touched anything."""
    listen = f"127.0.0.1:{free_port()}"
    with Shop(serve=False) as shop, Feeder(shop) as feed:
        def start(key):
            shop.start_sandbox(["--listen", listen, "--rate", "off", "--data",
                                shop.path("sandbox.data"),
                                "--private-key", key])
        start(PRIVATE_KEY)
        shop.start_worker(env=fast_clock(150))
        feed.add("before", 20)
        wait_for(lambda: feed.count(SENT) == 20, "20 events")
        shop.end("sandbox")
        start("pk_another")
        feed.add("meanwhile", 60)
        wait_for(lambda: "refuses the private key" in status(shop)
                 ["paused_reason"], "the pause")
        refused = len(state(shop)["refused"])
        assert refused <= 32  # what was in flight at once
        wait_for(lambda: "refuses the private key (HTTP 401)" in
                 shop.log("worker"), "the log")
        # Two probes, of one event each.
        wait_for(lambda: len(state(shop)["refused"]) >= refused + 2, "probes")
        assert feed.count(SENT) == 20
        assert feed.count(WAITING + " AND event <> ''") == 60
        assert feed.count(DEAD) == 0
        shop.end("sandbox")
        start(PRIVATE_KEY)
        wait_for(lambda: feed.count(SENT) == 80, "all events")
        assert feed.count("attempts > 1") <= 40  # while the sandbox was away
        assert status(shop)["paused_until"] == 0
        assert PRIVATE_KEY not in shop.logs(tail=10 ** 9)
        shop.end("worker")
        assert len(received(shop)) == 80


def test_everything_refused_is_a_pause():
    """400 to everything: 19 dead letters, and the rest waits for us."""
    with Shop(sandbox=["--rate", "off"], serve=False) as shop, \
            Feeder(shop) as feed:
        fault(shop, "/api/events 400")
        feed.add("a", 100)
        shop.start_worker(env=fast_clock(150))
        wait_for(lambda: "in a row were refused" in status(shop)
                 ["paused_reason"], "the pause")
        wait_for(lambda: "in a row were refused" in shop.log("worker"),
                 "the log")
        asked = len(state(shop)["faults"])
        assert feed.count(DEAD) == 19
        assert feed.count(WAITING + " AND event <> ''") == 81
        # Probes, of one event each, kill nothing.
        wait_for(lambda: len(state(shop)["faults"]) >= asked + 2, "probes")
        assert feed.count(DEAD) == 19
        # Mended: it goes on by itself; the dead are the operator's to send.
        fault(shop, "none")
        wait_for(lambda: feed.count(SENT) == 81, "the rest")
        assert feed.count(DEAD) == 19
        shop.run("outbox", "retry", "--all")
        wait_for(lambda: feed.count(SENT) == 100, "the dead letters")
        shop.end("worker")
        assert len(received(shop)) == 100


def test_every_fault_on_the_way():
    """Each of the sandbox's faults, some of them twice: everything arrives
    once, and nothing is given up."""
    steps = ("503*2,500,520,524,408,425,reset,record+reset,truncated,"
             "truncated/body,record+503,429/1,429/soon,record+429,429/0,"
             "slow/300,record+truncated,hang/200,record+hang/200,502*3,ok,"
             "down/200,307")
    with Shop(sandbox=["--rate", "off", "--fault", "script:" + steps],
              serve=False) as shop, Feeder(shop) as feed:
        feed.add("a", 60)
        shop.start_worker(env=fast_clock(150))
        wait_for(lambda: feed.count(SENT) == 60, "all events")
        assert feed.count(DEAD) == 0
        shop.end("worker")
        assert received(shop) == {f"a{i}" for i in range(60)}
        told = state(shop)
        assert len(told["duplicates"]) >= 4  # recorded, and not answered
        assert not told["refused"]
