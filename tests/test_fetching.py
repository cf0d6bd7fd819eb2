"""Areas that are fetched, beside what stands in the folder already and beside another run."""

import errno
from pathlib import Path

import pytest
import xarray as xr

from dione import fetching, testing
from dione.base.errors import BadSource
from dione.sources import zarrstack

FIELD = {"field": {"type": "Point", "coordinates": [0.0, 0.0]}}


@pytest.fixture
def made() -> xr.Dataset:
    return testing.series(testing.landscape((16, 16)), days=2).stack


def test_what_another_run_fetched_meanwhile_was_there_and_is_not_to_be_removed(made: xr.Dataset, tmp_path: Path) -> None:
    def slowly(_: object) -> xr.Dataset:
        fetching.fetch(FIELD, str(tmp_path), lambda _: made, settings="same")
        return made

    done = fetching.fetch(FIELD, str(tmp_path), slowly, settings="same")
    assert (done.fresh, done.there, dict(done.failed)) == ((), ("field",), {})
    other = fetching.fetch(FIELD, str(tmp_path), slowly, settings="others")
    assert "another area, period or option" in other.failed["field"]


@pytest.mark.parametrize("lost", ["zarr.json", "reflectance/c/0/0/0/0"])
def test_a_damaged_one_is_to_be_removed_for_the_same_command_does_not_mend_it(made: xr.Dataset, tmp_path: Path, lost: str) -> None:
    fetching.fetch(FIELD, str(tmp_path), lambda _: made, settings="same")
    (tmp_path / "field.zarr" / lost).unlink()
    done = fetching.fetch(FIELD, str(tmp_path), lambda _: made, settings="same")
    assert f"remove {tmp_path}/field.zarr, and the same command fetches it" in done.failed["field"]


def test_one_that_cannot_be_read_just_now_is_not_to_be_removed(made: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_: object) -> xr.Dataset:
        raise BadSource("it cannot be read") from OSError(errno.EMFILE, "Too many open files")

    fetching.fetch(FIELD, str(tmp_path), lambda _: made, settings="same")
    monkeypatch.setattr(zarrstack, "open", short)
    done = fetching.fetch(FIELD, str(tmp_path), lambda _: made, settings="same")
    assert done.failed["field"] == "it cannot be read"
