"""
visitor.py - a visitor without a browser: answers, forms, cookies, redirects.
Used through harness.py: shop.get() returns a Reply, shop.visitor() a Visitor.
"""
import html.parser
import re
import urllib.parse


class Reply:
    """An HTTP answer: status, headers (pairs, lower-case names), body, text."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = [(name.lower(), value) for name, value in headers]

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def header(self, name):
        """The value of a header that may be there once; "" if it is not."""
        values = self.all(name)
        assert len(values) < 2, f"{name} twice: {values}"
        return values[0] if values else ""

    @property
    def text(self):
        return self.body.decode("utf-8")

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Forms(html.parser.HTMLParser):
    """The forms of a page: [(action, {name: value})], as a browser has them
    before anything is typed."""

    def __init__(self, page):
        super().__init__()
        self.forms, self.open, self.select = [], None, None
        self.area = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form":
            self.open = (a.get("action", ""), {})
            self.forms.append(self.open)
        elif self.open is None:
            return
        elif tag == "select" and a.get("name"):
            self.select = a["name"]
        elif tag == "option" and self.select:
            if "selected" in a or self.select not in self.open[1]:
                self.open[1][self.select] = a.get("value", "")
        elif tag == "textarea" and a.get("name"):
            self.area = a["name"]
            self.open[1][self.area] = ""
        elif tag == "input" and a.get("name"):
            kind = a.get("type", "text")
            if kind in ("radio", "checkbox") and "checked" not in a:
                return
            if kind not in ("submit", "button", "image", "reset"):
                self.open[1][a["name"]] = a.get("value") or (
                    "on" if kind == "checkbox" else "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def handle_data(self, data):
        if self.area and self.open:
            self.open[1][self.area] += data


class Visitor:
    """A browser's behaviour without a browser: cookies, forms, redirects."""

    def __init__(self, shop):
        self.shop, self.cookies, self.page, self.path = shop, {}, None, ""

    def request(self, method, path, body=None, headers=None, follow=True):
        for _ in range(5):
            h = {"Cookie": "; ".join(f"{n}={v}"
                                     for n, v in self.cookies.items())}
            if not self.cookies:
                del h["Cookie"]
            if method == "POST":
                h.update({"Origin": self.shop.url,
                          "Sec-Fetch-Site": "same-origin"})
            h.update(headers or {})
            reply = self.shop.request(method, path, body, h)
            for cookie in reply.all("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                gone = re.search(r"(?i)max-age=0\b", cookie)
                self.cookies.pop(name.strip(), None)
                if not gone:
                    self.cookies[name.strip()] = value
            self.page, self.path = reply, path
            if not follow or reply.status not in (301, 302, 303):
                return reply
            target = urllib.parse.urljoin(self.shop.url + path,
                                          reply.header("location"))
            assert target.startswith(self.shop.url + "/"), target
            method, body, headers = "GET", None, None
            path = target[len(self.shop.url):]
        raise AssertionError("redirected for ever")

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, fields, **more):
        return self.request("POST", path, fields, **more)

    def form(self, action):
        """The fields of the last page's form that posts to ${action}."""
        for found, fields in Forms(self.page.text).forms:
            if found == action:
                return dict(fields)
        raise AssertionError(f"no form {action} in {self.path}")

    def submit(self, action, **fields):
        """Posts the last page's form with some fields filled in."""
        return self.post(action, {**self.form(action), **fields})
