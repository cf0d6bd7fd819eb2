"""Blocks packed by our own hand, read by GDAL."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from dione.prediction.files.packing import SEAL_BYTES, halved, packed

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
SHAPES = [(4, 300, 200), (1, 6, 2), (4, 2, 64), (2, 38, 131)]


def numbers(shape: tuple[int, int, int], kind: str, seed: int = 0) -> np.ndarray:
    """A third of them nodata, of which some lie together."""
    rng = np.random.default_rng(seed)
    made = rng.integers(1, {"uint8": 4, "uint16": 65535, "float32": 9999}[kind], shape).astype(kind)
    holes = rng.random(shape[1:]) < 0.3
    holes[: shape[1] // 3, : shape[2] // 3] = True
    made[:, holes] = np.nan if kind == "float32" else 0
    return made


@pytest.mark.parametrize("compress", ["DEFLATE", "ZSTD"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gdal_reads_what_was_packed(shape, kind, compress):
    given = numbers(shape, kind)
    with MemoryFile(packed(given, tile=128, compress=compress)[:-SEAL_BYTES]) as memory:
        with memory.open() as file:
            assert file.block_shapes[0] == (128, 128) and file.compression.name == compress.lower()
            assert np.isnan(file.nodata) if kind == "float32" else file.nodata == 0
            np.testing.assert_array_equal(file.read(), given)
            assert file.overviews(1) == [2]
        with rasterio.open(memory.name, overview_level=0) as file:
            np.testing.assert_array_equal(file.read(), halved(given, classes=False))


@pytest.mark.parametrize(("kind", "how"), [("uint8", Resampling.mode), ("uint16", Resampling.average), ("float32", Resampling.average)])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_the_copy_half_as_large_is_gdals(shape, kind, how):
    given = numbers(shape, kind)
    facts = dict(driver="GTiff", count=shape[0], height=shape[1], width=shape[2], dtype=kind, nodata=np.nan if kind == "float32" else 0)
    with MemoryFile() as memory:
        with memory.open(**facts, transform=rasterio.Affine.scale(2, -2)) as file:
            file.write(given)
            file.build_overviews([2], how)
        with rasterio.open(memory.name, overview_level=0) as file:
            theirs = file.read()
    np.testing.assert_allclose(halved(given, classes=how is Resampling.mode), theirs, rtol=1e-6)


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_at_an_odd_edge_the_copy_is_of_what_is_there(kind):
    given = np.array([[[1, 3, 8], [5, 7, 0]]], kind)
    assert halved(given, classes=False).tolist() == [[[4, 8 if kind == "uint16" else 4]]]
