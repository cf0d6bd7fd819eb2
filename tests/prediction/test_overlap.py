import threading
import time

import pytest

from dione.prediction.overlap import Behind, ahead


def test_all_items_come_in_order_with_what_was_made_of_them():
    assert list(ahead(lambda number: number**2, range(5))) == [(n, n**2) for n in range(5)]
    assert list(ahead(str, [])) == []


def test_the_next_is_made_while_this_one_is_used():
    made = []
    for item, _ in ahead(made.append, range(4)):
        deadline = time.monotonic() + 5
        while len(made) < min(item + 2, 4) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(made) == min(item + 2, 4)  # one ahead, never more


def test_an_error_in_the_thread_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 // number, [2, 0, 1]))
    with pytest.raises(ZeroDivisionError), Behind() as behind:
        behind.do(lambda: 1 // 0)


def test_at_most_one_write_waits_and_all_are_done_in_the_end():
    done, gate = [], threading.Event()

    def write(number):
        gate.wait(5)
        done.append(number)

    with Behind() as behind:
        behind.do(write, 0)
        assert done == []
        gate.set()
        for number in range(1, 6):
            behind.do(write, number)
            assert len(done) >= number
    assert done == list(range(6))


def test_a_failure_of_the_caller_is_not_hidden_by_one_of_the_thread():
    def fail():
        with Behind() as behind:
            behind.do(lambda: 1 // 0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
