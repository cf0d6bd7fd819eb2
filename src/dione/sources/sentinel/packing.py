"""Products as folders or zips of them; the metadata of a zip are taken out so that nothing lands outside of the folder that is meant."""

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dione.base.errors import BadSource
from dione.sources.places import shown
from dione.sources.sentinel.xmlfile import LARGEST_BYTES

ENDINGS = (".xml", ".safe")
MOST = 200
MOST_BYTES = 256_000_000
"""A product has about twenty files of metadata."""


@dataclass(frozen=True)
class Form:
    """How a zip of a product is known."""

    marker: re.Pattern[str]
    """The file that every product has once, by its name."""
    root: re.Pattern[str]
    """What its folder is called."""
    words: str
    """The same for messages: 'one .SAFE folder with its manifest.safe'."""


@dataclass(frozen=True)
class Product:
    """A product whose metadata are on this disk as long as it is open."""

    root: Path
    """The folder of its metadata."""
    seen_at: str
    """The product as rasterio opens it: the folder, or its place in a zip."""
    names: tuple[str, ...]
    """All of its files, below the root."""


@contextmanager
def opened(place: Path, form: Form) -> Iterator[Product]:
    """A folder as it is, or what of a zip is metadata, taken out for that time. Raises BadSource."""
    if place.is_dir():
        files = (PurePosixPath(file.relative_to(place).as_posix()) for file in place.rglob("*") if file.is_file())
        names = tuple(sorted(str(file) for file in files if not _is_macs(file)))
        yield Product(place, str(place.resolve()), names)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(place) as archive:
                root = _take_metadata(archive, Path(folder), shown(place), form)
                inside = [PurePosixPath(member.filename) for member in _files(archive)]
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
            raise BadSource(f"{shown(place)} is no zip that can be read: {error}\nit may be half copied: fetch it again") from error
        names = tuple(sorted(PurePosixPath(*path.parts[1:]).as_posix() for path in inside if path.parts[0] == root.name and not _is_macs(path)))
        yield Product(root, f"/vsizip/{place.resolve()}/{root.name}", names)


def _take_metadata(archive: zipfile.ZipFile, folder: Path, name: str, form: Form) -> Path:
    """The product's folder, with its XML and manifest in it; pictures stay in the zip.

    Raises BadSource for a zip that holds none or several products, whose members would land elsewhere, or are too many or too large.
    """
    members = _files(archive)
    outside = [member.filename for member in members if _escapes(member)]
    if outside:
        raise BadSource(f"{name} holds '{outside[0][:80]}', which would land outside of it; nothing was taken out\nfetch it from where you trust it")
    members = [member for member in members if not _is_macs(PurePosixPath(member.filename))]
    if any("/" not in member.filename and form.marker.fullmatch(member.filename) for member in members):
        raise BadSource(f"{name} holds the files of a product without its folder, needs {form.words}\nunpack it into a folder of that name")
    roots = {PurePosixPath(member.filename).parts[0] for member in members if form.marker.fullmatch(PurePosixPath(member.filename).name)}
    if len(roots) != 1:
        raise BadSource(f"{name} holds {len(roots)} products, needs {form.words}")
    root = roots.pop()
    if not form.root.fullmatch(root):
        raise BadSource(f"{name} holds the folder {root}, needs {form.words}")
    wanted = [member for member in members if member.filename.lower().endswith(ENDINGS) and PurePosixPath(member.filename).parts[0] == root]
    large = [member.filename for member in wanted if member.file_size > LARGEST_BYTES]
    total = sum(member.file_size for member in wanted)
    if large or len(wanted) > MOST or total > MOST_BYTES:
        told = f"{len(wanted)} files of metadata, {len(large)} of them larger than {LARGEST_BYTES // 1_000_000} MB, {total // 1_000_000} MB in all"
        raise BadSource(f"{name} holds {told}, which no product has\nfetch it from where you trust it")
    for member in wanted:
        place = folder / member.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed:
            place.write_bytes(packed.read(LARGEST_BYTES))
    return folder / root


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Its members that are no folders; raises ValueError for one without a name."""
    files = [member for member in archive.infolist() if not member.filename.endswith("/")]
    if not all(PurePosixPath(member.filename).parts for member in files):
        raise ValueError("a file in it has no name")
    return files


def _is_macs(path: PurePosixPath) -> bool:
    """Whether macOS put it there, beside the file whose name it repeats: __MACOSX/…/._B2.tif in zips, ._B2.tif on other disks."""
    return path.parts[0] == "__MACOSX" or path.name.startswith("._")


def _escapes(member: zipfile.ZipInfo) -> bool:
    """Whether a member is named by a way that leads out of the folder, or is a link."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link
