"""Windows as large as memory allows."""

import pytest

from dione.base.errors import DioneError
from dione.nets.resolver import load
from dione.prediction.windows import budget
from dione.prediction.windows.engine import Engine, Precision


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("views", [1, 2, 8, 64])
@pytest.mark.parametrize("name", ["setsr-s", "bicubic"])
def test_a_window_takes_no_more_than_its_memory_and_is_not_smaller_than_it_has_to_be(name: str, views: int, precision: Precision) -> None:
    resolver = load(name)
    side = budget.block_px((10980, 10980), resolver, views=views, precision=precision)
    outer = side + 2 * resolver.margin
    assert budget.window_bytes(outer, views=views, precision=precision) <= budget.MEMORY_BYTES or side == budget.SMALLEST_PX
    assert (
        budget.window_bytes(outer + 3 * budget.STEP_PX, views=views, precision=precision) > budget.MEMORY_BYTES
        or side >= budget.LARGEST_PX - 2 * budget.STEP_PX
    )


@pytest.mark.parametrize("shape", [(1, 1), (33, 500), (300, 300), (1024, 1024), (600, 10980)])
def test_windows_share_a_scene_out_evenly(shape: tuple[int, int]) -> None:
    side = budget.block_px(shape, load("setsr-s"), views=8, precision="float32")
    count = -(-max(shape) // side)
    assert side % budget.STEP_PX == 0
    assert side * count - max(shape) < max(count * budget.STEP_PX, budget.UNEVEN * max(shape) + 1)


@pytest.mark.parametrize(("side", "wanted"), [(700, 384), (1000, 384), (10980, 384), (500, 256), (900, 320)])
def test_a_window_is_whole_tiles_of_a_coarser_level_too_where_that_is_nearly_even(side: int, wanted: int) -> None:
    assert budget.block_px((side, side), load("setsr-s"), views=8, precision="bfloat16") == wanted


def test_a_block_that_no_memory_holds_is_refused_with_one_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_bytes", lambda: 8_000_000_000)
    with pytest.raises(DioneError, match=r"8192 px needs about \d+ GB with 8 dates; this machine has 8 GB\ntake --block \d+"):
        budget.check(8192, (10980, 10980), load("setsr-s"), views=8, precision="float32")
    budget.check(8192, (200, 300), load("setsr-s"), views=8, precision="float32")
    budget.check(256, (10980, 10980), load("setsr-s"), views=8, precision="float32")


def test_the_block_that_is_offered_would_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_bytes", lambda: 4_000_000_000)
    with pytest.raises(DioneError) as refused:
        budget.check(4096, (10980, 10980), load("setsr-s"), views=8, precision="float32")
    offered = int(str(refused.value).partition("--block ")[2].partition(",")[0])
    budget.check(offered, (10980, 10980), load("setsr-s"), views=8, precision="float32")


@pytest.mark.parametrize(
    ("cores", "windows", "memory", "device", "wanted"),
    [
        (2, 9, 24e9, "cpu", 2),
        (8, 3, 24e9, "cpu", 3),
        (64, 900, 8e9, "cpu", 4),
        (2, 9, 1e9, "cpu", 1),
        (1, 900, 4e9, "cpu", 1),
        (256, 900, 1e12, "cpu", 256),
        (256, 900, 64e9, "cpu", 34),
        (8, 9, 24e9, "cuda", 1),
    ],
)
def test_every_core_has_a_window_as_long_as_memory_suffices(
    monkeypatch: pytest.MonkeyPatch, cores: int, windows: int, memory: float, device: str, wanted: int
) -> None:
    monkeypatch.setattr(budget, "memory_bytes", lambda: int(memory))
    monkeypatch.setattr(budget, "threads", lambda: cores)
    assert budget.at_once(windows, 448, Engine(device, "bfloat16"), load("setsr-s"), views=8) == wanted
