"""Which precision a processor is faster in: measured, not guessed. Many accept bfloat16 and work it out ten times as slowly as float32."""

import logging
import time

import torch
from torch import nn

log = logging.getLogger(__name__)

FASTER = 1.3
"""How many times faster bfloat16 has to be on a CPU to be taken."""
HOPELESS = 3
"""How many times slower one is that need not be tried further."""
PX, CHANNELS = 96, 64
"""Of the convolution that is tried: a size that networks have most of."""


def bfloat16_pays() -> bool:
    """Whether this CPU is clearly faster in bfloat16."""
    exact, rough = trial(torch.float32, torch.bfloat16)
    return exact > FASTER * rough


def doubt(device: str, advice: str) -> None:
    """Warn whoever asked for bfloat16 on a CPU that is faster without."""
    if device == "cpu" and not bfloat16_pays():
        log.warning("this processor is not faster in bfloat16 than in float32, and may be ten times slower: %s", advice)


@torch.inference_mode()
def trial(*kinds: torch.dtype, rounds: int = 8) -> list[float]:
    """Seconds of a convolution in each precision: the best of several, tried in turn until one is hopeless.

    In turn, on one thread, and the best, so that what else the machine does just then decides nothing.
    """
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False).to(kind, memory_format=torch.channels_last) for kind in kinds]  # type: ignore[call-overload]
    inputs = [torch.zeros(1, CHANNELS, PX, PX, dtype=kind).contiguous(memory_format=torch.channels_last) for kind in kinds]
    best, threads = [float("inf")] * len(kinds), torch.get_num_threads()
    torch.set_num_threads(1)
    for done in range(rounds + 1):
        for number, (layer, x) in enumerate(zip(layers, inputs, strict=True)):
            began = time.perf_counter()
            layer(x)
            best[number] = min(best[number], time.perf_counter() - began)
        if done and max(best) > HOPELESS * min(best):
            break
    torch.set_num_threads(threads)
    return best
