"""People of klaviyo-sandbox: who said yes to what, who waits for which article,
two profiles made one; each rule of Klaviyo's has a test that fails without it."""
import time

import pytest

from contract_kit import check_contract, needs_contract
from sandbox_fixture import (VARIANT, Sandbox, back_in_stock, consent, merge,
                             profile)

EMAIL = "sarah.mason@klaviyo-demo.com"
PHONE = "+15005550006"
ANN = {"email": EMAIL, "subscriptions": ("email",)}
BOTH = {"email": EMAIL, "phone_number": PHONE, "subscriptions": ("email", "sms")}
SUBSCRIBE = "/api/profile-subscription-bulk-create-jobs"
UNSUBSCRIBE = "/api/profile-subscription-bulk-delete-jobs"
STOCK = "/api/back-in-stock-subscriptions"


def subscribe(s, *people, **more):
    return s.call("POST", SUBSCRIBE, consent(*people, **more))


def unsubscribe(s, *people, **more):
    return s.call("POST", UNSUBSCRIBE, consent(*people, subscribe=False, **more))


def person(s, who=EMAIL):
    return next(p for p in s.state["profiles"] if p["who"] == who)


def states(s, who=EMAIL):
    return {name: c["state"]
            for name, c in person(s, who)["consent"]["channels"].items()}


# ---- consent

def test_consent_by_channel(sandbox):
    answer = subscribe(sandbox, BOTH, custom_source="Checkout", list="L1")
    assert answer.status == 202 and not answer.text
    mine = person(sandbox)["consent"]
    assert {n: (c["state"], c["source"]) for n, c in mine["channels"].items()} == {
        "email.marketing": ("SUBSCRIBED", "Checkout"),
        "sms.marketing": ("SUBSCRIBED", "Checkout")}
    assert mine["lists"] == ["L1"]
    call, = sandbox.state["consent_calls"]
    assert call["change"] == "subscribe" and call["who"] == EMAIL
    assert call["channels"] == ["email.marketing", "sms.marketing"]
    assert sandbox.counts["consent"] == 1 and sandbox.counts["accepted"] == 0


def test_consent_is_taken_back(sandbox):
    subscribe(sandbox, BOTH)
    assert unsubscribe(sandbox, ANN).status == 202
    assert states(sandbox) == {"email.marketing": "UNSUBSCRIBED",
                               "sms.marketing": "SUBSCRIBED"}
    subscribe(sandbox, ANN)
    assert states(sandbox)["email.marketing"] == "SUBSCRIBED"


def test_unsubscribing_from_a_list(sandbox):
    """Off that list when the person is on it; else it is for all."""
    subscribe(sandbox, ANN, list="L1")
    subscribe(sandbox, ANN, list="L2")
    unsubscribe(sandbox, ANN, list="L1")
    assert states(sandbox) == {"email.marketing": "SUBSCRIBED"}
    assert person(sandbox)["consent"]["lists"] == ["L2"]
    assert person(sandbox)["consent"]["left"] == ["L1"]
    unsubscribe(sandbox, ANN, list="L1")
    assert states(sandbox) == {"email.marketing": "UNSUBSCRIBED"}
    subscribe(sandbox, ANN, list="L1")
    assert person(sandbox)["consent"]["lists"] == ["L2", "L1"]
    assert person(sandbox)["consent"]["left"] == []


def test_events_and_profiles_give_nobodys_consent(sandbox):
    sandbox.event()
    sandbox.call("POST", "/api/profile-import", profile(email=EMAIL))
    assert states(sandbox) == {}


def test_consent_in_a_profile(sandbox):
    subscribe(sandbox, ANN, custom_source="Footer")
    who = person(sandbox)["id"]
    path = f"/api/profiles/{who}?additional-fields%5Bprofile%5D=subscriptions"
    given = sandbox.get(path).json["data"]["attributes"]["subscriptions"]
    email = given["email"]["marketing"]
    assert email["consent"] == "SUBSCRIBED" and email["consent_timestamp"]
    assert email["can_receive_email_marketing"] is True
    assert email["custom_method_detail"] == "Footer"
    assert given["sms"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    assert given["sms"]["marketing"]["can_receive_sms_marketing"] is False
    assert given["mobile_push"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    unsubscribe(sandbox, ANN)
    found = sandbox.get("/api/profiles", filter=f'equals(email,"{EMAIL}")', **{
        "additional-fields[profile]": "subscriptions"}).json["data"][0]
    email = found["attributes"]["subscriptions"]["email"]["marketing"]
    assert email["consent"] == "UNSUBSCRIBED"
    assert email["can_receive_email_marketing"] is False
    assert email["suppression"][0]["reason"] == "UNSUBSCRIBE"
    plain = sandbox.get("/api/profiles", filter=f'equals(email,"{EMAIL}")').json
    assert "subscriptions" not in plain["data"][0]["attributes"]


A0 = "/data/attributes/profiles/data/0/attributes"


@pytest.mark.parametrize("who,pointer", [
    ({"phone_number": PHONE, "subscriptions": ("email",)}, A0 + "/email"),
    ({"email": EMAIL, "subscriptions": ("sms",)}, A0 + "/phone_number"),
    ({"email": EMAIL, "subscriptions": ("whatsapp",)}, A0 + "/phone_number"),
    ({"email": EMAIL, "phone_number": "5551234567", "subscriptions": ("email",)},
     A0 + "/phone_number"),
    ({"email": "no address", "subscriptions": ("email",)}, A0 + "/email"),
    ({"subscriptions": ("push",)}, A0),
    ({"email": EMAIL, "subscriptions": {}}, A0 + "/subscriptions"),
    ({"email": EMAIL, "subscriptions": {"email": {}}}, A0 + "/subscriptions"),
    ({"email": EMAIL}, A0 + "/subscriptions"),
    ({"email": EMAIL, "first_name": "S", "subscriptions": ("email",)},
     A0 + "/first_name"),
    ({"email": EMAIL, "subscriptions": {"fax": {"marketing": {
        "consent": "SUBSCRIBED"}}}}, A0 + "/subscriptions/fax"),
    ({"email": EMAIL, "subscriptions": {"email": {"marketing": {
        "consent": "UNSUBSCRIBED"}}}},
     A0 + "/subscriptions/email/marketing/consent"),
    ({"email": EMAIL, "subscriptions": {"email": {"marketing": {
        "consent": "SUBSCRIBED", "consented_at": "2026-01-01T00:00:00Z"}}}},
     A0 + "/subscriptions/email/marketing/consented_at")])
def test_consent_refused(sandbox, who, pointer):
    answer = subscribe(sandbox, who)
    assert answer.status == 400 and pointer in answer.pointers, answer.text
    assert not sandbox.state["profiles"]


def test_unsubscribing_says_so(sandbox):
    body = consent(ANN, subscribe=False)
    body["data"]["attributes"]["profiles"]["data"][0]["attributes"][
        "subscriptions"]["email"]["marketing"]["consent"] = "SUBSCRIBED"
    answer = sandbox.call("POST", UNSUBSCRIBE, body)
    assert answer.status == 400
    assert answer.pointers == [A0 + "/subscriptions/email/marketing/consent"]
    answer = unsubscribe(sandbox, ANN, custom_source="Footer")
    assert answer.pointers == ["/data/attributes/custom_source"]


@pytest.mark.parametrize("call,most", [(subscribe, 1000), (unsubscribe, 100)])
def test_how_many_at_once(sandbox, call, most):
    people = [{"email": f"p{i}@klaviyo-demo.com", "subscriptions": ("email",)}
              for i in range(most + 1)]
    assert call(sandbox, *people).pointers == ["/data/attributes/profiles/data"]
    assert call(sandbox).pointers == ["/data/attributes/profiles/data"]
    assert call(sandbox, *people[1:]).status == 202
    assert sandbox.counts["consent"] == most


def test_historical_consent(sandbox):
    then = {"email": EMAIL, "subscriptions": {"email": {"marketing": {
        "consent": "SUBSCRIBED", "consented_at": "2024-02-03T04:05:06Z"}}}}
    at = A0 + "/subscriptions/email/marketing/consented_at"
    assert subscribe(sandbox, ANN, historical_import=True).pointers == [at]
    assert subscribe(sandbox, then, historical_import=True).status == 202
    mine = person(sandbox)["consent"]["channels"]["email.marketing"]
    assert mine["at"] == "2024-02-03T04:05:06.000Z"
    then["subscriptions"]["email"]["marketing"]["consented_at"] = \
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    assert subscribe(sandbox, then, historical_import=True).pointers == [at]


def test_consent_of_a_known_profile(sandbox):
    sandbox.event(who=profile(email=EMAIL))
    answer = subscribe(sandbox, {"id": person(sandbox)["id"],
                                 "subscriptions": ("email",)})
    assert answer.status == 202
    assert states(sandbox) == {"email.marketing": "SUBSCRIBED"}


def client_body(list="L1", **attributes):
    body = {"data": {"type": "subscription", "attributes": {
        "custom_source": "Pop-up", "profile": profile(**attributes)}}}
    if list:
        body["data"]["relationships"] = {
            "list": {"data": {"type": "list", "id": list}}}
    return body


def test_consent_in_a_browser(sandbox):
    answer = sandbox.client("subscriptions", client_body(
        email=EMAIL, first_name="Sarah"))
    assert answer.status == 202
    mine = person(sandbox)
    assert mine["attributes"]["first_name"] == "Sarah"
    assert states(sandbox) == {"email.marketing": "SUBSCRIBED"}
    assert mine["consent"]["lists"] == ["L1"]
    assert "subscriptions" not in mine["attributes"]
    only = client_body(email=EMAIL, phone_number=PHONE, subscriptions={
        "sms": {"marketing": {"consent": "SUBSCRIBED"}}})
    sandbox.call("POST", "/sandbox/clear", headers={})
    assert sandbox.client("subscriptions", only).status == 202
    assert states(sandbox) == {"sms.marketing": "SUBSCRIBED"}


@pytest.mark.parametrize("body,pointer", [
    (client_body(list=None, email=EMAIL), "/data/relationships"),
    (client_body(external_id="c1"), "/data/attributes/profile/data/attributes"),
    (client_body(email=EMAIL, subscriptions={"sms": {"marketing": {
        "consent": "SUBSCRIBED"}}}),
     "/data/attributes/profile/data/attributes/phone_number")])
def test_consent_in_a_browser_refused(sandbox, body, pointer):
    answer = sandbox.client("subscriptions", body)
    assert answer.status == 400 and answer.pointers == [pointer]


# ---- back in stock

def test_back_in_stock(sandbox):
    answer = sandbox.call("POST", STOCK, back_in_stock("tee-m"))
    assert answer.status == 202 and not answer.text
    waiting, = sandbox.get("/sandbox/stock", headers={}).json["back_in_stock"]
    assert waiting["variant"] == VARIANT + "tee-m"
    assert waiting["who"] == EMAIL and waiting["channels"] == ["EMAIL"]
    again = back_in_stock("tee-m", ["EMAIL", "SMS"],
                          profile(email=EMAIL, phone_number=PHONE))
    assert sandbox.call("POST", STOCK, again).status == 202
    waiting, = sandbox.state["back_in_stock"]
    assert waiting["channels"] == ["EMAIL", "SMS"]
    assert sandbox.client("back-in-stock-subscriptions",
                          back_in_stock("tee-l")).status == 202
    assert len(sandbox.state["back_in_stock"]) == 2
    assert [c["who"] for c in sandbox.state["stock_calls"]] == [EMAIL] * 3
    assert sandbox.counts["back_in_stock"] == 3
    assert states(sandbox) == {}  # this is nobody's consent to marketing


def bad_stock(change):
    body = back_in_stock()
    change(body["data"])
    return body


WHO = "/data/attributes/profile/data/attributes"


@pytest.mark.parametrize("body,pointer", [
    (back_in_stock(channels=[]), "/data/attributes/channels"),
    (back_in_stock(channels=["email"]), "/data/attributes/channels"),
    (bad_stock(lambda d: d["attributes"].update(channels="EMAIL")),
     "/data/attributes/channels"),
    (back_in_stock(who=profile(phone_number=PHONE)), WHO),
    (back_in_stock(channels=["SMS"]), WHO),
    (back_in_stock(who=profile(first_name="S")), WHO + "/first_name"),
    (bad_stock(lambda d: d["attributes"].pop("profile")),
     "/data/attributes/profile"),
    (bad_stock(lambda d: d.pop("relationships")), "/data/relationships"),
    (bad_stock(lambda d: d["relationships"]["variant"]["data"].update(id="v1")),
     "/data/relationships/variant/data/id"),
    (back_in_stock(""), "/data/relationships/variant/data/id")])
def test_back_in_stock_refused(sandbox, body, pointer):
    answer = sandbox.call("POST", STOCK, body)
    assert answer.status == 400 and pointer in answer.pointers, answer.text
    assert not sandbox.state["back_in_stock"] and not sandbox.state["profiles"]


def test_a_known_address_is_enough(sandbox):
    sandbox.event(who=profile(email=EMAIL, external_id="c1"))
    answer = sandbox.call("POST", STOCK,
                          back_in_stock(who=profile(external_id="c1")))
    assert answer.status == 202


# ---- one person

def find(s, value):
    return s.get("/api/profiles", filter=f'equals(email,"{value}")').json["data"]


def test_an_address_of_another_is_a_conflict(sandbox):
    sandbox.event(who=profile(email="old@klaviyo-demo.com"))
    sandbox.event(who=profile(email="new@klaviyo-demo.com"))
    old, new = [p["id"] for p in sandbox.state["profiles"]]
    answer = sandbox.call("PATCH", f"/api/profiles/{old}", {"data": {
        "type": "profile", "id": old,
        "attributes": {"email": "new@klaviyo-demo.com"}}})
    error, = answer.json["errors"]
    assert answer.status == 409 and error["code"] == "duplicate_profile"
    assert error["meta"]["duplicate_profile_id"] == new
    assert find(sandbox, "old@klaviyo-demo.com")[0]["id"] == old


def two(s):
    s.event(unique_id="1", who=profile(email="old@klaviyo-demo.com",
                                       first_name="Ann", last_name="Old"))
    s.event(unique_id="2", who=profile(email="new@klaviyo-demo.com",
                                       last_name="New"))
    return [p["id"] for p in s.state["profiles"]]


def test_merge(sandbox):
    old, new = two(sandbox)
    subscribe(sandbox, {"email": "old@klaviyo-demo.com", "subscriptions": ("email",)},
              list="L1")
    sandbox.call("POST", STOCK, back_in_stock(who=profile(
        email="old@klaviyo-demo.com")))
    answer = sandbox.call("POST", "/api/profile-merge", merge(new, old))
    assert answer.status == 201 and answer.json["data"]["id"] == new
    one, = sandbox.state["profiles"]
    assert one["id"] == new and one["events"] == 2
    assert one["who"] == "new@klaviyo-demo.com"
    assert one["attributes"]["first_name"] == "Ann"
    assert one["attributes"]["last_name"] == "New"
    assert one["consent"]["lists"] == ["L1"]
    assert states(sandbox, "new@klaviyo-demo.com") == {
        "email.marketing": "SUBSCRIBED"}
    assert sandbox.state["back_in_stock"][0]["person"] == new
    held = sandbox.get("/api/events", filter=f'equals(profile_id,"{new}")').json
    assert len(held["data"]) == 2
    assert sandbox.get(f"/api/profiles/{old}").status == 404
    assert find(sandbox, "old@klaviyo-demo.com")[0]["id"] == new
    assert sandbox.state["profile_calls"][-1]["was"] == "old@klaviyo-demo.com"


def test_the_later_consent_counts_after_a_merge(sandbox):
    old, new = two(sandbox)
    at = {"subscriptions": ("email",)}
    subscribe(sandbox, {"email": "old@klaviyo-demo.com", **at})
    unsubscribe(sandbox, {"email": "new@klaviyo-demo.com", **at})
    sandbox.call("POST", "/api/profile-merge", merge(new, old))
    assert states(sandbox, "new@klaviyo-demo.com") == {
        "email.marketing": "UNSUBSCRIBED"}


@pytest.mark.parametrize("into,source,status,pointer", [
    (1, 1, 400, "/data/relationships/profiles/data/0/id"),
    (1, None, 404, "/data/relationships/profiles/data/0/id"),
    (None, 0, 404, "/data/id")])
def test_merge_refused(sandbox, into, source, status, pointer):
    ids = two(sandbox)
    name = lambda i: "01NOSUCH" if i is None else ids[i]
    answer = sandbox.call("POST", "/api/profile-merge",
                          merge(name(into), name(source)))
    assert answer.status == status and answer.pointers == [pointer]
    assert len(sandbox.state["profiles"]) == 2


def test_merge_takes_one_source(sandbox):
    old, new = two(sandbox)
    body = merge(new, old)
    body["data"]["relationships"]["profiles"]["data"] *= 2
    answer = sandbox.call("POST", "/api/profile-merge", body)
    assert answer.pointers == ["/data/relationships/profiles/data"]


# ---- over a restart, and against Klaviyo's own description

def everything(s):
    old, new = two(s)
    subscribe(s, BOTH, list="L1", custom_source="Checkout")
    subscribe(s, ANN, list="L2")
    unsubscribe(s, ANN, list="L1")
    unsubscribe(s, {"phone_number": PHONE, "subscriptions": ("sms",)})
    s.client("subscriptions", client_body(email="c@klaviyo-demo.com"))
    s.call("POST", STOCK, back_in_stock("tee-m"))
    s.client("back-in-stock-subscriptions", back_in_stock("tee-l"))
    s.call("POST", "/api/profile-merge", merge(new, old))


def known(s):
    state = s.state
    return ([(p["id"], p["consent"], p["identifiers"], p["events"])
             for p in state["profiles"]],
            [(w["person"], w["variant"], w["channels"])
             for w in state["back_in_stock"]])


def test_consent_survives_a_restart(tmp_path):
    options = ["--rate", "off", "--data", tmp_path / "data"]
    with Sandbox(*options) as s:
        everything(s)
        before = known(s)
        assert len(before[0]) == 3 and len(before[1]) == 2
    for _ in range(2):
        with Sandbox(*options) as s:
            people, waiting = known(s)
            for a, b in zip(before[0], people):
                for channel in a[1]["channels"].values():  # to the second
                    channel["at"] = channel["at"][:19]
                for channel in b[1]["channels"].values():
                    channel["at"] = channel["at"][:19]
                assert a == b
            assert waiting == before[1]


def test_clear_forgets_people(sandbox):
    everything(sandbox)
    sandbox.call("POST", "/sandbox/clear", headers={})
    assert not sandbox.state["profiles"] and not sandbox.state["back_in_stock"]


@needs_contract
def test_contract_agrees(tmp_path):
    file = tmp_path / "record.jsonl"
    with Sandbox("--record", file) as s:
        everything(s)
        subscribe(s, {"email": EMAIL, "subscriptions": {"email": {
            "marketing": {"consent": "SUBSCRIBED",
                          "consented_at": "2024-02-03T04:05:06Z"},
            }}}, historical_import=True)
        assert all(e["status"] < 300 for e in s.state["consent_calls"])
        assert not s.state["refused"]
        s.get("/api/events"), s.get("/api/metrics"), s.get("/api/accounts")
    check_contract(file)
