"""The commands that are killed, on small inputs: what to type, and what has to be the same afterwards."""

import json
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from dione.patches import store
from dione.sources.delivered import deliveries, scenetable
from dione.testing import grid_at, landscape, rasters, series, write_geotiffs
from dione.testing.world import world

TIMED = {"seconds", "samples_per_s", "busy"}
"""What differs between two equal runs, in JSON."""
UNDERWAY = {"log.jsonl", "last.ckpt", "visits.parquet"}
"""Files that grow or are replaced while a run is on its way; they have to be readable, and in the end are the same too."""


@dataclass(frozen=True)
class Victim:
    """One verb and its small input; it writes below `{out}`."""

    name: str
    words: tuple[str, ...]
    """Of the command line; {out} stands for the folder that it writes into."""
    once: str = ""
    """A file below {out} that, once there, makes the same command refuse to write it again."""

    def typed(self, out: Path) -> list[str]:
        return [word.format(out=out) for word in self.words]

    def done(self, out: Path) -> bool:
        """Whether there is nothing left to ask for."""
        return bool(self.once) and (out / self.once).exists()


def files(out: Path) -> dict[str, bytes]:
    """Every file with a final name below a folder, without what differs between two equal runs."""
    return {name: _timeless(out / name) for name in sorted(_final(out))}


def leftovers(out: Path) -> list[str]:
    """Files and folders without a final name: of a run that ended there are none."""
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if _hidden(path.name))


def halves(out: Path, wanted: dict[str, bytes]) -> list[str]:
    """Files with a final name that are not what an undisturbed run leaves there; those underway have to be readable."""
    found = files(out) if out.is_dir() else {}
    whole = {name: not data.startswith(b"unreadable") if Path(name).name in UNDERWAY else data == wanted.get(name) for name, data in found.items()}
    return [f"{name} is half" for name, good in whole.items() if not good]


def _final(out: Path) -> Iterator[str]:
    for path in out.rglob("*"):
        below = path.relative_to(out)
        if path.is_file() and not any(_hidden(part) for part in below.parts):
            yield below.as_posix()


def _hidden(name: str) -> bool:
    return name.startswith(".") or ".partial" in name


def _timeless(path: Path) -> bytes:
    if path.name == "run.json":
        return json.dumps(_without(json.loads(path.read_text("utf-8")))).encode()
    if path.name == "log.jsonl":
        return b"\n".join(json.dumps(_without(json.loads(line))).encode() for line in path.read_text("utf-8").splitlines() if line.endswith("}"))
    if path.suffix == ".ckpt":
        return _checkpoint(path)
    if path.suffix == ".parquet":
        return _table(path)
    if path.suffix == ".html":
        return re.sub(rb"\d+(\.\d+)? s\b", b"", path.read_bytes())
    return path.read_bytes()


def _checkpoint(path: Path) -> bytes:
    """A checkpoint by its values: its pickle says in another way, after a resume, that two texts are the same."""
    try:
        kept = torch.load(path, weights_only=True)
    except (RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        return f"unreadable: {error}".encode()
    return b"".join(name.encode() + value for name, value in _values(kept, ""))


def _table(path: Path) -> bytes:
    try:
        pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        return f"unreadable: {error}".encode()
    return path.read_bytes()


def _values(value: object, name: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dict | list | tuple):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _values(one, f"{name}.{key}")
    else:
        yield name, value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode()


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in TIMED}
    return [_without(one) for one in value] if isinstance(value, list) else value


def predict(folder: Path) -> Victim:
    """Two dates in six blocks each, with the network that ships."""
    write_geotiffs(series(landscape((64, 80), seed=3), days=3, cloud=0.1, seed=3).stack, folder / "series")
    options = ("--target", "all", "--block", "32", "--precision", "float32", "--device", "cpu")
    return Victim("predict", ("predict", str(folder / "series"), "-o", "{out}", *options))


def fetch(folder: Path) -> Victim:
    """Dates of some hundred pixels a side, in chunks."""
    write_geotiffs(series(landscape((300, 300), seed=4), days=6, cloud=0.1, seed=4).stack, folder / "long")
    return Victim("fetch", ("fetch", str(folder / "long"), "-o", "{out}/kept.zarr"), once="kept.zarr")


def build(folder: Path) -> Victim:
    """Two scenes over some areas, in two processes."""
    made = world(folder / "world", shape=(48, 48), scenes=2)
    table = made.folder / "scenes.parquet"
    scenetable.write(table, map(scenetable.row, deliveries.scan(made.delivery).products))
    recipe = folder / "build.toml"
    recipe.write_text(
        f'[sentinel2]\nsource = "{made.sentinel2}"\n[vhr]\nscenes = "{table}"\n'
        f'[areas]\nregions = "{made.regions}"\nsize_m = 160\nbuffer = 0.5\n[sampling]\npatches = 6\nsize_px = 8\nrim_px = 4\n'
    )
    return Victim("dataset build", ("dataset", "build", str(recipe), "-o", "{out}/store", "--workers", "2"))


def simulate(folder: Path) -> Victim:
    """Patches of a few made-up scenes."""
    grid = grid_at((128, 128), left=5e5, top=5e6, pixel=1.25)
    for number in range(6):
        sharp = (landscape((32, 32), seed=number) * 255).clip(1, 255).astype("uint8")
        rasters.write(folder / "sharp" / f"place{number}_2020.tif", sharp, grid, bands=("blue", "green", "red", "nir"))
    recipe = folder / "simulate.toml"
    recipe.write_text('[[scenes]]\npath = "sharp/*.tif"\nsensor = "made up"\ncoarse_m = 10\nreflectance = [0.004, 0.004, 0.004, 0.004]\ndraws = 20\n')
    return Victim("dataset simulate", ("dataset", "simulate", str(recipe), "--data", str(folder), "-o", "{out}/store"))


def train(folder: Path) -> Victim:
    """A tiny network on a tiny store."""

    def each() -> Iterator[store.Patch]:
        for number in range(18):
            made = series(landscape((14, 14), seed=number), days=3, seed=number)
            facts = {"site": "here", "place": str(number), "sensor": "made up", "split": "train" if number < 8 else "validation"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(folder / "patches", each(), {"made_by": "a trial"})
    recipe = folder / "train.toml"
    recipe.write_text(
        f'name = "tiny"\nstore = "{folder / "patches"}"\n[net]\nkind = "setsr"\nconfig = {{ encoder_channels = 8, channels = 8, blocks = 1 }}\n'
        "[train]\nsteps = 40\nbatch = 4\nwarmup = 2\ndates = [1, 3]\nvalidate_every = 10\nsave_every = 5\nlog_every = 5\n"
    )
    return Victim("train", ("train", str(recipe), "--set", "out={out}"))


VICTIMS: tuple[Callable[[Path], Victim], ...] = (predict, fetch, build, simulate, train)


def fresh(out: Path) -> Path:
    """The same folder, empty."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    return out
