"""The one door: what a source is, it finds out; what it is not, it says."""

from pathlib import Path

import numpy as np
import pytest

import dione
from dione import sources, testing
from dione.base.errors import BadRecipe, BadSource, BadValues, CannotWrite, NotFound
from dione.sources import zarrstack
from dione.sources.carrying import staged
from dione.sources.places import shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return testing.write_geotiffs(testing.series(testing.landscape((20, 24)), days=2).stack, tmp_path / "series")


def test_each_kind_of_source_is_told_apart(folder: Path, tmp_path: Path) -> None:
    stack = sources.open(folder, bands=None, align=False)
    zarrstack.save(stack, tmp_path / "kept.zarr")
    (tmp_path / "kept.zarr").rename(tmp_path / "renamed")
    for other in (str(folder) + "/", folder / "*.tif", tmp_path / "renamed"):
        np.testing.assert_array_equal(sources.open(other)["reflectance"], stack["reflectance"])
    assert sources.open(folder / "2024-05-06.tif").sizes["time"] == 1


def test_a_name_that_is_not_there_lists_near_ones(folder: Path) -> None:
    with pytest.raises(NotFound, match="did you mean series"):
        sources.open(folder.parent / "serie")
    with pytest.raises(NotFound, match=r"series.*holds 2024-05-01\.tif"):
        sources.open(folder / "*.xyz")
    with pytest.raises(NotFound, match="neither is there a folder"):
        sources.open(folder / "no" / "such" / "place")


def test_a_place_that_the_system_does_not_let_anybody_look_at_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"cannot be read: .*File name too long"):
        sources.open(tmp_path / ("x" * 300))


def test_a_folder_in_a_series_that_nobody_may_look_into_is_no_part_of_it(folder: Path) -> None:
    (folder / ("d" * 253)).mkdir()  # as lost+found of a disk: the system answers with a fault, to root too
    assert sources.open(folder).sizes["time"] == 2


def test_a_name_that_is_empty_is_not_this_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(NotFound, match=r"its name is empty\n.*a variable of the shell"):
        sources.open("")
    with pytest.raises(CannotWrite, match=r"what stands after -o is empty\n.*a variable of the shell"), staged(""):
        pytest.fail("the block was entered")
    assert sources.open(".").sizes["time"] == 2


def test_a_folder_without_rasters_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no GeoTIFF.*holds nothing"):
        sources.open(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "table.csv").write_text("x")
    with pytest.raises(NotFound, match=r"no GeoTIFF.*notes\.txt, table\.csv"):
        sources.open(tmp_path)


def test_a_single_file_that_is_no_raster_is_named(tmp_path: Path) -> None:
    (tmp_path / "2020-01-01.tif").write_text("x")
    with pytest.raises(BadSource, match=r"2020-01-01\.tif"):
        sources.open(tmp_path / "2020-01-01.tif")


def test_bands_may_be_named_in_one_text_as_on_the_command_line(folder: Path) -> None:
    assert dione.open(folder, bands="blue, green,red,nir").identical(dione.open(folder, bands=("blue", "green", "red", "nir")))


def test_an_option_that_means_nothing_for_the_source_is_told(folder: Path, tmp_path: Path) -> None:
    zarrstack.save(sources.open(folder), tmp_path / "kept.zarr")
    with pytest.raises(BadSource, match="Zarr store, for which bands"):
        sources.open(tmp_path / "kept.zarr", bands=("blue",))
    with pytest.raises(BadSource, match="a folder of GeoTIFFs, for which max_scene_cloud means nothing"):
        sources.open(folder, max_scene_cloud=0.5)


@pytest.mark.parametrize("said", [{"scale": 0.0}, {"scale": float("nan")}, {"scale": -1.0}, {"offset": float("inf")}])
def test_a_scale_or_offset_that_cannot_be_is_refused_at_every_door(said: dict[str, float], folder: Path) -> None:
    for source in (folder, "stac:https://nowhere.invalid#x"):
        with pytest.raises(BadValues, match=f"{next(iter(said))} is .* needs a number"):
            sources.open(source, **said)


def test_a_size_without_a_point_is_refused(folder: Path) -> None:
    with pytest.raises(BadRecipe, match="a size of 200 m is given, and no area"):
        dione.open(folder, size_m=200)


def test_messages_keep_secrets() -> None:
    assert shown("s3://key:secret@bucket/a.tif") == "s3://bucket/a.tif"
    assert shown("cannot open https://host/a.tif?X-Amz-Signature=secret now") == "cannot open https://host/a.tif now"
    assert shown("/plain/path?.tif") == "/plain/path?.tif"


def test_an_unknown_protocol_is_told() -> None:
    with pytest.raises(BadSource, match="nowhere"):
        sources.open("nowhere://bucket/x")


@pytest.mark.parametrize("source", [["a.tif", "b.tif"], testing.series(testing.landscape((8, 8))).stack, None], ids=["list", "stack", "none"])
def test_what_is_no_one_place_is_told_by_its_kind(source: object) -> None:
    with pytest.raises(BadSource, match=rf"one place, as text or a Path; found a {type(source).__name__}\nname the folder"):
        sources.one_place(source)
