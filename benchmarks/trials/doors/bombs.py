"""Inputs that are made to do harm as a whole: they unpack to gigabytes, run code, or lie of their size."""

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from dione.pairs import areas
from trials.doors import documents, rasters
from trials.doors.edits import said

ESCAPED = "escaped"
"""Of a file that appears where code was run."""


class Runs:
    """A pickle of this runs a command when it is read without care."""

    def __init__(self, folder: Path) -> None:
        self.mark = str(folder / ESCAPED)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


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


def text_of(name: str, text: str) -> Callable[[Path], str]:
    return lambda folder: documents.written(folder / name, text)
