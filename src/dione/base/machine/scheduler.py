"""Tasks on a Dask cluster that is there already: LocalCluster, SLURM through dask-jobqueue, Kubernetes.

Inputs and outputs have to be where every worker reaches them under the same name. A worker that is lost loses the tasks
it was at; others take them over.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from hashlib import blake2b
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from dione.base.errors import DioneError, faults
from dione.base.storage.files import folder

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
POLL_S, LOOK_S, ALONE_S, PAUSE_S = 0.05, 5, 60, 2
"""How often ends and workers are asked for, how long new workers are waited for, and those that could not be reached."""
AGAIN = "what is finished is kept: start scheduler and workers again, and the same command goes on"
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
    with quiet("distributed.client"), quiet("distributed.utils"), client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            raise DioneError(f"the scheduler at {address} has no workers\nstart some: dask worker {address} --nthreads 1") from error
        _agree(client)
        yield client


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """What a library logs of an error that we tell in our own words stays away."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def seen_by_all(client: "Client", place: Path) -> None:
    """Raise DioneError unless every worker sees what stands in a folder here, which is made if needed: what it wrote there would be lost."""
    probe = folder(place).absolute() / f".seen-{uuid4().hex[:8]}"
    probe.touch()
    try:
        seen = client.run(os.path.exists, str(probe), on_error="ignore")
    finally:
        probe.unlink(missing_ok=True)
    if blind := [f"{worker} does not see it" for worker in sorted(seen) if not seen[worker]]:
        raise DioneError(
            faults(f"workers cannot write into {probe.parent} of this machine", blind[:6], "name a folder that every worker reaches under the same name")
        )


def everywhere(client: "Client", value: T, *, tries: int = TRIES) -> Any:
    """`value` sent to every worker, once, and not through the scheduler; again if a worker is lost meanwhile. Raises DioneError."""
    try:
        return client.scatter(value, broadcast=True, direct=True, hash=False)
    except OSError as error:
        if tries == 1:
            raise DioneError(f"the workers cannot be reached from here: {str(error).splitlines()[0] if str(error) else 'timed out'}\n{AGAIN}") from error
        time.sleep(PAUSE_S)
    return everywhere(client, value, tries=tries - 1)


def ended(client: "Client", function: Callable[..., Any], tasks: Sequence[T], **shared: Any) -> Iterator[tuple[int, Any, str]]:
    """Number and result of each task as it ends, or why it failed TRIES times.

    shared: what all tasks are given by name, sent to every worker once; again, for what has not ended, if it was lost with a worker.
    Raises DioneError when the scheduler is gone, or all workers are and none came for ALONE_S, and where tasks fail on
    a worker that came later and is of another version.
    """
    left = dict(enumerate(tasks))
    for more in reversed(range(TRIES)):
        try:
            for number, result, why in _ended(client, function, dict(left), {name: everywhere(client, value) for name, value in shared.items()}):
                del left[number]
                yield number, result, why
            return
        except Lost:
            if not (more and shared):
                raise
            time.sleep(PAUSE_S)


class Lost(DioneError):
    """What tasks need went with a worker."""


def _ended(client: "Client", function: Callable[..., Any], tasks: Mapping[int, T], sent: Mapping[str, Any]) -> Iterator[tuple[int, Any, str]]:
    """The same with what was sent. Raises Lost, DioneError."""
    from distributed import as_completed

    ours = partial(_as_here, function, versions())
    futures = client.map(ours, list(tasks.values()), pure=False, retries=TRIES - 1, **sent)
    asked = dict(zip(futures, tasks, strict=True))
    ends, watch = as_completed(asked), Watch(client, [*sent.values()])
    while not ends.is_empty():
        batch = ends.next_batch(block=False)
        if not batch:
            watch.look()
            time.sleep(POLL_S)
        for future in batch:
            number, status = asked[future], future.status
            if status in UNDER_WAY:
                ends.add(future)
                continue
            if status == "finished":
                yield number, future.result(), ""
            elif status == "cancelled":
                raise Lost(f"the scheduler or the last of its workers is gone, and with it what they were at\n{AGAIN}")
            else:
                _agree(client)
                yield number, None, _why(future)
            future.release()


class Watch:
    """Whether there is still somebody to do the work, and what it takes."""

    def __init__(self, client: "Client", sent: Sequence[Any] = ()) -> None:
        self.client, self.sent, self.seen, self.looked = client, sent, time.monotonic(), time.monotonic()

    def look(self) -> None:
        """Raise DioneError when the scheduler is gone, or has had no worker for ALONE_S; Lost when no worker has what was sent; asks every LOOK_S."""
        now = time.monotonic()
        if now - self.looked < LOOK_S:
            return
        self.looked = now
        try:
            workers = len(self.client.nthreads()) if self.client.status == "running" else None
        except (OSError, ValueError):
            workers = None
        if workers is None:
            raise DioneError(f"the scheduler is gone\n{AGAIN}")
        if workers:
            self.seen = now
        elif now - self.seen > ALONE_S:
            raise DioneError(f"every worker was lost, and none came for {ALONE_S} s\n{AGAIN}")
        if workers and self.sent and not all(self.client.who_has(self.sent).values()):
            raise Lost(f"what the workers share was lost with one of them\n{AGAIN}")


# Who is asked may have no dione, or another one, to look a function up in: a lambda is sent as it is.
_tell = lambda: {  # noqa: E731
    **{package: next((found.version for found in distributions(name=package)), "not installed") for package in PACKAGES},
    "code of dione": blake2b(
        b"".join(
            file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes()
            for folder in getattr(find_spec("dione"), "submodule_search_locations", None) or ()
            for file in sorted(Path(folder).rglob("*.py"))
        ),
        digest_size=4,
    ).hexdigest(),
}


@lru_cache
def versions() -> dict[str, str]:
    """Of what decides the numbers, and a hash of our own code: two states of one version are not the same."""
    return _tell()


def _agree(client: "Client") -> None:
    """Raise DioneError unless every worker has our versions, and the scheduler, which reads the tasks, our dione."""
    mine = versions()
    asked = client.run(_tell, on_error="ignore")
    differ = [
        f"{worker}: {package} {theirs[package]}, here {mine[package]}"
        for worker, theirs in asked.items()
        for package in mine
        if theirs[package] != mine[package]
    ]
    if differ:
        raise DioneError(faults("workers of other versions would give other pixels", differ[:6], "install the same versions everywhere"))
    between = client.run_on_scheduler(_tell)["dione"]
    if between != mine["dione"]:
        raise DioneError(f"the scheduler cannot read tasks of dione {mine['dione']}: dione there is {between}\ninstall the same version there, too")


def _as_here(function: Callable[..., Any], wanted: dict[str, str], *given: Any, **named: Any) -> Any:
    """What a worker does for a task, if it has the client's versions: one that came later was not asked before."""
    if versions() != wanted:
        raise DioneError("a worker of other versions would give other pixels")
    return function(*given, **named)


def _why(future: Any) -> str:
    """One line."""
    error = future.exception()
    return str(error).splitlines()[0] if error is not None and str(error) else type(error).__name__
