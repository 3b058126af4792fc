#!/usr/bin/python3
"""
bench.py - the product page beside what nginx and FastCGI can do at all.

Side by side in one run, round by round, at 16 connections: nginx serving a
static file; a FastCGI program that writes a fixed page of the same size
(fixed.c); our product page, for a visitor without a cart and for one with.
Medians of the rounds; processor time is that of nginx and the program, from
/proc.  Prints a Markdown table; the ratios are to the fixed page.
"""
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import BUILD, Shop, answers  # noqa: E402

ROUNDS, SECONDS, CONNECTIONS = 5, 3, 16
PAGE = "/products/winnie-the-pooh"
TICK = os.sysconf("SC_CLK_TCK")


def processor(pids):
    """Seconds of processor time that processes have used."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def load(url, pids, cookie=""):
    """One round: requests a second, processor microseconds a request."""
    before = processor(pids)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s",
         *(["-H", "Cookie: " + cookie] if cookie else []), url],
        capture_output=True, text=True, check=True).stdout
    used = processor(pids) - before
    bad = re.search(r"Non-2xx.*|Socket errors.*", done)
    assert not bad, bad.group(0)
    requests = int(re.search(r"(\d+) requests in", done).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done).group(1))
    return rate, used / requests * 1e6


def fixed_shop(page):
    """nginx before fixed.c, the static page beside it."""
    shop = Shop("nginx", serve=False)
    shop.mkdir("static")
    shop.write("static/fixed.html", page)
    shop.conf("nginx.conf")
    path = shop.path("nginx.conf")
    text = re.sub(r"(?m)^(\s*root )\S+;$", rf"\1{shop.path('static')};",
                  open(path).read())
    shop.conf = lambda name: shop.write(name, text)
    program = shop.reach(os.path.join(BUILD, "bench"), ["fixed"])
    shop.spawn("fixed", [os.path.join(program, "fixed"), shop.socket,
                         shop.path("static/fixed.html")],
               lambda: answers(shop.socket))
    shop.start_nginx()
    return shop


def main():
    with Shop("nginx") as ours:
        page = ours.get(PAGE).text
        visitor = ours.visitor()
        visitor.get(PAGE)
        visitor.submit("/cart/add", quantity="1")
        cookie = "; ".join(f"{n}={v}" for n, v in visitor.cookies.items())
        fixed = fixed_shop(page)
        try:
            nginx = [p for s in (fixed, ours)
                     for p in children(s.programs["nginx"].pid)]
            pids = nginx + [fixed.programs["fixed"].pid,
                            ours.programs["storefront"].pid]
            rows = [("nginx, a static file", fixed.url + "/fixed.html", ""),
                    ("FastCGI, a fixed page", fixed.url + "/x", ""),
                    ("product page", ours.url + PAGE, ""),
                    ("product page, with a cart", ours.url + PAGE, cookie)]
            results = {name: [] for name, _, _ in rows}
            for _ in range(ROUNDS):
                for name, url, with_cookie in rows:
                    results[name].append(load(url, pids, with_cookie))
        finally:
            fixed.programs.pop("fixed").kill()
            fixed.stop(quietly=True)
    median = {name: [statistics.median(r[i] for r in rounds) for i in (0, 1)]
              for name, rounds in results.items()}
    base = median["FastCGI, a fixed page"]
    print(f"{CONNECTIONS} connections, a page of {len(page.encode())} bytes, "
          f"medians of {ROUNDS} rounds, {os.cpu_count()} cores\n")
    print("| | requests/s | ratio | processor µs a request | ratio |")
    print("|---|---|---|---|---|")
    for name, (rate, micro) in median.items():
        print(f"| {name} | {rate:.0f} | {rate / base[0]:.2f} "
              f"| {micro:.0f} | {micro / base[1]:.2f} |")


if __name__ == "__main__":
    main()
