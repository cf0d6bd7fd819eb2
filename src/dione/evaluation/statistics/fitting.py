"""Results compared with a reference where they fit it best: real sharp imagery is orthorectified metres off, locally.

The reference is moved, each image and each model for itself, by at most so many of its pixels along each axis, to where the squared
difference is least where it is scored (dione.measure.shift); brightness is forgiven anyway. Every score is then that of the moved reference.
What is scored shrinks by the rim that such a shift could leave open, the same for every model.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from dione.base.errors import BadRecipe
from dione.evaluation.cases import Cases, Made
from dione.measure import shift


def inside(cases: Cases, *, limit_px: float) -> Cases:
    """The cases with what is scored shrunk by the rim; those of which clouds leave nothing there are left out.

    Raises BadRecipe where images are too small for such a shift.
    """
    rim, side = shift.margin(limit_px), min(cases.hr.shape[-2:])
    if not shift.fits(side, limit_px):
        raise BadRecipe(f"images of {side} px leave nothing to compare within a shift of {limit_px:g} px\nchoose a smaller --align-px, or larger patches")
    inner = torch.zeros_like(cases.seen)
    inner[:, rim : cases.seen.shape[1] - rim, rim : cases.seen.shape[2] - rim] = True
    seen = cases.seen & inner
    kept = seen.any(-1).any(-1)
    keys = {name: values[kept.numpy()] for name, values in cases.keys.items()}
    made = {name: Made(one.sr[kept], one.sigma[kept]) for name, one in cases.made.items()}
    return Cases(keys, cases.lr[kept], cases.hr[kept], seen[kept], made)


def fitted(cases: Cases, model: str, *, limit_px: float) -> tuple[Cases, Float[Tensor, " b"]]:
    """Cases that are `inside` with the reference moved onto what `model` made, and by how far, pixels of the reference."""
    by = shift.find(cases.made[model].sr, cases.hr, limit_px=limit_px, seen=cases.seen)
    return replace(cases, hr=shift.shifted(cases.hr, by)), by.square().sum(1).sqrt()
