"""Exact information: how much the histories of a policy tell about the problem, in nats.

I(τ; μ) = H(μ) − H(μ | τ). With a uniform prior and deterministic tables, H(μ) = log M and the posterior is
uniform over the problems still possible, so H(μ | τ) is the mean of log(number still possible).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.exact.belief import possible_problems
from course_lib.exact.branches import branches
from course_lib.tasks import Tables, TableTask, Trials


def information_by_step(tables: Tables, trials: Trials) -> Tensor:
    """log M − log(problems still possible) before each action: (B, T), in nats."""
    possible = possible_problems(tables, trials).sum(dim=-1)  # (B, T)
    return torch.log(torch.tensor(float(tables.problems))) - possible.float().log()


def exploration_information(tables: Tables, trials: Trials, execution: int = 1) -> Tensor:
    """What each trial knew when its execution episode began: (B,), in nats.

    The mean over trials whose problems are uniform is the exact I(τ_exp; μ).
    """
    knows = information_by_step(tables, trials)  # (B, T)
    first = (trials.episode == execution).float().argmax(dim=1)  # (B,)
    reached = (trials.episode == execution).any(dim=1)
    first = torch.where(reached, first, knows.shape[1] - 1)
    return knows.gather(1, first[:, None])[:, 0]


def information_about(tables: Tables, trials: Trials, part: Tensor) -> Tensor:
    """How much is known before each action about one part of the problem: H(part) − H(part | history), in nats.

    Args:
        part: (M,) int64, the same number in problems that agree in this part, such as ``City.useful_routes``.
    Returns:
        (B, T). The mean over trials whose problems are uniform is the exact mutual information. Where two parts
        make up the problem and don't depend on each other, their information adds up to ``information_by_step``.
    """
    member = torch.nn.functional.one_hot(part).float()  # (M, parts)
    belief = possible_problems(tables, trials).float() @ member  # (B, T, parts) problems still possible
    belief = belief / belief.sum(dim=-1, keepdim=True)
    prior = member.mean(dim=0)
    return torch.special.entr(prior).sum() - torch.special.entr(belief).sum(dim=-1)


def policy_information(task: TableTask, policy: Tensor) -> float:
    """The exact I(τ; μ) of one exploration episode of a stochastic policy, in nats, with nothing sampled.

    Args:
        policy: (horizon, S, A) float32, the chance of each action at each clock and state.
    """
    problems = task.problem_count
    found = branches(task, policy, instruction=0).found
    return sum(chance * len(left) / problems * math.log(problems / len(left)) for left, chance in found.items())
