"""Results into an object store: made on this disk, where a run can go on that was stopped, and sent when they are whole.

with staged("s3://bucket/field") as folder:
    predict_to(stack, folder, ...)          # a folder that is the same for the same address
# every file is in the bucket now, run.json last
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from dione.base.errors import CannotWrite
from dione.base.files import room
from dione.sources import shelf
from dione.sources.places import faults_of_stores, is_remote, shown, system

LAST = "run.json"
PROBE = ".dione-probe"


@contextmanager
def staged(output: str) -> Iterator[Path]:
    """A folder to write to; when the block ends well, its files go to `output`, if that is not a folder itself.

    Raises CannotWrite: before the block if the store does not take a file, after it if it does not take them all.
    """
    if not is_remote(output):
        yield Path(output)
        return
    _probe(output)
    folder = (shelf.folder() or Path.home() / ".cache" / "dione") / "outputs" / blake2b(output.rstrip("/").encode(), digest_size=12).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder}, where results for {shown(output)} are made: {error.strerror}\n{room(folder.parent)}") from error
    yield folder
    send(folder, output)
    shutil.rmtree(folder, ignore_errors=True)


def send(folder: Path, output: str) -> list[str]:
    """Copy the finished files of a folder to `output`, run.json last; their addresses. Raises CannotWrite."""
    below = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    files = sorted((file for file in below if not any(part.startswith(".") for part in file.parts)), key=lambda file: file.name == LAST)
    fs, inside = system(output.rstrip("/"))
    for file in files:
        try:
            fs.put_file(str(folder / file), f"{inside}/{file.as_posix()}")
        except faults_of_stores() as error:
            advice = f"the results are whole in {folder}: run the same command again, or copy them by hand"
            raise CannotWrite(f"cannot send {file.name} to {shown(output)}: {shown(str(error)) or type(error).__name__}\n{advice}") from error
    return [f"{output.rstrip('/')}/{file.as_posix()}" for file in files]


def _probe(output: str) -> None:
    """Write a small file and take it away again, so that nothing is computed in vain."""
    fs, inside = system(output.rstrip("/"))
    try:
        fs.pipe_file(f"{inside}/{PROBE}", b"")
        fs.rm_file(f"{inside}/{PROBE}")
    except faults_of_stores() as error:
        advice = "check the name of the bucket, and the credentials of the store"
        raise CannotWrite(f"cannot write to {shown(output)}: {shown(str(error)) or type(error).__name__}\n{advice}") from error
