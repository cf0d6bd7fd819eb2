import json
import shutil

import pytest
import torch
import zarr

from dione.base.errors import BadBands, BadModel, BadRecipe, BadSource
from dione.evaluation.run import evaluate
from dione.nets.resolver import load
from dione.patches import store
from dione.recipe import read, text
from dione.testing import landscape, series
from dione.training import run as training
from dione.training.config import TrainRecipe
from dione.training.plan import plan
from dione.training.run import train
from dione.training.state import differences


def test_a_run_ends_in_a_weights_file_that_says_what_made_it(recipe):
    made = load(train(recipe()))
    assert made.name == "tiny" and made.about.provenance["train"]["steps"] == 6 and made.about.provenance["patches"] == 18


def test_a_run_ends_with_sigma_calibrated_on_the_validation_places(recipe):
    about = load(train(recipe("train.steps=1"))).about
    assert about.intervals["0.9"] == 1.645 and about.provenance["calibration"]["places"] == 10


def test_every_fault_of_a_recipe_is_named_with_its_path(recipe):
    with pytest.raises(BadRecipe) as told:
        recipe("train.stepz=3", "train.batch=many", "nett=1", "train.loss.unit=furlong", "train.loss.shift_px=-1")
    assert all(path in str(told.value) for path in ("train.stepz", "train.batch", "nett", "train.loss.unit", "train.loss.shift_px"))


def test_a_recipe_survives_writing_and_reading(recipe, tmp_path):
    made = recipe("train.loss.shift_px=2", "train.logs=['wandb']")
    path = tmp_path / "again.toml"
    path.write_text(text(made))
    assert read(path, TrainRecipe) == made


def test_who_types_the_command_may_vouch_for_code_that_a_recipe_names(toml):
    path = toml("runs")
    path.write_text(path.read_text() + '[train.loss.perceptual]\nfeatures = "strange:code"\n')
    assert not read(path, TrainRecipe).train.loss.perceptual.trust
    assert read(path, TrainRecipe, ["train.loss.perceptual.trust=true"]).train.loss.perceptual.trust


def test_an_unknown_network_is_told(recipe):
    with pytest.raises(BadRecipe, match=r"net\.kind: .*there are setsr"):
        recipe("net.kind=perceptron")


def test_faults_of_the_networks_own_settings_are_named_with_their_paths_among_the_others(recipe):
    with pytest.raises(BadRecipe) as told:
        recipe("net.config.channelz=3", "net.config.blocks=many", "train.stepz=3")
    assert all(path in str(told.value) for path in ("3 faults", "net.config.channelz", "net.config.blocks", "train.stepz"))


def test_weights_to_start_from_are_where_training_starts(recipe):
    first = train(recipe(out="first"))
    second = train(recipe("train.steps=1", "train.rate=1e-9", f"start={first}", out="second"))
    a, b = (load(path).net.state_dict() for path in (first, second))
    assert all(torch.allclose(a[key], b[key], atol=1e-4) for key in a) and load(second).about.provenance["start"] == str(first)


def test_weights_of_another_network_are_no_start_and_each_difference_is_named(recipe):
    first = train(recipe("train.steps=1", out="first"))
    with pytest.raises(BadModel) as told:
        train(recipe(f"start={first}", "net.config.channels=12", "net.config.blocks=2"))
    assert "net.config.channels" in str(told.value) and "net.config.blocks" in str(told.value) and "heads" not in str(told.value)
    with pytest.raises(BadModel, match=r"net\.kind: .* is a setsr"):
        train(recipe(f"start={first}", "net.kind=highresnet", "net.config={channels=4, encoder_blocks=1}"))


def test_going_on_with_other_settings_is_refused_and_each_is_named(recipe):
    train(recipe())
    with pytest.raises(BadRecipe) as told:
        train(recipe("train.steps=8", "train.loss.gradient=0.5", "net.config.blocks=2", "provenance.licence=mine", "train.save_every=1"))
    said = str(told.value)
    assert "train.steps: was 6, now 8" in said and "train.loss.gradient: was 0.2, now 0.5" in said and "net.config.blocks: was 1, now 2" in said
    assert "licence" not in said and "save_every" not in said and "--fresh" in said
    train(recipe("train.steps=8"), resume=False)


def test_what_a_setting_is_called_now_and_was_called_then_are_both_told():
    assert differences({"a": {"old": 1}, "out": "x"}, {"a": {"new": 2}, "out": "y"}) == ["a.new: was not set, now 2", "a.old: was 1, now not set"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:1000],
        lambda data: b"",
        lambda data: data[:-3000] + b"\0" * 3000,
        lambda data: b"not a checkpoint at all",
        lambda data: b"." + data[1:],
    ],
)
def test_a_damaged_checkpoint_is_told(recipe, damage):
    train(recipe("train.steps=2"))
    path = recipe().folder / "last.ckpt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadModel, match=r"last\.ckpt is damaged"):
        train(recipe("train.steps=2"))


def one_patch_store(path, about=None, split="train", zoom=4):
    made = series(landscape((14, 14), zoom=zoom), days=2, zoom=zoom)
    facts = {"site": "a", "place": "b", "sensor": "c", "split": split}
    store.write(path, iter([store.Patch(made.stack["reflectance"].values, made.stack["valid"].values, made.truth[0], facts)]), about or {})
    return f"store={path}"


def test_a_store_without_validation_is_told(recipe, tmp_path):
    with pytest.raises(BadSource, match=r"no patch for validation\n.*dataset split`, or by \[split\] in the recipe of `dione run`"):
        train(recipe(one_patch_store(tmp_path / "store")))


def test_a_store_of_another_zoom_is_told(recipe, tmp_path):
    with pytest.raises(BadSource, match=r"2 times finer.*\n.*net\.config\.zoom = 2"):
        train(recipe(one_patch_store(tmp_path / "store", zoom=2)))


def test_a_store_of_other_bands_is_told(recipe, tmp_path):
    with pytest.raises(BadBands, match="red-edge"):
        train(recipe(one_patch_store(tmp_path / "store", {"bands": ["blue", "green", "red", "red-edge"]})))


@pytest.mark.parametrize("told", ["x", [0.2], [0.2, 9], [-1, 0.2]])
def test_a_store_that_tells_what_no_sensor_leaves_is_told_before_anything_is_trained(recipe, patches, tmp_path, told):
    shutil.copytree(patches, tmp_path / "store")
    about = json.loads((patches / "about.json").read_text()) | {"config": {"degradation": {"modulation": told}}}
    (tmp_path / "store" / "about.json").write_text(json.dumps(about))
    with pytest.raises(BadSource, match="says that its sensor left"):
        train(recipe(f"store={tmp_path / 'store'}"))
    assert not (tmp_path / "runs").exists()


def test_nothing_is_begun_where_something_does_not_fit(recipe, tmp_path):
    with pytest.raises(BadModel):
        train(recipe("start=setsr-s"))
    assert not recipe().folder.exists()


def test_a_store_whose_validation_targets_are_all_clouded_is_told_before_anything_is_trained(recipe, tmp_path):
    made = series(landscape((14, 14)), days=2)
    valid = made.stack["valid"].values.copy()
    valid[0, 3, 3] = False
    facts = [{"site": "a", "place": str(n), "sensor": "c", "split": split} for n, split in enumerate(("train", "validation"))]
    store.write(tmp_path / "s", iter([store.Patch(made.stack["reflectance"].values, valid, made.truth[0], each) for each in facts]), {})
    with pytest.raises(BadSource, match="clear target"):
        train(recipe(f"store={tmp_path / 's'}", "train.dates=[2]"))
    assert not recipe().folder.exists()


def test_too_few_places_leave_sigma_as_it_is_and_say_so(recipe, tmp_path, caplog):
    made = series(landscape((14, 14)), days=2)
    facts = [{"site": "a", "place": str(n), "sensor": "c", "split": split} for n, split in enumerate(("train", "validation"))]
    patches = (store.Patch(made.stack["reflectance"].values, made.stack["valid"].values, made.truth[0], each) for each in facts)
    store.write(tmp_path / "s", patches, {})
    about = load(train(recipe(f"store={tmp_path / 's'}", "train.steps=1"))).about
    assert about.sigma_scale == (1, 1, 1, 1) and about.intervals == {} and "1 places cannot promise 90%" in caplog.text


def test_a_setting_that_came_since_a_run_began_is_no_difference_as_long_as_it_is_left_alone(recipe):
    now = recipe().model_dump(mode="json")
    then = {**now, "train": {key: value for key, value in now["train"].items() if key != "augment"}}
    then["train"]["loss"] = {"charbonnier": 1.0, "gradient": 0.2, "spectral_angle": 0.0, "likelihood": 0.1, "unit": "contrast", "bias": False, "shift_px": 0.0}
    assert differences(then, now) == []
    assert differences(then, recipe("train.augment.gain=0.2").model_dump(mode="json")) == ["train.augment.gain: was not set, now 0.2"]


@pytest.mark.parametrize("name", ["", ".", "..", "exp/one", "a\\\\b"])
def test_a_run_is_named_by_one_folder_so_that_starting_over_empties_no_other(recipe, name):
    with pytest.raises(BadRecipe, match="name: value error, needs the name of one file or folder, without a slash"):
        recipe(f"name='{name}'")


def test_a_run_does_not_go_on_with_other_patches_or_another_start(recipe, tmp_path):
    def made(seed):
        for number in range(12):
            each = series(landscape((14, 14), seed=seed + number), days=3, seed=seed + number)
            facts = {"site": "a", "place": str(number), "sensor": "c", "split": "train" if number < 2 else "validation"}
            yield store.Patch(each.stack["reflectance"].values[::-1], each.stack["valid"].values[::-1], each.truth[-1], facts)

    wanted = recipe(f"store={tmp_path / 's'}", "train.steps=1", "train.batch=2")
    store.write(tmp_path / "s", made(0), {"seed": 0})
    first = train(wanted)
    assert train(wanted) == first
    store.write(tmp_path / "s", made(50), {"seed": 50})
    with pytest.raises(BadRecipe, match=r"digest\.store: was \w+, now \w+"):
        train(wanted)
    begun = recipe("train.steps=1", f"start={first}", out="begun")
    train(begun)
    train(wanted, resume=False)
    with pytest.raises(BadRecipe, match=r"digest\.start"):
        train(begun)


def test_a_run_does_not_go_on_with_other_pixels_under_the_same_facts(recipe, tmp_path):
    """As of scenes that were delivered anew under their old names."""

    def made(seed):
        for number in range(12):
            each = series(landscape((14, 14), seed=seed + number), days=3, seed=number)
            facts = {"site": "a", "place": str(number), "sensor": "c", "split": "train" if number < 2 else "validation"}
            yield store.Patch(each.stack["reflectance"].values[::-1], each.stack["valid"].values[::-1], each.truth[-1], facts)

    wanted = recipe(f"store={tmp_path / 's'}", "train.steps=1", "train.batch=2")
    for seed in (0, 0, 50):
        store.write(tmp_path / "s", made(seed), {"made_by": "test"})
        if not seed:
            train(wanted)
    with pytest.raises(BadRecipe, match=r"digest\.store: was \w+, now \w+"):
        train(wanted)


def test_a_run_goes_on_with_patches_that_were_moved(recipe, patches, tmp_path):
    train(recipe("train.steps=2"))
    shutil.copytree(patches, tmp_path / "moved")
    steps = []
    train(recipe("train.steps=2", f"store={tmp_path / 'moved'}"), progress=lambda _what, done, _of: steps.append(done))
    assert not steps  # nothing was left to do


def test_a_validation_patch_that_holds_no_number_is_told_by_its_place(recipe, tmp_path):
    made = series(landscape((14, 14)), days=2)
    seen = made.stack["reflectance"].values
    facts = [{"site": "a", "place": str(n), "sensor": "c", "split": split} for n, split in enumerate(("train", "validation", "validation"))]
    valid = made.stack["valid"].values | True
    patches = (store.Patch(lr, valid, made.truth[0], each) for lr, each in zip((seen, seen, seen), facts, strict=True))
    store.write(tmp_path / "s", patches, {}, exact=True)
    zarr.open_group(tmp_path / "s" / "pixels.zarr")["lr"][2, :, :, 7, 7] = float("nan")  # as another program may write it
    with pytest.raises(BadSource, match=r"hold what is no number[\s\S]*row 2, a/2"):
        train(recipe(f"store={tmp_path / 's'}", "train.steps=3", "train.dates=[2]"))


def test_a_network_in_turns_is_no_start(recipe):
    with pytest.raises(BadModel, match="asked in several turns\nstart from setsr-s"):
        train(recipe("start=setsr-s@4", "net.config={encoder_channels=32, channels=64, blocks=5}"))


@pytest.mark.parametrize("zoom", [2, 3])
def test_other_zooms_are_trained_and_scored(recipe, tmp_path, zoom):
    def made():
        for number in range(12):
            each = series(landscape((20, 20), zoom=zoom, seed=number), days=2, zoom=zoom, seed=number)
            split = "train" if number < 4 else "validation" if number < 8 else "test"
            yield store.Patch(
                each.stack["reflectance"].values[::-1],
                each.stack["valid"].values[::-1],
                each.truth[-1],
                {"site": "a", "place": str(number), "sensor": "c", "split": split},
            )

    store.write(tmp_path / "s", made(), {})
    weights = train(recipe(f"store={tmp_path / 's'}", "train.steps=1", "train.dates=[2]", f"net.config.zoom={zoom}"))
    found = evaluate(weights, tmp_path / "s", against=["bicubic", "nearest"], dates=[2])
    assert load(weights).zoom == zoom and found.summary["against"] == ["bicubic", "nearest"]


def test_a_run_is_not_kept_in_the_folder_of_its_patches(recipe, tmp_path):
    with pytest.raises(BadRecipe, match=r"is the store of the patches itself[\s\S]*another name"):
        train(recipe(f"store={tmp_path / 'runs' / 'tiny'}"), resume=False)


@pytest.mark.parametrize("begun", [train, plan])
@pytest.mark.parametrize("px", ["24", "inf"])
def test_a_shift_that_patches_are_too_small_for_is_told_before_anything_is_begun(recipe, begun, px):
    chosen = recipe(f"train.loss.shift_px={px}")
    with pytest.raises(BadRecipe, match=rf"train\.loss\.shift_px: patches of 56 sharp px leave nothing to compare within a shift of {px} px"):
        begun(chosen)
    assert not (chosen.folder / "log.jsonl").exists()


def test_a_shift_that_patches_are_just_large_enough_for_is_trained_with(recipe):
    train(recipe("train.loss.shift_px=23", "train.steps=1"))


def test_a_run_that_starts_over_says_when_nothing_is_left_of_the_one_before(recipe):
    chosen, left = recipe("train.steps=2"), []
    train(chosen, cleared=lambda: left.append("it goes on"))
    train(chosen, resume=False, cleared=lambda: left.append([file.name for file in chosen.folder.glob("[!.]*")]))
    assert left == [[]] and (chosen.folder / "last.ckpt").exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_at_an_object_store_that_starts_over_and_is_stopped_at_once_does_not_go_on_with_what_was_there_before(recipe, bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "cache"))
    chosen = recipe("train.steps=2").model_copy(update={"out": f"{bucket}/{tmp_path.name}"})
    train(chosen)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_trained", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(chosen, resume=False)
    steps = []
    train(chosen, progress=lambda _what, done, _of: steps.append(done))
    assert steps == [1, 2]
