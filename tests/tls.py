"""
tls.py - a certificate authority for a test, and nginx speaking TLS with its
certificates before something that speaks none.

    ca = Authority(directory)
    ca.certificate("good", "localhost")       # (certificate, key): paths
    nginx_tls(ca.path, 8443, "good", "127.0.0.1:9000")   # a server block
"""
import os
import subprocess


def openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


class Authority:
    def __init__(self, path):
        self.path = path
        self.file = os.path.join(path, "ca.pem")
        self.made = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                "-out", "ca.pem", "-subj", "/CN=The test's own CA",
                "-days", "30", cwd=path)
        os.chmod(self.file, 0o644)

    def certificate(self, name, host, start=None, end=None, own=False):
        """For ${host}, a name or an IPv4 address; ${own}: self-signed.
        Dates are as "20200101000000Z"."""
        kind = "IP" if host.replace(".", "").isdigit() else "DNS"
        with open(os.path.join(self.path, name + ".cnf"), "w") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\n"
                    f"new_certs_dir=.\nserial={name}.srl\n"
                    "default_md=sha256\npolicy=p\nunique_subject=no\n"
                    "x509_extensions=x\n[p]\ncommonName=supplied\n[x]\n"
                    f"subjectAltName={kind}:{host}\n")
        self.made += 1
        for file, text in (("index.txt", ""),
                           (name + ".srl", f"{self.made + 4096:X}\n")):
            with open(os.path.join(self.path, file), "w") as f:
                f.write(text)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                "-subj", f"/CN={host}", cwd=self.path)
        signer = ["-selfsign", "-keyfile", name + ".key"] if own else [
            "-cert", "ca.pem", "-keyfile", "ca.key"]
        dates = (["-startdate", start, "-enddate", end] if start
                 else ["-days", "30"])
        openssl("ca", "-batch", "-notext", "-config", name + ".cnf",
                "-in", name + ".csr", "-out", name + ".pem", *signer, *dates,
                cwd=self.path)
        for end_of_name in (".pem", ".key"):
            os.chmod(os.path.join(self.path, name + end_of_name), 0o644)


def nginx_tls(path, listen, name, backend, more=""):
    """A server block of nginx: TLS on ${listen}, plain HTTP behind it."""
    return f"""
server {{
    listen {listen} ssl;
    ssl_certificate {path}/{name}.pem;
    ssl_certificate_key {path}/{name}.key;
    access_log {path}/{name}.access;
    client_max_body_size 6m;
    location / {{
        proxy_pass http://{backend};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_next_upstream off;
        {more}
    }}
}}"""


NGINX = """
worker_processes 1;
pid {name}.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {name}-body;
    proxy_temp_path {name}-proxy;
    fastcgi_temp_path {name}-fastcgi;
    uwsgi_temp_path {name}-uwsgi;
    scgi_temp_path {name}-scgi;
    access_log off;
    {blocks}
}}
"""


def nginx_conf(name, *blocks):
    return NGINX.format(name=name, blocks="\n".join(blocks))
