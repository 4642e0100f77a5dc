"""The background job: its life cycle, its errors, its manners."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.views import jobs
from course_lib.views.jobs import Audience, Job


def numbers(count: int, seconds: float = 0.0, asked: list | None = None):
    """A stream of bare snapshots; ``asked`` notes each request."""
    for update in range(1, count + 1):
        if asked is not None:
            asked.append(update)
        time.sleep(seconds)
        yield Snapshot("fake", "none", update, update * 10, update * 0.5, {"test_return": update / 10}, {})


def until(condition, seconds: float = 3.0) -> None:
    """Wait for a condition, and fail if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def nothing_left_running():
    yield
    if jobs.current() is not None:
        jobs.current().stop()
        jobs.current()._thread.join(3)


def test_runs_to_its_end_with_its_history():
    outcome = Job(numbers(5)).start().wait(5)
    assert outcome.state == "finished"
    assert outcome.last.update == 5
    assert [row["test_return"] for row in outcome.history] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert outcome.history[-1]["env_steps"] == 50


def test_another_stream_takes_the_place_of_one_that_is_dropped():
    asked, closed = [], []

    def training():
        try:
            yield from numbers(10_000, 0.01, asked)
        finally:
            closed.append(len(asked))

    job = Job(training()).start()
    until(lambda: len(asked) > 2)
    job.instead(numbers(3))
    outcome = job.wait(5)
    assert outcome.state == "finished" and [row["update"] for row in outcome.history] == [1, 2, 3]
    assert len(closed) == 1 and closed[0] == len(asked) < 10_000


def test_what_is_dropped_has_no_say_any_more():
    pressed = threading.Event()

    def failing():
        yield from numbers(1)
        pressed.wait(5)
        raise ValueError("a faulty function")

    job = Job(failing()).start()
    until(lambda: len(job.history) == 1)
    for _ in range(5):
        job.step()  # asked of the training, not of what takes its place
    assert job.instead(numbers(3), speed=20)
    began = time.monotonic()
    pressed.set()
    assert len(job.wait(5).history) == 3 and time.monotonic() - began > 0.08
    assert not job.instead(numbers(3))  # it has ended


def test_a_job_that_is_to_stop_takes_no_other_stream():
    pressed = threading.Event()

    def slow():
        yield from numbers(1)
        pressed.wait(5)
        yield from numbers(1)

    job = Job(slow()).start()
    until(lambda: len(job.history) == 1)
    job.stop()
    assert not job.instead(numbers(3))
    pressed.set()
    assert job.wait(5).state == "stopped"


def test_a_training_that_another_replaces_from_the_start_is_not_even_made():
    def made():
        raise RuntimeError("built")

    job = Job(made)
    assert job.instead(lambda: numbers(2))
    assert len(job.start().wait(5).history) == 2
    job = Job(numbers(1))
    job.instead(lambda: 5)
    with pytest.raises(CourseError, match="stream of snapshots"):
        job.start().wait(5)


def test_another_stream_also_wakes_a_job_that_is_paused():
    job = Job(numbers(10_000, 0.01)).start()  # it must not end before it is paused
    job.pause()
    until(lambda: job.state == "paused")
    job.instead(lambda: numbers(2), speed=100)
    assert len(job.wait(5).history) == 2 and job.speed == 100
    with pytest.raises(CourseError, match="stream of snapshots"):
        Job(numbers(1)).instead("bandit")


def test_a_function_makes_its_stream_in_the_thread():
    where = []

    def make():
        where.append(threading.current_thread().name)
        return numbers(2)

    assert Job(make).start().wait(5).last.update == 2
    assert where == ["course-training"]


def test_pause_asks_for_nothing_and_run_goes_on():
    asked: list[int] = []
    job = Job(numbers(10_000, 0.002, asked)).start()
    until(lambda: len(asked) > 3)
    job.pause()
    until(lambda: job.state == "paused")
    before = len(asked)
    time.sleep(0.15)
    assert len(asked) == before
    job.run()
    until(lambda: len(asked) > before and job.state == "running")


def test_step_yields_exactly_one():
    asked: list[int] = []
    job = Job(numbers(100, 0.0, asked))
    job.pause()
    job.start()
    until(lambda: job.state == "paused")
    assert asked == []
    for expected in (1, 2, 3):
        job.step()
        until(lambda: len(job.history) == expected)
        time.sleep(0.03)
        assert len(asked) == expected and job.state == "paused"


def test_step_while_running_pauses():
    job = Job(numbers(100_000, 0.001)).start()
    until(lambda: len(job.history) > 2)
    job.step()
    until(lambda: job.state == "paused")


@pytest.mark.parametrize("paused", [False, True])
def test_stop_within_half_a_second_and_closes_the_stream(paused):
    closed = []

    def stream():
        try:
            yield from numbers(100_000, 0.01)
        finally:
            closed.append(True)

    job = Job(stream()).start()
    until(lambda: job.last is not None)
    if paused:
        job.pause()
        until(lambda: job.state == "paused")
    began = time.monotonic()
    job.stop()
    outcome = job.wait(2)
    assert time.monotonic() - began < 0.5
    assert outcome.state == "stopped" and outcome.last is not None and closed == [True]


def test_slow_motion_and_back():
    job = Job(numbers(100_000), speed=20).start()
    time.sleep(0.5)
    assert 5 <= len(job.history) <= 13
    job.speed = None
    until(lambda: len(job.history) > 200)


def test_a_new_speed_is_heard_at_once():
    job = Job(numbers(100_000), speed=0.01).start()
    until(lambda: len(job.history) == 1)
    job.speed = 100
    until(lambda: len(job.history) > 3)


def test_one_job_at_a_time():
    first = Job(numbers(100_000, 0.005)).start()
    until(lambda: first.last is not None)
    second = Job(numbers(3)).start()
    assert not first._thread.is_alive() and first.state == "stopped"
    assert second.wait(3).state == "finished"
    assert jobs.current() is second


def test_a_job_that_does_not_stop_is_said_and_not_joined_by_another(monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.05)
    release = threading.Event()

    def stubborn():
        release.wait(5)
        yield from numbers(1)

    first = Job(stubborn()).start()
    with pytest.raises(CourseError):
        Job(numbers(1)).start()
    release.set()
    first.wait(3)


def test_an_error_is_kept_and_raised_where_somebody_waits(capfd):
    def breaks():
        yield from numbers(2)
        raise ZeroDivisionError("no reward")

    job = Job(breaks()).start()
    with pytest.raises(CourseError) as caught:
        job.wait(3)
    assert "ZeroDivisionError: no reward" in caught.value.message.ko
    assert "ZeroDivisionError: no reward" in caught.value.message.en
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert len(job.history) == 2 and job.state == "failed"
    assert capfd.readouterr() == ("", "")


def test_a_course_error_keeps_its_words():
    def breaks():
        raise CourseError(Bilingual("틀렸습니다.", "Wrong."))
        yield

    with pytest.raises(CourseError) as caught:
        Job(breaks()).start().wait(3)
    assert caught.value.message == Bilingual("틀렸습니다.", "Wrong.")


def test_an_error_in_a_listener_is_not_lost():
    def listener(job):
        if job.last is not None:
            raise KeyError("panel")

    job = Job(numbers(5))
    job.listen(listener)
    with pytest.raises(CourseError, match="panel"):
        job.start().wait(3)


def test_wait_runs_out_of_time():
    job = Job(numbers(100_000, 0.005)).start()
    began = time.monotonic()
    assert job.wait(0.2).state == "running"
    assert time.monotonic() - began < 1
    assert not job.ended


def test_awaiting_leaves_the_loop_free():
    async def cell():
        job = Job(numbers(100_000, 0.005)).start()
        asyncio.get_running_loop().call_later(0.1, job.stop)  # a click that arrives meanwhile
        return await job

    assert asyncio.run(cell()).state == "stopped"


def test_an_interrupted_await_stops_the_job():
    async def cell():
        job = Job(numbers(100_000, 0.005)).start()
        waiting = asyncio.ensure_future(job._wait_in_loop())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return job

    job = asyncio.run(cell())
    until(lambda: job.state == "stopped", 0.5)


def test_an_interrupted_wait_stops_the_job(monkeypatch):
    job = Job(numbers(100_000, 0.005)).start()

    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(job._ended, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    until(lambda: job.state == "stopped", 0.5)


# ---- is anybody looking? -----------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ticks(audience: Audience, clock: Clock, seconds: float) -> None:
    for _ in range(int(seconds / 2)):
        clock.now += 2
        audience.tick()


def test_ninety_seconds_of_silence():
    clock = Clock()
    audience = Audience(clock=clock)
    audience.ping()
    ticks(audience, clock, 90)
    assert not audience.gone  # a hidden tab pings once a minute
    ticks(audience, clock, 2)
    assert audience.gone
    audience.ping()
    assert not audience.gone


def test_a_busy_kernel_is_not_an_empty_room():
    clock = Clock()
    audience = Audience(clock=clock)
    audience.ping()
    ticks(audience, clock, 20)
    clock.now += 3600  # one long cell: no tick, and no ping could be read
    audience.tick()
    ticks(audience, clock, 60)
    assert not audience.gone


def test_goodbye_is_believed_sooner_but_a_reload_comes_back():
    clock = Clock()
    audience = Audience(clock=clock)
    audience.ping()
    audience.goodbye()
    ticks(audience, clock, 8)
    assert not audience.gone
    audience.ping()  # the page was only reloaded
    ticks(audience, clock, 30)
    assert not audience.gone
    audience.goodbye()
    ticks(audience, clock, 12)
    assert audience.gone


def test_where_nobody_ever_looked_nobody_is_missed():
    clock = Clock()
    audience = Audience(clock=clock)
    ticks(audience, clock, 1000)
    assert not audience.gone
