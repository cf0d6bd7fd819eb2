"""Where a network runs, and how exactly: chosen by what this machine can do, measured and not guessed.

On a GPU, bfloat16 where it has it. On a CPU, bfloat16 only where a short trial is clearly faster: many processors
accept it and work it out slowly. What is interpolated and averaged stays float32 in either case (nets/resampling.exact).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dione.base.errors import BadRecipe, DioneError
from dione.nets.deviation import deviation, enlarged
from dione.nets.parts.rims import NO_RIM, Rim, without
from dione.nets.precision import bfloat16_pays, doubt
from dione.nets.resolver import Resolver
from dione.prediction.windows.allocation import keep_memory

Precision = Literal["float32", "bfloat16"]
AnyPrecision = Literal["auto", "float32", "bfloat16"]


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
        sr = sr.float()
        target = None if bool(valid[:, 0].all()) else enlarged(without(self._there(valid[:, 0]), rim), resolver.zoom)
        return sr.cpu(), deviation(sr, log_sigma, resolver.about, target).cpu()

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

    Raises DioneError for a device that is not there, BadRecipe for a precision that is none.
    """
    if precision not in get_args(AnyPrecision):
        raise BadRecipe(f"precision is '{precision}', needs one of {', '.join(get_args(AnyPrecision))}")
    keep_memory()
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        here = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise DioneError(f"no device '{chosen}': {str(error).splitlines()[0]}\nthere is {', '.join(here)}") from error
    if precision == "bfloat16":
        doubt(chosen, "leave --precision out")
    return Engine(chosen, _faster(chosen) if precision == "auto" else precision)


def _faster(device: str) -> Precision:
    """bfloat16 where it pays."""
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if device == "cpu" and bfloat16_pays() else "float32"
