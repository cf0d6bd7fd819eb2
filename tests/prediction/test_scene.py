import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dione
from dione.base import grid, stack, when
from dione.base.errors import BadRecipe, NotAStack, NotFound, NothingClear
from dione.base.windows import lattice
from dione.nets.resolver import About, Resolver, load
from dione.nets.setsr import SetSR, SetSRConfig
from dione.prediction.files.form import encode
from dione.prediction.memory import predict
from dione.prediction.windows import budget, scene
from dione.prediction.windows.scene import pieces
from dione.prepare.select import choose
from dione.testing import grid_at, landscape, series, still


def kept(piece):
    return piece


@pytest.fixture(scope="module")
def lively():
    """A small network with weights of its own, so that a wrong window shows."""
    torch.manual_seed(1)
    config = SetSRConfig(encoder_channels=8, channels=8, blocks=2)
    net = SetSR(config).eval()
    for last in (*net.detail, net.spread.last):
        torch.nn.init.normal_(last.weight, std=0.2)
    return Resolver(net, About(net="setsr", config=config.model_dump(), margin=net.margin), "lively", "made up")


@pytest.fixture(scope="module")
def made():
    return series(landscape((150, 130), seed=1), days=5, cloud=0.25, seed=3)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), block=st.integers(1, 80))
def test_nearest_repeats_the_scene_for_any_size_and_block(height, width, block):
    one = stack.make(
        np.random.default_rng(height).random((1, 4, height, width), np.float32),
        np.ones((1, height, width), bool),
        [np.datetime64("2024-05-01", "ns")],
        grid_at((height, width)),
    )
    sharp = predict(one, model="nearest", block=block)
    assert np.array_equal(sharp["reflectance"].values[0], one["reflectance"].values[0].repeat(4, 1).repeat(4, 2))
    assert stack.grid_of(sharp) == grid.finer(stack.grid_of(one), 4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 701), (499, 2), (700, 500), (101, 67)])
def test_nearest_repeats_odd_scenes(shape):
    values = np.random.default_rng(0).random((1, 4, *shape), np.float32)
    one = stack.make(values, np.ones((1, *shape), bool), [np.datetime64("2024-05-01", "ns")], grid_at(shape))
    assert np.array_equal(predict(one, model="nearest", block=64)["reflectance"].values[0], values[0].repeat(4, 1).repeat(4, 2))


@pytest.mark.parametrize("model", ["lively", "setsr-s"])
@pytest.mark.parametrize("block", [32, 64, 512])
def test_blocks_agree_with_the_whole_scene(lively, made, block, model):
    used = lively if model == "lively" else model
    whole, cut = (predict(made.stack, model=used, target="2024-05-21", block=size, precision="float32") for size in (4096, block))
    numbers = [encode(each["reflectance"].values[0], each["valid"].values[0]).astype(int) for each in (whole, cut)]
    assert np.abs(numbers[0] - numbers[1]).max() <= 1
    for variable in ("reflectance", "sigma"):
        assert np.array_equal(np.isnan(whole[variable]), np.isnan(cut[variable]))
        assert float(abs(whole[variable] - cut[variable]).max()) < 1e-5
        assert model == "lively" or np.array_equal(whole[variable], cut[variable], equal_nan=True)  # few channels: another convolution


def test_clouds_of_the_target_are_filled_and_less_certain_with_shipped_weights(made):
    choice = choose(made.stack, target="2024-05-21")[0]
    sharp = predict(made.stack, model="setsr-s", target="2024-05-21")
    own = made.stack["valid"].values[choice.target].repeat(4, 0).repeat(4, 1)
    seen = made.stack["valid"].values.any(0).repeat(4, 0).repeat(4, 1)
    assert np.array_equal(sharp["valid"].values[0], seen)
    sigma, error = sharp["sigma"].values[0], abs(sharp["reflectance"].values[0] - made.truth[choice.target])
    assert np.median(sigma[:, seen & ~own]) > 1.2 * np.median(sigma[:, own])
    assert (error <= 1.645 * sigma)[:, seen & ~own].mean() > 0.88
    assert float(np.abs(sharp["reflectance"].values[0] - made.truth[-1])[:, seen & ~own].mean()) < 0.03


def test_where_no_date_saw_anything_there_is_nothing(lively, made):
    valid = made.stack["valid"].values.copy()
    valid[:, 10:20, 30:50] = False
    holed = made.stack.assign(valid=(stack.DIMS["valid"], valid))
    sharp = predict(holed, model=lively, target="2024-05-21")
    hole = ~valid.any(0).repeat(4, 0).repeat(4, 1)
    assert np.isnan(sharp["reflectance"].values[0][:, hole]).all() and np.isfinite(sharp["reflectance"].values[0][:, ~hole]).all()
    assert not sharp["valid"].values[0][hole].any()


def test_the_result_is_that_of_the_target_date(made):
    sharp = predict(made.stack, model="setsr-s", target="2024-05-11")
    assert when.days(sharp) == ["2024-05-11"]
    back = sharp["reflectance"].values[0].reshape(4, 150, 4, 130, 4).mean((2, 4))
    day = when.days(made.stack).index("2024-05-11")
    clear = made.stack["valid"].values[day]
    assert np.abs(back - made.stack["reflectance"].values[day])[:, clear].mean() < 0.01


def test_shipped_weights_beat_bicubic_on_the_made_up_world():
    clear = series(landscape((60, 60), seed=9), days=6, seed=4)
    errors = {
        model: float(np.square(predict(clear.stack, model=model)["reflectance"].values[0] - clear.truth[-1])[:, 16:-16, 16:-16].mean())
        for model in ("setsr-s", "bicubic")
    }
    assert errors["setsr-s"] < 0.8 * errors["bicubic"]


def test_a_series_without_noise_comes_back_at_its_place():
    """A landmark: the brightest spot of the sharp result is where it was put, to a pixel of 2.5 m."""
    truth = np.full((4, 160, 160), 0.05, np.float32)
    truth[:, 83:87, 41:45] = 0.6
    seen = series(truth, days=4, sensor=still(), seed=1)
    weight = predict(seen.stack, model="setsr-s")["reflectance"].values[0].mean(0) - 0.05
    weight = np.where(weight > 0.05, weight, 0)
    rows, columns = np.mgrid[:160, :160]
    assert (weight * rows).sum() / weight.sum() == pytest.approx(84.5, abs=0.3)
    assert (weight * columns).sum() / weight.sum() == pytest.approx(42.5, abs=0.3)


def test_one_date_works(lively, made):
    assert predict(made.stack.isel(time=[0]), model=lively, target="2024-05-01").sizes["time"] == 1


def test_every_date_cloudy_is_told(lively, made):
    with pytest.raises(NothingClear, match="2024-05-11"):
        predict(made.stack.assign(valid=made.stack["valid"] & False), model=lively)


@pytest.mark.parametrize("model", ["bicubic", "setsr-s"])
def test_pixels_that_are_valid_without_a_number_are_told_and_how_to_leave_them_out(made, model):
    masked = made.stack.assign(reflectance=made.stack["reflectance"].where(made.stack["x"] > float(made.stack["x"][8])))
    with pytest.raises(NotAStack, match=r"valid on 2024-05-\d\d, and their reflectance is no number\n.*stack\.assign\(valid="):
        dione.predict(masked, model=model)
    sharp = dione.predict(masked.assign(valid=masked.valid & np.isfinite(masked.reflectance).all("band")), model=model)
    assert np.array_equal(sharp["valid"].values, np.isfinite(sharp["reflectance"].values).all(1)) and sharp["valid"].values.any()


def test_a_target_that_is_not_there_lists_the_nearest(lively, made):
    with pytest.raises(NotFound, match="2024-05-16"):
        predict(made.stack, model=lively, target="2024-05-17")


def test_the_shop_window_opens_and_predicts(tmp_path, made):
    from dione.testing import write_geotiffs

    opened = dione.open(write_geotiffs(made.stack, tmp_path / "in"))
    files = dione.write(dione.predict(opened, model=dione.load("bicubic"), target="2024-05-21"), tmp_path / "out")
    assert [file.name for file in files] == ["2024-05-21_sr.tif", "2024-05-21_sigma.tif", "2024-05-21_support.tif"]


def test_dask_and_numpy_stacks_give_the_same(lively, made):
    lazy = made.stack.chunk({"time": 1, "y": 32, "x": 32})
    both = [predict(each, model=lively, target="2024-05-21")["reflectance"].values for each in (lazy, made.stack)]
    assert np.array_equal(*both, equal_nan=True)


def test_the_pieces_cover_the_scene_once(made):
    count = np.zeros((90, 70), int)
    for piece in pieces(made.stack, load("nearest"), choose(made.stack)[0], lattice((150, 130), 32), use=kept):
        count[piece.window.slices] += 1
    assert (count == 1).all()


def test_every_window_looks_whether_memory_is_to_be_given_back(lively, made, monkeypatch):
    limits: list[float] = []
    monkeypatch.setattr(scene, "give_back_above", limits.append)
    windows = list(lattice((made.stack.sizes["y"], made.stack.sizes["x"]), 64))
    list(pieces(made.stack, lively, choose(made.stack, target="all", views=2, max_cloud=1)[0], windows, use=kept))
    assert len(limits) == len(windows) and min(limits) > budget.BESIDE_BYTES


def test_notes_of_any_name_travel_along(made):
    notes = {"bands": "all", "items": "two", "times": "", "grid": "fine", "a note": 1}
    assert notes.items() <= dione.predict(made.stack.assign_attrs(notes), model="bicubic").attrs.items()


@pytest.mark.parametrize("block", [0, -5])
def test_a_block_without_pixels_is_refused(made, block):
    with pytest.raises(BadRecipe, match="needs at least 1"):
        dione.predict(made.stack, model="bicubic", block=block)
