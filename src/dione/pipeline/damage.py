"""What cut a stage's files short after they were made: a disk that failed, a copy that broke off. Such a stage is made again.

Looked at is what each file tells of its own length; damage in its midst is found where it is read.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from dione.base.errors import BadSource
from dione.base.storage import documents
from dione.base.storage.files import bytes_of
from dione.sources.places import listing
from dione.sources.rasters import headers

log = logging.getLogger(__name__)

FAULTS = (BadSource, pa.ArrowException, SafetensorError, OSError, ValueError)
LOOKS: dict[str, Callable[[Path], object]] = {
    ".parquet": pq.read_metadata,
    ".json": documents.json_in,
    ".safetensors": lambda path: safe_open(path, framework="np").__enter__().__exit__(None, None, None),
    ".tif": lambda path: headers.read(listing(path)[0]),
}


def found(paths: Iterable[Path], folders_bytes: int) -> set[Path]:
    """Of the files of a stage, those that were cut short, and its folders if they hold less than they did; one that is missing is not."""
    folders = [path for path in paths if path.is_dir()]
    less = folders if sum(map(bytes_of, folders)) < folders_bytes else []
    made = {*less, *(path for path in paths if path.is_file() and _cut_short(path))}
    for path in sorted(made):
        log.warning("%s was cut short since it was made: it is made again", path)
    return made


def _cut_short(path: Path) -> bool:
    try:
        LOOKS.get(path.suffix, lambda _: None)(path)
    except FAULTS:
        return True
    return False
