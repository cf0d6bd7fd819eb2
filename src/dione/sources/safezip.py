"""The metadata of a zipped product, taken out of it so that nothing lands outside of the folder that is meant."""

import zipfile
from pathlib import Path, PurePosixPath

from dione.base.errors import BadSource
from dione.sources.xmlfile import LARGEST_BYTES

ENDINGS = (".xml", ".safe")
MOST = 200
"""A product has about twenty files of metadata."""


def take_metadata(archive: zipfile.ZipFile, folder: Path, name: str) -> Path:
    """The product's folder, with its XML and manifest in it; pictures stay in the zip.

    Raises BadSource for a zip that holds none or several products, whose members would land elsewhere, or are too many or too large.
    """
    members = [member for member in archive.infolist() if not member.is_dir()]
    outside = [member.filename for member in members if _escapes(member)]
    if outside:
        raise BadSource(f"{name} holds '{outside[0][:80]}', which would land outside of it; nothing was taken out\nfetch it from where you trust it")
    roots = {PurePosixPath(member.filename).parts[0] for member in members if PurePosixPath(member.filename).name == "manifest.safe"}
    if len(roots) != 1:
        raise BadSource(f"{name} holds {len(roots)} products, needs one .SAFE folder with its manifest.safe")
    root = roots.pop()
    if not root.upper().endswith(".SAFE"):
        raise BadSource(f"{name} holds the folder {root}, needs NAME.SAFE as ESA names it")
    wanted = [member for member in members if member.filename.lower().endswith(ENDINGS) and PurePosixPath(member.filename).parts[0] == root]
    large = [member.filename for member in wanted if member.file_size > LARGEST_BYTES]
    if large or len(wanted) > MOST:
        raise BadSource(f"{name} holds {len(wanted)} files of metadata, {len(large)} of them larger than {LARGEST_BYTES // 1_000_000} MB, which no product has")
    for member in wanted:
        place = folder / member.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed:
            place.write_bytes(packed.read(LARGEST_BYTES))
    return folder / root


def _escapes(member: zipfile.ZipInfo) -> bool:
    """Whether a member is named by a way that leads out of the folder, or is a link."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link
