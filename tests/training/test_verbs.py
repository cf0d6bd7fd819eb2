"""`dione train` and `dione models calibrate` as a user types them."""

import dione
from dione.nets.resolver import load


def test_train_says_where_the_weights_are_and_how_fast_it_goes(run, toml, tmp_path):
    code, out, err = run("train", toml(), "--set", "train.steps=51", "--set", "train.dates=[1]", "--set", "train.batch=1", "--set", "train.validate_every=100")
    assert code == 0 and out.strip() == str(tmp_path / "runs" / "tiny" / "tiny.safetensors")
    assert "train: step 50 of 51, " in err and "/s, 0:00:00 left" in err and "step 51 of 51\n" in err


def test_a_dry_run_tells_what_it_would_take_and_writes_nothing(run, toml, tmp_path):
    code, out, _ = run("train", toml(), "--dry-run")
    assert code == 0 and all(word in out for word in ("parameters", "MFLOP", "8 train, 10 validation", "memory", " h"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "tiny-runs.toml"]


def test_a_recipe_with_typos_is_told_all_of_them_at_once_and_nothing_is_begun(run, toml, tmp_path):
    code, _, err = run("train", toml(), "--set", "train.stepz=3", "--set", "train.loss.gradiant=1", "--set", "train.batch=0")
    assert code == 1 and all(path in err for path in ("3 faults", "train.stepz", "train.loss.gradiant", "train.batch"))
    assert not (tmp_path / "runs").exists()


def test_going_on_with_another_recipe_is_refused_and_fresh_starts_over(run, toml):
    assert run("train", toml())[0] == 0
    code, _, err = run("train", toml(), "--set", "train.steps=7")
    assert code == 1 and "train.steps: was 6, now 7" in err and "--fresh" in err
    assert run("train", toml(), "--set", "train.steps=7", "--fresh")[0] == 0


def test_a_model_is_calibrated(run, toml, patches, tmp_path):
    weights = run("train", toml(), "--set", "train.steps=1")[1].strip()
    code, out, _ = run("models", "calibrate", weights, patches, "-o", tmp_path / "calibrated.safetensors")
    assert code == 0 and "90% within 1.645" in out and load(tmp_path / "calibrated.safetensors").about.intervals


def test_training_is_in_the_shop_window(recipe):
    assert dione.train(dione.TrainRecipe.model_validate(recipe("train.steps=1").model_dump())).is_file()
