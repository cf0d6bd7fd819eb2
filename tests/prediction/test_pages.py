"""report.html, quicklook.png and run.json: whole, light, safe, and about the right pixels."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dione.base.windows import Window
from dione.pages import page
from dione.prediction import record
from dione.prediction import run as runs
from dione.prediction.files import item
from dione.prediction.files.form import SUPPORT
from dione.prediction.looks import picture, quicklook, report, spread, timeline, views
from dione.prediction.looks.preview import liveliest, preview, thinned
from dione.prepare.select import DateUse


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_run):
    return make_run(tmp_path_factory.mktemp("out"), shape=(48, 60), targets=2)


def pictures(html):
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA")) for text in re.findall(r"data:image/webp;base64,([^\"]+)", html)]


def test_the_report_loads_nothing_from_outside(tmp_path, run):
    html = report.write(tmp_path, run).read_text()
    links = re.findall(r"(?:src|href|srcset|action|data|poster)=\"([^\"]*)\"", html)
    assert links and all(link.startswith(("data:image/webp;base64,", "data:,", "./")) for link in links)
    assert not re.search(r"url\(|@import|https?://|//cdn|fetch\(|XMLHttpRequest", html)


def test_only_the_pages_own_script_and_style_may_run(tmp_path, run):
    html = report.write(tmp_path, run).read_text()
    policy = re.search(r"Content-Security-Policy\" content=\"([^\"]*)\"", html)[1]
    script, style = re.search(r"<script>(.*?)</script>", html, re.S)[1], re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert f"'{page.digest(script)}'" in policy and f"'{page.digest(style)}'" in policy
    assert "unsafe-inline" not in policy and " style=" not in html and not re.search(r"\son\w+=", html)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "</style><b>", "' onload='x"])
def test_hostile_names_are_only_text(tmp_path, run, hostile):
    target = run.targets[0]
    dates = tuple(replace(use, item=hostile, reason=hostile) for use in target.choice.dates)
    target = replace(target, choice=replace(target.choice, dates=dates), warnings=(hostile,))
    model = runs.Model(hostile, hostile, {hostile: hostile})
    told = replace(run, source=hostile, model=model, targets=(target,), options={hostile: hostile}, notes={hostile: hostile}, warnings=(hostile,))
    html = report.write(tmp_path, told).read_text()
    clean = report.write(tmp_path, replace(run, targets=(run.targets[0],))).read_text()
    for opening in ("<script", "<img", "</style", "<b>", "onerror=alert(1)>"):
        assert html.count(opening) == clean.count(opening)
    assert ("{{ 7 * 7 }}" in html) == (hostile == "{{ 7 * 7 }}")


def test_the_pictures_are_the_scene(tmp_path, run):
    target = run.targets[-1]
    html = report.write(tmp_path, replace(run, targets=(target,))).read_text()
    before_true, before_false, _, after_true, _, _, sigma, detail, support = pictures(html)
    assert after_true.shape[:2] == (192, 240) and before_true.shape[:2] == (48, 60)
    tones = picture.stretch(target.before.whole, picture.TRUE_COLOUR)
    unseen = np.isnan(target.before.whole[0])
    np.testing.assert_array_equal(before_true[~unseen][:, :3], tones.paint(target.before.whole)[~unseen])
    assert (before_true[..., 3] == np.where(unseen, 0, 255)).all()
    assert np.abs(after_true[..., :3].astype(int) - tones.paint(picture.read(target.sr))).mean() < 6
    assert before_false[..., 0].mean() != before_true[..., 0].mean() and sigma[..., 3].max() > 100 and detail[..., 3].max() > 100
    seen = support[..., 3] > 0
    assert support.shape[:2] == (48, 60) and [tuple(support[:, column][seen[:, column]][0]) for column in (5, 30, 55)] == [
        (*one.colour, picture.CLASS_ALPHA) for one in SUPPORT.classes
    ]


def test_detail_is_what_a_smooth_enlargement_lacks():
    smooth = np.ones((4, 32, 48), np.float32) * np.linspace(0.1, 0.2, 48, dtype=np.float32)
    roof = smooth.copy()
    roof[:, 14:16, 20:22] += 0.1
    found = views.added(roof, 4)
    assert found[:, 14:16, 20:22].min() > 0.05 and found[:, 4:8, 36:42].max() < 1e-3
    holed = roof.copy()
    holed[:, :4, :4] = np.nan
    assert np.isnan(views.added(holed, 4)[:, :4, :4]).all() and np.isfinite(views.added(holed, 4)[:, 20:, 20:]).all()


def test_ndvi_is_the_same_colour_on_every_date():
    values = np.array([0.05, 0.08, 0.1, 0.3], np.float32)[:, None, None] * np.array([[[1.0, 2.0, 0.5]]], np.float32)
    drawn = picture.Greenness().paint(values)
    assert (drawn == drawn[:, :1]).all() and drawn[0, 0, 1] > drawn[0, 0, 0]


def test_supports_are_on_the_time_slider_but_are_no_targets(tmp_path, run):
    whole = np.full((4, 48, 60), 0.1, np.float32)
    whole[:, :10] = np.nan
    support = runs.Support("2024-05-06", "2024-05-06.tif", 0.8, ((whole, (0, 0, 60, 48)),))
    html = report.write(tmp_path, replace(run, supports=(support,))).read_text()
    assert re.findall(r'data-day="([^"]+)" data-role="([^"]+)"', html) == [("2024-05-06", "support"), ("2024-05-16", "target"), ("2024-05-21", "target")]
    assert html.count("<article") == 2


def test_the_report_says_what_was_used_and_what_it_is_worth(tmp_path, run):
    told = replace(run, warnings=("The series has no cloud mask",))
    for target in run.targets:
        item.write(target.sr.parent, run, target)
    html = report.write(tmp_path, told).read_text()
    for words in ("The series has no cloud mask", "0.0008", "5 days from the target", "2024-05-21_sigma.tif", "2024-05-21.json", "0" * 64, "2.5 m", "43.6"):
        assert words in html
    for band in ("blue", "green", "red", "nir"):
        assert f'<th scope="row">{band}</th>' in html
    assert html.count('type="range"') == 2 and html.count("<article") == 2


def test_dates_within_one_month_are_told_under_their_line():
    def words(*days):
        return [text for _, text in timeline.timeline(tuple(DateUse(day, "", 1.0, "support", "") for day in days)).ticks]

    assert words("2020-01-01", "2020-01-04", "2020-01-09") == ["1 Jan 2020", "9 Jan 2020"] and words("2020-01-09T101112", "2020-01-09T101500") == ["9 Jan 2020"]
    assert words("2020-01-30", "2020-02-04") == ["Feb 2020"]


def test_many_warnings_leave_room_for_the_picture(tmp_path, run):
    few, many = (report.write(tmp_path, replace(run, warnings=tuple(map(str, range(number))))).read_text() for number in (2, 40))
    assert '<ul class="long" tabindex="0"' in many and 'class="long"' not in few and many.count("<li>") - few.count("<li>") == 38


def test_every_control_has_a_name_and_every_picture_a_text(tmp_path, run):
    html = report.write(tmp_path, run).read_text()
    assert all('alt="' in tag for tag in re.findall(r"<img [^>]*>", html))
    for tag in re.finditer(r"<input [^>]*>", html):
        assert "aria-label" in tag[0] or "<label" in html[max(0, tag.start() - 160) : tag.start()]


def test_colours_are_compared_where_the_target_was_seen(run):
    target = run.targets[-1]
    coarse = picture.read(target.sr, size=target.before.shape)
    seen = np.isfinite(target.before.whole[0])
    for number, row in enumerate(spread.band_rows(target)):
        assert row.before == pytest.approx(np.nanmean(target.before.whole[number]), abs=1e-6)
        assert row.after == pytest.approx(coarse[number][seen].mean(), abs=1e-6)


def test_a_large_scene_is_thinned_and_shown_in_part_at_full_resolution(tmp_path, make_run):
    run = make_run(tmp_path, shape=(150, 210), days=2, crop_px=64, max_side=100)
    target = run.targets[0]
    assert target.before.step == 3 and target.before.whole.shape == (4, 50, 70) and target.before.crop.shape == (4, 64, 64)
    whole, close = views.scenes(run, target)
    assert close.after.shape[1:] == (256, 256) and close.detail is not None
    assert whole.before_box == (0, 0, 840, 600) and whole.after_box == (0, 0, 840, 600)
    np.testing.assert_array_equal(close.before, target.before.crop)
    html = report.write(tmp_path, run).read_text()
    assert "3 × 3 measured pixels are shown as one" in html and 'data-view="close"' in html


@pytest.mark.parametrize(("crop_px", "width"), [(64, 420), (256, 840)])
def test_the_whole_is_no_finer_than_needed_beside_a_close_up(tmp_path, make_run, monkeypatch, crop_px, width):
    monkeypatch.setattr(views, "LADDER", ((840, 84), (400, 82)))
    run = make_run(tmp_path, shape=(150, 210), days=2, crop_px=crop_px)
    whole, *close = views.scenes(run, run.targets[0])
    assert whole.after.shape[2] == width and len(close) == (width == 420)
    assert all(one.after.shape[1:] == (256, 256) for one in close)


def test_pictures_give_way_so_that_the_page_stays_light(tmp_path, run, monkeypatch):
    light = report.write(tmp_path, run).stat().st_size
    monkeypatch.setattr(report, "MOST_BYTES", 60_000)
    html = report.write(tmp_path, run).read_text()
    assert len(html) < light and sum(len(uri) for uri in re.findall(r"data:image/webp;base64,[^\"]+", html)) <= 60_000


def test_more_dates_than_can_be_looked_at_are_said(tmp_path, run, monkeypatch):
    monkeypatch.setattr(report, "MOST_PICTURED", 1)
    html = report.write(tmp_path, run).read_text()
    assert "1 earlier dates are written" in html and html.count("<article") == 1


@pytest.mark.parametrize(("shape", "place"), [((1, 1), {}), ((7, 5), {"crs": None}), ((5, 31), {"crs": "EPSG:4326", "pixel": 1e-4, "left": 1.2, "top": 43.6})])
def test_any_scene_has_its_pages(tmp_path, make_run, shape, place):
    run = make_run(tmp_path, shape=shape, days=2, cloud=0, **place)
    for write in (record.write, quicklook.write, report.write):
        assert write(tmp_path, run).stat().st_size > 0
    assert ("without a known place" in (tmp_path / "report.html").read_text()) == ("crs" in place and place["crs"] is None)


def test_the_size_of_an_area_in_degrees_is_that_on_the_ground(tmp_path, make_run):
    html = report.write(tmp_path, make_run(tmp_path, shape=(50, 40), days=2, cloud=0, crs="EPSG:4326", pixel=9e-5, left=10, top=60)).read_text()
    assert "0.201 × 0.501 km" in html and float(re.search(r'data-metres="([^"]*)"', html)[1]) == pytest.approx(1.25, rel=0.01)


def test_a_target_that_saw_nothing_has_its_pages(tmp_path, run):
    target = run.targets[0]
    blind = replace(target.before, whole=np.full_like(target.before.whole, np.nan))
    told = replace(run, targets=(replace(target, before=blind, clear=0.0, filled=1.0, consistency=None),))
    assert "nan" not in report.write(tmp_path, told).read_text().split("<main>")[1].split("<script>")[0].split("base64")[0]
    assert quicklook.write(tmp_path, told).exists()


def test_the_quicklook_shows_both_under_one_stretch(tmp_path, run):
    page = Image.open(quicklook.write(tmp_path, run))
    assert max(page.size) <= 1600
    left, right = (np.asarray(page.convert("RGB"))[60:-20, x : x + 300].mean((0, 1)) for x in (30, page.width // 2 + 30))
    assert np.abs(left - right).max() < 60


def test_run_json_tells_the_run_and_repeats_itself(tmp_path, run):
    first, second = (record.write(tmp_path, run).read_bytes() for _ in range(2))
    told = json.loads(first)
    assert first == second
    assert told["options"] == {"views": 8, "max_cloud": 0.5, "target": "latest"} and told["versions"]["dione"] and told["versions"]["gdal"]
    assert [t["day"] for t in told["targets"]] == ["2024-05-16", "2024-05-21"]
    assert told["targets"][0]["dates"][3]["role"] == "target" and told["seconds"] == {"total": 1.25}
    assert str(tmp_path) not in first.decode()


def test_thinning_takes_means_of_what_was_seen():
    values = np.arange(4 * 5 * 7, dtype=np.float32).reshape(4, 5, 7)
    values[:, 0, 0] = np.nan
    thin = thinned(values, 3)
    assert thin.shape == (4, 2, 3)
    assert thin[0, 0, 0] == np.nanmean(values[0, :3, :3]) and thin[1, 1, 2] == values[1, 3:, 6:].mean()


def test_a_preview_read_in_strips_is_the_preview_read_at_once(monkeypatch):
    values = np.random.default_rng(0).random((4, 90, 130), np.float32)
    whole = preview(lambda w: values[:, w.slices[0], w.slices[1]], (90, 130), max_side=40, crop_px=32)
    monkeypatch.setattr("dione.prediction.looks.preview.STRIP_PX", 17)
    strips = preview(lambda w: values[:, w.slices[0], w.slices[1]], (90, 130), max_side=40, crop_px=32)
    np.testing.assert_allclose(strips.whole, whole.whole, rtol=1e-6)
    np.testing.assert_array_equal(whole.crop, values[:, whole.window.slices[0], whole.window.slices[1]])


def test_the_crop_goes_where_there_is_something_to_see():
    whole = np.full((4, 40, 60), 0.1, np.float32)
    whole[:, 20:30, 40:50] += np.random.default_rng(0).random((10, 10)) * 0.2
    assert liveliest(whole, step=2, shape=(80, 120), side=20) == Window(40, 80, 60, 100)


def test_the_close_up_may_lie_at_the_far_edges_where_the_rest_was_not_seen():
    whole = np.full((4, 50, 50), np.nan, np.float32)
    whole[:, 30:, 30:] = np.random.default_rng(0).uniform(0, 0.2, (4, 20, 20))
    assert liveliest(whole, step=1, shape=(50, 50), side=26) == Window(24, 24, 50, 50)  # 26 go into 50 only once
    assert liveliest(whole[:, :, :20], step=1, shape=(50, 20), side=26) == Window(0, 0, 26, 20)  # nothing seen, narrower than the close-up
