"""How tasks of a cluster end. On a real one: tests/prediction/test_cluster.py."""

from collections import deque

import distributed.comm
import pytest

from dione.base.errors import DioneError
from dione.base.machine import scheduler


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

    def is_empty(self):
        return not self.waiting

    def next_batch(self, block):
        """The next that ends; a task without an end is waited for in vain."""
        return [self.waiting.popleft()] if self.waiting[0].statuses else []


class Client:
    status = "running"

    def __init__(self, *futures, workers=1, between=None):
        self.futures, self.workers, self.between = futures, workers, between

    def nthreads(self):
        if isinstance(self.workers, Exception):
            raise self.workers
        return {f"worker {number}": 1 for number in range(self.workers)}

    def map(self, function, tasks, **told):
        return self.futures

    def run(self, function, **how):
        return {}

    def run_on_scheduler(self, function):
        return function() | ({"dione": self.between} if self.between else {})


class Lossy:
    """A client whose first words meet a worker that is gone."""

    def __init__(self, losses):
        self.losses = losses

    def scatter(self, value, **how):
        if self.losses:
            self.losses -= 1
            raise distributed.comm.CommClosedError("connection reset by peer")
        return f"{value} everywhere"


def test_what_all_workers_share_is_sent_again_when_one_is_lost_meanwhile(monkeypatch):
    monkeypatch.setattr(scheduler, "PAUSE_S", 0)
    assert scheduler.everywhere(Lossy(2), "weights") == "weights everywhere"
    with pytest.raises(DioneError, match="cannot be reached from here: connection reset by peer\nwhat is finished is kept"):
        scheduler.everywhere(Lossy(9), "weights")


class Blind:
    """A client of workers, some of which see no file of this machine."""

    def __init__(self, **sees):
        self.sees = sees

    def run(self, function, *given, **how):
        return {worker: function(*given) and sees for worker, sees in self.sees.items()}


def test_workers_that_do_not_see_the_folder_of_the_results_are_told_before_they_begin(tmp_path):
    scheduler.seen_by_all(Blind(a=True, b=True), tmp_path / "out")
    with pytest.raises(DioneError, match=r"(?s)workers cannot write into .*out of this machine.*- b does not see it.*every worker reaches"):
        scheduler.seen_by_all(Blind(a=True, b=False), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


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


@pytest.mark.parametrize(("workers", "why"), [(0, "every worker was lost, and none came for 0 s"), (OSError("closed"), "the scheduler is gone")])
def test_when_nobody_is_left_to_do_the_work_it_is_told_what_to_do(monkeypatch, workers, why):
    monkeypatch.setattr(distributed, "as_completed", Ends)
    monkeypatch.setattr(scheduler, "LOOK_S", 0)
    monkeypatch.setattr(scheduler, "ALONE_S", 0)
    with pytest.raises(DioneError, match=f"{why}\nwhat is finished is kept: start scheduler and workers again"):
        list(scheduler.ended(Client(Future(), workers=workers), print, [1]))


def test_tasks_whose_data_went_with_the_last_worker_are_told(ended):
    with pytest.raises(DioneError, match="the scheduler or the last of its workers is gone, and with it what they were at\nwhat is finished is kept"):
        ended(Future("cancelled"))


def test_a_scheduler_that_cannot_read_our_tasks_is_told(monkeypatch):
    monkeypatch.setattr(distributed, "as_completed", Ends)
    unread = Future("error", error=RuntimeError("Error during deserialization of the task graph"))
    with pytest.raises(DioneError, match=r"scheduler cannot read tasks of dione [0-9.]+: dione there is not installed\ninstall the same version there, too"):
        list(scheduler.ended(Client(unread, between="not installed"), print, [1]))


class Forgetful(Client):
    """A client whose shared data goes with a worker so many times, and whose second task then never ends, or is given up."""

    def __init__(self, losses, *, last):
        super().__init__()
        self.losses, self.last, self.sent, self.asked = losses, last, 0, []

    def scatter(self, value, **how):
        self.sent += 1
        return value

    def who_has(self, futures):
        return {"weights": () if self.sent <= self.losses else ("a worker",)}

    def map(self, function, tasks, **told):
        self.asked.append(list(tasks))
        if self.sent > self.losses:
            return [Future("finished") for _ in tasks]
        return [Future("finished") if task == "first" else self.last for task in tasks]


@pytest.mark.parametrize("last", [Future(), Future("cancelled")], ids=["never ends", "given up"])
def test_what_all_workers_share_is_sent_again_when_it_was_lost_and_only_for_what_had_not_ended(monkeypatch, last):
    monkeypatch.setattr(distributed, "as_completed", Ends)
    monkeypatch.setattr(scheduler, "PAUSE_S", 0)
    monkeypatch.setattr(scheduler, "LOOK_S", 0)
    client = Forgetful(1, last=last)
    assert list(scheduler.ended(client, print, ["first", "second"], weights="weights")) == [(0, "painted", ""), (1, "painted", "")]
    assert client.sent == 2 and client.asked == [["first", "second"], ["second"]]
    with pytest.raises(DioneError, match="what is finished is kept"):
        list(scheduler.ended(Forgetful(99, last=last), print, ["first", "second"], weights="weights"))
