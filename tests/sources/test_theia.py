"""Products of Theia, whose XML says how numbers become reflectance and whose masks say what was seen."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from dione import sources
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadSource, NotFound
from dione.testing.theia import MadeTheia, write

SIDE = 60
GRID = GeoBox((SIDE, SIDE), Affine(10, 0, 300000, 0, -10, 4900020), "EPSG:32631")
NUMBERS = np.random.default_rng(3).integers(-200, 6000, (4, SIDE, SIDE)).astype(np.int16)
MADE = MadeTheia(NUMBERS, GRID)


def flagged(row: int, bit: int) -> np.ndarray:
    made = np.zeros((SIDE, SIDE), np.uint8)
    made[row] = 1 << bit
    return made


def test_reflectance_is_right_by_the_products_own_quantification_and_may_lie_below_zero(tmp_path: Path):
    write(replace(MADE, quantification="5000"), tmp_path)
    stack = sources.open(tmp_path)
    np.testing.assert_allclose(stack["reflectance"][0], NUMBERS / 5000, atol=1e-6)
    assert (stack["reflectance"].values < 0).any() and stack["valid"].all() and stacks.grid_of(stack) == GRID
    assert when.days(stack) == ["2018-07-06"] and str(stack["platform"].values[0]) == "sentinel-2a"
    assert "XML, FRE" in stack.attrs["radiometry"]


def test_the_number_that_says_nothing_is_the_xmls(tmp_path: Path):
    numbers = NUMBERS.copy()
    numbers[2, 5] = -10000
    numbers[:, 6] = -9000
    write(replace(MADE, numbers=numbers), tmp_path)
    valid = sources.open(tmp_path)["valid"].values[0]
    assert not valid[5].any() and not valid[6].any() and valid[7:].all()
    write(replace(MADE, numbers=np.where(numbers == -10000, 300, numbers), nodata="300"), tmp_path / "other")
    assert not sources.open(tmp_path / "other")["valid"].values[0, 5].any()


@pytest.mark.parametrize(("mask", "bit"), [("CLM", 0), ("CLM", 4), ("CLM", 7), ("MG2", 1), ("MG2", 3), ("MG2", 5), ("MG2", 7), ("EDG", 0), ("SAT", 2)])
def test_a_bit_that_speaks_against_a_pixel_takes_it_out(tmp_path: Path, mask: str, bit: int):
    write(replace(MADE, masks={mask: flagged(9, bit)}), tmp_path)
    stack = sources.open(tmp_path)
    assert not stack["valid"].values[0, 9].any() and stack["valid"].values[0, 10:].all()
    assert (stack["clear"].values == stack["valid"].values).all()


@pytest.mark.parametrize("bit", [0, 2, 4])
def test_water_snow_and_shade_of_terrain_are_ground(tmp_path: Path, bit: int):
    write(replace(MADE, masks={"MG2": flagged(9, bit)}), tmp_path)
    assert sources.open(tmp_path)["valid"].values.all()


@pytest.mark.parametrize("packed", [True, False])
def test_what_macos_puts_beside_the_files_of_a_product_is_left_out(tmp_path: Path, packed: bool):
    place = write(MADE, tmp_path)
    files = [file for file in place.rglob("*") if file.is_file()]
    if packed:
        with zipfile.ZipFile(tmp_path / f"{place.name}.zip", "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(tmp_path))
                archive.writestr(f"__MACOSX/{file.relative_to(tmp_path).with_name(f'._{file.name}')}", b"\0\5\26\7")
    else:
        for file in files:
            file.with_name(f"._{file.name}").write_bytes(b"\0\5\26\7")
    stack = sources.open(tmp_path / f"{place.name}.zip" if packed else place)
    np.testing.assert_allclose(stack["reflectance"][0], NUMBERS / 10000, atol=1e-6)


def test_a_zip_reads_as_its_folder(tmp_path: Path):
    folder = write(replace(MADE, masks={"CLM": flagged(9, 1)}), tmp_path / "folders")
    packed = tmp_path / f"{folder.name.rpartition('_V')[0]}.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    one, other = sources.open(packed), sources.open(folder)
    np.testing.assert_array_equal(one["reflectance"], other["reflectance"])
    np.testing.assert_array_equal(one["valid"], other["valid"])
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("../escaped.xml", b"<x/>")
    with pytest.raises(BadSource, match="would land outside"):
        sources.open(packed)


def test_tiles_of_one_pass_are_one_date_and_where_one_ends_the_other_goes_on(tmp_path: Path):
    edge = np.zeros((SIDE, SIDE), np.uint8)
    edge[:, 40:] = 1
    east = GeoBox((SIDE, SIDE), GRID.affine * Affine.translation(30, 0), GRID.crs)
    write(replace(MADE, masks={"EDG": edge}), tmp_path)
    write(replace(MADE, grid=east, tile="31TDJ", clock="10:56:35.002"), tmp_path)
    write(replace(MADE, date="2018-07-11", platform="B"), tmp_path)
    stack = sources.open(tmp_path)
    assert when.days(stack) == ["2018-07-06", "2018-07-11"]
    assert stack["valid"].values[0].all() and stack["clear"].values[0].all() and not stack["valid"].values[1, :, SIDE:].any()
    np.testing.assert_allclose(stack["reflectance"].values[0, :, :, 40:], NUMBERS[:, :, 10:] / 1e4, atol=1e-6)
    assert when.days(sources.open(f"{tmp_path}/SENTINEL2*", dates=("2018-07-10", ""))) == ["2018-07-11"]
    with pytest.raises(NotFound, match="no product in"):
        sources.open(tmp_path, dates=("2020", "2020"))


def test_reflectance_without_slopes_corrected_is_taken_where_there_is_no_other(tmp_path: Path):
    write(MADE, tmp_path, kind="SRE")
    assert "XML, SRE" in sources.open(tmp_path).attrs["radiometry"]


def test_what_is_missing_or_wrong_is_named_all_at_once(tmp_path: Path):
    folder = write(MADE, tmp_path)
    next(folder.glob("*FRE_B4.tif")).unlink()
    next(folder.glob("MASKS/*CLM_R1.tif")).unlink()
    cut = next(folder.glob("*FRE_B8.tif"))
    cut.write_bytes(cut.read_bytes()[:3000])
    with pytest.raises(BadSource, match=r"(?s)FRE_B4\.tif is missing.*B8\.tif.*(cut off|cannot be read).*CLM_R1\.tif is missing"):
        sources.open(tmp_path)
    xml = next(folder.glob("*MTD_ALL.xml"))
    xml.write_text(xml.read_text().replace(">10000<", ">x<").replace("L2A<", "L3A<").replace('"nodata"', '"other"'))
    with pytest.raises(BadSource, match=r"(?s)level is L3A, needs L2A.*QUANTIFICATION_VALUE is 'x'.*nodata"):
        sources.open(tmp_path)
    xml.unlink()
    with pytest.raises(BadSource, match=r"no whole product: needs …_MTD_ALL\.xml"):
        sources.open(tmp_path)


def test_products_of_two_makers_are_not_mixed(tmp_path: Path):
    write(MADE, tmp_path)
    (tmp_path / "S2A_MSIL2A_20180706T105621_N0208_R094_T31TCJ_20180706T130000.SAFE").mkdir()
    with pytest.raises(BadSource, match="products of Theia and of ESA"):
        sources.open(tmp_path)
