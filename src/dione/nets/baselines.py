"""Resolvers without weights: what a network has to beat."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dione.nets.parts.blocks import masked
from dione.nets.parts.means import continued
from dione.nets.parts.resampling import Enlarge

Answer = tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]


class Nearest(nn.Module):
    """Every pixel of the target repeated zoom × zoom times."""

    margin = 0
    fills = False

    def __init__(self, zoom: int = 4):
        super().__init__()
        self.zoom = zoom

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Answer:
        target = masked(lr[:, :1], valid[:, :1])[:, 0]
        sr = target.repeat_interleave(self.zoom, -2).repeat_interleave(self.zoom, -1)
        return sr, flat_sigma(sr)


class Bicubic(nn.Module):
    """Keys' bicubic of the target; its holes continue their neighbours so that no edge rings."""

    margin = 6
    fills = False

    def __init__(self, zoom: int = 4):
        super().__init__()
        self.enlarge = Enlarge(zoom)

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Answer:
        target = self.choose(lr, valid)
        sr = F.pixel_shuffle(self.enlarge(target), self.enlarge.zoom)
        return sr, flat_sigma(sr)

    def choose(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Float[Tensor, "b c h w"]:
        """The coarse image to enlarge."""
        return continued(masked(lr[:, :1], valid[:, :1])[:, 0], valid[:, :1])


class BicubicMedian(Bicubic):
    """Keys' bicubic of the median over the dates that are valid at each pixel."""

    fills = True

    def choose(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Float[Tensor, "b c h w"]:
        nothing = torch.full((), torch.nan, dtype=lr.dtype)
        median = torch.where(valid[:, :, None], lr, nothing).nanquantile(0.5, dim=1)
        return continued(median.nan_to_num(0), valid.any(1, keepdim=True))


def flat_sigma(sr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """A baseline's log σ: the same everywhere, 0.02 reflectance, as it knows nothing of its errors."""
    return torch.full_like(sr, 0.02).log()
