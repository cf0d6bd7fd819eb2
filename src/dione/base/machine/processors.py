"""How many processors this process may keep busy: those it is bound to, or the share of them that its container or job is given.

Whoever chooses a number of processes or threads asks here. Libraries that choose by themselves (OpenMP, and with it torch)
know what they are bound to and no quota: `tell_openmp`.
"""

import os
from collections.abc import Iterator
from math import ceil

from dione.base.machine.cgroups import groups, words

QUOTAS = {1: ("cpu.cfs_quota_us", "cpu.cfs_period_us"), 2: ("cpu.max",)}
"""The files of a group that tell the processor time it may take in each period, and the period, by version. No limit is -1, or "max"."""


def count() -> int:
    """At least 1. A quota of one and a half processors is two, of which both rest for a quarter of the time."""
    return max(min([_bound(), *_allowed()]), 1)


def tell_openmp() -> None:
    """Name a quota's processors in the environment, for OpenMP to find when it is loaded, unless it was told already."""
    if count() < _bound():
        os.environ.setdefault("OMP_NUM_THREADS", str(count()))


def _bound() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _allowed() -> Iterator[int]:
    for version, group in groups("cpu"):
        match [word for file in QUOTAS[version] for word in words(group / file)]:
            case [quota, period] if quota.isdigit() and period.isdigit() and int(period):
                yield ceil(int(quota) / int(period))
