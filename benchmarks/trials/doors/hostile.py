"""Inputs made to do harm: bombs, entities, deep nesting, lies of size, ways out of the folder, code. All have to be refused."""

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dione import sources
from dione.patches.older import sample
from dione.prepare import naming
from dione.sources.eopatches import patchinfo
from trials.doors import documents, rasters
from trials.doors import ways as doors
from trials.doors.bombs import (
    code_in_patch,
    code_in_weights,
    codec_of,
    many_rows,
    npy,
    npz_of,
    objects,
    packed_weights,
    script,
    text_of,
    virtual,
    zip_bomb,
    zip_member,
)
from trials.doors.edits import DEEP, LAUGHS, REMOTE, deep_xml, edited, entity, instead, linked, put_in, renamed, said, tags

BANDS = ("blue", "green", "red", "nir")


@dataclass(frozen=True)
class Hostile:
    """One input."""

    name: str
    make: Callable[[Path], str]
    enter: Callable[[str], Any]


def patch_box(path: str) -> Any:
    return patchinfo.times_of(path)


patch = partial(doors.pixels, bands=BANDS)
HOSTILE = (
    Hostile(
        "a GeoTIFF of one block of 80 GB", edited(rasters.geotiffs, "2024-05-01.tif", tags(width=200_000, height=200_000, rows_per_strip=200_000)), doors.pixels
    ),
    Hostile("a GeoTIFF of 60,000 bands", edited(rasters.geotiffs, "2024-05-01.tif", tags(samples=60_000)), doors.pixels),
    Hostile("a virtual raster called .tif", virtual, doors.pixels),
    Hostile("a DIMAP of a thousand million laughs", edited(rasters.dimap, "*.dim", entity(LAUGHS)), doors.scene),
    Hostile("a DIMAP that pulls in a local file", edited(rasters.dimap, "*.dim", entity(REMOTE)), doors.scene),
    Hostile("a DIMAP nested 100,000 deep", edited(rasters.dimap, "*.dim", deep_xml), doors.scene),
    Hostile("a DIMAP whose raster lies elsewhere", edited(rasters.dimap, "*.dim", put_in('href="DE2', 'href="../../DE2')), doors.scene),
    Hostile("a DIMAP whose raster is of GDAL's ways", edited(rasters.dimap, "*.dim", put_in('href="DE2', 'href="/vsicurl/http://127.0.0.1/DE2')), doors.scene),
    Hostile("a .SAFE of a thousand million laughs", edited(rasters.safe, "MTD_MSIL2A.xml", entity(LAUGHS)), doors.pixels),
    Hostile("a .SAFE whose granule pulls in a local file", edited(rasters.safe, "MTD_TL.xml", entity(REMOTE)), doors.pixels),
    Hostile("a .SAFE whose manifest is nested deep", edited(rasters.safe, "manifest.safe", deep_xml), doors.pixels),
    Hostile(
        "a .SAFE whose manifest leads elsewhere", edited(rasters.safe, "manifest.safe", put_in("./MTD_MSIL2A.xml", "a/../../MTD_MSIL2A.xml")), doors.pixels
    ),
    Hostile(
        "a .SAFE whose picture lies elsewhere", edited(rasters.safe, "MTD_MSIL2A.xml", put_in("<IMAGE_FILE>GRANULE", "<IMAGE_FILE>../../GRANULE")), doors.pixels
    ),
    Hostile("a .SAFE whose picture is a link to elsewhere", linked(rasters.safe, "*_B04_10m.jp2"), doors.pixels),
    Hostile("a .SAFE whose picture is a virtual raster", edited(rasters.safe, "*_B04_10m.jp2", instead("<VRTDataset/>")), doors.pixels),
    Hostile("a zip with 6 GB of metadata", zip_bomb(199, 1 << 15), doors.pixels),
    Hostile("a zip with metadata of 100 MB", zip_bomb(1, 100_000_000), doors.pixels),
    Hostile("a zip with a member above it", zip_member("../escaped.xml"), doors.pixels),
    Hostile("a zip with a member of the root", zip_member("/tmp/escaped.xml"), doors.pixels),
    Hostile("an EOPatch of a petabyte", edited(rasters.eopatch, "BANDS.npy", instead(npy("(10, 1000000, 1000000, 4)"))), patch),
    Hostile("an EOPatch of objects", lambda folder: edited(rasters.eopatch, "BANDS.npy", instead(objects(folder)))(folder), patch),
    Hostile(
        "a packed EOPatch of 4 GB",
        edited(partial(rasters.eopatch, how="npy.gz"), "BANDS.npy.gz", instead(gzip.compress(npy("(2, 20, 24, 2097152)") + bytes(1 << 24)))),
        patch,
    ),
    Hostile(
        "a packed EOPatch that goes on",
        edited(partial(rasters.eopatch, how="npy.gz"), "IS_DATA.npy.gz", instead(gzip.compress(npy("(2, 20, 24, 1)", "'|b1'") + bytes(1 << 27)))),
        patch,
    ),
    Hostile("an EOPatch whose .zarr runs code", codec_of("pickle"), patch),
    Hostile(
        "an EOPatch whose .zarr has one chunk of 8 TB",
        edited(partial(rasters.eopatch, how="zarr"), ".zarray", said(chunks=[2, 1_000_000, 1_000_000, 4], shape=[2, 1_000_000, 1_000_000, 4])),
        patch,
    ),
    Hostile("an EOPatch of 2021 that runs code", code_in_patch, patch),
    Hostile(
        "an EOPatch of 2021 that remembers 2³¹ things", edited(rasters.pickled, "bbox.pkl", instead(b"\x80\x02]r" + struct.pack("<I", 2**31 - 2) + b".")), patch
    ),
    Hostile(
        "an EOPatch of 2021 that changes our own types",
        edited(rasters.pickled, "bbox.pkl", instead(b"\x80\x02csentinelhub.geometry\nBBox\nN}X\x03\x00\x00\x00codeK\x01s\x86b.")),
        patch,
    ),
    Hostile("times nested 100,000 deep", edited(rasters.eopatch, "timestamps.json", instead("[" * DEEP)), patch_box),
    Hostile("a box nested 100,000 deep", edited(rasters.eopatch, "bbox.geojson", instead('{"a":' * DEEP)), patch),
    Hostile(
        "a Zarr Stack of a petabyte of coordinates",
        edited(rasters.stored, "x/zarr.json", said(shape=[2**28], chunk_grid__configuration__chunk_shape=[2**20])),
        doors.pixels,
    ),
    Hostile(
        "a Zarr Stack of one chunk of 16 GB",
        edited(rasters.stored, "reflectance/zarr.json", said(chunk_grid__configuration__chunk_shape=[1, 4, 2**15, 2**15])),
        doors.pixels,
    ),
    Hostile(
        "a Zarr Stack of unknown codecs",
        edited(rasters.stored, "reflectance/zarr.json", said(codecs=[{"name": "numcodecs.pickle", "configuration": {}}])),
        doors.pixels,
    ),
    Hostile("a Zarr Stack nested 100,000 deep", edited(rasters.stored, "reflectance/zarr.json", instead("[" * DEEP)), doors.pixels),
    Hostile("a STAC item nested 100,000 deep", edited(rasters.items, "item.json", instead("[" * DEEP)), doors.pixels),
    Hostile("a STAC item with a file of this machine", edited(rasters.items, "item.json", said(assets__red__href="file:///etc/passwd")), doors.pixels),
    Hostile("a STAC item with a file above it", edited(rasters.items, "item.json", said(assets__red__href="../../../../etc/passwd")), doors.pixels),
    Hostile("a STAC item whose file is a link to elsewhere", linked(rasters.items, "*_B04.tif"), doors.pixels),
    Hostile("a STAC item of GDAL's ways", edited(rasters.items, "item.json", said(assets__red__href="/vsicurl/http://127.0.0.1:9/x.tif")), doors.pixels),
    Hostile("a STAC item of another protocol", edited(rasters.items, "item.json", said(assets__red__href="ftp://127.0.0.1:9/x.tif")), doors.pixels),
    Hostile(
        "a STAC item in this machine's network",
        edited(rasters.items, "item.json", said(assets__red__href="http://169.254.169.254/latest/meta-data")),
        doors.pixels,
    ),
    Hostile(
        "a far STAC item with a file of this machine",
        edited(rasters.archive, "search.json", said(features__0__assets__red__href="file:///etc/passwd")),
        doors.asked,
    ),
    Hostile("a STAC answer of 1 GB, packed", edited(rasters.archive, "search.json", instead(gzip.compress(b"[" + b" " * (1 << 30) + b"]", 1))), doors.asked),
    Hostile("a STAC answer nested 100,000 deep", edited(rasters.archive, "search.json", instead("[" * DEEP)), doors.asked),
    Hostile(
        "a catalogue that leads to this machine",
        edited(rasters.archive, "catalog.json", said(links=[{"rel": "item", "href": "file:///etc/passwd"}])),
        partial(doors.asked, document="catalog.json"),
    ),
    Hostile("an area nested 100,000 deep", text_of("field.geojson", '{"type":"Feature","geometry":' * DEEP), lambda path: doors.outline(naming.parse(path))),
    Hostile(
        "an area of areas of areas",
        text_of("f.geojson", '{"type":"GeometryCollection","geometries":[' * 900 + "]}" * 900),
        lambda path: doors.outline(naming.parse(path)),
    ),
    Hostile("WKT nested 100,000 deep", text_of("f.wkt", "GEOMETRYCOLLECTION (" * DEEP), lambda path: doors.outline(naming.parse(doors.text(path)))),
    Hostile(
        "an area of NaN",
        text_of("f.geojson", '{"type":"Polygon","coordinates":[[[NaN,1],[2,1],[2,Infinity],[1,2],[NaN,1]]]}'),
        lambda path: doors.outline(naming.parse(path)),
    ),
    Hostile(
        "an area of all numbers",
        text_of("f.geojson", '{"type":"Polygon","coordinates":[[[1e308,1],[-1e308,1],[2,1e308],[1e308,1]]]}'),
        lambda path: doors.outline(naming.parse(path)),
    ),
    Hostile("regions nested 100,000 deep", text_of("f.geojson", "[" * DEEP), doors.regions),
    Hostile(
        "regions of the whole world",
        text_of("f.geojson", '{"type":"Polygon","coordinates":[[[-179,-84],[179,-84],[179,84],[-179,84],[-179,-84]]]}'),
        doors.regions,
    ),
    Hostile("a recipe nested 100,000 deep", text_of("r.toml", "a = " + "[" * DEEP), partial(doors.settings, kind=doors.TrainRecipe)),
    Hostile("a recipe of a dotted key of 20,000 parts", text_of("r.toml", "a." * 20_000 + "a = 1"), partial(doors.settings, kind=doors.TrainRecipe)),
    Hostile("a condition of 100,000 brackets", text_of("c.txt", "(" * DEEP), doors.condition),
    Hostile("a condition that calls", text_of("c.txt", "__import__('os').mkdir('escaped')"), doors.condition),
    Hostile(
        "weights that say they are a terabyte", edited(documents.weights, "*.safetensors", lambda data: struct.pack("<Q", 2**40) + data[8:]), doors.network
    ),
    Hostile(
        "weights of a network of 2¹¹ channels and 2⁸ blocks",
        edited(documents.weights, "*.safetensors", lambda data: renamed(data, channels=2048, encoder_blocks=256)),
        doors.network,
    ),
    Hostile("a .pth that runs code", partial(code_in_weights, zipped=True), doors.older_network),
    Hostile("an old .pth that runs code", partial(code_in_weights, zipped=False), doors.older_network),
    Hostile("a program of TorchScript", script, doors.older_network),
    Hostile("a .pth that unpacks to 256 MB", packed_weights, doors.older_network),
    Hostile("a sample of objects that run code", npz_of("timestamps_s2", objects), lambda folder: sample.read(Path(folder) / "one.npz")),
    Hostile("a sample whose floats are objects", npz_of("features", objects), lambda folder: sample.read(Path(folder) / "one.npz")),
    Hostile(
        "a sample of 280 MB of zeros",
        npz_of("features", lambda _: npy("(70000000,)", "'<f4'", bytes(280_000_000))),
        lambda folder: sample.read(Path(folder) / "one.npz"),
    ),
    Hostile(
        "a sample that says it is a terabyte",
        npz_of("features", lambda _: npy("(2, 500000, 500000, 4)", "'<f8'")),
        lambda folder: sample.read(Path(folder) / "one.npz"),
    ),
    Hostile("a table of 200 million rows", many_rows, doors.kept_areas),
    Hostile("a name that a terminal would obey", lambda folder: str(folder / "\x1b]0;owned\x07\x1b[2J.tif"), sources.open),
    Hostile("a name of 3,000 letters", lambda folder: f"{folder}/{'x' * 200}/" * 15, sources.open),
)
