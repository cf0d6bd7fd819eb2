"""Whether the results find room on the disk, before anything is computed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from dione.base.errors import CannotWrite
from dione.base.files import room, size
from dione.prediction.files.form import REFLECTANCE
from dione.prepare.select import Choice

LEAST_PACKED = 0.25
"""Of two bytes a number, the least that reflectance and sigma of real ground pack to (0.6 to 0.75 on the demo's). What is only likely is not refused."""
FILES = 2
"""sr and sigma; what else is written is small beside them."""


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
