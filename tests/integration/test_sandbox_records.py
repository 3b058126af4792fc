"""What klaviyo-sandbox keeps: its records, its data, what it says of them, and who
may ask."""
import http.client
import json
import threading
import time

import pytest

from contract_kit import check_contract, needs_contract
from sandbox_fixture import HEADERS, Sandbox, bulk, event, profile



# ---- records, data, control

def test_record(tmp_path):
    file = tmp_path / "record.jsonl"
    with Sandbox("--record", file, "--fault", "script:ok,503,record+reset,ok") as s:
        s.event(unique_id="1")
        s.event(unique_id="2")
        with pytest.raises(ConnectionResetError):
            s.event(unique_id="3")
        s.call("POST", "/api/events", "{")
        s.client("events", json.dumps(event(unique_id="5"), indent=2))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(r["status"], r["sent"]) for r in lines] == [
        (202, 202), (0, 503), (202, 0), (400, 400), (202, 202)]
    assert lines[0]["body"] == event(unique_id="1")
    assert lines[0]["headers"]["Authorization"] == HEADERS["Authorization"]
    assert lines[4]["path"] == "/client/events?company_id=ABC123"
    assert lines[3]["body"] is None and lines[3]["raw"] == "{"
    assert lines[2]["fault"] == "record+reset"


def test_numbers_are_kept_as_sent(sandbox):
    body = json.dumps(event()).replace("29.98", "9007199254740993.10")
    assert sandbox.call("POST", "/api/events", body).status == 202
    text = sandbox.call("GET", "/sandbox/state", headers={}).text
    assert b"9007199254740993.10" in text


def test_data_survives_a_restart(tmp_path):
    file = tmp_path / "data.jsonl"
    with Sandbox("--data", file) as s:
        s.event(who=profile(email="a@klaviyo-demo.com", first_name="Ann"))
        s.call("POST", "/api/profiles", profile(external_id="c9"))
        before = s.state
    with file.open("a") as f:
        f.write('{"kind":"event","cut sh')  # as after a crash
    for _ in range(2):
        with Sandbox("--data", file) as s:
            after = s.state
            assert [p["id"] for p in after["profiles"]] == [
                p["id"] for p in before["profiles"]]
            assert after["profiles"][0]["attributes"]["first_name"] == "Ann"
            s.event(who=profile(email="a@klaviyo-demo.com"))
            assert s.counts["duplicate"] == 1 and s.counts["accepted"] == 1
    with Sandbox("--data", file) as s:
        s.call("POST", "/sandbox/clear", headers={})
    with Sandbox("--data", file) as s:
        assert s.counts["accepted"] == 0


def test_events_after_and_waiting(sandbox):
    sandbox.event()
    first = sandbox.call("GET", "/sandbox/events?after=0", headers={}).json
    assert [e["n"] for e in first["events"]] == [1] and first["last"] == 1
    later = threading.Timer(0.3, lambda: sandbox.event(unique_id="2"))
    later.start()
    start = time.monotonic()
    news = sandbox.call("GET", "/sandbox/events?after=1&wait=60000", headers={},
                        timeout=120).json
    assert [e["unique_id"] for e in news["events"]] == ["2"]
    assert time.monotonic() - start < 45  # not when the wait was over
    later.join()  # it is answered before the sandbox ends


def test_clear(sandbox):
    sandbox.event()
    assert sandbox.call("POST", "/sandbox/clear", headers={}).status == 200
    state = sandbox.state
    assert not state["events"] and not state["profiles"] and not state["metrics"]
    sandbox.event()
    assert sandbox.counts["accepted"] == 1


def test_kept_events_are_bounded():
    with Sandbox("--rate", "off", "--keep", "10") as s:
        for i in range(25):
            s.event(unique_id=str(i))
        assert len(s.state["events"]) == 10
        assert s.counts["accepted"] == 25
        s.event(unique_id="0")
        assert s.counts["duplicate"] == 1


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_control_is_for_this_machine(sandbox, headers):
    sandbox.event()
    assert sandbox.call("POST", "/sandbox/clear", headers=headers).status == 403
    assert sandbox.call("GET", "/sandbox/state", headers=headers).status == 403
    assert sandbox.counts["accepted"] == 1


def test_guide_check(sandbox):
    sandbox.event(properties={"OrderID": "1", "Items": [{"Sku": "x", "Quantity": "1"}]})
    placed = next(g for g in sandbox.state["guide"] if g["metric"] == "Placed Order")
    by = {(p["where"], p["name"]): p for p in placed["properties"]}
    assert by["properties", "OrderId"]["instead"] == "OrderID"
    assert by["Items[]", "SKU"]["misspelled"] == 1
    assert by["Items[]", "Quantity"]["mistyped"] == 1
    assert by["event", "value"]["seen"] == 1
    assert by["properties", "ItemNames"]["missing"] == 1


@needs_contract
def test_contract_agrees(tmp_path):
    """What is accepted here fits Klaviyo's own description as well."""
    file = tmp_path / "record.jsonl"
    with Sandbox("--record", file) as s:
        s.event()
        s.post_bulk(bulk((profile(external_id="a"), [event()])))
        s.client("events", event())
        s.client("profiles", profile(email="a@klaviyo-demo.com", _kx="k"))
        s.call("POST", "/api/profile-import", profile(email="b@klaviyo-demo.com"))
    check_contract(file)


def test_many_connections_at_once(sandbox):
    statuses = []

    def send(n):
        c = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=30)
        for i in range(50):
            c.request("POST", "/api/events", json.dumps(
                event(unique_id=f"{i}", value=n)), HEADERS)
            answer = c.getresponse()
            answer.read()
            statuses.append(answer.status)
        c.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [202] * 500
    assert sandbox.counts["accepted"] == 50
    assert sandbox.counts["duplicate"] == 450
