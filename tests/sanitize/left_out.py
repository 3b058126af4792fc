"""
left_out.py - the tests that cannot hold under a sanitizer by their nature, all
of them, each with its reason; a sanitized run shows these with their number.
"""
import harness

# Of a file's name, or of a test's: why.  "address" or "thread" if only there.
LEFT_OUT = {
    "test_confine.py": ("", "a sanitizer needs what confine() forbids, so "
                            "such a build is not confined"),
    "test_units.py::test_the_web_unit_leaves_what_the_shop_needs": (
        "", "a sanitizer needs system calls that the unit forbids"),
    "test_units.py::test_the_workers_unit_leaves_what_it_needs": (
        "", "a sanitizer needs system calls that the unit forbids"),
}


def why(test):
    """Why ${test}, a node's id of pytest, is left out; None: it is not."""
    if not (harness.SANITIZED or harness.WRAP):
        return None
    for name, (only, reason) in LEFT_OUT.items():
        if only in (harness.SANITIZED or "valgrind") and test.partition(
                "[")[0].endswith(name) or f"/{name}::" in test:
            return reason
    return None
