"""What is said, and how soon, when a command is told to stop."""

import signal
import subprocess
import sys
import time

import pytest

ASLEEP = """
import signal, sys, time
from dione.cli.stopping import Stopping
signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as it is in what a script starts in the background
{before}
sys.stdout.write("begun\\n"); sys.stdout.flush()
with Stopping(["predict", "in dir", "-o", "s3://me:secret@bucket/out", "--fresh"]):
    {work}
sys.stdout.write("ended\\n")
"""
DEAF = "import ctypes; ctypes.CDLL(None).sleep(20); ctypes.CDLL(None).sleep(20)"
"""Inside of a library that knows nothing of Python: sleeps on after the signal, too."""


def stopped(work: str, number: int, before: str = "") -> tuple[int, str, str, float]:
    """Exit code, both streams, and how long the answer took."""
    script = ASLEEP.format(work=work, before=before)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(number)
    said, answer = process.communicate(timeout=30)
    return process.returncode, said, answer, time.monotonic() - began


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", ["time.sleep(20)", "[signal.pause() for _ in range(9)]", DEAF], ids=["python", "system", "library"])
def test_the_answer_comes_in_time_and_says_what_to_type(work: str, number: int, code: int) -> None:
    found, _, answer, seconds = stopped(work, number)
    assert (found, answer.splitlines()[-1].strip()) == (code, "dione predict 'in dir' -o s3://bucket/out")
    assert seconds < 2


def test_one_of_several_processes_does_not_say_to_go_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    _, _, answer, _ = stopped("time.sleep(20)", signal.SIGINT)
    assert "start as many processes as now (torchrun) with:" in answer and "dione predict" in answer


def test_what_cannot_end_is_ended_where_it_stands() -> None:
    """An error on the way, or work that goes on in spite of the interruption, changes nothing about the answer."""
    stubborn = "\n    try: time.sleep(20)\n    except KeyboardInterrupt: time.sleep(20)"
    code, _, answer, seconds = stopped(stubborn, signal.SIGINT)
    assert code == 130 and "dione predict" in answer and seconds < 2


def test_a_signal_that_was_ignored_before_stays_ignored() -> None:
    """As by nohup, and for what a script starts in the background."""
    code, said, answer, _ = stopped("time.sleep(1.5)", signal.SIGINT, "signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert (code, said, answer) == (0, "ended\n", "")
