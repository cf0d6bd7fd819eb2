"""Blocks as tasks of a Dask cluster that is there already: LocalCluster, SLURM through dask-jobqueue, Kubernetes.

    client ──painting──▶ every worker, once: the Stack (where its pixels are, not the pixels), weights, canvases
       └────windows────▶ scheduler ──▶ worker: reads the block, sharpens it, writes it to OUT/.dione

Tiles are joined by workers too; a date in one file by the client. The scheduler sees names and four numbers a block.
Input and output have to be where every worker reaches them under the same name. A worker's thread is taken for one core.
A worker that is lost loses the blocks it was at; others take them over, and a run that ends early goes on with the same
command.
"""

from collections.abc import Callable

import torch

from dione.base.errors import DioneError, faults
from dione.base.machine import scheduler
from dione.base.windows import Window
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.tiles import Tiles
from dione.prediction.painting import Painting
from dione.prediction.windows.allocation import keep_memory

EACH, LARGEST_GROUP = 8, 8
"""Tasks for every thread, as long as they are of no more blocks than this."""


def paint(painting: Painting, address: str, tell: Callable[[Window], None]) -> None:
    """Paint every block that is missing on the workers of the scheduler at `address`; `tell` hears of each.

    Raises DioneError for a scheduler that is not there, has no workers or other versions, for workers that do not see the output, and
    for blocks that failed TRIES times: all others are painted then.
    """
    windows = painting.missing()
    if not windows:
        return
    failed = []
    with scheduler.connected(address) as client:
        scheduler.seen_by_all(client, painting.sr.path.parent)
        tasks = groups(windows, threads=sum(client.nthreads().values()))
        for number, _, why in scheduler.ended(client, blocks, tasks, painting=painting):
            if why:
                first = tasks[number][0]
                failed.append(f"from row {first.top}, column {first.left}, {len(tasks[number])} blocks: {why}")
            else:
                for window in tasks[number]:
                    tell(window)
    if failed:
        raise DioneError(faults("blocks failed on the cluster", failed[:5], "the others are kept; the same command goes on"))


def join(painting: Painting, address: str, finish: Callable[[Canvas], object]) -> None:
    """Have the workers `finish` each tile of a date that is painted; nothing of a date in one file, which the client joins.

    Raises DioneError as `paint` does.
    """
    tiles = [made for made in painting.canvases if isinstance(made, Tiles)]
    for made in tiles:
        made.begin()
    canvases = [canvas for made in tiles for canvas in made.canvases.values() if not canvas.finished()]
    if not canvases:
        return
    with scheduler.connected(address) as client:
        ends = list(scheduler.ended(client, finish, canvases))
    if failed := [f"{canvases[number].path.name}: {why}" for number, _, why in ends if why]:
        raise DioneError(faults("tiles failed on the cluster", failed[:5], "the others are kept; the same command goes on"))


def groups(windows: list[Window], *, threads: int) -> list[list[Window]]:
    """Neighbouring blocks that are one task: fewer words for the scheduler, but at least EACH tasks for every thread."""
    size = min(max(len(windows) // (EACH * threads), 1), LARGEST_GROUP)
    return [windows[start : start + size] for start in range(0, len(windows), size)]


def blocks(windows: list[Window], painting: Painting) -> None:
    """What a worker does for a task; blocks that a worker lost meanwhile had finished stay."""
    torch.set_num_threads(1)
    keep_memory()
    for _ in painting.paint(window for window in windows if not painting.has(window)):
        pass
