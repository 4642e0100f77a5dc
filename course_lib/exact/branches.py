"""Every way in which one fixed, stochastic policy can go through an episode, in all problems at once.

As long as problems show the same they are followed as one; where they differ the set is split. So nothing is
simulated, and a policy's return in every problem and the information it finds are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from course_lib.exact.planning import outcomes
from course_lib.tasks.tables import TableTask

Problems = tuple[int, ...]


@dataclass(frozen=True)
class Branches:
    """All that one fixed policy can meet in one episode, in every problem.

    ``found``: for each set of problems that can be left possible at the end, the chance (over the policy's own
    choices) of ending with it if one of its problems is true. ``returns``: (M,) the expected return in each problem.
    ``visited``: the moments (clock, state) at which the policy was asked.
    """

    found: dict[Problems, float]
    returns: Tensor
    visited: frozenset[tuple[int, int]]


# As lists, one number is found faster than in a tensor; making them takes longer than following one policy.
@lru_cache(maxsize=2)
def shown_by(task: TableTask) -> tuple[list, list, list]:
    """Where each problem arrives (M, S, A), what it senses (M, S), and whether any two differ there (S, A)."""
    shown = outcomes(task.tables)
    return task.tables.next_state.tolist(), task.tables.sense.tolist(), (shown != shown[:1]).any(dim=0).tolist()


@lru_cache(maxsize=8)
def paid_by(task: TableTask, instruction: int) -> tuple[list, list]:
    """What each problem pays (M or 1, S, A), and which arrivals end the episode (M or 1, S)."""
    return task.tables.reward[:, instruction].tolist(), task.tables.ends[:, instruction].tolist()


def branches(task: TableTask, policy: Tensor, instruction: int) -> Branches:
    """Follow a policy through one episode, asked for ``instruction`` (0: exploring), in all problems at once.

    Args:
        policy: (horizon, S, A) float32, the chance of each action at each clock and state.
    """
    tables = task.tables
    problems, horizon = tables.problems, task.trial.horizon
    goes, sense, telling = shown_by(task)
    reward, ends = paid_by(task, instruction)
    same_reward, same_ends = len(tables.reward) == 1, len(tables.ends) == 1
    choices = policy.tolist()

    nodes: dict[tuple[Problems, int], float] = {(tuple(range(problems)), tables.start): 1.0}
    found: dict[Problems, float] = {}
    returns = [0.0] * problems
    visited = set()
    for clock in range(horizon):
        later: dict[tuple[Problems, int], float] = {}
        for (possible, state), chance in nodes.items():
            visited.add((clock, state))
            for action, likely in enumerate(choices[clock][state]):
                if likely == 0:
                    continue
                each = chance * likely
                groups: dict[tuple[int, int], list[int]] = {}
                if telling[state][action]:
                    for m in possible:
                        arrived = goes[m][state][action]
                        groups.setdefault((arrived, sense[m][arrived]), []).append(m)
                else:
                    groups[goes[possible[0]][state][action], 0] = possible
                for (arrived, _), group in groups.items():
                    one, ending = group[0], action == task.end_action
                    cost = task.waiting_cost * (horizon - clock - 1) if ending and instruction else 0.0
                    for m in group:
                        returns[m] += each * (reward[0 if same_reward else m][state][action] - cost)
                    left = tuple(group)
                    if ending or clock == horizon - 1 or ends[0 if same_ends else one][arrived]:
                        found[left] = found.get(left, 0.0) + each
                    else:
                        later[left, arrived] = later.get((left, arrived), 0.0) + each
        nodes = later
    return Branches(found, torch.tensor(returns), frozenset(visited))
