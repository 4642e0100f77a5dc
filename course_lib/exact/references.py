"""The exact numbers that belong beside a learned one: ``references_of(task)``.

- ``optimal_return``: the best a trial can return to whoever knows how to explore, as far as it is known exactly;
- ``no_exploration_return``: the best without having found anything out.

The first is the mean over the test problems, the second over all problems: who has found nothing out can't know
which of them will be the test's.

Where one of them is not known exactly it is left out, rather than estimated.
"""

from __future__ import annotations

import contextlib
import math
from functools import cache

import torch
from torch import Tensor

from course_lib.bilingual import CourseError
from course_lib.exact import grid_navi, point_robot, random_mdps
from course_lib.exact.bandits import bayes_optimal_return
from course_lib.exact.explorers import sufficient_exploration
from course_lib.exact.planning import knowledge_of, optimal_values, why_not_exact
from course_lib.tasks import BernoulliBandit, FixedArmBandit, GridNavi, PointRobot, RandomMDP, Tables, TableTask, Task

SOLVED_PULLS = 12  # of a bandit, for a second or two of solving


@cache
def references_of(task: Task) -> dict[str, float]:
    """Exact returns of a trial of this task, by name; empty for a task of which nothing exact is known."""
    if isinstance(task, BernoulliBandit):
        return bandit_references(task)
    if isinstance(task, FixedArmBandit):
        return fixed_arm_references(task)
    for family, room in ((GridNavi, grid_navi), (PointRobot, point_robot), (RandomMDP, random_mdps)):
        if isinstance(task, family):
            return room.references(task)
    if explores_then_executes(task):
        found = {}
        if why_not_exact(task) is None:
            with contextlib.suppress(CourseError):  # there is too much to be known
                found = dict(no_exploration_return=knowledge_of(task).no_exploration)
        if perfect_exploration(task) is None:  # nobody may be able to know the problem in time to earn what it is worth
            return found
        known = average_over_instructions(task.tables, optimal_values(task))
        return dict(optimal_return=float(known[task.splits["test"]].mean())) | found
    return {}


def bandit_references(task: BernoulliBandit) -> dict[str, float]:
    """By dynamic programming where that is feasible; a bandit never explored pays half its pulls."""
    found = dict(no_exploration_return=task.pulls / 2)
    if task.pulls > SOLVED_PULLS:  # it could be solved for some more, but not while a learner waits
        return found
    return found | dict(optimal_return=bayes_optimal_return(task.arms, task.pulls))


def fixed_arm_references(task: FixedArmBandit) -> dict[str, float]:
    """Never exploring pulls arm 0, if it pays above 0; knowing the bandit pulls its best arm, E max by midpoints."""
    top = max(task.fixed, 0.0) + 12 * task.spread
    x = torch.linspace(task.fixed, top, 200_001, dtype=torch.float64)
    middle = (x[1:] + x[:-1]) / 2
    below = (0.5 * (1 + torch.erf(middle / task.spread / math.sqrt(2)))) ** (task.arms - 1)
    best = task.fixed + float(((1 - below) * x.diff()).sum())
    return dict(no_exploration_return=task.pulls * max(task.fixed, 0.0), oracle_return=task.pulls * best)


def average_over_instructions(tables: Tables, values: Tensor) -> Tensor:
    """Values by problem and instruction (M, I) → by problem (M,), as often as each instruction is asked."""
    if tables.instruction_chance is None:
        return values[:, 1:].mean(dim=1)
    return (values * tables.instruction_chance).sum(dim=1)


def explores_then_executes(task: Task) -> bool:
    """A finite task without chance, whose trial is one exploration episode, then one that is asked for something."""
    return isinstance(task, TableTask) and not task.tables.random and task.trial.instructed == (False, True)


@cache
def perfect_exploration(task: Task) -> Tensor | None:
    """Actions of an exploration episode after which all is known that execution has a use for: (steps,) int64.

    None where no fixed list of actions does it.
    """
    if not explores_then_executes(task):
        return None
    try:
        return sufficient_exploration(task)
    except CourseError:
        return None
