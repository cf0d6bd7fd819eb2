"""Layers that networks share, and what a cloud hides set to zero. Tensors in, tensors out; nothing here has a path, a sensor or a unit."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Residual(nn.Module):
    """x + conv(relu(conv(x))), without bias, so that the block scales with its input."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return self.second(relu_(self.first(x))).add_(x)


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size and has no bias."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)


class Relu(nn.Module):
    """`relu_` as a layer."""

    def forward(self, x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return relu_(x)


def relu_(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """max(x, 0), in place. Signs of bfloat16 are those of the whole numbers in its place, which PyTorch compares without going through float32."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or x.dtype != torch.bfloat16:
        return F.relu_(x)
    x.view(torch.int16).clamp_min_(0)
    return x


def masked(x: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Float[Tensor, "b t c h w"]:
    """`x` with zero where not valid, whatever stood there (NaN and infinity too)."""
    return torch.where(valid[:, :, None], x, torch.zeros((), dtype=x.dtype, device=x.device))
