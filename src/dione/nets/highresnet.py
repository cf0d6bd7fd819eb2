"""HighRes-Net: every date paired with a reference, encoded alike, fused two by two, enlarged.

Written from its paper: Deudon et al. 2020, HighRes-net: Recursive Fusion for Multi-Frame Super-Resolution of Satellite
Imagery, arXiv 2002.06460. The prior art's configuration is the default: encoder of 8 residual blocks of 64 channels
(Conv–PReLU–Conv–PReLU), the median of the dates as reference, recursive fusion with a residual weighted by alpha, and
a decoder by pixel shuffle or by deconvolution. It gives no uncertainty; its log σ is a constant.

Reflectance in, reflectance out: what it normalises with, if anything, is in its configuration.

    lr ── median ──┐                    ┌── first half ──────────────┐
     │             ▼                    │                            ▼
     └──► (x − centre) / spread ─► encode ── second half, reversed ─► fuse … ─► decode ─► · spread + centre
"""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from dione.nets.baselines import flat_sigma
from dione.nets.parts.blocks import masked
from dione.nets.sizes import Depth, Few, Width, modest, of_blocks

Spread = Annotated[float, Field(gt=0)]


class HighResNetConfig(BaseModel):
    """As the prior art sets it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Few = 4
    zoom: Few = 4
    channels: Width = 64
    encoder_blocks: Depth = 8
    fusion_blocks: Depth = 1
    decoder: Literal["pixelshuffle", "deconvolution"] = "pixelshuffle"
    deconvolution_kernel: Width | None = None
    """Zoom by default, which fills every pixel; the prior art's 3 is smaller than the stride of 4 and leaves 7 of 16 constant."""
    residual: bool = True
    """Add the bicubic of the reference; off, the decoder makes the image alone, as in the paper."""
    centre: tuple[float, ...] = (0.0,)
    """Of each band, or of all: taken off reflectance before the network and put back behind it."""
    spread: tuple[Spread, ...] = (1.0,)
    """Of each band, or of all: what is left is divided by it; the network works on (reflectance − centre) / spread."""
    reference: Literal["median", "lower median"] = "median"
    """Of an even number of dates: the mean of the two in the middle, or the lower one, which PyTorch's median takes."""
    order: Literal["newest first", "oldest first"] = "newest first"
    """In which dates are fused; they are always given target first, then from newest to oldest."""
    slots: Width | None = None
    """How many dates it fuses: older ones are left out, and places without a date count for nothing; by default as many as are given."""
    drops_odd: bool = False
    """The prior art's fault: of an odd number of dates, the last one is dropped. Off, they are filled up to a power of two."""

    @model_validator(mode="after")
    def _zoomed(self) -> "HighResNetConfig":
        if self.deconvolution_kernel is not None and self.deconvolution_kernel > self.zoom:
            raise ValueError(f"deconvolution_kernel is {self.deconvolution_kernel}, needs at most the zoom of {self.zoom} to give an image of that size")
        return self

    @model_validator(mode="after")
    def _modest(self) -> "HighResNetConfig":
        modest(of_blocks(self.channels, self.encoder_blocks) + of_blocks(2 * self.channels, self.fusion_blocks))
        return self


class HighResNet(nn.Module):
    """The network. `net(lr, valid) -> (sr, log_sigma)`; date 0 is the target, then supports from newest to oldest."""

    Config = HighResNetConfig
    centre: Tensor
    spread: Tensor

    def __init__(self, config: HighResNetConfig = HighResNetConfig()):
        super().__init__()
        c = config
        wrong = [name for name in ("centre", "spread") if len(getattr(c, name)) not in (1, c.bands)]
        if wrong:
            raise ValueError(f"{' and '.join(wrong)} need one number, or one for each of {c.bands} bands")
        self.config = config
        for name in ("centre", "spread"):
            self.register_buffer(name, torch.tensor(getattr(c, name))[:, None, None], persistent=False)
        self.encode = Encoder(2 * c.bands, c.channels, c.encoder_blocks)
        self.fuse = RecursiveFusion(c.channels, c.fusion_blocks, drops_odd=c.drops_odd)
        self.decode = ShuffleDecoder(c) if c.decoder == "pixelshuffle" else Decoder(c)

    @property
    def margin(self) -> int:
        """Radius in coarse pixels beyond which nothing changes an output pixel (for up to 32 dates)."""
        c = self.config
        encoder = 1 + 2 * c.encoder_blocks + 1
        fusion = 5 * (2 * c.fusion_blocks + 1)
        return encoder + fusion + 3 + 2

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        b, c = len(lr), self.config
        centre, spread = self.centre, self.spread
        lr, valid = in_order(lr[:, : c.slots], valid[:, : c.slots], oldest_first=c.order == "oldest first")
        reference = median(masked(lr, valid), valid, lower=c.reference == "lower median")
        beside = reference[:, None].expand_as(lr)
        x = torch.where(valid[:, :, None], lr, beside)  # a pixel that was not seen says what the reference says
        pairs = torch.cat([(x - centre) / spread, (beside - centre) / spread], 2)
        features = self.encode(rearrange(pairs, "b t c h w -> (b t) c h w"))
        features = rearrange(features, "(b t) c h w -> b t c h w", b=b)
        present = valid.any(-1).any(-1).to(x.dtype)
        made = self.decode(self.fuse(features, present, c.slots)) * spread
        base = F.interpolate(reference, scale_factor=float(c.zoom), mode="bicubic", align_corners=False) if c.residual else centre
        sr = base + made
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

    def __init__(self, channels: int, blocks: int, *, drops_odd: bool = False):
        super().__init__()
        paired = nn.Sequential(*(ActivatedResidual(2 * channels) for _ in range(blocks)))
        self.fuse = nn.Sequential(paired, nn.Conv2d(2 * channels, channels, 3, padding=1), nn.PReLU())
        self.drops_odd = drops_odd

    def forward(self, x: Float[Tensor, "b t f h w"], present: Float[Tensor, "b t"], slots: int | None = None) -> Float[Tensor, "b f h w"]:
        b, t = present.shape
        wanted = max(t, slots or t)
        full = wanted if self.drops_odd else 1 << (wanted - 1).bit_length()
        x = torch.cat([x, x.new_zeros(b, full - t, *x.shape[2:])], 1)
        present = torch.cat([present, present.new_zeros(b, full - t)], 1)
        while x.shape[1] > 1:
            half = x.shape[1] // 2
            first, second = x[:, :half], x[:, half : 2 * half].flip(1)
            alpha = present[:, half : 2 * half].flip(1)[:, :, None, None, None]
            pair = rearrange(torch.cat([first, second], 2), "b t f h w -> (b t) f h w")
            x = first + alpha * rearrange(self.fuse(pair), "(b t) f h w -> b t f h w", b=b)
            present = present[:, :half]
        return x[:, 0]


class ShuffleDecoder(nn.Module):
    """Features → zoom² values for each band and pixel, laid out as an image zoom times larger."""

    def __init__(self, c: HighResNetConfig):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(c.channels, c.bands * c.zoom**2, 3), nn.PReLU())
        self.zoom = c.zoom

    def forward(self, x: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c zh zw"]:
        return F.pixel_shuffle(self.conv(mirrored(x)), self.zoom)


class Decoder(nn.Module):
    """Features → features zoom times larger by deconvolution → image."""

    def __init__(self, c: HighResNetConfig):
        super().__init__()
        size = c.deconvolution_kernel or c.zoom
        self.deconv = nn.Sequential(nn.ConvTranspose2d(c.channels, c.channels, size, stride=c.zoom, output_padding=max(c.zoom - size, 0)), nn.PReLU())
        self.final = nn.Conv2d(c.channels, c.bands, 1)

    def forward(self, x: Float[Tensor, "b f h w"]) -> Float[Tensor, "b c zh zw"]:
        return self.final(self.deconv(x))


def mirrored(x: Float[Tensor, "b f h w"]) -> Float[Tensor, "b f hh ww"]:
    """One pixel more on every side, mirrored at the edge pixel; repeated where there is but one."""
    down, across = ("reflect" if size > 1 else "replicate" for size in x.shape[-2:])
    return F.pad(F.pad(x, (0, 0, 1, 1), mode=down), (1, 1, 0, 0), mode=across)


def in_order(
    lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], *, oldest_first: bool
) -> tuple[Float[Tensor, "b t c h w"], Bool[Tensor, "b t h w"]]:
    """Dates as they are fused, those that show nothing last: they have no place among the others."""
    if oldest_first:
        lr, valid = lr.flip(1), valid.flip(1)
    rank = (~valid.any(-1).any(-1)).int().argsort(dim=1, stable=True)
    own = torch.arange(len(lr), device=lr.device)[:, None]
    return lr[own, rank], valid[own, rank]


def median(x: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], *, lower: bool = False) -> Float[Tensor, "b c h w"]:
    """Median over the dates that are valid at each pixel; zero where none is. Of an even number the mean of the middle two, or the lower."""
    nothing = torch.full((), torch.nan, dtype=x.dtype, device=x.device)
    return torch.where(valid[:, :, None], x, nothing).nanquantile(0.5, dim=1, interpolation="lower" if lower else "linear").nan_to_num(0)
