"""Values that look right pass; the silent errors of the field do not."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

import dione
from dione import testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadValues
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.job import predict_to
from dione.prepare.radiometry import check_values
from dione.prepare.values.looks import ENOUGH_PX
from dione.sources import geotiff


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    return testing.series(testing.landscape((60, 70), seed=1), days=3, cloud=0.2, seed=2).stack


def changed(stack: xr.Dataset, gain: float, offset: float) -> xr.Dataset:
    """The same with other numbers wherever there are any."""
    present = (stack["reflectance"] != 0).any("band")
    values = stack["reflectance"] * np.float32(gain) + np.float32(offset) * present
    return stack.assign(reflectance=values.transpose(*stack["reflectance"].dims).astype("float32"))


def test_reflectance_passes_with_its_range(stack: xr.Dataset) -> None:
    (note,) = check_values(stack)
    assert note.startswith("reflectance from 0.0")


@pytest.mark.parametrize(("gain", "says"), [(1e4, "--scale 0.0001"), (100, "--scale 0.01"), (1e-4, "scaled twice")])
def test_other_units_are_refused_with_the_scale_to_give(stack: xr.Dataset, gain: float, says: str) -> None:
    with pytest.raises(BadValues, match=says):
        check_values(changed(stack, gain, 0))


@pytest.mark.parametrize(("gain", "offset", "side"), [(1e4, 0, "above"), (100, 0, "above"), (1, -1000, "below")])
def test_other_units_on_one_date_are_found_and_what_stands_for_no_data_untold_is_not(stack: xr.Dataset, gain: float, offset: float, side: str) -> None:
    mixed = stack.copy(deep=True)
    mixed["reflectance"][0] = changed(stack, gain, offset)["reflectance"][0]
    with pytest.raises(BadValues, match=rf"(?s)values look unscaled on 1 of 3 dates.*2024-05-01: half of its values are {side} .*one by one"):
        check_values(mixed)
    for fill in (6.5535, -9999):
        partly = stack.copy(deep=True)
        partly["reflectance"][0, :, :40] = fill
        partly["valid"][0, :40] = False
        assert check_values(partly)


@pytest.mark.parametrize("unit", [1, 1 / 255, 1e-4])
def test_8_bit_pictures_are_refused_in_any_disguise(stack: xr.Dataset, unit: float) -> None:
    bytes_ = np.clip(np.round(stack["reflectance"] * 600), 0, 255)
    with pytest.raises(BadValues, match="8-bit"):
        check_values(stack.assign(reflectance=(bytes_ * unit).astype("float32")))


def numbered(middles: tuple[int, int, int, int], deviation: float) -> xr.Dataset:
    """One date of digital numbers as reflectance: a plain surface of these in blue, green, red and near infrared, with noise."""
    numbers = np.round(np.random.default_rng(0).normal(np.reshape(middles, (1, 4, 1, 1)), deviation, (1, 4, 30, 40))).clip(1, 255)
    values = (numbers * 1e-4).astype("float32")
    return stacks.make(values, np.ones((1, 30, 40), bool), [np.datetime64("2024-05-01", "ns")], testing.grid_at((30, 40)))


def test_open_water_is_no_8_bit_picture_however_dark_all_of_it_is() -> None:
    assert check_values(numbered((165, 120, 60, 25), 8))
    silty, picture = numbered((120, 140, 130, 75), 8), numbered((110, 100, 90, 130), 25)
    for dark in (silty, picture):
        with pytest.raises(BadValues, match=r"(?s)8-bit.*dark water.*--offset 0"):
            check_values(dark)
        for told_by in ("given", "metadata"):
            assert check_values(dark.assign_attrs(offset_told_by=told_by))


def test_water_of_real_coasts_is_no_8_bit_picture(shared_data: Path) -> None:
    stack = geotiff.open(shared_data / "s2-single" / "coasts" / "ship_211367180_2022-08-12.tif").load()
    high = stack["reflectance"].max(("time", "band")).rolling(y=24, x=24).max().values
    (row, column), *_ = np.argwhere(high <= 0.0255)
    assert check_values(stack.isel(y=slice(row - 23, row + 1), x=slice(column - 23, column + 1)))


def test_an_offset_that_was_not_applied_is_found_unless_the_user_spoke(stack: xr.Dataset) -> None:
    lifted = changed(stack, 1, 0.1)
    with pytest.raises(BadValues, match=r"(?s)no dark pixel on 3 of 3 dates.*--offset -0\.1.*--offset 0"):
        check_values(lifted)
    assert check_values(lifted.assign_attrs(offset_told_by="given"))


def test_who_follows_the_advice_and_says_that_the_values_are_right_has_the_same_values(tmp_path: Path, stack: xr.Dataset) -> None:
    testing.write_geotiffs(changed(stack, 1, 0.1), tmp_path)
    for tagged, right in ((0.0, "0"), (-0.1, "-0.1")):
        for path in tmp_path.glob("*.tif"):
            with rasterio.open(path, "r+") as file:
                file.scales, file.offsets = [1e-4] * file.count, [tagged] * file.count
                if tagged:
                    numbers = file.read()
                    file.write(np.where(numbers > 0, numbers + 1000, 0).astype("uint16"))
        before = geotiff.open(tmp_path)
        with pytest.raises(BadValues, match=f"if it was not, --offset {right}, or .* if the values are right"):
            check_values(before)
        after = geotiff.open(tmp_path, offset=float(right))
        assert check_values(after)
        np.testing.assert_array_equal(after["reflectance"].values, before["reflectance"].values)


def test_an_offset_told_by_metadata_is_warned_of_and_not_denied_by_bright_ground_or_haze(stack: xr.Dataset, caplog: pytest.LogCaptureFixture) -> None:
    lifted = changed(stack, 1, 0.1)
    mixed = xr.concat([stack.isel(time=[0, 1]), lifted.isel(time=[2])], "time", data_vars="all")
    for bright, dates in ((lifted, 3), (mixed, 1)):
        caplog.clear()
        notes = check_values(bright.assign_attrs(offset_told_by="metadata"))
        assert notes[1:] == caplog.messages and len(caplog.messages) == dates
        assert all("no dark pixels" in note and "--offset" in note for note in caplog.messages)


@pytest.mark.parametrize("ground", [(0.13, 0.2, 0.3, 0.38), (0.11, 0.13, 0.17, 0.24), (0.18, 0.26, 0.36, 0.45)])
def test_sand_and_bare_soil_have_no_dark_pixel_and_need_none(stack: xr.Dataset, ground: tuple[float, ...]) -> None:
    plain = stack["reflectance"] * 0 + np.reshape(ground, (1, 4, 1, 1))
    grains = 1 + np.random.default_rng(0).normal(0, 0.02, (3, 1, *plain.shape[2:]))
    sand = stack.assign(reflectance=(plain * grains).astype("float32"), valid=stack["valid"] | True)
    assert all("bright ground" in note for note in check_values(sand)[1:])


@pytest.mark.parametrize("told_by", ["given", "the file's tags"])
def test_an_offset_in_digital_numbers_is_refused_with_the_one_to_give(stack: xr.Dataset, told_by: str) -> None:
    with pytest.raises(BadValues, match=r"(?s)offset in digital numbers.*--offset -0\.1 for one of -1000"):
        check_values(changed(stack, 1, -1000).assign_attrs(offset_told_by=told_by))


def test_an_offset_on_some_dates_is_found_by_the_others(stack: xr.Dataset) -> None:
    lifted = changed(stack, 1, 0.1)
    mixed = xr.concat([stack.isel(time=[0, 1]), lifted.isel(time=[2])], "time", data_vars="all")
    with pytest.raises(BadValues, match="no dark pixel on 1 of 3 dates"):
        check_values(mixed)


def test_an_offset_on_either_of_two_passes_of_a_day_is_found(stack: xr.Dataset) -> None:
    at_ten = stack["time"].values[0].astype("datetime64[D]") + np.timedelta64(10, "h").astype("timedelta64[ns]")
    for at, name in enumerate(("2024-05-01T100000", "2024-05-01T101000")):
        mixed = stack.copy(deep=True).assign_coords(time=[at_ten, at_ten + np.timedelta64(10, "m"), stack["time"].values[2]])
        mixed["reflectance"][at] = changed(stack, 1, 0.1)["reflectance"][at]
        with pytest.raises(BadValues, match=f"(?s)no dark pixel on 1 of 3 dates.*{name}"):
            check_values(mixed)


def test_an_offset_on_any_one_date_of_a_real_series_is_found(shared_data: Path) -> None:
    for name in ("bouconne", "cloudy-33TWL", "jaca", "rufiji-20m"):
        stack = geotiff.open(shared_data / "s2-series" / name).load()
        for at, day in enumerate(when.days(stack)):
            mixed = stack.copy(deep=True)
            mixed["reflectance"][at] = changed(stack, 1, 0.1)["reflectance"][at]
            with pytest.raises(BadValues, match=f"(?s)no dark pixel on 1 of .*{day}"):
                check_values(mixed)


def test_of_many_dates_fewer_pixels_are_kept_and_each_is_still_judged(stack: xr.Dataset) -> None:
    many = stack.isel(time=[0] * 200).assign_coords(time=np.datetime64("2020-01-01", "ns") + np.arange(200) * np.timedelta64(5, "D"))
    many = many.assign(valid=many["valid"] | True)
    (note,) = check_values(many)
    seen = int(note.split("percentile of ")[1].split()[0])
    assert 200 * ENOUGH_PX <= seen < 200 * 2 * ENOUGH_PX < 200 * 60 * 70
    lifted = changed(many, 1, 0.1)["reflectance"].where(many["time"] == many["time"][137], many["reflectance"])
    with pytest.raises(BadValues, match=r"no dark pixel on 1 of 200 dates.*\n.*2021-11-16"):
        check_values(many.assign(reflectance=lifted))


def test_of_an_archive_every_date_that_is_used_is_looked_at_and_no_other(stack: xr.Dataset, tmp_path: Path) -> None:
    many = stack.isel(time=[0] * 12).assign_coords(time=np.datetime64("2025-01-01", "ns") + np.arange(12) * np.timedelta64(5, "D"))
    many = many.assign(valid=many["valid"] | True).assign_attrs(offset_told_by="metadata")
    sunk = changed(many, 1, -0.1)["reflectance"].where(many["time"] == many["time"][5], many["reflectance"])
    many = many.assign(reflectance=sunk)
    assert check_values(many)  # a few of the dates, of which this is none
    wrong = r"(?s)applied twice.*2025-01-26.*--offset 0"
    for use in (lambda target: dione.predict(many, model="bicubic", target=target, views=3), lambda target: told_to(many, tmp_path / target, target)):
        for target in ("2025-01-26", "2025-01-31"):  # it itself, and one that it helps
            with pytest.raises(BadValues, match=wrong):
                use(target)
        assert use("2025-02-25")


def told_to(stack: xr.Dataset, out: Path, target: str) -> object:
    """As the command line does it."""
    return predict_to(stack, out, resolver=load("bicubic"), config=PredictConfig(target=target, views=3))


def test_haze_that_lifts_blue_most_is_no_offset_on_one_date(stack: xr.Dataset) -> None:
    hazy = stack.copy(deep=True)
    hazy["reflectance"][2] += np.array([0.125, 0.1, 0.075, 0.1], np.float32)[:, None, None]
    assert "haze" in check_values(hazy)[1]


def test_haze_and_cloud_without_a_mask_are_no_offset(stack: xr.Dataset) -> None:
    hazy = stack.copy(deep=True)
    hazy["reflectance"][2] = hazy["reflectance"][2] * 0.5 + np.array([0.3, 0.25, 0.2, 0.12], np.float32)[:, None, None]
    assert "2024-05-11" in check_values(hazy)[1]
    cloudy = stack.copy(deep=True)
    cloudy["reflectance"][:] = 0.6 + 0.1 * cloudy["reflectance"]
    assert check_values(cloudy)


def test_a_date_all_of_cloud_that_no_mask_tells_is_named(stack: xr.Dataset, caplog: pytest.LogCaptureFixture) -> None:
    cloudy = stack.assign(valid=stack["valid"] | True).copy(deep=True)
    cloudy["reflectance"][2] = 0.5 + 0.1 * cloudy["reflectance"][2]
    (note,) = check_values(cloudy)[1:]
    assert "white on 2024-05-11" in note and "--find-clouds" in note and caplog.messages == [note]
    assert check_values(cloudy.isel(time=[2]))[1:] == []  # snow all year is what such a place looks like


def test_scenes_too_small_or_empty_to_tell_pass() -> None:
    tiny = testing.series(testing.landscape((1, 1)), days=1).stack
    assert check_values(tiny)
    assert check_values(tiny.assign(reflectance=tiny["reflectance"] * 0)) == ["no data in the windows looked at"]


def test_only_windows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: xr.Dataset) -> None:
    seen = []
    decode = geotiff.Files.read
    monkeypatch.setattr(geotiff.Files, "read", lambda self, date, window: (seen.append(window), decode(self, date, window))[1])
    values, valid = (np.tile(stack[name].values[:1], 12) for name in ("reflectance", "valid"))
    large = stacks.make(values, valid, list(stack["time"].values[:1]), testing.grid_at((60, 840)))
    check_values(geotiff.open(testing.write_geotiffs(large, tmp_path / "series")))
    assert sum(w.shape[0] * w.shape[1] for w in seen) <= 3 * 128 * 60


def real(shared_data: Path) -> list[Path]:
    singles = [path for path in (shared_data / "s2-single").glob("*.tif") if "spain" not in path.name]
    return [*(shared_data / "s2-series").iterdir(), *singles, *sorted((shared_data / "s2-single" / "coasts").glob("*.tif"))[::9]]


def test_all_real_data_pass_and_none_do_with_an_offset_left_in(shared_data: Path) -> None:
    for path in real(shared_data):
        stack = geotiff.open(path)
        assert check_values(stack), path
        with pytest.raises(BadValues, match=r"--offset -0\.1"):
            check_values(changed(stack, 1, 0.1))


def test_an_offset_that_was_applied_twice_is_found_in_real_data(shared_data: Path) -> None:
    found = 0
    for path in real(shared_data):
        try:
            check_values(changed(geotiff.open(path), 1, -0.1))
        except BadValues as error:
            found += "applied twice" in str(error) and "--offset 0" in str(error)
    assert found * 4 >= 3 * len(real(shared_data))  # L1C of hazy air has no pixel so dark
