"""Bad bytes over every door, and inputs made to do harm: each is refused in a screen, or gives what is right."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dione.base.machine import processors
from trials.record import Row, Size, Trial, tally

SPOILT, HARMFUL = "spoilt in a seeded way, over every door", "made to do harm: bombs, lies, ways out, code"


def tried(size: Size, folder: Path) -> Iterator[Row]:
    """What was spoilt, and what was made to do harm. The corpus runs in a process of its own, since its workers are forks."""
    words = [sys.executable, "-m", "trials.doors.corpus", "--count", str(size.inputs), "--seed", str(size.seed), "--json", "--workers", str(workers())]
    here = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "TMPDIR": str(folder)}
    with tally() as counted:
        ran = subprocess.run(words, env=here, capture_output=True, text=True, check=False)
    if ran.returncode:
        yield Row("inputs", SPOILT, 1, (f"the corpus ended with {ran.returncode}: {ran.stderr[-300:]}",))
        return
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    harmful = [one for one in outcomes if one["door"] == "made to do harm"]
    spoilt = [one for one in outcomes if one not in harmful]
    share = len(spoilt) / max(len(outcomes), 1)
    yield _row(SPOILT, spoilt, counted.minutes * share, size.seed)
    yield _row(HARMFUL, harmful, counted.minutes * (1 - share), size.seed)


def workers() -> int:
    return min(processors.count(), 4)


def _row(what: str, outcomes: list[dict[str, Any]], minutes: float, seed: int) -> Row:
    wrong = tuple(f"seed {seed}, trial {one['trial']}, {one['door']}: {one.get('how')}: {one['why']}" for one in outcomes if one["outcome"] == "wrong")
    kinds = {kind: sum(one["outcome"] == kind for one in outcomes) for kind in ("refused", "right", "other")}
    doors = len({one["door"] for one in outcomes})
    note = f"{doors} doors; {kinds['right']} gave what the whole input gives, {kinds['other']} what their bytes say" if doors > 1 else ""
    peak = max((one.get("peak_gb", 0.0) for one in outcomes), default=0.0)
    return Row("inputs", what, len(outcomes), wrong, kinds["refused"], note, round(minutes, 2), round(peak, 2))


TRIALS: dict[str, Trial] = {"doors": tried}
