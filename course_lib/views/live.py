"""The live view: a training that you watch and steer, in the browser, while the notebook stays usable.

    view = live(training.stream("rl2", "map", seed=0), title=Bilingual("RL²", "RL²"))
    result = await view        # the buttons go on working; the picture of the finished run is the result

With ``recorded=``, a recording of the same training, there is a button that plays it in place of the training: for
whoever has seconds and not minutes. What the cell awaits then is the end of the recording.

The training thread builds a frame (``panels.frame``: a few small arrays) at most ten times a second and
sends it as binary buffers; ``static/live.js`` draws it on canvases, in the page of ``static/page.js``. Every
frame is acknowledged, so that a slow connection gets fewer frames instead of a queue of old ones. Without a
browser (nbval, nbconvert) nobody acknowledges, hardly a frame is sent, and the same cell simply runs to its end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from IPython import get_ipython
from IPython.display import display

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Task, make_task
from course_lib.views import panels
from course_lib.views.figure import Result
from course_lib.views.jobs import ENDED, Audience, Job, checked_stream

STATIC = Path(__file__).parent / "static"
FRAMES_PER_SECOND = 10
UNANSWERED_S = 1.0  # frames that nobody acknowledges go out this far apart
FRAME_SHARE = 0.06  # of the time may go into frames: where they cost more, fewer are sent
PROBE_SHARE = 0.03  # and this much into fitting the linear probe, the dearest of the panels
TICK_S = 2.0
RECORDED_PER_SECOND = 5  # snapshots of a recording that takes the place of a training: some five seconds of twenty
OF_TRIALS = ("trials", "hidden", "belief", "learned_belief", "gain", "spread")  # what a snapshot without trials lacks
EYES_WITHIN_S = 5.0  # a browser reports within a second or two; after this there is none to slow down for


_always_recorded = False


def play_recordings(always: bool) -> None:
    """Whether ``live`` from now on plays the recording of a training, where it is given one, without being asked."""
    global _always_recorded
    _always_recorded = always


def live(
    stream: Iterable[Snapshot] | Callable[[], Iterable[Snapshot]],
    title: Bilingual | None = None,
    task=None,
    speed: float | None = None,
    recorded: Iterable[Snapshot] | Callable[[], Iterable[Snapshot]] | None = None,
) -> LiveView:
    """Show the live view of a stream of snapshots, and start it.

    Args:
        stream: ``training.stream(...)``, ``training.replay(path)``, any iterator of snapshots, or a function
            that makes one.
        title: above the view.
        task: for a task of your own; those of the course are found by the name in the snapshot.
        speed: at most so many snapshots a second; None: as fast as they come. Give a replay 5 or 10.
        recorded: another stream, most often the recording of this training, which a button plays in its place.
    Raises:
        CourseError: the job before does not stop; ``stream``, ``title``, ``task``, ``speed`` or ``recorded`` is none.
    """
    view = LiveView(stream, title, task, speed, recorded)
    if _always_recorded:
        view.replay()
    view.show()
    view.job.start()
    view.watch()
    return view


def with_page(name: str) -> str:
    """The text of a file in ``static``, behind that of the page around every view: a widget is one module."""
    page = f"page{Path(name).suffix}"
    return "\n".join((STATIC / part).read_text(encoding="utf-8") for part in (page, name))


class LiveView(anywidget.AnyWidget):
    """What ``live`` returns: ``run``, ``pause``, ``step``, ``stop``, ``replay``, ``speed``, ``wait`` and ``await``."""

    _esm = with_page("live.js")
    _css = with_page("live.css")
    title = traitlets.Dict().tag(sync=True)  # {"ko": …, "en": …}
    recorded = traitlets.Bool(False).tag(sync=True)  # there is a recording that can take the training's place

    def __init__(
        self, stream, title: Bilingual | None = None, task=None, speed: float | None = None, recorded=None
    ) -> None:
        title = checked_title(title or Bilingual("실시간으로 보는 학습", "Training, live"))
        if task is not None:
            checked_task(task)
        if recorded is not None:
            checked_stream(recorded)
        job = Job(stream, speed)
        super().__init__(title=title._asdict(), recorded=recorded is not None)
        self._recording = recorded
        self._replaying = False
        self.job = job
        self.job.listen(self._after)
        self.audience = Audience()
        self.on_msg(self._hear)
        self._task = task
        self._bilingual_title = title
        self._shown_in: object = None  # the cell that shows it already
        # Around building and sending together, or the kernel's loop (a page that reloads) could send an older frame or
        # state after the training thread's last one. Re-entrant: sending a frame builds it.
        self._sending = threading.RLock()
        self._received: Snapshot | None = None  # the last one
        self._snapshot: Snapshot | None = None  # the same, with the last trials that any had
        self._frame: dict | None = None
        self._framed: Snapshot | None = None  # what _frame shows
        self._probed: Snapshot | None = None  # what the probe in _frame was fitted on
        self._next_frame = self._next_probe = float("-inf")
        self._acknowledged = False
        self._told: tuple | None = None
        self._paused_unseen = False

    # ---- controls ------------------------------------------------------------------------------------

    def run(self) -> None:
        self.job.run()

    def pause(self) -> None:
        self.job.pause()

    def step(self) -> None:
        self.job.step()

    def stop(self) -> None:
        self.job.stop()

    def replay(self) -> None:
        """Play the recording in place of the training, which is dropped. Once it has ended, do nothing."""
        if self._recording is None or self._replaying:
            return
        self._replaying = self.job.instead(self._recording, RECORDED_PER_SECOND)
        if self._replaying:
            ko, en = self._bilingual_title
            self._bilingual_title = Bilingual(f"{ko} (기록)", f"{en} (recorded)")
            self._tell_state()

    @property
    def speed(self) -> float | None:
        return self.job.speed

    @speed.setter
    def speed(self, per_second: float | None) -> None:
        self.job.speed = per_second
        self._tell_state()

    def wait(self, timeout: float | None = None) -> Result:
        """Wait for the end, at most ``timeout`` seconds, and give the picture of the run so far.

        Raises:
            CourseError: the training failed.
        """
        return self._result(self.job.wait(timeout))

    def __await__(self):
        outcome = yield from self.job.__await__()
        return self._result(outcome)

    def _result(self, outcome) -> Result:
        return Result(outcome, self._up_to_date(), self._bilingual_title)

    # ---- display -------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"live view: {self._bilingual_title}"

    def show(self) -> None:
        """Display it in this cell."""
        self._shown_in = getattr(get_ipython(), "execution_count", None)
        data, metadata = super()._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)

    def _ipython_display_(self) -> None:
        # ``live(...)`` as the last line of a cell would show it twice.
        if self._shown_in is None or self._shown_in != getattr(get_ipython(), "execution_count", None):
            self.show()

    # ---- from the training thread to the browser -----------------------------------------------------

    def _after(self, job: Job) -> None:
        """Called in the training thread after every snapshot and every change of state."""
        if self._replaying and len(job.history) == 1 and job.last is not self._received:
            with self._sending:  # the first of the recording: what was drawn is another training's
                self._frame = self._framed = self._probed = self._snapshot = None
                self.send({"kind": "anew"})
        if job.last is not self._received and job.last is not None:
            self._received, seen, self._snapshot = job.last, self._snapshot, job.last
            if job.last.trials is None and seen is not None:
                self._snapshot = replace(job.last, **{name: getattr(seen, name) for name in OF_TRIALS})
        changed = self._told is None or self._told[0] != job.state
        if changed:
            self._send_frame(probing=True)
        elif time.monotonic() >= self._next_frame:
            self._send_frame(probing=time.monotonic() >= self._next_probe)
        if changed:
            self._tell_state()

    def _up_to_date(self, probing: bool = True) -> dict | None:
        """The frame of the last snapshot, built if need be."""
        with self._sending:
            snapshot = self._snapshot
            if snapshot is None or snapshot is (self._probed if probing else self._framed):
                return self._frame
            if self._task is None:
                self._task = known_task(snapshot.task)
            began = time.monotonic()
            probed = self._probed
            # Of a snapshot whose frame can't be built the page keeps the frame before: trying again for every
            # message would keep the state from it as well.
            self._framed = self._probed = snapshot
            self._frame = panels.frame(snapshot, list(self.job.history), self._task, self._frame, probing)
            if probing:
                self._next_probe = began + (time.monotonic() - began) / PROBE_SHARE
            else:
                self._probed = probed
            return self._frame

    def _send_frame(self, probing: bool = True) -> None:
        with self._sending:
            began = time.monotonic()
            frame = self._up_to_date(probing)
            if frame is None:
                return
            content, buffers = packed(frame)
            self.send({"kind": "frame", **content}, buffers)
            took = 0.0 if probing else time.monotonic() - began  # the probe has a share of its own
            apart = 1.0 / FRAMES_PER_SECOND if self._acknowledged else UNANSWERED_S
            self._next_frame = began + max(apart, took / FRAME_SHARE)
            self._acknowledged = False

    def _tell_state(self) -> None:
        with self._sending:
            state, complaint = self.job.state, None
            if self.job.error is not None:
                complaint = self.job.complaint().message._asdict()
            told = (state, self._paused_unseen, self.job.speed)
            self._told = told
            self.send(
                {"kind": "state", "state": state, "unseen": told[1], "speed": told[2], "complaint": complaint}
                | {"replaying": self._replaying, "title": self._bilingual_title._asdict()}
            )

    # ---- from the browser, in the kernel's loop ------------------------------------------------------

    def _hear(self, _widget, content: dict, _buffers) -> None:
        kind = content.get("kind")
        if kind == "bye":
            self.audience.goodbye()
            return
        self.audience.ping()
        if self._paused_unseen:
            self._paused_unseen = False
            self.job.run()
        if kind == "hello":
            self._acknowledged = True
            self._next_frame = float("-inf")
            self._send_frame()
            self._tell_state()
        elif kind == "ping":
            self.send({"kind": "pong"})
        elif kind == "ack":
            self._acknowledged = True
            self._next_frame = min(self._next_frame, time.monotonic() + 1.0 / FRAMES_PER_SECOND)
        elif kind == "speed":
            self.speed = content["value"]
        elif kind in ("run", "pause", "step", "stop", "replay"):
            getattr(self, kind)()

    def watch(self) -> None:
        """Look, from the kernel's loop, whether somebody looks. In a script without a loop, do nothing."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._watching = loop.create_task(self._watch())  # kept, or it may be collected

    async def _watch(self) -> None:
        while self.job.state not in ENDED:
            await asyncio.sleep(TICK_S)
            self.look_round()

    def look_round(self) -> None:
        """One tick: pause when the browser is gone; don't play slowly when there never was one."""
        self.audience.tick()
        if self.audience.gone and self.job.state == "running" and not self._paused_unseen:
            self._paused_unseen = True
            self.job.pause()
        if not self.audience.ever_seen and self.audience.silence > EYES_WITHIN_S:
            self.job.speed = None


def checked_title(title: object) -> Bilingual:
    """``title`` itself if it is in both languages; else a CourseError."""
    if not isinstance(title, Bilingual):
        raise CourseError(
            Bilingual(
                f"title에는 두 언어로 쓴 제목이 필요합니다. 받은 것: {title!r}. "
                'Bilingual("한국어 제목", "English title")처럼 주십시오.',
                f"title needs both languages and got {title!r}. "
                'Give Bilingual("Korean title", "English title").',
            )
        )
    return title


def checked_task(task: object) -> Task:
    """``task`` itself if it is one; else a CourseError."""
    if not isinstance(task, Task):
        raise CourseError(
            Bilingual(
                f"task에는 태스크가 필요합니다. 받은 것: {task!r}. make_task('map')처럼 make_task가 만든 것을 주십시오.",
                f"task needs a task and got {task!r}. Give what make_task makes, such as make_task('map').",
            )
        )
    return task


def known_task(name: str):
    """The task of the course with this name; None if there is none."""
    try:
        return make_task(name)
    except CourseError:
        return None


def packed(frame: dict) -> tuple[dict, list[memoryview]]:
    """A frame as JSON and binary buffers: ``arrays`` names each buffer, its type and its shape."""
    values, arrays, buffers = {}, [], []
    for name, value in frame.items():
        if isinstance(value, np.ndarray):
            arrays.append({"name": name, "type": value.dtype.name, "shape": list(value.shape)})
            buffers.append(memoryview(np.ascontiguousarray(value)))
        elif name != "axes":  # only the next frame needs them
            values[name] = value
    return {"values": values, "arrays": arrays}, buffers
