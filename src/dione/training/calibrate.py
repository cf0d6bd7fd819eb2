"""Calibration of a network on places that it did not learn from, and of a weights file that is there already."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path

import torch
from torch import nn

from dione.base.bands import BANDS
from dione.base.errors import BadModel, BadSource
from dione.base.storage.files import ends, folder
from dione.measure import calibration
from dione.nets import resolver
from dione.nets.deviation import deviation, enlarged
from dione.patches import store
from dione.training.part import Part, fits, open_parts
from dione.training.validation import BATCH, at

DATES = (1, 2, 4, 8)
"""Numbers of dates, mixed in equal parts."""
LIMIT = 4096
"""Patches looked at, about, the same number of each place."""
BORDER = 4
"""Sharp pixels at a patch's edge that are left out: there the network lacks what a scene would have shown it."""


@dataclass(frozen=True)
class Calibrated:
    """Factors for sigma, and how many places they stand on."""

    factors: calibration.Calibration
    places: int

    def __str__(self) -> str:
        bands = ", ".join(f"{band} {factor:.3f}" for band, factor in zip(BANDS, self.factors.sigma_scale, strict=True))
        widths = ", ".join(f"{float(level):.0%} within {width:.3f}" for level, width in self.factors.intervals.items())
        floors = ", ".join(f"{floor:.1%}" for floor in self.factors.sigma_floor)
        return f"sigma times {bands}, and {floors} of the light, times {self.factors.sigma_filled:.3f} under clouds; {widths} sigmas; from {self.places} places"

    def on(self, about: resolver.About) -> resolver.About:
        """`about` with these factors."""
        note = {"places": self.places, "dates": list(DATES)}
        return about.model_copy(
            update={
                "sigma_scale": self.factors.sigma_scale,
                "sigma_floor": self.factors.sigma_floor,
                "sigma_filled": self.factors.sigma_filled,
                "intervals": self.factors.intervals,
                "provenance": {**about.provenance, "calibration": note},
            }
        )


@torch.no_grad()
def calibrate(net: nn.Module, part: Part) -> Calibrated:
    """Factors that make intervals of `net`'s sigma cover what they say on the places of `part`, where the target was seen.

    What clouds hid and other dates filled has a factor of its own: it is harder, and would widen the intervals of all that was seen.

    Raises BadSource for too few places.
    """
    found = [reduce(add, (_tally(net, part, some, dates) for some in rows.split(BATCH) for dates in DATES)) for rows in part.by_place(LIMIT).values()]
    places = [place for place in found if place.pixels]
    try:
        made = calibration.calibration(places)
        return Calibrated(replace(made, sigma_filled=_filled(net, part, made)), len(places))
    except ValueError as error:
        raise BadSource(f"cannot calibrate: {error}\nmake the store again with more validation places") from error


def calibrate_file(model: str | Path, patches: str | Path, out: Path) -> Calibrated:
    """Write `model` to `out` with sigma calibrated on the validation places of a store; weights stay as they are.

    Raises BadModel for a baseline, which has no weights to keep; CannotWrite, before anything is worked out.
    """
    ends(out, ".safetensors")
    found = resolver.load(model)
    if not found.has_weights:
        raise BadModel(f"{model} is a baseline: it has no sigma of its own to calibrate\nname a model with weights, see `dione models list`")
    if found.turns > 1:
        raise BadModel(f"{model} is a network asked in several turns; a file holds it once\ncalibrate {str(model).rpartition('@')[0]}")
    opened = store.read(patches)
    fits(opened, len(found.bands), found.zoom)
    folder(out.parent)
    made = calibrate(found.net, open_parts(opened, ("validation",))["validation"])
    halves = all(torch.equal(value, value.half().to(value.dtype)) for value in found.net.state_dict().values() if value.is_floating_point())
    resolver.store(out, found.net, made.on(found.about), half=halves)
    return made


def _filled(net: nn.Module, part: Part, factors: calibration.Calibration) -> float:
    """What sigma with these factors lacks where other dates filled what the target did not see."""
    found = []
    for rows in part.by_place(LIMIT).values():
        looks = [_look(net, part, some, dates) for some in rows.split(BATCH) for dates in DATES]
        counts = [calibration.counts(look.error, deviation(look.sr, look.log_sigma, factors), look.hidden) for look in looks]
        found.append(reduce(add, counts).cumsum(-1)[:, :-1].double().cpu())
    return calibration.filled([place for place in found if place[0, -1]])


@dataclass(frozen=True)
class Look:
    """What a network made of some patches, without their edges."""

    sr: torch.Tensor
    log_sigma: torch.Tensor
    error: torch.Tensor
    seen: torch.Tensor
    """By the target."""
    hidden: torch.Tensor
    """From the target, and seen on another date."""


def _look(net: nn.Module, part: Part, rows: torch.Tensor, dates: int) -> Look:
    batch = at(net, part.patches.batch(rows, dates))
    sr, log_sigma = net(batch.lr, batch.valid)
    zoom = sr.shape[-1] // batch.lr.shape[-1]
    seen, covered = (enlarged(each, zoom) for each in (batch.valid[:, 0], batch.valid.any(1)))
    inner = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return Look(*(each[inner] for each in (sr, log_sigma, sr - batch.hr, seen, covered & ~seen)))


def _tally(net: nn.Module, part: Part, rows: torch.Tensor, dates: int) -> calibration.Tally:
    """Errors in sigmas over these patches."""
    look = _look(net, part, rows, dates)
    return calibration.tally(look.error, look.log_sigma.exp(), look.sr, look.seen)
