"""`dione view` as a person meets it: in a real browser, from a real server."""

import re
import threading
from contextlib import contextmanager
from queue import Queue

import pytest

pytest.importorskip("rio_tiler")


@contextmanager
def served(out):
    """The address of a server of this process over a folder of results."""
    import uvicorn

    from dione.view.app import application
    from dione.view.folder import gallery
    from dione.view.serve import Server

    told: Queue[str] = Queue()
    server = Server(uvicorn.Config(application(gallery(out)), host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    server.address, server.ready = "", told.put
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    told.get(timeout=30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def address(out):
    with served(out) as told:
        yield told


QUIET = "() => new Promise(done => { const look = () => tiles.busy ? setTimeout(look, 30) : requestAnimationFrame(() => requestAnimationFrame(done)); setTimeout(look, 60); })"
ONE_PIXEL = """([across, down]) => {
  const from = document.querySelector(".stage canvas"), to = new OffscreenCanvas(1, 1).getContext("2d");
  to.drawImage(from, Math.floor(across * from.width), Math.floor(down * from.height), 1, 1, 0, 0, 1, 1);
  return [...to.getImageData(0, 0, 1, 1).data];
}"""
PAINTED = """async ([layer, across, down]) => {
  const [x, y] = stage.unit(across * element.clientWidth, down * element.clientHeight), zoom = Math.round(DEEPEST + Math.log2(stage.view.scale)), size = 256 * 2 ** (DEEPEST - zoom);
  const [column, row] = [(x + corner[0]) / size, (y + corner[1]) / size];
  const tile = tiles.kept.get(`tiles/${facts.dates[time.value]}/${layer}/${new FormData(form).get("colours")}/${zoom}/${Math.floor(column) % 2 ** zoom}/${Math.floor(row)}.png`);
  const to = new OffscreenCanvas(1, 1).getContext("2d");
  to.drawImage(tile, Math.floor(column % 1 * 256), Math.floor(row % 1 * 256), 1, 1, 0, 0, 1, 1);
  return [...to.getImageData(0, 0, 1, 1).data];
}"""


@pytest.fixture
def page(visit, address):
    opened = visit(address)
    opened.evaluate(QUIET)
    return opened


def shown(page, *at):
    page.evaluate(QUIET)
    return page.evaluate(ONE_PIXEL, list(at))


def test_left_is_measured_right_is_sharpened_and_the_divider_slides(page):
    at = (0.4, 0.62)
    assert shown(page, *at) == page.evaluate(PAINTED, ["input", *at])
    page.locator("#divider").focus()
    page.keyboard.press("Home")
    assert shown(page, *at) == page.evaluate(PAINTED, ["sr", *at])


def test_the_map_moves_and_zooms_by_mouse_wheel_and_keyboard(page):
    box = page.locator(".stage").bounding_box()
    middle = box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"]
    before = page.evaluate("stage.view")
    page.mouse.move(*middle)
    page.mouse.wheel(0, -500)
    page.wait_for_timeout(100)
    assert page.evaluate("stage.view.scale") / before["scale"] == pytest.approx(3.49, rel=0.1)
    x = page.evaluate("stage.view.x")
    page.mouse.down()
    page.mouse.move(middle[0] - 80, middle[1], steps=4)
    page.mouse.up()
    assert page.evaluate("stage.view.x") > x and page.locator(".found").is_hidden(), "a drag is no click"
    page.locator(".stage").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("-")
    assert shown(page, 0.75, 0.5)[:3] == page.evaluate(PAINTED, ["sr", 0.75, 0.5])[:3]


def test_the_source_of_detail_lies_over_the_sharpened_side_alone(page):
    left, right = shown(page, 0.3, 0.4), shown(page, 0.7, 0.4)
    assert page.locator("[data-key=support]").is_hidden()
    page.locator("[value=support]").check()
    assert shown(page, 0.3, 0.4) == left
    mixed = [round(0.588 * colour + 0.412 * below) for colour, below in zip((253, 174, 97), right, strict=False)]
    assert shown(page, 0.7, 0.4)[:3] == pytest.approx(mixed, abs=3) and "learned" in page.locator("[data-key=support]").inner_text()


def test_colours_that_are_a_measure_have_their_scale_beside_them(page):
    scale = page.locator("[data-key=ndvi]")
    assert scale.is_hidden()
    page.locator("[value=ndvi]").check()
    assert scale.is_visible() and scale.inner_text().split() == ["NDVI", "−0.1", "0.9"]


@pytest.mark.parametrize("place", [{"crs": "EPSG:32760", "left": 819_150, "top": 8_118_200}, {"crs": "EPSG:4326", "left": 179.9973, "top": -17, "pixel": 9e-5}])
def test_results_across_the_antimeridian_are_one_map(tmp_path, make_results, visit, place):
    # its middle is at 180°, 17° S
    with served(make_results(tmp_path / "out", **place)) as address:
        opened = visit(address)
        box = opened.locator(".stage").bounding_box()
        for across, layer, side in ((0.2, "input", "E"), (0.8, "sr", "W")):
            assert shown(opened, across, 0.5) == opened.evaluate(PAINTED, [layer, across, 0.5])
            opened.mouse.click(box["x"] + across * box["width"], box["y"] + 0.5 * box["height"])
            opened.locator(".where", has_text=re.compile(f"S, 179.*{side}$")).wait_for()


def test_a_pixel_tells_its_spectra_over_time(page):
    box = page.locator(".stage").bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    page.locator(".spectra tbody tr").first.wait_for()
    rows = page.locator(".spectra tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["2024-05-16", "2024-05-21"] and rows[0].count("±") == 4 and rows[0].count("10 m") == 4 and "learned" in rows[0]
    assert "Reflectance, 1.0 = 100 %" in page.locator(".found").inner_text()
    page.locator("[value=sigma]").check()
    assert "1σ of reflectance" in page.locator("[data-key=sigma]").inner_text()
    assert page.locator(".chart .band").count() == 4 and page.locator(".chart .was").count() == 8
    page.locator("#time").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".when output").inner_text() == "2024-05-16" and page.locator(".spectra tr.now th").inner_text().startswith("2024-05-16")


def test_a_place_without_a_result_is_told_and_leaves_an_empty_chart(page):
    box = page.locator(".stage").bounding_box()
    page.mouse.click(box["x"] + 4, box["y"] + 4)
    page.locator(".where", has_text="no result here").wait_for()
    assert page.locator(".chart .course").count() == 0  # and nothing stands in the console: `visit` looks


def test_what_does_not_come_is_told_and_leaves_no_numbers_of_another_place(tmp_path, make_results, browser):
    out, page = make_results(tmp_path / "out"), browser.new_page()
    trouble = page.locator(".trouble", has_text="or a file was removed")
    with served(out) as address:
        page.goto(address)
        page.evaluate(QUIET)
        page.locator(".stage").focus()
        page.keyboard.press("Enter")
        page.locator(".spectra tbody tr").first.wait_for()
        (out / "2024-05-16_sr.tif").rename(out / "aside")
        page.keyboard.press("Enter")
        trouble.wait_for()
        assert page.locator(".found").is_hidden() and "No numbers" in trouble.inner_text()
        (out / "aside").rename(out / "2024-05-16_sr.tif")
        page.keyboard.press("Enter")
        page.locator(".spectra tbody tr").first.wait_for()
        assert trouble.is_hidden()
    page.locator("[value=false]").check()
    trouble.wait_for()
    assert "Part of the map" in trouble.inner_text()
    page.close()


@pytest.mark.parametrize("how", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_axe_finds_no_serious_fault(visit, address, faults_of, how):
    page = visit(address, **how)
    page.locator("[value=support]").check()
    page.locator(".stage").focus()
    page.keyboard.press("Enter")
    page.locator(".spectra tbody tr").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults_of(page) == []


def test_nothing_is_asked_of_other_machines(page, address):
    page.evaluate(QUIET)
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert asked and all(name.startswith((address, "data:")) for name in asked)
