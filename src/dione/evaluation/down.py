"""Scores without sharper imagery: a real series brought to pixels zoom times larger, sharpened back, compared with itself."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadModel
from dione.evaluation.cases import LEAST_SEEN, REFERENCE, Cases, Made, Models, enough, scored
from dione.evaluation.lower import coarser, drawn_shifts
from dione.evaluation.statistics.measured import measured
from dione.evaluation.statistics.rows import Rows
from dione.evaluation.statistics.scores import whole_cpsnr
from dione.evaluation.tiles import TILE_PX, cut, tiled
from dione.nets.resolver import Resolver, load
from dione.prediction import suits
from dione.prediction.memory import painted
from dione.prepare.radiometry import check_values
from dione.prepare.select import Choice, choose

BORDER_PX = 2
"""Coarse pixels at the edge of the scene that are not scored."""


@dataclass(frozen=True)
class DateGain:
    """One date's cPSNR over bicubic, of the whole scene."""

    day: str
    gain_db: float


@dataclass(frozen=True)
class Series:
    """A Stack whose every date that saw at least LEAST_SEEN of the area is a target."""

    stack: xr.Dataset
    zoom: int
    shift_px: float = 0.0
    """Deviation of the supports' shifts, coarse pixels each axis; the target never moves."""
    seed: int = 0

    @property
    def facts(self) -> dict[str, object]:
        return {"dataset": str(self.stack.attrs.get("source", "")), "brought_down": self.zoom, "shift_px": self.shift_px, "days": when.days(self.stack)}

    @property
    def most_dates(self) -> int:
        return int(self.stack.sizes["time"])

    @property
    def most_patches(self) -> int:
        down, across = (side // self.zoom // TILE_PX for side in (self.stack.sizes["y"], self.stack.sizes["x"]))
        return self.most_dates * down * across

    @property
    def site(self) -> str:
        return str(self.stack.attrs.get("source", "")).rstrip("/").rpartition("/")[2] or "series"

    def cases(self, models: Models, dates: int, *, only: Set[str] | None = None) -> Iterator[Cases]:
        still = coarser(self.stack, zoom=self.zoom)
        for choice in choose(still, target="all", views=dates, max_cloud=1 - LEAST_SEEN):
            if only is None or any(patch.startswith(f"{choice.target}:") for patch in only):
                low = coarser(self.stack, zoom=self.zoom, shifts=self._shifts(choice.target)) if self.shift_px else still
                yield from self._target(models, low, choice, dates, only)

    def _shifts(self, target: int) -> NDArray[np.float64]:
        shifts = drawn_shifts(self.most_dates, shift_px=self.shift_px, seed=self.seed)
        shifts[target] = 0
        return shifts

    def _target(self, models: Models, low: xr.Dataset, choice: Choice, dates: int, only: Set[str] | None) -> Iterator[Cases]:
        """One date's tiles, those of one shape together."""
        zoom, shape = self.zoom, (low.sizes["y"], low.sizes["x"])
        truth = self.stack.isel(time=choice.target, y=slice(shape[0] * zoom), x=slice(shape[1] * zoom)).compute()
        own = low["valid"].values[choice.target]
        known = np.repeat(np.repeat(own, zoom, 0), zoom, 1)  # every fine pixel of a valid coarse one is valid
        hr = _zeroed(truth["reflectance"].values, known)
        made = {
            name: Made(*(_zeroed(part, known)[None] for part in painted(low, suits.seeing(resolver, low, choice.views), choice)[:2]))
            for name, resolver in models.items()
        }
        valid = torch.from_numpy(own)[None]
        seen = scored(valid, zoom=zoom, border=BORDER_PX)
        lr = torch.from_numpy(low["reflectance"].values[choice.target])[None]
        hidden = torch.from_numpy(1 - low["valid"].values[list(choice.views)].mean(0))[None]
        for group in tiled(shape):
            kept = enough(cut(valid, group.values()), cut(seen, group.values(), zoom)).tolist()
            names = [f"{choice.target}:{number}" for number in group]
            some = {n: tile for (n, tile), name, keep in zip(group.items(), names, kept, strict=True) if keep and (only is None or name in only)}
            if some:
                keys = self._keys(choice, dates, list(some), cut(hidden, some.values()))
                parts = {name: Made(cut(each.sr, some.values(), zoom), cut(each.sigma, some.values(), zoom)) for name, each in made.items()}
                yield Cases(keys, cut(lr, some.values()), cut(hr[None], some.values(), zoom), cut(seen, some.values(), zoom), parts)

    def _keys(self, choice: Choice, dates: int, tiles: list[int], hidden: torch.Tensor) -> dict[str, NDArray[np.generic]]:
        alike = {"site": self.site, "sensor": "sentinel-2", "day": when.label(self.stack, choice.target), "dates": dates}
        return {
            "patch": np.array([f"{choice.target}:{tile}" for tile in tiles]),
            "place": np.array([f"tile {tile}" for tile in tiles]),
            "hidden": hidden.mean((1, 2)).double().numpy(),
            **{name: np.full(len(tiles), value) for name, value in alike.items()},
        }


def series(stack: xr.Dataset, models: Models, *, shift_px: float = 0.0, seed: int = 0) -> Series:
    """A Stack as cases for these models. Raises NotAStack, BadValues, BadGrid for too small a scene, BadModel for models of several zooms."""
    check_values(stacks.check(stack))
    zooms = {name: resolver.zoom for name, resolver in models.items()}
    if len(set(zooms.values())) > 1:
        raise BadModel(f"the models enlarge by different factors: {zooms}\ncompare models of one zoom")
    return Series(stack, next(iter(zooms.values())), shift_px, seed)


def gains(stack: xr.Dataset, resolver: Resolver, *, views: int = 8, shift_px: float = 0.0, seed: int = 0) -> list[DateGain]:
    """Gain of `resolver` over bicubic of the target, dB, for every date that saw at least LEAST_SEEN of the scene, where it did.

    shift_px: deviation of the supports' sub-pixel shifts, coarse pixels, drawn with `seed`; the series' own by default.
    Raises BadValues, BadGrid for too small a scene, NothingClear.
    """
    models = {"model": resolver, REFERENCE: load(REFERENCE)}
    rows = measured(series(stack, models, shift_px=shift_px, seed=seed), models, (views,)).rows
    return [DateGain(day, gain) for day, gain in day_gains(rows, "model", REFERENCE).items()]


def day_gains(rows: Rows, model: str, against: str) -> dict[str, float]:
    """cPSNR of each day's whole scene over another model's, dB, from the sums of its tiles."""
    scenes = [rows.where(model=name).pooled("day") for name in (model, against)]
    apart = whole_cpsnr(scenes[0]) - whole_cpsnr(scenes[1])
    return {str(day): float(gain) for day, gain in zip(scenes[0].keys["day"], apart, strict=True)}


def _zeroed(image: NDArray[np.float32], known: NDArray[np.bool_]) -> torch.Tensor:
    """Nothing where the truth is not known, in the truth and in every result alike."""
    return torch.from_numpy(np.where(known, image, np.float32(0)))
