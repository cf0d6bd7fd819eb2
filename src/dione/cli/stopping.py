"""Ctrl-C and a system's SIGTERM are answered at once, whatever is being done, with what to type to go on.

    signal ─▶ KeyboardInterrupt where the work is ─▶ half files are removed ─▶ the answer
       └────▶ a thread that waits GRACE_S for that, then answers itself and ends the process

The work may be inside a library for minutes (a convolution, a file being copied), where Python cannot interrupt it. What
is cut off there is no more harmed than by a loss of power: files appear whole or not at all.
"""

import os
import shlex
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import NoReturn

from dione.base.telling import shown

GRACE_S = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """While its block runs, both signals are answered, unless whoever started the process had them ignored (nohup).

    In a thread other than the main one it changes nothing.
    """

    def __init__(self, words: list[str]) -> None:
        typed = shlex.join(["dione", *(shown(word) for word in words if word != "--fresh")])
        how = "start as many processes as now (torchrun) with" if "LOCAL_WORLD_SIZE" in os.environ else "type"
        self.answer = f"stopped; what was finished is kept. To go on, {how}:\n  {typed}\n"
        self.told: int | None = None
        """The signal that came."""
        self._over = threading.Event()

    def __enter__(self) -> "Stopping":
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._heard, self._ear = os.pipe()
            os.set_blocking(self._ear, False)
            self._before = {kind: signal.signal(kind, self._interrupt) for kind in SIGNALS if signal.getsignal(kind) != signal.SIG_IGN}
            self._ear_before = signal.set_wakeup_fd(self._ear, warn_on_full_buffer=False)
            self._watcher = threading.Thread(target=self._watch, daemon=True, name="stopping")
            self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._main:
            return
        self._over.set()
        signal.set_wakeup_fd(self._ear_before)
        os.close(self._ear)
        self._watcher.join()
        for number, before in self._before.items():
            signal.signal(number, before)
        if self.told is not None and error is not None:
            self._end(self.told)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, as soon as Python has it; once."""
        if self.told is None:
            self.told = number
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """The system writes the number of each signal into the pipe, whatever the main thread is at."""
        while heard := os.read(self._heard, 1):
            ours = heard[0] in self._before and signal.getsignal(heard[0]) == self._interrupt  # a server takes it to end well by itself
            if ours and not self._over.wait(GRACE_S):
                self._end(heard[0])
        os.close(self._heard)

    def _end(self, number: int) -> NoReturn:
        """Without what Python does at its exit, which may wait for threads at work."""
        sys.stdout.flush()
        sys.stderr.write(self.answer)
        sys.stderr.flush()
        os._exit(128 + number)
