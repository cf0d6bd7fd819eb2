"""Patches of a store, sharpened: what a network made of each, kept as pixels, and a page of pictures to look at.

    OUT/predictions.zarr    sr (row, band, y, x), reflectance × 10000, uint16 or float32 as in the store; row (row,) of the store
    OUT/patches.html        for some of them: input, bicubic, bicubic of the reference brought down, result, reference

Bicubic of the reference brought down to Sentinel-2's pixels shows what could be had without any second date, were the
two sensors alike in everything but their pixels; what the result has beyond bicubic of Sentinel-2 came from elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import zarr
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from dione.base import optics
from dione.base.errors import BadModel, NotFound
from dione.base.storage.files import folder, write_text
from dione.base.storage.folders import whole_folder
from dione.nets.resolver import Resolver, at_zoom
from dione.pages.page import Dress, rendered
from dione.patches.shards import CHUNK, numbers
from dione.patches.store import PER_UNIT, Store
from dione.prediction.looks import picture
from dione.prediction.windows.engine import EXACT

SIDE_PX = 192
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sharpened:
    """Some patches and what was made of them; reflectance."""

    rows: NDArray[np.int64]
    target: Float[Tensor, "b c h w"]
    sr: Float[Tensor, "b c y x"]
    hr: Float[Tensor, "b c y x"]


@dataclass(frozen=True)
class Shown:
    """One patch on the page."""

    words: str
    pictures: dict[str, str]
    """Data URIs, by what they show."""


def predict(
    opened: Store, resolver: Resolver, out: Path, *, split: str | None = "test", dates: int | None = None, show: int = 12, progress: Progress = lambda *_: None
) -> int:
    """Sharpen the patches of a split (None for all) into the folder `out`; returns how many.

    A method without weights takes the patches' zoom. dates: of each patch, the target among them; all by default. show: how many to draw, evenly spread.
    Raises NotFound for an empty split, BadModel for one of another zoom, CannotWrite.
    """
    rows = opened.rows(split=split) if split else opened.rows()
    if not len(rows):
        raise NotFound(
            f"{opened.path} has no patch in split '{split}'; it has {sorted(set(opened.index['split'].to_pylist()))}\nname one of these with --split"
        )
    resolver = at_zoom(resolver, opened.about["zoom"])
    if resolver.zoom != opened.about["zoom"]:
        raise BadModel(f"{resolver.name} enlarges {resolver.zoom} times, the patches of {opened.path} need {opened.about['zoom']}\nuse a model of that zoom")
    chosen = set(rows[np.linspace(0, len(rows) - 1, min(show, len(rows))).astype(int)].tolist())
    shown: list[Shown] = []
    done = 0
    with whole_folder(folder(out) / "predictions.zarr") as partial:
        exact = opened.hr.dtype.kind == "f"
        pixels = _arrays(partial, rows, tuple(int(side) for side in opened.hr.shape[1:]), exact)
        for made in sharpened(opened, resolver, rows, dates):
            pixels[done : done + len(made.rows)] = numbers(made.sr.numpy(), exact)
            shown += [draw(opened, made, at, resolver.name) for at, row in enumerate(made.rows) if int(row) in chosen]
            done += len(made.rows)
            progress("patches", done, len(rows))
    write(out / "patches.html", shown, store=str(opened.path), model=resolver.name, total=len(rows))
    return done


def _arrays(path: Path, rows: NDArray[np.int64], shape: tuple[int, ...], exact: bool) -> "zarr.Array[Any]":
    """Room for what is made of each patch, beside its row."""
    group = zarr.open_group(path, mode="a")
    group.create_array("row", shape=(len(rows),), dtype="int64", chunks=(max(len(rows), 1),))[:] = rows
    return group.create_array("sr", shape=(len(rows), *shape), dtype="float32" if exact else "uint16", chunks=(CHUNK, *shape))


@torch.inference_mode()
def sharpened(opened: Store, resolver: Resolver, rows: NDArray[np.int64], dates: int | None) -> Iterator[Sharpened]:
    """The rows in their order, a chunk at a time."""
    for span in opened.spans():
        here = rows[(rows >= span.start) & (rows < span.stop)]
        if not len(here):
            continue
        lr, valid, hr = (np.asarray(part[span])[here - span.start] for part in (opened.lr, opened.valid, opened.hr))
        for start in range(0, len(here), CHUNK):
            some = slice(start, start + CHUNK)
            inputs = torch.from_numpy(lr[some, :dates].astype(np.float32)) / PER_UNIT
            sr, _ = EXACT.run(resolver, inputs, torch.from_numpy(valid[some, :dates]))
            yield Sharpened(here[some], inputs[:, 0], sr, torch.from_numpy(hr[some].astype(np.float32)) / PER_UNIT)


def brought_down(hr: Float[Tensor, "b c y x"], zoom: int) -> Float[Tensor, "b c h w"]:
    """The reference as Sentinel-2 would see it, by the nominal blur of its bands."""
    rows, columns = (torch.from_numpy(optics.sampling(side // zoom, side, zoom)) for side in hr.shape[-2:])
    return rows @ hr @ columns.T


def draw(opened: Store, made: Sharpened, at: int, model: str) -> Shown:
    """Five pictures in one stretch."""
    hr, size = made.hr[at : at + 1], tuple(made.hr.shape[-2:])
    target = made.target[at : at + 1]
    zoom = size[0] // int(target.shape[-1])
    images = {
        "input": target,
        "bicubic of the input": F.interpolate(target, size=size, mode="bicubic", align_corners=False),
        "bicubic of the reference brought down": F.interpolate(brought_down(hr, zoom), size=size, mode="bicubic", align_corners=False),
        model: made.sr[at : at + 1],
        "reference": hr,
    }
    tone = picture.stretch(hr[0].numpy(), picture.TRUE_COLOUR)
    side = size[0] * max(1, -(-SIDE_PX // size[0])), size[1] * max(1, -(-SIDE_PX // size[1]))
    painted = {name: picture.data_uri(picture.webp(picture.fitted(tone.paint(image[0].numpy()), side), quality=None)) for name, image in images.items()}
    facts = opened.index.slice(int(made.rows[at]), 1).to_pylist()[0]
    return Shown(f"row {made.rows[at]}, {facts['site']} {facts['place']}", painted)


def write(path: Path, shown: list[Shown], **values: Any) -> Path:
    """One HTML file."""
    return write_text(path, rendered("dione.evaluation", "patches.html", dress=Dress(styles=("page.css", "scores.css")), shown=shown, **values))
