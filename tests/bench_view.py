"""What the live view costs: training throughput with it and without, in interleaved pairs.

    python tests/bench_view.py                  # a fake stream and RL² on the map
    python tests/bench_view.py --seconds 20 --pairs 5

With the view means: a browser that answers every frame at once, so ten frames a second, each packed and
signed as Jupyter sends it. For the record, also one frame as matplotlib would draw it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from fake_training import city_stream
from jupyter_client.session import Session

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course_lib import training  # noqa: E402
from course_lib.bilingual import Bilingual  # noqa: E402
from course_lib.tasks import make_task  # noqa: E402
from course_lib.views import figure, panels  # noqa: E402
from course_lib.views.jobs import Job  # noqa: E402
from course_lib.views.live import LiveView  # noqa: E402


class Watched(LiveView):
    """A view whose browser is as fast as can be: every frame is serialised and answered."""

    def __init__(self, stream) -> None:
        self.session, self.frames, self.bytes = Session(key=b"key"), 0, 0
        super().__init__(stream)
        self._hear(self, {"kind": "hello"}, [])

    def send(self, content, buffers=None) -> None:
        message = self.session.msg("comm_msg", {"data": content})
        parts = self.session.serialize(message)
        if content["kind"] == "frame":
            self.frames += 1
            self.bytes += sum(len(part) for part in parts) + sum(buffer.nbytes for buffer in buffers)
            self._hear(self, {"kind": "ack"}, [])


class Meter:
    """Called in the training thread after each snapshot: wall-clock, and CPU time of that thread alone."""

    def __init__(self, job: Job, view: LiveView | None) -> None:
        self.rows: list[tuple[float, float, int]] = []  # wall, CPU, env steps: one row a snapshot
        self.view_cpu: list[float] = []  # CPU of the view after each snapshot
        self.view = view
        job._listeners[:] = [self]

    def __call__(self, job: Job) -> None:
        before = time.thread_time()
        if self.view is not None:
            self.view._after(job)
        after = time.thread_time()
        if job.last is not None:
            self.rows.append((time.perf_counter(), after, job.last.env_steps))
            self.view_cpu.append(after - before)


def measure(make_stream, seconds: float, watched: bool) -> dict[str, float]:
    """One run. The first two snapshots (building, first evaluation) don't count."""
    view = Watched(make_stream()) if watched else None
    job = view.job if watched else Job(make_stream())
    meter = Meter(job, view)
    job.start()
    while len(meter.rows) < 2:
        time.sleep(0.01)
    frames = view.frames if watched else 0
    job.wait(seconds)
    while len(meter.rows) < 7 and not job.ended:  # a slow training still needs some to compare
        job.wait(0.2)
    rows, view_cpu = list(meter.rows)[1:], list(meter.view_cpu)[1:]
    shown = view.frames - frames if watched else 0
    job.stop()
    job.wait(60)
    wall, cpu, steps = (last - first for first, last in zip(rows[0], rows[-1], strict=True))
    return {
        "rate": steps / wall,
        "cpu_rate": steps / cpu,
        "view_share_of_cpu": sum(view_cpu[1 : len(rows)]) / cpu,
        "frames": shown / wall,
        "bytes": view.bytes / max(1, view.frames) if watched else 0.0,
    }


def compare(name: str, make_stream, seconds: float, pairs: int) -> dict:
    """The ratio with / without of each pair; the order within a pair alternates.

    ``wall_ratio`` is what counts on a quiet machine. On a busy one it is noise; then look at
    ``view_share_of_cpu``, which leaves out what others take.
    """
    runs = []
    for pair in range(pairs):
        run = {}
        for watched in (pair % 2 == 0, pair % 2 == 1):
            run[watched] = measure(make_stream, seconds, watched)
        runs.append(run)

    def median(values) -> float:
        return round(statistics.median(values), 3)

    wall = [run[True]["rate"] / run[False]["rate"] for run in runs]
    return {
        "stream": name,
        "pairs": pairs,
        "seconds_each": seconds,
        "env_steps_per_second_without": round(statistics.median(run[False]["rate"] for run in runs)),
        "wall_ratio": median(wall),
        "wall_ratios": [round(ratio, 3) for ratio in wall],
        "cpu_ratio": median(run[True]["cpu_rate"] / run[False]["cpu_rate"] for run in runs),
        "view_share_of_cpu": median(run[True]["view_share_of_cpu"] for run in runs),
        "view_share_of_cpu_worst": round(max(run[True]["view_share_of_cpu"] for run in runs), 3),
        "frames_per_second": median(run[True]["frames"] for run in runs),
        "kB_a_frame": median(run[True]["bytes"] / 1e3 for run in runs),
    }


def one_frame(repeats: int = 9) -> dict:
    """Milliseconds of CPU to build a frame, to fit the probe, and to draw the same with matplotlib."""
    snapshots, task = list(city_stream(repeats + 1)), make_task("map")
    history = [{"env_steps": s.env_steps, **s.metrics} for s in snapshots]
    before = panels.frame(snapshots[0], history[:1], task)

    def timed(draw) -> float:
        times = []
        for snapshot in snapshots[1:]:
            began = time.thread_time()
            draw(snapshot)
            times.append(1e3 * (time.thread_time() - began))
        return round(statistics.median(times), 1)

    title = Bilingual("지도", "map")
    return {
        "frame_ms": timed(lambda s: panels.frame(s, history, task, before, probing=False)),
        "frame_and_probe_ms": timed(lambda s: panels.frame(s, history, task, before)),
        "matplotlib_redraw_ms": timed(lambda s: figure.png(before, "en", title)),
        "matplotlib_blit_ms": timed(blitter(before)),
    }


def blitter(frame: dict):
    """Redraw one line and one image of three panels over a saved background, then encode a PNG."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    drawing = Figure(figsize=(11, 3), dpi=84, layout="constrained")
    canvas = FigureCanvasAgg(drawing)
    left, middle, right = drawing.subplots(1, 3)
    (line,) = left.plot(frame["curve_env_steps"], frame["curve_test_return"], animated=True)
    heat = middle.imshow(frame["hidden"][0].T, aspect="auto", animated=True)
    visits = right.imshow(frame["visits"].reshape(9, 9), animated=True)
    canvas.draw()
    background = canvas.copy_from_bbox(drawing.bbox)

    def draw(_snapshot) -> None:
        canvas.restore_region(background)
        for axes, artist in ((left, line), (middle, heat), (right, visits)):
            axes.draw_artist(artist)
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(io.BytesIO(), "png")

    return draw


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(one_frame()))
    streams = {
        "fake stream, 60 ms an update": lambda: city_stream(10**6, update_seconds=0.06),
        "RL² on the map": lambda: training.stream("rl2", "map", seed=0),
    }
    for name, make_stream in streams.items():
        found = compare(name, make_stream, options.seconds, options.pairs)
        print(json.dumps(found, ensure_ascii=False), flush=True)
