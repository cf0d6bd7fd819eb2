"""Everything in `trials`, one after the other: a table, and the figures of docs/reliability.md.

    python benchmarks/soak.py [--quick] [--only kills disk] [--seed 0] [--page docs/reliability.md] [--json]

A part is a module of `trials` with `rows(size, folder)`, which yields a Row as soon as it is known; `folder` is an empty
one of its own. Exit 1 if anything went wrong.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from trials import record

PARTS = ("kills", "disk", "reading", "sameness", "longrun", "inputs")
"""Modules of `trials`, in the order in which they run."""


def run(size: record.Size, parts: tuple[str, ...]) -> Iterator[record.Row]:
    """The rows of these parts, each told as it comes."""
    for name in parts:
        with tempfile.TemporaryDirectory(prefix=f"dione-{name}-") as folder:
            for row in import_module(f"trials.{name}").rows(size, Path(folder)):
                print(f"{row.part}: {row.what}: {row.held} of {row.tried} held, {row.minutes:.1f} min {row.note}", *row.wrong, sep="\n  ", file=sys.stderr)
                yield row


def main() -> None:
    """The command."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--quick", action="store_true", help="as much as the tests try")
    given.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--page", type=Path, help="write the figures into this page")
    given.add_argument("--json", action="store_true")
    asked = given.parse_args()
    size = dataclasses.replace(record.QUICK if asked.quick else record.FULL, seed=asked.seed)
    rows = []
    for row in run(size, tuple(asked.only)):
        rows.append(row)
        if asked.page:
            record.write(asked.page, [row])
    print(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) if asked.json else f"{record.machine()}\n\n{record.table(rows)}")
    if wrong := record.faults(rows):
        sys.exit("\n".join(["", *wrong]))


if __name__ == "__main__":
    main()
