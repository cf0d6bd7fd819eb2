"""What a raster says itself of where it shows nothing: a mask inside or beside it (`.msk`), or a band of opacity (alpha)."""

from collections.abc import Sequence

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window as RasterWindow

from dione.base.windows import Window
from dione.sources.rasters import intact


def alphas(file: rasterio.DatasetReader) -> list[int]:
    """The bands (1-based) that are called alpha."""
    return [index for index, meaning in enumerate(file.colorinterp, 1) if meaning is ColorInterp.alpha]


def hidden(file: rasterio.DatasetReader, index: int, opacity: Sequence[int], window: Window) -> NDArray[np.bool_]:
    """True (y, x) where a window of a band (1-based) is masked for all bands, or one of the bands of opacity is 0.

    GDAL makes a mask of alpha, of bytes and uint16 alone, and also where a band of the image bears that name: so it is read here.
    """
    made = np.zeros(window.shape, bool)
    flags = file.mask_flag_enums[index - 1]
    if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
        made |= file.read_masks(index, window=RasterWindow.from_slices(*window.slices)) == 0
    if opacity:
        made |= ~(intact.read(file, opacity, window) > 0).all(0)
    return made
