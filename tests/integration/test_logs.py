"""The log: its levels, in a file and as the journal has them; and one name for a
request, from the page to Klaviyo's answer: in the web server's log, in the
answer, in the lines of web process and worker, with the rows of the outbox.
Nothing personal is in any of it: test_canaries.py."""
import json
import os
import re
import subprocess
import urllib.request

import pytest

import fcgi
from harness import Shop, Visitor, answers, wait_for
from shop_kit import add, checkout, fill_cart, order_of, rows
from test_status import Desk

ENGINES = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
DEBUG = {"STOREFRONT_LOG_LEVEL": "debug"}
NAME = "Known-Request_0001@monitor"
HOSTILE = ["x" * 15, "x" * 65, "<script>alert(1)</script>", "a" * 20 + "\\n",
           "sarah.mason@klaviyo-demo.com", "0123456789abcdef 0123456789abcdef",
           "%0d%0astorefront: error: forged", "{\"a\":\"0123456789abcdef\"}"]


class Named(Visitor):
    """A browser behind a proxy that gives each request a name."""
    name = NAME

    def request(self, method, path, body=None, headers=None, follow=True):
        return super().request(method, path, body, {
            **(headers or {}), "X-Request-Id": self.name}, follow)


def lines(shop, log, *words):
    return [line for line in shop.log(log).splitlines()
            if all(word in line for word in words)]


def fault(shop, spec):
    urllib.request.urlopen(shop.sandbox_url + "/sandbox/fault",
                           spec.encode()).read()


def recorded(shop):
    """The requests of the worker, as the sandbox has them: {unique_id: [..]}."""
    told = {}
    with open(shop.path("requests.jsonl")) as file:
        for line in file:
            entry = json.loads(line)
            if entry["path"] == "/api/events":
                told.setdefault(entry["body"]["data"]["attributes"][
                    "unique_id"], []).append(entry)
    return told


def running(engine, **env):
    shop = Shop("nginx", engine=engine, serve=False, env={**DEBUG, **env})
    try:
        shop.start_sandbox(["--rate", "off", "--record",
                            shop.path("requests.jsonl")])
        shop.start()
        shop.start_worker()
    except BaseException:
        shop.keep = True
        shop.stop(quietly=True)
        raise
    return shop


@ENGINES
def test_one_name_from_the_page_to_klaviyos_answer(engine):
    with running(engine) as shop:
        visitor = Named(shop)
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        reply = checkout(visitor, follow=False)
        order = order_of(reply)
        assert reply.header("x-request-id") == NAME
        shop.wait_delivered()

        # The web server's log, and the web process's.
        wait_for(lambda: re.search(
            rf" POST /checkout 303 \d+ [\d.]+ {NAME}$", shop.log("access"),
            re.M), "the access log")
        assert lines(shop, "storefront", "storefront: info: POST /checkout: "
                     f"303 (request {NAME})")
        # The rows, by themselves and as the operator is shown them.
        ids = [i for i, in rows(shop, "SELECT id FROM klaviyo_outbox "
                                      "WHERE origin = ?", NAME)]
        assert sorted(i.split(":")[0] for i in ids) == [
            f"Ordered Product/{order}", f"Placed Order/{order}"]
        for i in ids:
            assert f"of request {NAME}\n" in shop.run("outbox", "show",
                                                      i).stdout
        # The worker's lines lead to what Klaviyo calls its answers.
        told = recorded(shop)
        for i in ids:
            (entry,) = told[i.split("/", 1)[1]]
            assert entry["status"] == 202 and len(entry["request_id"]) == 36
            wait_for(lambda i=i, entry=entry: lines(
                shop, "worker", f"storefront: debug: worker: {i} sent: HTTP "
                f"202, attempt 1, Klaviyo's request {entry['request_id']} "
                f"(request {NAME})"), "the worker's line")


@ENGINES
def test_what_klaviyo_does_not_take_is_found_by_name(engine):
    """Refused, and not answered at first; at the default level."""
    with running(engine, STOREFRONT_LOG_LEVEL="notice") as shop:
        visitor = Named(shop)
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        fault(shop, "/api 400")
        order = order_of(checkout(visitor, follow=False))
        wait_for(lambda: len(rows(
            shop, "SELECT 1 FROM klaviyo_outbox WHERE due_at IS NULL AND "
            "sent_at IS NULL")) == 2, "two dead letters")
        entry, = recorded(shop)[order]
        wait_for(lambda: lines(
            shop, "worker", f"storefront: warning: worker: Placed Order/{order}"
            f" refused: HTTP 400, attempt 1, Klaviyo's request "
            f"{entry['request_id']} (request {NAME})"), "the worker's line")
        listed = shop.run("outbox", "list", "dead").stdout
        assert listed.count(f"of request {NAME}\n") == 2
        page = Desk(shop).page()
        assert page.text.count(f"Of the request {NAME} ,") == 2

        other = Named(shop)
        other.name = NAME[::-1]
        fill_cart(other, shop, [("WINNIEPOOH", 1)])
        fault(shop, "/api script:503,503,ok")
        again = order_of(checkout(other, follow=False))
        wait_for(lambda: lines(
            shop, "worker", f"storefront: warning: worker: Placed Order/{again}"
            " to be tried again: HTTP 503, attempt 1, Klaviyo's request ",
            f"(request {NAME[::-1]})"), "the worker to say so")
        shop.wait_delivered()
        assert not lines(shop, "worker", " sent: ")
        assert "request" not in "".join(lines(shop, "storefront"))


@ENGINES
def test_a_hostile_name_is_replaced(engine):
    with running(engine) as shop:
        shop.execute("UPDATE variant SET stock = 1000")
        for hostile in HOSTILE:
            visitor = Named(shop)
            visitor.name = hostile
            fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
            reply = checkout(visitor, follow=False)
            name = reply.header("x-request-id")
            assert re.fullmatch(r"[0-9a-f]{32}", name), hostile
            assert {n for n, in rows(
                shop, "SELECT origin FROM klaviyo_outbox WHERE id = ?",
                f"Placed Order/{order_of(reply)}")} == {name}
        for log in ("storefront", "worker", "access"):
            for hostile in HOSTILE:
                assert hostile not in shop.log(log), (log, hostile)
            assert "forged" not in shop.log(log)


def ask(shop, path="/", **more):
    return fcgi.status(shop.fcgi, "GET", path, **more)


def test_the_web_process_trusts_no_name():
    """Without a web server that has looked at it: its own, each another."""
    with Shop(env=DEBUG) as shop:
        own = rb"storefront: debug: GET /: 200 \(request ([0-9a-z]{26})\)"
        for hostile in [None, *HOSTILE, "a\nstorefront: error: forged",
                        "0123456789abcdef\x1b[31m"]:
            assert ask(shop, REQUEST_ID=hostile) == 200
        assert ask(shop, REQUEST_ID=NAME) == 200
        assert ask(shop, UNIQUE_ID="aBdDq38AAQEAAABQ@-cAAAAA") == 200
        # Twice: nobody knows which was meant.
        data = fcgi.pairs([*fcgi.variables().items(), ("REQUEST_ID", NAME),
                           ("REQUEST_ID", NAME + "2")])
        assert fcgi.status_of(fcgi.talk(
            shop.fcgi, fcgi.begin() + fcgi.stream(fcgi.PARAMS, data)
            + fcgi.stream(fcgi.STDIN, b""))) == 200
        said = shop.log("storefront").encode()
        names = re.findall(own, said)
        assert len(names) == len(set(names)) == len(HOSTILE) + 4
        assert f"GET /: 200 (request {NAME})".encode() in said
        assert b"GET /: 200 (request aBdDq38AAQEAAABQ@-cAAAAA)" in said
        assert b"forged" not in said and b"\x1b" not in said


@pytest.mark.parametrize("way", ["apache", "apache-fcgid", "apache-cgi"])
def test_apache_names_it_too(way):
    with Shop(way, env=DEBUG) as shop:
        visitor = shop.visitor()
        assert add(visitor, shop, "PENCIL-HB", 1).status == 200
        reply = checkout(visitor, follow=False)
        name = reply.header("x-request-id")
        assert re.fullmatch(r"[0-9A-Za-z@_-]{16,64}", name)
        assert {n for n, in rows(
            shop, "SELECT origin FROM klaviyo_outbox WHERE id = ?",
            f"Placed Order/{order_of(reply)}")} == {name}
        wait_for(lambda: re.search(
            rf" POST /checkout 303 \S+ \d+ {name}$", shop.log("access"), re.M),
            "the access log")
        log = "storefront" if way == "apache" else "error"
        wait_for(lambda: f"POST /checkout: 303 (request {name})"
                 in shop.log(log), "the storefront's line")
        assert shop.get("/shop.css").header("x-request-id") == ""


def test_a_page_that_fails_names_its_request():
    with Shop("nginx") as shop:
        visitor = Named(shop)
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        shop.execute("ALTER TABLE shipping_method RENAME TO away")
        reply = visitor.get("/checkout")
        shop.execute("ALTER TABLE away RENAME TO shipping_method")
        assert reply.status == 503 and reply.header("x-request-id") == NAME
        said = lines(shop, "storefront", "storefront: error: GET /checkout: ")
        assert said and said[-1].endswith(f"(request {NAME})")


# -------------------------------------------------------------------- levels

@pytest.mark.parametrize("level, there, missing", [
    ("error", [], ["serving on", "confined", "POST /cart/add"]),
    ("notice", ["storefront: serving on"], ["POST /cart/add"]),
    ("info", ["storefront: serving on",
              "storefront: info: POST /cart/add: 303 "], ["GET /"]),
    ("debug", ["storefront: serving on", "storefront: debug: GET /products/: "
               "200 ", "storefront: debug: GET -: 404 "], ["tell-nobody"])])
def test_levels(level, there, missing):
    with Shop(serve=False, env={"STOREFRONT_LOG_LEVEL": level}) as shop:
        shop.spawn("storefront", shop.storefront("serve"),
                   lambda: answers(shop.fcgi))
        assert ask(shop) == 200
        assert ask(shop, "/products/winnie-the-pooh") == 200
        assert ask(shop, "/tell-nobody") == 404
        item = rows(shop, "SELECT id FROM variant WHERE sku = 'PENCIL-HB'")
        assert fcgi.status(
            shop.fcgi, "POST", "/cart/add",
            f"variant={item[0][0]}&quantity=1".encode(),
            HTTP_SEC_FETCH_SITE="same-origin") == 303
        shop.end("storefront")
        said = shop.log("storefront")
        for words in there:
            assert words in said, words
        for words in missing:
            assert words not in said, words


def test_a_wrong_level_is_named():
    with Shop(serve=False) as shop:
        for value in ("loud", "", "Debug", "3"):
            done = shop.run("serve", check=False,
                            env={"STOREFRONT_LOG_LEVEL": value})
            assert done.returncode == 2, done
            assert done.stderr.startswith(
                "storefront: STOREFRONT_LOG_LEVEL must be error, warning")


def journal_of(shop, name):
    """What systemd would say of the file that the log is."""
    st = os.stat(shop.path(name + ".log"))
    return {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}


def test_as_the_journal_has_it():
    """Each line begins with its level; of a program whose stderr is elsewhere,
    none."""
    with Shop(serve=False, sandbox=True, env=DEBUG) as shop:
        for name in ("storefront", "worker", "status"):
            shop.write(name + ".log", "")
        shop.spawn("storefront", shop.storefront("serve"),
                   lambda: "<5>storefront: serving on" in shop.log(
                       "storefront"), env=journal_of(shop, "storefront"))
        shop.start_worker(env=journal_of(shop, "worker"))
        assert ask(shop) == 200
        wait_for(lambda: "<5>storefront: worker: delivering" in
                 shop.log("worker"), "the worker")
        wait_for(lambda: "<7>storefront: GET /: 200 (request " in
                 shop.log("storefront"), "the request")
        shop.end("worker")
        shop.end("storefront")
        for name in ("storefront", "worker"):
            for line in shop.log(name).splitlines():
                assert re.match(r"<[3-7]>storefront: ", line), line
                assert not re.match(r"<.>storefront: (error|warning|info|"
                                    r"debug): ", line), line
        # Why it does not start is an error to the journal.
        user = {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
                "extra_groups": []} if shop.user else {}
        for command, what in (("worker", "KLAVIYO_PRIVATE_KEY_FILE"),
                              ("status", "STOREFRONT_STATUS_PASSWORD_FILE")):
            os.truncate(shop.path("status.log"), 0)
            with open(shop.path("status.log"), "ab") as log:
                done = subprocess.run(
                    shop.storefront(command), cwd=shop.dir, stderr=log, **user,
                    env={**shop.env, **journal_of(shop, "status"),
                         what: shop.path("nothing")})
            assert done.returncode == 1
            assert re.fullmatch(rf"<3>storefront: .*{what}.*\n",
                                shop.log("status"))
        # A terminal, or a pipe, though the journal is somewhere about.
        done = shop.run("serve", check=False, env={
            **journal_of(shop, "status"), "STOREFRONT_LISTEN": "nowhere"})
        assert done.returncode == 2
        assert done.stderr.startswith("storefront: STOREFRONT_LISTEN must be")
