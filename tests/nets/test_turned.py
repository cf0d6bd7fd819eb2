"""A network asked in several turns."""

import pytest
import torch

from dione.base.errors import NotFound
from dione.nets.resolver import load, store
from dione.nets.turned import Turned, back, turned
from dione.testing import landscape, series


@pytest.fixture(scope="module")
def dates() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = series(landscape((40, 56), seed=4), days=4, cloud=0.2, seed=4)
    stack = made.stack.isel(time=slice(None, None, -1))
    return (
        torch.from_numpy(stack["reflectance"].values.copy())[None],
        torch.from_numpy(stack["valid"].values.copy())[None],
        torch.from_numpy(made.truth[-1])[None],
    )


@pytest.mark.parametrize("turn", range(8))
def test_a_turn_is_undone(turn: int) -> None:
    x = torch.rand(2, 3, 5, 7)
    assert torch.equal(back(turned(x, turn), turn), x)


def test_no_two_turns_are_alike() -> None:
    x = torch.rand(5, 5)
    assert len({tuple(turned(x, turn).flatten().tolist()) for turn in range(8)}) == 8


@pytest.mark.parametrize("turns", [4, 8])
def test_a_network_that_cares_not_which_way_is_up_says_the_same(dates, turns: int) -> None:
    lr, valid, _ = dates
    once = load("bicubic").net
    for one, other in zip(once(lr, valid), load(f"bicubic@{turns}").net(lr, valid), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@torch.inference_mode()
def test_more_turns_come_nearer_to_the_truth(dates) -> None:
    lr, valid, truth = dates

    def error(name: str) -> float:
        return float((load(name).net(lr, valid)[0] - truth).square().mean())

    assert error("setsr-s@8") < error("setsr-s@4") < error("setsr-s")


@torch.inference_mode()
def test_all_turns_together_do_not_care_which_way_is_up(dates) -> None:
    lr, valid, _ = dates
    net = load("setsr-s@8").net
    sr, _ = net(lr, valid)
    again, _ = net(turned(lr, 5).contiguous(), turned(valid, 5).contiguous())
    assert (back(again, 5) - sr).abs().max() < 1e-5


def test_what_is_kept_of_it_is_the_network_itself(tmp_path) -> None:
    four = load("setsr-s@4")
    assert isinstance(four.net, Turned) and four.name == "setsr-s@4"
    kept = load(store(tmp_path / "kept.safetensors", four.net, four.about))
    assert kept.net.state_dict().keys() == load("setsr-s").net.state_dict().keys()


def test_a_number_of_turns_that_there_is_not_is_told_which_there_are() -> None:
    with pytest.raises(NotFound, match="ends with @4 or @8"):
        load("setsr-s@3")
