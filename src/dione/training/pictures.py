"""What a network makes of a few patches, beside what it was given and what is true: one sheet a validation."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from dione.base.storage.files import folder as made_folder
from dione.base.storage.files import whole
from dione.nets.baselines import Bicubic, Nearest
from dione.prediction.looks import picture
from dione.training.part import Part
from dione.training.validation import at

PATCHES = 4
ENLARGED = 3
GAP, HEAD = 6, 20
TITLES = ("input", "bicubic", "result", "truth", "|error|", "sigma")
PAPER, INK = (250, 250, 248), (30, 32, 34)


def write(folder: Path, step: int, sheet: Image.Image) -> Path:
    """`folder`/pictures/STEP.png."""
    path = made_folder(folder / "pictures") / f"{step:06d}.png"
    with whole(path) as partial:
        sheet.save(partial, "PNG", optimize=True)
    return path


@torch.no_grad()
def draw(net: nn.Module, part: Part) -> Image.Image:
    """A row for each of PATCHES patches, always the same, from all their dates: TITLES. Error and sigma share one scale, black to 2 % of the row's brightest."""
    rows = part.spread(PATCHES)
    batch = at(net, part.patches.batch(rows))
    sr, log_sigma = net(batch.lr, batch.valid)
    zoom = batch.hr.shape[-1] // batch.lr.shape[-1]
    images = [each.to(sr.device)(batch.lr, batch.valid)[0] for each in (Nearest(zoom), Bicubic(zoom))] + [sr, batch.hr]
    maps = [(sr - batch.hr).abs().mean(1), log_sigma.exp().mean(1)]
    side = batch.hr.shape[-1] * ENLARGED
    page = Image.new("RGB", (len(TITLES) * (side + GAP) + GAP, HEAD + len(rows) * (side + GAP)), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for column, title in enumerate(TITLES):
        pen.text((GAP + column * (side + GAP), 3), title, font=font, fill=INK)
    for row in range(len(rows)):
        cells = _cells([image[row].cpu().numpy() for image in images], [each[row].cpu().numpy() for each in maps])
        for column, cell in enumerate(cells):
            page.paste(Image.fromarray(picture.fitted(cell, (side, side))), (GAP + column * (side + GAP), HEAD + row * (side + GAP)))
    return page


def _cells(images: list[picture.Array], maps: list[picture.Array]) -> Iterator[picture.Bytes]:
    tones = picture.stretch(images[-1], picture.TRUE_COLOUR)
    for image in images:
        yield tones.paint(image)
    brightest = max(float(np.percentile(np.stack(maps), 98)), 1e-6)
    for each in maps:
        yield _grey(each / brightest)


def _grey(share: NDArray[np.float32]) -> picture.Bytes:
    return np.repeat(np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)[..., None], 3, -1)
