"""The control groups that this process is in (Linux, man 7 cgroups): what a container, or a job of SLURM, may take of the machine."""

from collections.abc import Iterator
from pathlib import Path

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""All groups, and which of them this process is in."""


def groups(controller: str) -> Iterator[tuple[int, Path]]:
    """Version, 1 or 2, and folder of each group that limits this process, its own and all around it; none on a system without."""
    for line in filter(None, words(OWN, separator="\n")):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = ROOT / controller if controllers else ROOT
        inner = root / path.lstrip("/")
        yield from ((1 if controllers else 2, group) for group in (inner, *inner.parents) if group.is_relative_to(root))


def words(file: Path, *, separator: str | None = None) -> list[str]:
    """What a file of a group says; nothing where it is not there."""
    try:
        return file.read_text().strip().split(separator)
    except OSError:
        return []
