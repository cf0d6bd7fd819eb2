import pytest

from dione.training import devices


@pytest.mark.parametrize(("precision", "doubts"), [("bf16-mixed", 1), ("32-true", 0)])
def test_bfloat16_is_doubted_before_training_takes_ten_times_as_long(monkeypatch, precision, doubts):
    told = []
    monkeypatch.setattr(devices, "doubt", lambda device, advice: told.append(device))
    assert told == doubts * [devices.fabric(precision).device.type]
