"""Models for other runtimes: the same numbers, for any number of dates and any size."""

import json
import warnings
from pathlib import Path

import numpy as np
import pystac
import pytest
import torch
from pystac.validation import JsonSchemaSTACValidator

from dione.base.errors import BadModel, CannotWrite
from dione.nets.abroad import exported
from dione.nets.highresnet import HighResNet, HighResNetConfig
from dione.nets.resolver import About, load, shipped, store
from dione.nets.setsr import SetSR, SetSRConfig

SHAPES = ((3, 24, 20), (8, 40, 33))
"""Dates, rows and columns; the export itself was tried with three dates of 24 × 20."""


def inputs(dates, rows, columns):
    rng = np.random.default_rng(dates)
    return rng.uniform(0.02, 0.4, (1, dates, 4, rows, columns)).astype(np.float32), rng.random((1, dates, rows, columns)) > 0.1


def tiny(path):
    """A small network with detail of its own: exporting is slow, and goes by the number of layers."""
    torch.manual_seed(1)
    config = SetSRConfig(encoder_channels=8, channels=8, blocks=1, stages=1, projections=1)
    net = SetSR(config).eval()
    for last in (*net.detail, net.spread.last):
        torch.nn.init.normal_(last.weight, std=0.2)
    calibrated = {"sigma_scale": (1.0, 1.1, 1.2, 1.3), "sigma_floor": (0.0, 0.1, 0.2, 0.3), "sigma_filled": 2.0}
    return store(path, net, About(net="setsr", config=config.model_dump(), margin=net.margin, **calibrated), half=False)


def test_dates_that_are_valid_nowhere_fill_up_a_single_one():
    lr, valid = inputs(3, 24, 20)
    valid[:, 1:] = False
    for one, filled in zip(load("setsr-s").resolve(lr[:, :1], valid[:, :1]), load("setsr-s").resolve(lr, valid), strict=True):
        np.testing.assert_allclose(filled, one, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_onnx_runtime_and_an_exported_program_give_the_same_for_any_dates_and_size(tmp_path, run):
    runtime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    weights = tiny(tmp_path / "tiny.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own
        code, _, fault = run("models", "export", weights, "--onnx", tmp_path / "a.onnx", "--pt2", tmp_path / "a.pt2", "--stac", tmp_path / "a.json")
    assert code == 0, fault
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.json", "a.onnx", "a.pt2", "tiny.safetensors"]
    session = runtime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    read = onnx.load(tmp_path / "a.onnx")
    assert next(each.version for each in read.opset_import if not each.domain) == exported.OPSET
    program, resolver = torch.export.load(tmp_path / "a.pt2").module(), load(weights)
    for shape in SHAPES:
        lr, valid = inputs(*shape)
        ours = resolver.resolve(lr, valid)
        theirs = session.run(None, {"lr": lr, "valid": valid})
        again = program(torch.from_numpy(lr), torch.from_numpy(valid))
        for mine, other, third in zip(ours, theirs, again, strict=True):
            np.testing.assert_allclose(other, mine, atol=1e-4)
            np.testing.assert_allclose(third.detach().numpy(), mine, atol=1e-4)


def test_the_links_of_a_card_lead_to_the_files_that_there_are(tmp_path, run):
    def link(name, card):
        assert run("models", "export", name, "--stac", card)[0] == 0
        return json.loads(card.read_text())["assets"]["weights"]["href"]

    weights = tiny(tmp_path / "tiny.safetensors")
    assert link(weights, tmp_path / "card.json") == "./tiny.safetensors"
    assert link(weights, tmp_path / "cards" / "tiny.json") == str(weights.resolve())
    assert Path(link("setsr-s@4", tmp_path / "setsr.json")) == shipped()["setsr-s"]

    code, _, told = run("models", "export", "bicubic", "--stac", tmp_path / "bicubic.json")
    assert code == 0 and "links to no file" in told and json.loads((tmp_path / "bicubic.json").read_text())["assets"] == {}


def test_the_card_of_a_model_is_a_stac_item_with_what_the_extension_asks_for(tmp_path, run):
    assert run("models", "export", "setsr-s", "--stac", tmp_path / "card.json")[0] == 0
    made = json.loads((tmp_path / "card.json").read_text())
    assert JsonSchemaSTACValidator().validate({**made, "stac_extensions": []}, pystac.STACObjectType.ITEM, made["stac_version"], []) is not None
    properties = made["properties"]
    assert {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"} <= properties.keys()
    for one in properties["mlm:input"]:
        assert {"name", "bands", "input"} <= one.keys() and {"shape", "dim_order", "data_type"} <= one["input"].keys()
        assert len(one["input"]["shape"]) == len(one["input"]["dim_order"])
    for one in properties["mlm:output"]:
        assert {"name", "tasks", "result"} <= one.keys()
    assert any("mlm:model" in asset["roles"] and "mlm:artifact_type" in asset for asset in made["assets"].values())
    assert properties["mlm:total_parameters"] == sum(p.numel() for p in load("setsr-s").net.parameters())


def test_a_network_whose_arithmetic_goes_by_the_number_of_dates_is_told_not_to_be_exported(tmp_path, run):
    config = HighResNetConfig(channels=2, encoder_blocks=0)
    net = HighResNet(config).eval()
    weights = store(tmp_path / "a.safetensors", net, About(net="highresnet", config=config.model_dump(), margin=net.margin), half=False)
    code, _, fault = run("models", "export", weights, "--pt2", tmp_path / "a.pt2")
    assert code == 1 and "is a highresnet" in fault and "dione predict" in fault and not (tmp_path / "a.pt2").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_an_exported_program_that_does_not_fit_on_the_disk_is_told(tmp_path):
    (tmp_path / ".a.pt2.partial").symlink_to("/dev/full")
    lines = torch.export.export(torch.nn.Linear(64, 64), (torch.zeros(1, 64),))
    with pytest.raises(CannotWrite, match=r"(?s)a\.pt2: No space left.*free some space"):
        exported._to_program(lines, tmp_path / "a.pt2")
    assert not list(tmp_path.iterdir())


def test_a_model_in_turns_is_not_exported_and_nothing_to_write_is_wrong_usage(run):
    with pytest.raises(BadModel, match="export setsr-s"):
        exported.program(load("setsr-s@4"))
    assert run("models", "export", "setsr-s")[0] == 2
