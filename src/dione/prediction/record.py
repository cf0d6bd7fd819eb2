"""How a run was made, as it is told with the results: TIFF tags, versions, run.json."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from dione.base.storage.files import write_text
from dione.nets.resolver import Resolver
from dione.prediction.run import Model, Run, Target, item_file, item_id
from dione.prepare.select import Choice

PACKAGES = ("dione", "torch", "numpy", "rasterio", "xarray")
"""Those whose versions decide the numbers."""


def model(resolver: Resolver) -> Model:
    """What the pages say of the network."""
    about = resolver.about
    facts = {"network": about.net, "parameters": str(sum(p.numel() for p in resolver.net.parameters()))}
    return Model(resolver.name, resolver.digest, facts | {key: _words(value) for key, value in about.provenance.items()})


def _words(value: object) -> str:
    """A fact as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    return "; ".join(map(_words, value)) if isinstance(value, list | tuple) else str(value)


def provenance(model: Model, choice: Choice) -> dict[str, str]:
    """TIFF tags for a finished file: what made it, from which dates."""
    tags = {
        "TIFFTAG_SOFTWARE": f"dione {installed('dione')}",
        "DIONE_MODEL": model.name,
        "DIONE_TARGET": choice.day,
        "DIONE_SUPPORTS": " ".join(choice.dates[i].day for i in choice.supports),
    }
    return tags | ({"DIONE_MODEL_SHA256": model.sha256} if model.sha256 else {})


def installed(package: str) -> str:
    """The version of an installed package, or 'not installed'."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Of everything that decides the numbers."""
    return {name: installed(name) for name in PACKAGES} | {"gdal": rasterio.__gdal_version__, "python": platform.python_version()}


def write(out: Path, run: Run) -> Path:
    """OUT/run.json: recipe, versions, inputs, what was chosen, timings, warnings. Only the timings differ between two equal runs."""
    return write_text(out / "run.json", json.dumps(facts(run), indent=2, ensure_ascii=False, default=_plain) + "\n")


def facts(run: Run) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "source": run.source,
        "options": dict(run.options),
        "model": {"name": run.model.name, "sha256": run.model.sha256 or None, **run.model.facts},
        "versions": versions(),
        "grid": {"crs": run.crs, "shape": list(run.fine.shape), "transform": list(run.fine.affine)[:6]},
        "zoom": run.zoom,
        "notes": dict(run.notes),
        "targets": [_target(target) for target in run.targets],
        "warnings": list(run.warnings),
        "seconds": dict(run.seconds),
    }


def _target(target: Target) -> dict[str, Any]:
    dates = [dict(day=d.day, item=item_id(d.item), clear=round(d.clear, 4), role=d.role, reason=d.reason) for d in target.choice.dates]
    return {
        "day": target.day,
        "files": [file.name for file in target.files] + _catalogued(target),
        "clear": round(target.clear, 4),
        "filled": round(target.filled, 4),
        "consistency": target.consistency,
        "dates": dates,
        "warnings": list(target.warnings),
        "seconds": dict(target.seconds),
    }


def _catalogued(target: Target) -> list[str]:
    """The STAC item of a date, or its tiles with those of each, below the folder."""
    if not target.tiles:
        return [f"{target.name}.json"]
    return [f"{file.parent.name}/{file.name}" for tile in target.tiles for file in (*tile.files, item_file(tile.sr))]


def _plain(value: object) -> object:
    """What JSON lacks."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | tuple | set | frozenset):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    return str(value)
