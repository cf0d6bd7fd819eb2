"""Worker processes end with the one that asked for them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dione.base.errors import DioneError
from dione.base.machine.workers import each

SLOW = """
import os, sys, time
from pathlib import Path
from dione.base.machine.workers import each
def slow(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)
if __name__ == "__main__":
    list(each(slow, [sys.argv[1]] * 4, workers=2))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(each(abs, range(-5, 0), workers=workers)) == [5, 4, 3, 2, 1]


def test_an_error_of_a_worker_is_raised_here() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(each(int, ["1", "one"], workers=2))


def test_a_worker_that_the_system_ended_is_told_and_no_traceback() -> None:
    with pytest.raises(DioneError, match=r"ended from outside.*memory(?s:.*)run the same command again"):
        list(each(os._exit, [9, 9], workers=2))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_workers_do_not_outlive_a_process_that_was_killed_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(SLOW)
    (tmp_path / "at-work").mkdir()
    asking = subprocess.Popen([sys.executable, script, str(tmp_path / "at-work")], stderr=subprocess.PIPE)
    until = time.monotonic() + 30
    while len(list((tmp_path / "at-work").iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    asking.kill()
    _, said = asking.communicate()
    pids = [int(one.name) for one in (tmp_path / "at-work").iterdir()]
    while (alive := [pid for pid in pids if _alive(pid)]) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(pids) == 2 and alive == [] and said == b""


def _alive(pid: int) -> bool:
    """Whether it still runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
