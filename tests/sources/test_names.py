"""Dates and bands out of the names of files."""

from pathlib import Path

import numpy as np
import pytest

from dione.base import when
from dione.base.errors import BadSource, NotFound
from dione.sources import geotiff
from tests.sources.series import BANDS, numbers, write


@pytest.mark.parametrize(
    "name", ["T31TCJ_20180815T105621_{}_10m.tif", "2018-08-15_{}.tif", "20180815/{}.tif", "S2A_MSIL2A_20180815T105621_N0208_T31TCJ_20180815T182055_{}.jp2"]
)
def test_one_file_a_band_is_found_by_its_name(name: str, tmp_path: Path) -> None:
    each = numbers((64, 70))
    options = {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"} if name.endswith("jp2") else {}
    for band, one in zip(("B02", "B03", "B04", "B08", "B11", "TCI"), (*each, each[0], each[0]), strict=True):
        write(tmp_path / name.format(band), one[None], **options)
    stack = geotiff.open(tmp_path)
    assert when.days(stack) == ["2018-08-15"]
    np.testing.assert_allclose(stack["reflectance"].values[0], each * 1e-4, rtol=1e-6)
    assert "and 3 more" in str(stack["item"].values[0])


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("%Y%j.tif", "2018227.tif"),
        ("parcel7_%d.%m.%y*.tif", "parcel7_15.08.18_final.tif"),
        ("%Y/%m/x%d.tif", "2018/08/x15.tif"),
        ("%b %d %Y.tif", "Aug 15 2018.tif"),
    ],
)
def test_a_pattern_tells_the_date(tmp_path: Path, pattern: str, name: str) -> None:
    write(tmp_path / name, numbers(), names=BANDS)
    write(tmp_path / Path(name).parent / "other.tif", numbers(), names=BANDS)
    source = tmp_path if "/" not in name else tmp_path / "*" / "*" / "*.tif"
    assert when.days(geotiff.open(source, pattern=pattern)) == ["2018-08-15"]


def test_a_pattern_tells_the_band(tmp_path: Path) -> None:
    for band in ("b", "g", "r", "n"):
        write(tmp_path / f"{band}.227.2018.tif", numbers(bands=1))
    assert geotiff.open(tmp_path, pattern="{band}.%j.%Y.tif")["valid"].values.all()


@pytest.mark.parametrize(("pattern", "says"), [("%Q.tif", "%Q"), ("%Y.tif", "whole date"), ("x%Y%m%d.tif", "none of 1 files")])
def test_a_pattern_that_cannot_work_is_told(tmp_path: Path, pattern: str, says: str) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS)
    with pytest.raises((BadSource, NotFound), match=says):
        geotiff.open(tmp_path, pattern=pattern)


def test_names_without_a_date_are_listed_unless_one_is_given(tmp_path: Path) -> None:
    write(tmp_path / "spain_99999999_210017000.tif", numbers(), names=BANDS)
    with pytest.raises(BadSource, match="spain_99999999"):
        geotiff.open(tmp_path)
    assert when.days(geotiff.open(tmp_path, date="2018-01-31")) == ["2018-01-31"]
    with pytest.raises(BadSource, match="YYYY-MM-DD"):
        geotiff.open(tmp_path, date="31.1.2018")
