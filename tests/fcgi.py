"""
fcgi.py - FastCGI on raw sockets: a client that can send anything, and a
responder that can answer anything.  Knows the protocol's records and nothing
of libfcgi, which it tests.
"""
import socket
import struct
import threading

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6
FORM = "application/x-www-form-urlencoded"


def record(kind, content=b"", request=1, version=1, padding=0):
    return struct.pack("!BBHHBx", version, kind, request, len(content),
                       padding) + content + bytes(padding)


def begin(keep=False, role=1):
    return record(BEGIN, struct.pack("!HB5x", role, 1 if keep else 0))


def pairs(variables):
    def size(n):
        return struct.pack("!B", n) if n < 128 else struct.pack(
            "!I", n | 0x80000000)
    out = b""
    for name, value in variables:
        name, value = name.encode(), value.encode("utf-8", "surrogateescape")
        out += size(len(name)) + size(len(value)) + name + value
    return out


def stream(kind, content):
    """The content as records, and the empty record that ends them."""
    out = b"".join(record(kind, content[i:i + 60000])
                   for i in range(0, len(content), 60000))
    return out + record(kind)


def variables(method="GET", path="/", query="", body=b"", **more):
    """What nginx would say, as a dict; None takes a variable away."""
    given = {"REQUEST_METHOD": method, "REQUEST_URI": path,
             "DOCUMENT_URI": path, "QUERY_STRING": query,
             "SERVER_PROTOCOL": "HTTP/1.1",
             "CONTENT_TYPE": FORM if body else "",
             "CONTENT_LENGTH": str(len(body)) if body else "", **more}
    return {n: v for n, v in given.items() if v is not None}


def connect(address, timeout=20):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect(address)
    return s


def read_all(s):
    data = b""
    try:
        while chunk := s.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data


def stdout_of(data):
    """(what was written to STDOUT, was there an END record)."""
    out, ended = b"", False
    while len(data) >= 8:
        _, kind, _, length, padding = struct.unpack("!BBHHBx", data[:8])
        if kind == STDOUT:
            out += data[8:8 + length]
        ended = ended or kind == END
        data = data[8 + length + padding:]
    return out, ended


def status_of(data):
    """The status of an answer; 0 if there is none."""
    out, _ = stdout_of(data)
    return int(out.split()[1]) if out.startswith(b"Status: ") else 0


def whole(given, body=b"", keep=False):
    return (begin(keep) + stream(PARAMS, pairs(given.items()))
            + stream(STDIN, body))


def talk(address, data, close=False):
    """Sends bytes; returns all that comes back until the peer closes."""
    with connect(address) as s:
        try:
            s.sendall(data)
            if close:
                s.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        return read_all(s)


def status(address, method="GET", path="/", body=b"", **more):
    return status_of(talk(address, whole(
        variables(method, path, body=body, **more), body)))


def answer_of(s):
    """What comes back up to an answer's end, or the connection's."""
    data = b""
    while data[-16:-14] != record(END)[:2]:
        chunk = s.recv(65536)
        if not chunk:
            break
        data += chunk
    return data


class Responder:
    """Answers every request at a Unix socket with the same bytes.  With
    ${keep} a connection is kept for so many answers, and the next request on it
    gets none.  methods: of each connection's requests."""

    def __init__(self, path, answer, keep=1):
        self.answer, self.keep = answer, keep
        self.methods = []
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(path)
        self.server.listen(16)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,),
                             daemon=True).start()

    def serve(self, s):
        methods = []
        self.methods.append(methods)
        with s:
            for n in range(self.keep + (self.keep > 1)):
                seen = b""
                while record(STDIN) not in seen:
                    chunk = s.recv(65536)
                    if not chunk:
                        return
                    seen += chunk
                methods.append(next(m for m in ("GET", "HEAD", "POST")
                                    if b"REQUEST_METHOD" + m.encode() in seen))
                if n < self.keep:
                    s.sendall(stream(STDOUT, self.answer)
                              + record(END, bytes(8)))

    def close(self):
        # shutdown wakes accept; close alone would not.
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
