"""The screenshots of the documentation: a report and the viewer, as Chromium shows them.

python scripts/screenshots.py demo/output docs/pictures        (or: make screenshots)
"""

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

MOST_BYTES = 200_000
WIDE, PHONE = {"viewport": {"width": 1280, "height": 960}}, {"viewport": {"width": 390, "height": 760}, "device_scale_factor": 2, "color_scheme": "dark"}
DIONE = [sys.executable, "-c", "from dione.cli import main; main()", "view"]


@contextmanager
def pages() -> Iterator[Any]:
    """`open(address, window)`: a page in a window of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        raise SystemExit("the pictures are taken in Chromium, which is not on this machine; on Debian: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def opened(address: str, window: dict[str, Any]) -> Page:
            page = browser.new_context(**window).new_page()
            page.goto(address, wait_until="domcontentloaded")
            return page

        yield opened
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of `dione view`."""
    with subprocess.Popen([*DIONE, str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[2]
        server.terminate()


def keep(page: Page, path: Path) -> None:
    """As WebP, as good as fits."""
    page.wait_for_timeout(800)
    shot = Image.open(io.BytesIO(page.screenshot()))
    for quality in (88, 80, 70, 60, 50):
        packed = io.BytesIO()
        shot.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() <= MOST_BYTES:
            break
    path.write_bytes(packed.getvalue())
    print(f"{path}: {packed.tell() / 1000:.0f} kB")


def report(opened: Any, folder: Path, to: Path) -> None:
    """The report's stage in August, wide and light; on a phone, dark, with the uncertainty."""
    address = (folder / "report.html").resolve().as_uri()
    for name, window, overlay in (("report", WIDE, ""), ("report-phone", PHONE, "sigma")):
        page = opened(address, window)
        page.evaluate("() => { time.value = sights.findIndex(one => one.day === '2018-08-15'); time.dispatchEvent(new Event('input')); }")
        page.locator(f"[name=overlay][value='{overlay}']").check()
        page.locator("h1" if window is WIDE else ".controls").scroll_into_view_if_needed()
        keep(page, to / f"{name}.webp")


def view(opened: Any, folder: Path, to: Path) -> None:
    """The viewer in August, in near infrared, with a pixel's spectra."""
    with served(folder) as address:
        page = opened(address, WIDE)
        page.evaluate("() => { time.value = facts.dates.indexOf('2018-08-15'); time.dispatchEvent(new Event('input')); }")
        page.locator("[name=colours][value=false]").check()
        for key in ("+", "Enter"):
            page.locator(".stage").press(key)
        page.locator(".spectra tbody tr").first.wait_for(timeout=120_000)
        while page.evaluate("tiles.busy"):
            page.wait_for_timeout(200)
        keep(page, to / "view.webp")


def main() -> None:
    folder, to = Path(sys.argv[1]), Path(sys.argv[2])
    if not (folder / "report.html").is_file():
        raise SystemExit(f"{folder} has no report.html; run `make demo` first")
    to.mkdir(parents=True, exist_ok=True)
    with pages() as opened:
        report(opened, folder, to)
        view(opened, folder, to)


if __name__ == "__main__":
    main()
