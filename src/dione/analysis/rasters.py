"""Indices and change of a whole scene as cloud-optimised GeoTIFFs, window by window, each whole or not at all."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from dione.analysis import change as changes
from dione.analysis.indices import indices
from dione.analysis.trust import Trust
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import CannotWrite
from dione.base.storage.files import LOCK, alone, at_home, folder
from dione.base.windows import Window
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import Form
from dione.prediction.record import installed
from dione.sources import results
from dione.sources.places import some

log = logging.getLogger(__name__)

BLOCK_PX = 2048
FLAG = Form(bands=("flag",), dtype="uint8", unit="class", classes=changes.CLASSES)


@dataclass(frozen=True)
class Changed:
    """What was written, and what it says."""

    files: tuple[Path, ...]
    facts: dict[str, Any]

    @property
    def words(self) -> str:
        told = self.facts
        return (
            f"{told['before']} to {told['after']}, {told['index']}: {told['more']:.1%} of the area more, {told['less']:.1%} less, "
            f"{told['same']:.1%} no change told, {told['not_trusted']:.1%} not trusted"
        )


def write_indices(stack: xr.Dataset, out: Path, names: Sequence[str], *, trust: Trust, band_correlation: float = 0.0) -> list[Path]:
    """OUT/<date>_<INDEX>.tif for each date and index: two bands, the index and its 1σ, NaN where not trusted. Raises as `indices`, and CannotWrite."""
    _apart(out, names)
    made, empty = [], []
    for date in range(stack.sizes["time"]):
        for name in names:
            file = f"{when.label(stack, date)}_{name}"
            with _alone(out, file):
                canvas, told = _canvas(stack, out, file, Form(bands=(name, f"{name} 1 sigma"), dtype="float32", unit="index")), 0
                for window in canvas.windows():
                    found = indices(_part(stack, window).isel(time=[date]), name, trust=trust, band_correlation=band_correlation)
                    values = np.concatenate([found[name].values, found[f"{name}_sigma"].values])
                    told += int((there := np.isfinite(values[0])).sum())
                    canvas.paint(window, values, valid=there)
                made.append(canvas.finish(_tags(stack, trust)))
                empty += [] if told else [file]
    if empty:
        log.warning("%s: no pixel has a number, since none is trusted; allow a larger sigma, or take other dates", some(empty))
    return made


def write_change(stack: xr.Dataset, out: Path, before: str, after: str, rule: changes.ChangeRule) -> Changed:
    """OUT/<before>_<after>_change.tif (difference, sigma, z) and …_flag.tif (classes). Two rounds: z first, then flags. Raises as `change`, and CannotWrite."""
    before, after = (when.label(stack, date) for date in changes.pair(stack, before, after))
    name = f"{before}_{after}_{rule.index}"
    with _alone(out, name):
        layers = _canvas(stack, out, f"{name}_change", Form(bands=("difference", "sigma", "z"), dtype="float32", unit="index"))
        flags = _canvas(stack, out, f"{name}_flag", FLAG)
        counted = np.zeros(changes.BINS, np.int64)
        for window in layers.windows():
            found = changes.differences(_part(stack, window), before, after, rule)
            counted += changes.counts(found)
            layers.paint(window, np.stack([found[layer].values for layer in ("difference", "sigma", "z")]), valid=np.isfinite(found["z"].values))
        least_z, kinds = changes.threshold(counted, rule.rate), np.zeros(4, np.int64)
        for window in flags.windows():
            flag = changes.flagged(changes.differences(_part(stack, window), before, after, rule), least_z)["flag"].values
            flags.paint(window, flag[None], valid=flag > 0)
            kinds += np.bincount(flag.ravel(), minlength=4)
        shares = kinds / kinds.sum()
        told = dict(zip(("not_trusted", "same", "more", "less"), (round(float(share), 6) for share in shares), strict=True))
        files = tuple(canvas.finish(_tags(stack, rule.trust)) for canvas in (layers, flags))
    return Changed(files, {"before": before, "after": after, "index": rule.index, "rate": rule.rate, "largest_p": changes.p_of(least_z), **told})


def _alone(out: Path, name: str) -> AbstractContextManager[None]:
    """Two that paint the same file would take each other's blocks away; others of the folder may be painted meanwhile."""
    home = folder(at_home(out))
    return alone(home / name, home / f".{name}{LOCK}")


def _apart(out: Path, names: Sequence[str]) -> None:
    """Raise CannotWrite for an index whose file would be a result's own where a disk takes large and small letters for the same: SR."""
    endings = {name: name.lower() for name in names if name.lower() in (*results.ENDINGS, "input") and results.found(out, name.lower())}
    if endings:
        told = ", ".join(f"<date>_{name}.tif would be <date>_{ending}.tif on some disks" for name, ending in endings.items())
        raise CannotWrite(f"{out} holds results: {told}\nname another folder with -o")


def _canvas(stack: xr.Dataset, out: Path, name: str, form: Form) -> Canvas:
    """An empty one; a file that was there under this name is gone."""
    canvas = Canvas(folder(at_home(out)), name, grid=stacks.grid_of(stack), block=BLOCK_PX, key=f"{form}", form=form)
    canvas.clear()
    canvas.path.unlink(missing_ok=True)
    return canvas


def _part(stack: xr.Dataset, window: Window) -> xr.Dataset:
    rows, columns = window.slices
    return stack.isel(y=rows, x=columns)


def _tags(stack: xr.Dataset, trust: Trust) -> dict[str, str]:
    return {"TIFFTAG_SOFTWARE": f"dione {installed('dione')}", "DIONE_TRUST": f"sigma up to {trust.max_sigma:g}{', confirmed' if trust.confirmed else ''}"}
