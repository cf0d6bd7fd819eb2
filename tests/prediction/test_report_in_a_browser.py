"""report.html as a person meets it: in a real browser, by mouse, touch and keyboard."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dione.prediction import run as runs
from dione.prediction.looks import report

ONE_PIXEL = """([across, down]) => {
  const from = document.querySelector(".stage canvas"), to = new OffscreenCanvas(1, 1).getContext("2d");
  to.drawImage(from, Math.floor(across * from.width), Math.floor(down * from.height), 1, 1, 0, 0, 1, 1);
  return [...to.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, make_run):
    out = tmp_path_factory.mktemp("out")
    run = make_run(out, shape=(48, 60), targets=2)
    lent = runs.Support("2024-05-06", "2024-05-06.tif", 0.7, ((run.targets[0].before.whole * 0.5, (0, 0, 60, 48)),))
    return report.write(out, replace(run, supports=(lent,))).as_uri()


@pytest.fixture
def page(visit, address):
    opened = visit(address)
    settled(opened)  # the stage has its size with its first frame
    return opened


def settled(page):
    """After the next frame was drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shown(page, across, down):
    """The colour that the canvas shows at a fraction of its width and height."""
    settled(page)
    return page.evaluate(ONE_PIXEL, [across, down])


def drawn(page, day, kind, across, down, colours="true"):
    """The colour that one of the page's pictures has at a fraction of the stage, whatever part of it is in view."""
    ask = "([day, kind, colours]) => document.querySelector(`[data-day='${day}'] [data-kind=${kind}][data-colours='${colours}']`).src"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(page.evaluate(ask, [day, kind, colours]).split(",")[1]))).convert("RGB"))
    x, y = page.evaluate("([a, d]) => stage.unit(a * stage.element.clientWidth, d * stage.element.clientHeight)", [across, down])
    scale = pixels.shape[1] / page.evaluate("stage.width")
    return pixels[int(y * scale), int(x * scale)].tolist()


def near(one, other):
    """Alike, but for how two decoders of WebP enlarge its colours."""
    return np.abs(np.subtract(one, other)).max() <= 16


def place(page, across, down=0.5):
    """A point of the stage on the screen."""
    box = page.locator(".stage").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def test_it_is_ready_in_two_seconds_and_asks_for_nothing(visit, address):
    page = visit("about:blank")
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})  # the processor's time, however busy the machine is otherwise
    page.goto(address)
    page.locator(".date output", has_text="2024-05-21: target").wait_for()
    settled(page)
    spent = {one["name"]: one["value"] for one in meter.send("Performance.getMetrics")["metrics"]}
    assert 0 < spent["TaskDuration"] < 2
    assert page.evaluate("performance.getEntriesByType('resource').filter(entry => !entry.name.startsWith('data:')).length") == 0


def test_the_mouse_moves_the_divider_and_what_is_shown(page):
    day, points = "2024-05-21", [(across / 20, down / 20) for across in range(4, 9) for down in range(10, 18)]
    at = next(one for one in points if not near(drawn(page, day, "before", *one), drawn(page, day, "after", *one)))
    assert near(shown(page, *at), drawn(page, day, "before", *at))
    page.mouse.move(*place(page, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, 0.1), steps=3)
    page.mouse.up()
    assert float(page.input_value("#divider")) == pytest.approx(10, abs=1)
    assert near(shown(page, *at), drawn(page, day, "after", *at))


def test_a_finger_moves_the_divider_and_two_zoom(visit, address):
    page = visit(address, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
    cut = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).map(box => box.ariaLabel)"
    assert page.evaluate(cut) == [], "cut on the right"
    page.locator(".stage").scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *points):
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [dict(zip("xy", place(page, *point), strict=True), id=i) for i, point in enumerate(points)]},
        )

    fingers("touchStart", (0.5, 0.5))
    fingers("touchMove", (0.7, 0.5))
    fingers("touchMove", (0.9, 0.5))
    fingers("touchEnd")
    assert float(page.input_value("#divider")) == pytest.approx(90, abs=2)
    before = page.evaluate("stage.view.scale")
    fingers("touchStart", (0.4, 0.5), (0.6, 0.5))
    fingers("touchMove", (0.3, 0.5), (0.7, 0.5))
    fingers("touchMove", (0.2, 0.5), (0.8, 0.5))
    fingers("touchEnd")
    assert page.evaluate("stage.view.scale") / before == pytest.approx(3, rel=0.1)


def test_on_a_phone_the_scales_fit_and_the_days_under_the_dates_are_legible(visit, address):
    page = visit(address, viewport={"width": 390, "height": 844})
    for overlay in ("sigma", "detail", "support"):
        page.locator(f"[name=overlay][value={overlay}]").check()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), overlay
        assert overlay == "support" or "reflectance" in page.locator(f"article:visible [data-key={overlay}], aside [data-key={overlay}]").first.inner_text()
    days = page.locator("article:visible .timeline text")
    boxes = [days.nth(at).bounding_box() for at in range(days.count())]
    assert len(boxes) == 2 and all(box["height"] >= 11 and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]


def test_the_keyboard_moves_divider_and_picture(page):
    page.locator(".stage").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert float(page.input_value("#divider")) == pytest.approx(40)
    page.keyboard.press("+")
    page.keyboard.press("+")
    left = page.evaluate("stage.view.x")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("stage.view.x") > left and near(shown(page, 0.7, 0.5), drawn(page, "2024-05-21", "after", 0.7, 0.5))
    page.keyboard.press("0")
    assert page.evaluate("!stage.zoomed")
    page.locator("#divider").focus()
    page.keyboard.press("End")
    assert page.evaluate("stage.at") == 1


def test_the_time_slider_goes_over_targets_and_supports(page):
    page.locator("#time").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".date output").inner_text().startswith("2024-05-16: target")
    assert page.locator("article:visible").get_attribute("data-name") == "2024-05-16"
    page.get_by_label("Earlier date").click()
    assert page.locator(".date output").inner_text() == "2024-05-06: support, 70 % seen clear"
    assert "2024-05-16 sharpened" in page.locator(".remarks").inner_text()
    assert near(shown(page, 0.05, 0.95), drawn(page, "2024-05-06", "before", 0.05, 0.95)) and near(
        shown(page, 0.7, 0.6), drawn(page, "2024-05-16", "after", 0.7, 0.6)
    )


def test_colours_and_overlays_change_what_is_shown(page):
    at = (0.8, 0.3)
    plain = shown(page, *at)
    for colours in ("false", "ndvi"):
        page.locator(f"[name=colours][value={colours}]").check()
        assert near(shown(page, *at), drawn(page, "2024-05-21", "after", *at, colours=colours))
    assert page.locator("[data-key=ndvi]").is_visible()
    page.locator("[name=colours][value=true]").check()
    page.locator("[name=overlay][value=sigma]").check()
    assert not near(shown(page, *at), plain) and "and more" in page.locator("[data-key=sigma]").inner_text()
    page.locator("[name=overlay][value=support]").check()
    mixed = [round(0.588 * colour + 0.412 * below) for colour, below in zip((253, 174, 97), plain, strict=True)]
    assert near(shown(page, *at), mixed) and "confirmed by other dates" in page.locator("[data-key=support]").inner_text()
    page.locator("[name=overlay][value='']").check()
    assert shown(page, *at) == plain


@pytest.mark.parametrize("how", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_axe_finds_no_serious_fault(visit, address, faults_of, how):
    page = visit(address, **how)
    page.locator("[name=overlay][value=support]").check()
    assert faults_of(page) == []
