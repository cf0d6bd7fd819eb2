"""Commands as processes of their own, as a user or an operator runs them, and how they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIONE = str(Path(sys.executable).with_name("dione"))
LONGEST_S = 300
"""No small run takes longer."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Of its exit; minus the signal's number where a signal ended it."""
    said: str
    """On both streams."""
    seconds: float
    """From the signal to the end, or of the whole run where there was none."""
    peak_gb: float
    left: bool = False
    """Whether processes that it had started were still there some time after."""


@dataclass
class Running:
    """A process in a group of its own, as a terminal would start it."""

    process: subprocess.Popen[bytes]
    told: Path

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet; how it ended is still to be asked for."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def send(self, how: signal.Signals) -> None:
        """Ctrl-C reaches the whole group, as in a terminal; other signals the process alone, as from `kill` or the system."""
        with suppress(ProcessLookupError):
            (os.killpg if how == signal.SIGINT else os.kill)(self.process.pid, how)

    def end(self) -> Ended:
        """Wait for it; what is in its group still after some seconds is told, and ended."""
        began = time.monotonic()
        code, peak = self._wait(began + LONGEST_S)
        seconds = time.monotonic() - began
        left = not self._alone(5)
        if left:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        return Ended(code, self.told.read_text("utf-8", "replace"), seconds, peak, left)

    def _wait(self, until: float) -> tuple[int, float]:
        while time.monotonic() < until:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return self.process.returncode, used.ru_maxrss / 1e6
            time.sleep(0.01)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        raise SystemExit(f"a run took longer than {LONGEST_S} s: {self.process.args}\n{self.told.read_text()}")

    def _alone(self, patience_s: float) -> bool:
        """Whether nobody is left in its group."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.02)
        return False


@contextmanager
def started(words: list[str], told: Path, *, first: Callable[[], None] | None = None, **environment: str) -> Iterator[Running]:
    """`dione WORDS` as a process; nothing of it outlives the block. first: what the process does before."""

    def before() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # not ignored, as it is in what a script starts in the background
        if first:
            first()

    with told.open("wb") as stream:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": stream, "stderr": stream}
        process = subprocess.Popen([DIONE, *words], **streams, start_new_session=True, preexec_fn=before, env=_surroundings(environment))
    try:
        yield Running(process, told)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finished(words: list[str], told: Path, *, first: Callable[[], None] | None = None, **environment: str) -> Ended:
    """The same, to its end."""
    with started(words, told, first=first, **environment) as running:
        return running.end()


def _surroundings(more: Mapping[str, str]) -> dict[str, str]:
    """One thread of arithmetic each: two that wait for each other on a busy machine take ten times as long."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}
