"""What the tests of the shop share: pages taken apart, rows, calls of klaviyo.

    page = Page(reply)                   # a reply of harness.Shop
    page.calls("Added to Cart")          # the objects given to klaviyo.track
    page.scripts, page.title, page.text, page.texts("h1")
    check_page(reply)                    # what holds for every HTML page
    rows(shop, "SELECT ..")              # of the shop's database
    variant(shop, "MOBY-PB")             # id of a SKU
    fill_cart(visitor, shop, [(sku, n)]); checkout(visitor, **fields)
"""
import base64
import hashlib
import html.parser
import json
import re

ADDRESS = {
    "email": "sarah.mason@klaviyo-demo.com", "phone": "+15005550006",
    "first_name": "Sarah", "last_name": "Mason",
    "address1": "125 Summer St", "address2": "5th floor", "city": "Boston",
    "region": "Massachusetts", "zip": "02110", "country": "US"}


class Page(html.parser.HTMLParser):
    """A page as a browser's parser has it."""
    VOID = {"meta", "link", "img", "input", "br", "path", "hr"}

    def __init__(self, reply):
        super().__init__(convert_charrefs=True)
        self.reply, self.stack = reply, []
        self.scripts, self.elements, self.words = [], [], []
        self.feed(reply.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": ""}
        self.elements.append(element)
        if tag == "script":
            self.scripts.append(element)
        if tag not in self.VOID:
            self.stack.append(element)

    def handle_endtag(self, tag):
        while self.stack and self.stack[-1]["tag"] != tag:
            self.stack.pop()
        if self.stack:
            self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data
        if not any(e["tag"] in ("script", "style") for e in self.stack):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def title(self):
        return self.texts("title")[0]

    def all(self, tag, **attrs):
        """Elements; class_ and data_x are written so."""
        attrs = {n.rstrip("_").replace("_", "-"): v for n, v in attrs.items()}
        return [e for e in self.elements if e["tag"] == tag
                and attrs.items() <= e["attrs"].items()]

    def texts(self, tag, **attrs):
        return [" ".join(e["text"].split()) for e in self.all(tag, **attrs)]

    def links(self):
        return [e["attrs"]["href"] for e in self.all("a")
                if "href" in e["attrs"]]

    def value(self, name):
        return self.all("input", name=name)[0]["attrs"].get("value", "")

    def calls(self, metric):
        return [json.loads(body) for script in self.scripts for body in
                re.findall(r'klaviyo\.track\("' + re.escape(metric)
                           + r'", (\{.*\})\);$', script["text"], re.M)]

    def viewed_items(self):
        return [json.loads(body) for script in self.scripts for body in
                re.findall(r"klaviyo\.trackViewedItem\((\{.*\})\);$",
                           script["text"], re.M)]

    def identified(self):
        return [json.loads(body) for script in self.scripts for body in
                re.findall(r"klaviyo\.identify\((\{.*\}), function",
                           script["text"])]

    def started_checkout(self):
        """Of a visitor who is known, or not yet."""
        return self.calls("Started Checkout") + [
            json.loads(body) for script in self.scripts for body in
            re.findall(r"var checkout = (\{.*\});$", script["text"], re.M)]

    def errors(self):
        """The checkout's list: [(field, what is said)]."""
        return [(e["attrs"]["href"][1:], " ".join(e["text"].split()))
                for e in self.all("a")
                if e["attrs"].get("href", "").startswith("#")
                and e["attrs"]["href"] != "#main"]


def policy(reply):
    return {words[0]: words[1:] for words in
            (part.split() for part in
             reply.header("content-security-policy").split(";"))}


def check_page(reply):
    """What holds for every HTML page: its policy allows exactly its scripts,
    it allows nothing inline by any other way, and it is not sniffed."""
    page = Page(reply)
    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert reply.header("x-content-type-options") == "nosniff"
    allowed = policy(reply)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["base-uri"] == ["'none'"]
    assert allowed["frame-ancestors"] == ["'none'"]
    hashes = ["'sha256-%s'" % base64.b64encode(hashlib.sha256(
        script["text"].encode()).digest()).decode()
        for script in page.scripts]
    assert allowed["script-src"] == ["'strict-dynamic'", *hashes]
    for script in page.scripts:
        assert not script["attrs"], "a script with a src or type"
    for element in page.elements:
        assert not [n for n in element["attrs"] if n.startswith("on")]
        for name in ("href", "src", "action"):
            assert not re.match(r"\s*(javascript|data|vbscript):",
                                element["attrs"].get(name) or "", re.I)
    # Nothing that a browser's parser would take for markup in a script.
    for script in page.scripts:
        for bad in ("<!--", "</", "\u2028", "\u2029"):
            assert bad not in script["text"], bad
    assert "no-store" in reply.header("cache-control") or \
        reply.header("cache-control").startswith("public")
    return page


# ----------------------------------------------------------------- database

def rows(shop, sql, *arguments):
    return shop.query(sql, *arguments)


def execute(shop, sql, *arguments):
    """Changes a row behind the shop's back."""
    shop.execute(sql, *arguments)


def one(shop, sql, *arguments):
    return rows(shop, sql, *arguments)[0][0]


def variant(shop, sku):
    return str(one(shop, "SELECT id FROM variant WHERE sku = ?", sku))


def stock(shop, sku):
    return one(shop, "SELECT stock FROM variant WHERE sku = ?", sku)


def state(shop):
    """Everything a request could have changed, but for times of access."""
    return {table: rows(shop, f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("cart", "cart_line", "cart_added", "orders",
                          "order_line", "klaviyo_outbox", "product",
                          "product_category", "discount", "shipping_method",
                          "meta")} | {
        "variant": rows(shop, "SELECT * FROM variant ORDER BY id"),
        "session": rows(shop, "SELECT id, cart, email, phone, first_name, "
                              "last_name FROM session ORDER BY id")}


# ------------------------------------------------------------------ shopping

def add(visitor, shop, sku, quantity=1, **more):
    return visitor.post("/cart/add", {"variant": variant(shop, sku),
                                      "quantity": quantity}, **more)


def fill_cart(visitor, shop, lines):
    for sku, quantity in lines:
        reply = add(visitor, shop, sku, quantity)
        assert reply.status == 200, reply


def checkout(visitor, follow=True, **fields):
    """Opens the checkout and orders; the answer's page."""
    page = visitor.get("/checkout")
    assert page.status == 200 and visitor.path == "/checkout", page
    return send(visitor, follow=follow, **fields)


def send(visitor, follow=True, **fields):
    """The checkout page that is open, filled in and sent."""
    form = {**visitor.form("/checkout"), **ADDRESS, "action": "order",
            **fields}
    return visitor.post("/checkout", {n: v for n, v in form.items()
                                      if v is not None}, follow=follow)


def order_of(reply):
    """The order's id, of a 303 to its page or of the page itself."""
    if reply.status == 303:
        return re.search(r"/orders/([0-9a-z]{16})$",
                         reply.header("location"))[1]
    return re.search(r"Order ([0-9a-z]{16})", Page(reply).text)[1]


def cart_lines(shop, visitor):
    """Of the visitor's session: [(sku, quantity)]."""
    return rows(shop, "SELECT v.sku, l.quantity FROM session s "
                "JOIN cart_line l ON l.cart = s.cart "
                "JOIN variant v ON v.id = l.variant WHERE s.id = ? "
                "ORDER BY l.position", session_id(visitor))


def session_id(visitor):
    """The database's name for a cookie: its hash."""
    digest = hashlib.blake2b(visitor.cookies["sid"].encode(),
                             digest_size=32).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def signed(shop, purpose, text):
    """The storefront's keyed check over a purpose and a text, made here anew
    from what session.c promises."""
    with open(shop.path("secret")) as f:
        key = bytes.fromhex(f.read().strip())
    digest = hashlib.blake2b(purpose.encode() + b"\0" + text.encode(),
                             key=key, digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
