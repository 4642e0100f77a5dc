"""Exact values of finite, deterministic tasks, by backward induction. No constant in here is a result.

- ``optimal_values``: the best return of an episode when the problem is known.
- ``Knowledge``: the best return when only a set of possible problems is known, for every such set that can
  come about. Its value at the set of all problems is what execution is worth *without exploration*; the
  best way to explore comes out of the same tables.

The second is planning in belief space (a Bayes-adaptive MDP; Duff 2002, "Optimal learning", chapter 2). It is
feasible here because the posterior of a deterministic task is just the set of problems still possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from itertools import groupby

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Tables, TableTask, Task


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


Problems = tuple[int, ...]
Policy = Callable[[Tensor, int], Tensor]
ROUNDING = 1e-6  # float32 keeps about seven digits
MOST_SPLITS = 500_000  # a city of 576 problems has 200,000, solved in half a minute
AT_ONCE = 64  # sets solved side by side: twice as fast as thousands, which no cache holds
Split = tuple[int, int, list[Problems]]


def require_certain(task: Task) -> None:
    """Raise a CourseError unless the task is finite and chance has no part in it."""
    if not isinstance(task, TableTask) or task.tables.random:
        raise CourseError(
            Bilingual(
                f"정확한 계획에는 전이와 보상이 정해져 있는 유한한 태스크(예: map)가 필요합니다. 그래야 아는 것이 아직 가능한 문제들의 "
                f"집합이 됩니다. {task.name}은(는) 그렇지 않습니다.",
                "Exact planning needs a finite task whose transitions and rewards are certain, such as map: then what is known is "
                f"the set of problems still possible. {task.name} is none.",
            )
        )


def outcomes(tables: Tables) -> Tensor:
    """What each problem shows on the way from s by a, as one number: where one arrives and what is sensed there.

    Returns:
        (M, S, A) int64: problems with the same number can't be told apart by that step.
    """
    sensed = tables.sense.gather(1, tables.next_state.flatten(1)).view_as(tables.next_state)
    return tables.next_state * (int(tables.sense.max()) + 1) + sensed


class Knowledge:
    """Backward induction over what can be known: sets of problems.

    ``sets`` lists every set of problems that some history can leave possible, small ones first, so that what
    is learned always leads to a set that is solved already. Sets of one size never lead to one another, so
    they are solved side by side.

    The problem is drawn uniformly. Being asked for something may tell about it as well: where a task says how
    often each problem asks what (``Tables.instruction_chance``), a problem weighs as much as it asks for that.

    Args:
        task: deterministic tables. A reward must tell no more than what is sensed does: see ``rewards_tell_more``.
    Raises:
        CourseError: see ``require_certain``.
    """

    def __init__(self, task: TableTask) -> None:
        require_certain(task)
        self.task = task
        outcome = outcomes(task.tables)  # (M, S, A)
        # Only where some problem differs from the first is there anything to learn: few of all (s, a).
        self._telling = (outcome != outcome[:1]).any(dim=0).nonzero().tolist()
        self._shown = [outcome[:, s, a].tolist() for s, a in self._telling]
        self._split: dict[Problems, list[Split]] = {}

    @cached_property
    def all_problems(self) -> Problems:
        return tuple(range(self.task.problem_count))

    @cached_property
    def sets(self) -> list[Problems]:
        """Every set of problems that can remain possible, smallest first."""
        found, waiting, splits = {self.all_problems}, [self.all_problems], 0
        while waiting:
            children = [child for _, _, groups in self._splits(waiting.pop()) for child in groups]
            splits += len(children)
            for child in dict.fromkeys(children):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
            if splits > MOST_SPLITS:
                raise CourseError(
                    Bilingual(
                        f"{self.task.name}에서는 하나씩 알아내는 길이 {MOST_SPLITS:,}가지를 넘어 정확히 계산하지 않습니다. 문제의 수를 줄이십시오.",
                        f"In {self.task.name} there are more than {MOST_SPLITS:,} ways to find things out one by one, too many to "
                        "compute exactly. Use fewer problems.",
                    )
                )
        return sorted(found, key=lambda problems: (len(problems), problems))

    def _splits(self, problems: Problems) -> list[Split]:
        """The (state, action) pairs that tell some of these problems apart, with the sets they lead to."""
        if problems not in self._split:
            splits = self._split[problems] = []
            for (state, action), shown in zip(self._telling, self._shown, strict=True):
                groups: dict[int, list[int]] = {}
                for problem in problems:
                    groups.setdefault(shown[problem], []).append(problem)
                if len(groups) > 1:
                    splits.append((state, action, [tuple(group) for group in groups.values()]))
        return self._split[problems]

    @cached_property
    def number(self) -> dict[Problems, int]:
        """The place of each set in ``sets``."""
        return {problems: n for n, problems in enumerate(self.sets)}

    @cached_property
    def asked(self) -> Tensor:
        """How often each problem asks each instruction: (M, I), rows summing to 1 over 1 … I − 1.

        Column 0 is 1: exploration is asked for in every problem alike.
        """
        tables = self.task.tables
        if tables.instruction_chance is None:
            chance = torch.full((tables.problems, tables.instructions), 1 / max(1, tables.instructions - 1))
        else:
            chance = tables.instruction_chance.clone()
        chance[:, 0] = 1.0
        return chance

    def start_values(
        self, instructions: list[int], final: dict[Problems, float] | None = None, policy: Policy | None = None
    ) -> dict[Problems, Tensor]:
        """Solve one episode for every set of possible problems, and say what it is worth at its start.

        Args:
            instructions: those to solve for: 0, exploring, or some of 1 … I − 1.
            final: what each set is worth when the episode is over (for exploration: the value of executing
                with that knowledge). Without it only the rewards of the episode count.
            policy: (sets, clock) → (n, S, A, i) float32, the chance of each action; None: the best action.
        Returns:
            For each set: (i,), the value by instruction.
        """
        start = self.task.tables.start
        values = self._solve(instructions, final, policy)[:, 0, start]
        return dict(zip(self.sets, values, strict=True))

    def _solve(
        self, instructions: list[int], final: dict[Problems, float] | None, policy: Policy | None = None
    ) -> Tensor:
        """(n, horizon + 1, S, i): the value of each set by clock, state and instruction."""
        task, tables = self.task, self.task.tables
        horizon, actions = task.trial.horizon, tables.actions
        ends = tables.ends[:, instructions].expand(tables.problems, -1, -1)  # (M, i, S)
        worth = torch.zeros(len(self.sets)) if final is None else torch.tensor([final[p] for p in self.sets])
        values = torch.zeros(len(self.sets), horizon + 1, tables.states, len(instructions))
        values[:, horizon] = worth[:, None, None]
        for sets in self._side_by_side():
            here = torch.tensor([self.number[problems] for problems in sets])  # (n,)
            members = torch.tensor(sets)  # (n, m)
            weight = self.asked[:, instructions][members]  # (n, m, i)
            total = weight.sum(dim=1)  # (n, i)
            # A problem that never asks for this has no say; where none asks, no one will wonder.
            share = torch.where(total[:, None] > 0, weight / total[:, None], 1 / members.shape[1])  # (n, m, i)
            reward = self._rewards(members, share, instructions)  # (n or 1, S, A, i)
            goes = tables.next_state[members[:, 0]]  # (n, S, A): right wherever these can't be told apart
            over = ends[members[:, 0]].transpose(1, 2)  # (n, S, i)
            final_here = worth[here][:, None, None]
            at = [{problem: place for place, problem in enumerate(problems)} for problems in sets]
            groups = [
                (k, state, action, self.number[group], group[0], [at[k][p] for p in group])
                for k, problems in enumerate(sets)
                for state, action, found in self._splits(problems)
                for group in found
            ]
            if groups:
                k, state, action, child, one = torch.tensor([row[:5] for row in groups]).T
                chance = torch.stack([share[row[0], row[5]].sum(dim=0) for row in groups])  # (groups, i)
                arrived = tables.next_state[one, state, action]
                group_over = ends[one, :, arrived]  # (groups, i)
                place = (k * tables.states + state) * actions + action
                splits, split = place.unique(return_inverse=True)
            rows = torch.arange(len(sets))[:, None] * tables.states
            for clock in reversed(range(horizon)):
                after = torch.where(over, final_here, values[here, clock + 1])  # (n, S, i)
                flat = after.reshape(-1, len(instructions))
                future = flat[(rows + goes.flatten(1)).flatten()]  # (n·S·A, i)
                if groups:
                    then = torch.where(group_over, worth[child][:, None], values[child, clock + 1, arrived])
                    expected = torch.zeros(len(splits), len(instructions))
                    future[splits] = expected.index_add_(0, split, chance * then)
                future = future.view(len(sets), tables.states, actions, -1) + reward
                if task.end_action is not None:
                    left = horizon - clock - 1
                    cost = task.waiting_cost * left * (torch.tensor(instructions) > 0)  # (i,)
                    future[:, :, task.end_action] = reward[:, :, task.end_action] - cost + final_here
                if policy is None:
                    values[here, clock] = future.amax(dim=2)
                else:
                    values[here, clock] = (future * policy(members, clock)).sum(dim=2)
        return values

    def _side_by_side(self) -> Iterator[list[Problems]]:
        """``sets`` in order, in lists of sets of one size, short enough for the processor's cache."""
        for _, alike in groupby(self.sets, key=len):
            sets = list(alike)
            for begin in range(0, len(sets), AT_ONCE):
                yield sets[begin : begin + AT_ONCE]

    def _rewards(self, members: Tensor, share: Tensor, instructions: list[int]) -> Tensor:
        """What each step pays on average over the problems of each set: (n, S, A, i)."""
        table = self.task.tables.reward[:, instructions].permute(0, 2, 3, 1)  # (M or 1, S, A, i)
        trial = self.task.trial
        if not any(counts and not asked for asked, counts in zip(trial.instructed, trial.counted, strict=True)):
            table = table * (torch.tensor(instructions) > 0)  # what exploring pays is not counted
        if len(table) == 1:
            return table
        reward = torch.zeros(len(members), *table.shape[1:])
        for column in range(members.shape[1]):  # one problem of each set at a time: little memory
            reward += share[:, column, None, None] * table[members[:, column]]
        return reward

    def averaged(self, values: dict[Problems, Tensor]) -> dict[Problems, float]:
        """Values of instructions 1 … I − 1, averaged for each set as often as each is asked."""
        chance = self.asked[:, 1:]
        return {
            problems: float((value * chance[list(problems)].mean(dim=0)).sum()) for problems, value in values.items()
        }

    @cached_property
    def execution_worth(self) -> dict[Problems, float]:
        """The best expected return of an execution episode that begins with each set.

        It is not known yet what will be asked: the instructions are averaged over.
        """
        return self.averaged(self.start_values(list(range(1, self.task.tables.instructions))))

    def worth_of(self, possible: Tensor) -> Tensor:
        """``execution_worth`` of many sets at once: possible (B, M) bool → (B,) float32."""
        different, which = possible.unique(dim=0, return_inverse=True)
        worth = [self.execution_worth[tuple(row.nonzero()[:, 0].tolist())] for row in different]
        return torch.tensor(worth)[which]

    @property
    def no_exploration(self) -> float:
        """The best expected return of execution when nothing was learned before it."""
        return self.execution_worth[self.all_problems]

    @cached_property
    def with_exploration(self) -> float:
        """The Bayes-optimal return of a trial of one exploration and one execution episode."""
        return float(self.start_values([0], final=self.execution_worth)[self.all_problems][0])


@lru_cache(maxsize=16)
def why_not_exact(task: TableTask) -> Bilingual | None:
    """What stands against this task's exact values; None where they are exact.

    ``Knowledge`` takes a trial for an exploration all of which is seen before execution begins, a state for known, and
    what a step shows for where it arrives and what is sensed there.
    """
    tables = task.tables
    arrived, sensed = tables.next_state, outcomes(tables) - tables.next_state * (int(tables.sense.max()) + 1)
    shown = torch.stack([arrived, sensed]).flatten(2)  # (2, M, S·A)
    tells_apart, alike = (shown != shown[:, :1]).any(dim=1).any(dim=1), None
    for column in ((shown[0] != shown[0, :1]).any(dim=0)).nonzero()[:, 0].tolist() if tells_apart[0] else ():
        places = set(zip(shown[0, :, column].tolist(), shown[1, :, column].tolist(), strict=True))
        if len({symbol for _, symbol in places}) < len(places):
            alike = divmod(column, tables.actions)
            break
    differs = (outcomes(tables) != outcomes(tables)[:1]).any(dim=0)  # (S, A)
    leaves = (arrived != torch.arange(tables.states)[:, None]).any(dim=0)  # where one stays, all was seen on arrival
    missing = tables.problems - len(torch.cat([task.splits["train"], task.splits["test"]]).unique())
    if not task.trial.pauses:
        return Bilingual(
            "탐험의 마지막 걸음이 보여 준 것을 실행 전에 보지 못합니다(`pauses=False`). `TrialShape`에서 `pauses`를 빼십시오.",
            "What the last step of exploration shows is not seen before execution (`pauses=False`). Leave `pauses` out of `TrialShape`.",
        )
    if alike is not None:
        return Bilingual(
            f"상태 {alike[0]}에서 행동 {alike[1]}은(는) 문제에 따라 다른 상태에 이르는데 감지되는 기호는 같습니다. 그 상태들에 서로 다른 "
            "`sense`를 주십시오.",
            f"From state {alike[0]} action {alike[1]} leads to different states in different problems, and the same is sensed there. "
            "Give these states different `sense`.",
        )
    if (tables.sense[:, tables.start] != tables.sense[0, tables.start]).any():
        return Bilingual(
            "출발 상태에서 감지되는 기호가 문제마다 다릅니다. 출발 상태의 `sense`를 모든 문제에서 같게 하십시오.",
            "What is sensed in the start state differs from problem to problem. Let its `sense` be the same in all of them.",
        )
    if task.end_action is not None and (differs[:, task.end_action] & leaves[:, task.end_action]).any():
        return Bilingual(
            "에피소드를 끝내는 행동(`end_action`)이 문제를 알려 줍니다. 그 행동이 이르는 상태와 감지되는 기호를 모든 문제에서 같게 하십시오.",
            "The action that ends an episode (`end_action`) tells of the problem. Let it lead to the same state and symbol in all of them.",
        )
    if missing:
        return Bilingual(
            f"`train`에도 `test`에도 없는 문제가 {missing}개 있습니다. 쓰지 않는 문제는 표에서 빼십시오.",
            f"{missing} problems are neither in `train` nor in `test`. Leave problems that never come out of the tables.",
        )
    if rewards_tell_more(task):
        return Bilingual(
            "보상이 관측보다 많은 것을 알려 줄 수 있습니다. 보상이 알려 주는 것을 도착한 곳의 `sense`에도 나타내십시오.",
            "A reward may tell more of the problem than what is sensed. Let `sense`, where the step arrives, tell it as well.",
        )
    return None


def rewards_tell_more(task: TableTask) -> bool:
    """Whether some reward tells problems apart that look alike, at a time when there is still something to do with it.

    A reward at the very end of a trial tells nothing that could be used; so exploration's count, and those of
    execution where it has more than one step and does not end there.
    """
    tables = task.tables
    outcome = outcomes(tables)  # (M, S, A)
    reward = tables.reward.expand(tables.problems, -1, -1, -1)  # (M, I, S, A)
    ends = tables.ends.expand(tables.problems, -1, -1)  # (M, I, S)
    # Where problems look alike: of the same state and action, arrived at the same state and sensing the same there.
    alike = outcome.flatten(1) * (tables.states * tables.actions) + torch.arange(tables.states * tables.actions)
    different, group = alike.unique(return_inverse=True)  # (groups,), (M, S·A)
    for instruction in range(tables.instructions):
        if instruction and task.trial.horizon == 1:
            continue
        last = ends[:, instruction].gather(1, tables.next_state.flatten(1)) & (instruction > 0)  # (M, S·A)
        if instruction and task.end_action is not None:
            last = last.view_as(outcome).clone()
            last[..., task.end_action] = True
            last = last.flatten(1)
        paid, groups = reward[:, instruction].flatten(1)[~last], group[~last]
        most = torch.full((len(different),), -torch.inf, dtype=paid.dtype).scatter_reduce(0, groups, paid, "amax")
        least = torch.full((len(different),), torch.inf, dtype=paid.dtype).scatter_reduce(0, groups, paid, "amin")
        if (most - least > ROUNDING * reward.abs().max()).any():
            return True
    return False


@lru_cache(maxsize=4)
def knowledge_of(task: TableTask) -> Knowledge:
    """``Knowledge(task)``, solved once for each task object."""
    return Knowledge(task)
