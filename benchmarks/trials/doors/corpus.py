"""The corpus of bad bytes: PYTHONPATH=benchmarks python -m trials.doors.corpus [--count 2000] [--seed 0] [--door NAME] prints what came of each.

Trial n spoils one file of door n (one after the other) in a way that seed and n decide, goes in, and ends as

    refused   a DioneError of at most a screen, in letters that a terminal only shows
    right     what the whole input gives
    other     something else that the bytes say: no checksum, or another date, say, in a document
    wrong     anything else: another error, a hang, too much memory, pixels changed that a checksum would have told
"""

import argparse
import fnmatch
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dione.base.errors import DioneError
from trials.doors import cells
from trials.doors.bombs import ESCAPED
from trials.doors.hostile import HOSTILE
from trials.doors.spans import payload
from trials.doors.spoil import Spoilt, spoilt
from trials.doors.ways import DOORS, Door, Values

LINES, LETTERS = 24, 2000
"""A screen."""


@dataclass(frozen=True)
class Corpus:
    """Where whole and spoilt inputs lie, and which are tried."""

    folder: Path
    seed: int
    doors: tuple[Door, ...]

    def place(self, door: Door) -> Path:
        return self.folder / "whole" / f"{DOORS.index(door):02}"

    def make(self, number: int) -> dict[str, Any]:
        """The whole input of a door, and that it can be entered."""
        door = self.doors[number]
        place = self.place(door)
        place.mkdir(parents=True)
        try:
            source = door.make(place)
            (place.with_suffix(".source")).write_text(source)
            door.enter(source)
        except Exception:
            return {"outcome": "none", "why": traceback.format_exc()}
        return {"outcome": "made"}

    def trial(self, number: int) -> dict[str, Any]:
        """Spoil one file of a copy, and go in."""
        door = self.doors[number % len(self.doors)]
        rng = np.random.default_rng((self.seed, number))
        whole, copy = self.place(door), self.folder / f"trial{number}"
        shutil.copytree(whole, copy)
        files = sorted(file for file in copy.rglob("*") if file.is_file() and fnmatch.fnmatch(file.name, door.spoil))
        file = files[int(rng.integers(len(files)))]
        before = file.read_bytes()
        made = spoilt(rng, file.name, before)
        file.write_bytes(made.data)
        began = time.monotonic()
        source = whole.with_suffix(".source").read_text()
        outcome, why, message = self.judged(door, source.replace(str(whole), str(copy)), strict(door, made, before))
        shutil.rmtree(copy)
        facts = {"door": door.name, "file": str(file.relative_to(copy)), "how": made.how, "outcome": outcome, "why": why, "message": message}
        return {**facts, "seconds": round(time.monotonic() - began, 2)}

    def harm(self, number: int) -> dict[str, Any]:
        """Go in with an input that was made to do harm; nothing but a refusal is right."""
        one, folder = HOSTILE[number], self.folder / f"hostile{number}"
        folder.mkdir()
        try:
            source, began = one.make(folder), time.monotonic()
        except Exception:
            return {"how": one.name, "outcome": "wrong", "why": f"could not be made: {traceback.format_exc()[-600:]}", "message": ""}
        signal.setitimer(signal.ITIMER_PROF, cells.MOST_CPU_S)  # what making it took does not count
        outcome, why, message = tried(one.enter, source)
        ran = [str(path) for path in folder.rglob(ESCAPED)]
        shutil.rmtree(folder, ignore_errors=True)
        if outcome != "refused" or ran:
            outcome, why = "wrong", why or f"it ran: {ran}" if ran else why or f"it went in: {outcome}"
        return {"door": "made to do harm", "how": one.name, "outcome": outcome, "why": why, "message": message, "seconds": round(time.monotonic() - began, 2)}

    def judged(self, door: Door, source: str, strictly: bool) -> tuple[str, str, str]:
        """Outcome, why, and the message of a refusal."""
        right = _right(self, door)
        outcome, why, found = tried(door.enter, source)
        if outcome != "in":
            return outcome, why, found
        if same(found, right):
            return "right", "", ""
        return ("wrong", "other values, without a word", "") if strictly else ("other", "", "")


def tried(enter: Callable[[str], Any], source: str) -> tuple[str, str, Any]:
    """'in' and what was found; 'refused' and the message; or 'wrong', why, and the message, if there is one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "in", "", enter(source)
    except DioneError as error:
        wrong = unreadable(str(error))
        return ("wrong" if wrong else "refused"), wrong, str(error)
    except (Exception, cells.TooLong) as error:
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        return "wrong", f"{type(error).__name__}: {str(error)[:300]} at {' > '.join(where[-7:])}", ""


def strict(door: Door, made: Spoilt, before: bytes) -> bool:
    """Whether what is spoilt has to be noticed where it changes anything."""
    if made.how.startswith("cut"):
        return door.whole
    return (
        door.checked
        and made.length > 0
        and len(made.data) == len(before)
        and any(start <= made.at and made.at + made.length <= stop for start, stop in payload(before))
    )


def unreadable(message: str) -> str:
    """Why a message is none for a terminal; '' if it is."""
    lines = message.split("\n")
    if len(lines) > LINES or len(message) > LETTERS:
        return f"a message of {len(lines)} lines and {len(message)} letters"
    odd = {letter for letter in message if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf", "Cs")}
    return f"a message with {odd}" if odd else "" if message.strip() else "an empty message"


def same(found: Values, right: Values) -> bool:
    return found.keys() == right.keys() and all(np.array_equal(value, right[name]) for name, value in found.items())


@cache
def _right(corpus: Corpus, door: Door) -> Values:
    """What the whole input gives."""
    return door.enter(corpus.place(door).with_suffix(".source").read_text())


def run(folder: Path, *, count: int, seed: int = 0, workers: int = 1, only: str = "") -> Iterator[dict[str, Any]]:
    """The outcomes of `count` trials; raises SystemExit where a whole input cannot be made."""
    corpus = Corpus(folder, seed, tuple(door for door in DOORS if only.lower() in door.name.lower()))
    for made in list(cells.run(corpus.make, list(range(len(corpus.doors))), workers=workers)):
        if made["outcome"] != "made":
            raise SystemExit(f"the whole input of '{corpus.doors[made['trial']].name}' is none: {made['why']}")
    for told in cells.run(corpus.trial, list(range(count)), workers=workers):
        yield {"door": corpus.doors[told["trial"] % len(corpus.doors)].name, **told}
    for told in cells.run(corpus.harm, list(range(len(HOSTILE))) if not only else [], workers=workers):
        yield {"door": "made to do harm", "how": HOSTILE[told["trial"]].name, **told, "trial": count + told["trial"]}


def table(outcomes: list[dict[str, Any]]) -> str:
    """A row a door."""
    by_door: dict[str, Counter[str]] = defaultdict(Counter)
    for one in outcomes:
        by_door[one["door"]][one["outcome"]] += 1
    kinds = ("refused", "right", "other", "wrong")
    lines = [f"{'':<28}{''.join(f'{kind:>9}' for kind in kinds)}"]
    lines += [f"{door:<28}{''.join(f'{seen[kind]:>9}' for kind in kinds)}" for door, seen in by_door.items()]
    total = sum(by_door.values(), Counter())
    return "\n".join([*lines, f"{'all ' + str(len(outcomes)):<28}{''.join(f'{total[kind]:>9}' for kind in kinds)}"])


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--count", type=int, default=2000)
    told.add_argument("--seed", type=int, default=0)
    told.add_argument("--workers", type=int, default=1)
    told.add_argument("--door", default="", help="only doors whose name holds this")
    told.add_argument("--json", action="store_true", help="an outcome a line")
    said = told.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIONE_CACHE"], os.environ["DIONE_HTTP_TRIES"], os.environ["DIONE_HTTP_TIMEOUT"] = f"{folder}/kept", "1", "3"
        outcomes = list(run(Path(folder), count=said.count, seed=said.seed, workers=said.workers, only=said.door))
    outcomes.sort(key=lambda one: one["trial"])
    if said.json:
        print("\n".join(map(json.dumps, outcomes)))
        return
    for one in outcomes:
        if one["outcome"] == "wrong":
            print(f"{one['trial']}: {one['door']}, {one.get('file')}, {one.get('how')}: {one['why']} {one['message'][:200]}")
    print(table(outcomes))
    sys.exit(any(one["outcome"] == "wrong" for one in outcomes))


if __name__ == "__main__":
    main()
