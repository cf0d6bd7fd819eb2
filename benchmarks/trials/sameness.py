"""The same input gives the same pixels in float32: run again, on other numbers of threads, in other blocks, by other machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from dione.testing import landscape, series, write_geotiffs
from trials import victims
from trials.machines import cluster
from trials.processes import finished
from trials.record import Row, Size, Trial, tally

EXACT = ("--target", "all", "--precision", "float32", "--device", "cpu")
Pixels = NDArray[np.generic]
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Threads that wait for each other do not keep a busy machine's processors from those they wait for."""


@dataclass(frozen=True)
class Way:
    """One way to run the same prediction."""

    name: str
    threads: int = 1
    block: int | None = None
    scheduler: str | None = None


WAYS = (Way("again"), *(Way(f"{threads} threads", threads) for threads in (2, 3, 4)), *(Way(f"blocks of {block} px", 1, block) for block in (16, 48, 64)))


def here(size: Size, folder: Path) -> Iterator[Row]:
    """On one machine."""
    source = series_at(folder / "series", (100, 130))
    wanted = pixels(source, folder / "wanted", Way("once"))
    yield compared(source, folder, WAYS if size.kills > 2 else WAYS[1::3], wanted, "again, 2 to 4 threads, blocks of 16 to 64 px")


def on_cluster(size: Size, folder: Path) -> Iterator[Row]:
    """On several."""
    source = series_at(folder / "series", (100, 130))
    wanted = pixels(source, folder / "wanted", Way("once"))
    with cluster(folder) as (address, _):
        yield compared(source, folder, (Way("2 workers", scheduler=address), Way("2 workers, blocks of 32 px", 1, 32, address)), wanted, "on a Dask cluster")


TRIALS: dict[str, Trial] = {"here": here, "cluster": on_cluster}


def series_at(folder: Path, shape: tuple[int, int]) -> Path:
    """Four dates of a made-up landscape as files."""
    return write_geotiffs(series(landscape(shape, seed=5), days=4, cloud=0.1, seed=5).stack, folder)


def compared(source: Path, folder: Path, ways: tuple[Way, ...], wanted: dict[str, Pixels], what: str) -> Row:
    """Every way against what is wanted."""
    with tally() as counted:
        for at, way in enumerate(ways):
            counted.tried += 1
            found = pixels(source, folder / f"{way.threads}-{way.block}-{at}-{bool(way.scheduler)}", way)
            counted.wrong += [f"{way.name}: {name} is not the same" for name in sorted({*wanted, *found}) if not equal(wanted.get(name), found.get(name))]
    return counted.row("same pixels", what)


def equal(one: Pixels | None, other: Pixels | None) -> bool:
    """Every number the same."""
    return one is not None and other is not None and np.array_equal(one, other)


def pixels(source: Path, out: Path, way: Way) -> dict[str, Pixels]:
    """The digital numbers of every file that a prediction writes; how it was cut into blocks is noted in the file, and left out here."""
    victims.fresh(out)
    block = ("--block", str(way.block)) if way.block else ()
    scheduler = ("--scheduler", way.scheduler) if way.scheduler else ()
    words = ["predict", str(source), "-o", str(out / "made"), *EXACT, *block, *scheduler]
    ended = finished(words, out / "said.txt", **PATIENT, OMP_NUM_THREADS=str(way.threads))
    if ended.code:
        raise SystemExit(f"predict failed with {way.name}:\n{ended.said}")
    return read(out / "made")


def read(folder: Path) -> dict[str, Pixels]:
    """The numbers of every GeoTIFF in a folder."""
    made = {}
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as file:
            made[path.name] = file.read()
    return made
