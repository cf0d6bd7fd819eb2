"""A Dask cluster on this machine, whose workers are processes of their own as on others."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Worker = subprocess.Popen[bytes]
PATIENCE_S = 15
DASK = str(Path(sys.executable).with_name("dask"))


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, list[Worker]]]:
    """A scheduler and its workers, which write into `folder`; the scheduler's address, and each worker, to be lost."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    scheduler = [DASK, "scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    started: list[Worker] = []
    with (folder / "dask.txt").open("wb") as told:
        try:
            started.append(subprocess.Popen(scheduler, stdout=told, stderr=told))
            time.sleep(1)
            started += [worker(address, folder, told.fileno()) for _ in range(workers)]
            yield address, started[1:]
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                ended(process)


def worker(address: str, folder: Path, told: int = subprocess.DEVNULL) -> Worker:
    """One of one thread, without the process that would start it again."""
    words = [DASK, "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(folder / "dask")]
    return subprocess.Popen(words, stdout=told, stderr=told)


def ended(process: Worker) -> None:
    """Wait for it; one that does not hear, as it looks for its scheduler, is killed."""
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
