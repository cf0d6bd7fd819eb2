"""Gain over bicubic of a real series brought down with another blur than the network was made for, as a table.

    python benchmarks/blur.py SERIES [--models setsr-s ...] [--modulation 0.15 0.25 0.35 0.6] [--believed 1.2]

believed: the input is compensated for so many times its true modulation, whatever is measured; 0 leaves it as it is.

The number is the modulation left at the Nyquist frequency of the coarse pixel: 0.2–0.3 for Sentinel-2, 0.64 for the
plain average of the pixels below. All dates stand alike; the mean over targets of the gain in cPSNR, dB, all dates used.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

import dione
from dione.evaluation.lower import coarser
from dione.nets.resolver import load
from dione.prediction import suits
from dione.prediction.memory import painted
from dione.prepare.select import choose

BORDER_PX = 8


def cpsnr(sr: np.ndarray, hr: np.ndarray) -> float:
    """PSNR for a peak of 1, after taking off each band's bias; the border left out."""
    inner = (..., slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX))
    apart = sr[inner] - hr[inner]
    return float(-10 * np.log10(np.square(apart - apart.mean((-1, -2), keepdims=True)).mean()))


@torch.inference_mode()
def gain(source: str, model: str, modulation: float, believed: float | None = None, *, views: int = 8) -> float:
    """Mean over the dates of a series, each seen with so many."""
    truth = dione.open(source).compute()
    low, net, base = coarser(truth, modulation=modulation), load(model), load("bicubic")
    shape = low.sizes["y"] * 4, low.sizes["x"] * 4
    found = []
    for choice in choose(low, target="all", views=views, max_cloud=0.0):
        hr = truth["reflectance"].values[choice.target, :, : shape[0], : shape[1]]
        told = suits.seeing(net, low, choice.views) if believed is None else replace(net, sees=believed * modulation or None)
        sharp = painted(low, told, choice)[0]
        found.append(cpsnr(sharp, hr) - cpsnr(painted(low, base, choice)[0], hr))
    return float(np.mean(found))


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("series", nargs="+")
    given.add_argument("--models", nargs="+", default=["setsr-s"])
    given.add_argument("--modulation", type=float, nargs="+", default=[0.15, 0.25, 0.35, 0.6])
    given.add_argument("--believed", type=float)
    asked = given.parse_args()
    print("| series | model | " + " | ".join(map(str, asked.modulation)) + " |\n|---|---|" + "---|" * len(asked.modulation))
    for source in asked.series:
        for model in asked.models:
            print(f"| {source} | {model} | " + " | ".join(f"{gain(source, model, each, asked.believed):+.2f}" for each in asked.modulation) + " |", flush=True)
