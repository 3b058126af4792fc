"""`storefront feed`: the catalogue as Klaviyo fetches it."""
import concurrent.futures
import json
import os
import stat
import xml.etree.ElementTree as ElementTree

import pytest

from harness import SANITIZED, WRAP, Shop
from shop_kit import checkout, execute, fill_cart, rows

JSON, XML = "/feed/catalog.json", "/feed/catalog.xml"
REQUIRED = ("id", "title", "link", "description", "image_link")


@pytest.fixture(scope="module")
def shop():
    with Shop(serve=False) as shop:
        yield shop


def test_json(shop):
    items = json.loads(shop.run("feed", "json").stdout)
    published = {id for id, in rows(shop, "SELECT id FROM product "
                                    "WHERE published = 1")}
    assert {item["id"] for item in items} == published
    assert len(items) == len(published) > 40
    for item in items:
        assert all(item[name].strip() for name in REQUIRED)
        assert item["link"].startswith(shop.url + "/products/")
        assert item["image_link"].startswith("http")
        assert isinstance(item["price"], (int, float))
        assert isinstance(item["inventory_quantity"], int)
        assert all(not isinstance(value, dict) for value in item.values())
    names = {item["id"]: item.get("categories", []) for item in items}
    for product in published:
        assert names[product] == [name for name, in rows(
            shop, "SELECT name FROM product_category WHERE product = "
            f"'{product}' ORDER BY position")]


def test_xml_says_the_same(shop):
    items = json.loads(shop.run("feed", "json").stdout)
    products = ElementTree.fromstring(shop.run("feed", "xml").stdout)
    assert products.tag == "Products" and len(products) == len(items)
    for item, product in zip(items, products):
        told = {field.tag: field.text for field in product}
        for name in REQUIRED:
            assert told[name] == item[name]
        assert float(told["price"]) == item["price"]
        assert told.get("categories") == (
            ",".join(name.replace(",", " ") for name in item["categories"])
            if "categories" in item else None)


def test_stock_and_what_is_left_out(shop):
    execute(shop, "UPDATE variant SET stock = 0 WHERE product = "
            "(SELECT id FROM product WHERE handle = 'moby-dick')")
    execute(shop, "UPDATE product SET image = '' "
            "WHERE handle = 'jane-eyre'")
    execute(shop, "UPDATE product SET published = 0 "
            "WHERE handle = 'wuthering-heights'")
    run = shop.run("feed", "json")
    items = {item["link"].rsplit("/", 1)[1]: item
             for item in json.loads(run.stdout)}
    assert items["moby-dick"]["inventory_quantity"] == 0
    assert items["moby-dick"]["inventory_policy"] == 1
    assert "jane-eyre" not in items and "image_link" in run.stderr
    assert "wuthering-heights" not in items
    execute(shop, "UPDATE variant SET oversell = 1 WHERE product = "
            "(SELECT id FROM product WHERE handle = 'moby-dick')")
    items = json.loads(shop.run("feed", "json").stdout)
    assert [item["inventory_policy"] for item in items
            if item["link"].endswith("/moby-dick")] == [2]


@pytest.mark.parametrize("stocks, total, policy", [
    ((5, -2, 4), 7, 1), ((-5, 0, 0), 0, 1),
    ((1, -9, 1), 0, 2),  # one can be bought
    ((2**62, 2**62, 2**62), 2**63 - 1, 1)])  # more than can be counted
def test_of_all_its_variants(shop, stocks, total, policy):
    product, = rows(shop, "SELECT product FROM variant GROUP BY product "
                    "HAVING COUNT(*) > 1 ORDER BY product")[0]
    execute(shop, f"DELETE FROM variant WHERE product = '{product}'")
    for i, stock in enumerate(stocks):
        execute(shop, "INSERT INTO variant (product, name, sku, price, "
                "compare_at, stock, oversell, position) VALUES "
                f"('{product}', 'n{i}', 's{i}', {(3, 1, 2)[i] * 1000}, 0, "
                f"{stock}, 0, {i})")
    item, = (item for item in json.loads(shop.run("feed", "json").stdout)
             if item["id"] == product)
    assert (item["price"], item["inventory_quantity"]) == (10, total)
    assert item["inventory_policy"] == policy


def test_into_a_file(shop):
    path = os.path.join(shop.mkdir("feeds"), "catalog.json")
    told = shop.run("feed", "json", "-o", path).stdout
    assert f"{len(json.load(open(path)))} items" in told
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644
    before = open(path).read()
    run = shop.run("feed", "json", "-o", path, check=False,
                   env={"STOREFRONT_DB": shop.path("none")})
    assert run.returncode == 1 and "as it was" in run.stderr
    assert open(path).read() == before
    assert os.listdir(shop.path("feeds")) == ["catalog.json"]
    run = shop.run("feed", "json", "-o", "/nonexistent/feed", check=False)
    assert run.returncode == 1 and "/nonexistent/feed" in run.stderr
    assert shop.run("feed", "csv", check=False).returncode == 2
    assert shop.run("feed", check=False).returncode == 2
    run = shop.run("feed", "json", "-o", "", check=False)
    assert run.returncode == 2 and "-o FILE" in run.stderr


def many(shop, count, words=1):
    """A catalogue of so many products: its file."""
    return shop.write(
        "many.csv", "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,"
        "Variant SKU,Variant Price,Image Src\n" + "".join(
            f"p-{i},Product {i},{'Words ' * words},V,T,,TRUE,S{i},"
            f"{i % 90 + 1}.50,https://x.example/{i}.png\n"
            for i in range(count)))


def test_many_products(shop):
    """A batch after the other: all of them, once, whatever their ids."""
    path = many(shop, 2600)
    shop.run("init", "--catalog", path)
    items = json.loads(shop.run("feed", "json").stdout)
    links = [item["link"].rsplit("/", 1)[1] for item in items]
    assert len(links) == len(set(links))
    assert {f"p-{i}" for i in range(2600)} <= set(links)


# ------------------------------------------------------------------ the route

@pytest.mark.parametrize("way", ["nginx", "apache", "apache-cgi"])
def test_served(way):
    with Shop(way) as shop:
        for path, kind in ((JSON, "json"), (XML, "xml")):
            for time in (1, 2):
                reply = shop.get(path)
                assert reply.status == 200
                assert reply.header("Content-Type").startswith(
                    "application/" + kind)
                assert reply.body.decode() == shop.run("feed", kind).stdout
                # Not told is the length of what is still being written; nginx
                # keeps what it was told.
                length = reply.header("Content-Length")
                assert length == (str(len(reply.body)) if way == "apache-cgi"
                                  or way == "apache" and time == 2 else "")
                assert "public" in reply.header("Cache-Control")
                assert not reply.all("Set-Cookie")
            head = shop.request("HEAD", path)
            assert head.status == 200 and head.body == b""
            assert head.header("ETag") == reply.header("ETag")


def test_not_modified_and_never_stale():
    with Shop("apache") as shop:
        first = shop.get(JSON)
        tag, date = first.header("ETag"), first.header("Last-Modified")
        for headers in ({"If-None-Match": tag}, {"If-Modified-Since": date}):
            reply = shop.get(JSON, headers)
            assert reply.status == 304 and reply.body == b""
            assert reply.header("ETag") == tag
        for headers in ({"If-None-Match": '"x"', "If-Modified-Since": date},
                        {"If-Modified-Since": "yesterday"},
                        {"If-Modified-Since":
                         "Sat, 01 Jan 2000 00:00:00 GMT"}):
            assert shop.get(JSON, headers).status == 200

        def changed(what):
            nonlocal tag
            reply = shop.get(JSON, {"If-None-Match": tag})
            assert reply.status == 200, what
            tag = reply.header("ETag")
            return reply.body
        execute(shop, "UPDATE variant SET price = price + 1 WHERE id = "
                "(SELECT MAX(id) FROM variant)")
        changed("a price")
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        checkout(visitor)
        changed("an order took from the stock")
        last, other = (id for id, in rows(
            shop, "SELECT id FROM variant ORDER BY id DESC LIMIT 2"))
        for by, id in ((-1, other), (1, last), (65521, last)):
            execute(shop, f"UPDATE variant SET stock = stock + {by} "
                    f"WHERE id = {id}")
            changed(f"{by} in stock")
        # By weights of the ids, these two would be nothing together.
        execute(shop, f"UPDATE variant SET stock = stock + CASE WHEN id = "
                f"{last} THEN {other} ELSE -{last} END "
                f"WHERE id IN ({last}, {other})")
        changed("two stocks at once")
        for what, value in (("title", "Other"), ("body", "Another text"),
                            ("image", "https://x.example/other.png"),
                            ("handle", "moby-dick-2"), ("handle", "moby-dick")):
            execute(shop, f"UPDATE product SET {what} = ? "
                    "WHERE handle IN ('moby-dick', 'moby-dick-2')", value)
            assert value.encode() in changed(what), what
        execute(shop, "UPDATE product_category SET name = 'Elsewhere' WHERE "
                "product = (SELECT id FROM product WHERE handle = 'moby-dick')")
        assert b'"Elsewhere"' in changed("a category")
        execute(shop, "UPDATE variant SET oversell = 1 - oversell WHERE "
                "product = (SELECT id FROM product WHERE handle = 'moby-dick')")
        changed("what is sold without stock")
        execute(shop, "UPDATE product SET published = 0 "
                "WHERE handle = 'moby-dick'")
        assert b'"Other"' not in changed("a product that is gone")
        # And by nothing else, nor is the catalogue written anew for it.
        execute(shop, "UPDATE product SET changed_at = changed_at + 1")
        fill_cart(shop.visitor(), shop, [("WINNIEPOOH", 1)])
        assert shop.get(JSON, {"If-None-Match": tag}).status == 304


def test_two_changes_in_one_second():
    """Who asks by the date only is not told that it is the same."""
    with Shop("apache") as shop:
        for _ in range(20):
            former = shop.get(JSON)
            execute(shop, "UPDATE variant SET price = price + 1")
            reply = shop.get(JSON, {"If-Modified-Since":
                                    former.header("Last-Modified")})
            assert reply.status == 200
            assert reply.header("ETag") != former.header("ETag")
            execute(shop, "UPDATE variant SET price = price + 1")
            again = shop.get(JSON, {"If-Modified-Since":
                                    reply.header("Last-Modified")})
            assert again.status == 200
            if former.header("Date") == again.header("Date"):
                break


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def grown(count):
    """By how much the peak of the web process grows when a catalogue of so
    many products is fetched by several at once, and how long the feed is."""
    # Not nginx, which would fetch it once; and no more threads than are at it,
    # for each that ever was has a page cache.
    with Shop("apache", env={"STOREFRONT_THREADS": "4"}) as shop:
        assert shop.get(JSON).status == 200
        shop.run("init", "--catalog", many(shop, count, 80))
        pid = shop.programs["storefront"].pid
        before = resident(pid)
        assert shop.get(JSON).status == 200
        assert shop.get(XML).status == 200
        most = quiet = 0
        while quiet < 5:  # until each thread has had its turn
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                bodies = list(pool.map(lambda _: shop.get(JSON).body,
                                       range(16)))
            quiet = quiet + 1 if resident(pid) == most else 0
            most = resident(pid)
        assert len(set(bodies)) == 1
        assert len(json.loads(bodies[0])) > count
        more = most - before
        print(f"{count} products, {len(bodies[0])} bytes, {more} bytes more")
        return more, len(bodies[0])


def test_memory_does_not_grow_with_the_catalogue():
    """5,000 products and 20,000 (100,000 with SOAK=1) cost the same: each
    thread's page cache, and one batch of products."""
    few, short = grown(5000)
    many, long = grown(100000 if os.environ.get("SOAK") else 20000)
    assert long > 3 * short
    if not WRAP and not SANITIZED:
        # Of what one feed has more than the other, nobody holds even half; a
        # thread's heap may have grown here and not there.
        assert many - few < (long - short) / 2
