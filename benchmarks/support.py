"""What the support map says and costs: shares of its classes and how right their detail is, by number of dates; time beside the network's.

    python benchmarks/support.py

On the made-up world (seeds 1 to 4, 80 × 80 coarse pixels), with the shipped weights. "right" is the correlation of the
added detail with what the target's own picture lacks of the truth, in near infrared.
"""

import json
import time

import machine
import numpy as np
import torch

from dione.nets.parts.resampling import Enlarge
from dione.nets.resolver import load
from dione.prediction.files.form import SUPPORT
from dione.prediction.memory import predict
from dione.prediction.windows import scene, support
from dione.prediction.windows.engine import engine
from dione.prepare.select import choose
from dione.testing import landscape, series

SEEDS, DATES = (1, 2, 3, 4), (1, 2, 4, 8)
NAMES = {one.value: one.name for one in SUPPORT.classes}


def row(days: int) -> dict[str, object]:
    """Shares and correctness with so many dates."""
    added, missing, found = [], [], []
    for seed in SEEDS:
        made = series(landscape((80, 80), seed=seed), days=days, seed=seed)
        sharp = predict(made.stack, precision="float32")
        target = torch.from_numpy(made.stack["reflectance"].values[-1:, support.BAND :])
        own = torch.nn.functional.pixel_shuffle(Enlarge(4)(support.own_picture(target, 4)), 4)[0, 0].numpy()
        added.append(sharp["reflectance"].values[0, support.BAND] - own)
        missing.append(made.truth[-1][support.BAND] - own)
        found.append(sharp["support"].values[0])
    kinds, more, less = (np.stack(parts) for parts in (found, added, missing))
    return {"dates": days} | {
        name: {"share": round(float((kinds == value).mean()), 3), "right": round(float(np.corrcoef(more[kinds == value], less[kinds == value])[0, 1]), 3)}
        for value, name in NAMES.items()
        if (kinds == value).any()
    }


def cost(side: int = 384, rounds: int = 4) -> dict[str, float]:
    """Processor seconds of one window of eight dates: all of it, and the map's part."""
    stack, resolver, used = series(landscape((side, side), seed=1), days=8, seed=1).stack, load("setsr-s"), engine()
    choice = choose(stack)[0]
    spent, parts = [], []
    judged = support.judged

    def timed(*given: object) -> object:
        began = time.process_time()
        made = judged(*given)  # type: ignore[arg-type]
        parts.append(time.process_time() - began)
        return made

    support.judged = timed  # type: ignore[assignment]
    for _ in range(rounds):
        began = time.process_time()
        list(scene.pieces(stack, resolver, choice, [scene.Window(0, 0, side, side)], used, use=lambda piece: piece))
        spent.append(time.process_time() - began)
    support.judged = judged
    return {"window_s": round(min(spent), 3), "support_s": round(min(parts), 3), "share": round(min(parts) / min(spent), 3)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({"machine": machine.facts(), "engine": str(engine()), "worlds": [row(days) for days in DATES], "cost": cost()}, indent=2))
