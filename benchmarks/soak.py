"""Everything in `trials`, one after the other: a table, and the figures of docs/reliability.md.

    python benchmarks/soak.py [--quick] [--only kills disk.fetch] [--seed 0] [--page docs/reliability.md] [--fresh] [--json]

A part is a module of `trials` with TRIALS: names, and what tries so much in an empty folder of its own. What ended is kept
in .soak; the same command, typed again, goes on with what is missing. Exit 1 if anything went wrong.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import machine
from trials import page, record
from trials.kept import Kept, commit

PROJECT = Path(__file__).resolve().parents[1]
PARTS = ("kills", "disk", "reading", "lost", "sameness", "inputs", "longrun")
"""Modules of `trials`, in the order in which they run."""


def trials(only: list[str]) -> dict[str, record.Trial]:
    """`part.name` of each trial: of whole parts or single ones, all where none is named. Raises SystemExit for others."""
    every = {f"{part}.{name}": trial for part in PARTS for name, trial in import_module(f"trials.{part}").TRIALS.items()}
    if unknown := [one for one in only if one not in every and one not in PARTS]:
        raise SystemExit(f"no trial {', '.join(unknown)}; there are {', '.join([*PARTS, *every])}")
    return {name: trial for name, trial in every.items() if not only or name in only or name.partition(".")[0] in only}


def run(chosen: dict[str, record.Trial], size: record.Size, kept: Kept, *, fresh: bool = False) -> Iterator[record.Row]:
    """Their rows, each told as it comes; fresh: also what was kept is tried again."""
    for name, trial in chosen.items():
        rows = None if fresh else kept.rows(name, size)
        if rows is None:
            with tempfile.TemporaryDirectory(prefix=f"dione-{name}-") as folder:
                rows = kept.keep(name, size, trial(size, Path(folder)))
        for row in rows:
            print(f"{row.part}: {row.what}: {row.held} of {row.tried} held, {row.minutes:.1f} min {row.note}", *row.wrong, sep="\n  ", file=sys.stderr)
            yield row


def main() -> None:
    """The command."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--quick", action="store_true", help="as much as the tests try")
    given.add_argument("--only", nargs="+", default=[], metavar="TRIAL", help=f"of {', '.join(PARTS)}, or one of a part: kills.fetch")
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--page", type=Path, help="write the figures into this page")
    given.add_argument("--fresh", action="store_true", help="try again what was tried at this commit before")
    given.add_argument("--json", action="store_true")
    asked = given.parse_args()
    size = dataclasses.replace(record.QUICK if asked.quick else record.FULL, seed=asked.seed)
    rows = []
    for row in run(trials(asked.only), size, Kept(PROJECT / ".soak" / "tried.jsonl", commit(PROJECT)), fresh=asked.fresh):
        rows.append(row)
        if asked.page:
            page.write(asked.page, [row])
    print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) if asked.json else f"{machine.words()}\n\n{record.table(rows)}")
    if wrong := record.faults(rows):
        sys.exit("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
