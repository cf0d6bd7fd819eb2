"""Blocks as tasks of a Dask cluster that is there already: LocalCluster, SLURM through dask-jobqueue, Kubernetes.

    client ──painting──▶ every worker, once: the Stack (where its pixels are, not the pixels), weights, canvases
       └────windows────▶ scheduler ──▶ worker: reads the block, sharpens it, writes it to OUT/.dione

The scheduler sees names and four numbers a block. Input and output have to be where every worker reaches them under
the same name. A worker's thread is taken for one core. A worker that is lost loses the blocks it was at; others take
them over, and a run that ends early goes on with the same command.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from dione.base.errors import DioneError, faults
from dione.base.windows import Window
from dione.prediction import run
from dione.prediction.allocation import keep_memory
from dione.prediction.painting import Painting

if TYPE_CHECKING:
    from distributed import Client

PATIENCE_S = 20
"""How long a scheduler or its first worker is waited for."""
TRIES = 3
"""How often a task is tried."""
EACH, LARGEST_GROUP = 8, 8
"""Tasks for every thread, as long as they are of no more blocks than this."""


def paint(painting: Painting, address: str, tell: Callable[[Window], None]) -> None:
    """Paint every block that is missing on the workers of the scheduler at `address`; `tell` hears of each.

    Raises DioneError for a scheduler that is not there, has no workers or other versions, and for blocks that failed
    TRIES times: all others are painted then.
    """
    windows = painting.missing()
    if not windows:
        return
    with connected(address) as client:
        agree(client)
        from distributed import as_completed

        shared = client.scatter(painting, broadcast=True, direct=True, hash=False)
        tasks = groups(windows, threads=sum(client.nthreads().values()))
        asked = dict(zip(client.map(blocks, tasks, painting=shared, pure=False, retries=TRIES - 1), tasks, strict=True))
        failed = []
        for future in as_completed(asked):
            if future.status == "finished":
                for window in asked[future]:
                    tell(window)
            else:
                failed.append(f"from row {asked[future][0].top}, column {asked[future][0].left}, {len(asked[future])} blocks: {_why(future)}")
            future.release()
    if failed:
        raise DioneError(faults("blocks failed on the cluster", failed[:5], "the others are kept; the same command goes on"))


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


@contextmanager
def connected(address: str) -> Iterator["Client"]:
    """A client of the scheduler at `address`, with at least one worker. Raises DioneError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise DioneError("--scheduler needs Dask's distributed: pip install 'dione[cluster]'") from error
    try:
        client = Client(address, timeout=PATIENCE_S, name="dione")
    except (OSError, ValueError) as error:
        raise DioneError(f"no Dask scheduler answers at {address}: {str(error).splitlines()[0] if str(error) else 'timed out'}\n{HOW}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            raise DioneError(f"the scheduler at {address} has no workers\nstart some: dask worker {address} --nthreads 1") from error
        yield client


def agree(client: "Client") -> None:
    """Raise DioneError unless every worker has our version of what decides the pixels."""
    mine = versions()
    differ = [
        f"{worker}: {package} {theirs.get(package, 'not installed')}, here {mine[package]}"
        for worker, theirs in client.run(versions).items()
        for package in mine
        if theirs.get(package) != mine[package]
    ]
    if differ:
        raise DioneError(faults("workers of other versions would give other pixels", differ[:6], "install the same versions everywhere"))


def versions() -> dict[str, str]:
    """Of what decides the pixels."""
    return {package: run.installed(package) for package in ("dione", "torch", "numpy")}


def _why(future: Any) -> str:
    """One line."""
    error = future.exception()
    return str(error).splitlines()[0] if error is not None and str(error) else type(error).__name__


HOW = "start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`; or leave --scheduler out to run here"
