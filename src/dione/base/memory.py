"""How much memory there is: the machine's, or the part of it that this process may take (a container, a job of SLURM)."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Linux's control groups (man 7 cgroups), and which of them this process is in."""


def memory_bytes() -> int | None:
    """The least of what the machine has and every group allows; None if nobody says."""
    told = [found for found in (_machine(), *_allowed()) if found is not None]
    return min(told) if told else None


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _allowed() -> Iterator[int]:
    """What this process's group and each that it is in allow, of version 2 and 1."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (CGROUPS, "memory.max")
        inner = root / path.lstrip("/")
        for group in (inner, *inner.parents):
            if group.is_relative_to(root):
                yield from _limit(group / name)


def _limit(file: Path) -> Iterator[int]:
    """The number in a file, if there is one; no limit is "max" in version 2, a number beyond all memory in version 1."""
    try:
        told = file.read_text().strip()
    except OSError:
        return
    if told.isdigit():
        yield int(told)
