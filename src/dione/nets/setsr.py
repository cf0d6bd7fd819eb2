"""setsr: a set of dates in, the target date out, sharper, with its deviation.

    target, supports ──► difference from the target after a 5×5 mean is taken off both
        │                 encoder, shared by all dates
        │                 attention over dates, per pixel: a cloudy pixel has no weight, the order none either
        │                 trunk at the coarse resolution
        └──► bicubic ──► + detail ──► what it averages to is the target date ──► pixel shuffle ──► sr, log σ

No convolution of the picture has a bias and every input is a difference, so the network scales with the contrast of
the scene, except that differences between dates are held within a few contrasts.
Sources: deep sets and attention pooling (Zaheer et al. 2017, arXiv 1703.06114; Lee et al. 2019, arXiv 1810.00825),
sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158), residual blocks without normalisation (Lim et al. 2017,
arXiv 1707.02921), back-projection (Irani & Peleg 1991).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from dione.nets.blocks import Enlarge, Reduce, Residual, continued, conv, local_mean, masked

SIGMA_FLOOR = 5e-4
"""Added to the contrast that sigma is measured in, reflectance: about half the noise of Sentinel-2's own."""


class SetSRConfig(BaseModel):
    """Width and depth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: int = 4
    zoom: int = 4
    encoder_channels: int = 32
    encoder_blocks: int = 1
    channels: int = 64
    blocks: int = 4
    heads: int = 4
    shifts: bool = True
    """Whether features of a date are weighted by its measured shift against the target."""
    projections: int = 2
    """Rounds of back-projection onto the target date; none switches the consistency off."""


class SetSR(nn.Module):
    """The network. `net(lr, valid) -> (sr, log_sigma)`, reflectance in and out; date 0 is the target."""

    Config = SetSRConfig

    def __init__(self, config: SetSRConfig = SetSRConfig()):
        super().__init__()
        c, e = config, config.encoder_channels
        self.config = config
        self.entry, self.entry_target = conv(2 * c.bands, e), conv(c.bands, e)
        self.encoder = nn.Sequential(nn.ReLU(), *(Residual(e) for _ in range(c.encoder_blocks)))
        self.attention = Attention(e, c.heads)
        self.merge = conv(2 * e + c.bands + 3 + (9 * c.bands + 9 if c.shifts else 0), c.channels, 1)
        self.trunk = nn.Sequential(*(Residual(c.channels) for _ in range(c.blocks)))
        self.detail = conv(c.channels, c.bands * c.zoom**2)
        self.spread = Spread(c.channels, c.bands * c.zoom**2)
        self.enlarge, self.reduce = Enlarge(c.zoom), Reduce(c.zoom)
        self._start()

    def _start(self) -> None:
        """First weights: layers that keep the size of what passes through (He et al. 2015, arXiv 1502.01852), no detail yet."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for last in (self.detail, self.spread.last):
            nn.init.zeros_(last.weight)

    @property
    def margin(self) -> int:
        """Radius in coarse pixels beyond which nothing changes an output pixel."""
        c = self.config
        seen = 4 + max(1 + 2 * c.encoder_blocks, SHIFT_RADIUS + 1) + 2 * c.blocks + 1
        filled = FILL_RADIUS + HOLE_RADIUS + 4 + max(1 + 2 * c.encoder_blocks, SHIFT_RADIUS + 1)
        return max(seen, filled) + Enlarge.margin + c.projections * (self.reduce.margin + Enlarge.margin)

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        b = len(lr)
        x, seen = masked(lr, valid), valid.to(lr.dtype)[:, :, None]
        own, around, contrast = differences(x, seen)
        target, apart = own[:, 0], (own - own[:, :1]) * seen
        entered = rearrange(
            self.entry(rearrange(torch.cat([DIFFERENCE_SCALE * apart, around], 2), "b t c h w -> (b t) c h w")), "(b t) c h w -> b t c h w", b=b
        )
        entered = entered + self.entry_target(target)[:, None]
        features = self.encoder(rearrange(entered, "b t c h w -> (b t) c h w"))
        features = rearrange(features, "(b t) c h w -> b t c h w", b=b)
        fused, share = self.attention(features, valid)
        base, covered = fill(x, valid, share)
        count = contrast * (seen.sum(1) / 8)
        hidden = contrast * (1 - seen[:, 0])
        evidence = [fused, features[:, 0] * seen[:, 0], target, contrast, count, hidden]
        if self.config.shifts:
            placed, cover = sub_pixel(own, seen, share)
            evidence += [placed, cover * contrast]
        body = self.trunk(self.merge(torch.cat(evidence, 1)))
        fine = self.enlarge(base) + self.detail(body)
        for _ in range(self.config.projections):
            fine = fine + self.enlarge((base - self.reduce(fine)) * covered)
        typical = contrast + SIGMA_FLOOR
        # Uncertainty learns from the picture and must not shape it: no gradient goes back.
        log_sigma = torch.log(typical) + self.spread((body / typical).detach())
        zoom = self.config.zoom
        return F.pixel_shuffle(fine, zoom), F.pixel_shuffle(log_sigma, zoom)


def differences(
    x: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t c h w"], Float[Tensor, "b 1 h w"]]:
    """Each date without its local mean; its local mean without the target's; and the contrast, the target's mean deviation.

    Both differences are held within LIMIT contrasts: an unnoticed cloud is many times brighter than any detail, and
    must not outshout it. Zero where unseen.
    """
    b = len(x)
    mean, share = local_mean(rearrange(x, "b t c h w -> (b t) c h w"), rearrange(seen, "b t c h w -> (b t) c h w"))
    mean, share = (rearrange(part, "(b t) c h w -> b t c h w", b=b) for part in (mean, share))
    own = (x - mean) * seen
    around = (mean - mean[:, :1]) * seen * (share[:, :1] > 0)
    deviation = own.abs().mean(2, keepdim=True)
    of_target, known = local_mean(deviation[:, 0], seen[:, 0])
    of_all, _ = local_mean(deviation.sum(1) / seen.sum(1).clamp_min(1), (seen.sum(1) > 0).to(x.dtype))
    contrast = torch.where(known > 0, of_target, of_all)
    limit = (LIMIT * contrast + LIMIT_FLOOR)[:, None]
    return torch.clamp(own, -limit, limit), torch.clamp(around, -limit, limit), contrast


class Spread(nn.Module):
    """Hidden state in units of contrast → log of sigma in units of contrast, zero at first."""

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.first, self.last = conv(channels, channels // 2), nn.Conv2d(channels // 2, outputs, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        return self.last(F.relu(self.first(x))).clamp(-4, 4)


class Attention(nn.Module):
    """Masked attention over dates, per pixel and head; which date to believe is judged beside the mean of all."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        self.judge_date, self.judge_mean = conv(channels, channels, 1), conv(channels, channels, 1)
        self.score = conv(channels, heads, 1)

    def forward(self, features: Float[Tensor, "b t e h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b e h w"], Float[Tensor, "b t h w"]]:
        """Fused features, and the mean share of each date (sums to one where any date is valid, zero elsewhere).

        The judge's layers scale with their input, so dividing its score by the length of what it saw makes the
        judgement independent of contrast.
        """
        b = len(features)
        seen = valid.to(features.dtype)[:, :, None]
        mean = (features * seen).sum(1) / seen.sum(1).clamp_min(1)
        flat = rearrange(features, "b t e h w -> (b t) e h w")
        judged = rearrange(self.judge_date(flat), "(b t) e h w -> b t e h w", b=b) + self.judge_mean(mean)[:, None]
        score = rearrange(self.score(F.relu(rearrange(judged, "b t e h w -> (b t) e h w"))), "(b t) n h w -> b t n h w", b=b)
        length = torch.sqrt(features.square().mean(2, keepdim=True) + mean.square().mean(1, keepdim=True)[:, None] + 1e-8)
        share = (score / length).masked_fill(~valid[:, :, None], -1e4).softmax(1) * seen
        heads = rearrange(features, "b t (n d) h w -> b t n d h w", n=self.heads)
        fused = (share[:, :, :, None] * heads).sum(1)
        return rearrange(fused, "b n d h w -> b (n d) h w"), share.mean(2)


LIMIT = 4
LIMIT_FLOOR = 0.01
"""Reflectance; added to the limit, so that dates with more to show than a flat target can."""
DIFFERENCE_SCALE = 4
"""Dates differ from the target by about a quarter of its own contrast."""
SHIFT_RADIUS = 7


def sub_pixel(
    own: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"], share: Float[Tensor, "b t h w"]
) -> tuple[Float[Tensor, "b c9 h w"], Float[Tensor, "b 9 h w"]]:
    """What the dates saw between the target's pixels, sorted by where: means at nine places half a pixel apart, and their weight.

    Each date's difference from the target, less what its shift along the target's gradient explains, is dropped onto
    the places around its shift with bilinear weights (the idea of drizzle, Fruchter & Hook 2002, arXiv astro-ph/9808087).
    """
    shift, apart = shifts(own, seen)
    at = torch.tensor([-0.5, 0.0, 0.5], dtype=own.dtype, device=own.device)[:, None, None]
    near = (1 - (shift[:, :, :, None] - at).abs() * 2).clamp_min(0)
    weight = rearrange(near[:, :, 0, :, None] * near[:, :, 1, None], "b t i j h w -> b t (i j) h w") * share[:, :, None]
    cover = weight.sum(1)
    total = torch.zeros_like(weight[:, 0, :, None] * apart[:, 0, None])
    for date in range(own.shape[1]):  # one by one: nine places of every date at once would be most of the memory
        total = torch.addcmul(total, weight[:, date, :, None], apart[:, date, None])
    placed = DIFFERENCE_SCALE * total / (cover[:, :, None] + 0.05)
    return rearrange(placed, "b i c h w -> b (i c) h w"), cover


def slope(x: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t c h w"]:
    """Half the difference of the neighbours on the right and left; zero at the edges."""
    return F.pad((x[..., 2:] - x[..., :-2]) / 2, (1, 1))[..., : x.shape[-1]]


def shifts(own: Float[Tensor, "b t c h w"], seen: Float[Tensor, "b t 1 h w"]) -> tuple[Float[Tensor, "b t 2 h w"], Float[Tensor, "b t c h w"]]:
    """How far each date stands from the target, coarse pixels (rows, columns), around every pixel; and what that leaves of its difference.

    Least squares over a window of SHIFT_RADIUS and all bands: date − target ≈ shift · gradient of the target
    (Lucas & Kanade 1981), where both and the neighbours are seen; zero where that says nothing.
    """
    b = len(own)
    target, both = own[:, :1], seen * seen[:, :1]
    down, right = slope(target.mT).mT, slope(target)
    apart = (own - target) * both
    sums = [(down * down).sum(2, keepdim=True) * both, (down * right).sum(2, keepdim=True) * both, (right * right).sum(2, keepdim=True) * both]
    sums += [(down * apart).sum(2, keepdim=True), (right * apart).sum(2, keepdim=True)]
    size = 2 * SHIFT_RADIUS + 1
    pooled = rearrange(torch.cat(sums, 2), "b t k h w -> (b t) k h w")
    pooled = F.avg_pool2d(pooled, (size, 1), stride=1, padding=(SHIFT_RADIUS, 0))
    pooled = F.avg_pool2d(pooled, (1, size), stride=1, padding=(0, SHIFT_RADIUS))
    yy, xy, xx, y, x = rearrange(pooled, "(b t) k h w -> k b t 1 h w", b=b)
    ridge = 0.02 * (yy + xx) + 1e-9
    yy, xx = yy + ridge, xx + ridge
    determinant = yy * xx - xy * xy
    down_by, right_by = ((xx * y - xy * x) / determinant).clamp(-0.5, 0.5), ((yy * x - xy * y) / determinant).clamp(-0.5, 0.5)
    return torch.cat([down_by, right_by], 2), (apart - down_by * down - right_by * right) * both


FILL_RADIUS = 8
HOLE_RADIUS = 4


def fill(
    x: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], share: Float[Tensor, "b t h w"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 1 h w"]]:
    """The target date, its unseen pixels filled from the dates that were believed; and where anything was seen.

    Filled pixels take the colours of the target around them: the difference between target and filling, where both
    are known, is spread into the gap and fades over FILL_RADIUS. Pixels never seen continue their neighbours for
    HOLE_RADIUS, only so that no edge rings.
    """
    covered = valid.any(1)[:, None]
    if not torch.compiler.is_compiling() and bool(valid[:, 0].all()):
        return x[:, 0], covered.to(x.dtype)
    known = valid[:, :1].to(x.dtype)
    believed = share[:, 1:, None]
    weight = believed.sum(1)
    support = (believed * x[:, 1:]).sum(1) / weight.clamp_min(1e-6)
    both = known * (weight > 1e-6)
    apart = _spread((x[:, 0] - support) * both) / (_spread(both) + 0.02)
    base = torch.where(known > 0, x[:, 0], torch.where(weight > 1e-6, support + apart, 0))
    return continued(base, covered, HOLE_RADIUS // 2), covered.to(x.dtype)


def _spread(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Mean over a window of FILL_RADIUS that falls off towards its edge."""
    size = FILL_RADIUS + 1
    return F.avg_pool2d(F.avg_pool2d(x, size, stride=1, padding=size // 2), size, stride=1, padding=size // 2)
