"""The bodies of the requests that are no events, against Klaviyo's own
description of them, where it is: KLAVIYO_CONTRACT names contract.py."""
import json
import os
import subprocess

from harness import BUILD, TREE

UNIT = os.path.join(BUILD, "tests", "unit", "test_subscription")


def test_bodies_of_consent(tmp_path):
    """The unit test holds them letter by letter, and writes them down."""
    if not os.path.exists(UNIT):
        subprocess.run(["make", "-s", "BUILD=" + os.path.relpath(BUILD, TREE),
                        os.path.relpath(UNIT, TREE)], cwd=TREE, check=True)
    record = tmp_path / "requests.jsonl"
    subprocess.run([UNIT], check=True, capture_output=True,
                   env={**os.environ, "TEST_RECORD": str(record)})
    requests = [json.loads(line) for line in record.read_text().splitlines()]
    assert {r["body"]["data"]["type"] for r in requests} == {
        "profile-subscription-bulk-create-job",
        "profile-subscription-bulk-delete-job",
        "back-in-stock-subscription"}
    contract = os.environ.get("KLAVIYO_CONTRACT")
    if contract:
        done = subprocess.run(["/usr/bin/python3", contract, str(record)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
