"""PEARL on the point robot: a silent bug, and three times the training. The runs behind lesson 02's numbers.

    python figures/pearl.py run     # about half an hour on one core; goes on where it was interrupted
    python figures/pearl.py table   # prints the summary

"right product" and "stranger's product" train as the lesson does where a stranger's code is looked at: 120 updates,
with the product of the Gaussians of what was seen, and with one in which places that hold nothing yet count as well.
"three times as long" has 600 updates in place of the table's 200, and else the same settings. All seeds are here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from course_lib.exact.posterior_sampling import last_return_once_found
from course_lib.lesson.exercises.lesson02 import strangers_product
from course_lib.results import main, print_ends, run_missing
from course_lib.training import stream

RESULTS = Path(__file__).with_suffix(".json")
KEPT = ("test_return", "train_return", "critic_loss", "found", "possible_first", "covered_first", "return_once_found")
# name: (updates, functions in place of PEARL's own)
VARIANTS = {
    "right product": (120, None),
    "stranger's product": (120, dict(product=strangers_product)),
    "as in the table": (200, None),
    "three times as long": (600, None),
}
SEEDS = range(5)


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot."""
    updates, functions = VARIANTS[variant]
    rows = []
    for snapshot in stream(
        "pearl", "point-robot", seed, updates=updates, evaluate_every=updates // 6, functions=functions
    ):
        once = last_return_once_found(snapshot.trials, int(snapshot.trials.episode.max()) + 1)
        found = snapshot.metrics | dict(return_once_found=once)
        numbers = {name: round(found[name], 4) for name in KEPT if found.get(name) is not None}
        spent = dict(env_steps=snapshot.env_steps, seconds=round(snapshot.seconds, 1))
        rows.append(dict(update=snapshot.update) | spent | numbers)
    return rows


def run() -> None:
    wanted = [(variant, seed) for variant in VARIANTS for seed in SEEDS]
    run_missing(RESULTS, "python figures/pearl.py run", wanted, one_run)


def table() -> None:
    """Where each variant ended: median and range over seeds."""
    print_ends(RESULTS, KEPT)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
