"""How well the modulation at Nyquist is found from pictures alone, and the line that finds it, fitted anew.

    python benchmarks/sharpness.py FIT [FIT ...] --on SCENE [SCENE ...]

Every scene is brought to pixels four times larger by sensors that leave from 0.12 to 0.63 of the modulation, with noise
of Sentinel-2's size. The line is fitted on the first scenes and tried on the others. The last columns are what a scene has as it comes, and
what share of TRIES of its parts, SIDE pixels wide, a prediction would soften, and sharpen, before the network sees them (`--side`).
"""

import argparse
from pathlib import Path

import numpy as np

from dione.base import optics
from dione.patches.simulated.scenes import SceneSet, image
from dione.prediction import suits
from dione.prepare import sharpness

LEFT = (0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.63)
NOISE = 0.0025
"""Deviation over the root of reflectance."""
ZOOM = 4
LEAST_SEGMENTS = 96
"""Scenes of some 30 × 30 px, of which a prediction says nothing one by one, are good enough to fit a line to together."""
TRIES = 100


def picture_of(source: Path) -> tuple[np.ndarray, np.ndarray]:
    """A scene, or the first of a folder: reflectance (band, y, x), and where it was seen."""
    file = min(source.glob("*.tif")) if source.is_dir() else source
    pixels = image(str(file), SceneSet(path="", sensor="sentinel-2", coarse_m=40, pixel_m=10)).pixels
    return pixels, np.isfinite(pixels).all(0)


def lowered(picture: np.ndarray, seen: np.ndarray, modulation: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same with pixels ZOOM times larger, and noise."""
    rows, columns = (optics.sampling(side // ZOOM, side // ZOOM * ZOOM, ZOOM, modulation=modulation) for side in seen.shape)
    cut = (..., slice(rows.shape[1]), slice(columns.shape[1]))
    low = rows @ np.where(seen, picture, 0)[cut] @ columns.T
    noisy = low + NOISE * np.sqrt(np.maximum(low, 0)) * rng.standard_normal(low.shape)
    return noisy.astype(np.float32), rows @ (~seen[cut]).astype(np.float32) @ columns.T == 0


def step(picture: np.ndarray, seen: np.ndarray) -> float:
    """Of the power, median over bands, as the line takes it; NaN for too small a scene or bands without contrast."""
    spectra = sharpness.spectra(picture, seen)
    return np.nanmedian(sharpness.falls(np.concatenate(spectra).mean(0))) if sum(map(len, spectra)) >= LEAST_SEGMENTS else float("nan")


def steps(source: Path) -> np.ndarray:
    """For each modulation, then for the scene as it comes."""
    rng = np.random.default_rng(0)
    picture, seen = picture_of(source)
    return np.array([step(*lowered(picture, seen, left, rng)) for left in LEFT] + [step(picture, seen)])


def taken(source: Path, side: int) -> str:
    """Shares of parts of a scene that a prediction would soften / sharpen; empty for scenes no larger than a part."""
    rng = np.random.default_rng(0)
    picture, seen = picture_of(source)
    if min(seen.shape) < side:
        return ""
    told = []
    for top, left in (rng.integers(0, np.array(seen.shape) - side + 1) for _ in range(TRIES)):
        part = (..., slice(top, top + side), slice(left, left + side))
        spectra = sharpness.spectra(picture[part], seen[part])
        enough = sum(map(len, spectra)) >= sharpness.LEAST_SEGMENTS
        told.append(suits.outside(sharpness.left(np.concatenate(spectra).mean(0)) / optics.NYQUIST_MODULATION) if enough else None)
    return f"{told.count(1) / TRIES:.2f} / {told.count(0) / TRIES:.2f}"


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("fit", nargs="+", type=Path)
    given.add_argument("--on", nargs="*", type=Path, default=[])
    given.add_argument("--side", type=int, default=100)
    asked = given.parse_args()
    found = {source: steps(source) for source in [*asked.fit, *asked.on]}
    known = np.log(np.tile(LEFT, (len(asked.fit), 1)))
    there = np.array([found[source][:-1] for source in asked.fit])
    by_blur, level = np.polyfit(known[np.isfinite(there)], there[np.isfinite(there)], 1)
    slope, constant = 1 / by_blur, -level / by_blur
    print(f"ln modulation = {constant:.2f} + {slope:.2f} · fall\n")
    print("| scene | " + " | ".join(map(str, LEFT)) + f" | as it comes | {asked.side} px of it |\n|---|" + "---|" * (len(LEFT) + 2))
    for source, each in found.items():
        name = source.stem + ("" if source in asked.fit else ", not fitted on")
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.exp(constant + slope * each)) + f" | {taken(source, asked.side)} |")
