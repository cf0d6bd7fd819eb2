"""Draws docs/pictures/how-it-works.webp from the made-up world: python scripts/pictures.py

Columns: the target date as it is, by bicubic, by setsr-s from eight dates, sigma, the ground.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import dione
from dione.prediction.looks.picture import TRUE_COLOUR, fitted, stretch
from dione.testing import landscape, series

OUT = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "how-it-works.webp"
SIDE_PX, RIM_PX = 48, 6
GAP_PX = 6


def inner(sharp: NDArray[np.float32], zoom: int) -> NDArray[np.float32]:
    """Without the rim, where a network sees less than it needs."""
    rim = RIM_PX * zoom
    return sharp[..., rim:-rim, rim:-rim]


def error_db(picture: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """PSNR, the peak being a reflectance of 1."""
    return float(-10 * np.log10(np.mean((picture - truth) ** 2)))


def draw() -> str:
    """Write the picture; returns what was gained, in words."""
    made = series(landscape((SIDE_PX + 2 * RIM_PX,) * 2, seed=5), days=8, seed=5)
    bicubic, sharp = (dione.predict(made.stack, model=model, precision="float32") for model in ("bicubic", "setsr-s"))
    truth = inner(made.truth[-1], 4)
    coarse = inner(made.stack["reflectance"].values[-1], 1)
    enlarged, sharpened = (inner(one["reflectance"].values[0], 4) for one in (bicubic, sharp))
    sigma = inner(sharp["sigma"].values[0], 4).mean(0)
    tone = stretch(truth, TRUE_COLOUR)
    doubt = np.repeat(np.rint(np.clip(sigma / np.percentile(sigma, 99), 0, 1) * 255).astype(np.uint8)[..., None], 3, -1)
    columns = [fitted(tone.paint(coarse), truth.shape[1:]), tone.paint(enlarged), tone.paint(sharpened), doubt, tone.paint(truth)]
    gap = np.full((truth.shape[1], GAP_PX, 3), 255, np.uint8)
    sheet = np.hstack([part for column in columns for part in (gap, column)][1:])
    OUT.parent.mkdir(exist_ok=True)
    Image.fromarray(sheet).save(OUT, "WEBP", quality=85, method=6)
    return f"{OUT.name}: bicubic {error_db(enlarged, truth):.1f} dB, setsr-s {error_db(sharpened, truth):.1f} dB"


if __name__ == "__main__":
    print(draw())
