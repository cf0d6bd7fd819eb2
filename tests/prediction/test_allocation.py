"""Memory that is kept between windows is given back after the last, or once there is too much of it."""

import os
import subprocess
import sys

import pytest

TRIED = """
import torch
from dione.prediction.windows.allocation import give_back, give_back_above, keep_memory, resident_bytes

def resident():
    return resident_bytes() / 1e6

if not keep_memory():
    raise SystemExit(7)
before = resident()
many = [torch.ones(1_000_000) for _ in range(50)]
last = torch.ones(1000)
del many
give_back_above((before + 1000) * 1e6)
kept = resident() - before
{how}
print(kept, resident() - before)
"""


@pytest.mark.parametrize("how", ["give_back()", "give_back_above((before + 100) * 1e6)"])
def test_what_was_kept_for_the_next_window_is_given_back_after_the_last_and_above_a_limit(how: str) -> None:
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc on this system to tell how much memory a process has")
    made = subprocess.run([sys.executable, "-c", TRIED.format(how=how)], capture_output=True, text=True)
    if made.returncode == 7:
        pytest.skip("the C library of this system is not glibc: nothing is kept")
    kept, left = map(float, made.stdout.split())
    assert kept > 150 and left < 50, made.stderr
