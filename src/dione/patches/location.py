"""Where a store is: a folder, or a place in an object store. Files appear whole, as objects do by themselves.

A folder is made beside its place and renamed when it is whole. An object store cannot rename: there a store is written in
its place, and the one file without which it counts as none comes last. Credentials come from the environment or a profile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import zarr

from dione.base.errors import CannotWrite
from dione.base.storage import parquet
from dione.base.storage.folders import whole_folder
from dione.sources.carrying import get, put
from dione.sources.places import is_remote, naming, shown, system, writing

PIXELS = "pixels.zarr"
"""The arrays of a store."""


@dataclass(frozen=True)
class Location:
    """A folder of files, here or at s3://BUCKET/…"""

    address: str

    @classmethod
    def of(cls, path: "str | Path | Location") -> "Location":
        return path if isinstance(path, Location) else cls(str(path).rstrip("/"))

    def __str__(self) -> str:
        return shown(self.address)

    @property
    def remote(self) -> bool:
        return is_remote(self.address)

    def has(self, name: str) -> bool:
        fs, inside = system(self.address)
        with naming(self.address):
            fs.invalidate_cache()
            return bool(fs.isfile(f"{inside}/{name}"))

    def has_folder(self, name: str) -> bool:
        fs, inside = system(self.address)
        with naming(self.address):
            return bool(fs.isdir(f"{inside}/{name}"))

    def read(self, name: str) -> bytes:
        """Raises NotFound, BadSource."""
        return get(f"{self.address}/{name}")

    def write(self, name: str, data: bytes) -> None:
        """A file in place of the one of that name, whole. Raises CannotWrite."""
        put(f"{self.address}/{name}", data)

    def table(self, name: str, what: str, advice: str) -> pa.Table:
        """Raises NotFound, BadSource; the words are those of `dione.base.storage.parquet`."""
        return parquet.of_bytes(self.read(name), f"{self}/{name}", what, advice)

    def write_table(self, name: str, table: pa.Table) -> None:
        self.write(name, parquet.packed(table))

    def group(self, name: str, *, append: bool = False) -> zarr.Group:
        """A group of arrays, to be read or added to."""
        return zarr.open_group(f"{self.address}/{name}", mode="a" if append else "r")

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        fs, inside = system(self.address)
        with naming(self.address):
            return int(sum(info.get("size") or 0 for info in fs.find(inside, detail=True).values()))

    @contextmanager
    def filled(self, last: str) -> Iterator["Location"]:
        """Where to write a new store: beside this place, which it takes when the block ends well.

        In an object store it is this place, where `last`, and then all else, was removed. Raises CannotWrite, also where
        something else than a store stands.
        """
        self._spare(last)
        if not self.remote:
            with whole_folder(Path(self.address).absolute()) as partial:
                yield Location(str(partial))
            return
        fs, inside = system(self.address)
        with writing(self.address):
            fs.invalidate_cache()
            if fs.exists(f"{inside}/{last}"):
                fs.rm_file(f"{inside}/{last}")
            if fs.exists(inside):
                fs.rm(inside, recursive=True)
        yield self

    def _spare(self, last: str) -> None:
        """Nothing is replaced but a store, or what a run that was killed left of one. Raises CannotWrite."""
        fs, inside = system(self.address)
        if self.remote and "/" not in inside.strip("/"):
            raise CannotWrite(f"{self} is a whole bucket\nname a place in it: {self}/patches")
        with naming(self.address):
            fs.invalidate_cache()
            there = fs.ls(inside, detail=False) if fs.isdir(inside) else [inside] if fs.exists(inside) else []
        if there and not (self.has(last) or self.has_folder(PIXELS)):
            raise CannotWrite(f"{self} holds something else than patches\nname another place with -o, or empty it first")
