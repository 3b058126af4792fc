"""klaviyo-sandbox keeps Klaviyo's rules, each of which has a test here that
fails without it: who may call, what an event looks like, and what 202 does not
tell."""
import json
import re
import subprocess

import pytest

from sandbox_fixture import (CLIENT_HEADERS, HEADERS, PROGRAM, Sandbox, bulk,
                             event, profile)


def changed(path, value):
    """An event with one member (a path such as a.b.c) set, or deleted."""
    e = event()
    *parents, last = path.split(".")
    at = e
    for name in parents:
        at = at[name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return e


A = "data.attributes"
P = A + ".profile.data"


# ---- the command

def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True,
                          timeout=20)


def test_help_and_version():
    said = run("--help").stdout
    for word in ("--listen HOST:PORT", "--scopes LIST", "--catalog-polls N",
                 "/sandbox/stock", "/sandbox/catalog"):
        assert word in said
    assert re.match(r"klaviyo-sandbox \d", run("--version").stdout)


@pytest.mark.parametrize("args", [
    ["--no-such"], ["extra"], ["--listen", "9000"], ["--listen", "127.0.0.1:x"],
    ["--rate", "slow"], ["--clock-rate", "0"], ["--latency", "-1"],
    ["--fault", "5xx=2"], ["--fault", "bogus"], ["--fault", "503*0"],
    ["--fault", "script:"], ["--fault", "hang/x"], ["--seed", "x"]])
def test_wrong_call_exits_2(args):
    done = run(*args)
    assert done.returncode == 2 and done.stderr and not done.stdout


def test_port_taken(sandbox):
    done = run("--listen", f"127.0.0.1:{sandbox.port}")
    assert done.returncode == 1 and "--listen" in done.stderr
    assert done.stderr.count("\n") == 1


def test_only_loopback():
    done = run("--listen", "0.0.0.0:0")
    assert done.returncode == 1 and "--allow-remote" in done.stderr


# ---- who may call

def without(name):
    return {k: v for k, v in HEADERS.items() if k != name}


def test_private_key(sandbox):
    call = lambda h: sandbox.call("POST", "/api/events", event(), h).status
    assert call(without("Authorization")) == 401
    assert call({**HEADERS, "Authorization": "Bearer x"}) == 401
    assert call({**HEADERS, "Authorization": "Klaviyo-API-Key "}) == 401
    assert call(HEADERS) == 202


def test_private_key_given():
    with Sandbox("--private-key", "pk_right") as s:
        assert s.event().status == 401
        assert s.call("POST", "/api/events", event(), {
            **HEADERS, "Authorization": "Klaviyo-API-Key pk_right"}).status == 202


@pytest.mark.parametrize("revision,status", [
    ("2026-07-15", 202), ("2025-01-15", 202), ("2024-02-15", 202),
    ("2026-10-15", 400), ("2099-01-01", 400), ("2026-07-14", 400), ("latest", 400)])
def test_revision(sandbox, revision, status):
    headers = {**HEADERS, "revision": revision}
    assert sandbox.call("POST", "/api/events", event(), headers).status == status


def test_revision_required_and_retired(sandbox):
    assert sandbox.call("POST", "/api/events", event(),
                        without("revision")).status == 400
    assert sandbox.call("POST", "/api/events", event(), {
        **HEADERS, "revision": "2024-02-15",
        "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1"}).status == 410


def test_backfill_came_with_a_revision(sandbox):
    old = {**HEADERS, "revision": "2026-01-15"}
    body = event(backfill=True)
    assert sandbox.call("POST", "/api/events", body, old).pointers == [
        "/data/attributes/backfill"]
    assert sandbox.call("POST", "/api/events", body).status == 202


@pytest.mark.parametrize("kind,status", [
    ("application/vnd.api+json", 202), ("application/json; charset=utf-8", 202),
    ("text/plain", 415), ("application/x-www-form-urlencoded", 415)])
def test_content_type(sandbox, kind, status):
    headers = {**HEADERS, "Content-Type": kind}
    assert sandbox.call("POST", "/api/events", event(), headers).status == status


def test_content_encoding(sandbox):
    headers = {**HEADERS, "Content-Encoding": "gzip"}
    assert sandbox.call("POST", "/api/events", event(), headers).status == 415


def test_paths_and_methods(sandbox):
    assert sandbox.call("POST", "/api/events/", event()).status == 202
    assert sandbox.call("POST", "/api/nothing", event()).status == 404
    assert sandbox.call("PUT", "/api/events", event()).status == 405


def test_client_calls(sandbox):
    call = lambda path, h=CLIENT_HEADERS: sandbox.call("POST", path, event(), h)
    assert call("/client/events").status == 400
    assert call("/client/events?company_id=pk_abc").status == 400
    assert call("/client/events?company_id=ABC123", HEADERS).status == 400
    answer = call("/client/events/?company_id=ABC123")
    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    preflight = sandbox.call("OPTIONS", "/client/events/", headers={})
    assert preflight.status == 204
    assert "revision" in preflight.headers["Access-Control-Allow-Headers"]
    assert sandbox.state["events"][0]["side"] == "browser"


# ---- the shape of an event

@pytest.mark.parametrize("path,value,pointer", [
    (A + ".value", "29.98", "/data/attributes/value"),
    (A + ".value", True, "/data/attributes/value"),
    (A + ".value_currency", 1, "/data/attributes/value_currency"),
    (A + ".value_currency", "usd", "/data/attributes/value_currency"),
    (A + ".unique_id", 1234, "/data/attributes/unique_id"),
    (A + ".unique_id", "", "/data/attributes/unique_id"),
    (A + ".unique_id", "x" * 256, "/data/attributes/unique_id"),
    (A + ".backfill", "yes", "/data/attributes/backfill"),
    (A + ".properties", [], "/data/attributes/properties"),
    (A + ".properties", ..., "/data/attributes/properties"),
    (A + ".metric", ..., "/data/attributes/metric"),
    (A + ".profile", ..., "/data/attributes/profile"),
    (A + ".colour", "red", "/data/attributes/colour"),
    ("data.unique_id", "1", "/data/unique_id"),
    ("data.time", "2026-07-01T12:00:00Z", "/data/time"),
    ("data.type", "events", "/data/type"),
    ("data.type", ..., "/data/type"),
    ("relationships", {}, "/relationships"),
    ("a/b~c", 1, "/a~1b~0c"),
    (A + ".metric.data.attributes.name", "", "/data/attributes/metric/data/attributes/name"),
    (A + ".metric.data.attributes.name", "m" * 128, "/data/attributes/metric/data/attributes/name"),
    (A + ".metric.data.attributes.properties", {}, "/data/attributes/metric/data/attributes/properties"),
    (P + ".properties", {}, "/data/attributes/profile/data/properties"),
    (P + ".attributes", {}, "/data/attributes/profile/data/attributes"),
    (P + ".attributes.email", "nobody", "/data/attributes/profile/data/attributes/email"),
    (P + ".attributes.email", "x" * 89 + "@demo.com.org", "/data/attributes/profile/data/attributes/email"),
    (P + ".attributes.location", {"zip": 2110}, "/data/attributes/profile/data/attributes/location/zip"),
    (P + ".attributes.location", {"Zip": "2110"}, "/data/attributes/profile/data/attributes/location/Zip"),
    (P + ".attributes.image", "x" * 100000, "/data/attributes/profile/data/attributes"),
    (A + ".properties", {str(i): i for i in range(1, 402)}, "/data/attributes/properties"),
    (A + ".properties", {"s": "x" * 102401}, "/data/attributes/properties/s"),
    (A + ".properties", {"a": [1] * 4001}, "/data/attributes/properties/a"),
    (A + ".properties", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {}}}}}}}}}}}, "/data/attributes/properties/j"),
])
def test_refused_with_pointer(sandbox, path, value, pointer):
    answer = sandbox.call("POST", "/api/events", changed(path, value))
    assert answer.status == 400
    assert answer.pointers == [pointer]
    e = answer.json["errors"][0]
    assert e["id"] and e["code"] and e["title"] and e["detail"] and e["status"] == 400
    state = sandbox.state
    assert not state["events"] and state["refused"][0]["errors"] == answer.json["errors"]


@pytest.mark.parametrize("path,value", [
    (A + ".value", None), (A + ".unique_id", None), (A + ".time", None),
    (A + ".unique_id", "x" * 255), (A + ".properties", {}),
    (A + ".metric.data.attributes.name", "m" * 127),
    (A + ".properties", {str(i): i for i in range(1, 401)}),
    (A + ".properties", {"a": [1] * 4000, "s": "x" * 102400}),
    (A + ".properties", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {}}}}}}}}}}),
    (P + ".attributes.location", {"latitude": 1.5, "longitude": "2.5"}),
    (P + ".attributes.meta", {"patch_properties": {"unset": ["a"]}}),
])
def test_accepted(sandbox, path, value):
    answer = sandbox.call("POST", "/api/events", changed(path, value))
    assert (answer.status, answer.text) == (202, b"")
    assert len(sandbox.state["events"]) == 1


@pytest.mark.parametrize("when,ok", [
    ("2026-07-01T12:00:00Z", True), ("2026-07-01T12:00:00.123Z", True),
    ("2026-07-01T12:00:00+02:00", True), ("2026-07-01", True),
    ("2026-07-01T12:00:00", True), ("1991-01-01T00:00:00Z", True),
    ("2024-02-29T00:00:00Z", True),
    ("2026-07-01T12:00:00z", False), ("2026-07-01t12:00:00Z", False),
    ("2026-07-01 12:00:00Z", False), ("1782907200", False),
    ("2026-13-01T00:00:00Z", False), ("2025-02-29T00:00:00Z", False),
    ("1989-12-31T00:00:00Z", False), ("2099-01-01T00:00:00Z", False),
    ("2026-07-01T25:00:00Z", False), ("", False)])
def test_time(sandbox, when, ok):
    answer = sandbox.event(time=when)
    assert answer.status == (202 if ok else 400)
    if not ok:
        assert answer.pointers == ["/data/attributes/time"]


def test_time_must_be_text(sandbox):
    assert sandbox.event(time=1782907200).pointers == ["/data/attributes/time"]


def test_zoneless_time_and_lost_properties_get_remarks(sandbox):
    sandbox.event(time="2026-07-01T12:00:00", properties={
        "a": 0, "b": None, "c": "", "d": 0.0, "e": 1, "f": False})
    remarks = " ".join(sandbox.state["events"][0]["remarks"])
    assert "no zone" in remarks
    for name in "abcd":
        assert f"property {name} is" in remarks
    assert "property e" not in remarks and "property f" not in remarks


@pytest.mark.parametrize("body", [
    "", "{", "[]", "null", '{"data":1,}', '{"data":01}', '{"data":1.}',
    '{"data":"\x01"}', b'{"data":"\xff"}', '{"data":"\\u0000"}',
    '{"data":"\\ud800"}', '{"data":1} 2', '{"a":1,"a":2}', "[" * 100 + "]" * 100,
    b'{"data":"\x00"}', '{"data":tru}', '{"data":1 2}'])
def test_not_json(sandbox, body):
    assert sandbox.call("POST", "/api/events", body).status == 400


def test_too_large(sandbox):
    body = json.dumps(event(properties={str(i): "x" * 100000 for i in range(60)}))
    assert sandbox.call("POST", "/api/events", body).status == 413


def test_all_errors_are_told(sandbox):
    answer = sandbox.event(value="1", colour="red", unique_id=5)
    assert sorted(answer.pointers) == ["/data/attributes/" + n for n in (
        "colour", "unique_id", "value")]


def test_phone_number_is_forgiven_beside_an_address(sandbox):
    bad = sandbox.event(who=profile(phone_number="555-1234", external_id="c1"))
    assert bad.pointers == ["/data/attributes/profile/data/attributes/phone_number"]
    assert sandbox.event(who=profile(phone_number="555-1234",
                                     email="a@klaviyo-demo.com")).status == 202
    assert sandbox.event(who=profile(phone_number="+15005550006")).status == 202
    state = sandbox.state
    assert any("E.164" in r for r in state["events"][0]["remarks"])
    assert "phone_number" not in state["profiles"][0]["identifiers"]


@pytest.mark.parametrize("who", [
    {"email": "a@klaviyo-demo.com"}, {"phone_number": "+15005550006"},
    {"external_id": "c1"}, {"anonymous_id": "b1"}, {"_kx": "k1"}])
def test_one_identifier_is_enough(sandbox, who):
    assert sandbox.event(who=profile(**who)).status == 202


# ---- what 202 does not tell

def test_first_of_profile_metric_and_unique_id_wins(sandbox):
    for _ in range(2):
        assert sandbox.event(value=1).status == 202
    sandbox.event(metric="Refunded Order")
    sandbox.event(unique_id="order-2")
    sandbox.event(who=profile(email="other@klaviyo-demo.com"))
    state = sandbox.state
    assert len(state["events"]) == 4 and len(state["duplicates"]) == 1


def test_without_unique_id_the_second_counts(sandbox):
    for when in ("12:00:00.1", "12:00:00.9", "12:00:01"):
        e = event(time=f"2026-07-01T{when}Z")
        del e["data"]["attributes"]["unique_id"]
        assert sandbox.call("POST", "/api/events", e).status == 202
    assert sandbox.counts["accepted"] == 2 and sandbox.counts["duplicate"] == 1


@pytest.mark.parametrize("domain", ["example.com", "test.com", "EXAMPLE.COM"])
def test_addresses_that_are_dropped(sandbox, domain):
    assert sandbox.event(who=profile(email="a@" + domain)).status == 202
    state = sandbox.state
    assert not state["events"] and not state["profiles"]
    assert state["dropped"][0]["who"] == "a@" + domain


def test_200_metrics(sandbox):
    for i in range(200):
        assert sandbox.event(metric=f"m{i}").status == 202
    assert sandbox.event(metric="m199", unique_id="x").status == 202
    assert sandbox.event(metric="m200").status == 400


# ---- bulk

def test_bulk(sandbox):
    a, b = profile(email="a@klaviyo-demo.com"), profile(external_id="b")
    answer = sandbox.post_bulk(bulk((a, [event(), event(unique_id="2")]),
                                     (b, [event()]), backfill=True))
    assert answer.status == 202, answer.text
    state = sandbox.state
    assert len(state["events"]) == 3 and len(state["profiles"]) == 2
    assert all(e["backfill"] for e in state["events"])


def test_bulk_is_all_or_nothing(sandbox):
    a = profile(email="a@klaviyo-demo.com")
    answer = sandbox.post_bulk(bulk((a, [event(), event(value="1")])))
    assert answer.pointers == ["/data/attributes/events-bulk-create/data/0"
                               "/attributes/events/data/1/attributes/value"]
    assert sandbox.post_bulk(bulk((a, [event(), event()]))).status == 400
    assert sandbox.post_bulk(bulk((a, []))).status == 400
    assert sandbox.post_bulk(bulk()).status == 400
    assert not sandbox.state["events"]


def test_bulk_has_at_most_1000_events(sandbox):
    a = profile(email="a@klaviyo-demo.com")
    many = [event(unique_id=str(i)) for i in range(1001)]
    assert sandbox.post_bulk(bulk((a, many))).status == 400
    assert sandbox.post_bulk(bulk((a, many[:1000]))).status == 202
    assert sandbox.post_bulk(bulk((a, many[:1000]))).status == 202
    assert sandbox.counts["accepted"] == 1000
    assert sandbox.counts["duplicate"] == 1000


def test_client_bulk(sandbox):
    body = bulk((profile(_kx="k"), [event(), event(unique_id="2")]))
    group = body["data"]["attributes"]["events-bulk-create"]["data"][0]
    assert sandbox.client("event-bulk-create", {"data": group}).status == 202
    assert sandbox.counts["accepted"] == 2
