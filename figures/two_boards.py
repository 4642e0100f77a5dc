"""Lesson 05's two boards: which one DREAM reads, whatever the small prize is worth and however long it trains.

    python figures/two_boards.py run     # three quarters of an hour on one core; goes on where it was interrupted
    python figures/two_boards.py table   # prints the summary

The settings are the lesson's own: those of DREAM without any for this task. Where the small prize is 0, what board A
tells is of no use at all. With it and without, the price λ of the bottleneck is raised as well. Nothing is left out: a run that failed
stands in ``two_boards.json`` like the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from course_lib.agents import dream, rl2
from course_lib.bilingual import Bilingual
from course_lib.lesson.exercises.lesson05 import two_boards
from course_lib.results import main, print_ends, run_missing
from course_lib.tasks import Tables, TableTask, TrialShape

RESULTS = Path(__file__).with_suffix(".json")
LESSON = {
    "RL²": (rl2, rl2.Settings(updates=100, trials=128, hidden=32, learning_rate=1e-2)),
    "DREAM": (dream, dream.Settings(updates=256)),
    "DREAM, four times as long": (dream, dream.Settings(updates=1024)),
}
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


def boards(prize: float) -> TableTask:
    """The lesson's task: eight doors, two of which can hold the big prize of 1."""
    small, big = 8, 2
    next_state, reward, sense = two_boards(small, big, prize)
    every, ends = torch.arange(small * big), torch.zeros(1, 3, 3, dtype=torch.bool)
    tables = Tables(next_state, reward, ends, sense, features=torch.eye(1 + small + big), start=0)
    trial = TrialShape(horizon=1, instructed=(False, True), counted=(False, True))
    names = ("read A", "read B", *(f"door {door}" for door in range(small)))
    return TableTask("boards", Bilingual("게시판 두 개", "Two boards"), tables, trial, names, train=every, test=every)


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot; ``read_a`` is the share of trials whose exploration read board A."""
    method, prize, settings = VARIANTS[variant]
    rows = []
    for snapshot in method.train(boards(prize), settings, torch.Generator().manual_seed(seed)):
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
