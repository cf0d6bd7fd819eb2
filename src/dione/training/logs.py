"""Where a run writes down how it goes: log.jsonl always, TensorBoard and Weights & Biases when asked for."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dione.base.errors import BadRecipe
from dione.base.storage.files import cannot_write, write_text

log = logging.getLogger(__name__)
Row = Mapping[Any, Any]
WANDB_ID = "wandb.id"


@runtime_checkable
class Log(Protocol):
    """A place that rows, pictures and distributions of bands go to."""

    def row(self, step: int, values: Row) -> None: ...
    def picture(self, step: int, image: Image.Image) -> None: ...
    def distributions(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None: ...
    def close(self) -> None: ...


def open_logs(names: tuple[str, ...], folder: Path, *, step: int, facts: dict[str, Any]) -> list[Log]:
    """log.jsonl and these; what they hold of steps after `step`, from which the run goes on, is dropped.

    Raises BadRecipe where a package that was asked for is not installed, or Weights & Biases takes nothing.
    """
    kinds: dict[str, Callable[[Path, int, dict[str, Any]], Log]] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}
    return [JsonLines(folder, step), *(Told(kinds[name](folder, step, facts), folder / name) for name in names)]


class JsonLines:
    """FOLDER/log.jsonl, one object a line."""

    def __init__(self, folder: Path, step: int):
        self.path = folder / "log.jsonl"
        if self.path.is_file():
            kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _step(line) <= step]
            write_text(self.path, "".join(f"{line}\n" for line in kept))

    def row(self, step: int, values: Row) -> None:
        log.info("step %d: %s", step, values)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def picture(self, step: int, image: Image.Image) -> None:
        """Kept as a file already."""

    def distributions(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Too long for lines."""

    def close(self) -> None:
        """Nothing is open between rows."""


class Told:
    """Another's log, whose want of room on the disk is told as ours: raises CannotWrite."""

    def __init__(self, held: Log, place: Path):
        self.held, self.place = held, place

    def row(self, step: int, values: Row) -> None:
        with self._told():
            self.held.row(step, values)

    def picture(self, step: int, image: Image.Image) -> None:
        with self._told():
            self.held.picture(step, image)

    def distributions(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        with self._told():
            self.held.distributions(step, values)

    def close(self) -> None:
        with self._told():
            self.held.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not error.errno:  # of the network
                raise
            raise cannot_write(self.place, error) from error


class TensorBoard:
    """FOLDER/tensorboard; look at it with `tensorboard --logdir runs`."""

    def __init__(self, folder: Path, step: int, facts: dict[str, Any]):
        _needed("tensorboard", "train")
        self.folder, self.step, self.facts = folder, step, facts

    @cached_property
    def writer(self) -> Any:
        """Begun with the first row: a run that comes to none leaves no log behind."""
        self.hook, threading.excepthook = threading.excepthook, self._of_other_threads
        made = import_module("torch.utils.tensorboard").SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.step + 1)
        made.add_text("recipe", f"```\n{json.dumps(self.facts, indent=1)}\n```", self.step)
        return made

    def row(self, step: int, values: Row) -> None:
        for name, value in flat(values).items():
            self.writer.add_scalar(name, value, step)

    def picture(self, step: int, image: Image.Image) -> None:
        self.writer.add_image("validation", np.asarray(image), step, dataformats="HWC")

    def distributions(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        for name, each in values.items():
            self.writer.add_histogram(name, each, step)

    def close(self) -> None:
        try:
            if "writer" in vars(self):
                self.writer.close()
        finally:
            threading.excepthook = vars(self).get("hook", threading.excepthook)

    def _of_other_threads(self, fault: threading.ExceptHookArgs) -> None:
        """What TensorBoard's own thread fails of is raised with the next row; it would print it, too."""
        if not (fault.exc_type is OSError and type(fault.thread).__module__.startswith("tensorboard")):
            self.hook(fault)


class WeightsAndBiases:
    """A run of the project `dione`, which FOLDER/wandb.id names, so that training goes on with it; WANDB_MODE=offline keeps it in FOLDER/wandb."""

    def __init__(self, folder: Path, step: int, facts: dict[str, Any]):
        self.wandb, named = _needed("wandb", "wandb"), folder / WANDB_ID
        told = named.read_text() if step and named.is_file() else f"{folder.name}-{uuid4().hex[:8]}"
        try:
            self.run = self.wandb.init(project="dione", name=folder.name, id=told, dir=str(folder), config=facts, resume="allow")
        except self.wandb.Error as error:
            raise BadRecipe(
                f"Weights & Biases, which [train] logs asks for, does not begin: {error}\n"
                f"log in, or set WANDB_MODE=offline to keep it in {folder / 'wandb'}, or leave it out of logs"
            ) from error
        write_text(named, told)

    def row(self, step: int, values: Row) -> None:
        self.run.log(flat(values), step=step)

    def picture(self, step: int, image: Image.Image) -> None:
        self.run.log({"validation": self.wandb.Image(image)}, step=step)

    def distributions(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        self.run.log({name: self.wandb.Histogram(each) for name, each in values.items()}, step=step)

    def close(self) -> None:
        self.run.finish()


def flat(values: Row, above: str = "") -> dict[str, float]:
    """{"gain": {1: 0.5}} → {"gain/1": 0.5}."""
    numbers: dict[str, float] = {}
    for key, value in values.items():
        numbers |= flat(value, f"{above}{key}/") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return numbers


def _needed(package: str, extra: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise BadRecipe(f"[train] logs asks for {package}, which is not installed\npip install 'dione[{extra}]', or leave it out of logs") from error


def _step(line: str) -> int:
    """Of a line of log.jsonl; one that a kill cut short belongs to no step that is kept."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError):
        return 1 << 62
