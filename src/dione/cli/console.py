"""How things are told: lines on the output, everything else on the error stream, a bar where somebody looks."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from dione.base import telling

out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)

Change = Annotated[list[str] | None, typer.Option("--set", help="Change a setting of the recipe: train.steps=100. May be repeated.")]
Progress = Callable[[str, int, int], None]


def say(line: object) -> None:
    """A line for a person."""
    out.print(telling.plain(str(line)), markup=False)


def note(line: object) -> None:
    """A line that is no result."""
    err.print(telling.plain(f"note: {line}"), markup=False)


def manners(*, verbose: bool = False, quiet: bool = False, as_json: bool = False) -> None:
    """Warnings are logged; with `verbose` also what is done; with `quiet` nothing but errors is told beside the result. Nothing secret, whoever logs it.

    With `as_json` the output is a program's: no line is said there.
    """
    err.quiet, out.quiet = quiet, as_json
    told = logging.StreamHandler()
    told.setFormatter(Guarded("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING, handlers=[told], force=True)
    logging.captureWarnings(True)  # they name addresses too


class Guarded(logging.Formatter):
    """Lines as `dione.base.telling` tells them."""

    def format(self, record: logging.LogRecord) -> str:
        return telling.plain(telling.shown(super().format(record)))


@contextmanager
def progress(unit: str = "block") -> Iterator[Progress]:
    """A bar on a terminal, plain lines elsewhere; how many a second, and how long it will take."""
    began: dict[str, tuple[float, int]] = {}
    before = _received_mb()

    def came(unit: str) -> str:
        received = _received_mb() - before
        return f"{received:.1f} {unit}" if received > 0 else ""

    def pace(what: str, done: int) -> float:
        since, first = began.setdefault(what, (time.monotonic(), done))
        return (done - first) / max(time.monotonic() - since, 1e-3)

    def tell(what: str, done: int, total: int) -> None:
        what = telling.plain(what)
        speed = pace(what, done)
        if done == total or (done and done % 50 == 0):
            left = f", {speed:.3g}/s, {timedelta(seconds=round((total - done) / speed))} left" if speed and done < total else ""
            read = came("MB read from the network")
            err.print(f"{what}: {unit} {done} of {total}{left}{f', {read}' if read else ''}", markup=False)

    if not err.is_terminal:
        yield tell
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    told = TextColumn("{task.fields[pace]:.3g}/s"), TimeRemainingColumn(), TextColumn("{task.fields[came]}")
    with Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *told, console=err) as bar:
        tasks: dict[str, Any] = {}

        def show_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, pace=0.0, came="")
            bar.update(tasks[what], completed=done, pace=pace(what, done), came=came("MB"))

        yield show_progress


@contextmanager
def transfer() -> Iterator[None]:
    """Tells in the end how much came over the network, if anything did."""
    yield
    if received := _received_mb():
        err.print(f"read {received:.1f} MB from the network", markup=False)


def _received_mb() -> float:
    """Megabytes that came over the network so far."""
    web = sys.modules.get("dione.sources.remote.web")  # not there if no archive was asked
    return web.count() / 1e6 if web is not None else 0.0
