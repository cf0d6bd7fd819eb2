"""What was tried already, kept when a trial ends, so that a record that takes an hour can be stopped and gone on with.

A line a trial: which, how much, at which commit, on which day, and its rows. It counts again for the same code only.
"""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from trials.record import Row, Size

CODE = ("src", "benchmarks", "pyproject.toml", "locks")
"""What a figure depends on."""


@dataclass(frozen=True)
class Kept:
    """The file of it, and the code that is tried now."""

    file: Path
    commit: str
    """Ends with + where files differ from it; what was tried then is tried anew every time."""

    def rows(self, trial: str, size: Size) -> list[Row] | None:
        """What came of a trial of this size at this commit; None where it is still to be tried."""
        if self.commit.endswith("+") or not self.file.exists():
            return None
        for line in map(json.loads, self.file.read_text("utf-8").splitlines()):
            if (line["trial"], line["commit"], line["size"]) == (trial, self.commit, asdict(size)):
                return [Row(**{**row, "wrong": tuple(row["wrong"])}) for row in line["rows"]]
        return None

    def keep(self, trial: str, size: Size, rows: Iterable[Row]) -> list[Row]:
        """Note what came of a trial; its rows, with day and commit."""
        made = [replace(row, made=f"{date.today()}, {self.commit}") for row in rows]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"trial": trial, "commit": self.commit, "size": asdict(size), "rows": [asdict(row) for row in made]}) + "\n")
        return made


def commit(project: Path) -> str:
    """The commit of a checkout, in short; with + where its code was changed since, `?` where there is no git."""
    try:
        said = [
            subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short=7", "HEAD"], ["status", "--porcelain", "--", *CODE])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "?+"
    return said[0] + ("+" if said[1] else "")
