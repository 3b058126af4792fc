"""
Where secrets and people are to be found after a whole run of the real thing:
each canary is a value that is typed, made or given once and looked for
everywhere afterwards: logs, pages that anybody may fetch, the database, its
log and its backup, core files, the environment and the arguments of every
process.  ALLOWED says where it may be; anything else fails.
"""
import os
import re
import resource
import secrets
import signal
import sqlite3
import subprocess
import urllib.parse
import urllib.request
import warnings

import pytest

from account_kit import forgot, login, register, save
from harness import SANITIZED, WRAP, Shop, wait_for
from shop_kit import checkout, execute, fill_cart, order_of, variant
from test_account_reset import links
from test_forged import routes

# Tables of the shop's own that are about people; of the outbox, what has not
# been told yet (when it has been, the row is emptied).
PEOPLE = {"account", "session", "orders", "lead", "klaviyo_outbox unsent"}
IN_DATABASE = {f"{file}: {table}" for file in ("shop.db", "copy.db")
               for table in PEOPLE} | {"file shop.db", "file shop.db-wal",
                                       "file copy.db"}
ALLOWED = {
    "private key": {"file private.key"},
    "shop's secret": {"file secret"},
    "password": set(),
    "new password": set(),
    "password by a link": set(),
    "wrong password": set(),
    "reset token": set(),
    "session": set(),
    "session, logged in": set(),
    "form token": set(),
    "restore token": set(),
    "exchange id": set(),
    "search words": set(),
    "e-mail": IN_DATABASE,
    "e-mail of a guest": IN_DATABASE,
    "phone": IN_DATABASE,
}
# It was typed, and kept: else nothing was looked for.
CERTAIN = {
    "private key": {"file private.key"}, "shop's secret": {"file secret"},
    "e-mail": {"shop.db: account", "copy.db: orders", "file copy.db"},
    "e-mail of a guest": {"shop.db: orders", "shop.db: lead",
                          "shop.db: session"},
    "phone": {"shop.db: account", "shop.db: orders"},
}


def forms(canary):
    """A canary as it may be written: as it is, in a query, without its +."""
    text = canary.lower()
    return {f.encode() for f in (
        text, urllib.parse.quote(text), urllib.parse.quote(text, safe=""),
        text.lstrip("+"))}


class Search:
    """Where each canary is: {its name: {place, ..}}."""

    def __init__(self, canaries):
        self.wanted = {name: forms(c) for name, c in canaries.items()}
        self.found = {name: set() for name in canaries}
        self.places = set()

    def look(self, place, data):
        data = data.lower()
        self.places.add(place)
        for name, texts in self.wanted.items():
            if any(text in data for text in texts):
                self.found[name].add(place)

    def files(self, shop):
        """Every file of the shop's directory, but for what the stand-in for
        Klaviyo keeps, which has to have been told."""
        for folder, folders, names in os.walk(shop.dir):
            folders[:] = [f for f in folders if not f.startswith("copy-of-")]
            for name in names:
                path = os.path.join(folder, name)
                if name == "sandbox.log" or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    self.look("file " + os.path.relpath(path, shop.dir),
                              f.read())

    def tables(self, name, query, tables):
        for table, in query(tables):
            for state, where in (((" unsent", "WHERE sent_at IS NULL"),
                                  (" sent", "WHERE sent_at IS NOT NULL"))
                                 if table == "klaviyo_outbox"
                                 else (("", ""),)):
                self.look(f"{name}: {table}{state}", repr(query(
                    f"SELECT * FROM {table} {where}")).encode())

    def databases(self, shop):
        """The shop's, and its backup; of a server what it logs, too."""
        if shop.server:
            self.tables("shop.db", shop.query, "SELECT table_name FROM "
                        "information_schema.tables "
                        "WHERE table_schema = 'public'")
            with open(shop.server.log, "rb") as f:
                self.look("the server's log", f.read())
            return
        for name in ("shop.db", "copy.db"):
            with sqlite3.connect(f"file:{shop.path(name)}?mode=ro",
                                 uri=True) as db:
                self.tables(name, lambda sql: db.execute(sql).fetchall(),
                            "SELECT name FROM sqlite_schema "
                            "WHERE type = 'table'")

    def pages(self, shop):
        """By somebody without a cookie."""
        paths = [p for m, p in routes() if m == "GET"]
        paths += ["/products/winnie-the-pooh", "/search?q=a",
                  "/collections/fiction", "/nowhere"]
        for path in paths:
            reply = shop.get(path)
            self.look("page " + path, reply.body + repr(
                reply.headers).encode())

    def processes(self, shop):
        """Of the shop's directory, and the children of such."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                about = [open(f"/proc/{pid}/{name}", "rb").read()
                         for name in ("environ", "cmdline")]
                name = open(f"/proc/{pid}/comm").read().strip()
            except OSError:
                continue
            if int(pid) != os.getpid() and shop.dir.encode() in b"".join(
                    about):
                self.look("environ of " + name, about[0])
                self.look("arguments of " + name, about[1])

    def wrong(self):
        return {name: sorted(places - ALLOWED[name])
                for name, places in self.found.items()
                if places - ALLOWED[name]}


def fault(shop, what):
    urllib.request.urlopen(shop.sandbox_url + "/sandbox/fault",
                           what.encode()).read()


def walk(shop):
    """All that a customer, a guest and the owner do; the canaries."""
    tag = secrets.token_hex(6)
    c = {"password": f"Canary-Old-{tag}", "new password": f"Canary-New-{tag}",
         "password by a link": f"Canary-Link-{tag}",
         "wrong password": f"Canary-Wrong-{tag}",
         "e-mail": f"canary.{tag}@klaviyo-demo.com",
         "e-mail of a guest": f"guest.{tag}@klaviyo-demo.com",
         "phone": "+1500555%04d" % secrets.randbelow(10000),
         "search words": f"canarysearch{tag}",
         "private key": open(shop.path("private.key")).read().strip(),
         "shop's secret": open(shop.path("secret")).read().strip()}
    mail, guest_mail = c["e-mail"], c["e-mail of a guest"]

    # A customer: account, orders, a new password, a forgotten one.
    visitor = shop.visitor()
    visitor.get("/search?q=" + c["search words"])
    register(visitor, mail, c["password"], phone=c["phone"], newsletter="1")
    c["session"] = visitor.cookies["sid"]
    login(shop.visitor(), mail, c["wrong password"], status=422)
    login(visitor, mail, c["password"])
    c["session, logged in"] = visitor.cookies["sid"]
    save(visitor, "details", address1="1 Main St", city="Boston", zip="02110",
         phone=c["phone"])
    fill_cart(visitor, shop, [("WINNIEPOOH", 2)])
    c["form token"] = visitor.form("/cart/update")["token"]
    order = order_of(checkout(visitor, email=mail, phone=c["phone"],
                              newsletter="1", newsletter_sms="1"))
    save(visitor, "password", password=c["password"],
         new_password=c["new password"])
    assert visitor.path == "/account?done=password"
    visitor.get("/account")
    visitor.submit("/account/logout")
    forgot(shop.visitor(), mail)
    wait_for(lambda: links(shop), "the link")
    link = links(shop)[-1][len(shop.url):]
    c["reset token"] = link.rpartition(".")[2]
    fresh = shop.visitor()
    fresh.get(link)
    fresh.submit("/account/reset", password=c["password by a link"])
    assert fresh.path == "/account/login?done=reset"
    assert shop.get(link).status == 410
    register(shop.visitor(), mail.upper(), c["wrong password"])

    # A guest: known by a mail's link, writes, waits, buys, comes back.
    guest = shop.visitor()
    c["exchange id"] = "01CANARY" + tag.upper()
    guest.get(f"/?_kx={c['exchange id']}.ABC123")
    guest.get("/contact")
    guest.submit("/contact", first_name="G", last_name="M", email=guest_mail,
                 phone=c["phone"], message=f"Write to {guest_mail}, please")
    execute(shop, "UPDATE variant SET stock = 0, oversell = 0 WHERE sku = "
            "'MOBY-PB'")
    guest.post("/back-in-stock", {"variant": variant(shop, "MOBY-PB"),
                                  "email": guest_mail})
    fill_cart(guest, shop, [("TALEOFTWO", 1)])
    page = guest.get("/checkout").text
    c["restore token"] = re.search(
        r"/cart/restore/[^\"\\]+\.([\w-]{22})", page)[1]
    shop.get(re.search(r"/cart/restore/[\w.-]+", page)[0])
    # What Klaviyo refuses has a reason, which may not say whom.
    shop.wait_delivered()
    fault(shop, "/api 400")
    other = order_of(checkout(guest, email=guest_mail, phone=c["phone"]))
    wait_for(lambda: shop.query("SELECT 1 FROM klaviyo_outbox WHERE due_at IS "
                                "NULL AND sent_at IS NULL"), "a dead letter")
    fault(shop, "none")

    # The owner.
    said = []
    for words in (["order", "fulfill", order, "--tracking", "1Z"],
                  ["order", "ship", order, "s1", "shipped"],
                  ["order", "refund", order, "--amount", "1"],
                  ["order", "payment-failed", other, "--reason", "Card"],
                  ["order", "cancel", other], ["outbox", "status"],
                  ["outbox", "list"], ["feed", "json"], ["doctor"],
                  ["history", "sync", "--dry-run"],
                  *([] if shop.server else
                    [["backup", shop.path("copy.db")]])):
        run = shop.run(*words, check=words[0] != "doctor")
        said.append(("output of " + " ".join(words[:2]).replace(
            shop.dir, ""), (run.stdout + run.stderr).encode()))
    shop.run("preview", "order", order)
    return c, said


def crash(shop, name):
    """As a fault in it would: SIGSEGV; what the crash leaves is a file in its
    directory, if it leaves one."""
    shop.end(name, signal.SIGSEGV, (-signal.SIGSEGV,))


def everywhere(shop, canaries, said):
    search = Search(canaries)
    for place, text in said:
        search.look(place, text)
    search.processes(shop)
    search.pages(shop)
    search.databases(shop)
    search.files(shop)
    return search


@pytest.fixture(scope="module", params=[
    ("nginx", "sqlite"), ("apache", "sqlite"), ("nginx", "postgresql")],
    ids=" on ".join)
def walked(request):
    """(shop, canaries, what was said): after the walk, all of it running."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        way, engine = request.param
        with Shop(way, serve=False, engine=engine, env={
                "STOREFRONT_LEADS_EMAIL": "sales@klaviyo-demo.com",
                "STOREFRONT_LOG_LEVEL": "debug"}) as shop:
            key = "pk_" + secrets.token_hex(17)
            os.chmod(shop.path("private.key"), 0o600)
            shop.write("private.key", key + "\n", 0o400)
            shop.start_sandbox()
            shop.start()
            shop.start_worker()
            yield (shop, *walk(shop))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)


def test_each_canary_is_only_where_it_belongs(walked):
    shop, canaries, said = walked
    assert set(canaries) == set(ALLOWED)
    search = everywhere(shop, canaries, said)
    # It was looked for in all of these.
    assert {"file access.log", "file error.log", "file storefront.log",
            "file worker.log", "environ of storefront",
            "arguments of storefront", "page /feed/catalog.json",
            "output of doctor", "shop.db: klaviyo_outbox sent"} | (
        {"the server's log"} if shop.server else
        {"file shop.db", "file shop.db-wal"}) <= search.places
    assert search.wrong() == {}
    # The logs have all that they ever have.
    for log, words in (("storefront", "storefront: debug: GET /products/: "),
                       ("storefront", "storefront: info: POST /checkout: "),
                       ("worker", " sent: HTTP 202, attempt 1, Klaviyo's "),
                       ("worker", " refused: HTTP 400, attempt 1, Klaviyo")):
        assert words in shop.log(log), words
    for name, places in CERTAIN.items():
        assert {p for p in places if not (shop.server and "copy.db" in p)} \
            <= search.found[name], name
    # Crashed, and looked at again: no core file, and no other trace.
    if not SANITIZED and not WRAP:
        for name in ("storefront", "worker"):
            crash(shop, name)
        assert [f for f in os.listdir(shop.dir) if f.startswith("core")] == []
        shop.start_serve()
        shop.start_worker()
        again = everywhere(shop, canaries, said)
        assert again.wrong() == {}


def test_a_core_file_would_be_there(walked):
    """Of a program that does not forbid it."""
    shop = walked[0]
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    if pattern != "core" or resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        warnings.warn(f"core files go to {pattern!r}: that the shop leaves "
                      "none is seen by its limit only (test_confine.py)")
        return
    more = {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
            "extra_groups": []} if shop.user else {}
    sleeper = subprocess.Popen(["sleep", "1000"], cwd=shop.dir, **more)
    sleeper.send_signal(signal.SIGSEGV)
    sleeper.wait()
    cores = [f for f in os.listdir(shop.dir) if f.startswith("core")]
    for core in cores:
        os.unlink(shop.path(core))
    assert cores


def in_a_log(shop, canary):
    with open(shop.path("access.log"), "ab") as f:
        f.write(urllib.parse.quote(canary.upper(), safe="").encode())


def in_a_file(shop, canary):
    shop.write("core.123", "\0" + canary)


def in_a_table(shop, canary):
    execute(shop, "INSERT INTO meta (name, value) VALUES (?, ?)",
            canary, canary)


def in_a_sent_row(shop, canary):
    execute(shop, "UPDATE klaviyo_outbox SET profile = ? WHERE id = (SELECT "
            "MIN(id) FROM klaviyo_outbox WHERE sent_at IS NOT NULL)", canary)


def on_a_page(shop, canary):
    execute(shop, "UPDATE product SET title = ? WHERE handle = "
            "'winnie-the-pooh'", canary)


def in_an_environment(shop, canary):
    shop.programs["planted"] = subprocess.Popen(
        ["sleep", "1000"], cwd=shop.dir, env={"PLANTED": canary,
                                              "HOME": shop.dir})


def in_arguments(shop, canary):
    shop.programs["planted"] = subprocess.Popen(
        ["sh", "-c", "read x", shop.dir, canary], stdin=subprocess.PIPE)


@pytest.mark.parametrize("plant, canary", [
    (in_a_log, "e-mail"), (in_a_log, "phone"), (in_a_file, "private key"),
    (in_a_table, "e-mail"), (in_a_table, "session"),
    (in_a_sent_row, "phone"), (on_a_page, "e-mail of a guest"),
    (in_an_environment, "private key"), (in_arguments, "password")])
def test_a_planted_one_is_found(planted, plant, canary):
    """The search can fail: one value, put into one place."""
    shop, canaries, said = planted
    plant(shop, canaries[canary])
    try:
        if "planted" in shop.programs:
            # Its name is there before its arguments and environment are.
            wait_for(lambda: any(
                shop.dir.encode() in open(
                    f"/proc/{shop.programs['planted'].pid}/{name}",
                    "rb").read()
                for name in ("environ", "cmdline")), "the program")
        assert canary in everywhere(shop, canaries, said).wrong()
    finally:
        if "planted" in shop.programs:
            process = shop.programs.pop("planted")
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def planted():
    """A small run, with values that are in their places."""
    with Shop("nginx", engine="sqlite") as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        checkout(visitor)
        execute(shop, "UPDATE klaviyo_outbox SET sent_at = 1, due_at = NULL, "
                "profile = '', event = ''")
        shop.run("backup", shop.path("copy.db"))
        canaries = {name: f"planted-{n}-{secrets.token_hex(4)}"
                    for n, name in enumerate(ALLOWED)}
        assert everywhere(shop, canaries, []).wrong() == {}
        yield shop, canaries, []
