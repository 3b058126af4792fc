"""What klaviyo-sandbox answers when it is asked: the account, its metrics, its
events by filter, sort and page; and what a key's scopes permit."""
import re
import subprocess

import pytest

from harness import SANITIZED
from sandbox_fixture import PROGRAM, Sandbox, bulk, event, profile


def fill(sandbox, n=10, metric="Placed Order", first=0, **who):
    """n events, the k-th at k minutes after noon; in a shuffled order."""
    order = sorted(range(first, first + n), key=lambda k: (k * 7919) % 101)
    for k in order:
        answer = sandbox.event(
            metric, f"{metric}-{k}", profile(**who) if who else None,
            time=f"2026-07-01T12:{k:02d}:00Z", properties={"N": k})
        assert answer.status == 202


def ids(page):
    return [e["attributes"]["event_properties"]["$event_id"]
            for e in page["data"]]


def metric_id(sandbox, name):
    return next(m["id"] for m in sandbox.get("/api/metrics").json["data"]
                if m["attributes"]["name"] == name)


# ---- account

@pytest.mark.parametrize("options,key", [([], "ABC123"),
                                         (["--public-key", "XyZ987"], "XyZ987")])
def test_account_is_that_of_the_public_key(options, key):
    with Sandbox("--clock-rate", "0.01", *options) as s:  # a second lasts 100
        answer = s.get("/api/accounts")
        account, = answer.json["data"]
        assert answer.status == 200 and account["type"] == "account"
        assert account["id"] == account["attributes"]["public_api_key"] == key
        assert account["attributes"]["preferred_currency"] == "USD"
        assert account["attributes"]["timezone"]
        assert s.get("/api/accounts").status == 429  # one a second


def test_accounts_are_asked_15_times_a_minute():
    with Sandbox("--clock-rate", "0.01") as s:
        answer = s.get("/api/accounts")
        assert answer.headers["RateLimit-Limit"] == "15"
        throttled = s.get("/api/accounts")
        assert throttled.status == 429 and throttled.headers["Retry-After"]


# ---- scopes

XS, M, L, XL, FORM = (1, 15), (10, 150), (75, 750), (350, 3500), (350, 750)
JOBS = [("item", "create", L), ("item", "update", L), ("item", "delete", XL),
        ("variant", "create", L), ("variant", "update", L),
        ("variant", "delete", XL), ("category", "create", XL),
        ("category", "update", XL), ("category", "delete", XL)]
# Every endpoint, its rate and its scopes, as Klaviyo's description has them.
ENDPOINTS = [
    ("GET", "/api/accounts", XS, "accounts:read"),
    ("GET", "/api/metrics", M, "metrics:read"),
    ("GET", "/api/events", XL, "events:read"),
    ("POST", "/api/events", XL, "events:write"),
    ("POST", "/api/event-bulk-create-jobs", M, "events:write"),
    ("GET", "/api/profiles", L, "profiles:read"),
    ("GET", "/api/profiles/{id}", L, "profiles:read"),
    ("POST", "/api/profiles", L, "profiles:write"),
    ("PATCH", "/api/profiles/{id}", L, "profiles:write"),
    ("POST", "/api/profile-import", L, "profiles:write"),
    ("POST", "/api/profile-merge", M, "profiles:write"),
    *[("POST", f"/api/profile-subscription-bulk-{d}-jobs", L,
       "lists:write profiles:write subscriptions:write")
      for d in ("create", "delete")],
    ("POST", "/api/back-in-stock-subscriptions", XL,
     "catalogs:write profiles:write"),
    *[("POST", f"/api/catalog-{w}-bulk-{d}-jobs", L, "catalogs:write")
      for w, d, _ in JOBS],
    *[("GET", f"/api/catalog-{w}-bulk-{d}-jobs/{{job_id}}", rate, "catalogs:read")
      for w, d, rate in JOBS],
    *[("GET", f"/api/catalog-{w}", XL, "catalogs:read")
      for w in ("items", "variants", "categories")],
    ("POST", "/client/events", XL, ""), ("POST", "/client/profiles", XL, ""),
    ("POST", "/client/event-bulk-create", M, ""),
    ("POST", "/client/subscriptions", FORM, ""),
    ("POST", "/client/back-in-stock-subscriptions", XL, "")]


def test_every_endpoint_has_its_rate(sandbox):
    assert {(w["method"], w["path"], w["burst"]["limit"], w["steady"]["limit"])
            for w in sandbox.state["windows"]} == {
        (method, path, *rate) for method, path, rate, _ in ENDPOINTS}


@pytest.mark.parametrize("missing", sorted(
    {s for e in ENDPOINTS for s in e[3].split()}))
def test_a_missing_scope_is_named(missing):
    every = {s for e in ENDPOINTS for s in e[3].split()}
    with Sandbox("--rate", "off", "--scopes",
                 ",".join(sorted(every - {missing}))) as s:
        for method, path, _, scopes in ENDPOINTS:
            path = path.split("{")[0] + ("x" if "{" in path else "")
            answer = s.call(method, path, {} if method != "GET" else None)
            assert (answer.status == 403) == (missing in scopes), path
            if answer.status == 403:
                error, = answer.json["errors"]
                assert error["code"] == "permission_denied"
                assert missing in error["detail"]


def test_a_browser_needs_no_scope():
    with Sandbox("--scopes", "metrics:read") as s:
        assert s.client("events", event()).status == 202


@pytest.mark.parametrize("scopes", ["", "events", "events:write,", "events:all",
                                    "events:write profiles:write"])
def test_scopes_are_names(scopes):
    done = subprocess.run([PROGRAM, "--scopes", scopes], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 2 and "--scopes" in done.stderr


# ---- metrics

def test_metrics_have_ids_of_their_names(sandbox):
    sandbox.event("Placed Order")
    sandbox.event("Ordered Product")
    sandbox.event("Dropped", who=profile(email="a@example.com"))
    page = sandbox.get("/api/metrics").json
    assert [m["attributes"]["name"] for m in page["data"]] == [
        "Placed Order", "Ordered Product"]
    first = page["data"][0]
    assert re.fullmatch("[A-Za-z0-9]{6}", first["id"])
    assert first["attributes"]["integration"]["name"] == "API"
    assert first["attributes"]["created"] <= first["attributes"]["updated"]
    with Sandbox() as other:
        other.event("Placed Order")
        assert metric_id(other, "Placed Order") == first["id"]


def test_metrics_are_counted(sandbox):
    fill(sandbox, 3)
    fill(sandbox, 2, "Fulfilled Order")
    metrics = sandbox.get("/sandbox/status", headers={}).json["metrics"]
    assert [(m["name"], m["id"], m["accepted"]) for m in metrics] == [
        (name, metric_id(sandbox, name), n)
        for name, n in (("Placed Order", 3), ("Fulfilled Order", 2))]


def test_metrics_filter(sandbox):
    sandbox.event()
    get = lambda f: sandbox.get("/api/metrics", filter=f)
    assert len(get('equals(integration.name,"API")').json["data"]) == 1
    assert not get('equals(integration.name,"Shopify")').json["data"]
    assert not get('equals(integration.category,"eCommerce")').json["data"]
    bad = get('equals(name,"Placed Order")')
    assert bad.status == 400 and bad.parameters == ["filter"]


def test_metrics_are_paged_by_200(sandbox):
    for first in (0, 100):
        events = [event(f"M{first + i}", "1") for i in range(100)]
        body = bulk((profile(external_id="a"), events))
        assert sandbox.call("POST", "/api/event-bulk-create-jobs", body).status == 202
    pages = list(sandbox.follow("/api/metrics"))
    assert [len(p["data"]) for p in pages] == [200]
    assert len({m["id"] for m in pages[0]["data"]}) == 200
    assert sandbox.get("/api/metrics", page_size=10).parameters == ["page[size]"]


# ---- events

def test_an_event_as_klaviyo_tells_it(sandbox):
    sandbox.event(time="2026-07-01T14:00:00+02:00", properties={
        "OrderId": "1", "Items": [{"SKU": "x"}], "Big": 9007199254740993})
    answer = sandbox.get("/api/events")
    e, = answer.json["data"]
    assert answer.status == 200 and e["type"] == "event"
    a = e["attributes"]
    assert a["timestamp"] == 1782907200
    assert a["datetime"] == "2026-07-01T12:00:00+00:00"
    assert a["event_properties"] == {
        "OrderId": "1", "Items": [{"SKU": "x"}], "Big": 9007199254740993,
        "$event_id": "order-1", "$value": 29.98, "$value_currency": "USD"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", a["uuid"])
    relationships = e["relationships"]
    assert relationships["metric"]["data"]["id"] == metric_id(
        sandbox, "Placed Order")
    assert relationships["profile"]["data"]["id"] == sandbox.state[
        "profiles"][0]["id"]
    assert answer.json["links"]["self"] == sandbox.url + "/api/events"


def test_only_accepted_events_are_held(sandbox):
    sandbox.event()
    sandbox.event()  # a duplicate
    sandbox.event(unique_id="2", who=profile(email="a@example.com"))  # dropped
    sandbox.event(unique_id="3", value="x")  # refused
    assert ids(sandbox.get("/api/events").json) == ["order-1"]


def test_order_of_time(sandbox):
    fill(sandbox, 10)
    up = [f"Placed Order-{k}" for k in range(10)]
    get = lambda **p: ids(sandbox.get("/api/events", **p).json)
    assert get(sort="datetime") == get(sort="timestamp") == up
    assert get(sort="-datetime") == get(sort="-timestamp") == up[::-1]
    assert get() == up[::-1]
    fill(sandbox, 5, first=10)  # what comes later is brought into the order
    assert get(sort="datetime") == up + [f"Placed Order-{k}" for k in range(10, 15)]
    sandbox.event(unique_id="early", time="2026-06-01T00:00:00Z")
    assert get(sort="datetime")[0] == "early"


@pytest.mark.parametrize("op,first,last", [
    ("greater-or-equal", 4, 9), ("greater-than", 5, 9),
    ("less-or-equal", 0, 4), ("less-than", 0, 3)])
def test_times_are_compared(sandbox, op, first, last):
    fill(sandbox, 10)
    expected = [f"Placed Order-{k}" for k in range(first, last + 1)]
    for f in (f"{op}(datetime,2026-07-01T12:04:00Z)",
              f"{op}(timestamp,{1782907200 + 240})"):
        assert ids(sandbox.get("/api/events", filter=f,
                               sort="datetime").json) == expected


def test_by_metric_and_profile(sandbox):
    fill(sandbox, 4)
    fill(sandbox, 4, "Fulfilled Order", email="b@klaviyo-demo.com")
    fill(sandbox, 2, first=20, email="b@klaviyo-demo.com")
    get = lambda f: set(ids(sandbox.get("/api/events", filter=f).json))
    placed = metric_id(sandbox, "Placed Order")
    b = sandbox.state["profiles"][1]["id"]
    assert len(get(f'equals(metric_id,"{placed}")')) == 6
    assert len(get(f'equals(profile_id,"{b}")')) == 6
    both = f'equals(metric_id,"{placed}"),equals(profile_id,"{b}")'
    assert get(both) == get(f"and({both})") == {"Placed Order-20",
                                                "Placed Order-21"}
    assert get(f"{both},less-than(datetime,2026-07-01T12:21:00Z)") == {
        "Placed Order-20"}
    assert not get('equals(metric_id,"nosuch")')
    assert not get('equals(profile_id,"nosuch")')


@pytest.mark.parametrize("bad", [
    "equals(metric_id,Abc123)", 'equals(metric_id,"a', 'equals(metric_id,"a"',
    'equals(name,"x")', 'starts-with(metric_id,"a")', 'any(metric_id,["a"])',
    "equals(datetime,2026-07-01T00:00:00Z)",
    'greater-than(datetime,"2026-07-01T00:00:00Z")',
    "greater-than(datetime,yesterday)", "greater-than(timestamp,2026-07-01)",
    "greater-than(timestamp,99999999999999999999)",
    'equals(metric_id,"a") equals(metric_id,"b")', 'and(equals(metric_id,"a")',
    'or(equals(metric_id,"a"),equals(metric_id,"b"))', "", "nonsense",
    ",".join(['equals(metric_id,"a")'] * 17)])
def test_a_bad_filter_is_named(sandbox, bad):
    answer = sandbox.get("/api/events", filter=bad)
    assert answer.status == 400 and answer.parameters == ["filter"]


@pytest.mark.parametrize("name,value", [
    ("sort", "name"), ("sort", "--datetime"), ("sort", ""),
    ("page[size]", "0"), ("page[size]", "1001"), ("page[size]", "x"),
    ("page[cursor]", "bm90IGEgY3Vyc29y"), ("fields[event]", "timestamp,name"),
    ("include", "attribution"), ("page[number]", "2"), ("limit", "5")])
def test_a_bad_parameter_is_named(sandbox, name, value):
    answer = sandbox.get("/api/events", **{name: value})
    assert answer.status == 400 and answer.parameters == [name]


@pytest.mark.parametrize("sort", ["datetime", "-datetime"])
def test_pages(sandbox, sort):
    fill(sandbox, 25)
    for k in range(5):  # of one second
        sandbox.event(unique_id=f"same-{k}", time="2026-07-01T12:10:00Z")
    f = "greater-or-equal(datetime,2026-07-01T12:05:00Z)"
    pages = list(sandbox.follow("/api/events", filter=f, sort=sort, page_size=7))
    whole = sandbox.get("/api/events", filter=f, sort=sort, page_size=1000).json
    assert [len(p["data"]) for p in pages] == [7, 7, 7, 4]
    assert [i for p in pages for i in ids(p)] == ids(whole)
    assert len(set(ids(whole))) == 25
    assert whole["links"]["next"] is None


def test_a_page_has_200_unless_asked(sandbox):
    for first in range(0, 1200, 600):
        events = [event(unique_id=str(first + i)) for i in range(600)]
        body = bulk((profile(external_id="a"), events))
        assert sandbox.call("POST", "/api/event-bulk-create-jobs", body).status == 202
    assert len(sandbox.get("/api/events").json["data"]) == 200
    assert len(sandbox.get("/api/events", page_size=1000).json["data"]) == 1000


def test_a_cursor_stays_good_and_is_of_its_query(sandbox):
    fill(sandbox, 10)
    first = sandbox.get("/api/events", sort="datetime", page_size=5).json
    after = first["links"]["next"][len(sandbox.url):]
    sandbox.event(unique_id="early", time="2026-06-01T00:00:00Z")
    assert ids(sandbox.get(after).json) == [f"Placed Order-{k}" for k in range(5, 10)]
    other = sandbox.get(after.replace("sort=datetime", "sort=-datetime"))
    assert other.status == 400 and other.parameters == ["page[cursor]"]


def test_fields_and_include(sandbox):
    fill(sandbox, 3)
    page = sandbox.get("/api/events", fields_event="timestamp,uuid",
                       include="metric,profile").json
    assert all(set(e["attributes"]) == {"timestamp", "uuid"} for e in page["data"])
    assert sorted(i["type"] for i in page["included"]) == ["metric", "profile"]
    who = next(i for i in page["included"] if i["type"] == "profile")
    assert who["attributes"]["email"] == "sarah.mason@klaviyo-demo.com"
    only = sandbox.get("/api/events", fields_metric="name", include="metric").json
    assert only["included"][0]["attributes"] == {"name": "Placed Order"}


def test_events_follow_their_person(sandbox):
    """A browser's visitor is identified later: its events are that profile's."""
    sandbox.client("events", event("Viewed Product", "v1", profile(_kx="kx-1")))
    sandbox.event(who=profile(email="a@klaviyo-demo.com", _kx="kx-1"))
    who = sandbox.call("GET", '/api/profiles?filter=equals(email,%22a@klaviyo-demo.com%22)'
                       ).json["data"][0]["id"]
    found = sandbox.get("/api/events", filter=f'equals(profile_id,"{who}")').json
    assert set(ids(found)) == {"v1", "order-1"}


def test_held_events_survive_the_log_and_a_restart(tmp_path):
    options = ["--rate", "off", "--keep", "3", "--data", tmp_path / "data"]
    with Sandbox(*options) as s:
        fill(s, 10)
        before = s.get("/api/events", sort="datetime").json["data"]
        assert len(before) == 10 and len(s.state["events"]) == 3
    with Sandbox(*options) as s:
        after = s.get("/api/events", sort="datetime").json["data"]
        assert [(e["id"], e["attributes"]) for e in after] == [
            (e["id"], e["attributes"]) for e in before]
        s.call("POST", "/sandbox/clear", headers={})
        assert not s.get("/api/events").json["data"]
        assert not s.get("/api/metrics").json["data"]


def test_no_place_for_the_events_is_told(tmp_path):
    done = subprocess.run([PROGRAM, "--listen", "127.0.0.1:0"], text=True,
                          capture_output=True, timeout=20,
                          env={"TMPDIR": str(tmp_path / "none")})
    assert done.returncode == 1 and "TMPDIR" in done.stderr
    assert done.stderr.count("\n") == 1


def memory(pid, what):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(what + ":"):
            return int(line.split()[1])


@pytest.mark.parametrize("orders", [10000])
def test_a_history_is_held_in_little_memory(orders):
    """Of every event some bytes stay in memory, however much it carries."""
    items = [{"ProductID": str(i), "SKU": f"SKU-{i}", "ProductName": "Winnie " * 6,
              "ProductURL": "https://shop.klaviyo-demo.com/products/" + "x" * 60,
              "ImageURL": "https://shop.klaviyo-demo.com/images/" + "y" * 90,
              "Quantity": 1, "ItemPrice": 9.99, "RowTotal": 9.99} for i in range(3)]
    with Sandbox("--rate", "off", "--keep", "10") as s:
        rss = []
        for first in range(0, orders, 200):
            groups = [(profile(external_id=f"c{k % 500}"), [
                event(m, f"{m}:{k}", properties={"OrderId": str(k), "Items": items},
                      time=f"2026-01-{k % 28 + 1:02d}T12:00:00Z")
                for m in ("Placed Order", "Fulfilled Order")])
                for k in range(first, first + 200)]
            answer = s.call("POST", "/api/event-bulk-create-jobs", bulk(*groups))
            assert answer.status == 202, answer.text
            rss.append(memory(s.process.pid, "VmRSS"))
        held = 2 * orders - 2 * orders // 4
        grown = (rss[-1] - rss[len(rss) // 4]) * 1024
        if not SANITIZED:
            assert grown / held < 400, f"{grown / held:.0f} bytes an event"
        placed = metric_id(s, "Placed Order")
        n = sum(len(p["data"]) for p in s.follow(
            "/api/events", filter=f'equals(metric_id,"{placed}")',
            page_size=1000, fields_event="timestamp"))
        assert n == orders
