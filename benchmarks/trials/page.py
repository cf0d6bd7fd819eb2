"""The figures of what was tried, in a page, between two marks."""

from collections.abc import Iterable
from pathlib import Path

import machine

from trials import record
from trials.record import Row

BEGIN, END = "<!-- made by `make soak`: from here -->", "<!-- to here -->"


def write(page: Path, rows: Iterable[Row]) -> None:
    """Put the figures into a page, between its two marks; lines of parts that were not tried this time stay."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    old, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{page} has no place for the figures: it needs the lines {BEGIN} and {END}")
    new = list(rows)
    kept = [row for row in map(_row, old.splitlines()) if row and (row.part, row.what) not in {(one.part, one.what) for one in new}]
    page.write_text(f"{before}{BEGIN}\n\nMeasured on {machine.words()}.\n\n{record.table([*kept, *new])}\n\n{END}{after}", "utf-8")


def _row(line: str) -> Row | None:
    """A line of the table, read back; None for any other."""
    cells = [cell.strip() for cell in line.strip("| ").split(" | ")] if line.startswith("| ") else []
    part, found, what = cells[0].partition(": ") if len(cells) >= 6 else ("", "", "")
    if not found:
        return None
    numbers = [float(cell or 0) for cell in cells[1:7]]
    note, made = [*cells[7:], "", ""][:2]
    return Row(part, what, int(numbers[0]), ("",) * int(numbers[3]), int(numbers[2]), note, *numbers[4:], made)
