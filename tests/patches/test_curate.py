import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy import ndimage

from dione.base.errors import BadRecipe, BadSource, CannotWrite
from dione.base.storage import files
from dione.measure.lanczos import lanczos
from dione.patches import curate, splitting, store
from dione.patches.location import Location
from dione.testing import Sensor, landscape, series, still


def patch(number, *, shift=(0.0, 0.0), gain=1.0, offset=0.0, other=None, days=3, cloud=0.0, **facts):
    made = series(landscape((14, 14), seed=number), days=days, cloud=cloud, seed=number, sensor=still(Sensor()))
    truth = made.truth[-1] if other is None else landscape((14, 14), seed=other)
    hr = lanczos(torch.from_numpy(truth)[None], -torch.tensor([shift], dtype=torch.float32))[0].numpy() * gain + offset
    lr, valid = made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1]
    padded = np.zeros((3, *lr.shape[1:]), np.float32), np.zeros((3, *valid.shape[1:]), bool)
    padded[0][:days], padded[1][:days] = lr, valid
    row = {"site": "here", "place": str(number), "sensor": "made up", "split": "train", **facts}
    return store.Patch(*padded, np.clip(hr, 0, 1).astype(np.float32), row)


@pytest.fixture
def scored(tmp_path):
    """Good; shifted; brighter; of other land; with one date; clouded."""
    each = [patch(0), patch(1, shift=(1.5, -0.5)), patch(2, offset=0.1), patch(3, other=77), patch(4, days=1), patch(5, cloud=0.4)]
    store.write(tmp_path / "store", iter(each), {})
    curate.score(store.read(tmp_path / "store"))
    return store.read(tmp_path / "store")


def column(opened, name):
    return opened.index[name].to_pylist()


def test_a_reference_out_of_place_scores_like_one_in_place_and_its_shift_is_told(scored):
    assert column(scored, "shift_down")[1] == pytest.approx(1.5, abs=0.4) and column(scored, "shift_right")[1] == pytest.approx(-0.5, abs=0.4)
    assert column(scored, "correlation")[1] > 0.75 < column(scored, "correlation")[0]


def test_a_brighter_reference_has_an_error_that_is_bias(scored):
    ratio, change = column(scored, "mse_ratio"), column(scored, "change")
    assert ratio[2] > 3 > ratio[0] and change[2] == pytest.approx(0.1, abs=0.03) and change[0] < 0.03
    assert column(scored, "psnr")[2] > 0 and column(scored, "mse")[2] > column(scored, "cmse")[2]


def test_a_reference_of_other_land_is_found_out(scored):
    for name, better in (("correlation", 0.4), ("ssim", 0.05), ("psnr", 3)):
        values = column(scored, name)
        assert values[3] < min(values[:3]) - better


def test_agreeing_leaves_out_what_the_target_does_not_show_and_what_has_no_detail(tmp_path):
    good = [patch(number, days=1) for number in range(3)]
    rows, columns = np.indices(good[0].hr.shape[1:])
    spot = np.exp(-((rows - 30) ** 2 + (columns - 26) ** 2) / 60).astype(np.float32)
    spoilt = {
        "cloud": lambda hr: hr * (1 - 0.5 * spot) + 0.3 * spot,
        "shadow": lambda hr: hr * (1 - 0.8 * spot),
        "blur": lambda hr: ndimage.gaussian_filter(hr, (0, 4, 4)),
        "flat": lambda hr: np.broadcast_to(hr.mean((1, 2), keepdims=True), hr.shape).copy(),
        "contrast turned round": lambda hr: np.clip(2 * hr.mean((1, 2), keepdims=True) - hr, 0, 1),
        "other land": lambda hr: patch(99, days=1).hr,
    }
    each = good + [replace(one, hr=wrong(one.hr)) for wrong in spoilt.values() for one in good]
    store.write(tmp_path / "store", iter(each), {})
    curate.score(store.read(tmp_path / "store"))
    opened = store.read(tmp_path / "store")
    assert curate.keep(opened, curate.PRESETS["agreeing"]) == 3
    assert store.read(opened.path).rows().tolist() == [0, 1, 2]


def test_plain_water_agrees_though_neither_shows_any_detail():
    water, rng = torch.tensor([0.06, 0.05, 0.03, 0.02])[:, None, None], np.random.default_rng(0)
    target, hr = (water + torch.from_numpy(rng.normal(0, noise, (1, 4, side, side))).float() for noise, side in ((0.002, 32), (0.0005, 128)))
    row = curate.statistics(target, hr, torch.ones(1, 1, 32, 32, dtype=torch.bool), torch.tensor([[curate.CENTRE, curate.SPREAD]]), limit_px=3)[0]
    assert row["misfit"] < 0.3 and row["detail"] > 0.4 and max(row["brighter"], row["darker"]) < 0.005


def test_dates_are_counted_and_what_a_cloud_hides_is_not_known(scored):
    assert column(scored, "views") == [3, 3, 3, 3, 1, 3] and column(scored, "target_clear")[5] == pytest.approx(0.6, abs=0.05)
    assert column(scored, "ssim")[5] is None and column(scored, "ssim")[4] is not None


def test_values_are_those_of_a_calculation_by_hand():
    target, hr = torch.rand(1, 4, 10, 10) * 0.3, torch.rand(1, 4, 40, 40) * 0.3
    units = torch.stack([torch.zeros(4), torch.full((4,), 0.5)])[None]
    row = curate.statistics(target, hr, torch.ones(1, 2, 10, 10, dtype=torch.bool), units, limit_px=0)[0]
    fine = torch.nn.functional.interpolate(target, size=(40, 40), mode="bicubic")
    apart = ((fine - hr) / 0.5)[..., 2:-2, 2:-2]
    assert row["mse"] == pytest.approx(float(apart.square().mean()), rel=1e-4)
    cmse = float((apart - apart.mean((-2, -1), keepdim=True)).square().mean())
    assert row["cmse"] == pytest.approx(cmse, rel=1e-4) and row["psnr"] == pytest.approx(-10 * np.log10(cmse), rel=1e-4)
    band = [np.corrcoef(fine[0, b, 2:-2, 2:-2].ravel(), hr[0, b, 2:-2, 2:-2].ravel())[0, 1] for b in range(4)]
    assert row["correlation"] == pytest.approx(np.mean(band), abs=1e-4) and row["views"] == 2


def test_what_is_not_kept_is_left_out_and_nothing_is_deleted(scored):
    assert curate.keep(scored, ["correlation > 0.75", "views >= 2"]) == 3
    again = store.read(scored.path)
    assert again.rows(split="train").tolist() == [0, 1, 2] and again.index.num_rows == again.lr.shape[0] == 6
    assert again.about["kept"] == ["correlation > 0.75", "views >= 2"]
    curate.keep(again, curate.preset(again, "all"))
    assert len(store.read(scored.path).rows()) == 6


def test_what_is_not_kept_is_not_exported(scored, tmp_path):
    from dione.patches.older.export import export_folder

    curate.keep(scored, ["place == '1' or place == '3'"])
    assert export_folder(store.read(scored.path), tmp_path / "out") == 2
    assert [path.name for path in sorted((tmp_path / "out").glob("data_*"))] == ["data_here-1_1.npz", "data_here-3_3.npz"]


def test_scoring_again_replaces_and_keeps_the_choice(scored):
    curate.keep(scored, ["views >= 2"])
    before = store.read(scored.path)
    curate.score(before)
    assert store.read(scored.path).index.equals(before.index)


def test_columns_of_others_under_the_same_names_are_no_scores(scored, run):
    store.add(scored, {"ssim": pa.array(["good"] * 6)})
    code, *_ = run("dataset", "curate", scored.path.address, "--keep", "ssim > 0.2")
    assert code == 0 and column(store.read(scored.path), "ssim") == column(scored, "ssim")


def test_steps_at_the_same_time_lose_nothing_of_each_other(scored):
    """One opened the store before the other had written its columns."""
    splitting.split(store.read(scored.path), shares=(0.4, 0.3, 0.3))
    divided = store.read(scored.path)
    curate.keep(scored, ["views >= 2"])
    found = store.read(scored.path)
    assert column(found, "split") == column(divided, "split") != column(scored, "split") and found.about["split"] == divided.about["split"]
    assert column(found, "kept") == [True, True, True, True, False, True] and found.about["kept"] == ["views >= 2"]


def test_nothing_is_added_to_other_patches_than_were_opened_or_while_somebody_adds(scored):
    with files.alone(Path(scored.path.address)), pytest.raises(CannotWrite, match="another run is writing"):
        curate.keep(scored, ["views >= 2"])
    store.write(scored.path.address, iter([patch(number) for number in range(6)]), {})
    with pytest.raises(CannotWrite, match="was made anew meanwhile"):
        curate.keep(scored, ["views >= 2"])
    assert "kept" not in store.read(scored.path).index.column_names


def test_scores_that_were_being_replaced_when_a_run_was_killed_are_not_taken_for_those_of_another_shift(scored, run, monkeypatch):
    write = Location.write

    def killed(place, name, data):
        write(place, name, data)
        if name == store.INDEX:
            raise KeyboardInterrupt

    monkeypatch.setattr(Location, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        curate.score(scored, limit_px=1.0)
    monkeypatch.setattr(Location, "write", write)
    code, *_ = run("dataset", "curate", scored.path.address)
    assert code == 0 and store.read(scored.path).index.equals(scored.index)


def test_a_condition_that_nothing_fulfils_changes_nothing(scored):
    with pytest.raises(BadRecipe, match=r"no patch(?s:.*)ssim > 2: 0 of 6 patches(?s:.*)views >= 2: 5 of 6 patches"):
        curate.keep(scored, ["ssim > 2", "views >= 2"])
    assert "kept" not in store.read(scored.path).index.column_names


def test_the_preset_minds_shadow_where_the_index_tells_of_it(scored, tmp_path):
    assert "not shadow" not in curate.preset(scored, "prior-art") and "ssim_nir > 0.2" in curate.preset(scored, "prior-art")
    store.write(tmp_path / "other", iter([patch(0, shadow=True), patch(1, shadow=False)]), {})
    opened = store.read(tmp_path / "other")
    curate.score(opened)
    assert curate.keep(store.read(tmp_path / "other"), ["not shadow"]) == 1 and "not shadow" in curate.preset(opened, "prior-art")
    with pytest.raises(BadRecipe, match="prior-art"):
        curate.preset(opened, "prior")


def test_a_shift_too_large_for_the_patches_is_told(scored):
    with pytest.raises(BadSource, match="--shift"):
        curate.score(scored, limit_px=30)


def test_planted_bad_patches_are_caught_and_good_ones_stay(tmp_path):
    rng = np.random.default_rng(0)
    bad = set(range(30, 50))
    each = (patch(n, shift=tuple(rng.uniform(-2, 2, 2)), offset=0.01, other=1000 + n if n in bad else None) for n in range(50))
    store.write(tmp_path / "many", each, {})
    curate.score(store.read(tmp_path / "many"))
    curate.keep(store.read(tmp_path / "many"), ["correlation > 0.5"])
    kept = set(store.read(tmp_path / "many").rows().tolist())
    assert len(bad & kept) <= 1 and len(kept - bad) >= 29  # 95 % of the bad caught, 5 % of the good lost at most


def test_curation_runs_from_the_command_line(scored, capsys, monkeypatch):
    import sys

    from dione import cli

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["dione", "dataset", "curate", str(scored.path), *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    code, out, _ = typed("--keep", "correlation > 0.75", "--keep", "views >= 2")
    assert code == 0 and "3 of 6 patches are kept" in out and "ssim" in out
    code, out, _ = typed("--preset", "all", "--json")
    assert code == 0 and json.loads(out)["kept"] == 6
    code, _, err = typed("--keep", "nonsense > 3")
    assert code == 1 and "no column 'nonsense'" in err


def test_the_real_sample_is_scored(shared_data, tmp_path):
    from dione.patches.older.interchange import import_folder

    folder = shared_data / "seed-format"
    if not folder.is_dir():
        pytest.skip("no seed-format there")
    import_folder(folder, tmp_path / "store")
    curate.score(store.read(tmp_path / "store"))
    opened = store.read(tmp_path / "store")
    assert column(opened, "views") == [7] and 0.2 < column(opened, "ssim_nir")[0] < 1 and column(opened, "psnr")[0] > 10
    assert curate.keep(opened, curate.preset(opened, "prior-art")) == 1
