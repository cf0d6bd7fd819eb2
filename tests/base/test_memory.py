"""What memory a process may take."""

import os
from pathlib import Path

import pytest

from dione.base.machine import cgroups, memory
from tests.base.conftest import Grouped

GB = 10**9


@pytest.mark.parametrize(
    ("own", "files", "wanted"),
    [
        ("0::/\n", {"memory.max": "4000000000\n"}, 4 * GB),  # a container sees its own group as the root
        ("0::/slurm/job_7/step_0\n", {"slurm/job_7/memory.max": "8000000000", "slurm/job_7/step_0/memory.max": "max"}, 8 * GB),
        ("9:cpu,memory:/docker/a\n8:pids:/\n", {"memory/docker/a/memory.limit_in_bytes": "3000000000"}, 3 * GB),
        ("9:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 64 * GB),
        ("0::/\n", {}, 64 * GB),
    ],
    ids=["container", "job of SLURM", "version 1", "no limit in version 1", "no limit"],
)
def test_the_smallest_limit_counts(own: str, files: dict[str, str], wanted: int, grouped: Grouped, monkeypatch: pytest.MonkeyPatch) -> None:
    grouped(own, files)
    monkeypatch.setattr(memory, "_machine", lambda: 64 * GB)
    assert memory.memory_bytes() == wanted


def test_a_system_without_groups_tells_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "nothing")
    monkeypatch.setattr(memory, "_machine", lambda: None)
    assert memory.memory_bytes() is None


@pytest.mark.parametrize(("told", "wanted"), [(None, str(memory.GDAL_CACHE_MB)), ("64", "64")])
def test_gdal_is_told_how_much_to_keep_unless_somebody_did(monkeypatch: pytest.MonkeyPatch, told: str | None, wanted: str) -> None:
    monkeypatch.setenv("GDAL_CACHEMAX", told or "")
    if told is None:
        monkeypatch.delenv("GDAL_CACHEMAX")
    memory.tell_gdal()
    assert os.environ["GDAL_CACHEMAX"] == wanted
