"""The bodies of the requests that are no events, against Klaviyo's own
description of them, where it is: KLAVIYO_CONTRACT names contract.py."""
import json
import os
import subprocess

from contract_kit import check_contract
from harness import BUILD, TREE



def requests_of(record, *units):
    """What the unit tests write down."""
    for name in units:
        unit = os.path.join(BUILD, "tests", "unit", name)
        if not os.path.exists(unit):
            subprocess.run(
                ["make", "-s", "BUILD=" + os.path.relpath(BUILD, TREE),
                 os.path.relpath(unit, TREE)], cwd=TREE, check=True)
        subprocess.run([unit], check=True, capture_output=True,
                       env={**os.environ, "TEST_RECORD": str(record)})
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_bodies_of_consent(tmp_path):
    """The unit test holds them letter by letter, and writes them down."""
    record = tmp_path / "requests.jsonl"
    requests = requests_of(record, "test_subscription")
    assert {r["body"]["data"]["type"] for r in requests} == {
        "profile-subscription-bulk-create-job",
        "profile-subscription-bulk-delete-job",
        "back-in-stock-subscription"}
    check_contract(record)


def test_requests_as_they_leave(tmp_path):
    """Of all that is no event; the events of those tests are no real ones."""
    requests = [r for r in requests_of(tmp_path / "all.jsonl", "test_link",
                                       "test_others")
                if not (r["method"] == "POST"
                        and r["path"].startswith("/api/event"))]
    assert {r["method"] + " " + r["path"].split("?")[0] for r in requests} >= {
        "GET /api/profiles", "PATCH /api/profiles/01P",
        "POST /api/profile-subscription-bulk-create-jobs",
        "POST /api/profile-subscription-bulk-delete-jobs",
        "POST /api/back-in-stock-subscriptions"}
    record = tmp_path / "requests.jsonl"
    record.write_text("".join(json.dumps(r) + "\n" for r in requests))
    check_contract(record)
