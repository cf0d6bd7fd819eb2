"""Parquet tables: written with a checksum of each page, read whole, looked through, or refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dione.base.errors import BadSource, NotFound
from dione.base.storage.files import whole

MOST_CELLS = 100_000_000
"""Values of one table: a few kilobytes can say that they are as many."""


def read(path: Path, what: str, advice: str) -> pa.Table:
    """The table in a file, every text in it valid. what, advice: for messages. Raises NotFound, BadSource."""
    return _read(path, str(path), what, advice)


def of_bytes(data: bytes, where: str, what: str, advice: str) -> pa.Table:
    """The same of what a file holds that is somewhere else. Raises BadSource."""
    return _read(pa.BufferReader(data), where, what, advice)


def _read(source: Path | pa.NativeFile, where: str, what: str, advice: str) -> pa.Table:
    try:
        about = pq.read_metadata(source)
        if about.num_rows * max(about.num_columns, 1) > MOST_CELLS:
            raise ValueError(f"it says that it holds {about.num_rows} rows of {about.num_columns} columns, more than {MOST_CELLS} values")
        found = pq.read_table(source, page_checksum_verification=True)
        found.validate(full=True)
    except FileNotFoundError as error:
        raise NotFound(f"no {what} at {where}\n{advice}") from error
    except (OSError, pa.ArrowException, ValueError, RecursionError) as error:
        raise BadSource(f"{where} is no {what} that can be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}\n{advice}") from error
    return found


def write(path: Path, table: pa.Table, *, compression: str = "snappy") -> Path:
    """A table as a file, whole or not at all. Raises CannotWrite."""
    with whole(path) as partial:
        pq.write_table(table, partial, compression=compression, write_page_checksum=True)
    return path


def packed(table: pa.Table) -> bytes:
    """A table as the bytes of its file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, write_page_checksum=True)
    return bytes(sink.getvalue())
