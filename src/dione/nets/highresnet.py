"""HighRes-Net: every date paired with a reference, encoded alike, fused two by two, enlarged.

Written from its paper: Deudon et al. 2020, HighRes-net: Recursive Fusion for Multi-Frame Super-Resolution of Satellite
Imagery, arXiv 2002.06460. The prior art's configuration is the default: encoder of 8 residual blocks of 64 channels
(Conv–PReLU–Conv–PReLU), the median of the dates as reference, recursive fusion with a residual weighted by alpha, and
a decoder by pixel shuffle or by deconvolution. It gives no uncertainty; its log σ is a constant.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from dione.nets.baselines import flat_sigma
from dione.nets.blocks import masked


class HighResNetConfig(BaseModel):
    """As the prior art sets it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: int = 4
    zoom: int = 4
    channels: int = 64
    encoder_blocks: int = 8
    fusion_blocks: int = 1
    decoder: Literal["pixelshuffle", "deconvolution"] = "pixelshuffle"
    deconvolution_kernel: int | None = None
    """Zoom by default, which fills every pixel; the prior art's 3 is smaller than the stride of 4 and leaves 7 of 16 constant."""
    residual: bool = True
    """Add the bicubic of the reference; off, the decoder makes the image alone, as in the paper."""


class HighResNet(nn.Module):
    """The network. `net(lr, valid) -> (sr, log_sigma)`; date 0 is the target, then supports from newest to oldest."""

    Config = HighResNetConfig

    def __init__(self, config: HighResNetConfig = HighResNetConfig()):
        super().__init__()
        c = config
        self.config = config
        self.encode = Encoder(2 * c.bands, c.channels, c.encoder_blocks)
        self.fuse = RecursiveFusion(c.channels, c.fusion_blocks)
        self.decode = Decoder(c)

    @property
    def margin(self) -> int:
        """Radius in coarse pixels beyond which nothing changes an output pixel (for up to 32 dates)."""
        c = self.config
        encoder = 1 + 2 * c.encoder_blocks + 1
        fusion = 5 * (2 * c.fusion_blocks + 1)
        return encoder + fusion + 3 + 2

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        b = len(lr)
        x = masked(lr, valid)
        reference = median(x, valid)
        pairs = torch.cat([x, reference[:, None].expand_as(x)], 2)
        features = self.encode(rearrange(pairs, "b t c h w -> (b t) c h w"))
        features = rearrange(features, "(b t) c h w -> b t c h w", b=b)
        present = valid.any(-1).any(-1).to(x.dtype)
        sr = self.decode(self.fuse(features, present))
        if self.config.residual:
            sr = sr + F.interpolate(reference, scale_factor=float(self.config.zoom), mode="bicubic", align_corners=False)
        return sr, flat_sigma(sr)


class Encoder(nn.Module):
    """Conv–PReLU, residual blocks, Conv; one date beside its reference → features."""

    def __init__(self, inputs: int, channels: int, blocks: int):
        super().__init__()
        self.init_layer = nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), nn.PReLU())
        self.res_layers = nn.Sequential(*(ActivatedResidual(channels) for _ in range(blocks)))
        self.final = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f h w"]:
        return self.final(self.res_layers(self.init_layer(x)))


class ActivatedResidual(nn.Module):
    """x + PReLU(conv(PReLU(conv(x))))."""

    def __init__(self, channels: int):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU())

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x + self.block(x)


class RecursiveFusion(nn.Module):
    """Halve the number of dates until one is left: the first half takes what the second half, in reverse, adds.

    The set is filled up to a power of two with dates that count for nothing, so none is dropped for being odd.
    """

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        paired = nn.Sequential(*(ActivatedResidual(2 * channels) for _ in range(blocks)))
        self.fuse = nn.Sequential(paired, nn.Conv2d(2 * channels, channels, 3, padding=1), nn.PReLU())

    def forward(self, x: Float[Tensor, "b t f h w"], present: Float[Tensor, "b t"]) -> Float[Tensor, "b f h w"]:
        b, t = present.shape
        full = 1 << (t - 1).bit_length()
        x = torch.cat([x, x.new_zeros(b, full - t, *x.shape[2:])], 1)
        present = torch.cat([present, present.new_zeros(b, full - t)], 1)
        while x.shape[1] > 1:
            half = x.shape[1] // 2
            first, second = x[:, :half], x[:, half:].flip(1)
            alpha = present[:, half:].flip(1)[:, :, None, None, None]
            pair = rearrange(torch.cat([first, second], 2), "b t f h w -> (b t) f h w")
            x = first + alpha * rearrange(self.fuse(pair), "(b t) f h w -> b t f h w", b=b)
            present = present[:, :half]
        return x[:, 0]


class Decoder(nn.Module):
    """Features → image, zoom times larger."""

    def __init__(self, c: HighResNetConfig):
        super().__init__()
        if c.decoder == "pixelshuffle":
            self.deconv = nn.Sequential(nn.Conv2d(c.channels, c.channels * c.zoom**2, 3, padding=1), nn.PixelShuffle(c.zoom), nn.PReLU())
        else:
            size = c.deconvolution_kernel or c.zoom
            self.deconv = nn.Sequential(nn.ConvTranspose2d(c.channels, c.channels, size, stride=c.zoom, output_padding=max(c.zoom - size, 0)), nn.PReLU())
        self.final = nn.Conv2d(c.channels, c.bands, 1)

    def forward(self, x: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c zh zw"]:
        return self.final(self.deconv(x))


def median(x: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> Float[Tensor, "b c h w"]:
    """Median over the dates that are valid at each pixel; zero where none is."""
    nothing = torch.full((), torch.nan, dtype=x.dtype, device=x.device)
    return torch.where(valid[:, :, None], x, nothing).nanquantile(0.5, dim=1).nan_to_num(0)
