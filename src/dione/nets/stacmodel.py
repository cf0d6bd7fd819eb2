"""A model as a STAC item of the machine-learning model extension (MLM 1.4): what it takes, what it gives, what made it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pystac

from dione.base.files import folder, write_text
from dione.nets.resolver import Resolver

MLM = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
WORLD = [-180.0, -84.0, 180.0, 84.0]
"""Where Sentinel-2 looks; of what land the weights know, the card tells."""
SAFETENSORS = "application/octet-stream; framework=pytorch; format=safetensors"
START = datetime(2015, 6, 23, tzinfo=UTC)
"""Sentinel-2's launch: images from then on can be sharpened."""


KINDS = {"onnx": "application/octet-stream; framework=onnx", "pt2": "application/octet-stream; framework=pytorch"}


def write(path: Path, resolver: Resolver, *, files: Mapping[str, Path] = MappingProxyType({})) -> Path:
    """The item as a file, whole. Raises CannotWrite."""
    made = item(resolver, href=f"./{resolver.name}.safetensors", files=files).to_dict(include_self_link=False)
    folder(path.parent)
    return write_text(path, json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def item(resolver: Resolver, *, href: str, files: Mapping[str, Path] = MappingProxyType({})) -> pystac.Item:
    """The item of a model. href: where its weights file lies; files: what was exported beside it, by kind (onnx, pt2). Links are to names, not to folders of this machine."""
    west, south, east, north = WORLD
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    made = pystac.Item(resolver.name, {"type": "Polygon", "coordinates": [ring]}, WORLD, None, _properties(resolver), START, START.replace(year=2100), [MLM])
    made.add_asset(
        "weights",
        pystac.Asset(href, title="weights", media_type=SAFETENSORS, roles=["mlm:model", "mlm:weights"], extra_fields={"mlm:artifact_type": "safetensors"}),
    )
    for kind, path in files.items():
        extra = {"mlm:artifact_type": "torch.export.save" if kind == "pt2" else kind}
        made.add_asset(kind, pystac.Asset(f"./{path.name}", title=kind, media_type=KINDS[kind], roles=["mlm:model"], extra_fields=extra))
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
        "mlm:pretrained": True,
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
