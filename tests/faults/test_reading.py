"""An input that is cut short while it is read."""

import numpy as np
import pytest
from trials import reading, record, victims

pytestmark = pytest.mark.slow


def test_an_input_cut_short_meanwhile_is_named_or_was_read_and_no_pixel_is_another(tmp_path):
    row = reading.cut(victims.fetch, "long/*.tif", tmp_path / "trial", 3, np.random.default_rng(record.QUICK.seed))
    assert row.wrong == () and row.tried == 3
