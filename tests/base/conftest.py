"""A made-up folder of control groups."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dione.base.machine import cgroups

Grouped = Callable[[str, dict[str, str]], None]


@pytest.fixture
def grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grouped:
    """Put this process into groups: what /proc/self/cgroup says, and the files below /sys/fs/cgroup."""

    def put(own: str, files: dict[str, str]) -> None:
        for name, text in {**files, "own": own}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        monkeypatch.setattr(cgroups, "ROOT", tmp_path)
        monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")

    return put
