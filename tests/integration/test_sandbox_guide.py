"""klaviyo-sandbox knows the properties of Klaviyo's guide: what is missing or
misspelled is remarked on, and what the guide itself prints wrong is named."""
import copy

import pytest

from sandbox_fixture import event, profile

WHO = profile(email="sarah.mason@klaviyo-demo.com", first_name="Sarah",
              last_name="Mason")
REP = profile(email="rep@klaviyo-demo.com")
PROSPECT = profile(email="sarah.mason@klaviyo-demo.com",
                   properties={"MostRecentLeadSource": "Contact form"})
ITEM = {"ProductID": "1", "SKU": "S", "ProductName": "N", "Quantity": 1,
        "ItemPrice": 9.99, "RowTotal": 9.99, "ProductURL": "https://x/1",
        "ImageURL": "https://x/1.png", "Categories": ["A"]}
ORDER = {"OrderId": "1", "Categories": ["A"], "ItemNames": ["N"], "Items": [ITEM]}
# Each event of the guide as it should be: metric -> properties, profile.
RIGHT = {
    "Created Account": ({}, WHO),
    "Updated Account": ({"UpdateType": "Name Update",
                         "UpdatedProperties": ["FirstName"],
                         "OldValues": {"FirstName": "Sara"},
                         "NewValues": {"FirstName": "Sarah"}}, WHO),
    "Reset Password": ({"PasswordResetLink": "https://shop/reset/x"}, WHO),
    "Became Lead": ({"Action": "Contact form"}, PROSPECT),
    "New Lead": ({"LeadFirstName": "Sarah", "LeadLastName": "Mason",
                  "LeadPhoneNumber": "5551234567",
                  "LeadEmailAddress": "sarah.mason@klaviyo-demo.com",
                  "LeadAction": "Contact form"}, REP),
    "Created Invoice": ({**ORDER, "MissingInformation": ["Signature"]}, WHO),
    "Failed Payment": ({**ORDER, "PaymentFailure": "No funds",
                        "PaymentNextSteps": "Try another card."}, WHO),
    "Shipping Update": ({**ORDER, "UpdateType": "Out for delivery"}, WHO)}


def send(s, metric, properties, who, **more):
    answer = s.event(metric, who=copy.deepcopy(who), properties=properties, **more)
    return answer, s.state[{202: "events"}.get(answer.status, "refused")][-1]["remarks"]


@pytest.mark.parametrize("metric", RIGHT)
def test_an_event_as_the_guide_wants_it(sandbox, metric):
    answer, remarks = send(sandbox, metric, *RIGHT[metric])
    assert answer.status == 202 and remarks == []
    guide = next(g for g in sandbox.state["guide"] if g["metric"] == metric)
    assert guide["events"] == 1
    assert not any(p["missing"] and not p["optional"] for p in guide["properties"])


@pytest.mark.parametrize("metric,name", [
    (m, n) for m, (properties, who) in RIGHT.items() for n in properties
    if n not in ("LeadPhoneNumber", "OldValues", "NewValues")])
def test_what_is_missing_or_misspelled(sandbox, metric, name):
    properties, who = RIGHT[metric]
    without = {k: v for k, v in properties.items() if k != name}
    _, remarks = send(sandbox, metric, without, who)
    assert [r for r in remarks if "not there" in r and name in r], remarks
    other = {**without, name[:-1] + "_" + name[-1]: properties[name]}
    _, remarks = send(sandbox, metric, other, who, unique_id="2")
    assert any("should be spelled " + name in r for r in remarks), remarks


@pytest.mark.parametrize("metric,right", [
    ("Cancelled Order", "Canceled Order"), ("placed order", "Placed Order"),
    ("Placed_Order", "Placed Order"), ("Place Order", "Placed Order"),
    ("Viewed Products", "Viewed Product")])
def test_a_metric_that_is_misspelled(sandbox, metric, right):
    answer, remarks = send(sandbox, metric, ORDER, WHO)
    assert answer.status == 202  # as another metric
    assert remarks == [
        f'guide: the metric "{metric}" should be spelled {right}']


@pytest.mark.parametrize("metric", ["Viewed Page", "Checkout", "x", "Order",
                                    "Active on Site", "Searched Site"])
def test_a_metric_of_the_shops_own(sandbox, metric):
    assert send(sandbox, metric, {}, WHO)[1] == []


@pytest.mark.parametrize("metric", RIGHT)
def test_the_person_and_the_id(sandbox, metric):
    properties, who = RIGHT[metric]
    bare = profile(external_id="c1")
    answer, remarks = send(sandbox, metric, properties, bare, unique_id=None)
    assert answer.status == 202
    missing = next(r for r in remarks if "not there" in r)
    assert "unique_id" in missing
    if "Items" not in properties:
        assert "profile.email" in missing
    if metric == "Became Lead":
        assert "profile.properties.MostRecentLeadSource" in missing


def test_a_password_is_in_no_event(sandbox):
    properties, who = RIGHT["Updated Account"]
    for values in ("OldValues", "NewValues"):
        _, remarks = send(sandbox, "Updated Account", {
            **properties, values: {"Password": "x"}}, who, unique_id=values)
        assert any("password has no place" in r for r in remarks)


def test_new_lead_is_the_representatives(sandbox):
    properties, _ = RIGHT["New Lead"]
    _, remarks = send(sandbox, "New Lead", properties, WHO)
    assert any("representative's profile" in r for r in remarks)


def test_the_three_steps_of_a_shipment(sandbox):
    properties, who = RIGHT["Shipping Update"]
    for n, (step, odd) in enumerate([("Shipped", 0), ("Delivered", 0),
                                     ("In transit", 1)]):
        _, remarks = send(sandbox, "Shipping Update", {
            **properties, "UpdateType": step}, who, unique_id=str(n))
        assert len(remarks) == odd


# ---- what the guide prints wrong is refused by Klaviyo's own description

def test_reset_link_beside_the_metrics_name(sandbox):
    body = event("Reset Password", properties={})
    body["data"]["attributes"]["metric"]["data"]["attributes"][
        "PasswordResetLink"] = "https://shop/reset/x"
    answer = sandbox.call("POST", "/api/events", body)
    assert answer.status == 400
    remark, = sandbox.state["refused"][0]["remarks"]
    assert "PasswordResetLink" in remark and "data.attributes.properties" in remark


def test_profile_properties_beside_its_attributes(sandbox):
    body = event("Updated Account")
    body["data"]["attributes"]["profile"]["data"]["properties"] = {"A": 1}
    answer = sandbox.call("POST", "/api/events", body)
    assert answer.status == 400
    remark, = sandbox.state["refused"][0]["remarks"]
    assert "beside its attributes" in remark


@pytest.mark.parametrize("name", ["time", "unique_id"])
def test_time_or_id_one_level_too_high(sandbox, name):
    body = event("Failed Payment")
    body["data"][name] = body["data"]["attributes"].pop(name)
    answer = sandbox.call("POST", "/api/events", body)
    assert answer.status == 400
    remark, = sandbox.state["refused"][0]["remarks"]
    assert name in remark and "data.attributes" in remark


@pytest.mark.parametrize("body", ['{"data":[{"type":"x","time":1}]}', "[]", "3",
                                  '{"data":{"attributes":[1]}}', "{"])
def test_a_refused_body_may_be_anything(sandbox, body):
    assert sandbox.call("POST", "/api/events", body).status == 400
    assert sandbox.state["refused"][0]["remarks"] == []
