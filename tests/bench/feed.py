"""
feed.py - the catalog feed of 100,000 products: made anew beside PHP streaming
json_encode() and XMLWriter over the same rows, and answered unchanged beside a
static file.

The rows are compared first: both write the same XML to the byte, and JSON that
says the same.
"""
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import tempfile
import time

import fixture
from harness import Shop, answers, free_port
from loads import Target, interleaved, ratio, words
from peers import nginx_pids
from table import goal, head, told

HERE = os.path.dirname(os.path.abspath(__file__))
PRODUCTS, TIMES, ROUNDS, CONNECTIONS = 100_000, 10, 5, 4
URL = "/feed/catalog."
STATIC = """
worker_processes 1;
pid static.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path static-body;
    proxy_temp_path static-proxy;
    fastcgi_temp_path static-fastcgi;
    uwsgi_temp_path static-uwsgi;
    scgi_temp_path static-scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextlib.contextmanager
def made():
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as csv:
        fixture.write_csv(csv.name, PRODUCTS // TIMES)
        with Shop("nginx", engine="sqlite", catalog=csv.name) as shop:
            with fixture.writing(shop.db) as db:
                fixture.grow(db, TIMES)
            yield shop


def run(shop, command):
    """A program whose output is read as it comes: seconds, processor
    seconds, bytes."""
    more = {}
    if shop.user:
        more = {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
                "extra_groups": []}
    begin, size = time.monotonic(), 0
    process = subprocess.Popen(command, cwd=shop.dir, env=shop.env,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, bufsize=0, **more)
    while (piece := process.stdout.read(1 << 20)):
        size += len(piece)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return (time.monotonic() - begin, used.ru_utime + used.ru_stime, size)


def commands(shop, php, kind):
    return {"ours": shop.storefront("feed", kind),
            "PHP": ["php", "-d", "memory_limit=1G", php, shop.db, shop.url,
                    kind]}


def compare(shop, php):
    for kind in ("xml", "json"):
        ours, theirs = (subprocess.run(command, env=shop.env, cwd=shop.dir,
                                       stdout=subprocess.PIPE, check=True,
                                       stderr=subprocess.DEVNULL).stdout
                        for command in commands(shop, php, kind).values())
        assert len(ours) > PRODUCTS * 200, len(ours)
        assert ours == theirs or (kind == "json" and
                                  json.loads(ours) == json.loads(theirs)), kind


def beside_php(shop, php, kind, least):
    rounds = {"ours": [], "PHP": []}
    for _ in range(ROUNDS):
        for name, command in commands(shop, php, kind).items():
            rounds[name].append(run(shop, command))

    def against(what):
        return statistics.median(theirs[what] / ours[what] for ours, theirs
                                 in zip(rounds["ours"], rounds["PHP"]))
    note = "; ".join(
        "{}: {:.2f} s, {:.2f} s of processor time".format(name, *(
            statistics.median(r[i] for r in of) for i in (0, 1)))
        for name, of in rounds.items())
    yield goal(f"{kind.upper()}: products/s of PHP's", against(0),
               at_least=least, note=note)
    yield told(f"{kind.upper()}: processor time, PHP's to ours",
               f"{against(1):.2f}")


def first_byte(shop, path):
    """Milliseconds, and the tag; the rest is read, too."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.port,
                                            timeout=300)
    begin = time.monotonic()
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read(1)
    took = (time.monotonic() - begin) * 1e3
    assert reply.status == 200, reply.status
    while reply.read(1 << 20):
        pass
    connection.close()
    return took, reply.getheader("ETag")


def cold(shop):
    """First bytes after a change, beside a product page's that nobody asks for
    the first time."""
    late, tags = [], {first_byte(shop, URL + "json")[1]}
    page = "/products/" + shop.query("SELECT handle FROM product WHERE "
                                     "published = 1 ORDER BY id LIMIT 1")[0][0]
    for _ in range(ROUNDS):
        shop.execute("UPDATE variant SET price = price + 1 WHERE id = "
                     "(SELECT MAX(id) FROM variant)")
        time.sleep(2)  # for so long nginx does not ask whether there was one
        took, tag = first_byte(shop, URL + "json")
        assert tag not in tags, "the feed of before the change"
        tags.add(tag)
        first_byte(shop, page)
        late.append(took - first_byte(shop, page)[0])
    return statistics.median(late)


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1]) / 1024


def unchanged(shop):
    """Requests/s of the finished file, to those of a static one."""
    root = shop.mkdir("static")
    with open(os.path.join(root, "catalog.json"), "wb") as f:
        f.write(shop.get(URL + "json").body)
    port = free_port()
    shop.write("static.conf", STATIC.format(port=port, root=root))
    shop.spawn("static", ["nginx", "-p", shop.dir, "-c", "static.conf", "-e",
                          "stderr", "-g", "daemon off;"],
               lambda: answers(("127.0.0.1", port)))
    return interleaved([
        Target("static", f"http://127.0.0.1:{port}/catalog.json", list),
        Target("ours", shop.url + URL + "json",
               lambda: nginx_pids(shop, "storefront"))], CONNECTIONS)


def rows(_stage):
    with made() as shop:
        php = shop.write("feed.php",
                         open(os.path.join(HERE, "php", "feed.php")).read())
        compare(shop, php)
        yield head(f"Catalog feed of {PRODUCTS:,} products")
        yield from beside_php(shop, php, "json", 1.5)
        yield from beside_php(shop, php, "xml", 2.5)
        pid = shop.programs["storefront"].pid
        yield goal("cold: first byte, after a page's", cold(shop), at_most=50,
                   unit="ms")
        yield goal("resident memory of the web process", resident(pid),
                   at_most=32, unit="MB")
        results = unchanged(shop)
        yield goal("unchanged: requests/s of a static file",
                   ratio(results, "ours", "static", "rate"), at_least=0.8,
                   note=words(results, "ours"))
