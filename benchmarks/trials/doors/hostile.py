"""Inputs made to do harm: bombs, entities, deep nesting, lies of size, ways out of the folder, code. All have to be refused."""

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from dione import sources
from dione.pairs import areas
from dione.patches import sample
from dione.prepare import naming
from dione.sources import patchinfo
from trials.doors import documents, rasters
from trials.doors import ways as doors

DEEP = 100_000
BANDS = ("blue", "green", "red", "nir")
ESCAPED = "escaped"
"""Of a file that appears where code was run."""


@dataclass(frozen=True)
class Hostile:
    """One input."""

    name: str
    make: Callable[[Path], str]
    enter: Callable[[str], Any]


class Runs:
    """A pickle of this runs a command when it is read without care."""

    def __init__(self, folder: Path) -> None:
        self.mark = str(folder / ESCAPED)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


def edited(make: Callable[[Path], str], file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], str]:
    """A whole input of which one file is changed."""

    def made(folder: Path) -> str:
        source = make(folder)
        for path in [path for path in folder.rglob(file) if path.is_file()][:1]:
            path.write_bytes(change(path.read_bytes()))
        return source

    return made


def said(**fields: Any) -> Callable[[bytes], bytes]:
    """A JSON document with other fields; `a__b` is b inside of a."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        for path, value in fields.items():
            holder = document
            *above, last = path.split("__")
            for key in above:
                holder = holder[int(key) if isinstance(holder, list) else key]
            holder[last] = value
        return json.dumps(document).encode()

    return change


def instead(data: bytes | str) -> Callable[[bytes], bytes]:
    return lambda _: data.encode() if isinstance(data, str) else data


def put_in(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data, f"no {old}"
        return data.replace(old.encode(), new.encode(), 1)

    return change


def tags(**numbers: int) -> Callable[[bytes], bytes]:
    """A TIFF whose directory says other numbers."""
    codes = {"width": 256, "height": 257, "rows_per_strip": 278, "tile_width": 322, "tile_height": 323, "samples": 277, "bits": 258}

    def change(data: bytes) -> bytes:
        at = struct.unpack_from("<I", data, 4)[0]
        made = bytearray(data)
        for entry in range(struct.unpack_from("<H", data, at)[0]):
            place = at + 2 + 12 * entry
            tag = struct.unpack_from("<H", data, place)[0]
            for name, number in numbers.items():
                if codes[name] == tag:
                    struct.pack_into("<HIQ"[:3] + "I", made, place + 2, 4, 1, number)
        return bytes(made)

    return change


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)) + "]>"
REMOTE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def entity(declared: str) -> Callable[[bytes], bytes]:
    """An XML document that declares something before its root."""
    return lambda data: data.replace(b"?>", b"?>" + declared.encode(), 1)


def deep_xml(data: bytes) -> bytes:
    return data.replace(b"?>", b"?>" + b"<a>" * DEEP, 1)


def zip_bomb(members: int, size: int) -> Callable[[Path], str]:
    """A product whose metadata are zeros, packed a thousandfold."""

    def made(folder: Path) -> str:
        source = rasters.zipped(folder)
        with zipfile.ZipFile(source, "a", zipfile.ZIP_DEFLATED) as archive:
            root = archive.namelist()[0].split("/")[0]
            for number in range(members):
                archive.writestr(f"{root}/more{number}.xml", bytes(size))
        return source

    return made


def zip_member(name: str) -> Callable[[Path], str]:
    def made(folder: Path) -> str:
        source = rasters.zipped(folder)
        with zipfile.ZipFile(source, "a") as archive:
            archive.writestr(name, b"<x/>")
        return source

    return made


def npy(shape: str, kind: str = "'<u2'", data: bytes = b"") -> bytes:
    """An array file whose header says what it likes."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def objects(folder: Path) -> bytes:
    held = io.BytesIO()
    np.save(held, np.array([Runs(folder)], object), allow_pickle=True)
    return held.getvalue()


def npz_of(name: str, make: Callable[[Path], bytes]) -> Callable[[Path], str]:
    """A sample one of whose arrays is another."""

    def made(folder: Path) -> str:
        source = documents.older(folder)
        with zipfile.ZipFile(folder / "one.npz") as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        with zipfile.ZipFile(folder / "one.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in (members | {f"{name}.npy": make(folder)}).items():
                archive.writestr(member, data)
        return source

    return made


def code_in_patch(folder: Path) -> str:
    source = rasters.pickled(folder)
    (Path(source) / "bbox.pkl").write_bytes(pickle.dumps(Runs(folder)))
    return source


def code_in_weights(folder: Path, *, zipped: bool) -> str:
    source = documents.checkpoint(folder)
    torch.save({"layer1.0.weight": Runs(folder)}, folder / "HRNet.pth", _use_new_zipfile_serialization=zipped)
    return source


def script(folder: Path) -> str:
    """A network as a program of TorchScript."""
    source = documents.checkpoint(folder)
    with zipfile.ZipFile(folder / "HRNet.pth", "w") as archive:
        for name, data in {"constants.pkl": b"\x80\x02).", "data.pkl": b"\x80\x02}.", "version": b"3\n", "code/__torch__.py": b"def f(): pass"}.items():
            archive.writestr(f"archive/{name}", data)
    return source


def packed_weights(folder: Path) -> str:
    """A checkpoint that unpacks to a thousand times its size."""
    source = documents.checkpoint(folder)
    made = {"a": torch.zeros(1)}
    torch.save(made, folder / "small.pth")
    with zipfile.ZipFile(folder / "small.pth") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / "HRNet.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if name.endswith("data/0"):
                with archive.open(name, "w", force_zip64=True) as file:
                    for _ in range(4):
                        file.write(bytes(1 << 26))
            else:
                archive.writestr(name, data)
    return source


def codec_of(name: str) -> Callable[[Path], str]:
    """An EOPatch whose Zarr array is packed by a codec that runs what it unpacks."""

    def made(folder: Path) -> str:
        source = rasters.eopatch(folder, how="zarr")
        for array in Path(source).rglob(".zarray"):
            array.write_bytes(said(compressor={"id": name}, dtype="|O", filters=[{"id": "vlen-utf8"}], fill_value=None)(array.read_bytes()))
            for chunk in array.parent.glob("[0-9]*"):
                chunk.write_bytes(pickle.dumps(Runs(folder)))
        return source

    return made


def many_rows(folder: Path) -> str:
    """A table of a thousand million equal rows in a few kilobytes."""
    path = folder / areas.FILE
    part = pa.table({"name": pa.DictionaryArray.from_arrays(pa.array(np.zeros(1 << 20, np.int32)), pa.array(["a"]))})
    with pq.ParquetWriter(path, part.schema) as writer:
        for _ in range(200):
            writer.write_table(part)
    return str(path)


def text_of(name: str, text: str) -> Callable[[Path], str]:
    return lambda folder: documents.written(folder / name, text)


def virtual(folder: Path) -> str:
    """A GeoTIFF by its name that is a virtual raster, and shows a file from elsewhere."""
    secret = rasters.floats(folder)
    os.rename(secret, folder / "secret.tif")
    band = f"<SourceFilename>{folder / 'secret.tif'}</SourceFilename><SourceBand>1</SourceBand>"
    bands = "".join(
        f'<VRTRasterBand dataType="Float32" band="{n}"><Description>{name}</Description><SimpleSource>{band}</SimpleSource></VRTRasterBand>'
        for n, name in enumerate(("B02", "B03", "B04", "B08"), 1)
    )
    (folder / "series").mkdir()
    return documents.written(folder / "series" / "2024-05-01.tif", f'<VRTDataset rasterXSize="24" rasterYSize="20">{bands}</VRTDataset>')


def patch_box(path: str) -> Any:
    return patchinfo.times_of(path)


def linked(make: Callable[[Path], str], file: str) -> Callable[[Path], str]:
    """A whole input one file of which is a link that leads out of its folder."""

    def made(folder: Path) -> str:
        (folder / "here").mkdir()
        source = make(folder / "here")
        path = next(Path(source.removeprefix("stac:")).parent.rglob(file))
        path.rename(folder / path.name)
        path.symlink_to(folder / path.name)
        return source

    return made


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
        edited(documents.weights, "*.safetensors", lambda data: _renamed(data, channels=2048, encoder_blocks=256)),
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


def _renamed(data: bytes, **config: int) -> bytes:
    """Weights whose header says another configuration."""
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["dione"])
    about["config"] = config
    header["__metadata__"]["dione"] = json.dumps(about)
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + data[8 + length :]
