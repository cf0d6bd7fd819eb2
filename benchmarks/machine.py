"""The machine that figures come from."""

import platform
from importlib.metadata import version

from dione.base.machine import processors
from dione.base.machine.memory import memory_bytes

PACKAGES = ("torch", "rasterio", "zarr")


def facts() -> dict[str, object]:
    """As it stands beside them, in JSON."""
    made_of = {name: version(name) for name in PACKAGES}
    memory = round((memory_bytes() or 0) / 1e9, 1)
    system = {"cpu": platform.processor() or platform.machine(), "system": platform.system(), "python": platform.python_version()}
    return {"cores": processors.count(), "memory_gb": memory, **system, **made_of}


def words() -> str:
    """The same on a line."""
    told = facts()
    packages = ", ".join(f"{name} {told[name]}" for name in PACKAGES)
    return f"{told['cores']} cores ({told['cpu']}), {told['memory_gb']:.0f} GB, {told['system']}, Python {told['python']}, {packages}"
