"""
left_out.py - what cannot hold under a sanitizer (or valgrind) by its nature,
all of it, each with its reason.  Tests: a run shows them, with their number, as
skipped.  What harness.SANITIZED leaves out within a test: test_sanitize.py sees
to it that no file does so which is not here.
"""
import harness

# Of a file's name, or of a test's: why.  "address" or "thread" if only there.
LEFT_OUT = {
    "test_confine.py": ("", "a sanitizer needs what confine() forbids, so "
                            "such a build is not confined"),
    "test_package.py": ("", "packages are of a plain build: no package has a "
                            "sanitizer's library"),
    "test_units.py::test_the_web_unit_leaves_what_the_shop_needs": (
        "", "a sanitizer needs system calls that the unit forbids"),
    "test_units.py::test_the_workers_unit_leaves_what_it_needs": (
        "", "a sanitizer needs system calls that the unit forbids"),
    "test_units.py::test_the_status_unit_leaves_what_it_needs": (
        "", "a sanitizer needs system calls that the unit forbids"),
    "test_backlog.py::test_backlog": (
        "", "it measures that only Klaviyo's limits are waited for: a "
            "sanitizer's worker is slower than they are"),
    "test_every.py": (
        "thread", "thousands of forks of a program of one thread: nothing "
                  "there can race, and each fork is slow"),
    "test_load.py::test_a_kilobyte_each_request": (
        "", "it counts the heap's bytes by a malloc of its own, where a "
            "sanitizer has one; and what leaks LeakSanitizer tells"),
}

MEMORY = "how much memory a program takes: a sanitizer takes most of it"
CLOCK = "a clock that runs faster: a sanitizer's programs are too slow for it"
PARTLY = {
    "test_account_security.py": MEMORY,
    "test_backlog.py": MEMORY + "; " + CLOCK,
    "test_canaries.py": "a crash that leaves no core file: not confined, and "
                        "a sanitizer makes a report of it",
    "test_catalog_push.py": MEMORY,
    "test_feed.py": MEMORY,
    "test_history.py": "that nothing is sent twice: what a slow sandbox has "
                       "not answered in time is",
    "test_history_import.py": MEMORY,
    "test_history_scale.py": MEMORY + "; " + CLOCK,
    "test_load.py": MEMORY,
    "test_million.py": MEMORY,
    "test_reconcile.py": MEMORY,
    "test_sandbox_query.py": MEMORY,
}


def why(test):
    """Why ${test}, a node's id of pytest, is left out; None: it is not."""
    if not (harness.SANITIZED or harness.WRAP):
        return None
    for name, (only, reason) in LEFT_OUT.items():
        here = f"/{name}::" in test or test.partition("[")[0].endswith(
            "/" + name)
        if here and only in (harness.SANITIZED or "valgrind"):
            return reason
    return None
