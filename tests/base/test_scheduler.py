"""How tasks of a cluster end. On a real one: tests/prediction/test_cluster.py."""

from collections import deque

import distributed
import pytest

from dione.base import scheduler


class Future:
    """A task whose status changes whenever it is looked at."""

    def __init__(self, *statuses, error=None):
        self.statuses, self.error, self.released = deque(statuses), error, False

    @property
    def status(self):
        return self.statuses.popleft() if len(self.statuses) > 1 else self.statuses[0]

    def result(self):
        return "painted"

    def exception(self):
        return self.error

    def release(self):
        self.released = True


class Ends:
    """distributed's as_completed."""

    def __init__(self, futures):
        self.waiting = deque(futures)

    def add(self, future):
        self.waiting.append(future)

    def __iter__(self):
        while self.waiting:
            yield self.waiting.popleft()


class Client:
    def __init__(self, *futures):
        self.futures = futures

    def map(self, function, tasks, **told):
        return self.futures


@pytest.fixture
def ended(monkeypatch):
    monkeypatch.setattr(distributed, "as_completed", Ends)
    return lambda *futures: list(scheduler.ended(Client(*futures), print, range(len(futures))))


def test_a_task_whose_worker_was_lost_after_it_had_ended_is_waited_for_again(ended):
    lost = Future("lost", "pending", "finished")
    assert ended(lost, Future("finished")) == [(1, "painted", ""), (0, "painted", "")]
    assert lost.released


def test_a_task_that_failed_says_why(ended):
    assert ended(Future("error", error=ValueError("no disk\nat all")), Future("error", error=ValueError())) == [(0, None, "no disk"), (1, None, "ValueError")]
