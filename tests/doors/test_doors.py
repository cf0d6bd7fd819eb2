"""A few hundred bad inputs over every door, and those made to do harm; the whole corpus is part of `make soak`.

It runs in a process of its own, since its workers are forks: a process with threads must not fork.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
COUNT = 276
SEED = int(os.environ.get("DIONE_CORPUS_SEED", "0"))


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    """What came of each."""
    words = [sys.executable, "-m", "trials.doors.corpus", "--count", str(COUNT), "--seed", str(SEED), "--json"]
    ran = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(BENCHMARKS)}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_whatever_bytes_come_in_each_door_gives_what_is_right_or_a_screen_that_says_what_is_wrong(outcomes: list[dict[str, Any]]) -> None:
    assert [one for one in outcomes if one["outcome"] == "wrong"] == []


def test_every_door_was_tried_and_most_of_what_was_spoilt_is_refused(outcomes: list[dict[str, Any]]) -> None:
    tried = Counter(one["door"] for one in outcomes)
    assert len(tried) > 40 and min(tried.values()) >= 6
    assert sum(one["outcome"] == "refused" for one in outcomes) > len(outcomes) / 2


def test_what_was_made_to_do_harm_is_refused_and_does_none(outcomes: list[dict[str, Any]]) -> None:
    harmful = [one for one in outcomes if one["door"] == "made to do harm"]
    assert len(harmful) > 60 and {one["outcome"] for one in harmful} == {"refused"}
