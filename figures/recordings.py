"""The recordings that lessons play, other than those that a study of its own records (coupling, dream_ablations).

    python -m figures.recordings run        # all that are missing; goes on where it was interrupted
    python -m figures.recordings pearl      # one of them anew, by its name below
    python -m figures.recordings show       # prints how each ended

Each is the training of one cell of a lesson, with the reference's functions in the place of the learner's; or a lane of
lesson 05's comparison. Of the stranger's code of each lesson there is one, too. ``recordings.json`` says how each ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.agents.evaluation import evaluation_trials
from course_lib.authoring.definitions import definitions
from course_lib.lesson.exercises import lesson01, lesson02, lesson03, lesson04
from course_lib.results import main, record_anew, versions, write_whole
from course_lib.tasks import Task, make_task
from course_lib.training import METHODS, method_settings, stream
from course_lib.views.panels import occurrence
from figures.dream_ablations import TURNS, turned_bottleneck

RESULTS = Path(__file__).with_suffix(".json")
MOMENTS = 20  # at most so many snapshots of a training are kept, besides the first and the last


class Recorded(NamedTuple):
    """One recording: seed 0 of a training."""

    file: str
    method: str
    task: str
    settings: dict = {}
    functions: Callable[[], dict] = dict  # made anew for each training: some count its updates
    trials: int = 24  # kept of every snapshot


def strangers_data() -> dict:
    """Lesson 04's stranger: what its cell hands to the training."""
    return dict(batch=definitions("04", "batch_with")["batch_with"](lesson04.strangers_habit))


RECORDED = {
    "bandit": Recorded("lesson01_bandit.recording", "rl2", "bandit"),
    "explorer": Recorded("lesson01_explorer.recording", "rl2", "map", dict(executor="perfect", updates=40)),
    "01-stranger": Recorded(
        "lesson01_stranger.recording", "rl2", "map", dict(explorer="perfect", updates=100),
        lambda: dict(carry=lesson01.strangers_carry),
    ),
    "01-mended": Recorded("lesson01_mended.recording", "rl2", "map", dict(explorer="perfect", updates=100)),
    "pearl": Recorded("pearl_point-robot.recording", "pearl", "point-robot", dict(latent=2), trials=20),  # a plane
    "pearl-line": Recorded("lesson02_pearl.recording", "pearl", "point-robot", trials=20),
    "02-stranger": Recorded(
        "lesson02_stranger.recording", "pearl", "point-robot", dict(updates=120),
        lambda: dict(product=lesson02.strangers_product), trials=20,
    ),
    "02-mended": Recorded("lesson02_mended.recording", "pearl", "point-robot", dict(updates=120), trials=20),
    "turned": Recorded(
        "lesson03_turned.recording", "dream", "homework-map", {}, lambda: dict(squeeze=turned_bottleneck(*TURNS["λ 1"]))
    ),
    "03-stranger": Recorded(
        "lesson03_stranger.recording", "dream", "map", dict(updates=896),
        lambda: dict(decoding=lesson03.strangers_decoder_loss),
    ),
    "03-mended": Recorded("lesson03_mended.recording", "dream", "map", dict(updates=896)),
    "surprised": Recorded("lesson04_surprised.recording", "mame", "noisy-tv", dict(updates=512)),
    "curious": Recorded("lesson04_curious.recording", "metacure", "noisy-tv", dict(updates=768)),
    "varibad": Recorded("varibad_gridnavi.recording", "varibad", "gridnavi", trials=7),
    "believing": Recorded("lesson04_varibad.recording", "varibad", "gridnavi", dict(updates=40), trials=7),
    "04-stranger": Recorded("lesson04_stranger.recording", "dpt", "bandit", dict(network="counts"), strangers_data),
    "04-mended": Recorded("lesson04_mended.recording", "dpt", "bandit", dict(network="counts")),
}  # fmt: skip
# All other methods that train in the city with the map, for lesson 05; RL² and DREAM have recordings of their own.
RECORDED |= {
    method: Recorded(f"map_{method}.recording", method, "map")
    for method, known in METHODS.items()
    if "map" in known.settings and method not in ("rl2", "dream")
}


def kept(task: Task, most: int) -> Tensor:
    """Which trials of an evaluation are kept: one of each problem, what is asked in them taking turns."""
    index = evaluation_trials(task)[0].index
    copy = occurrence(index)
    return (copy == index % (int(copy.max()) + 1)).nonzero()[:most, 0]


def record(name: str) -> None:
    """Train with seed 0, keep a few trials of some snapshots, and note how it ended."""
    torch.set_num_threads(1)
    file, method, task, changed, functions, trials = RECORDED[name]
    usual = method_settings(method, task, **changed)
    every = usual.evaluate_every * max(1, round(usual.updates / usual.evaluate_every / MOMENTS))
    training = stream(method, task, seed=0, functions=functions(), **{"evaluate_every": every} | changed)
    for snapshot in record_anew(training, RESULTS.with_name(file), kept(make_task(task), trials)):
        print(name, snapshot.update, round(snapshot.metrics["test_return"], 2), flush=True)
    done = ends()
    done["command"], done["versions"] = "python -m figures.recordings run", versions()
    ended = dict(seed=0, update=snapshot.update, test_return=round(snapshot.metrics["test_return"], 4))
    done["recordings"] = dict(sorted((done["recordings"] | {file: ended}).items()))
    write_whole(RESULTS, json.dumps(done, indent=1).encode("utf-8"))


def ends() -> dict:
    """What ``recordings.json`` says so far."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else dict(recordings={})


def run() -> None:
    """Make what is missing."""
    for name, one in RECORDED.items():
        if not RESULTS.with_name(one.file).exists():
            record(name)


def show() -> None:
    """How each recording ended."""
    for file, ended in ends()["recordings"].items():
        print(f"{file:34} update {ended['update']:5}, test return {ended['test_return']:.3f}")


if __name__ == "__main__":
    sys.exit(main({"run": run, "show": show} | {name: partial(record, name) for name in RECORDED}, usual=""))
