"""
fuzz.py - runs libFuzzer's targets one after the other, and tells how far each
came.

    fuzz.py BUILD SECONDS [TARGET..]

Each begins with tests/fuzz/corpus/TARGET and what it found in former runs
(BUILD/corpus/TARGET, where new finds go too), with TARGET.dict if there is one.
An input that crashes it, hangs it or makes it too large stays in BUILD/found;
then the exit code is 1 and the report's first lines are shown.  The whole output
is BUILD/TARGET.log.  No network, no root.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPORT = re.compile(r"BROKEN PROMISE.*|.*runtime error:.*"
                    r"|.*ERROR: (?:\w+Sanitizer|libFuzzer).*")
NUMBERS = (r"number_of_executed_units: (\d+)", r"average_exec_per_sec: +(\d+)",
           r" corp: (\d+)/", r" cov: (\d+)")
HEAD = f"{'target':<12} {'executions':>12} {'a second':>9} {'inputs':>7} " \
       f"{'edges':>7}  result"


def targets():
    return sorted(name[:-2] for name in os.listdir(HERE)
                  if name.endswith(".c") and name != "replay.c")


def run(build, target, seconds):
    """The target's whole output, and whether it ended well."""
    corpus = os.path.join(build, "corpus", target)
    found = os.path.join(build, "found", "")
    seeds = os.path.join(HERE, "corpus", target)
    words = os.path.join(HERE, target + ".dict")
    for directory in (corpus, found):
        os.makedirs(directory, exist_ok=True)
    log = os.path.join(build, target + ".log")
    # What a target writes is gone with it; in memory, where that is possible.
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch = tempfile.mkdtemp(prefix="fuzz.", dir=shm)
    try:
        with open(log, "wb") as out:
            code = subprocess.call(
                [os.path.join(build, "tests", "fuzz", target),
                 f"-max_total_time={seconds}", "-timeout=20",
                 "-rss_limit_mb=2048", "-malloc_limit_mb=8192",
                 "-max_len=20000",
                 "-print_final_stats=1", f"-artifact_prefix={found}{target}-",
                 *([f"-dict={words}"] if os.path.exists(words) else []),
                 corpus, *([seeds] if os.path.isdir(seeds) else [])],
                stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": scratch})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with open(log, encoding="utf-8", errors="replace") as out:
        return out.read(), code == 0


def last(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def main():
    build, seconds = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    bad = 0
    print(HEAD, flush=True)
    for target in sys.argv[3:] or targets():
        text, well = run(build, target, seconds)
        runs, speed, inputs, edges = (last(p, text) for p in NUMBERS)
        print(f"{target:<12} {runs:>12} {speed:>9} {inputs:>7} {edges:>7}  "
              f"{'nothing found' if well else 'FOUND'}", flush=True)
        if not well:
            bad += 1
            for line in REPORT.findall(text)[:3] or text.splitlines()[-5:]:
                print("    " + line[:300])
            for line in re.findall(r"Test unit written to (.*)", text):
                print("    " + os.path.relpath(line))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
