"""People as klaviyo-sandbox knows them: by which identifier, from events, from a
browser, and by the profile endpoints."""
import urllib.parse

from sandbox_fixture import event, profile



# ---- people

def find(sandbox, value, by="email"):
    filter_ = urllib.parse.quote(f'equals({by},"{value}")')
    return sandbox.call("GET", "/api/profiles?filter=" + filter_).json["data"]


def test_profile_is_updated_by_events(sandbox):
    sandbox.event(who=profile(email="A@klaviyo-demo.com", first_name="Ann",
                              location={"city": "Boston", "zip": "02110"},
                              properties={"a": 1, "b": 2}))
    sandbox.event(unique_id="2", who=profile(
        email="a@klaviyo-demo.com", last_name="Lee", first_name=None,
        location={"city": "Salem"}, properties={"b": None, "c": [1.10]}))
    [p] = sandbox.state["profiles"]
    assert p["events"] == 2
    a = p["attributes"]
    assert "first_name" not in a and a["last_name"] == "Lee"
    assert a["location"] == {"city": "Salem", "zip": "02110"}
    assert a["properties"] == {"a": 1, "c": [1.1]}


def test_patch_properties(sandbox):
    made = sandbox.call("POST", "/api/profile-import", profile(
        email="a@klaviyo-demo.com", properties={"l": [1, 2], "x": 1, "y": "z"}))
    assert made.status == 201
    body = profile(email="a@klaviyo-demo.com")
    body["data"]["meta"] = {"patch_properties": {
        "append": {"l": 3, "n": "new"}, "unappend": {"y": "z"}, "unset": "x"}}
    assert sandbox.call("POST", "/api/profile-import", body).status == 200
    [p] = sandbox.state["profiles"]
    assert p["attributes"]["properties"] == {"l": [1, 2, 3], "y": [], "n": ["new"]}


def test_identifiers_precede_one_another(sandbox):
    sandbox.event(who=profile(external_id="c1", email="one@klaviyo-demo.com"))
    sandbox.event(who=profile(email="two@klaviyo-demo.com"))
    sandbox.event(unique_id="9", who=profile(external_id="c1",
                                             email="two@klaviyo-demo.com"))
    state = sandbox.state
    assert len(state["profiles"]) == 2  # external_id takes no part in merging
    one = find(sandbox, "one@klaviyo-demo.com")[0]["id"]
    assert state["events"][2]["person"] == one
    assert any("belongs to another" in r for r in state["events"][2]["remarks"])


def test_browser_profile_is_taken_in(sandbox):
    sandbox.client("events", event("Viewed Product", who=profile(anonymous_id="b")))
    sandbox.client("profiles", profile(anonymous_id="b", _kx="k",
                                       email="a@klaviyo-demo.com"))
    sandbox.event(who=profile(_kx="k"))
    sandbox.event(unique_id="2", who=profile(email="a@klaviyo-demo.com", _kx="k2"))
    sandbox.client("events", event("Added to Cart", who=profile(_kx="k2")))
    state = sandbox.state
    [p] = state["profiles"]
    assert p["events"] == 4 and {e["person"] for e in state["events"]} == {p["id"]}


def test_another_visitor_in_the_same_browser(sandbox):
    for name, kx in (("a", "k1"), ("b", "k2")):
        sandbox.client("profiles", profile(anonymous_id="same", _kx=kx,
                                           email=name + "@klaviyo-demo.com"))
        sandbox.client("events", event(unique_id=name, who=profile(
            anonymous_id="same", _kx=kx)))
    state = sandbox.state
    assert [p["events"] for p in state["profiles"]] == [1, 1]
    assert [e["who"] for e in state["events"]] == [
        "a@klaviyo-demo.com", "b@klaviyo-demo.com"]


def test_profile_endpoints(sandbox):
    made = sandbox.call("POST", "/api/profiles", profile(email="old@klaviyo-demo.com"))
    assert made.status == 201
    id_ = made.json["data"]["id"]
    assert len(id_) == 26
    again = sandbox.call("POST", "/api/profiles", profile(email="old@klaviyo-demo.com"))
    assert again.status == 409
    assert again.json["errors"][0]["code"] == "duplicate_profile"
    assert again.json["errors"][0]["meta"]["duplicate_profile_id"] == id_
    assert sandbox.call("POST", "/api/profiles", profile(
        anonymous_id="b")).status == 400

    # the recipe for a changed address
    [found] = find(sandbox, "old@klaviyo-demo.com")
    assert found["id"] == id_
    path = "/api/profiles/" + id_
    body = profile(id=id_, email="new@klaviyo-demo.com")
    assert sandbox.call("PATCH", path, body).status == 200
    assert find(sandbox, "old@klaviyo-demo.com") == []
    assert find(sandbox, "new@klaviyo-demo.com")[0]["id"] == id_
    assert find(sandbox, id_, "id")[0]["attributes"]["email"] == "new@klaviyo-demo.com"

    sandbox.call("POST", "/api/profiles", profile(email="taken@klaviyo-demo.com"))
    taken = profile(id=id_, email="taken@klaviyo-demo.com")
    assert sandbox.call("PATCH", path, taken).status == 409
    assert sandbox.call("POST", "/api/profile-import", taken).status == 404
    assert sandbox.call("PATCH", path, profile(email="x@klaviyo-demo.com")).status == 400
    assert sandbox.call("PATCH", path, profile(id="other", email="x@klaviyo-demo.com")).status == 400
    assert sandbox.call("PATCH", "/api/profiles/nobody", profile(
        id="nobody", title="x")).status == 404
    assert sandbox.call("GET", path).json["data"]["id"] == id_
    assert sandbox.call("GET", "/api/profiles?filter=equals(email,x)").status == 400


def test_browser_does_not_change_identifiers(sandbox):
    sandbox.event(who=profile(email="a@klaviyo-demo.com", external_id="c1"))
    sandbox.client("profiles", profile(email="a@klaviyo-demo.com", external_id="c2"))
    assert sandbox.state["profiles"][0]["identifiers"]["external_id"] == "c1"
