"""Whole inputs of the doors through which everything else comes: tables, recipes, areas, weights."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from dione.base.vectors.features import of_geojson
from dione.nets import resolver
from dione.nets.highresnet import HighResNet, HighResNetConfig
from dione.nets.older import shiftnet
from dione.nets.resolver import About
from dione.pairs import areas
from dione.patches import store
from dione.patches.older import interchange, sample, tables
from dione.sources import vhr
from dione.sources.delivered import scenetable

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
RING = [[2.10, 48.50], [2.16, 48.50], [2.16, 48.54], [2.10, 48.54], [2.10, 48.50]]
FIELD = {"type": "Polygon", "coordinates": [RING]}
REGIONS = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "west", "country": "Westland"}, "geometry": FIELD}]}


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def geojson(folder: Path) -> str:
    return written(folder / "field.geojson", json.dumps(REGIONS))


def geojson_elsewhere(folder: Path) -> str:
    """In a CRS of its own, as GeoJSON was written before 2016."""
    square = {"type": "Polygon", "coordinates": [[[4e5, 5e6], [4.1e5, 5e6], [4.1e5, 5.01e6], [4e5, 5e6]]]}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    return written(folder / "field.geojson", json.dumps({**square, "crs": crs}))


def wkt(folder: Path) -> str:
    return written(folder / "field.wkt", "POLYGON ((2.1 48.5, 2.16 48.5, 2.16 48.54, 2.1 48.54, 2.1 48.5), (2.12 48.51, 2.13 48.51, 2.13 48.52, 2.12 48.51))")


def geopackage(folder: Path) -> str:
    import shapely
    from pyogrio.raw import write

    made = np.array([shapely.to_wkb(shapely.Polygon(RING))], object)
    write(str(folder / "field.gpkg"), made, [np.array(["a"], object)], ["name"], geometry_type="Polygon", crs="EPSG:4326")
    return str(folder / "field.gpkg")


def period(folder: Path) -> str:
    return written(folder / "dates.txt", "2024-05-01/2024-08-31")


def condition(folder: Path) -> str:
    return written(folder / "keep.txt", 'ssim > 0.2 and not shadow or site in ("a", "b") and views * 2 >= 4')


def recipe(folder: Path, name: str) -> str:
    return written(folder / name, (RECIPES / name).read_text())


def sensors(folder: Path) -> str:
    text = '[sensors.mine]\nbands = ["red", "green", "blue", "nir"]\npixel_m = 2.0\nunit = "radiance"\ngain = 0.01\nesun = [1500.0, 1800.0, 1900.0, 1000.0]\n'
    return written(folder / "sensors.toml", text)


def small_net(seed: int = 0) -> HighResNet:
    torch.manual_seed(seed)
    return HighResNet(HighResNetConfig(channels=4, encoder_blocks=1)).eval()


def weights(folder: Path) -> str:
    net = small_net()
    return str(resolver.store(folder / "small.safetensors", net, About(net="highresnet", config={"channels": 4, "encoder_blocks": 1}, margin=net.margin)))


def shift_weights(folder: Path) -> str:
    torch.manual_seed(0)
    return str(shiftnet.store(folder / "shift.safetensors", shiftnet.ShiftNet(shiftnet.ShiftNetConfig(side_px=8, filters=2, hidden=3))))


def checkpoint(folder: Path, *, zipped: bool = True) -> str:
    """HRNet.pth of the older pipeline, small, and the configuration that it goes with."""
    from dione.nets.older.imported import BLOCK, FUSED

    net = HighResNet(HighResNetConfig(channels=4, encoder_blocks=1, residual=False))
    torch.save({key.replace(BLOCK, FUSED): value for key, value in net.state_dict().items()}, folder / "HRNet.pth", _use_new_zipfile_serialization=zipped)
    encoder = {"in_channels": 8, "num_layers": 1, "kernel_size": 3, "channel_size": 4}
    recursive = {"alpha_residual": True, "in_channels": 4, "kernel_size": 3}
    shuffle = {"pixel_shuffle": {"in_channels": 4, "kernel_size": 3, "out_channels": 64, "stride": 1, "scale": 4}}
    config: dict[str, Any] = {"network": {"upscale_factor": 4, "encoder": encoder, "recursive": recursive, "decoder": shuffle}, "training": {"n_views": 8}}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def flat(net: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.float().numpy() for key, value in net.state_dict().items()}


def older(folder: Path) -> str:
    """A folder of samples of the older pipeline, with its index and what they are normalised with."""
    rng, four = np.random.default_rng(3), (0.0, 0.0, 0.0, 0.0)
    made = sample.Sample(
        rng.random((2, 4, 4, 4)),
        rng.random((16, 16, 4)).astype(np.float32),
        (datetime(2020, 5, 1), datetime(2020, 5, 6)),
        datetime(2020, 5, 7),
        "patch-1",
        "Westland",
    )
    sample.write(folder / "one.npz", made)
    span = tables.Span(p1=four, p99=(1.0, 1.0, 1.0, 1.0))
    moments = tables.Moments(mean=(0.1,) * 4, median=(0.1,) * 4, std=(0.05,) * 4)
    tables.write(folder, tables.Tables(countries={"Westland": moments}, sentinel=span, reference=span))
    row = {
        "singleton_npz_filename": "one.npz",
        "eopatch": "e",
        "train_test_validation": "train",
        "patchlet": "patch-1",
        "countries": "Westland",
        "num_tstamps": 2,
    }
    pq.write_table(pa.Table.from_pylist([row]), folder / interchange.INDEX)
    return str(folder)


def patches(folder: Path) -> str:
    """A small patch store."""
    rng = np.random.default_rng(4)

    def one(number: int) -> store.Patch:
        lr, hr = rng.random((2, 4, 4, 4)).astype(np.float32), rng.random((4, 16, 16)).astype(np.float32)
        return store.Patch(lr, np.ones((2, 4, 4), bool), hr, {"site": f"s{number % 2}", "place": str(number), "sensor": "made up", "split": "train"})

    store.write(folder / "patches", (one(number) for number in range(5)), {"made_by": "a test"})
    return str(folder / "patches")


def areas_table(folder: Path) -> str:
    return str(areas.write(folder / areas.FILE, areas.areas(of_geojson(json.dumps(REGIONS), "regions"))))


def scenes_table(folder: Path) -> str:
    from trials.doors.rasters import dimap

    return str(scenetable.write(folder / "scenes.parquet", [scenetable.row(vhr.read(dimap(folder)))]))
