"""Runs that are killed at random moments, again and again, until one comes to its end: it has to leave what an undisturbed run leaves.

undisturbed ──────────────────────────────▶ the files that are wanted
start ──SIGKILL   start ──Ctrl-C   start ──SIGTERM   start ───────▶ the same files
             └ after each: nothing half under a final name, nobody left at work, an answer in time that says how to go on
"""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trials import victims
from trials.processes import Ended, Running, finished, started
from trials.record import Row, Size, Tally, tally
from trials.victims import Victim

ANSWER_S = 2.0
HOWS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
EARLY = 0.2
"""Share of the kills that may come while the process still starts; all others come once it has begun to write."""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass(frozen=True)
class Wanted:
    """What an undisturbed run leaves, and how long it takes once it has begun to write."""

    files: dict[str, bytes]
    starting_s: float
    working_s: float


def rows(size: Size, folder: Path) -> Iterator[Row]:
    """One a verb."""
    for number, made in enumerate(victims.VICTIMS):
        yield killed(made, folder / str(number), size.kills, np.random.default_rng((size.seed, number)))


def killed(made: Callable[[Path], Victim], folder: Path, kills: int, rng: np.random.Generator) -> Row:
    """Kill a verb so many times, at moments that `rng` draws."""
    folder.mkdir()
    victim, slowest = made(folder), [0.0]
    with tally() as counted:
        wanted = undisturbed(victim, folder)
        while counted.tried < kills:
            life(victim, folder, wanted, counted, kills, rng, slowest)
    return counted.row("faults", f"{victim.name}, killed", f"slowest answer to Ctrl-C and SIGTERM {slowest[0]:.1f} s")


def undisturbed(victim: Victim, folder: Path) -> Wanted:
    """A run from start to end."""
    out = victims.fresh(folder / "out")
    with started(victim.typed(out), folder / "said.txt") as running:
        starting = begun(running, out)
        ended = running.end()
    if ended.code:
        raise SystemExit(f"an undisturbed {victim.name} failed:\n{ended.said}")
    return Wanted(victims.files(out), starting, ended.seconds)


def life(victim: Victim, folder: Path, wanted: Wanted, counted: Tally, kills: int, rng: np.random.Generator, slowest: list[float]) -> None:
    """A run killed and started again until it ends by itself; every kill and what is wrong after it is counted."""
    out = victims.fresh(folder / "out")
    for how in [HOWS[at] for at in rng.permutation(len(HOWS))]:
        if counted.tried == kills or victim.done(out):
            break
        early, moment = rng.random() < EARLY, float(rng.random())
        repeat = f"kill {counted.tried + 1}: {how.name} at {moment:.3f} of the {'start' if early else 'work'}"
        with started(victim.typed(out), folder / "said.txt") as running:
            if not early:
                begun(running, out)
            time.sleep(moment * (wanted.starting_s if early else wanted.working_s))
            alive = running.alive
            running.send(how)
            ended = running.end()
        if not alive:
            break  # it was quicker
        counted.tried += 1
        counted.peak_gb = max(counted.peak_gb, ended.peak_gb)
        slowest[0] = max(slowest[0], ended.seconds if how != signal.SIGKILL else 0.0)
        answer = [] if victims.files(out) == wanted.files else after(how, ended, early)  # it had just come to its end
        counted.wrong += [f"{repeat}: {fault}" for fault in [*answer, *victims.halves(out, wanted.files)]]
    counted.wrong += [f"after kill {counted.tried}: {fault}" for fault in at_last(victim, folder, out, wanted)]


def after(how: signal.Signals, ended: Ended, early: bool) -> list[str]:
    """What is wrong with how it ended."""
    found = ["processes that it had started went on"] if ended.left else []
    if how == signal.SIGKILL:
        return found
    if ended.seconds > ANSWER_S:
        found.append(f"it took {ended.seconds:.1f} s to end")
    if early or ended.code == 0:
        return found
    if ended.code != CODES[how]:
        found.append(f"exit {ended.code}, needs {CODES[how]}: {ended.said[-300:]}")
    if "Traceback" in ended.said or "dione " not in ended.said:
        found.append(f"it did not say how to go on: {ended.said[-300:]!r}")
    return found


def at_last(victim: Victim, folder: Path, out: Path, wanted: Wanted) -> list[str]:
    """What is wrong once it was let go on to its end."""
    if not victim.done(out):
        ended = finished(victim.typed(out), folder / "said.txt")
        if ended.code:
            return [f"it does not go on: {ended.said[-500:]}"]
    found = victims.files(out)
    differ = sorted(name for name in {*found, *wanted.files} if found.get(name) != wanted.files.get(name))
    return [f"{name} is not the same" for name in differ] + [f"{name} was left behind" for name in victims.leftovers(out)]


def begun(running: Running, out: Path, longest_s: float = float("inf")) -> float:
    """Wait until a run has begun to write, or ended, or for some seconds; how long it took, seconds."""
    began = time.monotonic()
    while running.alive and not any(out.iterdir()) and time.monotonic() - began < longest_s:
        time.sleep(0.005)
    return time.monotonic() - began
