"""What dates differ in, as far as it is to be believed: detail beyond a local mean, colours beyond the target's, both within a few contrasts."""

import torch
from jaxtyping import Float
from torch import Tensor

from dione.nets import loops
from dione.nets.parts.layout import as_batch, by_date, handfuls
from dione.nets.parts.means import local_mean, summed

Dated = Float[Tensor, "b t _ h w"]
LOOK = 4
"""Coarse pixels that the local mean and the contrast look to each side, together."""
LIMIT = 4
LIMIT_FLOOR = 0.01
"""Reflectance; added to the limit, so that dates with more to show than a flat target can."""


def differences(
    x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t c h w"], Float[Tensor, "b 1 h w"]]:
    """Each date without its local mean; its local mean without the target's; and the contrast, the target's mean deviation.

    Both differences are held within LIMIT contrasts: an unnoticed cloud is many times brighter than any detail, and
    must not outshout it. Zero where unseen.
    """
    own, around, deviation = detail(x, seen)
    of_target, known = local_mean(deviation[:, 0], seen[:, 0])
    of_all, _ = local_mean(summed(deviation, 1) / seen.sum(1).clamp_min(1), (seen.sum(1) > 0).to(x.dtype))
    contrast = torch.where(known > 0, of_target, of_all)
    limit = (LIMIT * contrast + LIMIT_FLOOR)[:, None]
    if torch.is_grad_enabled():
        return torch.clamp(own, -limit, limit), torch.clamp(around, -limit, limit), contrast
    return own.clamp_(-limit, limit), around.clamp_(-limit, limit), contrast


def detail(
    x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t c h w"], Float[Tensor, "b t 1 h w"]]:
    """Each date without its local mean; its local mean without the target's; and the mean size over bands of the former. Zero where unseen."""
    return _by_loops(x, seen) if loops.serve(x) else _by_dates(x, seen)


def _by_dates(x: Dated, seen: Dated) -> tuple[Dated, Dated, Dated]:
    means, shares = zip(*(around_each(x[:, of], seen[:, of]) for of in handfuls(x)), strict=True)
    mean, share = torch.cat(means, 1), torch.cat(shares, 1)
    own = (x - mean) * seen
    around = (mean - mean[:, :1]) * seen * (share[:, :1] > 0)
    return own, around, summed(own.abs(), 2)[:, :, None] / own.shape[2]


def _by_loops(x: Dated, seen: Dated) -> tuple[Dated, Dated, Dated]:
    from dione.nets.loops.contrast import differing

    x, seen = x.contiguous(), seen.contiguous()
    own, around, deviation = torch.empty_like(x), torch.empty_like(x), torch.empty_like(seen)
    for picture in range(len(x)):
        differing(*(part[picture].numpy() for part in (x, seen[:, :, 0], own, around, deviation[:, :, 0])))
    return own, around, deviation


def around_each(x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t 1 h w"]]:
    """Local mean of some dates, and how much of it was seen."""
    mean, share = local_mean(as_batch(x), as_batch(seen))
    return by_date(mean, len(x)), by_date(share, len(x))
