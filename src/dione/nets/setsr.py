"""setsr: a set of dates in, the target date out, sharper, with its deviation.

    target, supports ──► difference from the target after a 5×5 mean is taken off both, scaled to be most like it
        │                 encoder, shared by all dates
        │                 attention over dates, per pixel: a cloudy pixel has no weight, the order none either
        │                 what the dates show beyond the picture so far, at their measured shifts (nets/parts/shifts.py) ◄─┐
        │                 trunk at the coarse resolution ──► detail ──► the picture so far ── as often as stages ────┘
        └──► bicubic ──► + detail ──► what it averages to is the target date ──► pixel shuffle ──► sr, log σ

No convolution of the picture has a bias and every input is a difference, so the network scales with the contrast of
the scene, except that differences between dates are held within a few contrasts.
Sources: deep sets and attention pooling (Zaheer et al. 2017, arXiv 1703.06114; Lee et al. 2019, arXiv 1810.00825),
sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158), residual blocks without normalisation (Lim et al. 2017,
arXiv 1707.02921), back-projection of one and of many frames (Irani & Peleg 1991), shifts (Lucas & Kanade 1981).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn

from dione.nets.parts.blocks import Relu, Residual, conv, masked, relu_
from dione.nets.parts.contrast import LOOK, differences
from dione.nets.parts.fill import FILL_MARGIN, fill
from dione.nets.parts.fusion import Attention, Mean
from dione.nets.parts.layout import as_batch, by_date, handfuls, joined
from dione.nets.parts.resampling import Enlarge, Reduce
from dione.nets.parts.rims import NO_RIM, Rim, spare, without
from dione.nets.parts.shifts import LIKENED, MARGIN, Dates, Expected, compared
from dione.nets.sizes import Depth, Few, Width, modest, of_blocks

Dated = Float[Tensor, "b _ ..."]
SIGMA_FLOOR = 5e-4
"""Added to the contrast that sigma is measured in, reflectance: about half the noise of Sentinel-2's own."""


class SetSRConfig(BaseModel):
    """Width and depth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Few = 4
    zoom: Few = 4
    encoder_channels: Width = 32
    encoder_blocks: Depth = 1
    channels: Width = 64
    blocks: Depth = 4
    fusion: Literal["attention", "mean"] = "attention"
    heads: Width = 4
    shifts: bool = True
    """Whether features of a date are weighted by its measured shift against the target."""
    stages: Few = 2
    """How often the dates are compared with the picture so far; the blocks are shared out among them."""
    projections: Depth = 2
    """Rounds of back-projection onto the target date; none switches the consistency off."""

    @model_validator(mode="after")
    def _shared_out(self) -> "SetSRConfig":
        if self.fusion == "attention" and self.encoder_channels % self.heads:
            raise ValueError(f"encoder_channels is {self.encoder_channels}, needs a multiple of the {self.heads} heads, which share them out")
        return self

    @model_validator(mode="after")
    def _modest(self) -> "SetSRConfig":
        modest(of_blocks(self.channels, self.blocks) + of_blocks(self.encoder_channels, self.encoder_blocks))
        return self

    @property
    def parts(self) -> tuple[int, ...]:
        """Blocks of each stage, the later ones taking what does not share out."""
        return tuple((self.blocks + stage) // self.stages for stage in range(self.stages))


class SetSR(nn.Module):
    """The network. `net(lr, valid) -> (sr, log_sigma)`, reflectance in and out; date 0 is the target."""

    Config = SetSRConfig
    trims = True
    """Takes the rim of a window that need not be sharpened: the trunk then does not work on it."""
    outer = ("entry", "detail", "spread.last")
    """First and last layers, which an optimiser may treat apart."""

    def __init__(self, config: SetSRConfig = SetSRConfig()):
        super().__init__()
        c, e = config, config.encoder_channels
        self.config = config
        self.entry, self.entry_target = conv(2 * c.bands, e), conv(c.bands, e)
        self.encoder = nn.Sequential(Relu(), *(Residual(e) for _ in range(c.encoder_blocks)))
        self.attention = Attention(e, c.heads) if c.fusion == "attention" else Mean()
        self.merge = conv(2 * e + c.bands + 3 + (9 * c.bands + 9 if c.shifts else 0), c.channels, 1)
        self.trunk = nn.ModuleList(nn.Sequential(*(Residual(c.channels) for _ in range(part))) for part in c.parts)
        self.detail = nn.ModuleList(conv(c.channels, c.bands * c.zoom**2) for _ in c.parts)
        self.again = nn.ModuleList(conv(c.bands + (9 * c.bands if c.shifts else 0), c.channels, 1) for _ in c.parts[1:])
        self.spread = Spread(c.channels, c.bands * c.zoom**2)
        self.enlarge, self.reduce, self.expected = Enlarge(c.zoom), Reduce(c.zoom), Expected(c.zoom)
        self._start()

    def _start(self) -> None:
        """First weights: layers that keep the size of what passes through (He et al. 2015, arXiv 1502.01852), no detail yet."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for last in (*self.detail, self.spread.last):
            nn.init.zeros_(last.weight)

    @property
    def margin(self) -> int:
        """Radius in coarse pixels beyond which nothing changes an output pixel."""
        own = max(LOOK, LIKENED if self.config.shifts else 0)
        return max(own + self._encoded_margin + FILL_MARGIN + self._within, MARGIN + self._needs(0))

    @property
    def _encoded_margin(self) -> int:
        """Coarse pixels that features of a date depend on."""
        return 1 + 2 * self.config.encoder_blocks

    @property
    def _within(self) -> int:
        """Coarse pixels of the target, its holes filled, that are needed around the result: the trunk's, and to tell there what is expected of it."""
        return self._needs(0) + self.expected.coarse.margin

    def _needs(self, stage: int) -> int:
        """Coarse pixels around the result that a stage of the trunk, and what comes after it, takes."""
        later = [2 * part + 1 for part in self.config.parts[stage:]]
        after = max(self.config.projections * (self.reduce.margin + Enlarge.margin), Enlarge.margin)
        return sum(later) + self.expected.margin * max(len(later) - 1, 0) + after

    def forward(
        self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], rim: Rim = NO_RIM
    ) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        """rim: coarse pixels at the top, bottom, left and right that need not be sharpened; the result lacks them."""
        given, rim = self._compared(lr, valid, rim)
        plain = self.expected.enlarged(given.base)
        cut, rim = spare(rim, self._needs(0), plain)
        given, plain = given.without(cut), without(plain, cut)
        body = self.merge(self._seen(given, plain))
        own, contrast = Own(given.base, given.covered, plain, given.dates), given.contrast
        del given, plain  # the evidence with it, which would be much of the memory
        detail = self.detail[0](body := self.trunk[0](body))
        for stage in range(1, len(self.trunk)):
            cut, rim = spare(rim, self._needs(stage), body)
            own, contrast, wide = own.without(cut), without(contrast, cut), self.expected(detail)
            shown = joined(own.beyond(without(wide, cut)), body.dtype)
            body = self.trunk[stage](self.again[stage - 1](shown).add_(without(body, cut)))
            detail = self.detail[stage](body).add_(without(detail, cut))
        detail = detail.float()
        filled = own.base + self._lacking(own, detail)
        del own
        typical = contrast + SIGMA_FLOOR
        # Uncertainty learns from the picture and must not shape it: no gradient goes back.
        log_sigma = self._shuffled(torch.log(typical) + self.spread(body.detach() * (1 / typical.detach()).to(body.dtype)), rim)
        del body
        return self._shuffled(self.enlarge(filled).add_(detail), rim), log_sigma

    def _shuffled(self, x: Float[Tensor, "b czz h w"], rim: Rim) -> Float[Tensor, "b c zh zw"]:
        """Sub-pixels in their places, without a rim of coarse ones."""
        return F.pixel_shuffle(without(x, rim), self.config.zoom)

    def _lacking(self, own: "Own", detail: Float[Tensor, "b czz h w"]) -> Float[Tensor, "b c h w"]:
        """What the target has to be given, so that the picture averages to it: all rounds of back-projection, of coarse pixels but for one look at the detail."""
        lacking = torch.zeros_like(own.base)
        if not self.config.projections:
            return lacking
        missing = own.base - own.plain[:, :, 0] - self.reduce(detail)
        for rounds in range(self.config.projections):
            given = missing * own.covered
            lacking = lacking + given
            if rounds + 1 < self.config.projections:
                missing = missing - self.reduce.enlarged(given)
        return lacking

    def _seen(self, given: "Compared", plain: Float[Tensor, "b c 9 h w"]) -> Float[Tensor, "b _ h w"]:
        """All evidence side by side, with what the dates show beyond the target interpolated."""
        evidence = [*given.evidence]
        if given.dates is not None:
            beyond, weight = given.dates.beyond(plain)
            evidence += [beyond.mul_(DIFFERENCE_SCALE), weight * given.contrast]
        return joined(evidence, evidence[0].dtype)

    def _compared(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], rim: Rim) -> tuple["Compared", Rim]:
        """What the trunk needs of the dates, and the rim that is left; all else of them, most of the memory, is gone when this returns."""
        x, seen = masked(lr, valid), valid.to(lr.dtype)[:, :, None]
        own, around, contrast = differences(x, seen)
        target, both = own[:, :1].clone(), seen * seen[:, :1]
        filled = FILL_MARGIN if torch.compiler.is_compiling() or not bool(valid[:, 0].all()) else 0
        cut, rim = spare(rim, self._within + self._encoded_margin + filled, x)
        features, apart, shift = zip(*(self._date(own[:, of], around[:, of], target, seen[:, of], both[:, of], cut) for of in handfuls(x)), strict=True)
        del own, around
        x, valid, seen, both, target, contrast = (without(part, cut) for part in (x, valid, seen, both, target, contrast))
        fused, share = self.attention(features, valid)
        own_features = features[0][:, 0] * seen[:, 0]
        del features
        base, covered = fill(x, valid, share)
        evidence = (fused, own_features, target[:, 0], contrast, contrast * (seen.sum(1) / 8), contrast * (1 - seen[:, 0]))
        dates = Dates(torch.cat(apart, 1), torch.cat(shift, 1), share[:, :, None] * both) if self.config.shifts else None
        cut, rim = spare(rim, self._within, base)
        return Compared(evidence, base, covered, contrast, dates).without(cut), rim

    def _date(self, own: Dated, around: Dated, target: Dated, seen: Dated, both: Dated, cut: Rim) -> tuple[Dated, Dated, Dated]:
        """Of some dates: their features, how they differ from the target, and where they stand (nothing where no shift is measured); without what is to be cut off."""
        likened, shift = compared(own, target, both) if self.config.shifts else (own, own[:, :, :0])
        apart = (likened - target) * seen
        features = self._encoded(without(apart, cut), without(around, cut), without(target[:, 0], cut))
        return features, without(apart * both, cut), without(shift, cut)

    def _encoded(self, apart: Float[Tensor, "b t c h w"], around: Float[Tensor, "b t c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, "b t e h w"]:
        """Features of each date. Both entries are one convolution, which is much less memory to go through than two and their sum."""
        weight = torch.cat([self.entry.weight, self.entry_target.weight], 1)

        def entered() -> Tensor:
            shown = joined([as_batch(part) for part in (DIFFERENCE_SCALE * apart, around, target[:, None].expand_as(apart))], apart.dtype)
            return F.conv2d(shown, weight, padding=self.entry.padding)

        return by_date(self.encoder(entered()), len(target))


@dataclass(frozen=True)
class Compared:
    """What comparing the dates gave, pixel by pixel."""

    evidence: tuple[Tensor, ...]
    """Each (b, ·, h, w): fused features, the target's own, its detail, its contrast; how many dates saw, whether the target did not."""
    base: Float[Tensor, "b c h w"]
    """The target, its holes filled."""
    covered: Float[Tensor, "b 1 h w"]
    contrast: Float[Tensor, "b 1 h w"]
    dates: Dates | None
    """For comparing them with the picture so far, where shifts are measured."""

    def without(self, rim: Rim) -> "Compared":
        """The same with these many rows and columns fewer at the edges."""
        base, covered, contrast = (without(part, rim) for part in (self.base, self.covered, self.contrast))
        return Compared(tuple(without(part, rim) for part in self.evidence), base, covered, contrast, self.dates and self.dates.without(rim))


@dataclass(frozen=True)
class Own:
    """The target, and what a picture of it is compared with."""

    base: Float[Tensor, "b c h w"]
    covered: Float[Tensor, "b 1 h w"]
    plain: Float[Tensor, "b c 9 h w"]
    """What is expected of it interpolated."""
    dates: Dates | None

    def without(self, rim: Rim) -> "Own":
        """The same with these many rows and columns fewer at the edges."""
        base, covered, plain = (without(part, rim) for part in (self.base, self.covered, self.plain))
        return Own(base, covered, plain, self.dates and self.dates.without(rim))

    def beyond(self, of_detail: Float[Tensor, "b c 9 h w"]) -> list[Float[Tensor, "b _ h w"]]:
        """What the target, and what the dates show beyond it with a detail, of which this is expected."""
        expected = self.plain + of_detail
        left = DIFFERENCE_SCALE * (self.base - expected[:, :, 0]) * self.covered
        return [left] if self.dates is None else [left, self.dates.beyond(expected)[0].mul_(DIFFERENCE_SCALE)]


class Spread(nn.Module):
    """Hidden state in units of contrast → log of sigma in units of contrast, zero at first."""

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.first, self.last = conv(channels, channels // 2), nn.Conv2d(channels // 2, outputs, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        return self.last(relu_(self.first(x))).clamp(-4, 4)


DIFFERENCE_SCALE = 4
"""Dates differ from the target by about a quarter of its own contrast."""
