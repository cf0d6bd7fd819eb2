import threading
import time

import pytest

from dione.prediction.windows.overlap import abreast


def in_threads(make, items, threads=2):
    return abreast(make, items, threads=threads, begin=lambda: None)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_items_come_in_order_with_what_was_made_of_them(threads):
    assert list(in_threads(lambda number: number**2, range(4), threads)) == [n**2 for n in range(4)]
    assert list(in_threads(str, [], threads)) == []


def test_the_next_is_made_while_this_one_is_used():
    made = []
    for item, _ in enumerate(in_threads(made.append, range(4))):
        deadline = time.monotonic() + 5
        while len(made) < min(item + 2, 4) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(made) == min(item + 2, 4)  # one ahead, never more


def test_others_need_not_wait_for_a_first_that_takes_longer():
    others = threading.Semaphore(0)

    def make(number):
        if number:
            others.release()
            return True
        return all(others.acquire(timeout=5) for _ in range(4))  # the first ends after all the others

    assert list(abreast(make, range(5), threads=2, ahead=3)) == [True] * 5


def test_several_are_made_at_the_same_time_each_in_a_thread_that_was_prepared():
    together, prepared = threading.Barrier(3, timeout=5), []
    met = abreast(lambda _: together.wait(), range(3), threads=3, begin=lambda: prepared.append(threading.get_ident()))
    assert sorted(met) == [0, 1, 2]
    assert len(set(prepared)) == 3


def test_an_error_in_a_thread_reaches_the_caller_and_nothing_more_is_begun():
    begun = []
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda number: 1 // number + bool(begun.append(number)), [2, 0, 1, 1, 1, 1, 1]))
    assert len(begun) <= 4
