"""The coupling problem, measured: the runs behind lesson 01's figure and its numbers.

    python figures/coupling.py run     # about 80 minutes on one core; goes on where it was interrupted
    python figures/coupling.py table   # prints the summary
    python figures/coupling.py record  # writes rl2_map.recording, which lesson 01 plays: seed 0 of "together"

Every run is RL² with the settings of ``course_lib.agents.rl2.SETTINGS``. Seeds 0 to 9 were not used in
choosing them (100 was). Nothing is left out: a run that failed stands in ``coupling.json`` like the others.

Beside them stands a memory that fails, which lesson 05 speaks of: the random MDPs with a GRU.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from course_lib.results import main, print_ends, record_anew, run_missing
from course_lib.tasks import Trials
from course_lib.tasks.city import RIDE
from course_lib.training import stream

RESULTS = Path(__file__).with_suffix(".json")
SHOWN = ("test_return", "information", "execution_given_exploration", "at_once", "by_bus", "on_foot", "seconds", "env_steps")
KEPT = ("test_return", "train_return", "information", "execution_given_exploration", "entropy")


def forget_each_episode(hidden, new_episode, new_trial):
    """The silent bug: the hidden state is reset at every episode instead of at every trial."""
    return hidden * ~new_episode[:, None]


# name: (task, seeds, settings, and, where a perfect half is taken away again, after how many updates)
VARIANTS = {
    "perfect executor": ("map", range(10), dict(executor="perfect", updates=60), None),
    "perfect executor, paid late": ("map", range(10), dict(executor="perfect, paid late", updates=60), None),
    "together": ("map", range(10), {}, None),
    "perfect explorer": ("map", range(10), dict(explorer="perfect", updates=200), None),
    "perfect explorer, then together": ("map", range(5), dict(explorer="perfect"), 100),
    "perfect explorer, memory reset each episode": ("map", range(5), dict(explorer="perfect", updates=100), None),
    "bandit": ("bandit", range(10), {}, None),
    "bandit, memory reset each episode": ("bandit", range(5), {}, None),
    "perfect executor, then together": ("map", range(5), dict(executor="perfect"), 60),
    "together, three times as long": ("map", range(3), dict(updates=900), None),
    "random MDPs, GRU": ("random-mdp", range(5), dict(memory="gru", updates=80), None),
}


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot."""
    task, _, settings, release = VARIANTS[variant]
    functions = {"carry": forget_each_episode} if "reset" in variant else None
    rows, resume = [], None
    for snapshot in stream("rl2", task, seed, functions=functions, **settings):
        rows.append(row(snapshot, executes="executor" not in settings))
        if release is not None and snapshot.update >= release:
            resume = snapshot.checkpoint()
            break
    if resume is not None:
        rows += [row(snapshot) for snapshot in stream("rl2", task, seed, resume=resume)]
    return rows


def row(snapshot, executes: bool = True) -> dict:
    numbers = {name: round(snapshot.metrics[name], 4) for name in KEPT if name in snapshot.metrics}
    if snapshot.task == "map" and executes:
        numbers |= ways_to_the_goal(snapshot.trials)
    return dict(update=snapshot.update, env_steps=snapshot.env_steps, seconds=round(snapshot.seconds, 1)) | numbers


def ways_to_the_goal(trials: Trials) -> dict[str, int]:
    """In how many of the trials, one for each pair of city and destination, execution came to the goal, and how."""
    executing = (trials.episode == 1) & trials.valid  # (B, T)
    came = (executing & (trials.reward > 0)).any(dim=1)  # (B,): only the goal pays
    rode = (executing & (trials.action == RIDE)).any(dim=1)
    at_once = (trials.reward * executing).sum(dim=1) > 0.79  # what the right bus, taken first, is worth anywhere: 0.80
    return dict(at_once=int(at_once.sum()), by_bus=int((came & rode).sum()), on_foot=int((came & ~rode).sum()))


def run() -> None:
    wanted = [(variant, seed) for variant, (_, seeds, *_) in VARIANTS.items() for seed in seeds]
    run_missing(RESULTS, "python figures/coupling.py run", wanted, one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


def record_together() -> None:
    """One trial of each problem, goals taking turns, every twentieth update: about 1.3 MB."""
    torch.set_num_threads(1)
    keep = torch.arange(24) * 4 + torch.arange(24) % 4
    training = stream("rl2", "map", seed=0, updates=300, evaluate_every=20)
    for snapshot in record_anew(training, RESULTS.with_name("rl2_map.recording"), keep):
        print(snapshot.update, snapshot.metrics["test_return"], flush=True)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table, "record": record_together}))
