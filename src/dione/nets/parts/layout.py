"""How dates and channels lie in memory, and how many of them are worked on at a time: speed, and no other numbers."""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

CACHED_PX = 1 << 17
"""Pixels of dates that are worked on at a time."""


def packed(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The same with the channels of a pixel beside one another in memory, as convolutions like it."""
    return x.contiguous(memory_format=torch.channels_last)


def joined(parts: Sequence[Float[Tensor, "b _ h w"]], kind: torch.dtype) -> Float[Tensor, "b c h w"]:
    """Channels one after the other, of one precision and packed: in one pass over memory, or in two where some are packed, as copying pixel by pixel is faster then."""
    pixels = [part.permute(0, 2, 3, 1).to(kind) for part in parts]
    if any(part.is_contiguous() for part in pixels):
        pixels = [part.contiguous() for part in pixels]
    return torch.cat(pixels, -1).permute(0, 3, 1, 2)


def handfuls(x: Float[Tensor, "b t *n h w"]) -> list[slice]:
    """Slices that go through the dates, so many at a time that what is made of them stays in a processor's cache; elsewhere all at once."""
    if torch.compiler.is_compiling():
        return [slice(None)]  # an exported network takes any number of dates and any size
    pixels = len(x) * x.shape[-2] * x.shape[-1]
    each = max(CACHED_PX // pixels, 1) if x.device.type == "cpu" else x.shape[1]
    return [slice(start, start + each) for start in range(0, x.shape[1], each)]


def by_date(x: Float[Tensor, "n c h w"], pictures: int) -> Float[Tensor, "b t c h w"]:
    """A batch of dates as the dates of so many pictures."""
    single = not torch.compiler.is_compiling() and len(x) == pictures
    return x[:, None] if single else rearrange(x, "(b t) c h w -> b t c h w", b=pictures)


def as_batch(x: Float[Tensor, "b t c h w"]) -> Float[Tensor, "n c h w"]:
    """Dates as a batch, for a convolution.

    Of one date the batch keeps its stride: reshaped, oneDNN would take it for another layout and copy it, ten times slower.
    """
    single = not torch.compiler.is_compiling() and x.shape[1] == 1
    return x[:, 0] if single else rearrange(x, "b t c h w -> (b t) c h w")


def strips(x: Float[Tensor, "b *n h w"]) -> list[slice]:
    """Slices that go through the rows likewise, for what looks at one pixel at a time."""
    if torch.compiler.is_compiling():
        return [slice(None)]
    each = max(CACHED_PX // 8 // (len(x) * x.shape[-1]), 1) if x.device.type == "cpu" else x.shape[-2]
    return [slice(start, start + each) for start in range(0, x.shape[-2], each)]
