"""A model as a STAC item of the machine-learning model extension (MLM 1.4): what it takes, what it gives, what made it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pystac

from dione.base.storage.files import folder, write_text
from dione.nets.resolver import Resolver
from dione.sources.places import is_remote

MLM = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
WORLD = [-180.0, -84.0, 180.0, 84.0]
"""Where Sentinel-2 looks; of what land the weights know, the card tells."""
START = datetime(2015, 6, 23, tzinfo=UTC)
"""Sentinel-2's launch: images from then on can be sharpened."""


@dataclass(frozen=True)
class Kind:
    """What a file of a model is, in the extension's words."""

    media_type: str
    artifact: str
    roles: tuple[str, ...] = ("mlm:model",)


KINDS = {
    "weights": Kind("application/octet-stream; framework=pytorch; format=safetensors", "safetensors", ("mlm:model", "mlm:weights")),
    "onnx": Kind("application/octet-stream; framework=onnx", "onnx"),
    "pt2": Kind("application/octet-stream; framework=pytorch", "torch.export.save"),
}


def write(path: Path, resolver: Resolver, *, files: Mapping[str, str | Path] = MappingProxyType({})) -> Path:
    """The item as a file, whole; `files` that there are of the model, by kind (weights, onnx, pt2), are linked to. Raises CannotWrite."""
    made = item(resolver, files={kind: _link(file, path.parent) for kind, file in files.items()}).to_dict(include_self_link=False)
    folder(path.parent)
    return write_text(path, json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def _link(file: str | Path, beside: Path) -> str:
    """To a file in the item's folder by its name there, so that both may move; to any other by its whole address."""
    if is_remote(file):
        return str(file)
    place, here = Path(file).resolve(), beside.resolve()
    return f"./{place.relative_to(here).as_posix()}" if place.is_relative_to(here) else str(place)


def item(resolver: Resolver, *, files: Mapping[str, str]) -> pystac.Item:
    """The item of a model, with the links to its files by kind (weights, onnx, pt2)."""
    west, south, east, north = WORLD
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    made = pystac.Item(resolver.name, {"type": "Polygon", "coordinates": [ring]}, WORLD, None, _properties(resolver), START, START.replace(year=2100), [MLM])
    for name, href in files.items():
        kind = KINDS[name]
        extra = {"mlm:artifact_type": kind.artifact}
        made.add_asset(name, pystac.Asset(href, title=name, media_type=kind.media_type, roles=[*kind.roles], extra_fields=extra))
    return made


def _properties(resolver: Resolver) -> dict[str, Any]:
    about, parameters = resolver.about, sum(p.numel() for p in resolver.net.parameters())
    bands = [{"name": name} for name in about.bands]
    return {
        "description": f"{about.net}: a series of {about.gsd_m:g} m images in, one of them {about.zoom} times sharper out, with its uncertainty",
        "mlm:name": resolver.name,
        "mlm:architecture": about.net,
        "mlm:tasks": ["super-resolution"],
        "mlm:framework": "pytorch",
        "mlm:total_parameters": parameters,
        "mlm:pretrained": resolver.has_weights,
        "mlm:accelerator_constrained": False,
        "mlm:hyperparameters": about.config,
        "mlm:input": [_tensor("reflectance", bands, [-1, -1, len(bands), -1, -1], ["batch", "time", "bands", "height", "width"], "float32"), _valid()],
        "mlm:output": [_output("sr", about.bands), _output("sigma", about.bands)],
        "dione:margin_px": about.margin,
        "dione:zoom": about.zoom,
        "dione:sha256": resolver.digest,
        "dione:provenance": about.provenance,
    }


def _tensor(name: str, bands: list[dict[str, str]], shape: list[int], order: list[str], kind: str) -> dict[str, Any]:
    how = {"pre_processing_function": None, "value_scaling": None, "resize_type": None}
    return {"name": name, "bands": bands, "input": {"shape": shape, "dim_order": order, "data_type": kind}, **how}


def _valid() -> dict[str, Any]:
    return _tensor("valid", [], [-1, -1, -1, -1], ["batch", "time", "height", "width"], "uint8")


def _output(name: str, bands: tuple[str, ...]) -> dict[str, Any]:
    result = {"shape": [-1, len(bands), -1, -1], "dim_order": ["batch", "bands", "height", "width"], "data_type": "float32"}
    return {"name": name, "tasks": ["super-resolution"], "result": result, "bands": [{"name": band} for band in bands], "post_processing_function": None}
