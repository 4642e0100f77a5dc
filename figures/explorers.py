"""What three explorers look at that differ in nothing but their pay: the runs behind the lecture's section 4.

    python figures/explorers.py run     # about 40 minutes on one core; goes on where it was interrupted
    python figures/explorers.py table   # prints the summary

DREAM pays what helps to guess the executor's code, MetaCURE what helps to know the problem, MAME's place is taken by
surprise (``course_lib.agents``: dream, metacure, mame). Settings are DREAM's for the map and for the distracting bus,
but for the number of updates, which stands below. (With the distracting bus itself all three stand in ``results``.)
Nothing is left out: a run that failed stands in ``explorers.json`` like the others.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from course_lib.agents import curious, dream, mame, metacure
from course_lib.results import main, print_ends, run_missing
from course_lib.tasks import make_task

RESULTS = Path(__file__).with_suffix(".json")
METHODS = {"dream": dream, "mame": mame, "metacure": metacure}
# (method, task): updates. In the order in which they are run, seed after seed.
VARIANTS = {
    ("metacure", "hurried-bus"): 1920,
    ("dream", "hurried-bus"): 2560,
    ("metacure", "noisy-tv"): 1024,
    ("mame", "noisy-tv"): 640,
    ("dream", "noisy-tv"): 1024,
    ("mame", "hurried-bus"): 1920,
    # The same city with all of its 576 problems to train on, in place of every eleventh.
    ("metacure", "hurried-bus horizon=20 train_every=1"): 2560,
}
SEEDS = range(5)
LOOKS = 4  # snapshots on the way
SHOWN = (
    "test_return", "knowledge_worth", "execution_given_exploration", "information", "useful_information",
    "useful_buses", "distractor_buses", "map_read", "watched", "explored", "cpu_seconds", "env_steps",
)  # fmt: skip


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot."""
    method, task_name = variant.split(maxsplit=1)
    task, updates = make_task(task_name), VARIANTS[method, task_name]
    settings = mame.SETTINGS[task_name.split()[0]]
    if method == "dream":  # the knobs of the predictor are none of its own
        known = asdict(settings)
        settings = dream.Settings(**{name: known[name] for name in asdict(dream.Settings())})
    settings = replace(settings, updates=updates, evaluate_every=updates // LOOKS)
    rows, began = [], time.thread_time()
    for snapshot in METHODS[method].train(task, settings, torch.Generator().manual_seed(seed)):
        found = snapshot.metrics | curious.looked_at(task, snapshot.trials)
        numbers = {name: round(value, 4) for name, value in found.items()}
        spent = dict(env_steps=snapshot.env_steps, seconds=round(snapshot.seconds, 1))
        rows.append(dict(update=snapshot.update, cpu_seconds=round(time.thread_time() - began, 1)) | spent | numbers)
    return rows


def run() -> None:
    wanted = [(" ".join(variant), seed) for seed in SEEDS for variant in VARIANTS]
    run_missing(RESULTS, "python figures/explorers.py run", wanted, one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
