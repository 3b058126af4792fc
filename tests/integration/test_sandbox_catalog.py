"""The catalogue of klaviyo-sandbox: bulk jobs that are polled to their end, what
each refuses, and the lists; each rule has a test that fails without it."""
import itertools

import pytest

from contract_kit import check_contract, needs_contract
from sandbox_fixture import (PLURALS, VARIANT, Sandbox, back_in_stock, job,
                             thing)


def path(what, doing):
    return f"/api/catalog-{what}-bulk-{doing}-jobs"


def post(s, what, doing, *things):
    return s.call("POST", path(what, doing), job(what, doing, *things))


def poll(s, what, doing, id):
    answer = s.get(f"{path(what, doing)}/{id}")
    assert answer.status == 200, answer.text
    return answer.json["data"]["attributes"]


def run(s, what, doing, *things):
    """A job to its end; its attributes then."""
    answer = post(s, what, doing, *things)
    assert answer.status == 202, answer.text
    id = answer.json["data"]["id"]
    for _ in range(10):
        a = poll(s, what, doing, id)
        if a["status"] == "complete":
            return a
    raise AssertionError(a)


def good(s, *args):
    a = run(s, *args)
    assert a["failed_count"] == 0 and not a["errors"], a
    return a


def shop(s):
    """A category, an item in it, two variants."""
    good(s, "category", "create", thing("category", "c1"))
    good(s, "item", "create", thing("item", "i1", price=19.5, custom_metadata={
        "Vendor": "A", "Rating": 4.5}, related=("categories", ["c1"])))
    good(s, "variant", "create", thing("variant", "v1"),
         thing("variant", "v2", inventory_quantity=0, inventory_policy=1))


def catalog(s):
    return s.get("/sandbox/catalog", headers={}).json


def ids(s, what, **query):
    return [r["id"].removeprefix(VARIANT) for page in s.follow(
        f"/api/catalog-{PLURALS[what]}", **query) for r in page["data"]]


# ---- jobs

def test_a_job_is_complete_when_it_was_asked_after(sandbox):
    answer = post(sandbox, "item", "create", thing("item", "i1"),
                  thing("item", "i2"))
    data = answer.json["data"]
    assert answer.status == 202 and data["type"] == "catalog-item-bulk-create-job"
    assert data["attributes"]["status"] == "queued"
    assert data["attributes"]["total_count"] == 2
    assert data["attributes"]["completed_at"] is None
    assert [r["id"] for r in data["relationships"]["items"]["data"]] == [
        VARIANT + "i1", VARIANT + "i2"]
    assert not catalog(sandbox)["items"]  # nobody has asked
    a = poll(sandbox, "item", "create", data["id"])
    assert a["status"] == "processing" and not catalog(sandbox)["items"]
    a = poll(sandbox, "item", "create", data["id"])
    assert (a["status"], a["completed_count"], a["failed_count"], a["errors"]) == (
        "complete", 2, 0, [])
    assert a["completed_at"]
    assert [i["id"] for i in catalog(sandbox)["items"]] == ["i1", "i2"]
    assert poll(sandbox, "item", "create", data["id"]) == a  # done once


@pytest.mark.parametrize("polls", [0, 1, 5])
def test_how_long_a_job_takes(polls):
    with Sandbox("--rate", "off", "--catalog-polls", polls) as s:
        data = post(s, "item", "create", thing("item", "i1")).json["data"]
        asked = 0
        while data["attributes"]["status"] != "complete":
            data["attributes"] = poll(s, "item", "create", data["id"])
            asked += 1
        assert asked == polls and ids(s, "item") == ["i1"]


def test_a_job_is_of_one_kind(sandbox):
    id = post(sandbox, "item", "create", thing("item", "i1")).json["data"]["id"]
    for other in (path("item", "delete"), path("variant", "create")):
        assert sandbox.get(f"{other}/{id}").status == 404
    assert sandbox.get(path("item", "create") + "/nosuch").status == 404


def test_items_first_then_their_variants(sandbox):
    """A job of variants that overtakes the one of their item fails."""
    item = post(sandbox, "item", "create", thing("item", "i1")).json["data"]["id"]
    a = run(sandbox, "variant", "create", thing("variant", "v1"))
    assert (a["completed_count"], a["failed_count"]) == (0, 1)
    error, = a["errors"]
    assert error["code"] == "not_found" and "i1" in error["detail"]
    for _ in range(2):
        poll(sandbox, "item", "create", item)
    good(sandbox, "variant", "create", thing("variant", "v1"))


@pytest.mark.parametrize("what,doing,bad,code", [
    ("item", "create", thing("item", "i1"), "duplicate"),
    ("item", "create", thing("item", "i9", related=("categories", ["c9"])),
     "not_found"),
    ("item", "update", thing("item", "i9", create=False, title="T"), "not_found"),
    ("item", "update", thing("item", "i1", create=False,
                             related=("categories", ["c9"])), "not_found"),
    ("item", "delete", "i9", "not_found"),
    ("variant", "create", thing("variant", "v1"), "duplicate"),
    ("variant", "create", thing("variant", "v9", related=("item", "i9")),
     "not_found"),
    ("variant", "update", thing("variant", "v9", create=False, price=1),
     "not_found"),
    ("variant", "delete", "v9", "not_found"),
    ("category", "create", thing("category", "c1"), "duplicate"),
    ("category", "create", thing("category", "c2", related=("items", ["i9"])),
     "not_found"),
    ("category", "update", thing("category", "c9", create=False, name="N"),
     "not_found"),
    ("category", "delete", "c9", "not_found")])
def test_an_error_is_of_one_and_the_others_go_on(sandbox, what, doing, bad, code):
    shop(sandbox)
    right = {"create": thing(what, "right"),
             "update": thing(what, f"{what[0]}1", create=False),
             "delete": f"{what[0]}1"}[doing]
    a = run(sandbox, what, doing, bad, right)
    assert (a["total_count"], a["completed_count"], a["failed_count"]) == (2, 1, 1)
    error, = a["errors"]
    assert error["code"] == code
    assert error["source"]["pointer"] == f"/data/attributes/{PLURALS[what]}/data/0"


def test_the_same_id_twice_in_one_job(sandbox):
    a = run(sandbox, "item", "create", thing("item", "i1"), thing("item", "i1"))
    assert (a["completed_count"], a["failed_count"]) == (1, 1)
    assert a["errors"][0]["source"]["pointer"].endswith("/1")


@pytest.mark.parametrize("what,doing", itertools.product(
    PLURALS, ["create", "update", "delete"]))
def test_100_at_once(sandbox, what, doing):
    some = [f"x{i}" if doing == "delete" else
            thing(what, f"x{i}", create=doing == "create") for i in range(101)]
    at = f"/data/attributes/{PLURALS[what]}/data"
    assert post(sandbox, what, doing, *some).pointers == [at]
    assert post(sandbox, what, doing).pointers == [at]
    assert post(sandbox, what, doing, *some[1:]).status == 202


def test_500_jobs_in_progress(sandbox):
    first = post(sandbox, "item", "delete", "i1").json["data"]["id"]
    for _ in range(499):
        assert post(sandbox, "item", "delete", "i1").status == 202
    answer = post(sandbox, "category", "delete", "c1")
    assert answer.status == 429 and answer.headers["Retry-After"] == "1"
    for _ in range(2):
        poll(sandbox, "item", "delete", first)
    assert post(sandbox, "category", "delete", "c1").status == 202


# ---- the shape

ITEM, VAR, CAT = (f"/data/attributes/{p}/data/0" for p in PLURALS.values())


def lacking(what, name):
    t = thing(what, "x")
    del t["attributes"][name]
    return t


@pytest.mark.parametrize("what,bad,pointer", [
    *[("item", lacking("item", n), f"{ITEM}/attributes/{n}")
      for n in ("external_id", "title", "description", "url")],
    *[("variant", lacking("variant", n), f"{VAR}/attributes/{n}")
      for n in ("external_id", "title", "description", "url", "sku",
                "inventory_quantity", "price")],
    *[("category", lacking("category", n), f"{CAT}/attributes/{n}")
      for n in ("external_id", "name")],
    *[("item", thing("item", "x", **{n: " "}), f"{ITEM}/attributes/{n}")
      for n in ("external_id", "title", "description", "url")],
    ("category", thing("category", "x", name=""), f"{CAT}/attributes/name"),
    ("variant", {k: v for k, v in thing("variant", "x").items()
                 if k != "relationships"}, f"{VAR}/relationships"),
    ("variant", thing("variant", "x", inventory_policy=3),
     f"{VAR}/attributes/inventory_policy"),
    ("variant", thing("variant", "x", inventory_quantity="3"),
     f"{VAR}/attributes/inventory_quantity"),
    ("item", thing("item", "x", price="9.99"), f"{ITEM}/attributes/price"),
    ("item", thing("item", "x", categories=["a"]), f"{ITEM}/attributes/categories"),
    ("item", thing("item", "x", integration_type="shopify"),
     f"{ITEM}/attributes/integration_type"),
    ("item", thing("item", "x", catalog_type="mine"),
     f"{ITEM}/attributes/catalog_type"),
    ("item", thing("item", "x", images="one.png"), f"{ITEM}/attributes/images"),
    ("item", thing("item", "x", published="yes"), f"{ITEM}/attributes/published"),
    ("item", thing("item", "x", custom_metadata={"A": {"B": 1}}),
     f"{ITEM}/attributes/custom_metadata/A"),
    ("item", thing("item", "x", custom_metadata={"A": "x" * 103000}),
     f"{ITEM}/attributes/custom_metadata")])
def test_create_refused(sandbox, what, bad, pointer):
    answer = post(sandbox, what, "create", bad)
    assert answer.status == 400 and answer.pointers == [pointer], answer.text
    assert not catalog(sandbox)["jobs"]


def test_ids_are_compound(sandbox):
    bare = thing("item", "x", create=False)
    bare["id"] = "x"
    answer = post(sandbox, "item", "update", bare)
    assert answer.pointers == [f"{ITEM}/id"]
    body = job("item", "delete", "x")
    body["data"]["attributes"]["items"]["data"][0]["id"] = "$custom:::$default:::"
    assert sandbox.call("POST", path("item", "delete"), body).pointers == [
        f"{ITEM}/id"]


def test_what_a_change_may_not_hold(sandbox):
    for what, name in (("item", "external_id"), ("variant", "catalog_type"),
                       ("category", "integration_type")):
        bad = thing(what, "x", create=False, **{name: "x"})
        answer = post(sandbox, what, "update", bad)
        assert answer.status == 400
        assert answer.pointers[0].endswith(f"/attributes/{name}")


# ---- what becomes of it

def test_the_lists(sandbox):
    shop(sandbox)
    item, = sandbox.get("/api/catalog-items").json["data"]
    assert item["type"] == "catalog-item" and item["id"] == VARIANT + "i1"
    a = item["attributes"]
    assert a["external_id"] == "i1" and a["price"] == 19.5 and a["published"] is True
    assert a["custom_metadata"] == {"Vendor": "A", "Rating": 4.5}
    assert a["created"] and a["updated"] and "integration_type" not in a
    variants = sandbox.get("/api/catalog-variants").json["data"]
    assert [v["attributes"]["inventory_quantity"] for v in variants] == [3, 0]
    assert variants[1]["attributes"]["inventory_policy"] == 1
    assert variants[0]["relationships"]["item"]["data"]["id"] == VARIANT + "i1"
    category, = sandbox.get("/api/catalog-categories").json["data"]
    assert category["attributes"]["name"] == "Category c1"
    assert catalog(sandbox)["items"][0]["categories"] == ["c1"]


def test_a_change_leaves_the_rest(sandbox):
    shop(sandbox)
    before = catalog(sandbox)["items"][0]["attributes"]
    good(sandbox, "item", "update", thing(
        "item", "i1", create=False, title="New", price=None, published=False))
    after = catalog(sandbox)["items"][0]
    assert after["attributes"] == {**before, "title": "New", "published": False,
                                   "updated": after["attributes"]["updated"]}
    assert after["categories"] == ["c1"]
    good(sandbox, "variant", "update", thing(
        "variant", "v1", create=False, inventory_quantity=0))
    variant = catalog(sandbox)["variants"][0]
    assert variant["attributes"]["inventory_quantity"] == 0
    assert variant["attributes"]["sku"] == "SKU-v1" and variant["item"] == "i1"


def test_categories_from_both_sides(sandbox):
    shop(sandbox)
    good(sandbox, "category", "create",
         thing("category", "c2", related=("items", ["i1"])))
    assert catalog(sandbox)["items"][0]["categories"] == ["c1", "c2"]
    good(sandbox, "item", "update", thing("item", "i1", create=False,
                                          related=("categories", ["c2"])))
    assert catalog(sandbox)["items"][0]["categories"] == ["c2"]
    good(sandbox, "category", "update", thing("category", "c2", create=False,
                                              related=("items", [])))
    assert catalog(sandbox)["items"][0]["categories"] == []


def test_deleting(sandbox):
    """An item takes its variants with it, a category leaves its items."""
    shop(sandbox)
    good(sandbox, "category", "delete", "c1")
    assert catalog(sandbox)["items"][0]["categories"] == []
    good(sandbox, "variant", "delete", "v1")
    assert ids(sandbox, "variant") == ["v2"]
    good(sandbox, "item", "delete", "i1")
    assert ids(sandbox, "item") == ids(sandbox, "variant") == []
    good(sandbox, "item", "create", thing("item", "i1"))  # anew
    assert ids(sandbox, "item") == ["i1"]


@pytest.mark.parametrize("what,f,expected", [
    ("item", f'any(ids,["{VARIANT}i1","{VARIANT}i9"])', ["i1"]),
    ("item", 'contains(title,"title I2")', ["i2"]),
    ("item", "equals(published,false)", ["i2"]),
    ("item", "equals(published,true)", ["i1"]),
    ("item", f'equals(category.id,"{VARIANT}c1")', ["i1"]),
    ("variant", f'equals(item.id,"{VARIANT}i1")', ["v1", "v2"]),
    ("variant", 'equals(sku,"SKU-v3")', ["v3"]),
    ("variant", f'equals(item.id,"{VARIANT}i1"),equals(sku,"SKU-v2")', ["v2"]),
    ("category", 'contains(name,"c1")', ["c1"]),
    ("category", f'equals(item.id,"{VARIANT}i1")', ["c1"]),
    ("category", f'equals(item.id,"{VARIANT}i2")', [])])
def test_filters(sandbox, what, f, expected):
    shop(sandbox)
    good(sandbox, "item", "create", thing("item", "i2", published=False))
    good(sandbox, "variant", "create", thing("variant", "v3", related=("item", "i2")))
    good(sandbox, "category", "create", thing("category", "c2"))
    assert ids(sandbox, what, filter=f) == expected


@pytest.mark.parametrize("what,name,value", [
    ("item", "filter", 'equals(sku,"x")'), ("item", "filter", 'equals(ids,"x")'),
    ("variant", "filter", 'equals(published,"true")'),
    ("category", "filter", "equals(published,true)"),
    ("item", "page[size]", "101"), ("item", "sort", "title")])
def test_bad_lists(sandbox, what, name, value):
    answer = sandbox.get(f"/api/catalog-{PLURALS[what]}", **{name: value})
    assert answer.status == 400 and answer.parameters == [name]


@pytest.mark.parametrize("sort", ["created", "-created"])
def test_pages(sandbox, sort):
    for first in range(0, 250, 50):
        good(sandbox, "item", "create",
             *[thing("item", f"i{first + k}") for k in range(50)])
    good(sandbox, "item", "delete", "i100", "i200")
    expected = [f"i{k}" for k in range(250) if k not in (100, 200)]
    pages = list(sandbox.follow("/api/catalog-items", sort=sort))
    assert [len(p["data"]) for p in pages] == [100, 100, 48]
    assert ids(sandbox, "item", sort=sort, page_size=30) == (
        expected if sort == "created" else expected[::-1])


def test_a_page_while_others_arrive(sandbox):
    good(sandbox, "item", "create", *[thing("item", f"i{k}") for k in range(10)])
    first = sandbox.get("/api/catalog-items", sort="-created", page_size=5).json
    good(sandbox, "item", "create", thing("item", "late"))
    rest = sandbox.get(first["links"]["next"][len(sandbox.url):]).json
    assert [r["attributes"]["external_id"] for r in rest["data"]] == [
        "i4", "i3", "i2", "i1", "i0"]


# ---- back in stock, restart, contract

def wait_for(s, variant):
    return s.call("POST", "/api/back-in-stock-subscriptions",
                  back_in_stock(variant))


def test_only_what_is_in_the_catalogue_comes_back(sandbox):
    assert wait_for(sandbox, "v9").status == 202  # there is no catalogue
    shop(sandbox)
    answer = wait_for(sandbox, "v9")
    assert answer.status == 404
    assert answer.pointers == ["/data/relationships/variant/data/id"]
    assert wait_for(sandbox, "v2").status == 202
    assert wait_for(sandbox, "v1").status == 202
    calls = sandbox.state["stock_calls"]
    assert [len(c["remarks"]) for c in calls] == [0, 0, 1]  # v1 is in stock


def test_the_catalogue_survives_a_restart(tmp_path):
    options = ["--rate", "off", "--data", tmp_path / "data"]

    def whole(s):
        c = catalog(s)
        c.pop("jobs"), c.pop("epoch"), c.pop("last")
        for t in itertools.chain(*[c[p] for p in PLURALS.values()]):
            t["attributes"].pop("created", 0), t["attributes"].pop("updated")
        return c

    with Sandbox(*options) as s:
        shop(s)
        good(s, "item", "update", thing("item", "i1", create=False, title="New"))
        good(s, "variant", "delete", "v1")
        post(s, "item", "create", thing("item", "never-polled"))
        before = whole(s)
    for _ in range(2):
        with Sandbox(*options) as s:
            assert whole(s) == before
            assert wait_for(s, "v1").status == 404
    with Sandbox(*options) as s:
        s.call("POST", "/sandbox/clear", headers={})
        assert whole(s) == {p: [] for p in PLURALS.values()}
        assert wait_for(s, "v1").status == 202


def test_the_page_is_told(sandbox):
    shop(sandbox)
    post(sandbox, "item", "create", thing("item", "i2"))
    status = sandbox.get("/sandbox/status", headers={}).json
    told = status["catalog"]
    assert [told[p] for p in PLURALS.values()] == [1, 2, 1]
    assert told["pending"] == 1 and len(told["jobs"]) == 4
    assert status["counts"]["catalog"] == 4
    call = sandbox.state["catalog_calls"][-1]
    assert call["job"] == told["jobs"][-1]["id"]
    assert (call["what"], call["doing"], call["count"]) == ("item", "create", 1)


@needs_contract
def test_contract_agrees(tmp_path):
    file = tmp_path / "record.jsonl"
    with Sandbox("--rate", "off", "--record", file) as s:
        shop(s)
        for what in PLURALS:
            good(s, what, "create", thing(what, "x"))
            good(s, what, "update", thing(what, "x", create=False))
            s.get(f"/api/catalog-{PLURALS[what]}")
        for what in PLURALS:
            run(s, what, "delete", "x")
        assert not s.state["refused"]
    check_contract(file)
