"""
sanitize.py - runs commands whose programs are sanitized, and fails if one of
them left a report.

    python3 tests/sanitize/sanitize.py COMMAND.. [--- COMMAND..]

Every command is run, whatever became of those before it.

Promises: a report anywhere fails the run, though nobody read that program's
stderr, or it was killed before its end, or its test passes.  For that the
sanitizers write into one directory, which must be empty at the end; what is in
it is shown.  STOREFRONT_REPORTS names it: conftest.py looks there after each
test, so that a report is told with the test that made it.

Does not know which programs are sanitized: the Makefile's SAN does.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EXIT = 66
# All of them know these.  What goes on after a report would only hide it.
COMMON = {"exitcode": EXIT, "halt_on_error": 1, "log_exe_name": 1,
          "print_suppressions": 0}
OPTIONS = {
    # LeakSanitizer looks when a program ends by itself.
    "ASAN": {"detect_leaks": 1, "detect_stack_use_after_return": 1,
             "strict_string_checks": 1, "check_initialization_order": 1},
    "UBSAN": {"print_stacktrace": 1},
    "TSAN": {"second_deadlock_stack": 1, "history_size": 4},
}


def options(reports, name):
    """Where ${name} is the first part of a report's file name.  They are in
    files: mod_fcgid passes no more than 128 characters."""
    known = os.path.join(reports, "known")
    env = {"LSAN_OPTIONS": f"print_suppressions=0:suppressions={known}/leaks"}
    for tool, own in OPTIONS.items():
        own = {**COMMON, **own, "log_path": os.path.join(reports, name)}
        if tool == "TSAN":
            own["suppressions"] = f"{known}/races"
        file = os.path.join(known, f"{name}.{tool}")
        with open(file, "w") as f:
            f.writelines(f"{flag}={value}\n" for flag, value in own.items())
        env[tool + "_OPTIONS"] = "include=" + file
    return env


def found(reports, name=""):
    """The files of reports, and what is in them."""
    texts = {}
    for file in sorted(os.listdir(reports)):
        path = os.path.join(reports, file)
        if os.path.isfile(path) and file.startswith(name):
            with open(path, errors="replace") as f:
                texts[file] = f.read()
    return texts


def directory():
    """A new one; whoever a program runs as may write into it."""
    reports = tempfile.mkdtemp(prefix="reports-")
    os.chmod(reports, 0o1777)
    known = os.path.join(reports, "known")
    os.mkdir(known)
    for name in ("leaks", "races"):
        # Without the reasons: LeakSanitizer knows no empty line.
        with open(os.path.join(HERE, name)) as f:
            lines = [line for line in f if line.strip()
                     and not line.startswith("#")]
        with open(os.path.join(known, name), "w") as f:
            f.writelines(lines)
    return reports


def commands(words):
    start = 0
    while start <= len(words):
        end = words.index("---", start) if "---" in words[start:] else len(
            words)
        yield words[start:end]
        start = end + 1


def main():
    reports = directory()
    env = {**os.environ, **options(reports, "other"),
           "STOREFRONT_REPORTS": reports}
    wrong = []
    for command in commands(sys.argv[1:]):
        code = subprocess.run(command, env=env).returncode
        if code != 0:
            wrong.append(f"{' '.join(command)[:100]}: {code}")
    texts = found(reports)
    for file, text in texts.items():
        print(f"--- {file}\n{text}", file=sys.stderr)
    if texts:
        wrong.append(f"{len(texts)} reports")
    shutil.rmtree(reports)
    print("sanitized: " + ("; ".join(wrong) or "no report"), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
