"""The examples of tests/examples, built against the installed library alone as
their first comments say, and shopped in by a real browser: what arrives in the
installed sandbox has nothing in it to fault."""
import json
import os
import re
import socket
import sqlite3
import subprocess

import pytest
from selenium.webdriver.common.by import By

import harness
from harness import TREE, free_port, wait_for
from installed import (Installed, check_nothing_to_fault, run, sanitizers,
                       serve_cgi, WARNINGS)

EXAMPLES = os.path.join(TREE, "tests", "examples")
SARAH = "sarah.mason@klaviyo-demo.com"
KEYS = {"KLAVIYO_PUBLIC_KEY": "ABC123", "DEMO_KEY": "pk_sandbox"}


@pytest.fixture(scope="module")
def usr():
    with Installed() as installed:
        yield installed


@pytest.fixture
def sandbox(usr):
    with usr.sandbox("--rate", "off") as running:
        yield running


def example(*names):
    return os.path.join(EXAMPLES, *names)


def to(sandbox):
    return {"KLAVIYO_API_URL": sandbox.url, "KLAVIYO_ONSITE_URL": sandbox.url}


def events(sandbox, metric):
    return [e for e in sandbox.state["events"] if e["metric"] == metric]


def buy_and_look(browser, sandbox, url):
    """An order makes the visitor known; then they look at the product."""
    browser.get(url)
    browser.find_element(By.NAME, "email").send_keys(SARAH)
    browser.find_element(By.TAG_NAME, "button").click()
    wait_for(lambda: "Thank you" in browser.title or browser.find_elements(
        By.XPATH, "//h1[contains(., 'Thank you')]"), "the thank-you page")
    wait_for(lambda: SARAH in json.dumps(sandbox.state["profiles"]),
             "identify")
    order = re.search(r"[0-9a-f]{32}", browser.page_source)[0]
    browser.get(url)
    wait_for(lambda: events(sandbox, "Viewed Product"), "Viewed Product")
    return order


# ------------------------------------------------------------------ CGI shop

@pytest.fixture(scope="module", params=["shared", "static"])
def cgi_shop(request, usr, tmp_path_factory):
    program = str(tmp_path_factory.mktemp("cgi") / "shop")
    source = example("cgi-shop", "shop.c")
    if request.param == "shared":
        usr.cc(source, program, "-lsqlite3")
    else:
        # The .a, and what pkg-config says a static link needs besides; of
        # curl's own needs only curl is there to link with.
        ours = ("-lcurl", "-lcjson", "-lsqlite3", "-lpq", "-lsodium")
        run("cc", "-std=c11", "-D_GNU_SOURCE", *WARNINGS, *sanitizers(),
            source, "-o", program, *usr.pkg_config("--cflags"),
            "-Wl,-Bstatic", "-L" + usr.path("lib"), "-lklaviyo",
            "-Wl,-Bdynamic", *(flag for flag in usr.pkg_config(
                "--libs", "--static") if flag in ours))
    needed = run("readelf", "-d", program).stdout
    assert ("libklaviyo.so.0" in needed) == (request.param == "shared")

    def call(*arguments, body="", **env):
        return run(program, *arguments, input=body, env={
            **usr.env, **KEYS, "SHOP_DB": call.db, **env})
    call.program, call.db = program, program + ".db"
    return call


def test_cgi_shop_page(cgi_shop):
    page = cgi_shop(REQUEST_METHOD="GET", GATEWAY_INTERFACE="CGI/1.1").stdout
    head, _, body = page.partition("\n\n")
    assert "Content-Type: text/html" in head
    call = re.search(r'_klOnsite\.push\(\["track", "Viewed Product", (.*)\]\)'
                     r'</script>', body)
    assert json.loads(call[1]) == {
        "ProductName": "Winnie the Pooh", "ProductID": "1111",
        "SKU": "WINNIEPOOH", "Categories": ["Fiction", "Children"],
        "ImageURL": "https://books.klaviyo-demo.com/pooh.png",
        "URL": "https://books.klaviyo-demo.com/pooh", "Brand": "Kids Books",
        "Price": 9.99, "CompareAtPrice": 12.99}


def test_cgi_shop(cgi_shop, usr, sandbox, browser):
    with serve_cgi(cgi_shop.program, {
            **usr.env, **KEYS, **to(sandbox), "SHOP_DB": cgi_shop.db}) as url:
        order = buy_and_look(browser, sandbox, url)
    with sqlite3.connect(cgi_shop.db) as db:
        assert (order,) in db.execute("SELECT id FROM orders").fetchall()
    sent = cgi_shop("deliver", **to(sandbox)).stdout
    assert sent.split()[:2] == ["2", "sent"]
    assert [e["unique_id"] for e in events(sandbox, "Placed Order")] == [order]
    assert [e["unique_id"] for e in events(sandbox, "Ordered Product")] == \
        [order + ":1"]
    # A second pass sends nothing.
    assert cgi_shop("deliver", **to(sandbox)).stdout.startswith("0 sent")
    check_nothing_to_fault(browser, sandbox, "Viewed Product", "Placed Order",
                           "Ordered Product")


def test_cgi_shop_bad_order_changes_nothing(cgi_shop):
    def count():
        with sqlite3.connect(cgi_shop.db) as db:
            return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                    for table in ("orders", "klaviyo_outbox")]
    cgi_shop(REQUEST_METHOD="GET")
    before = count()
    reply = cgi_shop(body="email=%22nobody", REQUEST_METHOD="POST",
                     GATEWAY_INTERFACE="CGI/1.1").stdout
    assert reply.startswith("Status: 400")
    assert count() == before


# -------------------------------------------------------------- FastCGI shop

NGINX = """daemon off; pid nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path body; fastcgi_temp_path fastcgi;
  proxy_temp_path proxy; scgi_temp_path scgi; uwsgi_temp_path uwsgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      fastcgi_pass unix:{socket};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param DOCUMENT_URI $document_uri;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param CONTENT_TYPE $content_type;
    }}
  }}
}}
"""


@pytest.fixture
def fcgi_shop(usr, sandbox, tmp_path):
    """tests/examples/fcgi-shop behind nginx, on a database with a product."""
    program = usr.cxx(example("fcgi-shop", "shop.cc"), str(tmp_path / "shop"),
                      "-I/usr/include/postgresql", "-lpq", "-lfcgi")
    server = harness.server()
    database = server.create()
    env = {**os.environ, **usr.env, **KEYS, **to(sandbox),
           "SHOP_DB": server.url(database)}
    run(program, "deliver", env=env)  # makes the tables; nothing to send
    server.run(database, "INSERT INTO products VALUES ('2001', 'MOBY', "
               "'Moby Dick </script>&', 'Pequod Press', 1450, "
               "'https://books.klaviyo-demo.com/moby.png', 'Fiction,Sea')")
    path, port = str(tmp_path / "fcgi"), free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(port=port, socket=path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(16)
        programs = [subprocess.Popen([program], stdin=listener, env=env)]
    os.chmod(tmp_path, 0o755)
    programs.append(subprocess.Popen(
        ["/usr/sbin/nginx", "-p", str(tmp_path), "-c", "nginx.conf", "-e",
         "stderr", *(["-g", "user root;"] if os.geteuid() == 0 else [])]))
    try:
        wait_for(lambda: harness.answers(("127.0.0.1", port)), "nginx")
        yield (f"http://127.0.0.1:{port}", program, env,
               lambda sql: server.run(database, sql))
    finally:
        for one in reversed(programs):
            one.terminate()
            one.wait(harness.PATIENCE)
        server.drop(database)


def test_fastcgi_shop(fcgi_shop, sandbox, browser):
    url, program, env, query = fcgi_shop
    order = buy_and_look(browser, sandbox, url + "/2001")
    viewed, = events(sandbox, "Viewed Product")
    assert "</script>" in json.dumps(viewed)
    assert query("SELECT id, product, quantity, email FROM orders") == \
        [(order, "2001", 1, SARAH)]
    assert run(program, "deliver", env=env).stdout == "2 sent\n"
    assert [e["unique_id"] for e in events(sandbox, "Placed Order")] == [order]
    assert run(program, "deliver", env=env).stdout == "0 sent\n"
    check_nothing_to_fault(browser, sandbox, "Viewed Product", "Placed Order",
                           "Ordered Product")


# ------------------------------------------------------------------ snippets

@pytest.mark.parametrize("engine", ["printf", "ctemplate"])
def test_snippets(engine, usr, sandbox, browser, tmp_path):
    if engine == "printf":
        program = usr.cc(example("snippets", "printf.c"),
                         str(tmp_path / "page"))
    else:
        program = usr.cxx(example("snippets", "ctemplate.cc"),
                          str(tmp_path / "page"), "-lctemplate", "-pthread")
    page = run(program, usr.path("share", "storefront", "templates"), "ABC123",
               sandbox.url, env=usr.env).stdout
    assert "{{" not in page and "</script>Winnie" not in page
    script = tmp_path / "cgi"
    (tmp_path / "page.html").write_text(page)
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/html\\r\\n\\r\\n'"
                      f"\ncat {tmp_path}/page.html\n")
    script.chmod(0o755)
    metrics = ("Viewed Product", "Added to Cart", "Started Checkout")
    with serve_cgi(str(script), {}) as url:
        browser.get(url)
        for metric in metrics:
            wait_for(lambda: events(sandbox, metric), metric)
        assert {e["who"] for e in sandbox.state["events"]} == {SARAH}
        wait_for(lambda: "$viewed_items" in json.dumps(sandbox.state) or
                 "viewed_items" in json.dumps(sandbox.state),
                 "the recently viewed items")
        check_nothing_to_fault(browser, sandbox, *metrics)
