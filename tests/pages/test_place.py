"""Where a place is, drawn from its outline."""

import re

import numpy as np
import pytest

from dione.pages import place


def box(west, south, east, north):
    return np.array([(west, north), (east, north), (east, south), (west, south)], float)


def numbers(path):
    return np.array([float(text) for text in re.findall(r"-?\d+\.?\d*", path)])


def test_the_place_is_told_in_words_and_turned_round_the_date_line():
    assert place.place(box(1.2, 43.6, 1.3, 43.7)).words == "43.6500° N, 1.2500° E"
    assert place.place(box(179.9, -17.2, 180.3, -17.0)).words == "17.1000° S, 179.9000° W"


@pytest.mark.parametrize("where", [(1.2, 43.6), (-70, -33), (150, 89), (0, 0), (185, -17)])
def test_the_spot_lies_on_the_globe_near_the_middle_of_its_disc(where):
    globe = place.globe(*map(float, where))
    assert np.hypot(*globe.spot) < 0.5 * place.RADIUS and np.sign(globe.spot[1]) == -np.sign(where[1])
    assert np.abs(numbers(globe.lines + globe.equator)).max() <= place.RADIUS


@pytest.mark.parametrize("size", [0.0015, 0.03, 0.4, 12])
def test_the_outline_fits_with_lines_around_it_and_a_bar_of_the_right_length(size):
    sketch = place.sketch(box(10, 50, 10 + size, 50 + size))
    ring = numbers(sketch.outline).reshape(-1, 2)
    assert (ring > 0).all() and (ring < [place.WIDTH, place.HEIGHT]).all() and np.ptp(ring, 0).max() > 100
    assert 2 <= len(re.findall("V", sketch.lines)) <= 12 and sketch.labels
    metres = float(sketch.bar_words.split()[0]) * (1000 if "km" in sketch.bar_words else 1)
    assert sketch.bar / np.ptp(ring[:, 1]) == pytest.approx(metres / (size * place.METRES_A_DEGREE), rel=0.01)


@pytest.mark.parametrize("north", np.arange(43.62, 43.63, 0.0005))
def test_no_two_labels_of_the_sketch_lie_on_each_other(north):
    labels = place.sketch(box(1.2, north - 0.004, 1.205, north)).labels
    across, along = ([one for one in labels if (one.y == place.HEIGHT - 5) == below] for below in (True, False))
    assert across and along and max(one.y for one in along) <= place.HEIGHT - 16


def test_degrees_are_written_as_people_write_them():
    assert [place._degrees(seconds, "WE") for seconds in (4980, -3600, 0, 3661)] == ["1° 23′ E", "1° W", "0°", "1° 01′ 01″ E"]
