"""What is installed here, and what this machine can do: `dione doctor`."""

import platform
import re
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, requires
from typing import Any

from packaging.requirements import Requirement

from dione.base.errors import DioneError
from dione.base.machine import processors
from dione.base.machine.memory import memory_bytes

PROBE_PX = 128
"""Side of the scene that is sharpened to measure, 8 dates; two runs of it."""
SHOWN = ("torch", "numpy", "xarray", "rasterio", "odc-geo", "zarr", "dask")


@dataclass(frozen=True)
class Checkup:
    """What was found."""

    versions: dict[str, str]
    machine: dict[str, Any]
    missing: dict[str, list[str]]
    """Extras that are not whole, with what they lack."""
    faults: list[str]
    """Why dione cannot work here; empty if it can."""
    speed: dict[str, float] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        commands = {extra: command(extra) for extra in self.missing}
        return {"versions": self.versions, "machine": self.machine, "missing": self.missing, "commands": commands, "faults": self.faults, "speed": self.speed}


def command(extra: str) -> str:
    """What installs an extra."""
    return f"pip install 'dione[{extra}]'"


def look(*, probe: bool = True) -> Checkup:
    """Look at everything; with `probe` also sharpen a made-up scene for some seconds."""
    wanted = [Requirement(line) for line in requires("dione") or []]
    faults = [fault for one in wanted if one.marker is None and (fault := _lacks(one))]
    extras = _extras(wanted)
    lacking = {extra: found for extra, needs in extras.items() if (found := [fault for one in needs if (fault := _lacks(one))])}
    versions = {"dione": _version("dione"), "python": platform.python_version(), **{name: _version(name) for name in SHOWN}}
    if faults:
        return Checkup(versions, {"cores": processors.count()}, lacking, faults)
    try:
        return Checkup(versions, _machine(), lacking, faults, _speed() if probe else {})
    except (DioneError, ImportError, OSError) as error:
        return Checkup(versions, {"cores": processors.count()}, lacking, [f"a made-up scene cannot be sharpened: {error}"])


def lines(found: Checkup) -> list[str]:
    """For a person."""
    machine = found.machine
    told = ["installed: " + ", ".join(f"{name} {version}" for name, version in found.versions.items())]
    if "memory_gb" in machine:
        told.append(f"machine: {machine['cores']} cores, {machine['memory_gb']:.0f} GB, {machine['device']}, {machine['precision']} is the faster precision")
    if found.speed:
        told.append(f"speed: about {found.speed['km2_per_min']:.0f} km² a minute and target, of 8 dates (measured on {found.speed['km2']:.1f} km² just now)")
    told += [f"extra {extra} is missing {', '.join(lack)}: {command(extra)}" for extra, lack in found.missing.items()]
    return [
        *told,
        *(f"fault: {fault}" for fault in found.faults),
        "all well" if not found.faults else "dione cannot work here: pip install --force-reinstall dione",
    ]


def _extras(wanted: list[Requirement]) -> dict[str, list[Requirement]]:
    """What each extra asks for, by its name in the marker."""
    extras: dict[str, list[Requirement]] = {}
    for one in wanted:
        for name in re.findall(r"extra == ['\"]([\w-]+)['\"]", str(one.marker or "")):
            extras.setdefault(name, []).append(one)
    return extras


def _lacks(wanted: Requirement) -> str | None:
    """The package with what was found and needed, if it is not there or of another version."""
    version = _version(wanted.name)
    if version == "not installed":
        return str(wanted).partition(";")[0].strip()
    return None if wanted.specifier.contains(version, prereleases=True) else f"{wanted.name} {version}, needs {wanted.specifier}"


def _version(name: str) -> str:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, Any]:
    from dione.prediction.windows.engine import engine

    used = engine()
    return {
        "cores": processors.count(),
        "memory_gb": round((memory_bytes() or 0) / 1e9, 1),
        "device": used.device,
        "precision": used.precision,
        "gpus": _gpus(),
    }


def _gpus() -> list[str]:
    import torch

    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []


def _speed() -> dict[str, float]:
    """Square kilometres a minute, of one target with eight dates: the second of two runs, without reading and writing files."""
    from dione.prediction.memory import predict
    from dione.testing import landscape, series

    stack = series(landscape((PROBE_PX, PROBE_PX)), days=8).stack
    spent = []
    for _ in range(2):
        began = time.perf_counter()
        predict(stack)
        spent.append(time.perf_counter() - began)
    km2 = (PROBE_PX * 10 / 1000) ** 2
    return {"km2": round(km2, 2), "seconds": round(min(spent), 2), "km2_per_min": round(60 * km2 / min(spent), 1)}
