"""Disks that are full; `make soak` fills one under every command, several times."""

import numpy as np
import pytest
from trials import disk, record, victims

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("made", [victims.predict, victims.fetch], ids=lambda made: made.__name__)
def test_a_full_disk_is_told_with_what_is_needed_and_with_space_the_same_command_goes_on(made, tmp_path):
    row = disk.filled(made, tmp_path / "trial", 1, np.random.default_rng(record.QUICK.seed))
    assert row.wrong == () and row.tried == 1
