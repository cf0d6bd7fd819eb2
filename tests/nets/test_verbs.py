"""`dione models import` as a user types it."""

import json

import pytest
import torch

from dione.nets.resolver import load
from dione.patches.older import tables

FOUR = (0.1, 0.2, 0.3, 0.4)


@pytest.fixture
def checkpoint(tmp_path, old):
    torch.save(old.weights(old.SHUFFLE), tmp_path / "HRNet.pth")
    (tmp_path / "config.json").write_text(json.dumps(old.config(old.SHUFFLE)))
    return tmp_path / "HRNet.pth", "--config", tmp_path / "config.json", "-o", tmp_path / "out.safetensors"


def test_a_checkpoint_is_brought_along_and_says_so_when_nothing_is_normalised(run, checkpoint, tmp_path):
    code, out, err = run("models", "import", *checkpoint)
    assert code == 0 and "out.safetensors: highresnet" in out and "no --normalisation" in err
    assert load(tmp_path / "out.safetensors").net.config.order == "oldest first"


def test_with_the_normalisation_of_a_country_it_takes_reflectance(run, checkpoint, tmp_path):
    span = tables.Span(p1=(-1, -1, -1, -1), p99=(1, 1, 1, 1))
    country = tables.Moments(mean=FOUR, median=FOUR, std=FOUR)
    tables.write(tmp_path, tables.Tables(countries={"Cyprus": country}, sentinel=span, reference=span))
    assert run("models", "import", *checkpoint, "--normalisation", tmp_path, "--country", "Cyprus")[::2] == (0, "")
    config = load(tmp_path / "out.safetensors").net.config
    assert config.spread == pytest.approx([0.2, 0.4, 0.6, 0.8]) and config.centre == pytest.approx([0, 0, 0, 0])
    code, _, err = run("models", "import", *checkpoint, "--normalisation", tmp_path, "--country", "Atlantis")
    assert code == 1 and "there is one for Cyprus" in err


def test_a_normalisation_without_a_country_is_wrong_usage(run, checkpoint, tmp_path):
    assert run("models", "import", *checkpoint, "--normalisation", tmp_path)[0] == 2


def test_a_shiftnet_needs_no_config(run, tmp_path, old):
    torch.save(old.shift_weights(), tmp_path / "ShiftNet.pth")
    code, out, err = run("models", "import", tmp_path / "ShiftNet.pth", "-o", tmp_path / "shift.safetensors")
    assert code == 0 and "shiftnet" in out and err == ""


def test_what_is_imported_or_told_of_a_model_may_go_into_a_folder_that_is_not_there_yet(run, checkpoint, tmp_path):
    assert run("models", "import", *checkpoint[:-1], tmp_path / "new" / "out.safetensors")[0] == 0
    assert run("models", "export", tmp_path / "new" / "out.safetensors", "--stac", tmp_path / "cards" / "out.json")[0] == 0
    assert load(tmp_path / "new" / "out.safetensors").zoom == 4 and json.loads((tmp_path / "cards" / "out.json").read_text())["id"] == "out"


@pytest.mark.parametrize("over", ["HRNet.pth", "config.json"])
def test_what_is_imported_is_not_written_over_what_it_is_made_of(run, checkpoint, tmp_path, over):
    before = (tmp_path / over).read_bytes()
    code, _, err = run("models", "import", *checkpoint[:-1], tmp_path / "new" / ".." / over)
    assert code == 1 and f"{over}: it is read from" in err and (tmp_path / over).read_bytes() == before


def test_what_is_told_of_a_model_is_not_written_over_it_nor_over_another_form_of_it(run, checkpoint, tmp_path):
    weights = checkpoint[-1]
    assert run("models", "import", *checkpoint)[0] == 0
    before = weights.read_bytes()
    code, _, err = run("models", "export", f"{weights}@4", "--stac", weights)
    assert code == 1 and "it is read from" in err and weights.read_bytes() == before
    code, _, err = run("models", "export", weights, "--stac", tmp_path / "a", "--pt2", tmp_path / "a")
    assert code == 1 and "named for something else too" in err and not (tmp_path / "a").exists()


def test_a_folder_is_no_name_for_a_file_of_a_model(run, checkpoint, tmp_path):
    code, _, err = run("models", "import", *checkpoint[:-1], f"{tmp_path}/models/")
    assert code == 1 and "ends in .safetensors" in err and "models/model.safetensors" in err
    for form in ("--stac", "--onnx", "--pt2"):
        code, _, err = run("models", "export", "setsr-s", form, f"{tmp_path}/models/")
        assert code == 1 and "needs the name of a file that ends in" in err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("words", [("models", "import"), ("models", "export", "setsr-s", "--stac")])
def test_a_file_of_a_model_is_not_sent_to_a_store_and_says_so(run, checkpoint, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words, *(checkpoint[:-1] if words[1] == "import" else ()), "s3://bucket/made/a.safetensors")
    assert code == 1 and "not to an object store" in err and not (tmp_path / "s3:").exists()
