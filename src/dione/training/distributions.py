"""How the values of each band are distributed: in the target date, in the reference, and in what the network makes of it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dione.base.bands import BANDS
from dione.training.part import Part
from dione.training.validation import at

PATCHES = 32


@torch.no_grad()
def values(net: nn.Module, part: Part) -> dict[str, NDArray[np.float32]]:
    """Reflectance of PATCHES patches, always the same, by band and kind: {"blue/input": …, "blue/result": …, "blue/truth": …}. Only what the target saw counts."""
    batch = at(net, part.patches.batch(part.spread(PATCHES)))
    zoom = batch.hr.shape[-1] // batch.lr.shape[-1]
    seen = batch.valid[:, 0]
    fine = seen.repeat_interleave(zoom, -2).repeat_interleave(zoom, -1)
    kinds: tuple[tuple[str, Tensor, Tensor], ...] = (
        ("input", batch.lr[:, 0], seen),
        ("result", net(batch.lr, batch.valid)[0], fine),
        ("truth", batch.hr, fine),
    )
    return {f"{band}/{kind}": image[:, number][mask].cpu().numpy() for number, band in enumerate(BANDS) for kind, image, mask in kinds}
