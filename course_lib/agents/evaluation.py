"""How every method is judged: on test problems, greedily, beside exact numbers.

Nothing in here draws from the training's generator, so looking at a training doesn't change it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.exact import exact_belief, exploration_information
from course_lib.exact.references import explores_then_executes
from course_lib.tasks import BernoulliBandit, Drawn, Task, Trials

DRAWN_PROBLEMS = 2000  # where there are infinitely many
ALL_PAIRS_UP_TO = 400  # test every problem with every instruction, if there are no more pairs than this


def evaluation_trials(task: Task) -> tuple[Drawn, Tensor | None]:
    """The trials of every evaluation: problems, and what each is asked for, (B,) or None.

    A small family is tested on every test problem with every instruction that it can be asked for, equally often
    as it is asked; a large one on every test problem once, with instructions in turn; an infinite one on problems
    drawn once from a generator of its own, Bernoulli bandits so that they are spread evenly.
    """
    if task.problem_count is None:
        generator = torch.Generator().manual_seed(20161109)
        if isinstance(task, BernoulliBandit):
            return task.spread_evenly(DRAWN_PROBLEMS, generator), None
        return task.draw(DRAWN_PROBLEMS, generator, "test"), None
    problems = task.splits["test"]
    if not any(task.trial.instructed):
        copies = max(1, 100 // len(problems))  # a policy may be random where the trials are not
        return task.each(copies, "test"), None
    pairs = [(problem, asked) for problem in problems.tolist() for asked in instructions_of(task, problem)]
    if len(pairs) > ALL_PAIRS_UP_TO:
        each = {problem: [asked for one, asked in pairs if one == problem] for problem in problems.tolist()}
        pairs = [(problem, asked[k % len(asked)]) for k, (problem, asked) in enumerate(each.items())]
    index, asked = torch.tensor(pairs).T
    return Drawn(task.tables, index.contiguous()), asked.contiguous()


def instructions_of(task: Task, problem: int) -> list[int]:
    """What ``problem`` can be asked for, each as often as it is asked, in proportion."""
    chance = task.tables.instruction_chance
    if chance is None:
        return list(range(1, task.instructions))
    least = float(chance[problem][chance[problem] > 0].min())
    return [asked for asked, p in enumerate(chance[problem].tolist()) for _ in range(round(p / least))]


def exact_belief_about(task: Task, trials: Trials) -> Tensor | None:
    """The exact belief at every step, (B, T, M); None where it is not a list of the problems still possible."""
    if task.problem_count is None or getattr(task, "tables", None) is None or task.tables.random:
        return None
    return exact_belief(task.tables, trials)


def what_is_known(task: Task, trials: Trials) -> tuple[Tensor | None, dict[str, float]]:
    """The exact belief, and the mean information with which execution began, in nats, if there is execution."""
    belief = exact_belief_about(task, trials)
    if not explores_then_executes(task):
        return belief, {}
    return belief, dict(
        information=float(exploration_information(task.tables, trials).mean()),
        information_max=math.log(task.problem_count),
    )
