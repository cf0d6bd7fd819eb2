"""Runs that are killed at random moments, again and again, until one comes to its end: it has to leave what an undisturbed run leaves.

undisturbed ──────────────────────────────▶ the files that are wanted
start ──SIGKILL   start ──Ctrl-C   start ──SIGTERM   start ───────▶ the same files
             └ after each: nothing half under a final name, nobody left at work, an answer in time that says how to go on
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from trials import victims
from trials.processes import Ended, Running, finished, started
from trials.record import Row, Size, Tally, Trial, tally
from trials.victims import Victim

ANSWER_S = 2.0
HOWS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
EARLY = 0.2
"""Share of the kills that may come while the process still starts; all others come once it has begun to write."""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass(frozen=True)
class Wanted:
    """What an undisturbed run leaves, and how long it takes."""

    files: dict[str, bytes]
    starting_s: float
    """Until it begins to write."""
    working_s: float
    """From there to the last that it writes: what follows, the end of a process, can lose nothing."""


@dataclass
class Seen:
    """Over all kills of a verb."""

    at_work: int = 0
    """Kills after it had begun to write, before it had come to its end."""
    slowest_s: float = 0.0


def trial(number: int, size: Size, folder: Path) -> Iterator[Row]:
    """Of one verb."""
    yield killed(victims.VICTIMS[number], folder / "trial", size.kills, np.random.default_rng((size.seed, number)))


TRIALS: dict[str, Trial] = {made.__name__: partial(trial, number) for number, made in enumerate(victims.VICTIMS)}


def killed(made: Callable[[Path], Victim], folder: Path, kills: int, rng: np.random.Generator) -> Row:
    """Kill a verb so many times, at moments that `rng` draws."""
    folder.mkdir()
    victim, seen = made(folder), Seen()
    with tally() as counted:
        wanted = undisturbed(victim, folder)
        while counted.tried < kills:
            life(victim, folder, wanted, counted, kills, rng, seen)
    return counted.row("faults", f"{victim.name}, killed", f"{seen.at_work} of them at work; slowest answer to Ctrl-C and SIGTERM {seen.slowest_s:.1f} s")


def undisturbed(victim: Victim, folder: Path) -> Wanted:
    """A run from start to end."""
    out = victims.fresh(folder / "out")
    with started(victim.typed(out), folder / "said.txt") as running:
        starting, began = begun(running, out), time.time()
        ended = running.end()
    if ended.code:
        raise SystemExit(f"an undisturbed {victim.name} failed:\n{ended.said}")
    return Wanted(victims.files(out), starting, written(out) - began)


def life(victim: Victim, folder: Path, wanted: Wanted, counted: Tally, kills: int, rng: np.random.Generator, seen: Seen) -> None:
    """A run killed and started again until it ends by itself; every kill and what is wrong after it is counted."""
    out, left_s = victims.fresh(folder / "out"), wanted.working_s
    for how in [HOWS[at] for at in rng.permutation(len(HOWS))]:
        if counted.tried == kills or victim.done(out):
            break
        early, moment = rng.random() < EARLY, float(rng.random())
        repeat = f"kill {counted.tried + 1}: {how.name} at {moment:.3f} of the {'start' if early else 'work that was left'}"
        with started(victim.typed(out), folder / "said.txt") as running:
            if not early:
                begun(running, out)
            time.sleep(moment * (wanted.starting_s if early else left_s))
            alive = running.alive
            running.send(how)
            ended = running.end()
        if not alive:
            break  # it was quicker
        whole = victims.files(out) == wanted.files  # it had just come to its end
        left_s *= 1 if early else 1 - moment
        counted.tried += 1
        counted.peak_gb = max(counted.peak_gb, ended.peak_gb)
        seen.at_work += not early and not whole
        seen.slowest_s = max(seen.slowest_s, ended.seconds if how != signal.SIGKILL else 0.0)
        answer = [] if whole else after(how, ended, early)
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


def begun(running: Running, out: Path) -> float:
    """Wait until a run writes into its folder, or goes on with what stands there, or ends; how long it took, seconds."""
    began, before = time.monotonic(), standing(out)
    while running.alive and standing(out) == before:
        time.sleep(0.005)
    return time.monotonic() - began


def written(out: Path) -> float:
    """When something in a folder was last written, renamed or taken away: seconds of the day's clock."""
    return max(path.stat().st_mtime for path in (out, *out.rglob("*")))


def standing(out: Path) -> list[tuple[str, int]]:
    """What is in a folder, and since when; without what is taken away meanwhile."""
    found = []
    for path in out.iterdir():
        with suppress(FileNotFoundError):
            found.append((path.name, path.stat().st_mtime_ns))
    return sorted(found)
