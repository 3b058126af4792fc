"""
inside.py - what test_boot.py has done on the machine that it boots: each function
in turn, as root, once systemd is up; /result.json says how it went.  Nothing is
assumed but what README's "Deploy safely" says, with nginx and Apache installed.
"""
import http.client
import json
import os
import re
import subprocess
import sys
import time
import traceback
import urllib.parse

sys.path[:0] = ["/tests", "/tests/integration"]
from shop_kit import checkout, order_of  # noqa: E402
from visitor import Forms, Reply, Visitor  # noqa: E402

PORT, SANDBOX, STATUS = 8080, 9000, 8081
HOME = "/var/lib/storefront"
SHARE = "/usr/share/storefront"
SERVICES = ("storefront.service", "storefront-worker.service")
# README's function of that name.
SHOP = ["systemd-run", "-qPG", "--wait", "-p", "User=storefront", "-p",
        f"WorkingDirectory={HOME}", "-p",
        "EnvironmentFile=/etc/storefront/worker.env", "-p",
        "LoadCredential=klaviyo.key:/etc/storefront/klaviyo.key", "env",
        "KLAVIYO_PRIVATE_KEY_FILE=${CREDENTIALS_DIRECTORY}/klaviyo.key",
        "storefront"]
APACHE = ["apache2", "-d", "/var/lib/apache-shop", "-f",
          SHARE + "/apache.conf", "-C", "User www-data", "-C",
          "Group www-data", "-k"]


class Shop:
    url = f"http://127.0.0.1:{PORT}"

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None:
            body = urllib.parse.urlencode(body)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return Reply(reply.status, reply.getheaders(), reply.read())


def run(*command, check=True):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert not check or done.returncode == 0, (command, done.stdout)
    return done.stdout


def wait_for(condition, what):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def systemctl(*arguments):
    return run("systemctl", *arguments)


def state(*units):
    return run("systemctl", "is-active", *units, check=False).split()


def shown(unit, *names):
    rows = run("systemctl", "show", unit, *(f"-p{name}" for name in names))
    return dict(row.split("=", 1) for row in rows.splitlines() if row)


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def answered(path="/", port=PORT):
    """The status; None: nobody answers."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None


def sandbox():
    connection = http.client.HTTPConnection("127.0.0.1", SANDBOX, timeout=60)
    connection.request("GET", "/sandbox/state")
    return connection.getresponse().read().decode()


def order():
    """A visitor's; its id, once it is on the thank-you page."""
    visitor = Visitor(Shop())
    page = visitor.get("/products/moby-dick")
    action, fields = next(form for form in Forms(page.text).forms
                          if form[0] == "/cart/add")
    visitor.post(action, fields)
    return order_of(checkout(visitor))


def delivered(name):
    wait_for(lambda: f'"{name}"' in sandbox(), "the order's event")


def journal(*more):
    return [json.loads(row) for row in
            run("journalctl", "--no-pager", "-o", "json", *more).splitlines()]


def said(unit="storefront.service"):
    """[(level, text)] of the unit's own processes."""
    return [(int(row["PRIORITY"]), row["MESSAGE"])
            for row in journal("_SYSTEMD_UNIT=" + unit)]


def shop(*command):
    return run(*SHOP, *command)


# ---------------------------------------------------------------------- steps

def nothing_starts_before_there_is_a_shop():
    assert state("storefront.socket", *SERVICES) == ["inactive"] * 3
    assert "failed" not in state("storefront.socket", *SERVICES)


def as_the_readme_says():
    run("systemd-run", "-q", "--unit=sandbox", "klaviyo-sandbox", "--listen",
        f"127.0.0.1:{SANDBOX}")
    settings = f"STOREFRONT_URL={Shop.url}\nKLAVIYO_PUBLIC_KEY=ABC123\n"
    append("/etc/storefront/web.env", settings)
    append("/etc/storefront/worker.env", settings +
           f"KLAVIYO_API_URL=http://127.0.0.1:{SANDBOX}\n")
    append("/etc/storefront/klaviyo.key",
           "pk_0123456789abcdef0123456789abcdef01")
    os.chmod("/etc/storefront/klaviyo.key", 0o400)
    shop("init")
    systemctl("daemon-reload")
    systemctl("enable", "--now", "storefront.socket", *SERVICES,
              "storefront-status.socket")
    wait_for(lambda: state(*SERVICES) == ["active"] * 2, "both services")


def behind_nginx():
    os.remove("/etc/nginx/sites-enabled/default")
    run("cp", SHARE + "/nginx-site.conf", "/etc/nginx/sites-enabled/shop")
    systemctl("restart", "nginx")
    wait_for(lambda: answered() == 200, "the shop")
    assert answered("/images/moby-dick.png") == 200
    assert answered("/feed/catalog.json") == 200
    delivered(order())


def the_operator_asks():
    assert "dead     0" in shop("outbox", "status")
    said_of_keys = shop("doctor")
    assert "ok    private key file" in said_of_keys
    assert "ok    keys" in said_of_keys and "WRONG" not in said_of_keys
    shop("reconcile")


def the_journal_knows_the_levels():
    assert [level for level, text in said() if text.startswith(
        "storefront: serving on systemd's socket (FastCGI), 24 threads")] == [5]
    assert {level for level, _ in said("storefront-worker.service")} == {5}
    os.makedirs("/run/systemd/system/storefront.service.d")
    append("/run/systemd/system/storefront.service.d/level.conf",
           "[Service]\nEnvironment=STOREFRONT_LOG_LEVEL=debug\n")
    systemctl("daemon-reload")
    systemctl("restart", "storefront.service")
    name = Visitor(Shop()).get("/").header("x-request-id")
    wait_for(lambda: (7, f"storefront: GET /: 200 (request {name})") in said(),
             "the request's line")


def restarted_while_visitors_come():
    """The socket is systemd's: who comes meanwhile waits."""
    asking = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.argv = ['']; sys.path.insert("
         "0, '/tests/boot'); import inside; print({inside.answered('/search?q="
         "moby') for _ in range(300)})"], stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        time.sleep(0.3)
        systemctl("restart", "storefront.service")
    assert asking.communicate()[0] == "{200}\n"


def ends_in_time_and_by_itself():
    assert answered() == 200  # else it may not have got as far as that
    begin = time.monotonic()
    systemctl("stop", "storefront.socket", *SERVICES)
    assert time.monotonic() - begin < 30  # it gives itself five
    for unit in SERVICES:
        assert shown(unit, "Result", "ExecMainStatus") == {
            "Result": "success", "ExecMainStatus": "0"}


def a_visitor_starts_it():
    systemctl("start", "storefront.socket", "storefront-worker.service")
    assert state("storefront.service") == ["inactive"]
    assert answered() == 200
    assert state("storefront.service") == ["active"]


def killed_it_comes_back():
    for unit in SERVICES:
        os.kill(int(shown(unit, "MainPID")["MainPID"]), 9)
        wait_for(lambda: shown(unit, "NRestarts")["NRestarts"] != "0", unit)
    assert answered() == 200
    delivered(order())


def the_database_is_away_for_longer_than_systemd_has_patience():
    os.rename(HOME + "/storefront.db", HOME + "/away")
    os.mkdir(HOME + "/storefront.db")
    systemctl("restart", *SERVICES)
    for unit in SERVICES:
        wait_for(lambda: int(shown(unit, "NRestarts")["NRestarts"]) > 8, unit)
    os.rmdir(HOME + "/storefront.db")
    os.rename(HOME + "/away", HOME + "/storefront.db")
    wait_for(lambda: answered("/search?q=moby") == 200, "the shop again")
    delivered(order())


def templates_are_read_anew():
    path = SHARE + "/templates/layout.tpl"
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("</title>", ", anew</title>"))
    systemctl("reload", "storefront.service")
    wait_for(lambda: ", anew</title>" in Visitor(Shop()).get("/").text,
             "the changed template")


def the_status_page_is_started_by_who_looks():
    assert state("storefront-status.service") == ["inactive"]
    assert answered("/", STATUS) == 401
    assert state("storefront-status.service") == ["active"]


def what_a_taken_over_service_is_left():
    for unit in (*SERVICES, "storefront-status.service"):
        pid = shown(unit, "MainPID")["MainPID"]
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        assert re.search(r"CapEff:\t0+\n", status), unit
        assert re.search(r"NoNewPrivs:\t1\n", status), unit
        assert re.search(r"Seccomp:\t2\n", status), unit
        # Nor is the key where the service looks, whoever it is there.
        key = run("nsenter", "-t", pid, "-m", "cat",
                  "/etc/storefront/klaviyo.key", check=False)
        assert "pk_" not in key, unit


def behind_apache():
    systemctl("stop", "nginx")
    os.mkdir("/var/lib/apache-shop")
    run(*APACHE, "start")
    wait_for(lambda: answered() == 200, "the shop")
    assert answered("/images/moby-dick.png") == 200
    delivered(order())
    run(*APACHE, "stop")
    wait_for(lambda: answered() is None, "its end")


def in_batches():
    for name in ("web", "worker"):
        append(f"/etc/storefront/{name}.env", "KLAVIYO_DELIVERY=batch\n")
    systemctl("disable", "--now", "storefront-worker.service")
    systemctl("enable", "--now", "storefront-batch.timer")
    systemctl("restart", "storefront.service", "nginx")
    wait_for(lambda: answered() == 200, "the shop")
    name = order()
    assert name not in sandbox()
    systemctl("start", "storefront-batch.service")
    assert name in sandbox()
    assert "storefront-batch.service" in systemctl("list-timers", "--no-pager")


def nothing_has_failed():
    failed = systemctl("--failed", "--no-pager", "--plain", "--no-legend")
    assert not re.search("storefront|nginx", failed), failed


STEPS = (
    nothing_starts_before_there_is_a_shop, as_the_readme_says, behind_nginx,
    the_operator_asks, the_journal_knows_the_levels,
    restarted_while_visitors_come, ends_in_time_and_by_itself,
    a_visitor_starts_it, killed_it_comes_back,
    the_database_is_away_for_longer_than_systemd_has_patience,
    templates_are_read_anew, the_status_page_is_started_by_who_looks,
    what_a_taken_over_service_is_left, behind_apache, in_batches,
    nothing_has_failed)


def main():
    result = {}
    for step in STEPS:
        try:
            step()
            result[step.__name__] = "ok"
        except Exception:
            result[step.__name__] = traceback.format_exc()
            break
    result["journal"] = run("journalctl", "--no-pager", "-n", "100")
    with open("/result.json", "w") as f:
        json.dump(result, f)
    run("systemctl", "poweroff", "--no-block")


if __name__ == "__main__":
    main()
