"""Features of many dates become those of one: the order of the dates does not matter, a cloudy pixel has no weight."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dione.nets.blocks import conv


class Attention(nn.Module):
    """Masked attention over dates, per pixel and head; which date to believe is judged beside the mean of all."""

    repeat: Tensor

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.judge_date, self.judge_mean = conv(channels, channels, 1), conv(channels, channels, 1)
        self.score = conv(channels, heads, 1)
        self.register_buffer("repeat", torch.eye(heads).repeat_interleave(channels // heads, 0)[:, :, None, None], persistent=False)

    def forward(self, features: Float[Tensor, "b t e h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b e h w"], Float[Tensor, "b t h w"]]:
        """Fused features, and the mean share of each date (sums to one where any date is valid, zero elsewhere).

        The judge's layers scale with their input, so dividing its score by the length of what it saw makes the
        judgement independent of contrast.
        """
        b = len(features)
        seen = valid.to(features.dtype)[:, :, None]
        mean = weighted(features, seen) / seen.sum(1).clamp_min(1)
        flat = rearrange(features, "b t e h w -> (b t) e h w")
        judged = rearrange(self.judge_date(flat), "(b t) e h w -> b t e h w", b=b) + self.judge_mean(mean)[:, None]
        score = rearrange(self.score(F.relu_(rearrange(judged, "b t e h w -> (b t) e h w"))), "(b t) n h w -> b t n h w", b=b)
        power = torch.linalg.vector_norm(features, dim=2, keepdim=True).square() + torch.linalg.vector_norm(mean, dim=1, keepdim=True)[:, None].square()
        length = torch.sqrt(power / features.shape[2] + 1e-8)
        share = (score / length).masked_fill(~valid[:, :, None], -1e4).softmax(1) * seen
        # A convolution repeats each head's share for its features many times faster than broadcasting in channels-last does.
        repeated = F.conv2d(rearrange(share, "b t n h w -> (b t) n h w"), self.repeat)
        return weighted(features, rearrange(repeated, "(b t) e h w -> b t e h w", b=b)), share.mean(2)


def weighted(x: Float[Tensor, "b t *n"], weight: Float[Tensor, "b t *#n"]) -> Float[Tensor, "b *n"]:
    """The sum over dates of x · weight, one date after the other: faster than all at once, and without their products in memory."""
    total = x[:, 0] * weight[:, 0]
    for date in range(1, x.shape[1]):
        total = torch.addcmul(total, x[:, date], weight[:, date])
    return total


class Mean(nn.Module):
    """Every date that is valid counts alike."""

    def forward(self, features: Float[Tensor, "b t e h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b e h w"], Float[Tensor, "b t h w"]]:
        """Fused features, and the share of each date."""
        seen = valid.to(features.dtype)
        share = seen / seen.sum(1, keepdim=True).clamp_min(1)
        return weighted(features, share[:, :, None]), share
