"""Disks that are full, at a size drawn at random: the command says so, leaves nothing half, and goes on once there is space.

A small file system in memory (tmpfs) where this user may mount one; a limit on the size of a file elsewhere.
"""

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from trials import victims
from trials.processes import Ended, finished
from trials.record import Row, Size, Trial, tally
from trials.victims import Victim

AMPLE = 512 * 2**20
LEAST = 0.1
"""Of what an undisturbed run leaves: the smallest disk that is tried."""
SCREEN = 24
"""Lines of the longest error."""


@dataclass(frozen=True)
class Disk:
    """A folder that holds only so much."""

    folder: Path
    mounted: bool

    def holds(self, count: int) -> Callable[[], None] | None:
        """Let it hold so many bytes; returns what a process has to do first, where only processes can be limited."""
        if self.mounted:
            subprocess.run(["mount", "-o", f"remount,size={count}", self.folder], check=True)
            return None

        def limited() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (count // 4, count // 4))

        return limited


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """A small disk at `folder`."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={AMPLE}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def trial(number: int, size: Size, folder: Path) -> Iterator[Row]:
    """Of one verb."""
    yield filled(victims.VICTIMS[number], folder / "trial", max(size.kills // 4, 1), np.random.default_rng((size.seed, number)))


TRIALS: dict[str, Trial] = {made.__name__: partial(trial, number) for number, made in enumerate(victims.VICTIMS)}


def filled(made: Callable[[Path], Victim], folder: Path, times: int, rng: np.random.Generator) -> Row:
    """Run a verb on so many disks that are too small for it."""
    folder.mkdir()
    victim = made(folder)
    with tally() as counted, disk(folder / "disk") as small:
        out = victims.fresh(small.folder / "out")
        counted.peak_gb = _run(victim, out, folder).peak_gb
        wanted = victims.files(out)
        needed = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        for _ in range(times):
            counted.tried += 1
            space = int(needed * rng.uniform(LEAST, 1))
            counted.wrong += [f"a disk of {space} bytes: {fault}" for fault in once(victim, small, space, folder, wanted)]
    return counted.row("faults", f"{victim.name}, disk full", "" if small.mounted else "files limited in size, as no small disk could be mounted")


def once(victim: Victim, small: Disk, space: int, folder: Path, wanted: dict[str, bytes]) -> list[str]:
    """What is wrong when the disk holds `space` bytes, and when there is room again."""
    out = victims.fresh(small.folder / "out")
    first = small.holds(space)
    ended = finished(victim.typed(out), folder / "said.txt", first=first)
    found = [*refusal(ended), *victims.halves(out, wanted)]
    small.holds(AMPLE)
    again = ended if victim.done(out) else finished(victim.typed(out), folder / "said.txt")
    made = victims.files(out)
    found += [f"with space again it does not go on: {again.said[-500:]}"] if again.code and not victim.done(out) else []
    found += [f"{name} is not the same" for name in sorted({*made, *wanted}) if made.get(name) != wanted.get(name)]
    return found + [f"{name} was left behind" for name in victims.leftovers(out)]


def refusal(ended: Ended) -> list[str]:
    """What is wrong with how it ended: it may have had room enough, or says what is full, how much is needed, what to do."""
    if ended.code == 0:
        return []
    missing = [words for words in ("cannot write", "are free on the disk of", "are needed for it", "free some space") if words not in ended.said]
    found = [f"exit {ended.code} without {missing}: {ended.said[-700:]}"] if missing or ended.code != 1 else []
    return found + (["a traceback"] if "Traceback" in ended.said else []) + (["more than a screen"] if ended.said.count("\n") > SCREEN else [])


def _run(victim: Victim, out: Path, folder: Path) -> Ended:
    ended = finished(victim.typed(out), folder / "said.txt")
    if ended.code:
        raise SystemExit(f"an undisturbed {victim.name} failed:\n{ended.said}")
    return ended
