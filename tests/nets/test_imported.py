import json
import pickle

import pytest
import torch

from dione.base.errors import BadModel, NotFound
from dione.nets.older import shiftnet
from dione.nets.older.imported import Scaling, import_checkpoint
from dione.nets.resolver import load

SCALING = Scaling(centre=(0.08, 0.07, 0.04, 0.2), spread=(0.1, 0.12, 0.2, 0.4), source="made up")


@pytest.fixture
def brought(tmp_path, old):
    """Import these weights with this config.json: `brought(weights, config)`."""

    def run(weights, config, **options):
        torch.save(weights, tmp_path / "HRNet.pth", **options.pop("saving", {}))
        (tmp_path / "config.json").write_text(json.dumps(config))
        return import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors", config=tmp_path / "config.json", **options).path

    return run


def ours(path, lr, valid=None):
    """From oldest to newest in, as the older pipeline has it."""
    seen = torch.ones(lr.shape[0], *lr.shape[-2:], dtype=torch.bool) if valid is None else valid
    with torch.inference_mode():
        return load(path).net(lr.flip(0)[None], seen.flip(0)[None])[0][0]


@pytest.mark.parametrize("decoder", ["SHUFFLE", "DECONVOLUTION"])
@pytest.mark.parametrize("dates", [1, 3, 7, 8, 10])
def test_an_imported_network_gives_the_published_numbers(brought, old, decoder, dates):
    weights = old.weights(getattr(old, decoder))
    path = brought(weights, old.config(getattr(old, decoder)))
    lr = torch.rand(dates, 4, 9, 12)
    assert torch.allclose(ours(path, lr), old.highresnet(weights, lr), atol=1e-5, rtol=1e-5)


def test_an_odd_number_of_places_drops_a_date_as_published(brought, old):
    weights = old.weights(old.SHUFFLE)
    path = brought(weights, old.config(old.SHUFFLE, views=6))
    lr = torch.rand(6, 4, 8, 8)
    assert torch.allclose(ours(path, lr), old.highresnet(weights, lr, views=6), atol=1e-5)
    assert load(path).net.config.drops_odd and not torch.allclose(ours(path, lr), old.highresnet(weights, lr, views=8), atol=1e-3)


def test_with_what_it_was_normalised_with_it_takes_and_gives_reflectance(brought, old):
    weights = old.weights(old.SHUFFLE)
    path = brought(weights, old.config(old.SHUFFLE), scaling=SCALING)
    lr = 0.3 * torch.rand(5, 4, 8, 8)
    centre, spread = (torch.tensor(each)[:, None, None] for each in (SCALING.centre, SCALING.spread))
    assert torch.allclose(ours(path, lr), old.highresnet(weights, (lr - centre) / spread) * spread + centre, atol=1e-5)
    assert load(path).about.provenance["imported"]["scaling"] == "made up"


def test_a_date_that_shows_nothing_is_as_if_it_were_not_there(brought, old):
    weights = old.weights(old.SHUFFLE)
    path = brought(weights, old.config(old.SHUFFLE))
    lr, valid = torch.rand(6, 4, 8, 8), torch.ones(6, 8, 8, dtype=torch.bool)
    valid[[1, 4]] = False
    assert torch.allclose(ours(path, lr, valid), old.highresnet(weights, lr[[0, 2, 3, 5]]), atol=1e-5)


def test_the_file_keeps_how_it_was_trained_but_no_path(brought, old):
    about = load(brought(old.weights(old.SHUFFLE), old.config(old.SHUFFLE))).about
    assert about.provenance["imported"]["training"] == {"n_views": 8, "loss_metric": "MIXED"} and "private" not in about.model_dump_json()


@pytest.mark.parametrize("saving", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": w, "epoch": 3}, lambda w: {f"module.{k}": v for k, v in w.items()}])
def test_both_kinds_of_files_and_what_is_wrapped_are_read(brought, old, saving, wrap):
    weights = old.weights(old.SHUFFLE)
    lr = torch.rand(2, 4, 6, 6)
    assert torch.allclose(ours(brought(wrap(weights), old.config(old.SHUFFLE), saving=saving), lr), old.highresnet(weights, lr), atol=1e-5)


def test_an_imported_shiftnet_gives_the_published_numbers(tmp_path, old):
    weights = old.shift_weights()
    torch.save(weights, tmp_path / "ShiftNet.pth")
    made = import_checkpoint(tmp_path / "ShiftNet.pth", tmp_path / "shift.safetensors")
    net = shiftnet.load(made.path)
    fixed, moving = torch.rand(2, 3, 4, 16, 16)
    with torch.inference_mode():
        assert made.net == "shiftnet" and torch.allclose(net.eval()(fixed, moving), old.shiftnet(weights, fixed, moving), atol=1e-5)


class Harmful:
    def __reduce__(self):
        return print, ("this would have run",)


@pytest.mark.parametrize("saving", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
def test_a_file_that_runs_code_is_refused_and_what_it_asked_for_is_named(brought, old, saving, capsys, tmp_path):
    with pytest.raises(BadModel, match=r"refused.*print"):
        brought(old.weights(old.SHUFFLE) | {"extra": Harmful()}, old.config(old.SHUFFLE), saving=saving)
    assert "would have run" not in capsys.readouterr().out and not (tmp_path / "out.safetensors").exists()


def test_a_pickle_that_is_no_checkpoint_runs_nothing(tmp_path, capsys):
    (tmp_path / "HRNet.pth").write_bytes(pickle.dumps(Harmful(), protocol=2))
    with pytest.raises(BadModel, match="print"):
        import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors")
    assert "would have run" not in capsys.readouterr().out


@pytest.mark.parametrize("damage", [lambda d: d[:3000], lambda d: b"", lambda d: b"not a checkpoint", lambda d: d[:-2000] + b"\0" * 2000])
def test_a_damaged_file_is_told(tmp_path, old, damage):
    path = tmp_path / "HRNet.pth"
    torch.save(old.weights(old.SHUFFLE), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadModel, match=r"HRNet\.pth"):
        import_checkpoint(path, tmp_path / "out.safetensors", config=tmp_path / "config.json")


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of how new some of these are
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.to_sparse(), "float32, sparse_coo, on cpu"),
        (lambda w: w.flatten(1).to_sparse_csr(), "float32, sparse_csr, on cpu"),
        (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "qint8, strided, on cpu"),
        (lambda w: w.to("meta"), "float32, strided, on meta"),
        (lambda w: torch.complex(w, w), "complex64, strided, on cpu"),
        (lambda w: torch.nested.nested_tensor([w[0], w[1, :3]]), "float32, nested, on cpu"),
        (lambda w: w.double() * 1e300, "holds values that are not finite"),
        (lambda w: torch.zeros(1).expand(10**7, 10**7), "is 10000000×10000000, the configuration makes it 6×8×3×3"),
    ],
    ids=["sparse", "csr", "quantized", "meta", "complex", "nested", "beyond float32", "huge"],
)
def test_tensors_that_are_no_plain_numbers_of_the_right_size_are_refused_by_name(brought, old, tmp_path, change, said):
    weights, name = old.weights(old.SHUFFLE), "encode.init_layer.0.weight"
    with pytest.raises(BadModel) as told:
        brought(weights | {name: change(weights[name])}, old.config(old.SHUFFLE))
    assert f"'{name}'" in str(told.value) and said in str(told.value) and not (tmp_path / "out.safetensors").exists()


def test_weights_of_eight_bits_are_read(brought, old):
    weights = {key: value.to(torch.float8_e4m3fn) for key, value in old.weights(old.SHUFFLE).items()}
    net = load(brought(weights, old.config(old.SHUFFLE))).net
    assert torch.equal(net.state_dict()["encode.init_layer.0.weight"], weights["encode.init_layer.0.weight"].float())


def test_how_many_batches_a_shiftnet_saw_does_not_matter(tmp_path, old):
    torch.save(old.shift_weights() | {"layer1.1.num_batches_tracked": torch.tensor([1, 2])}, tmp_path / "ShiftNet.pth")
    assert shiftnet.load(import_checkpoint(tmp_path / "ShiftNet.pth", tmp_path / "shift.safetensors").path)


def test_a_config_that_does_not_fit_names_the_first_tensor(brought, old):
    wide = old.config(old.SHUFFLE, encoder=old.NETWORK["encoder"] | {"num_layers": 3})
    with pytest.raises(BadModel) as told:
        brought(old.weights(old.SHUFFLE), wide)
    assert "'encode.res_layers.2.block.0.weight' is missing" in str(told.value).splitlines()[1]
    with pytest.raises(BadModel) as told:
        brought(old.weights(old.SHUFFLE, channels=5), old.config(old.SHUFFLE))
    assert "'encode.init_layer.0.weight' is 5×8×3×3, the configuration makes it 6×8×3×3" in str(told.value).splitlines()[1]
    with pytest.raises(BadModel, match=r"'decode\.deconv\.0\.weight' is missing"):
        brought(old.weights(old.SHUFFLE), old.config(old.DECONVOLUTION))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recursive": {"alpha_residual": False, "in_channels": 6, "kernel_size": 3}}, "network.recursive.alpha_residual"),
        ({"encoder": {"in_channels": 2, "num_layers": 2, "kernel_size": 3, "channel_size": 6}}, "in_channels is 2, needs 8"),
        ({"recursive": {"alpha_residual": True, "in_channels": 7, "kernel_size": 3}}, "recursive.in_channels is 7, needs 6"),
        ({"decoder": {}}, "either pixel_shuffle, or both deconv and final"),
        ({"decoder": {"pixel_shuffle": {"in_channels": 6, "kernel_size": 3, "out_channels": 60, "stride": 1, "scale": 4}}}, "out_channels is 60, needs 64"),
    ],
)
def test_what_a_config_asks_for_and_ours_cannot_do_is_named(brought, old, change, said):
    made = old.config(old.SHUFFLE)
    made["network"] |= change
    with pytest.raises(BadModel, match=said):
        brought(old.weights(old.SHUFFLE), made)


def test_a_missing_file_or_config_is_told(tmp_path, old):
    with pytest.raises(NotFound, match="HRNet"):
        import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors")
    torch.save(old.weights(old.SHUFFLE), tmp_path / "HRNet.pth")
    with pytest.raises(BadModel, match="--config"):
        import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors")
    with pytest.raises(NotFound, match="no configuration"):
        import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors", config=tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadModel, match="not JSON"):
        import_checkpoint(tmp_path / "HRNet.pth", tmp_path / "out.safetensors", config=tmp_path / "config.json")
