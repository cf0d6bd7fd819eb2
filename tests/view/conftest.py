"""A folder of results, as `dione predict` leaves it, with a hole in one date."""

import numpy as np
import pytest

from dione import testing
from dione.base import grid as grids
from dione.base import when
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import REFLECTANCE, SIGMA, SUPPORT

DAYS = ("2024-05-16", "2024-05-21")


def written(out, name, grid, values, valid, form=REFLECTANCE):
    canvas = Canvas(out, name, grid=grid, block=512, form=form)
    for window in canvas.windows():
        canvas.paint(window, values[:, *window.slices], valid=valid[window.slices])
    return canvas.finish()


def results(out, *, shape=(40, 60), **place):
    """Two dates; the first was not seen in its upper left corner, neither at 10 m nor sharpened. The left half's detail is confirmed, the right half's learned."""
    out.mkdir(parents=True, exist_ok=True)
    grid = testing.grid_at(shape, **place)
    series = testing.series(testing.landscape(shape, seed=1), days=5, seed=1, grid=grid)
    days = when.days(series.stack)
    for day in DAYS:
        at, seen = days.index(day), np.ones(shape, bool)
        seen[:8, :8] = day == DAYS[1]
        fine, fine_seen = grids.finer(grid, 4), seen.repeat(4, 0).repeat(4, 1)
        written(out, f"{day}_sr", fine, series.truth[at], fine_seen)
        written(out, f"{day}_sigma", fine, 0.1 * series.truth[at], fine_seen, SIGMA)
        written(out, f"{day}_support", fine, np.where(np.arange(4 * shape[1]) < 2 * shape[1], 2, 3) * np.ones((1, *fine_seen.shape)), fine_seen, SUPPORT)
        written(out, f"{day}_input", grid, series.stack["reflectance"].values[at], seen)
    return out


@pytest.fixture(scope="session")
def make_results():
    return results


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return results(tmp_path_factory.mktemp("view") / "out")
