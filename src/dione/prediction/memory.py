"""Prediction in memory: a Stack in, a sharper Stack out."""

from pathlib import Path

import numpy as np
import xarray as xr

from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadRecipe
from dione.base.grid import finer
from dione.base.storage.files import at_home, folder
from dione.base.windows import lattice, widest
from dione.nets.resolver import Resolver, load
from dione.prediction import record, suits
from dione.prediction.files import disk
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import FORMS, Form
from dione.prediction.files.tiles import replaces
from dione.prediction.origin import DOUBTS, SEES, kept
from dione.prediction.windows import budget
from dione.prediction.windows.engine import EXACT, AnyPrecision, Engine, engine
from dione.prediction.windows.scene import Piece, pieces, reach
from dione.prepare.radiometry import check_used, check_values
from dione.prepare.select import Choice, choose, passed_over

DEFAULT_MODEL = "setsr-s"
VARIABLES = {"sr": "reflectance", "sigma": "sigma", "support": "support"}
"""Of a result, by the ending of the file that holds it."""


def predict(
    stack: xr.Dataset,
    *,
    model: str | Path | Resolver = DEFAULT_MODEL,
    target: when.Date = "latest",
    views: int = 8,
    max_cloud: float = 0.5,
    block: int | None = None,
    device: str = "auto",
    precision: AnyPrecision = "auto",
    modulation: float | None = None,
) -> xr.Dataset:
    """Sharpen dates of a Stack.

    stack: see docs/stack.md; the dates may be dask arrays, they are read a window at a time.
    model: a name (`dione models list`), a .safetensors file, or a Resolver.
    target: a date (YYYY-MM-DD, or as 2018-08-15T105031 where a day has several; or stack.time[3]), 'latest' (the latest that is clear enough) or 'all'.
    views: the most dates used for one result. max_cloud: largest cloudy fraction of a target that is not named.
    block: side of a window in input pixels, by default what 4 GB are enough for; the result does not change.
    device: 'auto' (a GPU if there is one), 'cpu', 'cuda', 'cuda:1'. precision: of the network's inner layers, 'float32',
        'bfloat16', or 'auto', the faster one here; float32 gives the same bits whatever the threads and blocks.
    modulation: what the input's sensor left at the Nyquist frequency (Sentinel-2: about 0.25), by default measured: pixels
        sharper than the model was made for (plain averages of finer ones) or softer (resampled smoothly) are brought there first.

    Returns a Stack on a grid `model.zoom` times finer, one time a target, with three more variables: `sigma (time, band, y, x)`,
    the 1σ of reflectance, `support (time, y, x)` uint8, where the detail comes from: 1 measured, 2 confirmed by other
    dates, 3 learned, 0 nothing (docs/support.md), and `seen (time, y, x)` bool, what the target saw itself: the rest was filled from
    other dates. Where no date saw anything, `valid` is False, reflectance and sigma are NaN.
    Raises NotAStack, BadValues, NothingClear, NotFound (no such date), BadModel, BadRecipe (a wish that makes no sense).

    >>> import dione
    >>> from dione.testing import landscape, series
    >>> sharp = dione.predict(series(landscape((16, 24))).stack, model="bicubic")
    >>> dict(sharp.sizes), sorted(sharp.data_vars)
    ({'time': 1, 'band': 4, 'y': 64, 'x': 96}, ['reflectance', 'seen', 'sigma', 'support', 'valid'])
    """
    stacks.check(stack)
    check_values(stack)
    if block is not None and block < 1:
        raise BadRecipe(f"block is {block}, needs at least 1 pixel; leave it out for what memory allows")
    resolver = model if isinstance(model, Resolver) else load(model)
    suits.check(resolver, stack)
    target = when.named(target)
    choices = choose(stack, target=target, views=views, max_cloud=max_cloud)
    check_used(stack, (at for choice in choices for at in choice.views))
    resolver = suits.seeing(resolver, stack, choices[0].clearest, modulation)
    used = engine(device, precision)
    made = [painted(stack, resolver, choice, block, used) for choice in choices]
    times = [stack["time"].values[choice.target] for choice in choices]
    sr, sigma, valid, origin, seen = (np.stack(parts) for parts in zip(*made, strict=True))
    items = [str(stack["item"].values[choice.target]) for choice in choices]
    sharp = stacks.make(sr, valid, times, finer(stacks.grid_of(stack), resolver.zoom), items=items).assign_attrs(stack.attrs)
    whole = stacks.with_result(sharp, sigma, origin, seen)
    doubts = [*suits.doubts(resolver), *passed_over(stack, target, choices[0])]
    told = ({SEES: resolver.sees} if resolver.sees else {}) | ({DOUBTS: "\n".join(doubts)} if doubts else {})
    return kept(whole.assign_attrs(model=resolver.name, model_sha256=resolver.digest, zoom=resolver.zoom, **told), choices)


def painted(stack: xr.Dataset, resolver: Resolver, choice: Choice, block: int | None = None, used: Engine = EXACT) -> tuple[np.ndarray, ...]:
    """The whole target of `choice`, window by window: reflectance and its 1σ (band, y, x), NaN where no date saw anything; valid, support and seen (y, x)."""
    zoom = resolver.zoom
    shape = (stack.sizes["y"] * zoom, stack.sizes["x"] * zoom)
    scene = (stack.sizes["y"], stack.sizes["x"])
    side = block or budget.block_px(scene, resolver, views=len(choice.views), precision=used.precision)
    windows = list(lattice(scene, side))
    at_once = budget.at_once(len(windows), side, used, resolver, views=len(choice.views))
    sr, sigma = (np.full((len(resolver.bands), *shape), np.nan, np.float32) for _ in range(2))
    valid, origin, seen = np.zeros(shape, bool), np.zeros(shape, np.uint8), np.zeros(shape, bool)

    def keep(piece: Piece) -> None:
        rows, columns = piece.window.zoomed(zoom).slices
        sr[:, rows, columns], sigma[:, rows, columns], valid[rows, columns] = piece.sr, piece.sigma, piece.valid
        origin[rows, columns], seen[rows, columns] = piece.support, piece.seen

    for _ in pieces(stack, resolver, choice, windows, used, use=keep, least=widest(windows, reach(resolver), scene), at_once=at_once):
        pass
    return sr, sigma, valid, origin, seen


def write(sharp: xr.Dataset, out: str | Path) -> list[Path]:
    """Write each date of a Stack as `<date>_sr.tif`, and `<date>_sigma.tif` and `<date>_support.tif` if it has them: COGs, reflectance × 10000, nodata 0.

    Raises NotAStack, CannotWrite. STAC items, styles and a report come with `sharp.dione.save(out)`.

    >>> import dione, tempfile
    >>> from dione.testing import landscape, series
    >>> sharp = dione.predict(series(landscape((8, 8))).stack, model="bicubic")
    >>> [file.name for file in dione.write(sharp, tempfile.mkdtemp())]
    ['2024-05-21_sr.tif', '2024-05-21_sigma.tif', '2024-05-21_support.tif']
    """
    stacks.check(sharp)
    to = disk.a_folder(at_home(out))
    present = [(ending, variable) for ending, variable in VARIABLES.items() if variable in sharp]
    dates = range(sharp.sizes["time"])
    return [write_date(sharp, date, variable, to / f"{when.label(sharp, date)}_{ending}.tif", FORMS[ending]) for date in dates for ending, variable in present]


def write_date(stack: xr.Dataset, date: int, variable: str, path: Path, form: Form) -> Path:
    """One variable of one date as a COG, window by window; a file that was there is replaced, or tiles."""
    tags = {"TIFFTAG_SOFTWARE": f"dione {record.installed('dione')}", **({"DIONE_MODEL": str(stack.attrs["model"])} if "model" in stack.attrs else {})}
    canvas = Canvas(folder(path.parent), path.stem, grid=stacks.grid_of(stack), block=2048, form=form)
    canvas.clear()
    canvas.path.unlink(missing_ok=True)
    for window in canvas.windows():
        rows, columns = window.slices
        part = stack.isel(time=date, y=rows, x=columns)
        values = part[variable].values
        canvas.paint(window, values if values.ndim == 3 else values[None], valid=part["valid"].values)
    made = canvas.finish(tags)
    replaces(canvas)
    return made
