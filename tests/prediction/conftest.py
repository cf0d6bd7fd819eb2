"""Finished runs of a made-up world, for the pages' tests."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dione import testing
from dione.base import grid as grids
from dione.base import when
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import REFLECTANCE, SUPPORT
from dione.prediction.looks.preview import preview
from dione.prediction.record import provenance
from dione.prediction.run import Model, Run, Target
from dione.prepare.select import Choice, DateUse

MODEL = Model("made-up", "0" * 64, {"Network": "none: the truth itself"})


@pytest.fixture(scope="session")
def make_run():
    """`make_run(out, shape=..., ...)`: a run over a made-up scene whose result is the truth itself, written to `out`."""
    return run_of


def choice_of(series: testing.Series, target: int) -> Choice:
    """Every other clear date helps; dates under half clear are left out."""
    days, clear = when.days(series.stack), series.stack["valid"].values.mean((1, 2))
    apart = [abs((date.fromisoformat(day) - date.fromisoformat(days[target])).days) for day in days]

    def use(i: int) -> DateUse:
        role = "target" if i == target else "support" if clear[i] > 0.5 else "left out"
        reasons = {"target": "the date to sharpen", "support": f"clear over {clear[i]:.0%}, {apart[i]} days from the target", "left out": "too cloudy"}
        return DateUse(days[i], f"{days[i]}.tif", float(clear[i]), role, reasons[role])

    dates = tuple(use(i) for i in range(len(days)))
    return Choice(target, tuple(i for i in reversed(range(len(days))) if dates[i].role == "support"), dates)


def painted(out: Path, name: str, *, grid, values, valid, tags=None, form=REFLECTANCE) -> Path:
    canvas = Canvas(out, name, grid=grid, block=512, form=form)
    for window in canvas.windows():
        rows, columns = window.slices
        canvas.paint(window, values[:, rows, columns], valid=valid[rows, columns])
    return canvas.finish(tags or {})


def quarters(shape: tuple[int, int]) -> np.ndarray:
    """A map of support: measured, confirmed and learned from left to right."""
    return np.broadcast_to(np.arange(shape[1]) * 3 // shape[1] + 1, shape)


def run_of(out: Path, *, shape=(48, 60), days=5, cloud=0.25, targets=1, crop_px=256, max_side=1000, **place) -> Run:
    out.mkdir(parents=True, exist_ok=True)
    grid = testing.grid_at(shape, **place)
    series = testing.series(testing.landscape(shape, seed=1), days=days, cloud=cloud, seed=1, grid=grid)
    return Run(
        source="scenes/",
        model=MODEL,
        coarse=grid,
        zoom=4,
        targets=tuple(_target(out, series, grid, i, crop_px=crop_px, max_side=max_side) for i in range(days - targets, days)),
        options={"views": 8, "max_cloud": 0.5, "target": "latest"},
        notes={"radiometry": "reflectance = number × 0.0001, no offset"},
        seconds={"total": 1.25},
    )


def _target(out: Path, series: testing.Series, grid, i: int, *, crop_px: int, max_side: int) -> Target:
    choice = choice_of(series, i)
    seen, reflectance = series.stack["valid"].values[i], series.stack["reflectance"].values[i]
    before = np.where(seen, reflectance, np.nan).astype(np.float32)
    ever = np.any([series.stack["valid"].values[j] for j in choice.views], 0).repeat(4, 0).repeat(4, 1)
    fine, truth = grids.finer(grid, 4), series.truth[i]
    sigma = np.abs(truth - ndimage.uniform_filter(truth, (0, 5, 5))) + 0.003 + 0.02 * ~seen.repeat(4, 0).repeat(4, 1)
    tags = provenance(MODEL, choice)
    return Target(
        choice=choice,
        time=series.stack["time"].values[i],
        sr=painted(out, f"{choice.day}_sr", grid=fine, values=truth, valid=ever, tags=tags),
        sigma=painted(out, f"{choice.day}_sigma", grid=fine, values=sigma.astype(np.float32), valid=ever, tags=tags),
        support=painted(out, f"{choice.day}_support", grid=fine, values=quarters(fine.shape)[None], valid=ever, tags=tags, form=SUPPORT),
        before=preview(lambda w: before[:, w.slices[0], w.slices[1]], before.shape[1:], max_side=max_side, crop_px=crop_px),
        clear=float(seen.mean()),
        filled=float((ever[::4, ::4] & ~seen).mean()),
        consistency=0.0008,
        seconds={"network": 0.5},
    )
