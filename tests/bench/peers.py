"""
peers.py - what the storefront is measured against, each behind an nginx of its
own with the shipped configuration.

    fixed(reply)             a FastCGI program that gives one answer, always
    php(ours, keep)          PHP-FPM, tests/bench/php
    node(ours, keep)         Node with fastify, tests/bench/node

Each is a harness.Shop, with pids(): the processes whose time counts.  PHP and
Node have a copy of the storefront's database, as it is at that moment.
"""
import contextlib
import hashlib
import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import postgres  # noqa: E402, F401 (harness wants it beside itself)
from harness import BUILD, Shop, answers, wait_for  # noqa: E402
from loads import children  # noqa: E402

SECRET = "bench, not a secret"

FPM = """[global]
error_log = /dev/stderr
daemonize = no
[shop]
listen = {dir}/storefront.sock
listen.mode = 0666
listen.backlog = 511
pm = static
pm.max_children = 8
pm.max_requests = 0
clear_env = yes
catch_workers_output = yes
"""
# opcache: no look at the files; JIT as PHP recommends it.  The rest is what
# production settings are: no variable or header that nobody reads.
PHP_INI = """opcache.enable = 1
opcache.validate_timestamps = 0
opcache.memory_consumption = 64
opcache.jit = tracing
opcache.jit_buffer_size = 32M
apc.enabled = 1
apc.shm_size = 64M
expose_php = Off
variables_order = GPCS
register_argc_argv = Off
auto_globals_jit = On
output_buffering = 32768
realpath_cache_ttl = 600
zend.assertions = -1
error_log = /dev/stderr
display_errors = Off
log_errors = On
"""


class Peer(Shop):
    """Not the storefront behind nginx, but something else on its socket."""

    def __init__(self, name, change=lambda text: text):
        super().__init__("nginx", serve=False, init=False, engine="sqlite")
        self.name, self.change = name, change

    def conf(self, name):
        path = super().conf(name)
        with open(path) as f:
            text = self.change(f.read())
        return self.write(name, text)

    def pids(self):
        of = self.programs[self.name].pid
        return ([of] + children(of)
                + children(self.programs["nginx"].pid))


def nginx_pids(shop, *programs):
    """Of a storefront, the same."""
    return (children(shop.programs["nginx"].pid)
            + [shop.programs[name].pid for name in programs])


def closing(text):
    """nginx.conf, without kept connections."""
    for old, new in (("fastcgi_keep_conn on;", "fastcgi_keep_conn off;"),
                     ("keepalive 32;", "")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def fixed(reply, closed=False):
    """fixed.c, which gives the storefront's answer byte for byte; and as
    /fixed.html the page alone, from the disk."""
    def own_files(text):
        if closed:
            text = closing(text)
        return re.sub(r"(?m)^(\s*root )\S+;$", rf"\1{shop.path('static')};",
                      text)
    shop = Peer("fixed", own_files)
    shop.mkdir("static")
    shop.write("static/fixed.html", reply.text)
    shop.write("answer", "".join(
        f"{name}: {value}\r\n" for name, value in reply.headers
        if name.lower() not in ("server", "date", "connection",
                                "x-request-id")) + "\r\n" + reply.text)
    program = shop.reach(os.path.join(BUILD, "bench"), ["fixed"])
    shop.spawn("fixed", [os.path.join(program, "fixed"), shop.socket,
                         shop.path("answer")],
               lambda: answers(shop.socket))
    shop.start_nginx()
    return shop


# ------------------------------------------------------------------- PHP, Node

def copy_database(ours, shop):
    with contextlib.closing(sqlite3.connect(ours.db)) as source, \
            contextlib.closing(sqlite3.connect(shop.db)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = WAL")
    shop._own(shop.db)
    shop.write("shop.db.lock", "")


def settings(ours, shop, keep):
    """What a page is made of besides the catalogue: the storefront's address,
    so that pages are the same to the byte, its hosts, its fixed scripts."""
    reply = ours.get("/search")
    policy = reply.header("content-security-policy")
    blocks = re.findall(r"<script>.*?</script>\n", reply.text, re.S)
    hashes = "".join(" 'sha256-" + base64.b64encode(hashlib.sha256(
        block[8:-10].encode()).digest()).decode() + "'" for block in blocks)
    assert hashes in policy, (hashes, policy)
    return {"DATABASE": shop.db, "URL": ours.url, "SECRET": SECRET,
            "KEEP": keep, "SOCKET": shop.socket, "SCRIPTS": "".join(blocks),
            "HASHES": hashes, "HOSTS": re.search(
                r"connect-src 'self' ([^;]*);", policy).group(1).split()}


def php_literal(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(php_literal, value)) + "]"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def php(ours, keep="page"):
    def run_php(text):
        # PHP-FPM gives each kept connection one of its eight workers: more
        # than two for each of nginx's, and requests wait for seconds.
        text, n = re.subn(r"keepalive \d+;", "keepalive 2;", text)
        assert n == 1
        return re.sub(r"(\n\s*)(?=fastcgi_param REQUEST_METHOD)",
                      rf"\1fastcgi_param SCRIPT_FILENAME "
                      rf"{shop.path('php')}/index.php;\1", text, count=1)
    shop = Peer("php", run_php)
    shop.mkdir("php")
    for name in os.listdir(os.path.join(HERE, "php")):
        if name in ("index.php", "shop.php", "product.php", "product.phtml",
                    "checkout.php"):
            with open(os.path.join(HERE, "php", name)) as f:
                shop.write("php/" + name, f.read())
    copy_database(ours, shop)
    shop.write("php/settings.php", "<?php\n" + "".join(
        f"const {name} = {php_literal(value)};\n"
        for name, value in settings(ours, shop, keep).items()))
    shop.write("php.ini", PHP_INI)
    shop.write("fpm.conf", FPM.format(dir=shop.dir))
    program = sorted(f"/usr/sbin/{n}" for n in os.listdir("/usr/sbin")
                     if re.fullmatch(r"php-fpm\d.*", n))[-1]
    shop.spawn("php", [program, "-y", "fpm.conf", "-F",
                       "-d", "user_ini.filename=",
                       *(f"-d{line.replace(' = ', '=')}"
                         for line in PHP_INI.splitlines())],
               lambda: answers(shop.socket))
    shop.start_nginx()
    return shop


def install(name):
    """tests/bench/NAME below the build directory, with what its package.json
    asks for, by npm; package-18.json where Node is older than 20."""
    version = subprocess.run(["node", "--version"], capture_output=True,
                             text=True, check=True).stdout[1:]
    source = os.path.join(HERE, name)
    place = os.path.join(BUILD, "bench", name)
    wanted, old = (os.path.join(source, f"package{n}.json")
                   for n in ("", "-18"))
    if int(version.split(".")[0]) < 20 and os.path.exists(old):
        wanted = old
    os.makedirs(place, exist_ok=True)
    for file in os.listdir(source):
        if file.endswith(".js"):
            shutil.copy(os.path.join(source, file), place)
    with open(wanted) as f:
        text = f.read()
    mark = os.path.join(place, "installed")
    with contextlib.suppress(FileNotFoundError), open(mark) as f:
        if f.read() == version + text:
            return place
    with open(os.path.join(place, "package.json"), "w") as f:
        f.write(text)
    env = dict(os.environ)
    if os.path.exists("/usr/include/node/node.h"):  # Debian's libnode-dev
        env["npm_config_nodedir"] = "/usr"
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"],
        cwd=place, env=env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    with open(mark, "w") as f:
        f.write(version + text)
    return place


def node(ours, keep="page"):
    def to_node(text):
        text = text.replace("\tserver {\n", "\tupstream node {\n\t\tserver "
                            f"unix:{shop.socket};\n\t\tkeepalive 64;\n\t}}\n\n"
                            "\tserver {\n", 1)
        begin = text.index("\t\tlocation @storefront {")
        return text[:begin] + "".join(f"""\t\tlocation {path} {{
			proxy_pass http://node;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_buffers 32 8k;
			proxy_next_upstream off;
		}}
""" for path in ("@storefront", "/products/")) + "\t}\n}\n"
    shop = Peer("node", to_node)
    program = os.path.join(shop.reach(install("node")), "shop.js")
    copy_database(ours, shop)
    path = shop.write("settings.json",
                      json.dumps(settings(ours, shop, keep)))
    shop.spawn("node", ["node", program, path],
               lambda: answers(shop.socket), env={"NODE_ENV": "production"})
    shop.start_nginx()
    # Both workers listen from the moment on when the second is there.
    wait_for(lambda: shop.get("/healthz").status == 200, "Node")
    return shop
