"""Features of many dates become those of one: the order of the dates does not matter, a cloudy pixel has no weight.

Features come in handfuls of dates (nets/layout.handfuls), which together are all dates in their order.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dione.nets.parts.blocks import conv, relu_
from dione.nets.parts.layout import as_batch, by_date, packed


class Attention(nn.Module):
    """Masked attention over dates, per pixel and head; which date to believe is judged beside the mean of all."""

    repeat: Tensor

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.judge_date, self.judge_mean = conv(channels, channels, 1), conv(channels, channels, 1)
        self.score = conv(channels, heads, 1)
        self.register_buffer("repeat", torch.eye(heads).repeat_interleave(channels // heads, 0)[:, :, None, None], persistent=False)

    def forward(
        self, features: Sequence[Float[Tensor, "b _ e h w"]], valid: Bool[Tensor, "b t h w"]
    ) -> tuple[Float[Tensor, "b e h w"], Float[Tensor, "b t h w"]]:
        """Fused features, and the mean share of each date (sums to one where any date is valid, zero elsewhere).

        The judge's layers scale with their input, so dividing its score by the length of what it saw makes the
        judgement independent of contrast.
        """
        seen = valid.to(features[0].dtype)[:, :, None]
        mean = self._mean(features, valid, seen)
        judged_mean, power_mean = self.judge_mean(mean), power(mean)
        score = torch.cat([self._score(part, judged_mean, power_mean) for part in features], 1)
        share = shares(score.masked_fill(~valid[:, :, None], -1e4), seen)
        return weighted(features, share.to(features[0].dtype), self._repeated), share.mean(2)

    def _mean(
        self, features: Sequence[Float[Tensor, "b _ e h w"]], valid: Bool[Tensor, "b t h w"], seen: Float[Tensor, "b t 1 h w"]
    ) -> Float[Tensor, "b e h w"]:
        """Over the dates that are seen; zero where none is."""
        if not torch.compiler.is_compiling() and bool(valid.all()):  # the same, without going through weights that are one
            return reduce(torch.add, (date for part in features for date in part.unbind(1))) / seen.sum(1)
        return weighted(features, seen.expand(-1, -1, self.heads, -1, -1), self._repeated) / seen.sum(1).clamp_min(1)

    def _score(
        self, features: Float[Tensor, "b t e h w"], judged_mean: Float[Tensor, "b e h w"], power_mean: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b t n h w"]:
        """How much each date is to be believed, by head."""
        judged = by_date(self.judge_date(as_batch(features)), len(features)).add_(judged_mean[:, None])
        score = by_date(self._scored(as_batch(relu_(judged))), len(features)).contiguous()  # as the powers lie in memory
        return score / torch.sqrt((power(features) + power_mean[:, None]) / features.shape[2] + 1e-8)

    def _repeated(self, share: Float[Tensor, "b t n h w"]) -> Float[Tensor, "b t e h w"]:
        """Each head's share for its features: by a convolution, many times faster than broadcasting in channels-last."""
        return by_date(F.conv2d(packed(as_batch(share)), self.repeat), len(share))

    def _scored(self, judged: Float[Tensor, "n e h w"]) -> Float[Tensor, "n heads h w"]:
        """`self.score`, with its outputs repeated: of few, oneDNN adds up in another order on one thread than on several."""
        often = -(-STEADY // self.heads)
        return F.conv2d(judged, self.score.weight.repeat(often, 1, 1, 1))[:, : self.heads]


STEADY = 16
"""Outputs from which on a convolution gives the same bits whatever the number of threads (tests/nets/test_threads.py)."""


def shares(score: Float[Tensor, "b t n h w"], seen: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t n h w"]:
    """Softmax over the dates that are seen, zero for the others; PyTorch's own differs in its last bit with the number of threads."""
    strength = torch.exp(score - score.detach().amax(1, keepdim=True)) * seen
    return strength / weighted([strength], seen).clamp_min(1e-30)[:, None]


def power(x: Float[Tensor, "*b e h w"]) -> Float[Tensor, "*b 1 h w"]:
    """Squared length of the features."""
    return torch.linalg.vector_norm(x, dim=-3, keepdim=True).square()


def weighted(
    features: Sequence[Float[Tensor, "b t e h w"]], weight: Float[Tensor, "b tt n h w"], each: Callable[[Tensor], Tensor] = lambda weight: weight
) -> Float[Tensor, "b e h w"]:
    """The sum over dates of features · weight, one date after the other: faster than all at once, and without their products in memory.

    All at once where it is exported, for any number of dates. each: what makes weights for the features of a handful out of its part of `weight`.
    """
    if torch.compiler.is_compiling():
        return (torch.cat(list(features), 1) * each(weight)).sum(1)
    total, start = torch.zeros((), dtype=features[0].dtype, device=weight.device), 0
    for part in features:
        of = each(weight[:, start : start + part.shape[1]])
        for date in range(part.shape[1]):
            total = torch.addcmul(total, part[:, date], of[:, date])
        start += part.shape[1]
    return total


class Mean(nn.Module):
    """Every date that is valid counts alike."""

    def forward(
        self, features: Sequence[Float[Tensor, "b _ e h w"]], valid: Bool[Tensor, "b t h w"]
    ) -> tuple[Float[Tensor, "b e h w"], Float[Tensor, "b t h w"]]:
        """Fused features, and the share of each date."""
        seen = valid.to(features[0].dtype)
        share = seen / seen.sum(1, keepdim=True).clamp_min(1)
        return weighted(features, share[:, :, None]), share
