"""Exact values of finite, deterministic tasks, by backward induction. No constant in here is a result.

- ``optimal_values``: the best return of an episode when the problem is known.
- ``Knowledge``: the best return when only a set of possible problems is known, for every such set that can
  come about. Its value at the set of all problems is what execution is worth *without exploration*; the
  best way to explore comes out of the same tables.

The second is planning in belief space (a Bayes-adaptive MDP; Duff 2002, "Optimal learning", chapter 2). It is
feasible here because the posterior of a deterministic task is just the set of problems still possible.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from course_lib.tasks.tables import TableTask


def optimal_values(task: TableTask) -> Tensor:
    """The best undiscounted return of one episode with the problem known.

    Returns:
        (M, I): by problem and instruction, from the start state.
    """
    tables, horizon = task.tables, task.trial.horizon
    instructions = tables.instructions
    goes = tables.next_state[:, None].expand(-1, instructions, -1, -1)  # (M, I, S, A)
    stays = (~tables.ends).float().expand(tables.problems, -1, -1)  # (M, I, S)
    value = torch.zeros(tables.problems, instructions, tables.states)  # nothing is left to gain at the horizon
    for clock in reversed(range(horizon)):
        future = (value * stays).gather(2, goes.flatten(2)).view_as(goes)
        future = tables.reward + future  # (M, I, S, A)
        if task.end_action is not None:
            future[..., task.end_action] = ending_reward(task, clock)
        value = future.max(dim=-1).values
    return value[:, :, tables.start]


def ending_reward(task: TableTask, clock: int) -> Tensor:
    """What the end action pays after ``clock`` steps of an episode: (1, I, S), nothing more comes after it."""
    left = task.trial.horizon - clock - 1
    cost = torch.full((task.tables.instructions,), -task.waiting_cost * left)
    cost[0] = 0.0  # exploration pays nothing
    return task.tables.reward[:, :, :, task.end_action] + cost[None, :, None]


class Knowledge:
    """Backward induction over what can be known: sets of problems, as bit masks.

    ``sets`` lists every set of problems that some history can leave possible, small ones first, so that what
    is learned always leads to a set that is solved already.

    Args:
        task: deterministic tables; its prior is uniform over all problems.
    """

    def __init__(self, task: TableTask) -> None:
        self.task = task
        tables = task.tables
        # What a problem shows on the way from s by a: where one arrives and what is sensed there.
        arrived = tables.next_state  # (M, S, A)
        sensed = tables.sense.gather(1, arrived.flatten(1)).view_as(arrived)
        self._outcome = arrived * (int(tables.sense.max()) + 1) + sensed  # (M, S, A): equal = can't be told apart
        self._values: dict[tuple[int, ...], Tensor] = {}

    @cached_property
    def all_problems(self) -> tuple[int, ...]:
        return tuple(range(self.task.problem_count))

    @cached_property
    def sets(self) -> list[tuple[int, ...]]:
        """Every set of problems that can remain possible, smallest first."""
        found, waiting = {self.all_problems}, [self.all_problems]
        while waiting:
            for child in {child for _, _, groups in self._splits(waiting.pop()) for child in groups}:
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return sorted(found, key=lambda problems: (len(problems), problems))

    def _splits(self, problems: tuple[int, ...]) -> list[tuple[int, int, list[tuple[int, ...]]]]:
        """The (state, action) pairs that tell some of these problems apart, with the sets they lead to."""
        outcome = self._outcome[list(problems)]  # (m, S, A)
        informative = (outcome != outcome[:1]).any(dim=0).nonzero().tolist()
        splits = []
        for state, action in informative:
            groups: dict[int, list[int]] = {}
            for problem, key in zip(problems, outcome[:, state, action].tolist(), strict=True):
                groups.setdefault(key, []).append(problem)
            splits.append((state, action, [tuple(group) for group in groups.values()]))
        return splits

    def episode_values(self, final: dict[tuple[int, ...], float] | None = None) -> dict[tuple[int, ...], Tensor]:
        """Solve one episode for every set of possible problems.

        Args:
            final: what each set is worth when the episode is over (for exploration: the value of executing
                with that knowledge). Without it only the rewards of the episode count.
        Returns:
            For each set: (I, horizon + 1, S), the value by instruction, clock and state.
        """
        tables, horizon = self.task.tables, self.task.trial.horizon
        solved: dict[tuple[int, ...], Tensor] = {}
        for problems in self.sets:
            members = list(problems)
            worth = 0.0 if final is None else final[problems]
            first = members[0]
            goes = tables.next_state[first]  # (S, A): right wherever these problems can't be told apart
            reward = tables.reward.expand(tables.problems, -1, -1, -1)[members].mean(dim=0)  # (I, S, A)
            ends = tables.ends.expand(tables.problems, -1, -1)  # (M, I, S)
            splits = self._splits(problems)
            value = torch.full((tables.instructions, horizon + 1, tables.states), worth)
            for clock in reversed(range(horizon)):
                after = torch.where(ends[first], worth, value[:, clock + 1])  # (I, S)
                future = reward + after[:, goes]  # (I, S, A)
                for state, action, groups in splits:
                    expected = torch.zeros(tables.instructions)
                    for group in groups:
                        arrived = int(tables.next_state[group[0], state, action])
                        child = solved[group]
                        over = child[:, horizon, arrived]  # what the new knowledge is worth when all is over
                        goes_on = torch.where(ends[group[0], :, arrived], over, child[:, clock + 1, arrived])
                        expected += len(group) / len(members) * goes_on
                    future[:, state, action] = reward[:, state, action] + expected
                if self.task.end_action is not None:
                    future[..., self.task.end_action] = ending_reward(self.task, clock)[0] + worth
                value[:, clock] = future.max(dim=-1).values
            solved[problems] = value
        return solved

    @cached_property
    def _execution(self) -> dict[tuple[int, ...], Tensor]:
        return self.episode_values()

    @cached_property
    def execution_worth(self) -> dict[tuple[int, ...], float]:
        """The best expected return of an execution episode that begins with each set, goals uniform."""
        start = self.task.tables.start
        return {problems: float(value[1:, 0, start].mean()) for problems, value in self._execution.items()}

    @property
    def no_exploration(self) -> float:
        """The best expected return of execution when nothing was learned before it."""
        return self.execution_worth[self.all_problems]

    @cached_property
    def with_exploration(self) -> float:
        """The Bayes-optimal return of a trial of one exploration and one execution episode."""
        value = self.episode_values(final=self.execution_worth)[self.all_problems]
        return float(value[0, 0, self.task.tables.start])
