import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import rasterio
import torch
import zarr
from affine import Affine

from dione.base.errors import BadBands, BadGrid, BadRecipe, BadSource, CannotWrite, NotFound
from dione.patches import store
from dione.patches.dataset import Patches
from dione.patches.simulated import scenes
from dione.patches.simulated.build import SimulateConfig, simulate_store
from dione.patches.split import SplitRule
from dione.testing import grid_at, landscape, rasters


def write_scene(path, seed, *, names=("red", "green", "blue", "nir"), side=40, dtype="uint8", crs="EPSG:32611", nodata=None):
    numbers = np.clip(landscape((side, side), seed=seed)[[2, 1, 0, 3]] * 400, 1, 255).astype(dtype)[: len(names)]
    if nodata is not None:
        numbers[:, :, :50] = nodata
    rasters.write(path, numbers, grid_at((side * 4, side * 4), crs=crs, left=5e5, top=4e6, pixel=1.25), bands=names, nodata=nodata)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    for city in ("here", "there"):
        for place in range(4):
            for year in (2018, 2020):
                write_scene(root / city / f"{city}_{year}_{place}.tif", seed=place)
    kind = scenes.SceneSet(path="*/*.tif", sensor="aerial", coarse_m=10, reflectance=(1 / 400,) * 4, draws=2)
    config = SimulateConfig(scenes=(kind,), split=SplitRule(test=("there",), validation=0.4, seed=1))
    out = root / "store"
    assert simulate_store(config, root=root, out=out) > 8
    return root, config, store.read(out)


def test_years_of_one_place_are_grouped(made):
    root, config, _ = made
    found = scenes.places(config.scenes[0], root)
    assert len(found) == 8 and all(len(place.files) == 2 for place in found)


def test_the_index_has_a_row_for_every_patch(made):
    opened = made[2]
    assert opened.index.num_rows == opened.lr.shape[0] == opened.hr.shape[0] == opened.about["patches"]
    assert {"site", "place", "sensor", "split", "files", "clear", "shifts"} <= set(opened.index.column_names)


def test_an_index_without_columns_that_everything_asks_for_is_refused_at_once(made, tmp_path):
    shutil.copytree(made[2].path.address, tmp_path / "store")
    opened = store.read(tmp_path / "store")
    opened.path.write_table(store.INDEX, opened.index.drop_columns(["split", "sensor"]))
    with pytest.raises(BadSource, match=r"(?s)does not fit together.*no column 'sensor'.*no column 'split'.*make it again"):
        store.read(tmp_path / "store")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"zoom": "4"}, "says that zoom is '4'"),
        ({"zoom": 10**9}, "says that zoom is 1000000000"),
        ({"zoom": 2}, r"zoom is 2; 'lr' has \(14, 14\) px and 'hr' \(56, 56\)"),
        ({"zoom": None}, "says that zoom is None"),
        ({"bands": 4}, "says that bands are 4; the pixels have 4"),
        ({"bands": ["red"]}, "says that bands are"),
    ],
)
def test_a_store_whose_pixels_are_not_as_it_says_is_refused_at_once(made, tmp_path, says, told):
    shutil.copytree(made[2].path.address, tmp_path / "store")
    about = {name: value for name, value in {**made[2].about, **says}.items() if value is not None}
    (tmp_path / "store" / store.ABOUT).write_text(json.dumps(about))
    with pytest.raises(BadSource, match=f"(?s)does not fit together.*{told}"):
        store.read(tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("kept", "no", "'kept' holds string; needed yes or no for every patch"),
        ("kept", None, "'kept' holds bool, .* of them nothing"),
        ("site", 7, "'site' holds int64; needed text"),
        ("place", None, "'place' holds string, .* of them nothing"),
    ],
)
def test_columns_that_are_read_otherwise_than_they_were_meant_are_refused(made, tmp_path, name, value, told):
    """A text in `kept` counted as yes, whatever it said, and nothing as no."""
    shutil.copytree(made[2].path.address, tmp_path / "store")
    kinds = {"kept": pa.bool_(), "place": pa.string()}
    values = pa.array([value] * made[2].index.num_rows, kinds[name] if value is None else None)
    table = made[2].index.drop_columns([name] if name in made[2].index.column_names else []).append_column(name, values)
    made[2].path.of(tmp_path / "store").write_table(store.INDEX, table)
    with pytest.raises(BadSource, match=f"(?s)does not fit together.*{told}"):
        store.read(tmp_path / "store")


def test_texts_as_other_libraries_pack_them_are_texts(made, tmp_path):
    shutil.copytree(made[2].path.address, tmp_path / "store")
    index, place = made[2].index, made[2].path.of(tmp_path / "store")
    for at, kind in ((0, pa.large_string()), (1, pa.dictionary(pa.int32(), pa.string()))):
        index = index.set_column(index.column_names.index(store.FACTS[at]), store.FACTS[at], index[store.FACTS[at]].cast(kind))
    place.write_table(store.INDEX, index)
    assert store.read(place).rows(site="there").tolist() == made[2].rows(site="there").tolist() != []


def test_a_place_is_on_one_side_of_the_split_only(made):
    index = made[2].index
    sides = {}
    for site, place, split in zip(*(index[name].to_pylist() for name in ("site", "place", "split")), strict=True):
        sides.setdefault((site, place), set()).add(split)
        assert (split == "test") == (site == "there")
    assert all(len(found) == 1 for found in sides.values())


def test_making_it_again_gives_the_same_pixels(made, tmp_path):
    root, config, first = made
    simulate_store(config, root=root, out=tmp_path / "again")
    again = store.read(tmp_path / "again")
    assert np.array_equal(first.lr[:], again.lr[:]) and np.array_equal(first.valid[:], again.valid[:]) and np.array_equal(first.hr[:], again.hr[:])


def test_a_batch_has_the_target_first_and_its_truth(made):
    patches = Patches(made[2], made[2].rows(split="test"))
    batch = patches.draw(8, 3, torch.Generator().manual_seed(0))
    assert batch.lr.shape == (8, 3, 4, 14, 14) and batch.hr.shape == (8, 4, 56, 56) and batch.valid.shape == (8, 3, 14, 14)
    averaged = torch.nn.functional.avg_pool2d(batch.hr, 4)
    clear = batch.valid[:, 0, None].expand_as(averaged)
    assert (batch.lr[:, 0] - averaged)[clear].abs().mean() < 0.03


def test_bands_in_an_unknown_order_are_refused(tmp_path):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, names=("one", "two", "three", "four"))
    kind = scenes.SceneSet(path="a/*.tif", sensor="aerial", coarse_m=10)
    with pytest.raises(BadBands, match="no blue band"):
        scenes.ground(scenes.places(kind, tmp_path)[0])


@pytest.mark.parametrize("coarse_m", [2, 4.8])
def test_too_coarse_a_pixel_for_the_zoom_is_refused(tmp_path, coarse_m):
    write_scene(tmp_path / "a" / "a_2020.tif", 1)
    with pytest.raises(BadSource, match=f"needs at most {coarse_m / 4:g} m"):
        scenes.ground(only_place(tmp_path, coarse_m=coarse_m))


def only_place(root, **settings):
    return scenes.places(scenes.SceneSet(path="a/*.tif", sensor="aerial", **({"coarse_m": 10} | settings)), root)[0]


def test_a_missing_band_is_told(tmp_path):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, names=("red", "green", "blue"))
    with pytest.raises(BadBands, match="nir"):
        scenes.ground(only_place(tmp_path))


@pytest.mark.parametrize(("crs", "found"), [(None, "no CRS"), ("EPSG:4326", "degrees")])
def test_a_pixel_of_unknown_size_is_refused_unless_the_recipe_says_it(tmp_path, crs, found):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, crs=crs)
    with pytest.raises(BadSource, match=found):
        scenes.ground(only_place(tmp_path))
    assert scenes.ground(only_place(tmp_path, pixel_m=1.25))[1] == 8


def test_years_of_another_type_are_refused(tmp_path):
    write_scene(tmp_path / "a" / "a_2018.tif", 1)
    write_scene(tmp_path / "a" / "a_2020.tif", 1, dtype="uint16")
    with pytest.raises(BadSource, match="uint16"):
        scenes.ground(only_place(tmp_path))


def test_a_border_of_no_data_gets_into_no_patch(tmp_path):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, side=80, nodata=255)
    image, _ = scenes.ground(only_place(tmp_path))
    assert np.isnan(image[..., :50]).all()
    assert all(np.isfinite(cut).all() for cut, _ in scenes.windows(image, 128, 20, np.random.default_rng(0)))


def test_no_scenes_is_told(tmp_path):
    with pytest.raises(NotFound, match="found nothing"):
        scenes.places(scenes.SceneSet(path="*.tif", sensor="aerial", coarse_m=10), tmp_path)


def test_what_is_not_a_store_is_told(tmp_path):
    with pytest.raises(NotFound, match="not a patch store"):
        store.read(tmp_path)


@pytest.mark.parametrize("name", ["lr", "valid", "hr"])
def test_a_byte_of_the_pixels_that_is_another_is_found_out(made, tmp_path, name):
    damaged = tmp_path / "store"
    shutil.copytree(made[0] / "store", damaged)
    (file,) = [path for path in (damaged / store.PIXELS / name / "c").rglob("*") if path.is_file()]
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)
    with pytest.raises(BadSource, match=name):
        getattr(store.read(damaged), name)[:]


def test_nothing_but_a_store_is_written_over(made, tmp_path):
    root, config, _ = made
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "thesis.tex").touch()
    for place in (tmp_path / "keep", tmp_path / "keep" / "thesis.tex", root):
        with pytest.raises(CannotWrite, match="holds something else than patches\nname another place with -o"):
            simulate_store(config, root=root, out=place)
    assert (tmp_path / "keep" / "thesis.tex").exists() and len([*root.glob("*/*.tif")]) == 16
    (tmp_path / "new").mkdir()
    assert simulate_store(config, root=root, out=tmp_path / "new") == simulate_store(config, root=root, out=tmp_path / "new")


def test_a_test_site_that_is_no_site_is_told_rather_than_learnt_from(made, tmp_path):
    root, config, _ = made
    wrong = config.model_copy(update={"split": SplitRule(test=("ther",))})
    with pytest.raises(BadRecipe, match=r"split\.test: ther, did you mean there\?[\s\S]*sites are here, there"):
        simulate_store(wrong, root=root, out=tmp_path / "store")


def test_years_in_folders_are_years_of_one_place_and_cities_are_two(tmp_path):
    for folder in ("paris/2018", "paris/2020", "rome/2018"):
        write_scene(tmp_path / folder / "field7.tif", 1)
    found = scenes.places(scenes.SceneSet(path="*/*/*.tif", sensor="aerial", coarse_m=10), tmp_path)
    assert [(place.site, place.name, len(place.files)) for place in found] == [("paris", "field7", 2), ("rome", "field7", 1)]


def test_scenes_of_different_ground_are_no_years_of_one_place(tmp_path):
    write_scene(tmp_path / "a" / "img_20200101.tif", 1)
    write_scene(tmp_path / "a" / "img_20200102.tif", 1, crs="EPSG:32633")
    with pytest.raises(BadSource, match=r"do not show the ground of img_20200101\.tif[\s\S]*img_20200102\.tif"):
        scenes.ground(only_place(tmp_path))


@pytest.mark.parametrize(
    ("transform", "said"), [(Affine(0, 1.25, 5e5, -1.25, 0, 4e6), "rotated or flipped"), (Affine(1.25, 0, 5e5, 0, -2.5, 4e6), "needs square ones")]
)
def test_a_turned_or_oblong_scene_is_refused(tmp_path, transform, said):
    write_scene(tmp_path / "a" / "a_2020.tif", 1)
    with rasterio.open(tmp_path / "a" / "a_2020.tif", "r+") as file:
        file.transform = transform
    with pytest.raises((BadSource, BadGrid), match=said):
        scenes.ground(only_place(tmp_path))


@pytest.mark.parametrize("pixel_m", [None, 1.25])
def test_pixels_of_degrees_that_are_wider_than_high_are_refused_whatever_is_told_of_them(tmp_path, pixel_m):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, crs="EPSG:4326")
    with rasterio.open(tmp_path / "a" / "a_2020.tif", "r+") as file:
        file.transform = Affine(1.1e-5, 0, 5, 0, -1.1e-5, 60)
    with pytest.raises(BadSource, match=r"pixels of 0\.6\d* × 1\.2\d* m, needs square ones"):
        scenes.ground(only_place(tmp_path, pixel_m=pixel_m))
    with rasterio.open(tmp_path / "a" / "a_2020.tif", "r+") as file:
        file.transform = Affine(2.239e-5, 0, 5, 0, -1.122e-5, 60)
    assert scenes.ground(only_place(tmp_path, pixel_m=1.25))[1] == 8


def test_a_scene_in_the_mercator_of_the_web_has_the_pixel_of_its_ground(tmp_path):
    write_scene(tmp_path / "a" / "a_2020.tif", 1, crs="EPSG:3857")
    with rasterio.open(tmp_path / "a" / "a_2020.tif", "r+") as file:
        file.transform = Affine(2.5, 0, 5e5, 0, -2.5, 8_399_738)
    assert scenes.ground(only_place(tmp_path))[1] == pytest.approx(8, rel=0.01)  # at 60° north 1.25 m


def test_a_place_that_gives_nothing_is_told(tmp_path, caplog):
    write_scene(tmp_path / "a" / "a_2020.tif", 1)
    numbers = np.full((4, 160, 160), 255, np.uint8)
    rasters.write(
        tmp_path / "b" / "b_2020.tif",
        numbers,
        grid_at((160, 160), crs="EPSG:32611", left=5e5, top=4e6, pixel=1.25),
        bands=("red", "green", "blue", "nir"),
        nodata=255,
    )
    kind = scenes.SceneSet(path="*/*.tif", sensor="aerial", coarse_m=10, reflectance=(1 / 400,) * 4, draws=2)
    simulate_store(SimulateConfig(scenes=(kind,)), root=tmp_path, out=tmp_path / "store", workers=1)
    assert "b is left out: every window that was drawn holds pixels without data" in caplog.text


@pytest.mark.parametrize(
    ("fault", "words"), [(MemoryError(), "more memory"), (RuntimeError("can't start new thread"), "more threads"), (ValueError(), "damaged")]
)
def test_a_store_is_not_called_damaged_where_the_machine_has_no_more_memory_or_threads(made, monkeypatch, fault, words):
    def fails(*_):
        raise fault

    opened = store.read(made[2].path)
    monkeypatch.setattr(zarr.Array, "__getitem__", fails)
    with pytest.raises(BadSource) as told:
        opened.hr[0]
    assert words in str(told.value) and ("damaged" in str(told.value)) == (words == "damaged")
