"""Where a network runs, and how exactly: chosen by what this machine can do, measured and not guessed.

On a GPU, bfloat16 where it has it. On a CPU, bfloat16 only where a short trial is clearly faster: many processors
accept it and work it out slowly. What is interpolated and averaged stays float32 in either case (nets/blocks.exact).
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dione.base.errors import DioneError
from dione.nets.blocks import NO_RIM, Rim, without
from dione.nets.resolver import Resolver
from dione.prediction.windows.allocation import keep_memory

Precision = Literal["float32", "bfloat16"]
AnyPrecision = Literal["auto", "float32", "bfloat16"]
FASTER = 1.3
"""How many times faster bfloat16 has to be on a CPU to be taken."""
TRIAL_PX, TRIAL_CHANNELS = 96, 64


@dataclass(frozen=True)
class Engine:
    """A device and a precision."""

    device: str = "cpu"
    precision: Precision = "float32"

    @torch.inference_mode()
    def run(
        self, resolver: Resolver, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], rim: Rim = NO_RIM
    ) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
        """What a Resolver says: reflectance and its 1σ with the calibration of each band, float32 on the CPU; without the rim, coarse pixels."""
        net = resolver.net.to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            if getattr(net, "trims", False):
                sr, log_sigma = net(self._there(lr), self._there(valid), rim)
            else:
                fine = tuple(resolver.zoom * side for side in rim)
                sr, log_sigma = (without(part, fine) for part in net(self._there(lr), self._there(valid)))
        sigma = log_sigma.float().exp_().mul_(torch.tensor(resolver.about.sigma_scale, device=log_sigma.device)[:, None, None])
        return sr.float().cpu(), sigma.cpu()

    def _there(self, x: Tensor) -> Tensor:
        """On the device; through pinned memory to a GPU, so that the copy does not stop the work."""
        return x.pin_memory().to(self.device, non_blocking=True) if self.device.startswith("cuda") else x.to(self.device)

    def __str__(self) -> str:
        return f"{self.device}, {self.precision}"


EXACT = Engine()
"""The processor in float32: the same bytes on every run, whatever the number of threads and machines, as long as the processors are of one kind."""


@lru_cache
def engine(device: str = "auto", precision: AnyPrecision = "auto") -> Engine:
    """The engine for what was asked; 'auto' takes a GPU if there is one, and the precision that is faster here.

    Raises DioneError for a device that is not there.
    """
    keep_memory()
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        here = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise DioneError(f"no device '{chosen}': {str(error).splitlines()[0]}\nthere is {', '.join(here)}") from error
    return Engine(chosen, _faster(chosen) if precision == "auto" else precision)


def _faster(device: str) -> Precision:
    """bfloat16 where it pays."""
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device != "cpu":
        return "float32"
    exact, rough = trial(torch.float32, torch.bfloat16)
    return "bfloat16" if exact > FASTER * rough else "float32"


@torch.inference_mode()
def trial(*kinds: torch.dtype, rounds: int = 8) -> list[float]:
    """Seconds of a convolution of the size that a network has most of, in each precision: the best of several, tried in turn.

    In turn, on one thread, and the best, so that what else the machine does just then decides nothing.
    """
    layers = [nn.Conv2d(TRIAL_CHANNELS, TRIAL_CHANNELS, 3, padding=1, bias=False).to(kind, memory_format=torch.channels_last) for kind in kinds]  # type: ignore[call-overload]
    inputs = [torch.zeros(1, TRIAL_CHANNELS, TRIAL_PX, TRIAL_PX, dtype=kind).contiguous(memory_format=torch.channels_last) for kind in kinds]
    best, threads = [float("inf")] * len(kinds), torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(rounds + 1):
        for number, (layer, x) in enumerate(zip(layers, inputs, strict=True)):
            began = time.perf_counter()
            layer(x)
            best[number] = min(best[number], time.perf_counter() - began)
    torch.set_num_threads(threads)
    return best
