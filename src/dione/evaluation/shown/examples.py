"""A few images to look at: where the model gained most, where least, and one in between."""

from dataclasses import dataclass

import numpy as np
import torch

from dione.evaluation.cases import REFERENCE, Cases, Models, Source
from dione.evaluation.statistics.rows import Rows
from dione.prediction.looks import picture


@dataclass(frozen=True)
class Example:
    """One image in several versions; data URIs."""

    name: str
    """best, median or worst."""
    where: str
    gain_db: float
    pictures: dict[str, str]
    """By what they show."""


def examples(rows: Rows, source: Source, models: Models, model: str) -> list[Example]:
    """The best, the median and the worst image by cPSNR over bicubic, from the most dates; they are made once more."""
    most = int(str(max(rows.values("dates"))))  # type: ignore[type-var]
    mine, plain = (rows.where(model=name, dates=most) for name in (model, REFERENCE))
    gain = mine.sums["cpsnr"] - plain.sums["cpsnr"]
    order = np.argsort(gain, kind="stable")
    chosen = {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}
    patches = {str(mine.keys["patch"][at]) for at in chosen.values()}
    with torch.inference_mode():
        found = {
            str(patch): (cases, at)
            for cases in source.cases({name: models[name] for name in (model, REFERENCE)}, most, only=patches)
            for at, patch in enumerate(cases.keys["patch"])
        }
    return [
        Example(name, _where(*found[str(mine.keys["patch"][at])]), float(gain[at]), _pictures(*found[str(mine.keys["patch"][at])], model))
        for name, at in chosen.items()
    ]


def _where(cases: Cases, at: int) -> str:
    return ", ".join(str(cases.keys[name][at]) for name in ("site", "place", "day") if cases.keys[name][at])


def _pictures(cases: Cases, at: int, model: str) -> dict[str, str]:
    """Input, bicubic, model and truth in one stretch; sigma the more opaque the larger."""
    made = cases.made[model]
    truth = cases.hr[at].numpy()
    tone = picture.stretch(truth, picture.TRUE_COLOUR)
    images = {"input": cases.lr[at], REFERENCE: cases.made[REFERENCE].sr[at], model: made.sr[at], "truth": cases.hr[at]}
    painted = {name: tone.paint(image.numpy()) for name, image in images.items()}
    sigma = made.sigma[at].numpy()
    painted["uncertainty"] = picture.overlay(sigma, worst=float(np.percentile(sigma.mean(0), 99)))
    return {name: picture.data_uri(picture.webp(pixels, quality=None)) for name, pixels in painted.items()}
