"""
postgres.py - a PostgreSQL server of the tests' own.

    with Server() as server:
        server.create("shop")         # an empty database
        server.url("shop")            # postgresql://.. over a Unix socket
        server.stop(); server.start() # the data stays

    python3 tests/postgres.py COMMAND..   runs COMMAND with TEST_POSTGRES, the
                                          address of an empty database

Promises: the data and the socket lie in one temporary directory, the server
listens nowhere else, runs as an unprivileged user, is ended by its pid, and
ends by itself should the process that started it be killed.
"""
import ctypes
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = float(os.environ.get("STOREFRONT_PATIENCE", "60"))
# The data goes with the test, and no test cuts the power: what the server
# writes need not reach the disk.
SETTINGS = {"listen_addresses": "", "fsync": "off", "shared_buffers": "32MB",
            "max_connections": "200", "log_min_messages": "fatal",
            "log_min_error_statement": "panic"}
PR_SET_PDEATHSIG = 1


def user():
    """Whom programs run as: None = as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("www-data", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise RuntimeError("there is no user www-data")


def programs():
    """Where initdb and postgres are; Debian keeps them off the PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which("initdb")
    assert path, "there is no PostgreSQL server here: apt-get install " \
                 "postgresql"
    return os.path.dirname(path)


def end_with_us():
    """The kernel means the thread that started it: start it in the first."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Server:
    def __init__(self, **settings):
        self.settings = {**SETTINGS, **settings}
        self.user, self.process, self.made = user(), None, 0
        self.dir = tempfile.mkdtemp(prefix="pg-")
        if self.user:
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.data = os.path.join(self.dir, "data")
        self.log = os.path.join(self.dir, "log")
        try:
            subprocess.run(
                [os.path.join(programs(), "initdb"), "-D", self.data, "-N",
                 "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U",
                 "shop"], check=True, capture_output=True, text=True,
                env=self._environment(), cwd=self.dir, **self._as_user())
            self.start()
        except BaseException:
            self.close()
            raise

    def _as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid,
                "extra_groups": []} if self.user else {}

    def _environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": self.dir, "LANG": "C.UTF-8"}

    def start(self):
        settings = {**self.settings, "unix_socket_directories": self.dir}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(programs(), "postgres"), "-D", self.data,
                 *(word for name, value in settings.items()
                   for word in ("-c", f"{name}={value}"))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.dir, env=self._environment(),
                preexec_fn=end_with_us, **self._as_user())
        end = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("PostgreSQL does not start:\n"
                                     + open(self.log).read()[-3000:])
            time.sleep(0.02)

    def ready(self):
        import psycopg2
        try:
            psycopg2.connect(self.url("postgres")).close()
            return True
        except psycopg2.OperationalError:
            return False

    def stop(self, sig=signal.SIGINT):
        """SIGINT: at once, in order; SIGQUIT: as a crash."""
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def socket(self):
        return os.path.join(self.dir, ".s.PGSQL.5432")

    def url(self, database):
        return f"postgresql://shop@/{database}?host={self.dir}"

    def run(self, database, sql, *arguments):
        """The rows of a statement; its own transaction."""
        import psycopg2
        connection = psycopg2.connect(self.url(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, arguments or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create(self, name=None):
        """A new, empty database; its name."""
        self.made += 1
        name = name or f"shop{self.made}"
        self.run("postgres", f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    def drop(self, name):
        self.run("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Server() as server:
        return subprocess.run(
            sys.argv[1:], env={**os.environ, "TEST_POSTGRES":
                               server.url(server.create("test"))}).returncode


if __name__ == "__main__":
    sys.exit(main())
