"""What all tests share."""

import gc
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):  # else each would take every core
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // workers, 1)))

settings.register_profile("any machine", deadline=None)  # one that is busy is no fault
settings.load_profile("any machine")

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real imagery that some tests look at; they skip where it is absent."""
    folder = Path(os.environ.get("DIONE_SHARED_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real imagery in {folder}; DIONE_SHARED_DATA names the folder")
    return folder


@pytest.fixture(autouse=True)
def no_heads() -> None:
    """Nothing is known of far files: a server of another test may have stood at the same port."""
    if remotefile := sys.modules.get("dione.sources.remote.remotefile"):
        remotefile.heads.forget()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket on a loopback server; s3fs finds it by the environment, as a user's would."""
    s3fs = pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    before = dict(os.environ)
    os.environ.update(AWS_ENDPOINT_URL=f"http://{host}:{port}", AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="verysecret", AWS_DEFAULT_REGION="us-east-1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)
    s3fs.S3FileSystem.clear_instance_cache()
    if not s3fs.S3FileSystem().exists("bucket"):  # what a server of this process holds outlives it
        s3fs.S3FileSystem().mkdir("bucket")
    yield "s3://bucket"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        s3fs.S3FileSystem.clear_instance_cache()
        gc.collect()
    os.environ.clear()
    os.environ.update(before)
    server.stop()


@pytest.fixture(scope="module")
def browser():
    """A real Chromium without a window: the machine's own. A module's, since playwright keeps a loop running in this thread meanwhile."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """`visit(address, color_scheme=..., ...)`: a page in a window of its own; in the end nothing may stand in its console."""
    noise, windows = [], []

    def opened(address, **how):
        windows.append(browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **how}))
        page = windows[-1].new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.goto(address, wait_until="domcontentloaded")
        return page

    yield opened
    for window in windows:
        window.close()
    assert noise == []


@pytest.fixture
def faults_of():
    """`faults_of(page)`: the serious and critical accessibility faults that axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")

    def found(page):
        violations = axe.Axe().run(page).response["violations"]
        return [(one["id"], [node["target"] for node in one["nodes"]]) for one in violations if one["impact"] in ("serious", "critical")]

    return found


@pytest.fixture
def run(capsys, monkeypatch):
    """The command, in this process: exit code, what it printed, what it said on the error stream."""

    from dione import cli  # not before the hook that checks shapes is in place

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["dione", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return typed


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An archive on this machine, asked without a proxy and with little patience; what is read is kept in a folder of the test's own."""
    from dione.sources.remote import patience, sessions  # not before the hook that checks shapes is in place
    from dione.testing.loopback import Loopback

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", "1.5")
    monkeypatch.setattr(patience.Patience, "pause_s", 0.02)
    (tmp_path / "files").mkdir()
    with Loopback(tmp_path / "files") as made:
        yield made
    sessions.close()
