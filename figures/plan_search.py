"""Lesson 05's method of one's own, the search for a plan: with the lesson's 100 tries, and with ten times as many.

    python figures/plan_search.py run     # a quarter of an hour on one core; goes on where it was interrupted
    python figures/plan_search.py table   # prints the summary

The code is the lesson's own, read out of its source. A row for each snapshot at which the best plan was another than
before, and for the last: its return on the test problems; ``best_return``, by which it was kept; ``again``, what it
earns on 9,600 training trials that had no part in choosing it; and ``nats``, what it finds out about the problem. Nothing
is left out: seeds that were caught stand in ``plan_search.json`` like the others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from course_lib.authoring.definitions import definitions
from course_lib.results import main, print_ends, run_missing
from course_lib.tasks import make_task, play

RESULTS = Path(__file__).with_suffix(".json")
LESSON = definitions("05", "PlanSettings", "plan_search")
VARIANTS = {"100 tries": LESSON["PlanSettings"](), "1,000 tries": replace(LESSON["PlanSettings"](), updates=1000)}
SEEDS = range(10)
SHOWN = ("test_return", "best_return", "again", "nats")


def one_run(variant: str, seed: int) -> list[dict]:
    """The rows of one search, seeded as ``stream`` does it."""
    task, settings = make_task("homework-map"), VARIANTS[variant]
    search = LESSON["plan_search"](task, settings, torch.Generator().manual_seed(seed))
    rows, kept = [], None
    for snapshot in search:
        inside = search.gi_frame.f_locals  # the search tells its return on test problems alone
        if inside["best_return"] == kept and snapshot.update < settings.updates:
            continue
        kept, dice = inside["best_return"], torch.Generator().manual_seed(1000 + seed)
        again = play(task, task.draw(9600, dice), dice, inside["following"](inside["best"])(dice))
        found = dict(
            test_return=snapshot.metrics["test_return"],
            best_return=kept if snapshot.update else None,  # the first plan was never tried
            again=float(again.returns(task.trial).mean()),
            nats=snapshot.metrics["information"],
        )
        rows.append(dict(update=snapshot.update) | {k: None if v is None else round(v, 4) for k, v in found.items()})
    return rows


def run() -> None:
    wanted = [(variant, seed) for variant in VARIANTS for seed in SEEDS]
    run_missing(RESULTS, "python figures/plan_search.py run", wanted, one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
