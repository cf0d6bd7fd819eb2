"""Files that are cut short while they are read: the command names the file, or had read it; never another pixel."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from trials import victims
from trials.kills import Wanted, undisturbed
from trials.processes import finished, started
from trials.record import Row, Size, Tally, Trial, tally
from trials.victims import Victim

READERS: tuple[tuple[Callable[[Path], Victim], str], ...] = ((victims.predict, "series/*.tif"), (victims.fetch, "long/*.tif"), (victims.build, "world/*/*.tif"))
"""A verb, and the files that it reads."""


def trial(number: int, size: Size, folder: Path) -> Iterator[Row]:
    """Of one verb."""
    made, inputs = READERS[number]
    yield cut(made, inputs, folder / "trial", max(size.kills // 3, 1), np.random.default_rng((size.seed, number)))


TRIALS: dict[str, Trial] = {made.__name__: partial(trial, number) for number, (made, _) in enumerate(READERS)}


def cut(made: Callable[[Path], Victim], inputs: str, folder: Path, times: int, rng: np.random.Generator) -> Row:
    """Cut one of the inputs so many times, each at a random moment, to a random length."""
    folder.mkdir()
    victim = made(folder)
    with tally() as counted:
        wanted = undisturbed(victim, folder)
        files = sorted(folder.glob(inputs))
        for _ in range(times):
            counted.tried += 1
            once(victim, files[rng.integers(len(files))], folder, wanted, counted, rng)
    return counted.row("faults", f"{victim.name}, an input cut short meanwhile", f"{counted.refused} of them met it")


def once(victim: Victim, path: Path, folder: Path, wanted: Wanted, counted: Tally, rng: np.random.Generator) -> None:
    """Cut `path` while the command is at work, look at what it says, mend it, and let the command go on."""
    out, kept = victims.fresh(folder / "out"), path.read_bytes()
    length, moment = int(len(kept) * rng.random()), float(rng.random())
    with started(victim.typed(out), folder / "said.txt") as running:
        time.sleep(moment * (wanted.starting_s + wanted.working_s))
        path.write_bytes(kept[:length])
        ended = running.end()
    path.write_bytes(kept)
    counted.peak_gb = max(counted.peak_gb, ended.peak_gb)
    counted.refused += ended.code != 0
    found = [] if ended.code in (0, 1) and "Traceback" not in ended.said else [f"exit {ended.code}: {ended.said[-500:]}"]
    found += ["it does not name the file"] if ended.code and path.stem not in ended.said else []
    if ended.code and not victim.done(out):
        again = finished(victim.typed(out), folder / "said.txt")
        found += [f"mended, it does not go on: {again.said[-500:]}"] if again.code else []
    made = victims.files(out)
    found += [f"{name} is not the same" for name in sorted({*made, *wanted.files}) if made.get(name) != wanted.files.get(name)]
    counted.wrong += [f"{path.name} cut to {length} bytes at {moment:.2f}: {fault}" for fault in found]
