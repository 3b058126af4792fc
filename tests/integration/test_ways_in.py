"""
The shop behind real web servers, with the configuration files that are
shipped: whichever way a request comes in, it is taken or refused alike.
"""
import os
import re
import shutil
import socket
import subprocess

import pytest

import fcgi
from account_kit import Client
from harness import PRIVATE_KEY, Shop, TREE, WAYS, Reply, wait_for

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", params=WAYS)
def shop(request):
    shop = Shop(request.param)
    yield shop
    shop.stop()


def raw(shop, data):
    """Sends bytes as they are; returns (status, everything)."""
    with socket.create_connection(("127.0.0.1", shop.port), 60) as s:
        try:
            s.sendall(data)
        except ConnectionError:
            pass
        got = fcgi.read_all(s)
    line = re.match(rb"HTTP/1\.1 (\d+)", got)
    return int(line.group(1)) if line else 0, got


def raw_get(shop, path, *headers):
    return raw(shop, b"\r\n".join((
        b"GET " + path + b" HTTP/1.1", b"Host: shop", b"Connection: close",
        *headers, b"", b"")))


def test_page(shop):
    reply = shop.get("/")
    assert reply.status == 200
    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert reply.header("x-content-type-options") == "nosniff"
    assert len(reply.body) == int(reply.header("content-length"))
    assert "</html>" in reply.text
    assert not reply.all("status")


def test_head(shop):
    """HEAD has the headers of GET, and nothing behind them."""
    reply, head = shop.get("/"), shop.request("HEAD", "/")
    assert head.status == 200 and head.body == b""
    for name in ("content-length", "content-type", "etag",
                 "content-security-policy"):
        assert head.header(name) == reply.header(name) != ""
    _, got = raw(shop, b"HEAD / HTTP/1.1\r\nHost: s\r\n"
                       b"Connection: close\r\n\r\n")
    assert got.endswith(b"\r\n\r\n") and got.count(b"\r\n\r\n") == 1
    missing = shop.request("HEAD", "/nowhere")
    assert missing.status == 404 and missing.body == b""


def test_not_modified(shop):
    tag = shop.get("/").header("etag")
    reply = shop.get("/", {"If-None-Match": tag})
    assert reply.status == 304 and reply.body == b""
    assert shop.get("/", {"If-None-Match": '"other"'}).status == 200


def test_form_cookie_redirect(shop):
    """A form arrives; Set-Cookie and Location come back; the cookie is read."""
    visitor = shop.visitor()
    handle = re.search(r'href="(/products/[^"]+)"', visitor.get("/").text)
    visitor.get(handle.group(1))
    reply = visitor.post("/cart/add", visitor.form("/cart/add"), follow=False)
    assert reply.status == 303
    assert reply.header("location").endswith("/cart")
    assert reply.body.find(b"Status:") < 0
    cookie = reply.header("set-cookie")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    page = visitor.get("/cart")
    assert page.status == 200 and "/cart/update" in page.text
    assert page.header("cache-control") == "private, no-store"
    # The same cookie in two headers is no cookie: nobody knows which is meant.
    sent = "; ".join(f"{n}={v}" for n, v in visitor.cookies.items()).encode()
    one = raw_get(shop, b"/cart", b"Cookie: " + sent)
    two = raw_get(shop, b"/cart", b"Cookie: " + sent, b"Cookie: " + sent)
    assert one[0] == two[0] == 200
    assert b"/cart/update" in one[1] and b"/cart/update" not in two[1]


def test_strangers_form(shop):
    """A form that another site posts is refused."""
    reply = shop.post("/cart/add", {"variant": "1"}, {
        "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert reply.status == 403 and not reply.all("set-cookie")


@pytest.mark.parametrize("kind", [
    None, "text/plain", "application/json", "multipart/form-data; boundary=x",
    FORM + "; charset=latin1"])
def test_wrong_type(shop, kind):
    headers = {"Content-Type": kind} if kind else {}
    assert shop.request("POST", "/cart/add", b"a=1", headers).status == 415


def test_body_too_long(shop):
    for size in (65537, 1000000):
        status, _ = raw(shop, b"POST /cart/add HTTP/1.1\r\nHost: s\r\n"
                        b"Connection: close\r\nContent-Type: "
                        + FORM.encode() + b"\r\nContent-Length: %d\r\n\r\n"
                        % size + b"a" * size)
        # 0: cut while we were still sending; never taken.
        assert status in (413, 0)
    assert shop.get("/").status == 200


def test_body_cut_off(shop):
    """A body that ends early, the connection half closed, is not obeyed."""
    with socket.create_connection(("127.0.0.1", shop.port), 60) as s:
        s.sendall(b"POST /cart/add HTTP/1.1\r\nHost: s\r\nConnection: close"
                  b"\r\nContent-Type: " + FORM.encode()
                  + b"\r\nContent-Length: 20\r\n\r\nvariant=1")
        s.shutdown(socket.SHUT_WR)
        got = fcgi.read_all(s)
    assert not re.match(rb"HTTP/1\.1 [23]", got)
    assert shop.get("/").status == 200


def test_length_and_chunks(shop):
    """Both lengths at once are refused; chunks are joined or refused."""
    status, _ = raw(shop, b"POST /cart/add HTTP/1.1\r\nHost: s\r\n"
                    b"Connection: close\r\nContent-Length: 3\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n")
    assert status in (400, 411, 415)
    status, _ = raw(shop, b"POST /cart/add HTTP/1.1\r\nHost: s\r\n"
                    b"Connection: close\r\nContent-Type: text/plain\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n")
    assert status in (411, 415)


@pytest.mark.parametrize("query", [
    "q=%", "q=%2", "q=%zz", "q=%00", "q=%ff", "q=%c0%af", "q=%ed%a0%80",
    "q=%01", "a%0a=1"])
def test_bad_query(shop, query):
    assert shop.get("/search?" + query).status == 400


def test_bad_form(shop):
    for body in (b"a=%", b"a=%00", b"a=%ff", b"a=1&a=2", b"a=\x01"):
        assert shop.request("POST", "/cart/add", body,
                            {"Content-Type": FORM}).status == 400
    assert shop.post("/cart/add", {f"f{i}": "x" for i in range(101)}
                     ).status == 413
    assert shop.post("/cart/add", {"a": "x" * 8193}).status == 413


def test_mail_parameters(shop):
    """What mail programs append breaks no page."""
    reply = shop.get("/?utm_source=klaviyo&utm_medium=email&_kx=abc.XYZ&&"
                     "utm_source=again&=x&trk%5B%5D=1&empty")
    assert reply.status == 200


# What a path may do that is none: be refused, be nothing, or, where the web
# server tidies paths, be the tidied one; never a page of another kind.
@pytest.mark.parametrize("path, allowed", [
    (b"/nowhere", {404}),
    (b"/a%00b", {400, 404}),
    (b"/a%0ab", {400, 404}),
    (b"/a%0d%0aX-Evil:%201", {400, 404}),
    (b"/a%7fb", {400, 404}),
    (b"/%ff", {400}),
    (b"/%c0%ae%c0%ae/", {400}),
    (b"/%ed%a0%80", {400}),
    (b"/%", {400}),
    (b"/%zz", {400}),
    (b"/..", {400}),
    (b"/../../etc/passwd", {400}),
    (b"/..%2f..%2fetc%2fpasswd", {400, 404}),
    (b"/%2e%2e/%2e%2e/etc/passwd", {400, 404}),
    (b"/products/..%2f..%2fsecret", {400, 404}),
    (b"/images/../../private.key", {400, 404}),
    (b"//etc/passwd", {400, 404}),
    (b"/products//", {400, 404}),
    (b"/a%5cb", {404}),
    (b"/a%3fb", {404, 403}),
    (b"/shop.css/x", {404}),
    (b"/.htaccess", {404, 403}),
    (b"/" + b"a" * 3000, {404, 414, 400}),
])
def test_paths(shop, path, allowed):
    status, got = raw_get(shop, path)
    assert status in allowed
    assert b"root:" not in got and b"X-Evil: 1\r\n" not in got
    assert b"\nX-Evil" not in got


def test_decoded_once(shop):
    """%2565 is the three characters "%65", not "e"."""
    assert raw_get(shop, b"/s%65arch?q=a")[0] == 200
    assert raw_get(shop, b"/s%2565arch?q=a")[0] == 404


def test_methods(shop):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "FOO"):
        reply = shop.request(method, "/")
        assert reply.status in (405, 501), method
    assert shop.request("PUT", "/", b"a=1").status == 405
    status, got = raw(shop, b"TRACE / HTTP/1.1\r\nHost: s\r\nCookie: a=1\r\n"
                      b"Connection: close\r\n\r\n")
    assert status == 405 and b"Cookie" not in got


def test_arguments(shop):
    """A query without "=" becomes a CGI program's arguments."""
    before = os.stat(shop.db).st_mtime_ns
    for query in ("doctor", "order+list", "--version", "outbox+status",
                  "init", "nonsense"):
        reply = shop.get("/?" + query)
        assert reply.status == 200 and "</html>" in reply.text
    assert os.stat(shop.db).st_mtime_ns == before


def test_static(shop):
    """Files are served with their type, cacheable, and never sniffed."""
    root = os.path.join(TREE, "www", "htdocs")
    types = {".css": "text/css", ".svg": "image/svg+xml",
             ".js": "text/javascript", ".png": "image/png",
             ".webp": "image/webp", ".jpg": "image/jpeg"}
    seen = set()
    for folder, _, names in os.walk(root):
        for name in names:
            kind = os.path.splitext(name)[1]
            if kind not in types or kind in seen:
                continue
            seen.add(kind)
            path = os.path.join(folder, name)
            reply = shop.get("/" + os.path.relpath(path, root))
            assert reply.status == 200
            assert reply.header("content-type").split(";")[0] == types[kind]
            assert reply.header("cache-control") == "public, max-age=3600"
            assert reply.header("x-content-type-options") == "nosniff"
            assert reply.body == open(path, "rb").read()
    assert {".css", ".svg"} <= seen
    assert shop.post("/shop.css", {"a": "1"}).status in (405, 404)


def test_proxy_header(shop):
    """httpoxy: "Proxy:" arrives nowhere."""
    assert shop.get("/", {"Proxy": "http://127.0.0.1:1/"}).status == 200


def test_nothing_private_in_logs(shop):
    shop.get("/search?q=canary-query&_kx=canary-token",
             {"Cookie": "sid=canary-cookie"})
    shop.post("/cart/add?canary-query=1", {"email": "canary-body"})
    shop.get("/cart/restore/canary-link")
    shop.get("/orders/canary-order")
    logs = shop.logs(10 ** 9)
    assert "/search" in logs
    assert "canary" not in logs and PRIVATE_KEY not in logs


def test_private_key_is_not_here(shop):
    """No program of the web side knows even the file's name."""
    shop.get("/")
    checked = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            about = open(f"/proc/{pid}/environ", "rb").read() + open(
                f"/proc/{pid}/cmdline", "rb").read()
        except OSError:
            continue
        if shop.dir.encode() in about:
            checked += 1
            assert b"PRIVATE_KEY" not in about
            assert PRIVATE_KEY.encode() not in about
    assert checked > 0


def test_many_at_once(shop):
    """Sixty requests at the same moment are all answered."""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: shop.get("/").status, range(60)))
    assert replies == [200] * 60


# ------------------------------------------------- what is one server's alone

@pytest.fixture
def bare(request):
    shop = Shop(request.param, serve=False)
    yield shop
    shop.stop()


def start_web(shop):
    return (shop.start_nginx() if shop.way == "nginx"
            else shop.start_apache())


@pytest.mark.parametrize("bare", ["nginx", "apache"], indirect=True)
def test_orders_to_the_web_server(bare):
    """Headers that would make the web server send a file do not."""
    with open(bare.path("htdocs-secret"), "w") as f:
        f.write("canary-file")
    page = (b"Status: 200 OK\r\nContent-Type: text/plain\r\n"
            b"X-Accel-Redirect: /50x.html\r\nX-Accel-Limit-Rate: 1\r\n"
            b"X-Accel-Expires: 3600\r\nX-Sendfile: "
            + bare.path("htdocs-secret").encode()
            + b"\r\nX-Evil: 1\r\n\r\nthe page")
    responder = fcgi.Responder(bare.socket, page)
    os.chmod(bare.socket, 0o666)
    try:
        start_web(bare)
        reply = bare.get("/")
        assert reply.status == 200 and reply.body == b"the page"
    finally:
        responder.close()


@pytest.mark.parametrize("bare", ["nginx"], indirect=True)
def test_kept_connections_lose_nothing(bare):
    """Pages come over kept connections, and over a new one where one ended
    under the request; no form is sent over a kept one, nor sent twice."""
    responder = fcgi.Responder(bare.socket, b"Status: 200 OK\r\n"
                               b"Content-Type: text/plain\r\n\r\nthe page",
                               keep=3)
    os.chmod(bare.socket, 0o666)
    try:
        start_web(bare)
        for _ in range(20):
            for reply in (bare.get("/"), bare.get("/cart"),
                          bare.post("/cart/add", {"a": "1"})):
                assert (reply.status, reply.body) == (200, b"the page")
    finally:
        responder.close()
    seen = [tuple(methods) for methods in responder.methods]
    assert set(seen) <= {("POST",)} | {("GET",) * n for n in (1, 2, 3, 4)}
    assert seen.count(("POST",)) == 20
    # Each page was asked for once, or once more where nothing came.
    assert seen.count(("GET",) * 4) > 0
    assert sum(min(3, len(m)) for m in seen if m[0] == "GET") == 40


@pytest.mark.parametrize("bare", ["nginx", "apache"], indirect=True)
def test_storefront_is_down(bare):
    """Without a storefront: a page that says so, not cached, also for POST;
    when it comes, the shop is there again."""
    start_web(bare)
    for reply in (bare.get("/"), bare.post("/cart/add", {"a": "1"})):
        assert reply.status in (502, 503, 504)
        assert "max-age" not in reply.header("cache-control")
    if os.path.exists(os.path.join(TREE, "www", "htdocs", "50x.html")):
        assert reply.body == open(os.path.join(
            TREE, "www", "htdocs", "50x.html"), "rb").read()
    css = bare.get("/shop.css")
    assert css.status == 200
    bare.start_serve()
    assert wait_for(lambda: bare.get("/").status == 200, "the shop", 60, 0.2)


def test_shipped_configurations():
    """As shipped, nothing replaced, both servers find them right."""
    with Shop(serve=False) as shop:
        for name, command in (
                ("nginx.conf", ["nginx", "-t", "-e", "stderr", "-p"]),
                ("apache.conf", ["apache2", "-t", "-d"])):
            shutil.copy(os.path.join(TREE, "www", name), shop.dir)
            flag = "-c" if name == "nginx.conf" else "-f"
            text = open(shop.path(name)).read()
            # The pages may not be installed on this machine.
            text = text.replace("/usr/local/share/storefront/htdocs",
                                shop.mkdir("htdocs"))
            shop.write(name, text)
            for more in ([], ["-D", "FCGID"], ["-D", "CGI"]):
                if more and name == "nginx.conf":
                    continue
                if "FCGID" in more:
                    shop.mkdir("fcgid")
                done = subprocess.run(
                    [*command, shop.dir, flag, name, *more], cwd=shop.dir,
                    env=shop.env, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                # A setting that is left to its default, as the file says.
                said = [line for line in done.stderr.splitlines()
                        if not ("FCGID" in more and re.search(
                            r"AH00111: Config variable \$\{(KLAVIYO|"
                            r"STOREFRONT)_\w+\} is not defined$", line))]
                assert "warn" not in "".join(said), done.stderr


def test_apache_passes_on_every_setting_of_the_shop():
    """One that is forgotten would be its default: KLAVIYO_CONSENT, say."""
    with open(os.path.join(TREE, "src/storefront/settings.c")) as f:
        names = set(re.findall(r'^    \{"(\w+)", AT', f.read(), re.M))
    assert {"STOREFRONT_DB", "KLAVIYO_CONSENT"} <= names
    # The worker's, init's, the operator's page's, or said by the way itself.
    names -= {"STOREFRONT_LISTEN", "STOREFRONT_THREADS", "STOREFRONT_CURRENCY",
              "KLAVIYO_PRIVATE_KEY_FILE", "KLAVIYO_API_URL",
              "KLAVIYO_REVISION", "KLAVIYO_CA_FILE",
              "KLAVIYO_RATES", "STOREFRONT_STATUS_LISTEN",
              "STOREFRONT_STATUS_PASSWORD_FILE"}
    with open(os.path.join(TREE, "www/apache.conf")) as f:
        conf = f.read()
    assert names == set(re.findall(r"^\tPassEnv (\w+)$", conf, re.M))
    passed = dict(re.findall(r"^\tFcgidInitialEnv (\w+) (\S+)$", conf, re.M))
    assert passed.pop("STOREFRONT_THREADS") == "1"
    assert passed == {name: "${%s}" % name for name in names}


@pytest.mark.parametrize("way", ["apache-fcgid", "apache-cgi"])
def test_settings_arrive_or_are_defaults(way):
    for env, banner in (({"KLAVIYO_CONSENT": "required"}, True), ({}, False)):
        with Shop(way, env=env) as shop:
            page = shop.get("/")
            assert page.status == 200
            assert ('class="consent"' in page.text) == banner


def test_clients_are_told_apart(shop):
    """The web server says who asks: one who tries too often shuts out nobody
    else, whatever a header claims."""
    def attempt(client, **more):
        client.get("/account/login")
        form = {**client.form("/account/login"), "password": "too few",
                "email": "nobody@klaviyo-demo.com"}
        return client.post("/account/login", form, **more).status
    thief = Client(shop)
    states = [attempt(thief, headers={
        "X-Forwarded-For": f"192.0.2.{n}", "Client-IP": f"192.0.2.{n}",
        "Remote-Addr": f"192.0.2.{n}"}) for n in range(12)]
    assert states[:10] == [422] * 10 and 429 in states[10:]
    assert attempt(Client(shop)) == 422


def test_a_reset_link_is_in_no_log(shop):
    token = "b4r2c9d8e7f6g5h4j3k2m1n0pq.1795644408.mmDOWb4rauO19HOWFawA99"
    for path in ("/account/reset/" + token, "/account//reset/" + token,
                 "/account/./reset/" + token):
        assert shop.get(path).status in (400, 404, 410)
    wait_for(lambda: "/account/reset/" in shop.log("access")
             or " GET - 410" in shop.log("access"), "the log")
    for name in os.listdir(shop.dir):
        if name.endswith(".log"):
            assert token not in shop.log(name[:-4]), name
