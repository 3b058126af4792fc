"""A Catalog API that does as a test says, where the sandbox does as Klaviyo:
errors without a pointer, whole jobs refused, jobs that take their time.

    with CatalogFake() as klaviyo:
        klaviyo.url; klaviyo.items; klaviyo.variants   # id -> attributes
        klaviyo.requests     # [{"method", "path", "headers", "body"}]
        klaviyo.jobs         # [(kind, step, [ids])], in order of their posting
        klaviyo.polls = 3    # a job is in progress until it is asked for so often
        klaviyo.refuse = lambda kind, step, id: "why" or None      # one entry
        klaviyo.refuse_job = lambda kind, step, ids: status or None
        klaviyo.pointers = False       # errors do not say which entry
        klaviyo.wait = 2               # answers 429 so often
        klaviyo.hold(n)      # after n jobs have ended, none does any more
"""
import http.server
import json
import re
import threading

OWN = "$custom:::$default:::"
ROUTE = re.compile(r"/api/catalog-(item|variant)-bulk-(create|update|delete)"
                   r"-jobs(?:/([0-9A-Za-z]+))?$")


class CatalogFake:
    def __init__(self):
        self.items, self.variants = {}, {}
        self.requests, self.jobs, self.states = [], [], {}
        self.polls, self.wait, self.pointers = 0, 0, True
        self.refuse = self.refuse_job = lambda *_: None
        self.held, self.ended, self.left = threading.Event(), 0, None
        self.most_open = 0
        self.lock = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                self.answer("POST", json.loads(self.rfile.read(length)),
                            length)

            def do_GET(self):
                self.answer("GET", None, 0)

            def answer(self, method, body, length):
                with fake.lock:
                    status, headers, reply = fake.handle(
                        method, self.path, dict(self.headers), body, length)
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.api+json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def hold(self, jobs):
        self.left = jobs

    # ------------------------------------------------------------- requests

    @staticmethod
    def error(status, code, detail):
        return status, {}, {"errors": [{"id": "1", "code": code,
                                        "title": "No.", "detail": detail}]}

    def handle(self, method, path, headers, body, length):
        route = ROUTE.match(path)
        if route is None or (method == "GET") != (route[3] is not None):
            return self.error(404, "not_found", "No such endpoint.")
        assert headers["Authorization"].startswith("Klaviyo-API-Key pk_")
        if self.wait:
            self.wait -= 1
            status, more, reply = self.error(429, "throttled", "Slow down.")
            return status, {"Retry-After": "1"}, reply
        if method == "POST" and "type" not in body["data"]:
            return self.error(400, "invalid", "No job.")  # `doctor` asks so
        self.requests.append({"method": method, "path": path,
                              "headers": headers, "body": body})
        if method == "GET":
            return self.poll(route)
        return self.post(route[1], route[2], body, length)

    def reply(self, status, job):
        return status, {}, {"data": {
            "type": f"catalog-{job['kind']}-bulk-{job['step']}-job",
            "id": job["id"], "attributes": {
                "status": job["status"], "created_at": "2026-01-01T00:00:00Z",
                "total_count": len(job["entries"]),
                "failed_count": len(job["errors"]),
                "errors": job["errors"] if job["status"] == "complete"
                else []},
            "links": {"self": "x"}}}

    def post(self, kind, step, body, length):
        data = body["data"]
        assert data["type"] == f"catalog-{kind}-bulk-{step}-job"
        entries = data["attributes"][kind + "s"]["data"]
        assert 1 <= len(entries) <= 100 and length <= 5000000
        ids = [self.id_of(entry) for entry in entries]
        assert len(ids) == len(set(ids)), "an entry twice in a job"
        status = self.refuse_job(kind, step, ids)
        if status:
            return self.error(status, "invalid", "This job is no good.")
        self.jobs.append((kind, step, ids))
        job = {"id": f"J{len(self.states)}", "kind": kind, "step": step,
               "entries": entries, "errors": [], "status": "queued",
               "polls": self.polls}
        self.states[job["id"]] = job
        self.most_open = max(self.most_open, sum(
            j["status"] != "complete" for j in self.states.values()))
        return self.reply(202, job)

    def poll(self, route):
        job = self.states.get(route[3])
        if job is None or (job["kind"], job["step"]) != route.groups()[:2]:
            return self.error(404, "not_found", "No such job.")
        if self.left == 0:
            self.held.set()
        elif job["polls"] > 0:
            job["polls"] -= 1
            job["status"] = "processing"
        elif job["status"] != "complete":
            if self.left:
                self.left -= 1
            for at, entry in enumerate(job["entries"]):
                self.apply(job, at, entry)
            job["status"] = "complete"
        return self.reply(200, job)

    # ---------------------------------------------------------- the catalogue

    @staticmethod
    def id_of(entry):
        if "id" in entry:
            assert entry["id"].startswith(OWN)
            return entry["id"][len(OWN):]
        return entry["attributes"]["external_id"]

    def fail(self, job, at, code, detail, member="id"):
        pointer = f"/data/attributes/{job['kind']}s/data/{at}/{member}"
        job["errors"].append({
            "id": "e", "code": code, "title": "Invalid input.",
            "detail": detail,
            "source": {"pointer": pointer if self.pointers else None}})

    def apply(self, job, at, entry):
        kind, step, id = job["kind"], job["step"], self.id_of(entry)
        there = self.items if kind == "item" else self.variants
        why = self.refuse(kind, step, id)
        if why:
            self.fail(job, at, "invalid", why, "attributes/url")
        elif step == "create" and id in there:
            self.fail(job, at, "duplicate", "It exists.")
        elif step != "create" and id not in there:
            self.fail(job, at, "not_found", "It does not exist.")
        elif step == "delete":
            del there[id]
            if kind == "item":
                self.variants = {name: v for name, v in self.variants.items()
                                 if v["item"] != id}
        elif step == "update":
            there[id].update(entry["attributes"])
        else:
            values = dict(entry["attributes"])
            if kind == "variant":
                values["item"] = entry["relationships"]["item"]["data"][
                    "id"][len(OWN):]
                if values["item"] not in self.items:
                    self.fail(job, at, "not_found", "Its item is missing.")
                    return
            there[id] = values
