"""The fair control and RL² itself, given ten times as long: does RL² learn to explore if it is only patient?

    python figures/ten_times.py run     # two hours on one core; goes on where it was interrupted
    python figures/ten_times.py table   # prints the summary

``rl2-replay``, which is RL² with DREAM's optimiser, replay and networks, gets ten times DREAM's updates. DREAM takes
0.47 million steps in the homework's city and 1.59 million in the city with a map; these take eight to nine times as
many, for their episodes are shorter. RL² on policy gets about as many steps in the homework's city, and in the city with
a map ten times its own updates, which are four to six times DREAM's steps. All other settings are those of the
table. Nothing is left out: a run that failed stands in ``ten_times.json`` like the others.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from course_lib.agents.curious import looked_at
from course_lib.results import main, print_ends, run_missing
from course_lib.tasks import make_task
from course_lib.training import stream

RESULTS = Path(__file__).with_suffix(".json")
KEPT = ("test_return", "train_return", "information", "execution_given_exploration", "entropy")
# (method, task): updates. In the order in which they are run, seed after seed.
VARIANTS = {
    ("rl2", "homework-map"): 1700,
    ("rl2-replay", "homework-map"): 12800,
    ("rl2", "map"): 3000,
    ("rl2-replay", "map"): 19200,
}
SEEDS = range(5)
LOOKS = 40  # snapshots on the way
SHOWN = ("test_return", "information", "map_read", "env_steps", "cpu_seconds")


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot."""
    method, task_name = variant.split(maxsplit=1)
    task, updates = make_task(task_name), VARIANTS[method, task_name]
    rows, began = [], time.thread_time()
    for snapshot in stream(method, task_name, seed, updates=updates, evaluate_every=updates // LOOKS):
        found = {name: snapshot.metrics[name] for name in KEPT if name in snapshot.metrics}
        if snapshot.trials is not None:
            found |= looked_at(task, snapshot.trials)
        numbers = {name: round(value, 4) for name, value in found.items()}
        spent = dict(cpu_seconds=round(time.thread_time() - began, 1), env_steps=snapshot.env_steps)
        rows.append(dict(update=snapshot.update) | spent | numbers)
    return rows


def run() -> None:
    wanted = [(" ".join(variant), seed) for seed in SEEDS for variant in VARIANTS]
    run_missing(RESULTS, "python figures/ten_times.py run", wanted, one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
