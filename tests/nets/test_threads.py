"""In float32, every operation of the network that ships gives the same bits whatever the number of threads; and none waits for a copy."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from dione import testing
from dione.nets.parts.layout import CACHED_PX
from dione.nets.resolver import load
from dione.nets.setsr import SetSR, SetSRConfig

THREADS = (2, 3)


class Compared(TorchDispatchMode):
    """Does each operation on one thread and on several, with the same inputs, and notes which differ."""

    def __init__(self) -> None:
        super().__init__()
        self.differ: set[str] = set()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = []
        for threads in (*THREADS, 1):
            given = args if threads == 1 else tree_map(copied, args)
            torch.set_num_threads(threads)
            made.append(func(*given, **(kwargs or {})))
        self.count += 1
        if isinstance(made[-1], torch.Tensor) and "empty" not in str(func) and any(not torch.equal(bits(one), bits(made[-1])) for one in made[:-1]):
            self.differ.add(f"{func} {tuple(made[-1].shape)}")
        return made[-1]


def copied(value: object) -> object:
    return value.clone(memory_format=torch.preserve_format) if isinstance(value, torch.Tensor) else value


def bits(x: torch.Tensor) -> torch.Tensor:
    """NaN counts as itself."""
    return x.contiguous().view(torch.int32) if x.dtype == torch.float32 else x


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(40, 71)])
def test_no_operation_depends_on_the_number_of_threads(shape: tuple[int, int]) -> None:
    stack = testing.series(testing.landscape(shape, seed=3), days=4, cloud=0.1, seed=3).stack
    lr, valid = (torch.from_numpy(np.ascontiguousarray(stack[name].values[::-1]))[None] for name in ("reflectance", "valid"))
    net = load("setsr-s").net
    with torch.no_grad(), Compared() as compared:
        net(lr, valid)
    assert compared.count > 100 and compared.differ == set()


class Layouts(TorchDispatchMode):
    """Notes the inputs of convolutions that oneDNN would copy first."""

    def __init__(self) -> None:
        super().__init__()
        self.copied: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "conv" in str(func) and args[0].stride(0) != args[0][0].numel():
            self.copied.add(f"{tuple(args[0].shape)} {args[0].stride()}")
        return func(*args, **(kwargs or {}))


def test_a_single_date_keeps_the_layout_that_convolutions_work_on() -> None:
    side = int(CACHED_PX**0.5) + 1  # dates of this size are encoded one by one
    net = SetSR(SetSRConfig(encoder_channels=8, channels=8, blocks=2, heads=2))
    with torch.inference_mode(), Layouts() as layouts:
        net(torch.rand(1, 2, 4, side, side), torch.ones(1, 2, side, side, dtype=torch.bool))
    assert layouts.copied == set()
