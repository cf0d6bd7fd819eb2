"""Blocks painted by the workers of a Dask cluster."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import xarray as xr
from distributed import Client, LocalCluster
from distributed.comm.tcp import TCP

import dione
from dione import testing
from dione.base.errors import DioneError
from dione.base.machine import scheduler
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.files import canvas
from dione.prediction.files.cog import assemble
from dione.prediction.job import predict_to

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # distributed leaves sockets to the collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CONFIG = PredictConfig(block=16, precision="float32", device="cpu")


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as local:
        yield local


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    folder = tmp_path_factory.mktemp("series")
    testing.write_geotiffs(testing.series(testing.landscape((70, 90), seed=3), days=4, cloud=0.1, seed=3).stack, folder)
    return dione.open(str(folder))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the workers have it: sums of another number of threads differ in their last digit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sharpened(stack: xr.Dataset, out: Path, scheduler: str | None = None, config: PredictConfig = CONFIG) -> dict[str, bytes]:
    run = predict_to(stack, out, resolver=load("setsr-s"), config=config, scheduler=scheduler)
    return {path.name: path.read_bytes() for target in run.targets for path in (target.sr, target.sigma) if path}


def test_a_cluster_gives_the_same_bytes_as_one_machine(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    assert sharpened(series, tmp_path / "many", workers.scheduler_address) == sharpened(series, tmp_path / "one")


def test_a_cluster_paints_and_joins_tiles_too(workers: LocalCluster, series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled = CONFIG.model_copy(update={"tiles": 512, "block": 64})
    wide = xr.concat([series, series.assign_coords(x=series["x"] + 10 * series.sizes["x"])], "x")
    alone = predict_to(wide, tmp_path / "one", resolver=load("nearest"), config=tiled).targets[0]
    joined: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(canvas, "assemble", lambda pieces, path, **_: joined.append(path.name) or assemble(pieces, path, **_))
        made = predict_to(wide, tmp_path / "many", resolver=load("nearest"), config=tiled, scheduler=workers.scheduler_address).targets[0]
    assert made.sr.suffix == ".vrt" and len(made.tiles) == 2
    assert {name.rpartition("_")[2] for name in joined} == {"input.tif"}  # this process, the client, joins nothing that was sharpened
    for one, many in zip(alone.tiles, made.tiles, strict=True):
        assert [file.read_bytes() for file in one.files] == [file.read_bytes() for file in many.files]
    assert [file.read_text() for file in alone.files] == [file.read_text() for file in made.files]


def test_a_lost_worker_loses_only_what_it_was_at(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    alone = sharpened(series, tmp_path / "one")
    heard: list[int] = []

    def killing(_: str, done: int, total: int) -> None:
        if done >= 5 and not heard:
            heard.append(total)
            with Client(workers.scheduler_address) as client:
                first = next(iter(client.run(os.getpid).values()))
            os.kill(first, signal.SIGKILL)

    run = predict_to(series, tmp_path / "many", resolver=load("setsr-s"), config=CONFIG, scheduler=workers.scheduler_address, progress=killing)
    assert heard, "nobody was killed"
    assert {t.sr.name: t.sr.read_bytes() for t in run.targets} == {name: data for name, data in alone.items() if name.endswith("_sr.tif")}


def test_what_was_painted_before_is_not_painted_again(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    class Stopped(Exception):
        """In the middle."""

    def stopping(_: str, done: int, total: int) -> None:
        if done == 6:
            raise Stopped

    with pytest.raises(Stopped):
        predict_to(series, tmp_path, resolver=load("setsr-s"), config=CONFIG, progress=stopping)
    predict_to(series, tmp_path, resolver=load("setsr-s"), config=CONFIG, scheduler=workers.scheduler_address, progress=lambda _, d, t: told.append((d, t)))
    assert told[0][0] >= 5
    assert told[-1][0] == told[-1][1]


def test_no_pixel_goes_through_the_scheduler(workers: LocalCluster, series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Client and scheduler live in this process: all that either sends is counted, the weights, which go to each worker once, apart."""
    sent: list[int] = []
    plain = TCP.write

    async def counted(self: TCP, *given: object, **named: object) -> int:
        size = await plain(self, *given, **named)
        sent.append(size)
        return size

    monkeypatch.setattr(TCP, "write", counted)
    along, blocks = np.arange(512), [0]
    y, x = (float(series[axis].values[0]) + 10.0 * sign * along for axis, sign in (("y", -1), ("x", 1)))
    wide = series.isel(y=along % 64, x=along % 64).assign_coords(y=y, x=x)

    def told(_: str, done: int, total: int) -> None:
        blocks[0] = total

    predict_to(wide, tmp_path, resolver=load("nearest"), config=CONFIG, scheduler=workers.scheduler_address, progress=told)
    assert blocks == [256]
    assert sum(sent) / 256 < 1000  # bytes a block: less than a megabyte for a thousand, set-up and heartbeats counted in


def test_a_scheduler_that_is_not_there_is_said_so(series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "PATIENCE_S", 1)
    with pytest.raises(DioneError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        sharpened(series, tmp_path, "tcp://127.0.0.1:1")


def test_nothing_is_painted_by_workers_that_do_not_see_the_results(
    workers: LocalCluster, series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(client: Client, place: Path) -> None:
        raise DioneError(f"no worker sees {place.name}")

    monkeypatch.setattr(scheduler, "seen_by_all", blind)
    with pytest.raises(DioneError, match="no worker sees out"):
        sharpened(series, tmp_path / "out", workers.scheduler_address)
    assert not list((tmp_path / "out").rglob("*.tif"))


def test_workers_of_another_version_are_refused(workers: LocalCluster, series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "versions", lambda: dict.fromkeys(scheduler.PACKAGES, "0.0.7"))
    with pytest.raises(DioneError, match=r"dione [0-9.]+, here 0\.0\.7") as refused:
        sharpened(series, tmp_path, workers.scheduler_address)
    assert "install the same versions everywhere" in str(refused.value)


@contextmanager
def another(address: str, folder: Path) -> Iterator[None]:
    """A worker that says it has another version of dione, and has what is in `folder` before what we have."""
    (folder / "dione-0.0.7.dist-info").mkdir(parents=True)
    (folder / "dione-0.0.7.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: dione\nVersion: 0.0.7\n")
    first = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--name", "other"]
    with subprocess.Popen(words, cwd=folder.parent, env=os.environ | {"PYTHONPATH": first}, stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.terminate()


def test_workers_whose_dione_is_another_one_altogether_are_refused_by_its_version(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dione.py").write_text("")  # nothing of ours is in it
    with another(workers.scheduler_address, tmp_path / "other"):
        with Client(workers.scheduler_address) as client:
            client.wait_for_workers(3, timeout=60)
        with pytest.raises(DioneError, match=r"tcp://127\.0\.0\.1:\d+: dione 0\.0\.7, here"):
            sharpened(series, tmp_path / "out", workers.scheduler_address)


def test_a_worker_of_another_version_that_comes_later_does_nothing_and_is_named(tmp_path: Path) -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as local,
        scheduler.connected(local.scheduler_address) as client,
    ):
        with another(local.scheduler_address, tmp_path / "other"):
            client.wait_for_workers(2, timeout=60)
            local.scale(0)  # so that all is left to who came later
            with pytest.raises(DioneError, match=r"tcp://127\.0\.0\.1:\d+: dione 0\.0\.7, here"):
                list(scheduler.ended(client, len, ["ab", "c"]))


def test_workers_of_other_code_under_the_same_version_are_refused_and_the_same_code_elsewhere_is_not(tmp_path: Path) -> None:
    shutil.copytree(Path(dione.__file__).parent, tmp_path / "elsewhere" / "dione", ignore=shutil.ignore_patterns("__pycache__"))
    first = os.pathsep.join([str(tmp_path / "elsewhere"), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-m", "distributed.cli.dask_worker"]
    with LocalCluster(n_workers=0, dashboard_address=":0", host="127.0.0.1") as local:
        words += [local.scheduler_address, "--nthreads", "1", "--no-dashboard"]
        with subprocess.Popen(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": first}, stderr=subprocess.DEVNULL) as worker:
            try:
                with scheduler.connected(local.scheduler_address) as client:
                    assert [result for _, result, _ in scheduler.ended(client, len, ["ab"])] == [2]
                with (tmp_path / "elsewhere" / "dione" / "base" / "optics.py").open("a") as file:
                    file.write("# another state\n")
                with (
                    pytest.raises(DioneError, match=r"tcp://127\.0\.0\.1:\d+: code of dione [0-9a-f]{8}, here [0-9a-f]{8}"),
                    scheduler.connected(local.scheduler_address),
                ):
                    pass
            finally:
                worker.terminate()


def test_results_named_by_a_relative_path_are_made_in_this_processs_folder(
    workers: LocalCluster, series: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the workers stay where they were started
    assert sharpened(series, Path("many"), workers.scheduler_address) == sharpened(series, tmp_path / "one")


def test_blocks_that_fail_are_named_and_the_others_kept(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    testing.write_geotiffs(series.compute(), folder)
    broken = dione.open(str(folder))
    out = tmp_path / "out"

    def spoiling(_: str, done: int, total: int) -> None:
        if done == 0:
            shutil.rmtree(folder)

    with pytest.raises(DioneError, match="blocks failed on the cluster"):
        predict_to(broken, out, resolver=load("setsr-s"), config=CONFIG, scheduler=workers.scheduler_address, progress=spoiling)
    assert not list(out.glob("*_sr.tif"))


def test_every_pixel_is_there(workers: LocalCluster, series: xr.Dataset, tmp_path: Path) -> None:
    run = predict_to(series, tmp_path, resolver=load("nearest"), config=CONFIG, scheduler=workers.scheduler_address)
    with rasterio.open(run.targets[0].sr) as file:
        numbers = file.read()
    target = series.isel(time=run.targets[0].choice.target).compute()
    wanted = np.where(target["valid"].values, np.clip(np.rint(target["reflectance"].values * 1e4), 1, 65535), 0)
    assert np.array_equal(numbers, wanted.repeat(4, 1).repeat(4, 2))
