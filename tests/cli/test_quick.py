"""A command starts and ends in less time."""

import subprocess
import sys

LOOKS = """
import atexit, gc
from dione.cli.quick import OBJECTS, quicken
before = gc.get_threshold()
atexit.register(lambda: print(gc.get_freeze_count() > 10_000))  # last in, first out: this is looked at after what quicken leaves to do
quicken()
print(gc.get_threshold() == (OBJECTS, *before[1:]), before[0] < OBJECTS)
"""
FOLDER = """
import sys
from pathlib import Path
from dione import sources, testing
made = testing.series(testing.landscape((20, 24)), days=2).stack
folder = testing.write_geotiffs(made, Path(sys.argv[1]))
loaded = set(sys.modules)
sources.open(folder)
print({"dione.sources.stac", "dione.sources.sentinelhub", "dione.sources.safe", "dione.sources.zarrstack", "dione.sources.eopatch"} & set(sys.modules))
"""


def said(code: str, *words: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True).stdout


def test_garbage_is_looked_for_less_often_and_not_at_the_end():
    assert said(LOOKS).split() == ["True", "True", "True"]


def test_a_folder_of_geotiffs_brings_no_other_door_along(tmp_path):
    assert said(FOLDER, str(tmp_path / "series")).strip() == "set()"
