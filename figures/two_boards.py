"""Lesson 05's two boards: which one DREAM reads, whatever the small prize is worth and however long it trains.

    python figures/two_boards.py run     # three quarters of an hour on one core; goes on where it was interrupted
    python figures/two_boards.py table   # prints the summary

Task and settings are read out of the lesson's source. Where the small prize is 0, what board A tells is of no use at
all. With it and without, the price λ of the bottleneck is raised as well. Nothing is left out: a run that failed stands
in ``two_boards.json`` like the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from course_lib.agents import dream
from course_lib.authoring.definitions import definitions
from course_lib.lesson.exercises.lesson05 import two_boards
from course_lib.results import main, print_ends, run_missing

RESULTS = Path(__file__).with_suffix(".json")
IN_THE_LESSON = definitions("05", "boards", "QUICK", tables_of=two_boards)
LESSON = IN_THE_LESSON["QUICK"] | {"DREAM, four times as long": (dream, dream.Settings(updates=1024))}
# name: (method, small prize, settings)
VARIANTS = {
    **{name: (method, 0.2, settings) for name, (method, settings) in LESSON.items()},
    **{f"{name}, prize 0": (method, 0.0, settings) for name, (method, settings) in LESSON.items() if method is dream},
    **{
        f"DREAM, prize {prize}, λ {price}": (dream, prize, dream.Settings(updates=1024, bottleneck_weight=price))
        for prize in (0, 0.2) for price in (1e-3, 1e-2)
    },
}
SEEDS = range(10)
SHOWN = ("test_return", "read_a", "information", "code_information_max", "code_information")


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot; ``read_a`` is the share of trials whose exploration read board A."""
    method, prize, settings = VARIANTS[variant]
    rows = []
    task = IN_THE_LESSON["boards"](prize=prize)
    for snapshot in method.train(task, settings, torch.Generator().manual_seed(seed)):
        exploring = snapshot.trials.valid & (snapshot.trials.episode == 0)  # (B, T)
        read_a = (exploring & (snapshot.trials.action == 0)).any(dim=1).float().mean()
        found = {name: snapshot.metrics[name] for name in SHOWN if name in snapshot.metrics} | dict(read_a=float(read_a))
        rows.append(dict(update=snapshot.update) | {name: round(value, 4) for name, value in found.items()})
    return rows


def run() -> None:
    run_missing(RESULTS, "python figures/two_boards.py run", [(name, seed) for seed in SEEDS for name in VARIANTS], one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
