"""How what was tried is counted, and where it is written down."""

import pytest
from trials import page as pages
from trials import record
from trials.record import Row

ROWS = [Row("faults", "predict, killed", 27, minutes=4.0, peak_gb=0.5), Row("inputs", "GeoTIFF", 300, ("seed 7: a traceback",), refused=200, minutes=1.0)]


def test_the_table_adds_up_and_keeps_the_largest_memory():
    assert record.table(ROWS).splitlines()[-1] == "| **all** | 327 | 326 | 200 | 1 | 5.0 | 0.5 |  |  |"


def test_what_went_wrong_is_told_with_where():
    assert record.faults(ROWS) == ["inputs: GeoTIFF: seed 7: a traceback"]


def test_of_many_faults_a_few_are_told_and_the_rest_counted():
    assert record.faults([Row("inputs", "TOML", 9, tuple(str(at) for at in range(9)))])[-1] == "inputs: TOML: and 4 more"


def test_figures_go_between_the_marks_of_a_page_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    pages.write(page, ROWS)
    pages.write(page, ROWS)
    told = page.read_text()
    assert told.startswith("before\n") and told.endswith("after\n") and "old" not in told and told.count("predict, killed") == 1


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("mine\n")
    with pytest.raises(SystemExit, match="no place for the figures"):
        pages.write(page, ROWS)
    assert page.read_text() == "mine\n"


def test_parts_that_were_not_tried_again_keep_their_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{pages.BEGIN}\n{pages.END}\n")
    pages.write(page, ROWS)
    pages.write(page, [Row("inputs", "GeoTIFF", 400, minutes=2.0)])
    told = page.read_text()
    assert told.count("| inputs: GeoTIFF |") == 1 and "| inputs: GeoTIFF | 400 | 400 |" in told
    assert "| faults: predict, killed | 27 | 27 |  | 0 | 4.0 | 0.5 |  |  |" in told and "| **all** | 427 | 427 |" in told
