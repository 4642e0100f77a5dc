"""Exact values of finite, deterministic tasks, by backward induction. No constant in here is a result.

- ``optimal_values``: the best return of an episode when the problem is known.
- ``Knowledge``: the best return when only a set of possible problems is known, for every such set that can
  come about. Its value at the set of all problems is what execution is worth *without exploration*; the
  best way to explore comes out of the same tables.

The second is planning in belief space (a Bayes-adaptive MDP; Duff 2002, "Optimal learning", chapter 2). It is
feasible here because the posterior of a deterministic task is just the set of problems still possible.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

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
        ends = tables.ends.expand(tables.problems, -1, -1)  # (M, I, S)
        number = {problems: n for n, problems in enumerate(self.sets)}
        # n sets: the value of each, by clock, state and instruction.
        values = torch.zeros(len(number), horizon + 1, tables.states, tables.instructions)
        for problems, n in number.items():
            members, first = list(problems), problems[0]
            worth = 0.0 if final is None else final[problems]
            goes = tables.next_state[first]  # (S, A): right wherever these problems can't be told apart
            reward = tables.reward_by_problem[members].mean(dim=0).permute(1, 2, 0)  # (S, A, I)
            over = ends[first].T  # (S, I)
            # What is learned on the way: one row for every group of problems that some step singles out.
            splits = self._splits(problems)
            groups = [(k, group) for k, (_, _, found) in enumerate(splits) for group in found]
            state, action = (torch.tensor([split[axis] for split in splits], dtype=torch.int64) for axis in (0, 1))
            split = torch.tensor([k for k, _ in groups], dtype=torch.int64)
            child = torch.tensor([number[group] for _, group in groups], dtype=torch.int64)
            one = torch.tensor([group[0] for _, group in groups], dtype=torch.int64)
            chance = torch.tensor([len(group) / len(members) for _, group in groups])
            arrived = tables.next_state[one, state[split], action[split]]
            group_over = ends[one, :, arrived]  # (groups, I)

            values[n, horizon] = worth
            for clock in reversed(range(horizon)):
                after = torch.where(over, worth, values[n, clock + 1])  # (S, I)
                future = reward + after[goes]  # (S, A, I)
                then = torch.where(group_over, values[child, horizon, arrived], values[child, clock + 1, arrived])
                expected = torch.zeros(len(splits), tables.instructions)
                expected.index_add_(0, split, chance[:, None] * then)
                future[state, action] = reward[state, action] + expected
                if self.task.end_action is not None:
                    future[:, self.task.end_action] = ending_reward(self.task, clock)[0].T + worth
                values[n, clock] = future.max(dim=1).values
        return {problems: values[n].permute(2, 0, 1) for problems, n in number.items()}

    @cached_property
    def execution_values(self) -> dict[tuple[int, ...], Tensor]:
        """Execution solved for every set of possible problems: (I, horizon + 1, S) each."""
        return self.episode_values()

    @cached_property
    def execution_worth(self) -> dict[tuple[int, ...], float]:
        """The best expected return of an execution episode that begins with each set, goals uniform."""
        start = self.task.tables.start
        return {problems: float(value[1:, 0, start].mean()) for problems, value in self.execution_values.items()}

    @property
    def no_exploration(self) -> float:
        """The best expected return of execution when nothing was learned before it."""
        return self.execution_worth[self.all_problems]

    @cached_property
    def with_exploration(self) -> float:
        """The Bayes-optimal return of a trial of one exploration and one execution episode."""
        value = self.episode_values(final=self.execution_worth)[self.all_problems]
        return float(value[0, 0, self.task.tables.start])


@lru_cache(maxsize=4)
def knowledge_of(task: TableTask) -> Knowledge:
    """``Knowledge(task)``, solved once for each task object."""
    return Knowledge(task)
