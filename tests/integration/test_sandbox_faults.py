"""klaviyo-sandbox answers as Klaviyo does on a bad day: rate limits, and faults
that are asked for."""
import http.client
import time

import pytest

from harness import free_port
from sandbox_fixture import Sandbox, bulk, event, profile, until



# ---- rate limits

def test_bulk_burst_and_headers():
    with Sandbox() as s:
        answers = [s.post_bulk(bulk((profile(external_id="a"), [
            event(unique_id=str(i))]))) for i in range(40)]
    good = [a for a in answers if a.status == 202]
    late = [a for a in answers if a.status == 429]
    assert good and late and len(good) + len(late) == 40
    assert good[0].headers["RateLimit-Limit"] == "150"
    assert good[0].headers["RateLimit-Remaining"] == "149"
    assert 1 <= int(good[0].headers["RateLimit-Reset"]) <= 60
    assert "RateLimit-Limit" not in late[0].headers
    assert int(late[0].headers["Retry-After"]) == 1


def test_waiting_as_told_is_enough_and_less_is_not():
    with Sandbox("--clock-rate", "10") as s:  # a minute lasts six seconds
        post = lambda: s.call("POST", "/api/event-bulk-create-jobs", "{}")
        end = time.monotonic() + 15
        while time.monotonic() < end:
            answer = post()
            if answer.status == 429 and int(answer.headers["Retry-After"]) > 1:
                break
        assert answer.status == 429
        wait = int(answer.headers["Retry-After"])
        assert 1 < wait <= 6
        assert post().status == 429
        time.sleep(wait)
        assert post().status == 400  # heard, and wrong


# ---- faults

def test_status_faults_are_counted(sandbox):
    sandbox.fault("503*2; 429/7*1")
    answers = [sandbox.event() for _ in range(4)]
    assert [a.status for a in answers] == [503, 503, 429, 202]
    assert answers[2].headers["Retry-After"] == "7"
    assert "RateLimit-Limit" not in answers[2].headers
    state = sandbox.state
    assert len(state["events"]) == 1 and len(state["faults"]) == 3


def test_script(sandbox):
    sandbox.fault("script:503,404*2,record+500,ok,5xx")
    statuses = [sandbox.event(unique_id=str(i)).status for i in range(7)]
    assert statuses[:5] == [503, 404, 404, 500, 202]
    assert statuses[5] >= 500 and statuses[6] == 202
    assert [e["unique_id"] for e in sandbox.state["events"]] == ["3", "4", "6"]


@pytest.mark.parametrize("spec,kept", [("reset", 0), ("record+reset", 1)])
def test_reset(sandbox, spec, kept):
    sandbox.fault(spec)
    with pytest.raises(ConnectionResetError):
        sandbox.event()
    assert sandbox.counts["accepted"] == kept


@pytest.mark.parametrize("spec,error", [
    ("truncated", http.client.HTTPException),
    ("truncated/body", http.client.IncompleteRead)])
def test_truncated(sandbox, spec, error):
    sandbox.fault(spec)
    with pytest.raises(error):
        sandbox.event()
    assert sandbox.counts["accepted"] == 1


@pytest.mark.parametrize("spec,kept", [("hang/60000", 0), ("record+hang/60000", 1)])
def test_hang(sandbox, spec, kept):
    sandbox.fault(spec)
    with pytest.raises(TimeoutError):
        sandbox.call("POST", "/api/events", event(), timeout=0.5)
    until(lambda: sandbox.counts["accepted"] == kept)
    assert sandbox.stop() == 0  # at once, although somebody hangs


def test_slow_and_latency():
    with Sandbox("--latency", "150", "--fault", "slow/300*1") as s:
        took = []
        for _ in range(6):
            start = time.monotonic()
            assert s.event().status == 202
            took.append(time.monotonic() - start)
        assert took[0] >= 0.45 > min(took[1:]) >= 0.15, took


def test_down_and_up_again():
    with Sandbox("--rate", "off", "--listen", f"127.0.0.1:{free_port()}") as s:
        goes_down_and_up(s)


def goes_down_and_up(sandbox):
    def tried():
        try:
            return sandbox.event().status
        except OSError as error:
            return type(error)
    sandbox.fault("down/3000*1")
    with pytest.raises(ConnectionResetError):
        sandbox.event()
    until(lambda: tried() is ConnectionRefusedError)
    assert until(lambda: (said := tried()) is not ConnectionRefusedError
                 and said) == 202


def test_chance_follows_the_seed():
    def fates():
        with Sandbox("--rate", "off", "--fault", "5xx=0.5", "--seed", "42") as s:
            return [s.event(unique_id=str(i)).status for i in range(30)]
    first = fates()
    assert first == fates()
    assert 5 < sum(f != 202 for f in first) < 25


def test_faults_by_path(sandbox):
    sandbox.fault("/api/event-bulk 413")
    assert sandbox.event().status == 202
    assert sandbox.post_bulk(bulk((profile(external_id="a"), [event()]))).status == 413
    assert sandbox.call("GET", "/onsite/js/ABC123/klaviyo.js").status == 200
    sandbox.fault("/onsite 503")
    assert sandbox.call("GET", "/onsite/js/ABC123/klaviyo.js").status == 503


def test_wrong_fault_changes_nothing(sandbox):
    sandbox.fault("503")
    answer = sandbox.call("POST", "/sandbox/fault", "503; nonsense", {})
    assert answer.status == 400 and "nonsense" in answer.json["error"]
    assert sandbox.event().status == 503
    sandbox.fault("none")
    assert sandbox.event().status == 202
