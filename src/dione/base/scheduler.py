"""Tasks on a Dask cluster that is there already: LocalCluster, SLURM through dask-jobqueue, Kubernetes.

Inputs and outputs have to be where every worker reaches them under the same name. A worker that is lost loses the tasks
it was at; others take them over.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

from dione.base.errors import DioneError, faults

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

PATIENCE_S = 20
"""How long a scheduler or its first worker is waited for."""
TRIES = 3
"""How often a task is tried."""
UNDER_WAY = ("pending", "lost")
"""A task that had ended, on a worker that was lost before anybody had heard of it, is done again."""
PACKAGES = ("dione", "torch", "numpy", "scipy")
"""What decides the numbers; every worker has to have our version."""
HOW = "start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`; or leave --scheduler out to run here"


@contextmanager
def connected(address: str) -> Iterator["Client"]:
    """A client of the scheduler at `address`, with at least one worker, all of our versions. Raises DioneError."""
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
        _agree(client)
        yield client


def ended(client: "Client", function: Callable[..., Any], tasks: Sequence[T], **shared: Any) -> Iterator[tuple[int, Any, str]]:
    """Number and result of each task as it ends, or why it failed TRIES times; `shared` may hold what was scattered."""
    from distributed import as_completed

    asked = {future: number for number, future in enumerate(client.map(function, list(tasks), pure=False, retries=TRIES - 1, **shared))}
    ends = as_completed(asked)
    for future in ends:
        number, status = asked[future], future.status
        if status in UNDER_WAY:
            ends.add(future)
            continue
        if status == "finished":
            yield number, future.result(), ""
        else:
            yield number, None, _why(future)
        future.release()


def versions() -> dict[str, str]:
    """Of what decides the numbers."""
    return {package: _installed(package) for package in PACKAGES}


def _agree(client: "Client") -> None:
    """Raise DioneError unless every worker has our versions."""
    mine = versions()
    differ = [
        f"{worker}: {package} {theirs.get(package, 'not installed')}, here {mine[package]}"
        for worker, theirs in client.run(versions).items()
        for package in mine
        if theirs.get(package) != mine[package]
    ]
    if differ:
        raise DioneError(faults("workers of other versions would give other pixels", differ[:6], "install the same versions everywhere"))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _why(future: Any) -> str:
    """One line."""
    error = future.exception()
    return str(error).splitlines()[0] if error is not None and str(error) else type(error).__name__
