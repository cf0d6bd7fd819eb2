"""A delivery that the tests of VHR scenes share; who changes it takes a copy."""

import pytest

from dione.testing.delivery import Delivered, deliver


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("vhr") / "delivery")
