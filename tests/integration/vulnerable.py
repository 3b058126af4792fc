"""A site with the holes that the attackers' tools are to find, so that their
finding nothing in the shop means something.  For those tests only: it listens
on loopback, and fetches from loopback only.

    with Vulnerable() as site:           # /echo /find /fetch, all linked
        site.url
    Vulnerable(threads=False)            # one visitor at a time: who is slow
                                         # keeps all others waiting
    with Endpoint() as endpoint:         # notes who asks for what
        endpoint.asked
"""
import html
import http.client
import http.server
import sqlite3
import threading
import urllib.parse
import urllib.request

HOME = """<!DOCTYPE html><html><head><title>Holes</title></head><body>
<a href="/echo?q=hello">echo</a> <a href="/find?id=1">find</a>
<a href="/fetch?url=none">fetch</a>
<form method="post" action="/find"><input name="id" value="1">
<input type="submit"></form></body></html>"""


class Listener:
    """A server in a thread, on a free port."""
    handler, threads = None, True

    def __init__(self):
        kind = (http.server.ThreadingHTTPServer if self.threads
                else http.server.HTTPServer)
        self.server = kind(("127.0.0.1", 0), self.handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.owner = self
        # Who attacks hangs up in the middle.
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # One that hangs in a request is left behind: it is a daemon.
        threading.Thread(target=self.server.shutdown, daemon=True).start()
        self.thread.join(5)
        self.server.socket.close()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, text, status=200, kind="text/html; charset=utf-8"):
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Holes(Handler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        self.answer(path, query)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.answer(self.path.partition("?")[0],
                    self.rfile.read(length).decode("latin-1"))

    def answer(self, path, given):
        value = dict(urllib.parse.parse_qsl(given, keep_blank_values=True))
        if path == "/":
            self.say(HOME)
        elif path == "/echo":  # what was typed becomes a script
            self.say(f"<html><body>{value.get('q', '')}</body></html>")
        elif path == "/find":  # what was typed becomes SQL
            self.say(self.find(value.get("id", "0")))
        elif path == "/fetch":  # what was typed is fetched
            self.say(self.fetch(value.get("url", "")))
        else:
            self.say("<html><body>nothing</body></html>", 404)

    @staticmethod
    def find(number):
        db = sqlite3.connect(":memory:")
        try:
            db.executescript("CREATE TABLE thing (id INTEGER, name TEXT);"
                             "INSERT INTO thing VALUES (1, 'One');"
                             "INSERT INTO thing VALUES (2, 'Two')")
            names = [str(row[0]) for row in db.execute(
                "SELECT name FROM thing WHERE id = " + number)]
            return f"<html><body>found: {html.escape(str(names))}</body></html>"
        except (sqlite3.Error, sqlite3.Warning) as error:
            return ("<html><body>sqlite3.OperationalError: "
                    f"{html.escape(str(error))}</body></html>")
        finally:
            db.close()

    @staticmethod
    def fetch(url):
        if url.startswith("http://127.0.0.1:"):
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    return html.escape(answer.read(100).decode("latin-1"))
            except (OSError, ValueError, http.client.HTTPException):
                pass
        return "<html><body>no</body></html>"


class Vulnerable(Listener):
    handler = Holes

    def __init__(self, threads=True):
        self.threads = threads
        super().__init__()


class Asked(Handler):
    def do_GET(self):
        if self.path.startswith(("/get_ssrf.php", "/get_xxe.php")):
            self.say("{}", kind="application/json")  # wapiti's own question
            return
        self.server.owner.asked.append(self.path)
        self.say("ok")

    do_POST = do_GET


class Endpoint(Listener):
    handler = Asked

    def __init__(self):
        self.asked = []
        super().__init__()
