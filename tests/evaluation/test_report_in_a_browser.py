"""An evaluation's report.html in a real browser."""

import pytest

from dione import testing
from dione.evaluation.run import evaluate


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    out = tmp_path_factory.mktemp("scores")
    evaluate("bicubic-median", testing.series(testing.landscape((64, 80), seed=1), days=2, seed=1).stack, out=out, dates=[1, 2])
    return (out / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_examples_are_compared_under_a_divider(visit, address, faults_of, scheme):
    page = visit(address, color_scheme=scheme)
    page.locator("[name=right][value=truth]").check()
    page.locator("[name=example][value=worst]").check()
    assert page.locator(".tag.right").inner_text() == "truth"
    page.locator("#divider").focus()
    page.keyboard.press("Home")
    assert page.evaluate("stage.at") == 0 and page.evaluate("stage.width > 0")
    assert faults_of(page) == []


def test_on_a_phone_a_long_name_of_a_site_leaves_room_for_its_scores(visit, address):
    page = visit(address, viewport={"width": 390, "height": 844})
    names = page.locator(".scores tbody th")
    names.evaluate_all("names => names.forEach(name => { name.textContent = 'Fields between the river and the old road, north of the town, 2019 to 2024'; })")
    assert all(box["width"] < 390 / 2 for box in (name.bounding_box() for name in names.all()))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
