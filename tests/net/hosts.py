"""
hosts.py - several hosts on one machine: network namespaces on one bridge, and a
shop spread over them.

    with Network(["web1", "worker1"]) as net:    # and "hub", where the bridge is
        with net.inside("web1"):                 # sockets and programs begun here
            ..                                   # live in that host's network
        net.address("web1"); net.cut("web1"); net.join("web1")

    with Cluster() as cluster:
        cluster.request(..)      # as harness.Shop, through the load balancer
        cluster.workers["worker1"].send(signal.SIGSTOP)

    hub (10.0.0.1)   PostgreSQL, with a password; nginx before both web hosts;
                     klaviyo-sandbox, and nginx speaking TLS before it
    web1, web2       nginx and `storefront serve`, as they are shipped
    worker1, worker2 `storefront worker`, each with a process table and a host
                     name of its own, too: a worker that is gone cannot be seen
                     to be gone from another host

Promises: the names carry the test's pid; everything is removed again, what a
killed run left behind as well.  Needs root, and says so.
"""
import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import harness
from clock import fast_clock
from harness import PRIVATE_KEY, WRAP, Shop, answers, wait_for
from postgres import Server
from tls import Authority, nginx_conf, nginx_tls

sys.path.insert(0, os.path.join(harness.TREE, "tests", "integration"))


CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True,
                          check=False)
    assert not check or done.returncode == 0, \
        f"ip {' '.join(arguments)}: {done.stderr}"
    return done


def impossible():
    """Why there can be no namespaces here; "" if there can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    name = f"kl{os.getpid()}-try"
    done = ip("netns", "add", name, check=False)
    if done.returncode == 0:
        ip("netns", "del", name)
    return done.stderr.strip()


class Network:
    def __init__(self, names):
        self.prefix = f"kl{os.getpid()}-"
        self.names = ["hub", *names]
        self.sweep()
        try:
            for name in self.names:
                ip("netns", "add", self.prefix + name)
                self.ip(name, "link", "set", "lo", "up")
            self.ip("hub", "link", "add", "br0", "type", "bridge")
            self.ip("hub", "addr", "add", self.address("hub") + "/24", "dev",
                    "br0")
            self.ip("hub", "link", "set", "br0", "up")
            for name in names:
                self.ip("hub", "link", "add", name, "type", "veth", "peer",
                        "name", "eth0", "netns", self.prefix + name)
                self.ip("hub", "link", "set", name, "master", "br0", "up")
                self.ip(name, "addr", "add", self.address(name) + "/24",
                        "dev", "eth0")
                self.ip(name, "link", "set", "eth0", "up")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def sweep():
        """Removes what runs that were killed have left behind."""
        for line in ip("netns", "list").stdout.split("\n"):
            name = line.partition(" ")[0]
            pid = name[2:].partition("-")[0]
            if name.startswith("kl") and pid.isdigit() and \
                    not os.path.exists(f"/proc/{pid}"):
                ip("netns", "del", name, check=False)

    def ip(self, name, *arguments):
        return ip("-n", self.prefix + name, *arguments)

    def address(self, name):
        return f"10.0.0.{self.names.index(name) + 1}"

    @contextlib.contextmanager
    def inside(self, name):
        """This thread, and what it starts, is in that host's network."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.prefix}{name}", os.O_RDONLY)
        try:
            assert libc.setns(there, CLONE_NEWNET) == 0, "setns"
            yield
        finally:
            assert libc.setns(here, CLONE_NEWNET) == 0, "setns"
            os.close(here)
            os.close(there)

    def cut(self, name):
        """As a cable pulled out of the switch."""
        self.ip("hub", "link", "set", name, "down")

    def join(self, name):
        self.ip("hub", "link", "set", name, "up")

    def close(self):
        for name in self.names:
            ip("netns", "del", self.prefix + name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Local(http.client.HTTPConnection):
    """HTTP over a Unix socket, which no network namespace hides."""

    def __init__(self, path):
        super().__init__("localhost", timeout=harness.PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None, headers=None):
    connection = Local(path)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


class Worker:
    """A worker on a host of its own.  process is unshare, which waits."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.process = cluster, name, None
        cluster.workers[name] = self  # before anything can go wrong
        self.start()

    def start(self):
        c = self.cluster
        own = {**c.env, **c.secrets, **c.remote, **c.clock()}
        with open(c.path(self.name + ".log"), "ab") as log, \
                c.net.inside(self.name):
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL",
                 "unshare", "--pid", "--uts", "--fork", "--mount-proc",
                 "--kill-child", "sh", "-c",
                 'hostname "$0"; exec "$@"', self.name,
                 "setpriv", f"--reuid={c.user.pw_uid}",
                 f"--regid={c.user.pw_gid}", "--clear-groups",
                 "--pdeathsig", "KILL",
                 "env", "-i", *(f"{n}={v}" for n, v in own.items()),
                 *WRAP, *c.storefront("worker")],
                cwd=c.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.pid, f"{self.name} to start")

    @property
    def pid(self):
        """The worker's own, as seen from here; 0 if there is none."""
        p = self.process.pid
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{p}/task/{p}/children") as f:
                return int(f.read().split()[0])
        return 0

    def send(self, sig):
        os.kill(self.pid, sig)

    def end(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            pid = self.pid
            if pid:
                os.kill(pid, sig)
            self.process.wait(harness.PATIENCE)
        code, self.process = self.process and self.process.returncode, None
        return code


class Cluster(Shop):
    """rate: how many times faster than real the workers' clocks run."""
    WEB, WORKERS = ("web1", "web2"), ("worker1", "worker2")

    def __init__(self, rate=1):
        self.net = self.postgres = None
        self.workers, self.rate, self.began = {}, rate, time.time()
        self.seen, self.read = [], 0  # of the record
        try:
            self.net = Network([*self.WEB, *self.WORKERS])
            with self.net.inside("hub"):
                self.postgres = Server(
                    listen_addresses=self.net.address("hub"))
            super().__init__(serve=False, engine="postgresql",
                             server=self.postgres)
            self.set_up()
        except BaseException:
            if hasattr(self, "dir"):
                self.keep = True
                print(self.logs())
            self.stop(quietly=True)
            raise

    def set_up(self):
        hub = self.net.address("hub")
        with open(os.path.join(self.postgres.data, "pg_hba.conf"), "w") as f:
            f.write("local all all trust\n"
                    "host all all 10.0.0.0/24 scram-sha-256\n")
        self.query("ALTER ROLE shop PASSWORD 'correct horse'")
        self.query("SELECT pg_reload_conf()")
        self.query("UPDATE variant SET stock = 100000000")
        ca = Authority(self.mkdir("ca"))
        ca.certificate("klaviyo", hub)
        self.record = self.path("record")
        self.front, self.control = self.path("front"), self.path("control")
        with self.net.inside("hub"):
            self.start_sandbox(["--rate", "off", "--record", self.record,
                                "--private-key", PRIVATE_KEY])
        self.remote = {
            "STOREFRONT_DB": f"postgresql://shop@{hub}/{self.database}",
            "PGPASSFILE": self.write("pgpass", "*:*:*:shop:correct horse\n",
                                     0o600),
            "KLAVIYO_API_URL": f"https://{hub}:8443",
            "KLAVIYO_CA_FILE": ca.file}
        for name in self.WEB:
            self.start_web(name)
        self.start_hub(ca)
        for name in self.WORKERS:
            Worker(self, name)

    def start_hub(self, ca):
        """The load balancer; Klaviyo's TLS, which notes who sends."""
        sandbox = self.sandbox_url.removeprefix("http://")
        web = " ".join(f"server {self.net.address(name)}:8080 max_fails=1 "
                       "fail_timeout=1s;" for name in self.WEB)
        self.write("hub.conf", nginx_conf("hub", f"""
upstream shop {{ {web} }}
server {{
    listen unix:{self.front};
    location / {{
        proxy_pass http://shop;
        proxy_connect_timeout 1s;
        add_header X-Served-By $upstream_addr always;
    }}
}}
server {{
    listen unix:{self.control};
    location / {{ proxy_pass http://{sandbox}; }}
}}""", nginx_tls(ca.path, self.net.address("hub") + ":8443", "klaviyo",
                 sandbox, "proxy_set_header X-Sender $remote_addr;")))
        with self.net.inside("hub"):
            self.spawn("hub", ["nginx", "-p", self.dir, "-c", "hub.conf", "-e",
                               "stderr", "-g", "daemon off;"],
                       lambda: answers(self.front) and answers(self.control)
                       and answers((self.net.address("hub"), 8443)))

    def start_web(self, name):
        """A web host: nginx and the storefront as they are shipped."""
        address, folder = self.net.address(name), self.mkdir(name)
        text = open(self.conf("nginx.conf")).read()
        for old, new in ((f"127.0.0.1:{self.port}", f"{address}:8080"),
                         (self.env["STOREFRONT_LISTEN"],
                          f"unix:{folder}/sock")):
            # nginx asks for pages, and brings forms.
            assert text.count(old) == 1 + old.startswith("unix:"), old
            text = text.replace(old, new)
        self.write(f"{name}/nginx.conf", text)
        with self.net.inside(name):
            self.start_serve(name, env={**self.remote, "STOREFRONT_LISTEN":
                                        f"unix:{folder}/sock"})
            # One process, so that kill -9 ends all of it.
            self.spawn(name + "-nginx",
                       ["nginx", "-p", folder, "-c", "nginx.conf", "-e",
                        "stderr", "-g", "daemon off; master_process off;"],
                       lambda: answers((address, 8080)))

    def kill_web(self, name):
        self.kill(name + "-nginx")
        self.kill(name)

    def clock(self):
        """The workers' clocks are one, whenever a worker is started."""
        if self.rate == 1:
            return {}
        env = fast_clock(self.rate, monotonic=True)
        ahead = (time.time() - self.began) * (self.rate - 1)
        return env | {"FAKETIME": f"+{ahead:.3f} x{self.rate}"}

    # -------------------------------------------------- from the outside

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = harness.urllib.parse.urlencode(body)
            headers.setdefault("Content-Type",
                               "application/x-www-form-urlencoded")
        answer, text = ask(self.front, method, path, body, headers)
        return harness.Reply(answer.status, answer.getheaders(), text)

    def sandbox(self, path, body=None):
        answer, text = ask(self.control, "POST" if body is not None else "GET",
                           path, body)
        assert answer.status == 200, text
        return json.loads(text)

    def lease(self):
        """(host, since, until), by the workers' clock."""
        name, since, until = self.query(
            "SELECT name, since, until_at FROM klaviyo_lease")[0]
        return name.partition(" ")[0], since, until

    def requests(self):
        """(host, unique_ids) of each request to Klaviyo, in order."""
        hosts = {self.net.address(name): name for name in self.WORKERS}
        with open(self.record, "rb") as f:
            f.seek(self.read)
            while (line := f.readline()).endswith(b"\n"):
                self.read = f.tell()
                r = json.loads(line)
                sender = {n.lower(): v for n, v in r["headers"].items()}
                self.seen.append((r["at"], hosts[sender["x-sender"]],
                                  unique_ids(r["body"])))
        self.seen.sort(key=lambda r: r[0])
        return [(host, ids) for _, host, ids in self.seen]

    def stop(self, quietly=False):
        wrong = []
        for worker in self.workers.values():
            try:
                code = worker.end()
            except Exception as error:  # whatever it is, go on cleaning up
                code = error
                if worker.process:
                    worker.process.kill()
            if code not in (0, None):
                wrong.append(f"{worker.name} ended with {code}")
        try:
            if hasattr(self, "dir"):
                super().stop(quietly)
        finally:
            if self.postgres:
                self.postgres.close()
            if self.net:
                self.net.close()
        assert quietly or not wrong, wrong


def unique_ids(body):
    """Of a single or a bulk request."""
    if isinstance(body, dict):
        return [i for name, value in body.items() for i in (
            [value] if name == "unique_id" else unique_ids(value))]
    if isinstance(body, list):
        return [i for value in body for i in unique_ids(value)]
    return []
