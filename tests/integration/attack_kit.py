"""What the attacks on the shop share: its addresses and forms as a visitor has
them, the tools that nobody here wrote, and what they say.

    target = Target(shop)                # visitors, and what they can ask for
    target.forms, target.links, target.paths
    found = wapiti(shop.dir, url, ...)   # its report: findings, what it saw
    tests = sqlmap(shop.dir, requests, fields, engine)
    visits = slowhttptest("-H", url, ...)
    answered(shop, since)                # the access log: (method, path, status)

None of them sends anything off this machine: wapiti's modules that would (nikto
and wapp fetch a database) are left out, and its bug reports; the endpoint that
ssrf and xxe want to be called at is ours, on loopback; and each is given a proxy
for every other host at which nobody listens.
"""
import contextlib
import csv
import glob
import json
import os
import pty
import re
import subprocess
import tempfile
import time
import urllib.parse

from account_kit import PASSWORD, customer, forgot, reset_token
from harness import TREE
from shop_kit import (ADDRESS, checkout, execute, fill_cart, one, order_of,
                      rows, session_id, signed, variant)
from test_forged import routes

POOH = "WINNIEPOOH"
SHOP = {"STOREFRONT_LEADS_EMAIL": "sales@klaviyo-demo.com"}
# Nothing but this host is reachable for a tool that obeys it.
NOWHERE = {"http_proxy": "http://127.0.0.1:9", "https_proxy":
           "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
BROWSER = {"Sec-Fetch-Site": "same-origin"}


@contextlib.contextmanager
def few_products():
    """The path of a catalogue of three, of the demo's: each page more of the
    same kind is as many more requests, and nothing new."""
    with open(os.path.join(TREE, "src", "storefront", "demo.csv"),
              newline="") as f:
        lines = list(csv.reader(f))
    at = lines[0].index("Handle")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as f:
        csv.writer(f).writerows(
            line for line in lines if line[at] in (
                "Handle", "winnie-the-pooh", "cloth-notebook", "frankenstein"))
        f.flush()
        yield f.name


def route_of(method, path):
    """The route of a request's path, as pages.c finds it; None."""
    for m, p in routes():
        below = p != "/" and p.endswith("/")
        if m == method and (path.startswith(p) and path != p if below
                            else path == p):
            return m, p
    return None


def forgive(shop):
    """Nobody is throttled: a wall of 429 would keep the attackers from what
    they are to attack.  In the database itself, as the shop writes it."""
    if shop.engine == "sqlite":
        for when in ("INSERT", "UPDATE"):
            execute(shop, f"CREATE TRIGGER forgive_{when} AFTER {when} ON "
                    "throttle BEGIN DELETE FROM throttle; END")
        return
    execute(shop, "CREATE FUNCTION forgive() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN DELETE FROM throttle; RETURN NULL; END $$")
    execute(shop, "CREATE TRIGGER forgive AFTER INSERT OR UPDATE ON throttle "
            "FOR EACH STATEMENT EXECUTE FUNCTION forgive()")


def keep(shop, *visitors):
    """Whatever the visitors send, logging out included, their sessions stay:
    who comes after it in an attack is still somebody, and their forms' tokens
    are good."""
    ids = ", ".join(f"'{session_id(visitor)}'" for visitor in visitors)
    if shop.engine == "sqlite":
        execute(shop, "CREATE TRIGGER keep BEFORE DELETE ON session WHEN "
                f"old.id IN ({ids}) BEGIN SELECT RAISE(IGNORE); END")
        return
    execute(shop, "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN IF old.id IN ({ids}) THEN RETURN NULL; END IF; "
            "RETURN old; END $$")
    execute(shop, "CREATE TRIGGER keep BEFORE DELETE ON session FOR EACH ROW "
            "EXECUTE FUNCTION keep()")


class Target:
    """
    member    logged in, with an order and something in the cart
    stranger  without an account, but a session
    links     [(visitor, path)]: an address for each GET route
    forms     [(visitor, path, fields)]: one for each POST route, filled in so
              that it gets as far as it can
    paths     addresses with a * where a visitor's word is part of the path
    """

    def __init__(self, shop):
        self.shop = shop
        forgive(shop)
        execute(shop, "UPDATE variant SET stock = 900000000 WHERE sku = ?",
                POOH)
        self.member, self.email = customer(shop)
        fill_cart(self.member, shop, [(POOH, 1)])
        self.order = order_of(checkout(self.member, email=self.email))
        fill_cart(self.member, shop, [(POOH, 2)])
        self.stranger = shop.visitor()
        fill_cart(self.stranger, shop, [(POOH, 1)])
        keep(shop, self.member, self.stranger)
        giver = shop.visitor()
        fill_cart(giver, shop, [(POOH, 1)])
        cart = one(shop, "SELECT cart FROM session WHERE id = ?",
                   session_id(giver))
        until = int(time.time()) + 86400
        self.restore = f"{cart}.{until}." + signed(
            shop, "restore", f"{cart}.{until}")
        forgot(shop.visitor(), self.email)
        self.reset = reset_token(shop, self.email)
        self.variant = variant(shop, POOH)
        self.sold_out = rows(
            shop, "SELECT p.handle, v.id FROM product p JOIN variant v ON "
            "v.product = p.id WHERE v.stock = 0 ORDER BY v.id")[0]
        self.collection = re.search(r'"/collections/([^"?]+)"',
                                    shop.get("/").text)[1]
        self.links = self._links()
        self.forms = self._forms()
        self.paths = ["/products/winnie-the-pooh*",
                      f"/collections/{self.collection}*",
                      f"/orders/{self.order}*",
                      f"/cart/restore/{self.restore}*",
                      f"/account/reset/{self.reset}*"]

    def form(self, path):
        """Its fields."""
        return next(fields for _, p, fields in self.forms if p == path)

    def _links(self):
        member, stranger = self.member, self.stranger
        return [(member, path) for path in (
            "/?page=1&_kx=abc", "/products/winnie-the-pooh?notified=1",
            f"/products/{self.sold_out[0]}?notified=1",
            f"/collections/{self.collection}?page=1", "/search?q=pooh&page=1",
            "/cart?merged=1", "/checkout?x=1", f"/orders/{self.order}?x=1",
            "/consent?q=pooh&page=1", "/account?done=1",
            "/account/details?done=1", "/account/email?done=1",
            "/account/password?done=1", "/contact?done=1",
            "/feed/catalog.json?x=1", "/feed/catalog.xml?x=1", "/healthz?x=1",
            "/readyz?x=1")] + [(stranger, path) for path in (
                f"/cart/restore/{self.restore}?x=1",
                "/account/login?next=/account&done=new",
                "/account/register?next=/account",
                "/account/forgot?done=1",
                f"/account/reset/{self.reset}?x=1")]

    def _form(self, visitor, page, _to, **fields):
        visitor.get(page)
        given = {**visitor.form(_to), **fields}
        return (visitor, _to.partition("#")[0],
                {n: str(v).strip() for n, v in given.items()})

    def _forms(self):
        member, stranger = self.member, self.stranger
        a = {n: ADDRESS[n] for n in ADDRESS if n != "email"}
        return [
            self._form(member, "/products/winnie-the-pooh", "/cart/add"),
            self._form(member, "/cart", "/cart/update"),
            self._form(member, "/checkout", "/checkout", **ADDRESS,
                       action="order", discount="",
                       newsletter="1", newsletter_sms="1"),
            (member, "/consent", {"choice": "yes", "return": "/", "q": "pooh",
                                  "page": "1"}),
            self._form(member, "/products/" + self.sold_out[0],
                       "/back-in-stock#notify", email=self.email),
            self._form(member, "/account/details", "/account/details", **a),
            # With the right password, the session would be another one.
            self._form(member, "/account/email", "/account/email",
                       email="other@klaviyo-demo.com", password="not this one"),
            self._form(member, "/account/password", "/account/password",
                       password="not this one", new_password="battery staple"),
            self._form(member, "/contact", "/contact", message="Hello",
                       phone="+15005550006"),
            self._form(member, "/account", "/account/logout"),
            self._form(stranger, "/account/login", "/account/login",
                       email=self.email, password="not this one"),
            self._form(stranger, "/account/register", "/account/register",
                       email="new@klaviyo-demo.com", password=PASSWORD,
                       first_name="Nora", last_name="New",
                       phone="+15005550006"),
            self._form(stranger, "/account/forgot", "/account/forgot",
                       email=self.email),
            # Too short: a good one would use the link up.
            self._form(stranger, "/account/reset/" + self.reset,
                       "/account/reset", password="short"),
            self._form(stranger, "/cart/restore/" + self.restore,
                       "/cart/restore", how="merge")]


def fields_of(form):
    return set(form[2])


def cookies(visitor):
    return "; ".join(f"{n}={v}" for n, v in visitor.cookies.items())


def answered(shop, since=0):
    """What the web server has answered: [(method, path, status)], from a
    length of its log on."""
    with open(shop.path("access.log")) as f:
        f.seek(since)
        return [(m[1], m[2], int(m[3])) for m in re.finditer(
            r"\] ([A-Z]+) (.*) (\d{3}) \d+ [\d.]+ \S+$", f.read(), re.M)]


def log_end(shop):
    return os.path.getsize(shop.path("access.log"))


def run(command, folder):
    """A tool to its end: (code, output)."""
    # sqlmap takes what is no terminal for a list of targets.
    ours, terminal = pty.openpty()
    done = subprocess.run(
        command, cwd=folder, text=True, capture_output=True,
        stdin=terminal, errors="replace",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder,
             "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", **NOWHERE})
    os.close(ours)
    os.close(terminal)
    return done.returncode, done.stdout + done.stderr


# ----------------------------------------------------------------- wapiti

# All but nikto and wapp, which fetch a database; buster, which is asked by itself,
# tens of thousands of requests; and brute_login_form, which takes the page after
# a wrong password for success, and stops: guessing is test_account_tries.py's.
MODULES = ("backup", "blindsql", "cookieflags", "crlf", "csp", "csrf", "exec",
           "file", "htaccess", "http_headers", "methods", "permanentxss",
           "redirect", "shellshock", "sql", "ssrf", "xss", "xxe")


def wapiti(folder, url, endpoint, modules=MODULES, start=(), headers=None,
           scope="domain"):
    """(findings, anomalies, words): {kind: [(method, path, parameter, info)]}
    twice, and what it said."""
    # Its session is a database that it commits to all the time.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else folder
    with tempfile.TemporaryDirectory(dir=memory) as name:
        return _wapiti(folder, url, endpoint, modules, start, headers, scope,
                       os.path.join(name, "wapiti"))


def _wapiti(folder, url, endpoint, modules, start, headers, scope, name):
    command = ["wapiti", "-u", url, "--scope", scope, "-f", "json", "-o",
               name + ".json", "--store-session", name, "--store-config",
               name, "--no-bugreport", "--endpoint", endpoint + "/", "-v", "1",
               "-m", ",".join(modules)]
    for each in start:
        command += ["-s", each]
    for header in (headers or {}).items():
        command += ["-H", "%s: %s" % header]
    code, words = run(command, folder)
    assert os.path.exists(name + ".json"), (code, words[-3000:])
    for module in modules:
        assert f"Launching module {module}" in words, (module, words[-3000:])
    assert "Traceback" not in words, words
    with open(name + ".json") as f:
        report = json.load(f)
    return *({kind: [(x["method"], x["path"], x["parameter"], x["info"])
                     for x in found]
              for kind, found in report[part].items() if found}
             for part in ("vulnerabilities", "anomalies")), words


# ----------------------------------------------------------------- sqlmap

def burp(url, requests):
    """Requests as Burp logs them: (visitor or cookies, path, fields or
    None)."""
    host = url.partition("//")[2]
    bar, text = "=" * 54, ""
    for who, path, fields in requests:
        head = [f"{'GET' if fields is None else 'POST'} {path} HTTP/1.1",
                f"Host: {host}", "User-Agent: Mozilla/5.0",
                f"Referer: {url}/", "Sec-Fetch-Site: same-origin"]
        cookie = who if isinstance(who, str) else cookies(who)
        if cookie:
            head.append("Cookie: " + cookie)
        body = ""
        if fields is not None:
            head.append("Content-Type: application/x-www-form-urlencoded")
            body = urllib.parse.urlencode(fields)
        text += "\n".join([bar, f"12:00:00  {url}  [127.0.0.1]", bar, *head,
                           "", body, bar, "", "", ""])
    return text


def sqlmap(folder, url, requests, parameters, dbms, more=()):
    """[(path, {parameter that it found nothing in}, {injectable})] of each
    request."""
    name = os.path.join(folder, f"sqlmap-{time.monotonic_ns()}")
    os.mkdir(name)
    with open(name + ".log", "w") as f:
        f.write(burp(url, requests))
    code, words = run(
        ["sqlmap", "-l", name + ".log", "-p", ",".join(sorted(parameters)),
         "--batch", f"--dbms={dbms}", "--level=3", "--risk=2",
         "--ignore-code=*", "--ignore-redirects", "--drop-set-cookie",
         "--skip-waf", "--disable-coloring", "--flush-session",
         f"--output-dir={name}", f"--results-file={name}/results.csv", *more],
        folder)
    with open(name + ".out", "w") as f:
        f.write(words)
    found = []
    for part in re.split(r"^\[\d+/\d+\] URL:\n", words, flags=re.M)[1:]:
        path = re.match(r"[A-Z]+ \w+://[^/\s]+(\S*)", part)[1]
        nothing = set(re.findall(
            r"parameter '([^']*)' does not seem to be injectable", part))
        found.append((path, nothing, set(re.findall(
            r"parameter '([^']*)' is vulnerable", part))))
    assert len(found) == len(requests), (code, words[-3000:])
    results = set()
    for each in glob.glob(name + "/results*.csv"):
        with open(each, newline="") as f:
            # What it has tried again, and takes back.
            results |= {row["Parameter"] for row in csv.DictReader(f)
                        if row["Technique(s)"] and
                        "false positive" not in row["Note(s)"]}
    assert results == set().union(*(bad for _, _, bad in found)), results
    return found


# ------------------------------------------------------------ slowhttptest

SLOW = {"headers": ["-H", "-i", "2"], "body": ["-B", "-i", "2", "-s", "60000"],
        "range": ["-R", "-a", "5", "-b", "2000"],
        "read": ["-X", "-w", "1", "-y", "16", "-n", "3", "-z", "4", "-k", "3"]}


class Slow:
    """slowhttptest at work: begun when made, ended by end()."""

    def __init__(self, mode, url, connections=400, seconds=25,
                 patience=60):
        self.process = subprocess.Popen(
            ["slowhttptest", *SLOW[mode], "-u", url, "-c", str(connections),
             "-r", "200", "-l", str(seconds), "-p", str(patience), "-v", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True, errors="replace",
            env={"PATH": "/usr/bin:/bin", "TERM": "dumb"})

    def going(self):
        return self.process.poll() is None

    def end(self):
        """[(connected, available)] as it saw them from time to time."""
        words, _ = self.process.communicate()
        words = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", words)
        self.words = words
        seen = [(int(m[1]), m[2] == "YES") for m in re.finditer(
            r"connected:\s+(\d+).*?service available:\s+(YES|NO)", words,
            re.S)]
        assert seen, words[-3000:]
        return seen
