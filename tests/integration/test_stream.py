"""
The storefront's FastCGI socket, spoken to directly: what is cut off is not
obeyed, who falls silent is left, and the server outlives all of it.
"""
import os
import random
import re
import select
import signal
import socket
import struct
import threading
import time

import pytest

import fcgi
from fcgi import PARAMS, STDIN, begin, pairs, record, stream, talk, variables
from harness import PATIENCE, Shop, wait_for

# A confined process shows its descriptors to root alone.
LOOKED_INTO = {} if os.geteuid() == 0 else {"STOREFRONT_CONFINE": "off"}


@pytest.fixture(scope="module")
def shop():
    shop = Shop(env={"STOREFRONT_THREADS": "2", **LOOKED_INTO})
    yield shop
    shop.stop()


@pytest.fixture(autouse=True)
def still_answers(shop):
    yield
    assert fcgi.status(shop.fcgi) == 200
    assert shop.programs["storefront"].poll() is None


def form(shop, body, **more):
    """A form that would be obeyed: what a visitor of the shop posts."""
    return variables("POST", "/cart/add", body=body, HTTP_ORIGIN=shop.url,
                     HTTP_SEC_FETCH_SITE="same-origin", **more)


@pytest.fixture(scope="module")
def body(shop):
    """A good form of /cart/add, and proof that it is one."""
    out, _ = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(variables())))
    path = re.search(rb'href="(/products/[^"]+)"', out).group(1).decode()
    out, _ = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(
        variables(path=path))))
    variant = re.search(rb'name="variant"[^>]*value="(\d+)"'
                        rb'|value="(\d+)"[^>]*name="variant"', out)
    good = b"variant=%s&quantity=1" % (variant.group(1) or variant.group(2))
    assert fcgi.status_of(talk(shop.fcgi, fcgi.whole(
        form(shop, good), good))) == 303
    return good


def carts(shop):
    return shop.query("SELECT count(*) FROM cart")[0][0]


def test_whole(shop):
    out, ended = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(variables())))
    assert out.startswith(b"Status: 200 OK\r\n") and ended
    assert out.endswith(b"</html>\n") or b"</html>" in out


# ------------------------------------------------------- kept connections

def ask(s, *args, body=b"", **more):
    """One request of a peer that would like to keep the connection."""
    s.sendall(fcgi.whole(variables(*args, body=body, **more), body,
                         keep=True))
    return fcgi.answer_of(s)


def ended(s):
    s.settimeout(PATIENCE)
    return s.recv(1) == b""


def test_kept(shop):
    """Answers over one connection are what they are over many."""
    path, = re.search(rb'href="(/products/[^"]+)"', fcgi.stdout_of(talk(
        shop.fcgi, fcgi.whole(variables())))[0]).groups()
    with fcgi.connect(shop.fcgi) as s:
        for given in (("GET", "/"), ("HEAD", "/"), ("GET", path.decode()),
                      ("GET", "/nowhere"), ("PUT", "/"), ("GET", "/a\n"),
                      ("GET", "/cart"), ("GET", "/feed/catalog.json")) * 2:
            kept = fcgi.stdout_of(ask(s, *given))
            alone = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(
                variables(*given))))
            assert kept[1] and alone[1]
            # Headers but the first may tell the time.
            same = [re.sub(rb"[A-Za-z0-9_-]{20,}", b"*", re.sub(
                rb"(?s)\r\n.*?\r\n\r\n", b"", out, count=1))
                for out, _ in (kept, alone)]
            assert same[0] == same[1], given


def test_kept_if_asked_for(shop):
    with fcgi.connect(shop.fcgi) as s:
        s.sendall(fcgi.whole(variables()))
        assert fcgi.status_of(fcgi.answer_of(s)) == 200 and ended(s)


def test_not_kept_after_a_form(shop, body):
    """Who kept it could not tell whether the next one was obeyed."""
    with fcgi.connect(shop.fcgi) as s:
        s.sendall(fcgi.whole(form(shop, body), body, keep=True))
        assert fcgi.status_of(fcgi.answer_of(s)) == 303 and ended(s)


def test_not_kept_after_what_was_not_read(shop):
    with fcgi.connect(shop.fcgi) as s:
        s.sendall(begin(True) + stream(PARAMS, pairs(variables().items()))
                  + record(STDIN, b"more than was said"))
        assert fcgi.status_of(fcgi.answer_of(s)) == 200
        s.sendall(record(STDIN))
        assert fcgi.status_of(fcgi.read_all(s)) == 0


def test_idle_ones_hold_no_thread(shop):
    """Many more than there are threads, each asked again after a while."""
    idle = [fcgi.connect(shop.fcgi) for _ in range(40)]
    for _ in range(3):
        for s in idle:
            assert fcgi.status_of(ask(s)) == 200
        assert fcgi.status(shop.fcgi) == 200
    half = idle[:2]
    for s in half:
        s.sendall(begin(True))
    assert fcgi.status(shop.fcgi) == 200
    for s in half:
        assert fcgi.status_of(fcgi.read_all(s)) in (0, 400)
    for s in idle[2:]:
        assert fcgi.status_of(ask(s)) == 200
    for s in idle:
        s.close()
    sockets_are(shop, 1)


def gone(s):
    """Has the server closed it?  Between two answers nothing else can be
    read."""
    return select.select([s], [], [], 0)[0] != []


def test_so_many_are_kept(shop):
    """Descriptors are left for the shop; room that is free again is used."""
    many = [fcgi.connect(shop.fcgi) for _ in range(260)]
    for s in many:
        assert fcgi.status_of(ask(s)) == 200
    # Whichever: an answer is out before its connection is counted.
    wait_for(lambda: sum(map(gone, many)) == 4, "four to be closed", 15)
    sockets_are(shop, 1 + 256)
    kept = [s for s in many if not gone(s)]
    for s in kept:
        assert fcgi.status_of(ask(s)) == 200
    for s in kept[:8]:
        s.close()
    sockets_are(shop, 1 + 248)
    with fcgi.connect(shop.fcgi) as s:
        for _ in range(3):
            assert fcgi.status_of(ask(s)) == 200
    for s in many:
        s.close()
    sockets_are(shop, 1)


def test_what_a_kept_one_has_asked_is_answered_at_the_end():
    """Also those that no thread has looked at yet; idle ones keep nobody."""
    with Shop(env={"STOREFRONT_THREADS": "1"}) as shop:
        kept, idle = fcgi.connect(shop.fcgi), fcgi.connect(shop.fcgi)
        for s in (kept, idle):
            assert fcgi.status_of(ask(s)) == 200
        busy, rest = begun(shop)
        kept.sendall(fcgi.whole(variables(), keep=True))
        shop.programs["storefront"].send_signal(signal.SIGTERM)
        wait_for(lambda: not os.path.exists(shop.socket), "no socket", 5)
        busy.sendall(rest)
        assert fcgi.status_of(fcgi.read_all(busy)) > 0
        assert fcgi.status_of(fcgi.read_all(kept)) == 200
        assert shop.end("storefront") == 0
        assert ended(idle)
        for s in (busy, kept, idle):
            s.close()


@pytest.mark.parametrize("missing", [
    "REQUEST_METHOD", "SERVER_PROTOCOL", "REQUEST_URI", "DOCUMENT_URI"])
def test_missing(shop, missing):
    given = variables()
    del given[missing]
    assert fcgi.status_of(talk(shop.fcgi, fcgi.whole(given))) == 400


def test_paths_and_methods(shop):
    for path in ("/..", "/a/../b", "//", "/a\nb", "/\udcff", "a", "*"):
        assert fcgi.status(shop.fcgi, path=path) == 400, path
    assert fcgi.status(shop.fcgi, path="/" + "a" * 3000) == 414
    assert fcgi.status(shop.fcgi, "PUT") == 405
    out, _ = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(variables("PUT"))))
    assert out.count(b"\r\nAllow: GET, HEAD, POST\r\n") == 1
    out, _ = fcgi.stdout_of(talk(shop.fcgi, fcgi.whole(variables("HEAD"))))
    assert out.endswith(b"\r\n\r\n")


def test_twice(shop, body):
    """A variable that comes twice is as good as absent."""
    given = list(variables().items())
    for extra in (("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/x")):
        data = begin() + stream(PARAMS, pairs(given + [extra])) + record(STDIN)
        assert fcgi.status_of(talk(shop.fcgi, data)) == 400
    given = list(form(shop, body).items()) + [("CONTENT_LENGTH", "3")]
    data = begin() + stream(PARAMS, pairs(given)) + stream(STDIN, body)
    assert fcgi.status_of(talk(shop.fcgi, data)) == 411


def test_parameters_cut_off(shop, body):
    """Cut at each byte, with the connection closed: never obeyed."""
    before = carts(shop)
    whole = begin() + stream(PARAMS, pairs(form(shop, body).items()))
    for cut in range(len(whole)):
        assert fcgi.status_of(talk(shop.fcgi, whole[:cut], True)) not in (
            200, 303), cut
    assert carts(shop) == before


def test_parameters_wrong(shop):
    for data in (b"\xff\xff\xff\xff", b"\x7f\x7fa", b"\x01",
                 b"\x00\x00", struct.pack("!II", 0xbfffffff, 1) + b"a"):
        talk(shop.fcgi, begin() + record(PARAMS, data) + record(PARAMS)
             + record(STDIN), True)
    many = [(f"HTTP_X{i}", "x") for i in range(300)]
    given = list(variables().items())
    for extra in (many, [("HTTP_X", "x" * 70000)]):
        data = begin() + stream(PARAMS, pairs(given + extra)) + record(STDIN)
        assert fcgi.status_of(talk(shop.fcgi, data)) == 413


def test_body_cut_off(shop, body):
    """By the end of the stream, of the connection, or an abort."""
    before = carts(shop)
    params = begin() + stream(PARAMS, pairs(form(shop, body).items()))
    for cut in range(len(body)):
        part = record(STDIN, body[:cut]) if cut else b""
        ended = talk(shop.fcgi, params + part + record(STDIN))
        assert fcgi.status_of(ended) == 400, cut
        for data, close in ((params + part, True),
                            (params + part + record(fcgi.ABORT), False)):
            assert fcgi.status_of(talk(shop.fcgi, data, close)) in (0, 400)
    assert carts(shop) == before


def test_body_in_crumbs(shop, body):
    """One byte a record, each padded, is a body like any other."""
    data = begin() + stream(PARAMS, pairs(form(shop, body).items()))
    for byte in body:
        data += record(STDIN, bytes([byte]), padding=7)
    assert fcgi.status_of(talk(shop.fcgi, data + record(STDIN))) == 303


def test_body_too_long(shop, body):
    """More than CONTENT_LENGTH is nobody's; more than 64 KiB is refused, and
    neither is read whole."""
    given = form(shop, body)
    data = begin() + stream(PARAMS, pairs(given.items())) + stream(
        STDIN, body + b"&quantity=2" + b"x" * 100000)
    assert fcgi.status_of(talk(shop.fcgi, data)) == 303
    for length in ("65537", "99999999999999999999999999"):
        given["CONTENT_LENGTH"] = length
        data = begin() + stream(PARAMS, pairs(given.items()))
        assert fcgi.status_of(talk(shop.fcgi, data, True)) == 413
    for length in ("-1", "1x", " 1", "0x1"):
        given["CONTENT_LENGTH"] = length
        data = begin() + stream(PARAMS, pairs(given.items()))
        assert fcgi.status_of(talk(shop.fcgi, data, True)) == 400


def test_wrong_roles(shop):
    """Authorizer, filter, unknown role: no harm."""
    for role in (0, 2, 3, 99):
        talk(shop.fcgi, begin(role=role) + stream(
            PARAMS, pairs(variables().items())) + record(STDIN), True)


def test_wrong_version(shop):
    talk(shop.fcgi, record(1, struct.pack("!HB5x", 1, 0), version=9), True)


def test_junk(shop):
    """Random bytes, and good requests with random bytes changed."""
    rng = random.Random(7)
    good = fcgi.whole(variables("POST", "/cart/add", body=b"a=1"), b"a=1")
    for _ in range(150):
        talk(shop.fcgi, rng.randbytes(rng.randrange(1, 300)), True)
        data = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        # libfcgi asserts, and ends the process, when lengths of a name and a
        # value add up to more than an int (HAZARDS 1.1); only the web server
        # reaches the socket, and it is restarted.  Not what is tested here.
        lengths = [data[i:i + 4] for i in range(len(data) - 3)
                   if data[i] >= 0xa0]
        if not lengths:
            talk(shop.fcgi, bytes(data), True)
    talk(shop.fcgi, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True)


def test_quick_connects(shop):
    """A thousand who connect and leave."""
    for i in range(1000):
        with fcgi.connect(shop.fcgi) as s:
            if i % 3 == 0:
                s.sendall(begin()[:i % 17])
    assert fcgi.status(shop.fcgi) == 200


def test_gone_visitors(shop):
    """Who leaves before the answer is no error worth a word."""
    before = shop.log("storefront")
    for _ in range(100):
        with fcgi.connect(shop.fcgi) as s:
            s.sendall(fcgi.whole(variables()))
    assert fcgi.status(shop.fcgi) == 200
    assert shop.log("storefront") == before


@pytest.mark.parametrize("beginning", [
    b"", begin(), begin() + record(PARAMS, b"\x0e\x03REQUEST")],
    ids=["silent", "begun", "half"])
def test_half_open(shop, beginning):
    """As many silent peers as there are threads hold up nobody for long."""
    silent = [fcgi.connect(shop.fcgi) for _ in range(2)]
    for s in silent:
        s.sendall(beginning)
    time.sleep(0.2)
    started = time.monotonic()
    assert fcgi.status(shop.fcgi) == 200
    assert time.monotonic() - started < min(PATIENCE, 10)
    for s in silent:
        s.close()


def test_slow_body(shop, body):
    """A body that pauses, but not for long, is taken."""
    data = begin() + stream(PARAMS, pairs(form(shop, body).items()))
    with fcgi.connect(shop.fcgi) as s:
        s.sendall(data + record(STDIN, body[:5]))
        time.sleep(1)
        s.sendall(record(STDIN, body[5:]) + record(STDIN))
        assert fcgi.status_of(fcgi.read_all(s)) == 303


def sockets_are(shop, count):
    """Waits until the server has so many sockets open: 1 is a quiet one."""
    folder = f"/proc/{shop.programs['storefront'].pid}/fd"

    def sockets():
        names = []
        for fd in os.listdir(folder):
            try:
                names.append(os.readlink(f"{folder}/{fd}"))
            except OSError:
                pass
        return sum(name.startswith("socket:") for name in names)
    wait_for(lambda: sockets() == count, "connections to be closed", 15)


def test_no_descriptors_leak(shop):
    """After all of the above, no connection is left open."""
    sockets_are(shop, 1)


# ----------------------------------------------------- beginning and ending

def begun(shop):
    """A connection whose request has arrived but for its last bytes, so that
    a thread is at work on it."""
    body = b"a=1"
    s = fcgi.connect(shop.fcgi)
    s.sendall(begin() + stream(PARAMS, pairs(form(shop, body).items()))
              + record(STDIN, body[:1]))
    time.sleep(0.3)
    return s, record(STDIN, body[1:]) + record(STDIN)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_end_finishes_requests(sig):
    """A request in flight is answered; then the process ends, and its socket
    is gone."""
    with Shop() as shop:
        s, rest = begun(shop)
        process = shop.programs["storefront"]
        process.send_signal(sig)
        wait_for(lambda: not os.path.exists(shop.socket), "no socket", 5)
        assert process.poll() is None
        s.sendall(rest)
        assert fcgi.status_of(fcgi.read_all(s)) > 0
        s.close()
        started = time.monotonic()
        assert shop.end("storefront") == 0
        assert time.monotonic() - started < 6


def test_end_in_time():
    """A request that never ends does not keep the process."""
    with Shop() as shop:
        s, _ = begun(shop)
        started = time.monotonic()
        shop.programs["storefront"].send_signal(signal.SIGTERM)
        shop.programs["storefront"].send_signal(signal.SIGTERM)
        assert shop.end("storefront") == 0
        assert time.monotonic() - started < 6
        s.close()


def test_end_under_load():
    """While requests pour in: whoever was let in is answered whole."""
    with Shop() as shop:
        cut, stop = [], threading.Event()

        def client():
            while not stop.is_set():
                try:
                    s = fcgi.connect(shop.fcgi)
                except OSError:
                    return  # not let in
                with s:
                    s.sendall(fcgi.whole(variables()))
                    out, ended = fcgi.stdout_of(fcgi.read_all(s))
                if not ended or not out.startswith(b"Status: 200"):
                    cut.append(out[:100])
        threads = [threading.Thread(target=client) for _ in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        assert shop.end("storefront") == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert cut == []


def test_management():
    """FCGI_GET_VALUES and unknown types, which no web server sends.  libfcgi
    leaks 48 bytes of each: so its own leaks are no fault in this test."""
    with Shop(serve=False) as shop:
        shop.env["LSAN_OPTIONS"] = "suppressions=" + shop.write(
            "leaks", "leak:libfcgi.so\n")
        shop.start_serve()
        for _ in range(3):
            talk(shop.fcgi, record(9, pairs([("FCGI_MAX_CONNS", "")]),
                                   request=0), True)
            talk(shop.fcgi, record(77, b"x" * 20, request=0), True)
        assert fcgi.status(shop.fcgi) == 200


def test_other_signals():
    with Shop() as shop:
        for sig in (signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1):
            shop.programs["storefront"].send_signal(sig)
        time.sleep(0.2)
        assert fcgi.status(shop.fcgi) == 200


def serve_fails(shop, **env):
    done = shop.run("serve", check=False, secrets=False, env=env)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_listen():
    with Shop() as shop:
        # Somebody answers there.
        assert ("another storefront is listening on unix:" + shop.socket
                in serve_fails(shop))
        assert fcgi.status(shop.fcgi) == 200
        mode = os.stat(shop.socket).st_mode
        assert mode & 0o777 == 0o660

        # A socket left behind by a crash is taken over.
        shop.kill("storefront")
        assert os.path.exists(shop.socket)
        shop.start_serve()
        assert fcgi.status(shop.fcgi) == 200

        # Another one's socket at our path is not removed at the end.
        os.unlink(shop.socket)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(shop.socket)
            shop.end("storefront")
            assert os.path.exists(shop.socket)
        os.unlink(shop.socket)

        # What is no socket is left alone.
        path = shop.write("precious", "data")
        assert "STOREFRONT_LISTEN" in serve_fails(
            shop, STOREFRONT_LISTEN="unix:" + path)
        assert open(path).read() == "data"
        os.symlink(path, shop.path("link"))
        assert "STOREFRONT_LISTEN" in serve_fails(
            shop, STOREFRONT_LISTEN="unix:" + shop.path("link"))
        assert open(path).read() == "data"


@pytest.mark.parametrize("where", [
    "0.0.0.0:9001", ":9001", "9001", "*:9001", "192.0.2.1:9001",
    "localhost:9001", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
    "127.0.0.1:9001x", "127.1:9001", "[::]:9001", "unix:relative",
    "unix:/" + "x" * 200, "unix:/nowhere/at/all"])
def test_listen_refused(where):
    with Shop(serve=False) as shop:
        assert "STOREFRONT_LISTEN" in serve_fails(
            shop, STOREFRONT_LISTEN=where)


def test_listen_port_taken():
    with Shop(serve=False) as shop, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = "127.0.0.1:%d" % other.getsockname()[1]
        assert "STOREFRONT_LISTEN" in serve_fails(
            shop, STOREFRONT_LISTEN=where)


@pytest.mark.parametrize("threads", ["0", "-1", "65", "x", ""])
def test_threads_refused(threads):
    with Shop(serve=False) as shop:
        assert "STOREFRONT_THREADS" in serve_fails(
            shop, STOREFRONT_THREADS=threads)


def test_systemd():
    """A socket handed over by systemd's convention."""
    with Shop(serve=False) as shop:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(shop.socket)
            os.chmod(shop.socket, 0o666)
            server.listen()
            # The shell knows its own pid, and stays it.
            shop.spawn(
                "storefront",
                ["/usr/bin/python3", "-c",
                 "import os, sys; os.dup2(0, 3);"
                 "os.dup2(os.open('/dev/null', os.O_RDONLY), 0);"
                 "os.environ.update(LISTEN_PID=str(os.getpid()),"
                 " LISTEN_FDS='1');"
                 "os.execv(sys.argv[1], ['storefront', 'serve'])",
                 shop.storefront()[0]],
                lambda: "serving on" in shop.log("storefront"),
                stdin=server)
            assert fcgi.status(shop.fcgi) == 200
            shop.end("storefront")
            assert os.path.exists(shop.socket)


def test_no_descriptors_left():
    """EMFILE is waited out: the server is there again afterwards."""
    with Shop(env={"STOREFRONT_THREADS": "2", **LOOKED_INTO}) as shop:
        for _ in range(50):
            assert fcgi.status(shop.fcgi) == 200
        sockets_are(shop, 1)
        pid = shop.programs["storefront"].pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        shop.end("storefront")
        # Room for one connection.
        shop.spawn("tight", [
            "/usr/bin/python3", "-c",
            "import os, resource, sys;"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),)"
            " * 2); os.execv(sys.argv[1], ['storefront', 'serve'])",
            shop.storefront()[0], str(used + 1)],
            lambda: "serving on" in shop.log("tight"))
        silent = fcgi.connect(shop.fcgi)
        with fcgi.connect(shop.fcgi) as waiting:
            waiting.sendall(fcgi.whole(variables()))
            wait_for(lambda: "cannot accept: Too many" in shop.log("tight"),
                     "EMFILE", 10)
            silent.close()
            assert fcgi.status_of(fcgi.read_all(waiting)) == 200
        assert fcgi.status(shop.fcgi) == 200
        assert shop.log("tight").count("cannot accept") < 30
