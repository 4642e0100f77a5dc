"""Training in the background: one thread, one job at a time, and controls that only leave a note.

A job pulls snapshots from a stream (any iterator of them: a training, a recording). Pausing is not asking
for the next one. The notebook stays free meanwhile, because the work happens in the thread; buttons and
methods change a few values under a lock and return at once.

    job = Job(training.stream("rl2", "map", seed=0)).start()
    job.pause(); job.step(); job.run(); job.speed = 2.0
    outcome = await job        # or job.wait(), in a script

Starting a job stops the one before it: re-running a cell is enough to begin again.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError

ENDED = ("stopped", "finished", "failed")

# A stopped job ends after the update that it is in. No update of this course takes as long as this.
PATIENCE_S = 30.0


def checked_stream(stream: object):
    """``stream`` itself if snapshots can be pulled from it, or it is a function; else a CourseError.

    What a generator yields is known only once it is pulled (``Job`` looks then); a list is looked into here.
    """
    known = callable(stream) or hasattr(stream, "__iter__")
    if isinstance(stream, list | tuple):
        known = all(map(is_snapshot, stream))
    if not known or isinstance(stream, str | bytes | Mapping):  # these can be iterated over, and hold no snapshots
        raise no_stream(stream)
    return stream


def is_snapshot(value: object) -> bool:
    """Told by what it has, because several methods side by side come as a snapshot of another class."""
    return hasattr(value, "metrics") and hasattr(value, "env_steps")


def no_stream(got: object) -> CourseError:
    """What is said of something else than a stream of snapshots."""
    return CourseError(
        Bilingual(
            f"여기에는 스냅샷의 스트림이 필요합니다. 받은 것: {type(got).__name__}. "
            'stream("rl2", "map", seed=0)처럼 course_lib.training의 stream이 만든 것을 주십시오.',
            f"This needs a stream of snapshots and got {type(got).__name__}. "
            'Give what stream of course_lib.training makes, such as stream("rl2", "map", seed=0).',
        )
    )


def checked_speed(speed: object) -> float | None:
    """``speed`` itself if it is None or a number above 0; else a CourseError."""
    if speed is None:
        return None
    fits = isinstance(speed, Real) and not isinstance(speed, bool) and math.isfinite(speed) and speed > 0
    if not fits:
        raise CourseError(
            Bilingual(
                f"speed에는 {speed!r}을(를) 쓸 수 없습니다. 1초에 스냅샷 몇 개인지 0보다 큰 수로 주거나, 가장 빠르게 하려면 "
                "None을 주십시오.",
                f"speed can't be {speed!r}. Give the number of snapshots a second, greater than 0, "
                "or None for as fast as they come.",
            )
        )
    return float(speed)


@dataclass(frozen=True)
class Outcome:
    """What a job has to show.

    Attributes:
        state: "finished" (the stream ended), "stopped" (somebody ended it), or "running" or "paused" where
            ``wait`` ran out of time.
        last: the last snapshot; None if there was none.
        history: one dict a snapshot: update, env_steps, seconds, and every metric by name.
    """

    state: str
    last: Snapshot | None
    history: list[dict[str, float]]


class Job:
    """One stream of snapshots, consumed in one daemon thread.

    Args:
        stream: an iterator of snapshots, or a function that makes one (called in the thread).
        speed: at most so many snapshots a second; None: as fast as they come.

    Raises:
        CourseError: that is no stream, or no speed.
    Attributes:
        state: "ready", "running", "paused", "stopped", "finished" or "failed".
        last, history: as in ``Outcome``, while it runs.
        error: what the stream raised, if it did.
    """

    def __init__(
        self, stream: Iterable[Snapshot] | Callable[[], Iterable[Snapshot]], speed: float | None = None
    ) -> None:
        self.state = "ready"
        self.last: Snapshot | None = None
        self.history: list[dict[str, float]] = []
        self.error: BaseException | None = None
        self._stream = checked_stream(stream)
        self._listeners: list[Callable[[Job], None]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="course-training", daemon=True)
        # The notes that the controls leave, and the thread reads. All of them under this one lock.
        self._notes = threading.Condition()
        self._going, self._steps, self._stopping, self._another = True, 0, False, None
        self._speed, self._asked_at = checked_speed(speed), float("-inf")

    # ---- controls: callable from any thread, they return at once -------------------------------------

    def start(self) -> Job:
        """Begin, after stopping and waiting for the job that this process ran before.

        Raises:
            CourseError: the job before does not stop.
        """
        _take_the_place(self)
        return self

    def run(self) -> None:
        """Go on, until the end."""
        self._leave_note(_going=True)

    def instead(self, stream: Iterable[Snapshot] | Callable[[], Iterable[Snapshot]], speed: float | None = None) -> bool:
        """Drop the stream, and what came of it so far, for another one: a recording in place of the training.

        Returns:
            Whether it will: a job that has ended, or is about to be stopped, takes no other.
        """
        stream, speed = checked_stream(stream), checked_speed(speed)
        with self._notes:
            if self._stopping or self.state in ENDED:
                return False
            self._another, self._speed, self._going, self._steps = stream, speed, True, 0
            self._notes.notify_all()
        return True

    def pause(self) -> None:
        """Ask for no further snapshot."""
        self._leave_note(_going=False, _steps=0)

    def step(self) -> None:
        """Ask for one snapshot, then pause."""
        with self._notes:
            self._steps += 1
            self._going = False
            self._notes.notify_all()

    def stop(self) -> None:
        """End it. What was learned so far stays in ``last`` and ``history``."""
        self._leave_note(_stopping=True)

    @property
    def speed(self) -> float | None:
        """At most so many snapshots a second; None: as fast as they come."""
        return self._speed

    @speed.setter
    def speed(self, per_second: float | None) -> None:
        self._leave_note(_speed=checked_speed(per_second))

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def listen(self, listener: Callable[[Job], None]) -> None:
        """Call ``listener(job)`` in the training thread after every snapshot and every change of state."""
        self._listeners.append(listener)

    def _leave_note(self, **notes: object) -> None:
        with self._notes:
            for name, value in notes.items():
                setattr(self, name, value)
            self._notes.notify_all()

    # ---- waiting for the end -------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Outcome:
        """Wait for the end, at most ``timeout`` seconds. Ctrl-C ends the wait and the job.

        Raises:
            CourseError: the stream failed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            # In short waits, because on Windows Ctrl-C does not end a long one.
            while True:
                left = 0.1 if deadline is None else max(0.0, deadline - time.monotonic())
                if self._ended.wait(min(0.1, left)) or left == 0.0:
                    break
        except BaseException:
            self.stop()
            raise
        return self._outcome()

    def __await__(self):
        return self._wait_in_loop().__await__()

    async def _wait_in_loop(self) -> Outcome:
        """As ``wait``, and the event loop stays free: buttons work while a cell awaits."""
        try:
            while not self._ended.is_set():
                await asyncio.sleep(0.05)
        except BaseException:  # the kernel was interrupted: CancelledError or KeyboardInterrupt
            self.stop()
            raise
        return self._outcome()

    def _outcome(self) -> Outcome:
        if self.error is not None:
            raise self.complaint() from self.error
        return Outcome(self.state, self.last, list(self.history))

    def complaint(self) -> CourseError:
        """What the stream raised, as a sentence for the learner."""
        if isinstance(self.error, CourseError):
            return CourseError(self.error.message)
        what = " ".join(f"{type(self.error).__name__}: {self.error}".split())[:300]
        return CourseError(
            Bilingual(
                f"학습이 오류로 멈췄습니다. {what}",
                f"The training stopped with an error. {what}",
            )
        )

    # ---- the thread ----------------------------------------------------------------------------------

    def _decide(self) -> str:
        """What the notes say to do now: "stop", "go", "hurry not" (slow motion) or "pause"."""
        if self._stopping:
            return "stop"
        if self._steps:
            return "go"
        if not self._going:
            return "pause"
        return "go" if self._seconds_left() <= 0 else "hurry not"

    def _seconds_left(self) -> float:
        """How long slow motion still holds the next snapshot back."""
        return 0.0 if self._speed is None else self._asked_at + 1.0 / self._speed - time.monotonic()

    def _may_go_on(self) -> bool:
        """Wait until the notes allow the next snapshot (True) or end the job (False)."""
        while True:
            with self._notes:
                decision = self._decide()
            if decision == "pause":
                self._announce("paused")
                with self._notes:
                    self._notes.wait_for(lambda: self._decide() != "pause")
            elif decision == "hurry not":
                with self._notes:
                    # Any note may change the speed, so look again after each.
                    self._notes.wait(max(0.0, self._seconds_left()))
            else:
                return decision == "go"

    def _work(self) -> None:
        stream: Iterator[Snapshot] | None = None
        end = "finished"
        try:
            self._announce("running")
            if self._another is None:
                stream = iter(checked_stream(self._stream()) if callable(self._stream) else self._stream)
            while True:
                if not self._may_go_on():
                    end = "stopped"
                    break
                with self._notes:
                    stepping = self._steps > 0
                    self._steps -= stepping
                    self._asked_at = time.monotonic()
                    another, self._another = self._another, None
                if another is not None:
                    with contextlib.suppress(Exception):  # what is dropped has no say any more
                        if hasattr(stream, "close"):
                            stream.close()
                    stream = iter(checked_stream(another()) if callable(another) else another)
                    self.last, self.history = None, []
                if not stepping:
                    self._announce("running")
                try:
                    snapshot = next(stream, None)
                except Exception:
                    if self._another is None:
                        raise
                if self._another is not None:
                    continue  # nobody waits for this one any more, nor for its error
                if snapshot is None and self.last is None:
                    raise nothing_left()
                if snapshot is None:
                    break
                if not is_snapshot(snapshot):
                    raise no_stream(snapshot)
                self.last = snapshot
                self.history.append(
                    {
                        "update": snapshot.update,
                        "env_steps": snapshot.env_steps,
                        "seconds": snapshot.seconds,
                        **snapshot.metrics,
                    }
                )
                self._tell()
        except BaseException as error:  # kept: a thread's traceback lands under another cell
            self.error, end = error, "failed"
        try:
            if hasattr(stream, "close"):
                stream.close()  # a generator's "finally" runs here, not whenever it is collected
            self._announce(end)
        except BaseException as error:
            self.error = self.error or error
            with contextlib.suppress(BaseException):  # the error above is the one to tell
                self._announce("failed")
        finally:
            self._ended.set()

    def _announce(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self)


def nothing_left() -> CourseError:
    """What is said of a stream that ended before its first snapshot: most often it was used up by another view."""
    return CourseError(
        Bilingual(
            "이 스트림에는 스냅샷이 하나도 남아 있지 않습니다. 스트림은 한 번만 쓸 수 있으니, "
            "스트림을 만드는 셀을 다시 실행해 새로 만드십시오.",
            "This stream has no snapshot left. A stream can be used only once: "
            "make it anew by running the cell that makes it.",
        )
    )


# ---- one job at a time -------------------------------------------------------------------------------

_place = threading.Lock()
_current: Job | None = None


def current() -> Job | None:
    """The job that this process started last."""
    return _current


def _take_the_place(job: Job) -> None:
    global _current
    with _place:
        if _current is not None and _current is not job and _current._thread.is_alive():
            _current.stop()
            _current._thread.join(PATIENCE_S)
            if _current._thread.is_alive():
                raise CourseError(
                    Bilingual(
                        f"앞의 학습이 {PATIENCE_S:.0f}초 안에 멈추지 않았습니다. 메뉴에서 커널을 다시 시작하십시오.",
                        f"The training before did not stop within {PATIENCE_S:.0f} s. "
                        "Restart the kernel from the menu.",
                    )
                )
        _current = job
        job._thread.start()


@atexit.register
def _stop_at_exit() -> None:
    """A thread that is inside torch while the interpreter goes down can crash it."""
    if _current is not None and _current._thread.is_alive():
        _current.stop()
        _current._thread.join(2.0)


# ---- is anybody looking? -----------------------------------------------------------------------------


class Audience:
    """Whether a browser still shows the view, told from the pings that the browser sends.

    Nothing should keep running unseen. But silence has two causes: the tab is gone, or the kernel is busy
    with a long cell and can't read its pings. So silence is counted only while the event loop is alive,
    that is between ticks that come as often as they should.

    Args:
        patience: seconds of silence after which nobody is looking. Browsers let the timers of a hidden tab
            run once a minute, so this must be longer than that.
        after_goodbye: the same once the page said that it closes; a reload comes back within this time.
        longest_tick: a tick that comes later than this says that the loop was busy.
    """

    def __init__(
        self,
        patience: float = 90.0,
        after_goodbye: float = 10.0,
        longest_tick: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience, self.after_goodbye, self.longest_tick = patience, after_goodbye, longest_tick
        self.clock = clock
        self.ever_seen, self.said_goodbye = False, False
        self.silence = 0.0
        self._ticked = clock()

    def ping(self) -> None:
        """The browser is there."""
        self.ever_seen, self.said_goodbye, self.silence = True, False, 0.0

    def goodbye(self) -> None:
        """The browser said that it closes the page."""
        self.said_goodbye, self.silence = True, 0.0

    def tick(self) -> None:
        """The event loop is alive. Call it every two seconds or so, from the loop."""
        now = self.clock()
        if now - self._ticked <= self.longest_tick:
            self.silence += now - self._ticked
        self._ticked = now

    @property
    def gone(self) -> bool:
        """Somebody looked, and now nobody does. Where nobody ever did (a test, a conversion): False."""
        return self.ever_seen and self.silence > (self.after_goodbye if self.said_goodbye else self.patience)
