"""Long runs, cut short."""

import numpy as np
import pytest
from trials import longrun, record, sameness
from trials.record import Size

SMALL = Size(kills=2, inputs=0, jobs=160, minutes=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jobs", "blocks", "clocks"])
def test_small_jobs_and_jumping_clocks_leave_what_they_should(kind, tmp_path):
    (row,) = longrun.apart(kind, SMALL, tmp_path)
    assert row.wrong == () and row.tried > 0


def test_what_grows_over_a_run_is_noticed():
    flat, rising = [(500.0, 6, 1)] * 12, [(500.0 + 20 * at, 6 + at, 1) for at in range(12)]
    assert longrun.steady(flat) == []
    assert [fault.partition(" grew")[0] for fault in longrun.steady(rising)] == ["memory (MB)", "open files"]


@pytest.mark.slow
def test_threads_and_blocks_change_no_digital_number(tmp_path):
    source = sameness.series_at(tmp_path / "series", (60, 70))
    wanted = sameness.pixels(source, tmp_path / "wanted", sameness.Way("once"))
    row = sameness.compared(source, tmp_path, (sameness.Way("2 threads", 2), sameness.Way("blocks of 32 px", 1, 32)), wanted, "quick")
    assert row.wrong == () and len(wanted) >= 6
    assert all(data.any() for data in wanted.values())


def test_pixels_that_are_another_by_one_are_not_the_same():
    one = np.full((4, 100, 100), 700, np.uint16)
    other = one.copy()
    other[0, 0, 0] = 701
    assert sameness.equal(one, one.copy()) and not sameness.equal(one, other) and not sameness.equal(one, None)


def test_the_quick_size_is_a_part_of_the_full_one():
    assert record.QUICK.kills < record.FULL.kills >= 25 and record.QUICK.jobs < record.FULL.jobs >= 10_000
