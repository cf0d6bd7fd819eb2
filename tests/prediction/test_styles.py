"""Style files that QGIS reads beside the outputs."""

from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.files import styles
from dione.prediction.files.form import SUPPORT
from dione.prediction.job import predict_to
from dione.prediction.looks import picture
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


def test_a_date_that_saw_hardly_anything_is_shown_in_the_stretch_of_its_result(tmp_path):
    stack = series(landscape((24, 24), seed=3), days=3).stack
    valid = stack["valid"].values.copy()
    valid[-1] = False
    valid[-1, :2, :3] = True
    predict_to(stack.assign(valid=(("time", "y", "x"), valid)), tmp_path, resolver=load("setsr-s"), config=PredictConfig(target="2024-05-11"))
    drawn = renderer(tmp_path / "2024-05-11_sr.qml")
    values = picture.read(tmp_path / "2024-05-11_sr.tif")
    for colour, band in (("red", 2), ("green", 1), ("blue", 0)):
        low, high = (float(drawn.findtext(f"{colour}ContrastEnhancement/{end}Value")) for end in ("min", "max"))
        assert np.nanmean((values[band] >= low) & (values[band] <= high)) > 0.9


def test_sigma_is_a_ramp_and_support_its_classes(out):
    values = [float(each.get("value")) for each in renderer(out / "2024-05-06_sigma.qml").iter("item")]
    assert values == sorted(values) and values[-1] == styles.WORST
    drawn = renderer(out / "2024-05-06_support.qml").iter("paletteEntry")
    assert [(int(each.get("value")), each.get("label")) for each in drawn] == [(one.value, one.name) for one in SUPPORT.classes]
