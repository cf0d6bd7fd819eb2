"""Commands killed at random moments; `make soak` kills each of them ten times as often."""

import numpy as np
import pytest
from trials import kills, record, victims

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("made", victims.VICTIMS, ids=lambda made: made.__name__)
def test_a_command_that_is_killed_goes_on_to_the_same_bytes_and_answers_when_it_can(made, tmp_path):
    row = kills.killed(made, tmp_path / "trial", record.QUICK.kills, np.random.default_rng(record.QUICK.seed))
    assert row.wrong == () and row.tried == record.QUICK.kills
