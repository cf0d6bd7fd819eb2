"""Rasters without a place, opened by many threads."""

import threading
import warnings

import numpy as np
import rasterio

from dione.sources.rasters import placeless


def test_a_thread_that_is_done_leaves_the_others_without_a_warning(tmp_path):
    with placeless.allowed(), rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8") as file:
        file.write(np.ones((1, 8, 8), np.uint8))
    filters, told, first_in, first_out = list(warnings.filters), [], threading.Event(), threading.Event()

    def first():
        with placeless.allowed():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second():
        first_in.wait(10)
        try:
            with placeless.allowed():
                second_in.set()
                first_out.wait(10)
                rasterio.open(tmp_path / "a.tif").close()
        except rasterio.errors.NotGeoreferencedWarning as warning:
            told.append(warning)

    second_in = threading.Event()
    threads = [threading.Thread(target=one) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not told
    assert list(warnings.filters) == filters
