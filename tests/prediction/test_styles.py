"""Style files that QGIS reads beside the outputs."""

from xml.etree import ElementTree as Xml

import pytest

from dione.nets.resolver import load
from dione.prediction.files import styles
from dione.prediction.files.form import SUPPORT
from dione.prediction.job import predict_to
from dione.testing import landscape, series


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    predict_to(series(landscape((24, 24)), days=2).stack, folder, resolver=load("bicubic"))
    return folder


def renderer(path):
    return Xml.fromstring(path.read_text().split("\n", 1)[1]).find("pipe/rasterrenderer")


def test_every_output_has_a_style_of_its_name(out):
    assert {path.stem for path in out.glob("*.qml")} == {path.stem for path in out.glob("*.tif")} and len(list(out.glob("*.qml"))) == 4


def test_true_colour_takes_red_green_and_blue_between_black_and_white(out):
    drawn = renderer(out / "2024-05-06_sr.qml")
    assert [drawn.get(f"{colour}Band") for colour in ("red", "green", "blue")] == ["3", "2", "1"]
    low, high = (float(drawn.findtext(f"redContrastEnhancement/{end}Value")) for end in ("min", "max"))
    assert 0 <= low < high < 1


def test_sigma_is_a_ramp_and_support_its_classes(out):
    values = [float(each.get("value")) for each in renderer(out / "2024-05-06_sigma.qml").iter("item")]
    assert values == sorted(values) and values[-1] == styles.WORST
    drawn = renderer(out / "2024-05-06_support.qml").iter("paletteEntry")
    assert [(int(each.get("value")), each.get("label")) for each in drawn] == [(one.value, one.name) for one in SUPPORT.classes]
