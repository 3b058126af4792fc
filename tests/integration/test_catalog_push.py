"""`storefront catalog push`: what has changed, in jobs, to the Catalog API."""
import json
import os
import signal
import subprocess
import urllib.request

import pytest

from catalog_fake import CatalogFake
from contract_kit import check_contract
from harness import SANITIZED, WRAP, Shop, wait_for
from shop_kit import execute, one, rows

HEAD = ("ID,Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,"
        "Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty,"
        "Image Src\n")


def csv(products, variants=("Paperback", "Hardback"), body="Words"):
    return HEAD + "".join(
        f"id{i},p-{i},Product {i},{body},V,Fiction,,TRUE,Binding,{v},"
        f"S{i}{v[0]},{i % 90 + 1}.50,3,https://x.example/{i}.png\n"
        for i in range(products) for v in variants)


@pytest.fixture
def klaviyo():
    with CatalogFake() as fake:
        yield fake
        check_fake(fake)


def check_fake(fake):
    if fake.requests:
        check_contract(text="".join(json.dumps(r) + "\n"
                                    for r in fake.requests))


@pytest.fixture
def shop(klaviyo):
    with Shop(serve=False, env={"KLAVIYO_CATALOG": "api"}) as shop:
        shop.env["KLAVIYO_API_URL"] = klaviyo.url
        yield shop


def delete(shop, where="1 = 1"):
    for table in ("variant", "product_category", "product"):
        column = "id" if table == "product" else "product"
        execute(shop, f"DELETE FROM {table} WHERE "
                + where.replace("ID", column))


def load(shop, text):
    delete(shop)
    shop.run("init", "--catalog", shop.write("catalog.csv", text))


def push(shop, *options, code=0):
    done = shop.run("catalog", "push", *options, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def tally(done):
    """{"items": (created, updated, deleted), ..}"""
    return {line.split(":")[0]: tuple(
        int(word) for word in line.replace(",", " ").split() if word.isdigit())
        for line in done.stdout.splitlines() if ": " in line}


def test_everything_and_then_nothing(shop, klaviyo):
    done = push(shop)
    items = rows(shop, "SELECT id FROM product WHERE published = 1")
    variants = rows(shop, "SELECT v.id FROM variant v JOIN product p "
                    "ON p.id = v.product WHERE p.published = 1")
    assert tally(done) == {"items": (len(items), 0, 0),
                           "variants": (len(variants), 0, 0)}
    assert set(klaviyo.items) == {id for id, in items}
    assert len(klaviyo.variants) == len(variants) > len(items)
    # Of an item, what the shop says; and of a variant.
    id, price, title = rows(
        shop, "SELECT p.id, MIN(v.price), p.title FROM product p "
        "JOIN variant v ON v.product = p.id WHERE p.handle = 'moby-dick' "
        "GROUP BY p.id, p.title")[0]
    item = klaviyo.items[id]
    assert item["price"] == price / 100 and item["title"] == title
    assert item["url"] == shop.url + "/products/moby-dick"
    assert item["image_full_url"].startswith("http") and item["published"]
    name, stock = rows(shop, "SELECT name, stock FROM variant "
                       "WHERE sku = 'MOBY-PB'")[0]
    variant = klaviyo.variants[f"{id}:{name}"]
    assert variant["sku"] == "MOBY-PB" and variant["item"] == id
    assert variant["inventory_quantity"] == stock
    assert variant["inventory_policy"] == 1
    # The second time there is nothing to do, and nobody is asked.
    asked = len(klaviyo.requests)
    assert tally(push(shop)) == {"items": (0, 0, 0), "variants": (0, 0, 0)}
    assert len(klaviyo.requests) == asked


def test_only_what_changed(shop, klaviyo):
    load(shop, csv(5))
    push(shop)
    del klaviyo.jobs[:]
    # A sale is a variant's news; a title everybody's.
    execute(shop, "UPDATE variant SET stock = 2 WHERE sku = 'S1P'")
    execute(shop, "UPDATE product SET title = 'Other' WHERE id = 'id2'")
    execute(shop, "DELETE FROM variant WHERE sku = 'S3H'")
    delete(shop, "ID = 'id4'")
    dry = push(shop, "--dry-run")
    assert not klaviyo.jobs
    done = push(shop)
    assert tally(done) == {"items": (0, 1, 1), "variants": (0, 3, 3)}
    assert dry.stdout.replace("would be ", "") == done.stdout
    # Variants go before their item.
    assert [job[:2] for job in klaviyo.jobs] == [
        ("variant", "delete"), ("item", "delete"), ("item", "update"),
        ("variant", "update")]
    assert sorted(klaviyo.jobs[0][2]) == ["id3:Hardback", "id4:Hardback",
                                          "id4:Paperback"]
    assert klaviyo.items["id2"]["title"] == "Other"
    assert klaviyo.variants["id1:Paperback"]["inventory_quantity"] == 2
    # The same catalogue, loaded anew: the ids are what they were.
    load(shop, csv(5))
    del klaviyo.jobs[:]
    push(shop)
    assert sorted(klaviyo.variants) == sorted(
        f"id{i}:{v}" for i in range(5) for v in ("Hardback", "Paperback"))
    assert {step for _, step, _ in klaviyo.jobs} == {"create", "update"}


def test_unpublished_is_kept_and_hidden(shop, klaviyo):
    load(shop, csv(2))
    execute(shop, "UPDATE product SET published = 0 WHERE id = 'id1'")
    push(shop)
    assert set(klaviyo.items) == {"id0"}  # it was never there
    execute(shop, "UPDATE product SET published = 0 WHERE id = 'id0'")
    assert tally(push(shop)) == {"items": (0, 1, 0), "variants": (0, 2, 0)}
    assert klaviyo.items["id0"]["published"] is False
    assert klaviyo.variants["id0:Hardback"]["published"] is False


def test_names_that_could_be_mixed_up(shop, klaviyo):
    """a:b's only variant is not a's variant b."""
    load(shop, HEAD
         + "a,a,A,x,V,T,,TRUE,Size,b,S1,1.00,1,https://x.example/1.png\n"
         + "a:b,ab,AB,x,V,T,,TRUE,,,S2,1.00,1,https://x.example/1.png\n"
         + "a%3Ab,ab2,AB2,x,V,T,,TRUE,,,S3,1.00,1,https://x.example/1.png\n")
    push(shop)
    assert sorted(klaviyo.items) == ["a", "a%3Ab", "a:b"]
    assert sorted(klaviyo.variants) == ["a%253Ab", "a%3Ab", "a:b"]


def test_jobs_of_a_hundred(shop, klaviyo):
    load(shop, csv(250, body="x" * 400))
    klaviyo.polls = 2
    push(shop)
    assert [(kind, step, len(ids)) for kind, step, ids in klaviyo.jobs] == [
        ("item", "create", n) for n in (100, 100, 50)] + [
        ("variant", "create", 100)] * 5
    assert 1 < klaviyo.most_open <= 500
    # Long texts: a body stays below 5 MB, which the fake insists on.
    delete(shop, "ID NOT LIKE 'id1%' OR ID = 'id1'")
    execute(shop, "UPDATE product SET body = ?", "é" * 40000)
    push(shop)
    assert len(klaviyo.items) == 110
    assert all(len(item["description"]) == 40000
               for item in klaviyo.items.values())


def test_killed_between_jobs(shop, klaviyo):
    """What has ended is not repeated; what was under way is, once."""
    load(shop, csv(700, variants=("Paperback",)))
    klaviyo.hold(3)
    process = subprocess.Popen(
        shop.storefront("catalog", "push"), cwd=shop.dir,
        env={**shop.env, **shop.secrets}, stdout=subprocess.DEVNULL,
        user=shop.user.pw_uid if shop.user else None)
    assert klaviyo.held.wait(60)
    # Another one at the same time would overtake it.
    other = push(shop, code=1)
    assert "another push is going on" in other.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert one(shop, "SELECT COUNT(*) FROM catalog_pushed") == 300
    klaviyo.left = None
    before = len(klaviyo.jobs)
    done = push(shop)
    assert len(klaviyo.items) == len(klaviyo.variants) == 700
    again = [ids for kind, step, ids in klaviyo.jobs[before:]
             if kind == "item" and step == "create"]
    assert sum(len(ids) for ids in again) == 400
    assert not set(sum(again, [])) & set(sum(
        (ids for _, _, ids in klaviyo.jobs[:3]), []))
    assert tally(done)["items"][0] == 400
    assert tally(push(shop)) == {"items": (0, 0, 0), "variants": (0, 0, 0)}


def test_errors_are_told_by_product(shop, klaviyo):
    load(shop, csv(30))
    klaviyo.refuse = lambda kind, step, id: id in (
        "id7", "id9:Hardback") and f"The url of {id} is bad."
    done = push(shop, code=1)
    lines = done.stderr.splitlines()
    assert lines == [
        "storefront: product id7 not created: The url of id7 is bad.",
        'storefront: variant of id9, "Hardback", not created: '
        "The url of id9:Hardback is bad."]
    assert tally(done)["items"] == (29, 0, 0)
    assert tally(done)["variants"] == (57, 0, 0)
    # Mended, the next push makes up for it.
    klaviyo.refuse = lambda *_: None
    assert tally(push(shop)) == {"items": (1, 0, 0), "variants": (3, 0, 0)}


def test_errors_that_do_not_say_whose_they_are(shop, klaviyo):
    """The job is halved until it is clear."""
    load(shop, csv(20, variants=("Paperback",)))
    klaviyo.pointers = False
    klaviyo.refuse = lambda kind, step, id: id == "id12" and "Bad."
    done = push(shop, code=1)
    assert "product id12 not created: Bad." in done.stderr
    assert len(klaviyo.items) == len(klaviyo.variants) == 19


def test_a_whole_job_refused(shop, klaviyo):
    load(shop, csv(100, variants=("Paperback",)))
    klaviyo.refuse_job = lambda kind, step, ids: "id42" in ids and 400
    done = push(shop, code=1)
    assert len(done.stderr.splitlines()) == 1
    assert "product id42 not created:" in done.stderr
    assert "This job is no good." in done.stderr
    assert len(klaviyo.items) == len(klaviyo.variants) == 99


def test_a_lost_table_and_a_lost_catalogue(shop, klaviyo):
    """What exists is updated, and what is gone is created."""
    load(shop, csv(120))
    push(shop)
    execute(shop, "DELETE FROM catalog_pushed")
    execute(shop, "UPDATE product SET title = 'Other' WHERE id = 'id5'")
    done = push(shop)
    assert tally(done) == {"items": (0, 120, 0), "variants": (0, 240, 0)}
    assert klaviyo.items["id5"]["title"] == "Other"
    assert tally(push(shop)) == {"items": (0, 0, 0), "variants": (0, 0, 0)}
    # Somebody has emptied the catalogue at Klaviyo.
    klaviyo.items.clear()
    klaviyo.variants.clear()
    done = push(shop, "--all")
    assert tally(done) == {"items": (120, 0, 0), "variants": (240, 0, 0)}
    assert len(klaviyo.variants) == 240
    # An item went, and with it its variants; the shop deletes others.
    del klaviyo.items["id1"], klaviyo.items["id2"]
    del klaviyo.variants["id2:Hardback"]
    delete(shop, "ID = 'id2'")
    execute(shop, "UPDATE variant SET stock = 9 WHERE product = 'id1'")
    execute(shop, "UPDATE product SET title = 'New' WHERE id = 'id1'")
    push(shop)
    assert klaviyo.items["id1"]["title"] == "New"
    assert klaviyo.variants["id1:Hardback"]["inventory_quantity"] == 9
    assert not rows(shop, "SELECT * FROM catalog_pushed "
                    "WHERE product = 'id2'")


def test_429_is_waited_for(shop, klaviyo):
    load(shop, csv(3))
    klaviyo.wait = 2
    push(shop)
    assert len(klaviyo.items) == 3


def test_klaviyo_is_away(shop, klaviyo):
    """One line that says what to do; nothing is noted that was not done."""
    load(shop, csv(3))
    klaviyo.refuse_job = lambda kind, *_: kind == "variant" and 403
    done = push(shop, code=1)
    assert len(done.stderr.splitlines()) == 1
    assert "catalogs:write" in done.stderr and "run it again" in done.stderr
    assert rows(shop, "SELECT DISTINCT kind FROM catalog_pushed") == [
        ("item",)]
    klaviyo.refuse_job = lambda *_: None
    assert tally(push(shop)) == {"items": (0, 0, 0), "variants": (6, 0, 0)}


def test_one_or_the_other(shop, klaviyo):
    shop.env["KLAVIYO_CATALOG"] = "feed"
    done = push(shop, code=1)
    assert "turn the feed off in Klaviyo" in done.stderr
    assert not klaviyo.requests
    assert push(shop, "--dry-run").stdout.startswith("items: ")
    for wrong in (["push", "--now"], [], ["pull"]):
        assert shop.run("catalog", *wrong, check=False).returncode == 2
    shop.env["KLAVIYO_CATALOG"] = "both"
    done = shop.run("catalog", "push", check=False)
    assert done.returncode == 2 and "feed, or api" in done.stderr


def told(shop, what):
    with urllib.request.urlopen(f"{shop.sandbox_url}/sandbox/{what}",
                                timeout=60) as reply:
        return json.load(reply)


def test_by_the_sandbox():
    """Klaviyo's own rules: what is new, sold and gone; a lost table; and one
    who waits for a variant that Klaviyo has from a push."""
    with Shop("nginx", env={"KLAVIYO_CATALOG": "api"}) as shop:
        record = shop.path("record.jsonl")
        shop.start_sandbox(["--record", record])
        push(shop)
        variants = rows(shop, "SELECT p.id, v.name, v.stock, v.price "
                        "FROM variant v JOIN product p ON p.id = v.product "
                        "WHERE p.published = 1")

        def there():
            catalog = told(shop, "catalog")
            assert {v["item"] for v in catalog["variants"]} == {
                i["id"] for i in catalog["items"]}
            return {v["id"]: {name: value for name, value
                              in v["attributes"].items() if name != "updated"}
                    for v in catalog["variants"]}
        assert {(id, v["inventory_quantity"], v["price"])
                for id, v in there().items()} == {
            (f"{id}:{name}" if name else id, stock, price / 100)
            for id, name, stock, price in variants}
        sold = one(shop, "SELECT id FROM variant WHERE sku = 'MOBY-PB'")
        execute(shop, "UPDATE variant SET stock = 0 WHERE id = ?", sold)
        gone = one(shop, "SELECT id FROM product WHERE handle = 'jane-eyre'")
        delete(shop, f"ID = '{gone}'")
        done = tally(push(shop))
        assert done["items"] == (0, 0, 1) and done["variants"][:2] == (0, 1)
        assert not [id for id in there() if id.split(":")[0] == gone]
        execute(shop, "DELETE FROM catalog_pushed")
        before = there()
        assert tally(push(shop))["variants"] == (0, len(before), 0)
        assert there() == before
        shop.visitor().post("/back-in-stock", {
            "variant": sold, "email": "sarah.mason@klaviyo-demo.com"})
        shop.start_worker()
        wait_for(lambda: one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                             "WHERE sent_at IS NOT NULL") == 1,
                 "the subscription to be sent")
        assert "MOBY-PB" in [
            before[id]["sku"] for id in before
            if id in json.dumps(told(shop, "stock"))]
        with open(record) as file:
            check_contract(text=file.read())


def doctor(shop):
    """What it says of the catalogue."""
    return [line for line in shop.run("doctor", check=False).stdout.split("\n")
            if line.startswith(("ok    catalogue", "WRONG catalogue",
                                "note  catalogue", "note  somebody"))]


def test_doctor_and_the_way_back(klaviyo):
    """Both at once is what Klaviyo does not take: it is said, and ended."""
    with Shop("nginx", env={"KLAVIYO_API_URL": klaviyo.url}) as shop:
        load(shop, csv(3))
        assert doctor(shop)[0].startswith("ok    catalogue, by the feed")
        assert shop.get("/feed/catalog.json").status == 200
        shop.env["KLAVIYO_CATALOG"] = "api"
        assert doctor(shop)[0].startswith("WRONG catalogue: nothing was")
        push(shop)
        assert doctor(shop)[0].startswith("ok    catalogue, pushed 0 min ago")
        # By cron, or what Klaviyo shows grows old.
        pushed = one(shop, "SELECT value FROM meta WHERE name = "
                     "'catalog push'")
        for hours, said in ((23, "ok    catalogue, pushed 1380 min ago"),
                            (50, "note  catalogue, pushed 50 h ago: ")):
            execute(shop, "UPDATE meta SET value = ? WHERE name = "
                    "'catalog push'", str(int(pushed) - hours * 3600))
            assert doctor(shop)[0].startswith(said)
        shop.env["KLAVIYO_CATALOG"] = "feed"
        said, = doctor(shop)
        assert said.startswith("WRONG") and "9 items and variants" in said
        assert "catalog clear" in said
        dry = shop.run("catalog", "clear", "--dry-run").stdout
        assert len(klaviyo.items) == 3
        assert shop.run("catalog", "clear").stdout == dry.replace(
            "would be ", "")
        assert not klaviyo.items and not klaviyo.variants
        assert [job[:2] for job in klaviyo.jobs[-2:]] == [
            ("variant", "delete"), ("item", "delete")]
        assert doctor(shop)[0].startswith("ok    catalogue, by the feed")


@pytest.mark.parametrize("way", ["nginx", "apache-cgi"])
def test_pushed_there_is_no_feed(way):
    with Shop(way, env={"KLAVIYO_CATALOG": "api"}) as shop:
        assert not any("fetches the feed" in line for line in doctor(shop))
        for path in ("/feed/catalog.json", "/feed/catalog.xml"):
            reply = shop.get(path)
            assert reply.status == 410 and not reply.header("ETag")
            assert reply.text.count("\n") == 1 and "KLAVIYO_CATALOG" in \
                reply.text
            assert shop.request("HEAD", path).status == 410
        assert any("fetches the feed, 0 min ago" in line
                   for line in doctor(shop))
        # By hand it can still be made, and is said to be one too many.
        done = shop.run("feed", "json")
        assert json.loads(done.stdout) and "do not let Klaviyo" in done.stderr


# Its own process is small: a child's peak begins with its parent's size.
MEASURE = ("import resource, subprocess, sys\n"
           "code = subprocess.run(sys.argv[1:], stdout=2).returncode\n"
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
           "sys.exit(code)")


def peak(shop, *arguments):
    done = subprocess.run(
        ["/usr/bin/python3", "-c", MEASURE,
         *shop.storefront("catalog", "push", *arguments)], cwd=shop.dir,
        env={**shop.env, **shop.secrets}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, check=True,
        user=shop.user.pw_uid if shop.user else None)
    return int(done.stdout)


def test_memory_does_not_grow_with_the_catalogue(shop, klaviyo):
    """The same peak for few products and for many: pushed, and, for Klaviyo's
    rate limit is minutes, a dry run of 100,000 with SOAK=1."""
    many = 100000 if os.environ.get("SOAK") else 15000
    for counts, options in (((5200, 7500), ()),
                            ((3000, many), ("--dry-run",))):
        peaks = []
        for count in counts:
            load(shop, csv(count, variants=("Paperback",),
                           body="word " * 80))
            execute(shop, "DELETE FROM catalog_pushed")
            klaviyo.items.clear(), klaviyo.variants.clear()
            peaks.append(peak(shop, *options))
        print(f"{counts} products {options}: peak KB {peaks}")
        assert WRAP or SANITIZED or peaks[1] < peaks[0] * 1.3
