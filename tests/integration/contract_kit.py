"""Klaviyo's own description of its API, where it is at hand: KLAVIYO_CONTRACT
names contract.py, which reads what klaviyo-sandbox records."""
import os
import subprocess

import pytest

CONTRACT = os.environ.get("KLAVIYO_CONTRACT")
needs_contract = pytest.mark.skipif(
    not CONTRACT, reason="KLAVIYO_CONTRACT does not name contract.py")


def check_contract(record="-", text=None):
    """What was sent, of a file or as ${text}, is what Klaviyo describes."""
    if CONTRACT:
        done = subprocess.run(["/usr/bin/python3", CONTRACT, record],
                              input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout
