"""setsr: a set of dates in, the target date out, sharper, with its deviation.

    target, supports ──► difference from the target after a 5×5 mean is taken off both, scaled to be most like it
        │                 encoder, shared by all dates
        │                 attention over dates, per pixel: a cloudy pixel has no weight, the order none either
        │                 what the dates show beyond the picture so far, at their measured shifts (nets/shifts.py) ◄─┐
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

from dione.nets.blocks import NO_RIM, Enlarge, Reduce, Residual, Rim, as_batch, by_date, conv, handfuls, joined, local_mean, masked, summed, without
from dione.nets.dates import Attention, Mean
from dione.nets.fill import FILL_RADIUS, HOLE_RADIUS, fill
from dione.nets.shifts import LIKENED, MARGIN, Dates, Expected, likeness, measured
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
        self.encoder = nn.Sequential(nn.ReLU(inplace=True), *(Residual(e) for _ in range(c.encoder_blocks)))
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
        c = self.config
        encoded = max(LOOK, LIKENED if c.shifts else 0) + 1 + 2 * c.encoder_blocks
        filled = encoded + FILL_RADIUS + HOLE_RADIUS + Enlarge.margin + self.expected.margin
        return max(filled, MARGIN) + self._trunk_margin

    @property
    def _trunk_margin(self) -> int:
        """The part of the margin that comes after the dates were compared."""
        c = self.config
        compared = max(self.reduce.margin, self.expected.margin) * (len(c.parts) - 1)
        return 2 * c.blocks + len(c.parts) + compared + c.projections * (self.reduce.margin + Enlarge.margin)

    def forward(
        self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], rim: Rim = NO_RIM
    ) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        """rim: coarse pixels at the top, bottom, left and right that need not be sharpened; the result lacks them."""
        early = tuple(max(side - self._trunk_margin - Enlarge.margin - self.expected.margin, 0) for side in rim)
        late = tuple(side - gone for side, gone in zip(rim, early, strict=True))
        given = self._compared(lr, valid).without(early)
        fine = self.enlarge(given.base)
        body = self.merge(self._seen(given, fine))
        base, covered, contrast, dates = given.base, given.covered, given.contrast, given.dates
        del given  # the evidence with it, which would be much of the memory
        for stage, (trunk, detail) in enumerate(zip(self.trunk, self.detail, strict=True)):
            if stage:
                left = [DIFFERENCE_SCALE * (base - self.reduce(fine)) * covered]
                if dates is not None:
                    left.append(DIFFERENCE_SCALE * dates.beyond(self.expected(fine))[0])
                body = body + self.again[stage - 1](joined(left, body.dtype))
                del left
            body = trunk(body)
            fine = fine + detail(body)
        del dates
        for _ in range(self.config.projections):
            fine = fine + self.enlarge((base - self.reduce(fine)) * covered)
        typical = contrast + SIGMA_FLOOR
        # Uncertainty learns from the picture and must not shape it: no gradient goes back.
        log_sigma = torch.log(typical) + self.spread(body.detach() * (1 / typical.detach()).to(body.dtype))
        zoom = self.config.zoom
        return F.pixel_shuffle(without(fine, late), zoom), F.pixel_shuffle(without(log_sigma, late), zoom)

    def _seen(self, given: "Compared", fine: Float[Tensor, "b czz h w"]) -> Float[Tensor, "b _ h w"]:
        """All evidence side by side, with what the dates show beyond a fine picture."""
        evidence = [*given.evidence]
        if given.dates is not None:
            beyond, weight = given.dates.beyond(self.expected(fine))
            evidence += [DIFFERENCE_SCALE * beyond, weight * given.contrast]
        return joined(evidence, evidence[0].dtype)

    def _compared(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> "Compared":
        """What the trunk needs of the dates; all else of them, most of the memory, is gone when this returns."""
        x, seen = masked(lr, valid), valid.to(lr.dtype)[:, :, None]
        own, around, contrast = differences(x, seen)
        target, both = own[:, :1].clone(), seen * seen[:, :1]
        features, apart, shift = zip(*(self._date(own[:, of], around[:, of], target, seen[:, of], both[:, of]) for of in handfuls(x)), strict=True)
        del own, around
        fused, share = self.attention(features, valid)
        own_features = features[0][:, 0] * seen[:, 0]
        del features
        base, covered = fill(x, valid, share)
        evidence = (fused, own_features, target[:, 0], contrast, contrast * (seen.sum(1) / 8), contrast * (1 - seen[:, 0]))
        dates = Dates(torch.cat(apart, 1), torch.cat(shift, 1), share[:, :, None] * both) if self.config.shifts else None
        return Compared(evidence, base, covered, contrast, dates)

    def _date(self, own: Dated, around: Dated, target: Dated, seen: Dated, both: Dated) -> tuple[Dated, Dated, Dated]:
        """Of some dates: their features, how they differ from the target, and where they stand (nothing where no shift is measured)."""
        if not self.config.shifts:
            apart = (own - target) * seen
            return self._encoded(apart, around, target[:, 0]), apart, apart[:, :, :0]
        likened = own * likeness(own, target, both)
        apart = (likened - target) * seen
        return self._encoded(apart, around, target[:, 0]), apart * both, measured(likened, target, both)

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
        if rim == NO_RIM:
            return self
        base, covered, contrast = (without(part, rim) for part in (self.base, self.covered, self.contrast))
        dates = None if self.dates is None else Dates(*(without(part, rim) for part in (self.dates.apart, self.dates.shift, self.dates.share)))
        return Compared(tuple(without(part, rim) for part in self.evidence), base, covered, contrast, dates)


def differences(
    x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t c h w"], Float[Tensor, "b 1 h w"]]:
    """Each date without its local mean; its local mean without the target's; and the contrast, the target's mean deviation.

    Both differences are held within LIMIT contrasts: an unnoticed cloud is many times brighter than any detail, and
    must not outshout it. Zero where unseen.
    """
    means, shares = zip(*(around_each(x[:, of], seen[:, of]) for of in handfuls(x)), strict=True)
    mean, share = torch.cat(means, 1), torch.cat(shares, 1)
    own = (x - mean) * seen
    around = (mean - mean[:, :1]) * seen * (share[:, :1] > 0)
    deviation = own.abs().mean(2, keepdim=True)
    of_target, known = local_mean(deviation[:, 0], seen[:, 0])
    of_all, _ = local_mean(summed(deviation, 1) / seen.sum(1).clamp_min(1), (seen.sum(1) > 0).to(x.dtype))
    contrast = torch.where(known > 0, of_target, of_all)
    limit = (LIMIT * contrast + LIMIT_FLOOR)[:, None]
    return torch.clamp(own, -limit, limit), torch.clamp(around, -limit, limit), contrast


def around_each(x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t 1 h w"]]:
    """Local mean of some dates, and how much of it was seen."""
    mean, share = local_mean(as_batch(x), as_batch(seen))
    return by_date(mean, len(x)), by_date(share, len(x))


class Spread(nn.Module):
    """Hidden state in units of contrast → log of sigma in units of contrast, zero at first."""

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.first, self.last = conv(channels, channels // 2), nn.Conv2d(channels // 2, outputs, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        return self.last(F.relu(self.first(x))).clamp(-4, 4)


LOOK = 4
"""Coarse pixels that the local mean and the contrast look to each side, together."""
LIMIT = 4
LIMIT_FLOOR = 0.01
"""Reflectance; added to the limit, so that dates with more to show than a flat target can."""
DIFFERENCE_SCALE = 4
"""Dates differ from the target by about a quarter of its own contrast."""
