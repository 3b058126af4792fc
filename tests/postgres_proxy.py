"""
postgres_proxy.py - stands between the shop and PostgreSQL, and loses the answer
of a COMMIT, or falls silent.

    proxy = Proxy(server)
    shop.env["STOREFRONT_DB"] = proxy.url(database)
    proxy.trap("answer")      # the next COMMIT is done, its answer is lost
    proxy.trap("question")    # it never arrives, and the connection is lost
    proxy.trap("late")        # it arrives when proxy.release is set, and the
                              # client has lost its connection long before
    proxy.trap("question", b"INSERT INTO orders")   # another statement
    proxy.trapped.is_set()    # has it been met?
    proxy.open = False        # whoever connects is turned away
    proxy.flows.clear()       # nothing is passed on, and nobody is told
    proxy.held.is_set()       # does somebody wait for an answer, in vain?

Knows of the protocol only that a statement's words stand in the stream, the
first time that it is used on a connection; COMMIT's always, ended by NUL.
"""
import socket
import threading

COMMIT = b"COMMIT\0"


class Proxy:
    def __init__(self, server):
        self.server, self.open, self.kind = server, True, None
        self.trapped, self.release = threading.Event(), threading.Event()
        self.flows, self.held = threading.Event(), threading.Event()
        self.flows.set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, database):
        return f"postgresql://shop@127.0.0.1:{self.port}/{database}"

    def trap(self, kind, words=COMMIT):
        assert kind in ("answer", "question", "late"), kind
        self.trapped.clear()
        self.release.clear()
        self.words = words
        self.kind = kind

    def close(self):
        self.open = False
        self.release.set()
        self.flows.set()
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            Connection(self, client)


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.server = socket.socket(socket.AF_UNIX)
        self.muted, self.answered = False, threading.Event()
        try:
            self.server.connect(proxy.server.socket)
        except OSError:
            self.cut()
            return
        for run in (self.up, self.down):
            threading.Thread(target=run, daemon=True).start()

    def cut(self, *sockets):
        for s in sockets or (self.client, self.server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def up(self):
        """What the client says."""
        try:
            while data := self.client.recv(65536):
                with self.proxy.lock:
                    kind = self.proxy.kind if self.words_in(data) else None
                    if kind:
                        self.proxy.kind = None
                if kind:
                    self.lose(kind, data)
                    return
                self.flow()
                self.server.sendall(data)
        except OSError:
            pass
        self.cut()

    def flow(self):
        """Waits with a question, or with the answer to one, for better days."""
        if not self.proxy.flows.is_set():
            self.proxy.held.set()
            self.proxy.flows.wait()

    def words_in(self, data):
        return self.proxy.kind and self.proxy.words in data

    def lose(self, kind, data):
        self.muted = True
        if kind == "late":
            self.cut(self.client)
            self.proxy.trapped.set()
            self.proxy.release.wait()
        if kind != "question":
            self.server.sendall(data)
            self.answered.wait()
        self.proxy.trapped.set()
        self.cut()

    def down(self):
        """What the server says."""
        try:
            while data := self.server.recv(65536):
                if self.muted:
                    self.answered.set()
                else:
                    self.flow()
                    self.client.sendall(data)
        except OSError:
            pass
        self.answered.set()
        if not self.muted:
            self.cut()
