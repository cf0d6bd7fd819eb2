"""A scene cut into tiles, the places of a series: each scores as a patch does, and together they add up to the scene."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from dione.base.windows import Window

TILE_PX = 16
"""Least side of a tile, coarse pixels."""


def tiled(shape: tuple[int, int]) -> list[dict[int, Window]]:
    """Numbered tiles, as even as can be, that cover a scene once; those of one shape together."""
    down, across = (np.linspace(0, side, max(side // TILE_PX, 1) + 1).astype(int).tolist() for side in shape)
    tiles = [Window(top, left, bottom, right) for top, bottom in pairwise(down) for left, right in pairwise(across)]
    return [{number: tile for number, tile in enumerate(tiles) if tile.shape == one} for one in sorted({tile.shape for tile in tiles})]


def cut(image: Shaped[Tensor, "1 *c y x"], tiles: Iterable[Window], zoom: int = 1) -> Shaped[Tensor, "n *c v u"]:
    """The tiles (of zoom times as many pixels) of an image, one after the other."""
    return torch.cat([image[(..., *tile.zoomed(zoom).slices)] for tile in tiles])
