"""Forked workers that try many inputs each, with little memory and a clock; one that dies or hangs is replaced.

A worker is a fork of a process that has imported everything and started no thread. It tells each trial's name before it
begins and its outcome after, so that of one that did not come back the trial is known.

    parent ──fork──▶ worker: trial 0, 2, 4 …   ──pipe──▶ {"trial": 2, "outcome": "refused", …}
             fork──▶ worker: trial 1, 3, 5 …
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

MOST_BYTES = 1_000_000_000
"""More than this, beside what a worker begins with, cannot be had."""
MOST_CPU_S = 10.0
HANGS_S, IDLE_CPU_S = 40.0, 1.0
"""A worker that told nothing for so long, by the clock on the wall, and computed for less than that, waits for something that
does not come, and is killed. One that computes has MOST_CPU_S, however many others use the machine."""
DEAF_CPU_S = 3 * MOST_CPU_S
"""One that computes on, in a library that no signal reaches, is killed too."""
STACK_BYTES = 1_048_576

Trial = Callable[[int], dict[str, Any]]
"""From a trial's number to its outcome, as JSON can hold it."""


class TooLong(BaseException):
    """Raised in a worker that has computed for MOST_CPU_S; no `except Exception` holds it up."""


@dataclass
class Cell:
    """One worker and the numbers it still has to try."""

    numbers: list[int]
    pid: int = 0
    pipe: int = -1
    begun: float = 0.0
    """When it told last, seconds of the monotonic clock."""
    computed: float = 0.0
    """What it had computed by then, seconds."""
    buffer: bytes = b""
    at: int = 0
    outcomes: list[dict[str, Any]] = field(default_factory=list)

    def start(self, trial: Trial) -> None:
        """Fork a worker for all numbers that have no outcome yet."""
        read, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            _work(self.numbers[self.at :], trial, write)
        os.close(write)
        self.pipe, self.begun, self.computed, self.buffer = read, time.monotonic(), 0.0, b""

    def hear(self) -> bool:
        """Take what the worker told; False once it has ended."""
        told = os.read(self.pipe, 1 << 16)
        if told:
            self.begun, self.computed = time.monotonic(), _cpu_s(self.pid)
        *lines, self.buffer = (self.buffer + told).split(b"\n")
        for line in lines:
            self.outcomes.append(json.loads(line))
            self.at += 1
        return bool(told)

    def hangs(self) -> bool:
        """Whether it waits for what does not come, or computes where no signal reaches it."""
        cpu = _cpu_s(self.pid) - self.computed
        return cpu > DEAF_CPU_S or (time.monotonic() - self.begun > HANGS_S and cpu < IDLE_CPU_S)

    def end(self) -> int:
        """Its exit status, once nothing more comes."""
        os.close(self.pipe)
        return os.waitpid(self.pid, 0)[1]


def run(trial: Trial, numbers: list[int], *, workers: int = 1) -> Iterator[dict[str, Any]]:
    """The outcome of each number, in no order; `trial` runs in workers alone. A worker's death is the outcome of the trial it was at."""
    cells = [Cell(numbers[first::workers]) for first in range(min(workers, len(numbers)))]
    for cell in cells:
        cell.start(trial)
    living = {cell.pipe: cell for cell in cells}
    while living:
        for pipe in select.select(list(living), [], [], 1.0)[0]:
            cell = living[pipe]
            if not cell.hear():
                del living[pipe]
                status = cell.end()
                if cell.at < len(cell.numbers):
                    cell.outcomes.append({"trial": cell.numbers[cell.at], "outcome": "wrong", "why": _death(status), "message": ""})
                    cell.at += 1
                    if cell.at < len(cell.numbers):
                        cell.start(trial)
                        living[cell.pipe] = cell
            yield from cell.outcomes
            cell.outcomes.clear()
        for cell in living.values():
            if cell.hangs():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(cell.pid, signal.SIGKILL)
                cell.begun = time.monotonic()


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return "hung, or computed without an end" if name == "SIGKILL" else f"died of {name}"
    return f"ended with {os.waitstatus_to_exitcode(status)}"


def _work(numbers: list[int], trial: Trial, pipe: int) -> None:
    """Try each number and tell its outcome; never returns."""
    status = 1
    try:
        threading.stack_size(STACK_BYTES)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)  # what GDAL says beside its errors
        begins = _writable_bytes()
        resource.setrlimit(resource.RLIMIT_DATA, (begins + MOST_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGPROF, _too_long)
        for number in numbers:
            signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
            outcome = {"trial": number, **trial(number), "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 3)}
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(pipe, json.dumps(outcome).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def _too_long(_: int, frame: FrameType | None) -> None:
    raise TooLong(f"after {MOST_CPU_S:.0f} s of computing")


def _cpu_s(pid: int) -> float:
    """What a process has computed so far; 0 for one that has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _writable_bytes() -> int:
    """What RLIMIT_DATA counts: private memory that this process may write to."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmData")) * 1024
