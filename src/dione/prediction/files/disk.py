"""Whether results can go where they are to go, before anything is computed: room on the disk, and nothing that they would be mixed up with."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from dione.base.errors import CannotWrite
from dione.base.storage.files import room, size
from dione.prediction.files.form import REFLECTANCE
from dione.prepare.select import Choice
from dione.sources.geotiff import ENDINGS
from dione.sources.places import is_remote

LEAST_PACKED = 0.25
"""Of two bytes a number, the least that reflectance and sigma of real ground pack to (0.6 to 0.75 on the demo's). What is only likely is not refused."""
FILES = 2
"""sr and sigma; what else is written is small beside them."""
NAMES_OF_FILES = (*ENDINGS, ".vrt", ".nc", ".png", ".jpg", ".json", ".geojson", ".html", ".zip", ".zarr")


def a_folder(out: Path) -> Path:
    """The place of results, as it is; raises CannotWrite for the name of a file, under which nobody looks for a folder, or of a store, as which dione would open it."""
    if out.suffix.lower() in NAMES_OF_FILES and not out.is_dir():
        raise CannotWrite(f"{out} is named as a file or a store, and results are a folder of files\nname a folder, e.g. {out.with_suffix('')}/")
    return out


def apart(out: Path, source: str) -> None:
    """Raise CannotWrite for a folder where results and the series that they are made from would be taken for one another.

    source: the series as the user named it: a folder, a pattern, a file, or no place on this disk.
    """
    pattern = next((at for at, sign in enumerate(source) if sign in "*?["), None)
    series = Path(source[:pattern])
    if not source or is_remote(source) or series.is_file() or not (series.is_dir() or pattern is not None):
        return
    home, here = (series if series.is_dir() else series.parent).resolve(), out.resolve()
    inside = here.parent == home and _by_folders(home)
    if inside or here == home:
        raise CannotWrite(
            f"{out} is {'inside ' if inside else ''}the folder of the series itself: one would be taken for the other\nname another folder with -o"
        )


def _by_folders(series: Path) -> bool:
    """Whether rasters stand one level down: the folders of dates."""
    levels = ((file for file in series.glob(level) if file.suffix.lower() in ENDINGS) for level in ("*", "*/*"))
    top, below = (next(files, None) for files in levels)
    return top is None and below is not None


def check(out: Path, choices: Sequence[Choice], shape: tuple[int, int], zoom: int) -> None:
    """Raise CannotWrite if the results of a scene of `shape` coarse pixels cannot fit on the disk of the folder `out`.

    Counted is what the targets saw clear; what the folder holds already need not be written again.
    """
    pixels = sum(choice.dates[choice.target].clear for choice in choices) * shape[0] * shape[1] * zoom**2
    needed = LEAST_PACKED * FILES * 2 * len(REFLECTANCE.bands) * pixels
    held = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if needed > held + shutil.disk_usage(out).free:
        dates = "the date takes" if len(choices) == 1 else f"the {len(choices)} dates take"
        raise CannotWrite(f"cannot write {out}: sharpened, {dates} more than there is room for\n{room(out, f'at least {size(int(needed))}')}")
