import pytest
import torch

from dione.base.errors import BadModel, NotFound
from dione.nets.older import shiftnet
from dione.nets.older.shiftnet import ShiftNet, ShiftNetConfig, middle

SMALL = ShiftNetConfig(side_px=16, filters=4, hidden=8)


def test_it_begins_by_moving_nothing():
    assert torch.equal(ShiftNet(SMALL)(torch.rand(3, 4, 16, 16), torch.rand(3, 4, 16, 16)), torch.zeros(3, 2))


def test_how_bright_a_band_is_does_not_matter():
    net = ShiftNet(SMALL).eval()
    torch.nn.init.normal_(net.fc2.weight)
    one, other = torch.rand(2, 3, 4, 16, 16)
    assert torch.allclose(net(one, other), net(one + torch.rand(3, 4, 1, 1), other + 0.2), atol=1e-5)


def test_what_is_dropped_is_drawn_from_the_generator_alone():
    net = ShiftNet(SMALL)
    torch.nn.init.normal_(net.fc2.weight)
    one, other = torch.rand(2, 3, 4, 16, 16)
    first, again, else_ = (net(one, other, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, else_)


def test_as_published_it_has_34_million_weights_at_128_pixels():
    assert sum(p.numel() for p in ShiftNet(ShiftNetConfig(side_px=128)).parameters()) == pytest.approx(34.2e6, rel=0.01)


def test_the_middle_is_cut_out():
    image = torch.arange(36.0).reshape(1, 1, 6, 6)
    assert torch.equal(middle(image, 2), image[..., 2:4, 2:4])


def test_kept_and_read_again_is_the_same(tmp_path):
    net = ShiftNet(SMALL)
    again = shiftnet.load(shiftnet.store(tmp_path / "shift.safetensors", net))
    assert again.config == SMALL and all(torch.equal(value, again.state_dict()[key]) for key, value in net.state_dict().items())


def test_another_file_is_no_shiftnet(tmp_path):
    with pytest.raises(NotFound, match="ShiftNet"):
        shiftnet.load(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"nothing")
    with pytest.raises(BadModel, match="no ShiftNet"):
        shiftnet.load(tmp_path / "bad")


def test_a_side_that_cannot_be_halved_thrice_is_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        ShiftNetConfig(side_px=20)
