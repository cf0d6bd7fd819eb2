"""How good a network is while it trains: its gain over bicubic on patches that it does not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from dione.base.errors import BadSource, faults
from dione.measure.metrics import cpsnr
from dione.nets.baselines import Bicubic
from dione.patches.dataset import Batch
from dione.training.part import Part

BATCH = 64
LIMIT = 512
"""Patches that a validation looks at."""


@dataclass(frozen=True)
class Score:
    """Mean gain in cPSNR over bicubic of the target, dB, by number of dates."""

    gain: dict[int, float]

    @property
    def mean(self) -> float:
        """What the best weights are chosen by."""
        return sum(self.gain.values()) / len(self.gain)


def scored(part: Part, limit: int = LIMIT) -> Tensor:
    """Up to `limit` patches spread over `part`, without those whose target is clouded, as bicubic has nothing there. Raises BadSource where none is left."""
    rows = part.spread(limit)
    rows = rows[part.patches.valid[rows, 0].flatten(1).all(1)]
    if not len(rows):
        raise BadSource(
            "no validation patch has a clear target, so nothing can be scored\nmake the store again with fewer clouds or a larger validation fraction"
        )
    return rows


@torch.no_grad()
def validate(net: nn.Module, part: Part, *, dates: Sequence[int] = (1, 4, 8), limit: int = LIMIT) -> Score:
    """Score of `net` on what of `part` can be `scored`. Raises BadSource where nothing can, with the patches that hold what is no number."""
    rows = scored(part, limit)
    bicubic = Bicubic(int(net.config.zoom))  # type: ignore[union-attr, arg-type]
    gains: dict[int, float] = {}
    for count in dates:
        found = []
        for some in rows.split(BATCH):
            batch = at(net, part.patches.batch(some, count))
            gain = cpsnr(net(batch.lr, batch.valid)[0], batch.hr) - cpsnr(bicubic.to(batch.lr.device)(batch.lr, batch.valid)[0], batch.hr)
            if wrong := torch.isnan(gain).nonzero().flatten().tolist():
                advice = "look at these patches in the store, and take them out (`dione dataset curate`) or make it again"
                raise BadSource(faults("validation patches, or what the network makes of them, hold what is no number", part.named(batch, wrong), advice))
            found.append(gain)
        gains[count] = round(float(torch.cat(found).mean()), 4)
    return Score(gains)


def at(net: nn.Module, batch: Batch) -> Batch:
    """`batch` on the device of `net`."""
    device = next(net.parameters()).device
    return replace(batch, lr=batch.lr.to(device), valid=batch.valid.to(device), hr=batch.hr.to(device))
