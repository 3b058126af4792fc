"""klaviyo-sandbox as a Python object: starts it on a free port, talks to it.

The binary is that of the directory STOREFRONT_BUILD (default: build at the root
of the repository).
"""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.parse

from harness import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STOREFRONT_BUILD", ROOT / "build"))
PROGRAM = (ROOT / BUILD / "klaviyo-sandbox").resolve()

REVISION = "2026-07-15"
HEADERS = {"Authorization": "Klaviyo-API-Key pk_sandbox",
           "revision": REVISION,
           "Content-Type": "application/vnd.api+json"}
CLIENT_HEADERS = {"revision": REVISION, "Content-Type": "application/json"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def pointers(self):
        return [e["source"].get("pointer") for e in self.json["errors"]]

    @property
    def parameters(self):
        return [e["source"].get("parameter") for e in self.json["errors"]]


class Sandbox:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [PROGRAM, "--listen", "127.0.0.1:0", *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "listening on http://" not in line:
            raise RuntimeError(line + self.process.stderr.read())
        self.url = line.split()[-1].rstrip("/")
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *why):
        status = self.stop()
        assert why[0] or status == 0, self.process.stderr.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def call(self, method, path, body=None, headers=None, timeout=20):
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, HEADERS if headers is None else headers)
            return Answer(c.getresponse())
        finally:
            c.close()

    def event(self, *args, **kwargs):
        return self.call("POST", "/api/events", event(*args, **kwargs))

    def post_bulk(self, body):
        return self.call("POST", "/api/event-bulk-create-jobs", body)

    def client(self, path, body, **kwargs):
        return self.call("POST", f"/client/{path}?company_id=ABC123", body,
                         CLIENT_HEADERS, **kwargs)

    def get(self, path, headers=None, **params):
        """params: filter=.., sort=.., page_size=.. for page[size] and so on."""
        if params:
            names = {re.sub("^(page|fields)_(.*)", r"\1[\2]", k): v
                     for k, v in params.items()}
            path += "?" + urllib.parse.urlencode(names)
        return self.call("GET", path, headers=headers)

    def follow(self, path, **params):
        """The pages of a list, by its own links."""
        answer = self.get(path, **params)
        while True:
            assert answer.status == 200, answer.text
            yield answer.json
            after = answer.json["links"]["next"]
            if not after:
                return
            assert after.startswith(self.url + "/api/")
            answer = self.get(after[len(self.url):])

    def fault(self, spec):
        answer = self.call("POST", "/sandbox/fault", spec, {})
        assert answer.status == 200, answer.text
        return answer.json

    @property
    def state(self):
        return self.call("GET", "/sandbox/state", headers={}).json

    @property
    def counts(self):
        return self.call("GET", "/sandbox/status", headers={}).json["counts"]

    def until(self, ready):
        """The state, once ready(state) holds."""
        return until(lambda: ready(state := self.state) and state)


def until(ready):
    """Of a page, or a state: the first true value."""
    return wait_for(ready, "klaviyo-sandbox, or its page")


def profile(**attributes):
    data = {"type": "profile", "attributes": attributes}
    if "id" in attributes:
        data["id"] = attributes.pop("id")
    return {"data": data}


def event(metric="Placed Order", unique_id="order-1", who=None, **attributes):
    all_of_them = {
        "properties": {"OrderId": "order-1"},
        "time": "2026-07-01T12:00:00Z",
        "value": 29.98,
        "value_currency": "USD",
        "unique_id": unique_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": who or profile(email="sarah.mason@klaviyo-demo.com"),
        **attributes}
    return {"data": {"type": "event", "attributes": all_of_them}}


def bulk(*groups, **attributes):
    """Each group is (profile, [event, ..])."""
    data = []
    for who, events in groups:
        inner = []
        for e in events:
            kept = dict(e["data"]["attributes"])
            kept.pop("profile", None)
            inner.append({"type": "event", "attributes": kept})
        data.append({"type": "event-bulk-create", "attributes": {
            "profile": who, "events": {"data": inner}, **attributes}})
    return {"data": {"type": "event-bulk-create-job", "attributes": {
        "events-bulk-create": {"data": data}}}}


# ---- what else may be sent

def consent(*people, list=None, subscribe=True, **attributes):
    """A subscription job; each of people is a dict of attributes, with the
    subscriptions or with ("email", "sms"): marketing on those channels."""
    word = "SUBSCRIBED" if subscribe else "UNSUBSCRIBED"
    data = []
    for given in people:
        a = dict(given)
        entry = {"type": "profile", "attributes": a}
        if "id" in a:
            entry["id"] = a.pop("id")
        if isinstance(a.get("subscriptions"), tuple):
            a["subscriptions"] = {channel: {"marketing": {"consent": word}}
                                  for channel in a["subscriptions"]}
        data.append(entry)
    kind = "create" if subscribe else "delete"
    body = {"data": {"type": f"profile-subscription-bulk-{kind}-job",
                     "attributes": {"profiles": {"data": data}, **attributes}}}
    if list is not None:
        body["data"]["relationships"] = {
            "list": {"data": {"type": "list", "id": list}}}
    return body


VARIANT = "$custom:::$default:::"


def back_in_stock(variant="v1", channels=("EMAIL",), who=None):
    return {"data": {
        "type": "back-in-stock-subscription",
        "attributes": {
            "channels": list(channels),
            "profile": who or profile(email="sarah.mason@klaviyo-demo.com")},
        "relationships": {"variant": {"data": {
            "type": "catalog-variant", "id": VARIANT + variant}}}}}


def merge(into, source):
    return {"data": {"type": "profile-merge", "id": into, "relationships": {
        "profiles": {"data": [{"type": "profile", "id": source}]}}}}


PLURALS = {"item": "items", "variant": "variants", "category": "categories"}


def thing(what, id, create=True, **attributes):
    """An item, variant or category of a job: all that is required when it is
    made, and only what is given when it is changed. related=(name, id or ids)
    is what it belongs to."""
    related = attributes.pop("related", None)
    whole = {"category": {"name": f"Category {id}"}}.get(what, {
        "title": f"Title {id}", "description": "What it is",
        "url": f"https://shop.klaviyo-demo.com/products/{id}"})
    if what == "variant":
        whole.update(sku=f"SKU-{id}", inventory_quantity=3, price=9.99)
        related = related or create and ("item", "i1")
    data = {"type": f"catalog-{what}", "attributes": {
        **({"external_id": id, **whole} if create else {}), **attributes}}
    if not create:
        data["id"] = VARIANT + id
    if related:
        name, ids = related
        kind = {"item": "item", "items": "item"}.get(name, "category")
        to = [{"type": f"catalog-{kind}", "id": VARIANT + i}
              for i in ([ids] if isinstance(ids, str) else ids)]
        data["relationships"] = {name: {"data": to[0] if name == "item" else to}}
    return data


def job(what, doing, *things):
    """A bulk job; things are those of thing(), or ids for "delete"."""
    data = [{"type": f"catalog-{what}", "id": VARIANT + t}
            if isinstance(t, str) else t for t in things]
    return {"data": {"type": f"catalog-{what}-bulk-{doing}-job", "attributes": {
        PLURALS[what]: {"data": data}}}}
