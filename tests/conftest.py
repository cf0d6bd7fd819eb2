"""What all tests share."""

import os
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real imagery that some tests look at; they skip where it is absent."""
    folder = Path(os.environ.get("DIONE_SHARED_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real imagery in {folder}; DIONE_SHARED_DATA names the folder")
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    """The command, in this process: exit code, what it printed, what it said on the error stream."""

    from dione import cli  # not before the hook that checks shapes is in place

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["dione", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return typed
