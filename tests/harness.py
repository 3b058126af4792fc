"""
harness.py - starts the real programs for a test, and ends them.

    with Shop("nginx", sandbox=True, worker=True) as shop:
        reply = shop.get("/")                    # status, headers, body
        shop.run("outbox", "status").stdout      # a storefront command
        shop.sandbox_url                         # http://127.0.0.1:PORT
        visitor = shop.visitor()                 # keeps cookies, posts forms
        shop.query("SELECT ..")                  # rows of its database

Promises: everything lies in one temporary directory and listens on free ports;
every program is ended by the pid that was started; a program that does not end,
ends badly or leaves a sanitizer's report fails the test; the directory is
removed unless the test failed (then its name and the logs are shown).  Started
by root, the programs run as www-data: as in a real installation, and Apache
insists.

Environment: STOREFRONT_BUILD is where the binaries are (default build/);
TEST_ENGINE=postgresql puts every shop that does not say otherwise on a
PostgreSQL server of the tests' own, each in a database of its own;
STOREFRONT_WRAP is put before "storefront serve" and "storefront worker"
("valgrind -q --error-exitcode=99").
"""
import atexit
import contextlib
import http.client
import os
import random
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse

import postgres
from postgres import user
from visitor import Forms, Reply, Visitor  # noqa: F401 (for tests)

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("STOREFRONT_BUILD",
                                       os.path.join(TREE, "build")))
WRAP = shlex.split(os.environ.get("STOREFRONT_WRAP", ""))
try:
    with open(os.path.join(BUILD, "storefront"), "rb") as program:
        text = program.read()
        SANITIZED = ("address" if b"__asan_init" in text else "thread"
                     if b"__tsan_init" in text else "")  # slow, and large
        del text
except OSError:
    SANITIZED = ""
# Generous: a loaded machine under valgrind is slow, and no test that passes
# waits this long.
PATIENCE = float(os.environ.get("STOREFRONT_PATIENCE", "60"))
PRIVATE_KEY = "pk_" + "0123456789abcdef" * 2 + "00"
PUBLIC_KEY = "ABC123"
REPORTS = re.compile(rb"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer"
                     rb"|runtime error:|==\d+== (?:Invalid|Conditional|Use of)")
# How the shop can stand on the net; FastCGI goes over a Unix socket but in
# nginx-tcp.  "direct" has no web server: a test speaks FastCGI itself.
WAYS = ("nginx", "nginx-tcp", "apache", "apache-fcgid", "apache-cgi")

running = []  # shops, for conftest.py
servers = []  # PostgreSQL, started with the first shop that wants it


def server():
    """The PostgreSQL server of this run."""
    if not servers:
        servers.append(postgres.Server())
        atexit.register(servers[0].close)
    return servers[0]


given = set()  # of free_port()
# Processes of pytest side by side: each has ports of its own.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def free_port():
    """A port nobody listens on, outside the range of outgoing connections, and
    never the same again: whoever asked for it may not have bound it yet."""
    for _ in range(10000):
        port = random.randrange(15000 + WORKER, 32000, WORKERS)
        with socket.socket() as s:
            try:
                if port not in given:
                    s.bind(("127.0.0.1", port))
                    given.add(port)
                    return port
            except OSError:
                pass
    raise RuntimeError("no free port")


def wait_for(condition, what, seconds=None, pause=0.02):
    """Returns condition()'s first true value; fails after ${seconds}."""
    end = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(pause)


def answers(address):
    """Does somebody accept connections at a path or a (host, port)?"""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        try:
            s.connect(address)
            return True
        except OSError:
            return False


class Shop:
    """
    way      "direct" (no web server) or one of WAYS; nginx and apache mean
             FastCGI over a Unix socket
    sandbox  starts klaviyo-sandbox; True, or its arguments as a list
    worker   starts the delivery worker
    env      settings that differ
    catalog  a CSV file for init instead of the demo catalogue
    serve    False: init only; start() things yourself
    engine   "sqlite" or "postgresql"; None = as TEST_ENGINE says, or sqlite
    server   the PostgreSQL server, if not the run's
    init     False: the database is left as it is made
    """

    def __init__(self, way="direct", sandbox=False, worker=False, env=None,
                 catalog=None, serve=True, engine=None, server=None, init=True):
        assert way == "direct" or way in WAYS, way
        self.engine = engine or os.environ.get("TEST_ENGINE", "sqlite")
        assert self.engine in ("sqlite", "postgresql"), self.engine
        self.way, self.keep, self.programs = way, False, {}
        self.user = user()
        self.dir = tempfile.mkdtemp(prefix="shop-")
        os.chmod(self.dir, 0o755)
        self._own(self.dir)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.db = self.path("shop.db")  # what STOREFRONT_DB says
        self.server = self.database = None
        if self.engine == "postgresql":
            self.server = server or globals()["server"]()
            self.database = self.server.create()
            self.db = self.server.url(self.database)
        self.socket = self.path("storefront.sock")
        self.fcgi = self.socket  # what a raw FastCGI client connects to
        listen = "unix:" + self.socket
        if way == "nginx-tcp":
            self.fcgi = ("127.0.0.1", free_port())
            listen = "%s:%d" % self.fcgi
        self.binaries = self.reach(BUILD, ("storefront", "klaviyo-sandbox"))
        self.env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.dir,
            "LANG": "C.UTF-8",
            "STOREFRONT_DB": self.db,
            "STOREFRONT_URL": self.url,
            "STOREFRONT_LISTEN": listen,
            "STOREFRONT_TEMPLATES": self.reach(os.path.join(TREE,
                                                            "templates")),
            "STOREFRONT_SECRET_FILE": self.path("secret"),
            "KLAVIYO_PUBLIC_KEY": PUBLIC_KEY,
            # Without a sandbox nobody is asked, Klaviyo least of all.
            "KLAVIYO_API_URL": "http://127.0.0.1:9",
        }
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = os.environ[name]
        # Only the worker's environment names the private key's file.
        self.secrets = {"KLAVIYO_PRIVATE_KEY_FILE":
                        self.write("private.key", PRIVATE_KEY + "\n", 0o400)}
        self.sandbox_url = None
        running.append(self)
        try:
            if sandbox:
                self.start_sandbox(sandbox if sandbox is not True else [])
            self.env.update(env or {})
            if init:
                self.run("init", *(("--catalog", self.write(
                    "catalog.csv", open(catalog).read())) if catalog else ()))
            if serve:
                self.start()
            if worker:
                self.start_worker()
        except BaseException:
            self.keep = True
            print(self.logs())
            self.stop(quietly=True)
            raise

    # ------------------------------------------------------------- files

    def path(self, name):
        return os.path.join(self.dir, name)

    def _own(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        self._own(path)
        return path

    def mkdir(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        self._own(self.path(name))
        return self.path(name)

    def reach(self, source, names=None):
        """A directory as the programs' user can read it: itself or a copy."""
        way = source
        while self.user and way != "/":
            if not os.stat(way).st_mode & 0o001:
                break
            way = os.path.dirname(way)
        else:
            return source
        copy = self.path("copy-of-" + os.path.basename(source))
        if names is None:
            shutil.copytree(source, copy, dirs_exist_ok=True)
        else:
            os.makedirs(copy, exist_ok=True)
            for name in names:
                if os.path.exists(os.path.join(source, name)):
                    shutil.copy2(os.path.join(source, name), copy)
        return copy

    def conf(self, name):
        """The shipped configuration with its shipped values replaced."""
        text = open(os.path.join(TREE, "www", name)).read()
        fcgi = self.env["STOREFRONT_LISTEN"]
        for old, new in (
                ("127.0.0.1:8080", f"127.0.0.1:{self.port}"),
                ("/usr/local/share/storefront/htdocs",
                 self.reach(os.path.join(TREE, "www", "htdocs"))),
                ("unix:/run/storefront/storefront.sock", fcgi),
                ("/usr/local/bin", self.binaries)):
            lines = [line for line in text.splitlines()
                     if old in line and not line.lstrip().startswith("#")]
            if old == "/usr/local/bin" and name == "nginx.conf":
                continue
            # nginx asks for pages, and brings forms.
            places = 2 if (name, old[:5]) == ("nginx.conf", "unix:") else 1
            assert len(lines) == places, f"{name}: {old} is in {lines}"
            text = text.replace(old, new)
        if SANITIZED:  # and slow: a web server waits longer for it, too
            text, n = re.subn(r"(?m)^(\s*(?:fastcgi_read_timeout|Timeout|"
                              r"ProxyTimeout|FcgidIOTimeout)) 20(?!\d)",
                              rf"\1 {PATIENCE:.0f}", text)
            assert n in (1, 3), f"{name}: {n} timeouts"
        return self.write(name, text)

    # ---------------------------------------------------------- programs

    def spawn(self, name, command, ready, env=None, stdin=subprocess.DEVNULL):
        """Starts a program whose output goes to NAME.log; waits for ready()."""
        log = open(self.path(name + ".log"), "ab")
        self._own(log.name)
        more = {}
        if self.user:
            more = {"user": self.user.pw_uid, "group": self.user.pw_gid,
                    "extra_groups": []}
        process = subprocess.Popen(
            command, cwd=self.dir, stdin=stdin, stdout=log,
            stderr=log, env={**self.env, **(env or {})}, **more)
        log.close()
        self.programs[name] = process

        def ready_or_dead():
            if process.poll() is not None:
                raise AssertionError(
                    f"{name} ended with {process.returncode}:\n"
                    + self.log(name)[-3000:])
            return ready()
        wait_for(ready_or_dead, f"{name} to be ready")
        return process

    def storefront(self, *arguments):
        return [os.path.join(self.binaries, "storefront"), *arguments]

    def run(self, *arguments, check=True, secrets=True, env=None, stdin=None):
        """Runs a storefront command to its end: its CompletedProcess."""
        more = {}
        if self.user:
            more = {"user": self.user.pw_uid, "group": self.user.pw_gid,
                    "extra_groups": []}
        done = subprocess.run(
            self.storefront(*arguments), cwd=self.dir, text=True, input=stdin,
            capture_output=True, timeout=PATIENCE * 5,
            env={**self.env, **(self.secrets if secrets else {}),
                 **(env or {})}, **more)
        assert not REPORTS.search(done.stderr.encode()), done.stderr
        assert not check or done.returncode == 0, (
            f"storefront {' '.join(arguments)}: {done.returncode}\n"
            f"{done.stdout}{done.stderr}")
        return done

    def start(self):
        """Starts the storefront and the web server, as the way asks."""
        if self.way in ("direct", "nginx", "nginx-tcp", "apache"):
            self.start_serve()
        if self.way.startswith("nginx"):
            self.start_nginx()
        if self.way.startswith("apache"):
            self.start_apache()

    def start_serve(self, name="storefront", env=None):
        before = len(self.log(name))
        return self.spawn(
            name, WRAP + self.storefront("serve"),
            lambda: "storefront: serving on" in self.log(name)[before:],
            env=env)

    def start_nginx(self):
        self.conf("nginx.conf")
        return self.spawn(
            "nginx", ["nginx", "-p", self.dir, "-c", "nginx.conf",
                      "-e", "stderr", "-g", "daemon off;"],
            lambda: answers(("127.0.0.1", self.port)))

    def start_apache(self):
        self.conf("apache.conf")
        self.mkdir("fcgid")
        define = {"apache-fcgid": ["-D", "FCGID"],
                  "apache-cgi": ["-D", "CGI"]}.get(self.way, [])
        # What the shipped configuration knows nothing of.
        with open(self.path("apache.conf"), "a") as conf:
            for name in self.env if define else ():
                if name.endswith("SAN_OPTIONS"):
                    conf.write(f"FcgidInitialEnv {name} {self.env[name]}\n"
                               if self.way == "apache-fcgid"
                               else f"PassEnv {name}\n")
        return self.spawn(
            "apache", ["apache2", "-d", self.dir, "-f", "apache.conf",
                       "-D", "FOREGROUND", *define],
            lambda: answers(("127.0.0.1", self.port)))

    def start_sandbox(self, arguments=(), env=None):
        line = re.compile(r"klaviyo-sandbox: listening on (http://\S+?)/\s")
        before = len(self.log("sandbox"))
        self.spawn("sandbox",
                   [os.path.join(self.binaries, "klaviyo-sandbox"),
                    *([] if "--listen" in arguments
                      else ["--listen", "127.0.0.1:0"]), *arguments],
                   lambda: line.search(self.log("sandbox")[before:]), env=env)
        self.sandbox_url = line.search(self.log("sandbox")[before:]).group(1)
        self.env["KLAVIYO_API_URL"] = self.sandbox_url
        self.env["KLAVIYO_ONSITE_URL"] = self.sandbox_url

    def start_worker(self, name="worker", env=None):
        return self.spawn(name, WRAP + self.storefront("worker"),
                          lambda: True, env={**self.secrets, **(env or {})})

    def end(self, name, sig=signal.SIGTERM, expect=(0,)):
        """Ends one program; returns its exit code."""
        process = self.programs.pop(name)
        if process.poll() is None:
            process.send_signal(sig)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not end") from None
        assert code in expect, f"{name} ended with {code}"
        return code

    def kill(self, name):
        """kill -9, as a crash is."""
        self.end(name, signal.SIGKILL, (-signal.SIGKILL,))

    # -------------------------------------------------------------- logs

    def log(self, name):
        try:
            with open(self.path(name + ".log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def logs(self, tail=4000):
        text = ""
        if not os.path.isdir(self.dir):
            return f"{self.dir} is gone"
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                text += f"--- {name}\n{self.log(name[:-4])[-tail:]}\n"
        return text

    # -------------------------------------------------------------- HTTP

    def request(self, method, path, body=None, headers=None):
        """One request over a connection of its own.  A dict is a form."""
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = urllib.parse.urlencode(body)
            headers.setdefault("Content-Type",
                               "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def visitor(self):
        return Visitor(self)

    def wait_delivered(self, count=None):
        """Until nothing waits in the outbox (and ${count} rows were sent)."""
        def done():
            waiting, sent = self.query(
                "SELECT count(*) FILTER (WHERE due_at IS NOT NULL),"
                " count(*) FILTER (WHERE sent_at IS NOT NULL)"
                " FROM klaviyo_outbox")[0]
            return waiting == 0 and (count is None or sent >= count)
        wait_for(done, "the outbox to be delivered")

    # ---------------------------------------------------------- database

    def query(self, sql, *arguments):
        """The rows of a SELECT, with ? for each argument."""
        if self.server:
            return self.server.run(self.database, sql.replace("?", "%s"),
                                   *arguments)
        with contextlib.closing(sqlite3.connect(
                f"file:{self.db}?mode=ro", uri=True, timeout=60)) as db:
            return db.execute(sql, arguments).fetchall()

    def execute(self, sql, *arguments):
        """Changes rows behind the shop's back."""
        if self.server:
            self.server.run(self.database, sql.replace("?", "%s"), *arguments)
            return
        with contextlib.closing(sqlite3.connect(self.db, timeout=60)) as db:
            with db:
                db.execute(sql, arguments)

    # --------------------------------------------------------------- end

    def stop(self, quietly=False):
        wrong = []
        # Backwards: the web server before what it passes requests to.
        for name in reversed(list(self.programs)):
            try:
                self.end(name)
            except AssertionError as error:
                wrong.append(str(error))
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log") and REPORTS.search(
                    self.log(name[:-4]).encode()):
                wrong.append(f"a sanitizer's report in {name}")
        if self in running:
            running.remove(self)
        if self.server and self.server.process:
            self.server.drop(self.database)
        if wrong and not quietly:
            self.keep = True
            raise AssertionError(f"{'; '.join(wrong)}\n{self.logs()}")
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.keep = True
            print(f"logs in {self.dir}\n{self.logs()}")
        self.stop(quietly=kind is not None)
