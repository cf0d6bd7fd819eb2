import json

import pytest
import torch
from safetensors.torch import save

from dione.base.errors import BadModel, NotFound
from dione.nets import resolver
from dione.nets.zoo import make

CONFIG = {"encoder_channels": 8, "channels": 8, "blocks": 1}


@pytest.fixture
def kept(tmp_path):
    net = make("setsr", CONFIG)
    torch.nn.init.normal_(net.detail[-1].weight, std=0.05)
    about = resolver.About(net="setsr", config=CONFIG, margin=net.margin, provenance={"data": "made up"})
    return net, resolver.store(tmp_path / "mine.safetensors", net, about, half=False)


def test_saved_and_loaded_is_the_same(kept):
    net, path = kept
    lr, valid = torch.rand(1, 3, 4, 8, 8), torch.ones(1, 3, 8, 8, dtype=torch.bool)
    again = resolver.load(path)
    assert again.name == "mine" and again.margin == net.margin and again.about.provenance == {"data": "made up"}
    with torch.inference_mode():
        assert torch.allclose(net(lr, valid)[0], again.net(lr, valid)[0], atol=1e-6)  # in another memory layout
    assert all(torch.equal(value, again.net.state_dict()[key]) for key, value in net.state_dict().items())


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(NotFound, match="nearest"):
        resolver.load("no-such-model")


def test_a_truncated_file_is_refused(kept, tmp_path):
    whole = kept[1].read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        broken = tmp_path / f"broken-{length}.safetensors"
        broken.write_bytes(whole[:length])
        with pytest.raises(BadModel, match="broken"):
            resolver.load(broken)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "no dione header"),
        ("not json", "cannot be read"),
        (json.dumps({"format": 99}), "format 99"),
        (json.dumps({"format": 1, "net": "setsr", "margin": 3, "bands": ["red"]}), "made for the bands"),
        (json.dumps({"format": 1, "net": "other", "margin": 3}), "no network is called 'other'"),
        (json.dumps({"format": 1, "net": "setsr", "margin": 3, "config": CONFIG | {"blocks": 2}}), "no tensor 'trunk.0"),
        (json.dumps({"format": 1, "net": "setsr", "margin": 3, "config": CONFIG | {"channels": 12}}), "needs"),
    ],
)
def test_a_foreign_file_is_refused_with_its_reason(kept, tmp_path, header, said):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(save(kept[0].state_dict(), metadata={"dione": header} if header else None))
    with pytest.raises(BadModel, match=said):
        resolver.load(path)


def test_weights_that_are_not_finite_are_refused(kept, tmp_path):
    net, _ = kept
    with torch.no_grad():
        net.detail[-1].weight[0] = float("nan")
    about = resolver.About(net="setsr", config=CONFIG, margin=net.margin)
    with pytest.raises(BadModel, match="not finite"):
        resolver.load(resolver.store(tmp_path / "nan.safetensors", net, about))


def test_a_pickle_is_not_run(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(BadModel):
        resolver.load(path)
