"""
fixture.py - the data of the bench: a catalogue, visitors with carts, rows that
wait in the outbox.  The same in each run: a number goes in, no chance.

    write_csv(path, 10_000)        # Shopify's product CSV, for init --catalog
    grow(db, 100)                  # a hundred times as many products, by SQL
    visitors(db, mac, 5000)        # sessions with a cart: who may place orders
    outbox(db, 100_000)            # sent and waiting events

A product's page is about 12 KB.  No apostrophe is in a text, for PHP
spells it &#039; in a page and the storefront &#39;, and no price ends in 0, for
JSON's 5.00 is PHP's 5: the pages are compared byte by byte.
"""
import base64
import contextlib
import csv
import fcntl
import hashlib
import hmac
import sqlite3
import time

SHELVES = ("Fiction", "Children", "Classics", "Reading Goods", "Stationery",
           "Gifts", "Prints", "Science", "Poetry", "Travel", "Cooking",
           "History")
WORDS = ("amber", "birch", "candle", "drift", "ember", "fallow", "garnet",
         "harbour", "inlet", "juniper", "kestrel", "lantern", "meadow",
         "nettle", "orchard", "pebble", "quarry", "russet", "saffron",
         "thistle")
SIZES = ("Small", "Medium", "Large")
BODY = ("A {0} thing for a {1} evening, made by people who keep {2} hours & "
        "answer their letters. It is heavier than it looks, lasts longer than "
        "you think, and goes with nearly everything that was ever put beside "
        "it.",
        "The {1} edition has a {2} back and corners that survive a shelf, a "
        "bag and a child. We have sold it since the shop had one room, and "
        "those who bought the first one come back for another, usually to "
        "give it away.",
        "Keep it dry, out of the sun and away from cats. If a {0} mark shows "
        "after years, that is what it is made of; a soft cloth takes care of "
        "it, and patience of the rest.")
BASE = 100000  # the first product's id


def product(i):
    """Number ${i}: (id, handle, title, paragraphs, vendor, shelves, image)."""
    a, b, c = WORDS[i % 20], WORDS[i // 20 % 20], WORDS[i // 400 % 20]
    title = f"{a.title()} & {b.title()} “{c}” {i}"
    shelves = [SHELVES[i % 12], SHELVES[(i // 12 + i + 5) % 12]]
    if shelves[0] == shelves[1]:
        shelves.pop()
    return (str(BASE + i), f"{a}-{b}-{c}-{i}", title,
            [text.format(a, b, c) for text in BODY], f"House of {c.title()}",
            shelves, f"/images/{a}-{b}.png")


def variants(i):
    """[(name, sku, price, compare_at, stock)]; each third has one only, each
    seventh has one that is sold out."""
    price = (500 + i * 37 % 9000) // 10 * 10 + 9
    names = [""] if i % 3 == 0 else SIZES
    return [(name, f"SKU-{i}-{n}", price + n * 250,
             price + n * 250 + 300 if i % 5 == 0 else 0,
             0 if i % 7 == 1 and n == len(names) - 1 else 900_000_000)
            for n, name in enumerate(names)]


def write_csv(path, products):
    columns = ("ID", "Handle", "Title", "Body (HTML)", "Vendor", "Type",
               "Tags", "Published", "Option1 Name", "Option1 Value",
               "Variant SKU", "Variant Inventory Tracker",
               "Variant Inventory Qty", "Variant Inventory Policy",
               "Variant Price", "Variant Compare At Price", "Image Src",
               "Image Position", "Image Alt Text")
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(columns)
        for i in range(products):
            ident, handle, title, body, vendor, shelves, image = product(i)
            for n, (name, sku, price, was, stock) in enumerate(variants(i)):
                own = (ident, handle, title, "".join(
                    f"<p>{p.replace('&', '&amp;')}</p>" for p in body),
                    vendor, shelves[0], ", ".join(shelves[1:]), "true")
                out.writerow(
                    (own if n == 0 else ("", handle, "", "", "", "", "", ""))
                    + ("Size" if name else "Title", name or "Default Title",
                       sku, "shopify", stock, "deny", f"{price / 100:.2f}",
                       f"{was / 100:.2f}" if was else "")
                    + ((image, "1", f"A {title}") if n == 0
                       else ("", "", "")))


@contextlib.contextmanager
def writing(path):
    """A connection that writes as the storefront's do: under the write gate."""
    with open(path + ".lock", "a") as lock, \
            contextlib.closing(sqlite3.connect(path, timeout=60)) as db:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield db


# ------------------------------------------------------------------- visitors

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Ours:
    """How the storefront signs sessions and forms (session.c)."""

    def __init__(self, secret_file):
        with open(secret_file) as f:
            self.secret = bytes.fromhex(f.read()[:64])

    def mac(self, purpose, text):
        return b64(hashlib.blake2b(f"{purpose}\0{text}".encode(),
                                   key=self.secret, digest_size=16).digest())

    def ident(self, token):
        return b64(hashlib.blake2b(token.encode(), digest_size=32).digest())

    def session(self, i):
        """(cookie's value, session's id, form's token) of number ${i}."""
        text = b64(hashlib.sha256(f"visitor {i}".encode()).digest())
        token = text + "." + self.mac("session", text)
        ident = self.ident(token)
        return token, ident, self.mac("form", ident)


class Theirs(Ours):
    """The same by SHA-256, which PHP and Node have at hand."""

    def __init__(self, secret):
        self.secret = secret.encode()

    def mac(self, purpose, text):
        return b64(hmac.digest(self.secret, f"{purpose}\0{text}".encode(),
                               "sha256")[:16])

    def ident(self, token):
        return b64(hashlib.sha256(token.encode()).digest())


def visitors(db, first, n, sign, lines=3, products=10_000):
    """Sessions ${first}.. with a cart of ${lines} lines, of the first
    ${products}, by SQL; [(cookie, form's token, form's key)].  sign: Ours or
    Theirs, which know how a shop makes them."""
    now = int(time.time())
    ids = [row[0] for row in db.execute(
        "SELECT MIN(id) FROM variant WHERE stock > 0 AND "
        "CAST(product AS INTEGER) < ? GROUP BY product", (BASE + products,))]
    made, sessions, carts, rows = [], [], [], []
    for i in range(first, first + n):
        token, ident, form = sign.session(i)
        cart = f"bench{i:021d}"
        sessions.append((ident, cart, now))
        carts.append((cart, now))
        for line in range(lines):
            rows.append((cart, ids[(i * 7 + line * 1301) % len(ids)],
                         line + 1))
        made.append((token, form, f"{i:026d}-{now}"))
    with db:
        db.executemany("INSERT INTO cart (id, revision, created_at, "
                       "changed_at) VALUES (?1, ?2, ?2, ?2)", carts)
        db.executemany("INSERT INTO cart_line (cart, variant, quantity, "
                       "position) VALUES (?, ?, 1, ?)", rows)
        db.executemany("INSERT INTO session (id, cart, email, phone, "
                       "first_name, last_name, created_at, seen_at) "
                       "VALUES (?1, ?2, '', '', '', '', ?3, ?3)", sessions)
    return made


# ----------------------------------------------------------------- more rows

def grow(db, times):
    """Makes the catalogue ${times} as large: each product is copied under other
    ids and handles; those of one copy are beside each other."""
    have = db.execute("SELECT COUNT(*) FROM product").fetchone()[0]
    copies = ("WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 "
              f"FROM n WHERE k < {int(times) - 1}) ")
    ident = f"CAST(CAST({{}} AS INTEGER) + {have} * k AS TEXT)"
    with db:
        db.execute(
            copies + "INSERT INTO product (id, handle, title, body, vendor, "
            "image, image_alt, published, position, search, changed_at) "
            f"SELECT {ident.format('id')}, handle || '-' || k, "
            "title || ' ' || k, body, vendor, image, image_alt, published, "
            f"position + {have} * k, title, changed_at FROM n, product")
        db.execute(
            copies + "INSERT INTO variant (product, name, sku, price, "
            "compare_at, stock, oversell, position) "
            f"SELECT {ident.format('product')}, name, sku || '-' || k, price, "
            "compare_at, stock, oversell, position FROM n, variant")
        db.execute(
            copies + "INSERT INTO product_category (product, slug, name, "
            f"position) SELECT {ident.format('product')}, slug, name, "
            "position FROM n, product_category")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def shrink(db, products):
    """Leaves the first ${products} of the catalogue."""
    with db:
        for column, table in (("product", "product_category"),
                              ("product", "variant"), ("id", "product")):
            db.execute(f"DELETE FROM {table} WHERE CAST({column} AS INTEGER) "
                       ">= ?", (BASE + products,))
    db.execute("VACUUM")


def outbox(db, rows):
    """Fills the outbox up to ${rows}: sent ones, and each hundredth dead."""
    have = db.execute("SELECT COUNT(*) FROM klaviyo_outbox").fetchone()[0]
    now = int(time.time())
    with db:
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT ?1 + 1 UNION ALL "
            "SELECT i + 1 FROM n WHERE i < ?2) "
            "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event, "
            "created_at, attempts, sent_at, error) "
            "SELECT 'Ordered Product/' || printf('%016x', "
            "(i * 2654435761) % 4294967296) || ':' || i, 'event', 1, "
            "CASE WHEN i % 100 = 0 THEN '{\"type\":\"profile\"}' ELSE '' END, "
            "CASE WHEN i % 100 = 0 THEN '{\"properties\":{}}' ELSE '' END, "
            "?3 - (?2 - i) % 8000000, 1, CASE WHEN i % 100 <> 0 THEN "
            "?3 - (?2 - i) % 8000000 END, CASE WHEN i % 100 = 0 THEN "
            "'HTTP 400' END FROM n WHERE i > ?1 AND i <= ?2",
            (have, rows, now))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
