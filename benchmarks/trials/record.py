"""What a trial reports, how much is tried, and the table of it."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MOST_TOLD = 5


@dataclass(frozen=True)
class Size:
    """How much is tried; the same size and seed try the same."""

    kills: int
    """Of each verb."""
    inputs: int
    """Damaged inputs, over all doors."""
    jobs: int
    """Small jobs through the job runner."""
    minutes: float
    """Of predictions in one process."""
    seed: int = 0


QUICK = Size(kills=2, inputs=150, jobs=200, minutes=0.2)
FULL = Size(kills=25, inputs=2500, jobs=10_000, minutes=31)


@dataclass(frozen=True)
class Row:
    """One line of the record."""

    part: str
    """The table that it belongs to: faults, inputs, ..."""
    what: str
    tried: int
    wrong: tuple[str, ...] = ()
    """One line each, with what repeats it."""
    refused: int = 0
    """Of inputs: how many ended in an error that says so; all others gave a right result."""
    note: str = ""
    """What was measured beside."""
    minutes: float = 0.0
    peak_gb: float = 0.0
    made: str = ""
    """The day, and the commit that was tried."""

    @property
    def held(self) -> int:
        return self.tried - len(self.wrong)


@dataclass
class Tally:
    """A Row in the making."""

    tried: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    peak_gb: float = 0.0
    minutes: float = 0.0

    def row(self, part: str, what: str, note: str = "") -> Row:
        return Row(part, what, self.tried, tuple(self.wrong), self.refused, note, round(self.minutes, 2), round(self.peak_gb, 2))


@contextmanager
def tally() -> Iterator[Tally]:
    """Counts, and how long it took."""
    began, made = time.monotonic(), Tally()
    yield made
    made.minutes = (time.monotonic() - began) / 60


Trial = Callable[[Size, Path], Iterable[Row]]
"""Tries so much in an empty folder of its own."""


def table(rows: Iterable[Row]) -> str:
    """The record as Markdown, a line a row and one for all."""
    rows = list(rows)
    total = Row("", "**all**", sum(r.tried for r in rows), tuple(w for r in rows for w in r.wrong), sum(r.refused for r in rows))
    total_line = _line(total, sum(r.minutes for r in rows), max((r.peak_gb for r in rows), default=0.0))
    head = ["| | tried | held | refused cleanly | wrong | minutes | peak GB | | tried on, commit |", "|---|---|---|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_line(row, row.minutes, row.peak_gb) for row in rows), total_line])


def _line(row: Row, minutes: float, peak_gb: float) -> str:
    what = f"{row.part}: {row.what}" if row.part else row.what
    return f"| {what} | {row.tried} | {row.held} | {row.refused or ''} | {len(row.wrong)} | {minutes:.1f} | {peak_gb or ''} | {row.note} | {row.made} |"


def faults(rows: Iterable[Row]) -> list[str]:
    """What went wrong, in words."""
    return [f"{row.part}: {row.what}: {line}" for row in rows for line in [*row.wrong[:MOST_TOLD], *_more(row)]]


def _more(row: Row) -> list[str]:
    return [f"and {len(row.wrong) - MOST_TOLD} more"] if len(row.wrong) > MOST_TOLD else []
