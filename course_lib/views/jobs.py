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
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError

ENDED = ("stopped", "finished", "failed")

# A stopped job ends after the update that it is in. No update of this course takes as long as this.
PATIENCE_S = 30.0


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
        self._stream = stream
        self._listeners: list[Callable[[Job], None]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="course-training", daemon=True)
        # The notes that the controls leave, and the thread reads. All of them under this one lock.
        self._notes = threading.Condition()
        self._going, self._steps, self._stopping = True, 0, False
        self._speed, self._asked_at = speed, float("-inf")

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
        self._leave_note(_speed=None if per_second is None else float(per_second))

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
            stream = iter(self._stream() if callable(self._stream) else self._stream)
            while True:
                if not self._may_go_on():
                    end = "stopped"
                    break
                with self._notes:
                    stepping = self._steps > 0
                    self._steps -= stepping
                    self._asked_at = time.monotonic()
                if not stepping:
                    self._announce("running")
                snapshot = next(stream, None)
                if snapshot is None:
                    break
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
            self.state = "failed"
        finally:
            self._ended.set()

    def _announce(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self)


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
