"""Exact information: how much the histories of a policy tell about the problem, in nats.

I(τ; μ) = H(μ) − H(μ | τ). With a uniform prior and deterministic tables, H(μ) = log M and the posterior is
uniform over the problems still possible, so H(μ | τ) is the mean of log(number still possible).
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exact.belief import possible_problems
from course_lib.tasks import Tables, Trials


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
