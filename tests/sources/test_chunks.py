"""Zarr arrays that are not what they should be: codecs that run code, chunks that fill the memory, bytes that are others."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from dione import sources, testing
from dione.base.errors import BadSource, DioneError
from dione.patches import store
from dione.sources import chunks, zarrstack


def array(folder: Path, **metadata: object) -> Path:
    """A Zarr v2 array whose metadata are changed."""
    path = folder / "a.zarr"
    zarr.save_array(str(path), np.arange(8, dtype="u2"), zarr_format=2)
    about = path / ".zarray"
    about.write_text(json.dumps(json.loads(about.read_text()) | metadata))
    return path


class Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (Path(self.mark),)


def test_a_codec_that_runs_what_it_unpacks_is_refused_before_a_chunk_is_read(tmp_path: Path) -> None:
    path = array(tmp_path, compressor={"id": "pickle"}, dtype="|O", filters=[{"id": "vlen-utf8"}], fill_value=None)
    (path / "0").write_bytes(pickle.dumps(Runs(tmp_path / "escaped")))
    with pytest.raises(BadSource, match="its codec 'pickle' is not known"):
        chunks.check(zarr.open_array(path, mode="r"), "here")
    assert not (tmp_path / "escaped").exists()


def test_a_chunk_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    path = array(tmp_path, shape=[2**40], chunks=[2**40])
    with pytest.raises(BadSource, match=rf"{2**41} bytes; needs at most"):
        chunks.check(zarr.open_array(path, mode="r"), "here")


def spoil(chunk: Path) -> None:
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(bytes(data))


@pytest.mark.parametrize("variable", ["reflectance", "valid", "x", "item"])
def test_a_kept_stack_of_which_a_byte_is_another_is_found_out(tmp_path: Path, variable: str) -> None:
    made = testing.series(testing.landscape((20, 24), seed=1), days=2, seed=2).stack
    path = Path(zarrstack.save(made, tmp_path / "kept.zarr"))
    spoil(max((file for file in (path / variable / "c").rglob("*") if file.is_file()), key=lambda file: file.stat().st_size))
    with pytest.raises(DioneError, match=r"(?s)kept\.zarr.*damaged"):
        sources.open(path).load()


def test_a_patch_store_of_which_a_byte_is_another_is_found_out_when_it_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    facts = dict.fromkeys(store.FACTS, "a")
    patch = store.Patch(rng.random((2, 4, 6, 6)).astype("f4"), np.ones((2, 6, 6), bool), rng.random((4, 24, 24)).astype("f4"), facts)
    store.write(tmp_path / "patches", iter([patch] * 3), {})
    opened = store.read(tmp_path / "patches")
    assert opened.hr[:].shape == (3, 4, 24, 24)
    spoil(next(file for file in (tmp_path / "patches" / store.PIXELS / "hr" / "c").rglob("*") if file.is_file()))
    with pytest.raises(BadSource, match=r"(?s)'hr' cannot be read.*make it again"):
        store.read(tmp_path / "patches").hr[:]
