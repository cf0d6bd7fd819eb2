"""How large a picture of a report is: the finest rung that fits, found without trying them all; what is read for it."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from dione.prediction.looks import picture
from dione.prediction.looks.drawn import finest
from dione.testing import grid_at, rasters


@pytest.mark.parametrize("fits", range(13))
def test_the_finest_rung_that_fits_is_found_in_a_few_tries(fits):
    tried: list[int] = []

    def make(rung: int, last: bool) -> int | None:
        tried.append(rung)
        return rung if last or rung >= fits else None

    assert finest(range(12), make) == min(fits, 11)
    assert len(tried) <= 5 and tried[0] == 0


@pytest.mark.parametrize(("about", "level"), [(400, 0), (310, 0), (200, 1), (151, 1), (140, 2)])
def test_a_level_of_the_file_is_read_as_it_is(tmp_path, about, level):
    path = tmp_path / "a.tif"
    rasters.write(path, np.random.default_rng(0).integers(1, 9999, (4, 400, 400)).astype(np.uint16), grid_at((400, 400)), scale=1e-4, nodata=0)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as file:
        np.testing.assert_allclose(picture.read(path, about=about), file.read() * np.float32(1e-4), rtol=1e-6)
