"""Sharp imagery → what Sentinel-2 would have seen of it, on several dates, with the truth of one.

The model, per patch (every range is in `Degradation`; every draw comes from the Generator given):

    ground (years, band, y, x)       sharp reflectance of one place in one or more years
      │ blur, sample   another year on some dates; detector ⊗ optics (base.optics), modulation at Nyquist drawn per band;
      │                sub-pixel shift per date, a smaller one per band
      │ season         colours mixed and bent, each date in its own way; parcels changed; gain per date and band, haze
      │ cloud, shadow  blobs, most flagged, some missed; dates without anything
      │ noise          deviation² = floor² + slope² · reflectance
      │ compression    fine differences of neighbours rounded, as by JPEG 2000, then digital numbers
      ▼
    lr (date, band, y, x), valid (date, y, x), hr (band, zoom·y, zoom·x): date 0 is the target, hr its truth
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, PositiveInt
from scipy import ndimage

from dione.base import optics

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def ascending(span: tuple[float, float]) -> tuple[float, float]:
    """A range, from and to, as it is; raises ValueError where the larger number comes first."""
    if span[0] > span[1]:
        raise ValueError("needs the smaller number first")
    return span


Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, Share], AfterValidator(ascending)]
Modulation = Annotated[float, Field(gt=0, lt=optics.BOX_MODULATION)]
Modulations = Annotated[tuple[Modulation, Modulation], AfterValidator(ascending)]
Amount = Annotated[float, Field(ge=0, le=10)]
"""Reflectance, pixels or a fraction: more is a slip, and makes no picture."""
Amounts = Annotated[tuple[Amount, Amount], AfterValidator(ascending)]


@dataclass(frozen=True)
class Degradation:
    """Ranges that the simulation draws from."""

    dates: Annotated[int, Field(ge=1, le=1024)] = 8
    """Dates in each patch, the target among them."""
    size_px: PositiveInt = 14
    """Side of a patch on the coarse grid."""
    zoom: Annotated[int, Field(ge=2)] = 4
    truth_modulation: Modulation = 0.3
    """Left at Nyquist of the sharp reference: what a well-made sensor of that pixel would see, as Sentinel-2 does of its own."""
    modulation: Modulations = (0.2, 0.3)
    """Left at Nyquist of the coarse pixel, drawn per patch."""
    other: Share = 0.0
    """Probability that a patch was seen by another sensor, whose pixels are brought to NYQUIST_MODULATION as a prediction does."""
    other_modulation: Modulations = (0.1, 0.63)
    """Left at Nyquist by that sensor, drawn per patch."""
    other_known: Amount = 0.12
    """Deviation of what is believed of it, as a fraction."""
    modulation_spread: Amount = 0.1
    """Deviation of a band's modulation, as a fraction of it; dates differ by half as much more."""
    shift_px: Amounts = (0.0, 0.35)
    """Deviation of a date's registration against the target, coarse pixels, drawn per patch."""
    alike: Share = 0.0
    """Probability that all dates and bands of a patch stand alike, as in series that were resampled together."""
    band_shift_px: Amount = 0.05
    """Deviation of a band's registration against the others of its date, coarse pixels."""
    other_year: Shares = (0.0, 1.0)
    """Probability that a support shows another year, drawn per patch."""
    mixing: Amounts = (0.0, 0.25)
    """Deviation of what a support's season adds of each band's log contrast to each other's, drawn per patch."""
    bending: Amounts = (0.0, 0.5)
    """Deviation of what it adds by steps between colours, in the patch's own log contrast, drawn per patch."""
    parcels: Share = 0.3
    """Probability that parts of a support, bounded by lines, changed on their own."""
    gain: Amount = 0.08
    """Deviation of the gain of a date, common to bands; half of it more for each band."""
    haze: Amount = 0.01
    """Deviation of the path radiance of a date, reflectance; blue most."""
    noise: Amounts = (0.0, 0.0005)
    """Floor of the noise, reflectance."""
    noise_slope: Amounts = (0.0015, 0.0035)
    """Root of the noise that grows with the signal: 0.0025 gives a signal-to-noise ratio of 126 at 10 % reflectance."""
    compression: Amounts = (0.0, 0.0004)
    """Step that fine differences are rounded to, reflectance, drawn per patch."""
    cloud: Share = 0.3
    """Probability that a support has cloud."""
    target_cloud: Share = 0.2
    """Probability that the target has cloud."""
    missed: Share = 0.2
    """Probability that a cloud or shadow on a support goes unflagged."""
    dropped: Share = 0.05
    """Probability that a support shows nothing at all."""


@dataclass(frozen=True)
class Sample:
    """One patch."""

    lr: Array
    """(date, band, y, x) reflectance; the target first."""
    valid: Mask
    """(date, y, x) True = flagged clear."""
    hr: Array
    """(band, zoom·y, zoom·x) truth of the target."""
    years: NDArray[np.int64]
    """(date,) which of the years given each date shows."""
    shifts: NDArray[np.float64]
    """(date, 2) rows and columns in coarse pixels."""


def simulate(ground: Array, fine_per_coarse: float, model: Degradation, rng: np.random.Generator) -> Sample:
    """One patch from `ground` (years, band, y, x), sharp reflectance on pixels `fine_per_coarse` times finer.

    The ground must cover size_px coarse pixels. The target's year is drawn too.
    """
    if model.alike > 0 and rng.random() < model.alike:
        model = replace(model, shift_px=(0.0, 0.0), band_shift_px=0.0)
    years = _years(len(ground), model, rng)
    shifts = np.vstack([np.zeros((1, 2)), np.clip(rng.normal(0, rng.uniform(*model.shift_px), (model.dates - 1, 2)), -0.7, 0.7)])
    other = model.other > 0 and rng.random() < model.other
    modulation = rng.uniform(*(model.other_modulation if other else model.modulation))
    seen = _season(_sample(ground, fine_per_coarse, years, shifts, modulation, model, rng), model, rng)
    clouded, valid = _weather(seen, model, rng)
    lr = _compress(_noise(clouded, model, rng), rng.uniform(*model.compression))
    lr = (np.clip(np.round(lr * 1e4), 1, 65535) / 1e4).astype(np.float32)
    if other:
        lr = optics.compensated(lr, valid, modulation * (1 + model.other_known * rng.standard_normal()))
    return Sample(lr, valid, truth(ground[years[0]], fine_per_coarse, model), years, shifts)


def _sample(
    ground: Array, fine: float, years: NDArray[np.int64], shifts: NDArray[np.float64], modulation: float, model: Degradation, rng: np.random.Generator
) -> Array:
    """(date, band, y, x): each date and band with its own blur and place; the target's bands lie on each other."""
    bands = ground.shape[1]
    by_band = modulation * (1 + model.modulation_spread * rng.standard_normal(bands))
    left = np.clip(by_band * (1 + model.modulation_spread / 2 * rng.standard_normal((model.dates, bands))), 0.08, optics.SHARPEST)
    places = shifts[:, None] + model.band_shift_px * rng.standard_normal((model.dates, bands, 2))
    places[0] = 0
    rows = optics.sampling(model.size_px, ground.shape[2], fine, shift_px=places[..., 0], modulation=left)
    columns = optics.sampling(model.size_px, ground.shape[3], fine, shift_px=places[..., 1], modulation=left)
    return np.matmul(rows @ ground[years], columns.swapaxes(-1, -2), dtype=np.float32)


def truth(ground: Array, fine_per_coarse: float, model: Degradation) -> Array:
    """The sharp reference (band, zoom·size, zoom·size) of ground (band, y, x)."""
    side, zoom = model.size_px * model.zoom, fine_per_coarse / model.zoom
    even = not any((length - side) % 2 for length in ground.shape[1:])  # the middle of an odd rest lies within a pixel
    if abs(zoom - 1) < 1e-6 and even:  # the sharp scene already has the pixel wanted: it is the reference
        top, left = (ground.shape[1] - side) // 2, (ground.shape[2] - side) // 2
        return ground[:, top : top + side, left : left + side]
    rows = optics.sampling(side, ground.shape[1], zoom, modulation=model.truth_modulation)
    columns = optics.sampling(side, ground.shape[2], zoom, modulation=model.truth_modulation)
    return np.matmul(rows @ ground, columns.T, dtype=np.float32)


def _years(years: int, model: Degradation, rng: np.random.Generator) -> NDArray[np.int64]:
    target = rng.integers(years)
    other = rng.random(model.dates) < rng.uniform(*model.other_year)
    other[0] = False
    return np.asarray(np.where(other, rng.integers(years, size=model.dates), target))


def _season(lr: Array, model: Degradation, rng: np.random.Generator) -> Array:
    """Changed colours, gain and haze of every date but the target, whose truth has to keep its colours.

    In logarithms of reflectance, what differs from the scene's mean is multiplied by a matrix near identity, and smooth
    steps between colours are added: crops that ripen and leaves that fall change the contrasts of bands and materials,
    edges appear and go, none moves. Parcels change as a whole.
    """
    dates, bands = lr.shape[0] - 1, lr.shape[1]
    logs = np.log(np.maximum(lr[1:], 1e-3))
    mean = logs.mean((2, 3), keepdims=True)
    apart = logs - mean
    mix = np.eye(bands) + rng.uniform(*model.mixing) * rng.standard_normal((dates, bands, bands))
    changed = (
        np.einsum("tij,tjyx->tiyx", mix, apart) + mean + _steps(apart, rng.uniform(*model.bending), rng) + _parcels(lr.shape[2:], dates, bands, model, rng)
    )
    gain = np.exp(model.gain * (rng.standard_normal((dates, 1)) + 0.5 * rng.standard_normal((dates, bands))))
    haze = model.haze * np.abs(rng.standard_normal((dates, 1))) * np.linspace(1, 0.2, bands)
    seen = np.exp(np.clip(changed, -7, 0.7)) * gain[..., None, None] + haze[..., None, None]
    return np.concatenate([lr[:1], seen]).astype(np.float32)


def _steps(apart: Array, strength: float, rng: np.random.Generator, count: int = 3) -> Array:
    """Sums of smooth steps along random directions of colour (date, band, y, x), `strength` times the contrast of each date."""
    dates, bands = apart.shape[:2]
    along = np.einsum("tkj,tjyx->tkyx", rng.standard_normal((dates, count, bands)), apart)
    along /= along.std((2, 3), keepdims=True) + 1e-6
    step = np.tanh(1.5 * along + rng.standard_normal((dates, count, 1, 1)))
    height = strength * apart.std((1, 2, 3))[:, None, None] * rng.standard_normal((dates, bands, count)) / count**0.5
    return np.asarray(np.einsum("tik,tkyx->tiyx", height, step), np.float32)


def _parcels(shape: tuple[int, ...], dates: int, bands: int, model: Degradation, rng: np.random.Generator) -> Array:
    """Logarithms of gains (date, band, y, x), constant between two random lines across the patch; zero on most dates."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    angle, offset = rng.uniform(0, 2 * np.pi, (2, dates, 1, 1)), rng.uniform(-0.7, 0.7, (2, dates, 1, 1))
    side = (np.cos(angle) * y + np.sin(angle) * x > offset).astype(int)
    part = 2 * side[0] + side[1]
    gains = 0.1 * (rng.standard_normal((dates, 4, 1)) + 0.7 * rng.standard_normal((dates, 4, bands)))
    gains *= (rng.random(dates) < model.parcels)[:, None, None]
    return np.asarray(gains[np.arange(dates)[:, None, None], part].transpose(0, 3, 1, 2), np.float32)


def _weather(lr: Array, model: Degradation, rng: np.random.Generator) -> tuple[Array, Mask]:
    """Clouds that brighten and shadows that darken; the mask of those that were noticed."""
    dates, _, height, width = lr.shape
    has: Mask = np.array([rng.random() < (model.cloud if date else model.target_cloud) for date in range(dates)])
    cover = rng.random(dates) ** 0.7
    field = ndimage.zoom(rng.standard_normal((dates, 5, 5)), (1, height / 5, width / 5), order=1)
    cloud = has[:, None, None] & np.greater(field, np.quantile(field, 1 - cover, axis=(1, 2)).diagonal()[:, None, None])
    shadow: Mask = np.less(rng.random(dates), 0.3)
    bright = lr * 0.3 + rng.uniform(0.15, 0.7, (dates, 1, 1, 1)) * (1 + 0.1 * rng.standard_normal((dates, 1, height, width)))
    dark = lr * rng.uniform(0.3, 0.7, (dates, 1, 1, 1))
    seen = np.where(cloud[:, None], np.where(shadow[:, None, None, None], dark, bright), lr)
    # An unnoticed cloud on the target would make a wrong truth right.
    noticed: Mask = np.array([date == 0 or rng.random() >= model.missed for date in range(dates)])
    dropped = (rng.random(dates) < model.dropped) & (np.arange(dates) > 0)
    return seen.astype(np.float32), ~(cloud & noticed[:, None, None]) & ~dropped[:, None, None]


def _noise(lr: Array, model: Degradation, rng: np.random.Generator) -> Array:
    floor, slope = rng.uniform(*model.noise), rng.uniform(*model.noise_slope)
    return (lr + np.sqrt(floor**2 + slope**2 * np.maximum(lr, 0)) * rng.standard_normal(lr.shape)).astype(np.float32)


def _compress(lr: Array, step: float) -> Array:
    """The differences within each 2×2 pixels (Haar's wavelet) rounded towards zero to multiples of `step`, as JPEG 2000 does."""
    height, width = (size // 2 * 2 for size in lr.shape[-2:])
    if step <= 0:
        return lr
    part = lr[..., :height, :width]
    total = np.zeros_like(part)
    for across in (1, -1):
        for down in (1, -1):
            sign = np.tile(np.array([[1, across], [down, across * down]], np.float32), (height // 2, width // 2))
            inside = part * sign
            mean = (inside[..., ::2, ::2] + inside[..., 1::2, ::2] + inside[..., ::2, 1::2] + inside[..., 1::2, 1::2]) / 4
            kept = mean if across == down == 1 else np.trunc(mean / np.float32(step)) * np.float32(step)
            total += sign * kept.repeat(2, -2).repeat(2, -1)
    out = lr.copy()
    out[..., :height, :width] = total
    return out
