"""What all tests share."""

import os
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
