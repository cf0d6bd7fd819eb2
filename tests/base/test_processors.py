"""How many processors a process may keep busy."""

import os
from pathlib import Path

import pytest

from dione.base.machine import cgroups, processors
from tests.base.conftest import Grouped


@pytest.mark.parametrize(
    ("own", "files", "wanted"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "20000 100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000"}, 16),
        ("0::/pod/box\n", {"pod/cpu.max": "300000 100000", "pod/box/cpu.max": "max 100000"}, 3),
        ("4:cpu,cpuacct:/docker/a\n3:cpuset:/\n", {"cpu/docker/a/cpu.cfs_quota_us": "400000", "cpu/docker/a/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/docker/a\n", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "10000"}, 5),  # where only its own group is mounted
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        ("0::/\n", {"cpu.max": "9900000 100000"}, 16),
        ("0::/\n", {"cpu.max": ""}, 16),
        ("", {"cpu.max": "200000 100000"}, 16),
    ],
)
def test_a_quota_counts_as_that_many_processors(own: str, files: dict[str, str], wanted: int, grouped: Grouped, monkeypatch: pytest.MonkeyPatch) -> None:
    grouped(own, files)
    monkeypatch.setattr(processors, "_bound", lambda: 16)
    assert processors.count() == wanted


def test_a_process_that_is_bound_has_no_more_than_those(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "nothing")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert processors.count() == 3


def test_openmp_is_told_of_a_quota_unless_it_was_told_already(grouped: Grouped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_bound", lambda: 16)
    for quota, told, wanted in (("max 100000", None, None), ("200000 100000", None, "2"), ("200000 100000", "7", "7")):
        grouped("0::/\n", {"cpu.max": quota})
        monkeypatch.setenv("OMP_NUM_THREADS", told or "")
        if told is None:
            monkeypatch.delenv("OMP_NUM_THREADS")
        processors.tell_openmp()
        assert os.environ.get("OMP_NUM_THREADS") == wanted
