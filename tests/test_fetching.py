"""Areas that are fetched, beside what stands in the folder already and beside another run."""

from pathlib import Path

import pytest
import xarray as xr

from dione import fetching, testing

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
