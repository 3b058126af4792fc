"""klaviyo-sandbox is of use to an integrator in any language: driven by
Klaviyo's own SDK for Node (tests/sdk/walk.js), whose classes read what it
answers, and told on what the SDK sent."""
import json
import os
import subprocess

import pytest

from sandbox_fixture import BUILD, ROOT, VARIANT, Sandbox

SDK = ROOT / BUILD / "sdk"


@pytest.fixture
def sandbox():
    with Sandbox("--rate", "off", "--public-key", "ABC123") as s:
        yield s


def drive(sandbox, *steps):
    """What the SDK understood of the answer to each step."""
    run = subprocess.run(
        ["node", SDK / "walk.js", sandbox.url, *steps], capture_output=True,
        text=True, timeout=300, env={**os.environ, "NO_PROXY": "127.0.0.1"})
    assert run.returncode == 0, run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert [t["step"] for t in told] == list(steps)
    return told


def arrived(sandbox, outcome="events"):
    return [(e["metric"], e["unique_id"], e["remarks"])
            for e in sandbox.state[outcome]]


def test_its_events_are_explained(sandbox):
    """The guide's properties, as they should be, misspelled and missing; and
    what becomes of the event."""
    told = drive(sandbox, "placed", "placedAgain", "misspelled", "incomplete",
                 "otherName", "demoAddress", "nobody")
    assert [t["status"] for t in told] == [202] * 6 + [400]
    assert arrived(sandbox) == [
        ("Placed Order", "1234", []),
        ("Fulfilled Order", "1234:f1",
         ['guide: properties "OrderID" should be spelled OrderId']),
        ("Shipping Update", "1234:s1",
         ["guide: not there: Categories, ItemNames, Items, UpdateType"]),
        ("Place Order", "1235",
         ['guide: the metric "Place Order" should be spelled Placed Order'])]
    assert [e["unique_id"] for e in sandbox.state["duplicates"]] == ["1234"]
    assert [e["unique_id"] for e in sandbox.state["dropped"]] == ["1237"]
    refused, = sandbox.state["refused"]
    assert json.loads(refused["body"])["data"]["attributes"][
        "unique_id"] == "1236"
    error, = told[-1]["errors"]
    assert error["source"]["pointer"] == "/data/attributes/profile/data" \
        "/attributes" and "identifier" in error["detail"]
    sent = sandbox.state["events"][0]
    assert sent["person"] and sent["profile"]["attributes"] == {
        "email": "sarah.mason@klaviyo-demo.com", "phone_number": "+15005550006",
        "first_name": "Sarah", "last_name": "Mason",
        "external_id": "customer-1"}


def test_it_reads_what_is_held(sandbox):
    """A bulk job, then its events by metric, page for page."""
    job, held = drive(sandbox, "bulk", "held")
    assert job["status"] == 202
    assert held["body"] == [f"1234:{i}" for i in range(5)]
    assert {e["path"] for e in sandbox.state["events"]} == {
        "/api/event-bulk-create-jobs"}


def email_consent(sandbox):
    who, = [p for p in sandbox.state["profiles"]
            if p["who"] == "sarah.mason@klaviyo-demo.com"]
    return who["consent"]["channels"]["email.marketing"]["state"]


def test_profiles_consent_and_catalogue(sandbox):
    _, renamed, yes, items, account = drive(
        sandbox, "placed", "renamed", "subscribed", "catalogue", "account")
    assert renamed["body"]["data"]["attributes"]["email"] == \
        "sarah@klaviyo-demo.com"
    assert yes["status"] == 202
    assert email_consent(sandbox) == "SUBSCRIBED"
    assert [i["id"] for i in items["body"]["data"]] == [VARIANT + "1111"]
    assert account["body"]["data"][0]["attributes"]["publicApiKey"] == "ABC123"
    drive(sandbox, "unsubscribed")
    assert email_consent(sandbox) == "UNSUBSCRIBED"


def test_its_own_retries_meet_the_faults(sandbox):
    """Refusals that it tries again, and an event that was taken before the
    refusal: it arrives once."""
    sandbox.fault("script:503*2,429/1,ok")
    assert [t["status"] for t in drive(sandbox, "placed")] == [202]
    assert [e["unique_id"] for e in sandbox.state["events"]] == ["1234"]
    sandbox.fault("script:record+503,ok")
    assert [t["status"] for t in drive(sandbox, "incomplete")] == [202]
    assert [e["unique_id"] for e in sandbox.state["events"]] == [
        "1234", "1234:s1"]
    assert [e["unique_id"] for e in sandbox.state["duplicates"]] == ["1234:s1"]
    sandbox.fault("script:400,ok")  # not to be tried again
    assert [t["status"] for t in drive(sandbox, "otherName")] == [400]
    assert len(sandbox.state["events"]) == 2


@pytest.mark.parametrize("options,step,status,words", [
    (("--private-key", "pk_other"), "placed", 401, "key"),
    (("--scopes", "profiles:read"), "placed", 403, "events:write")])
def test_it_is_refused_as_by_klaviyo(options, step, status, words):
    with Sandbox("--rate", "off", *options) as sandbox:
        told, = drive(sandbox, step)
    assert told["status"] == status and words in json.dumps(told["errors"])
