"""GridNavi's exact values: goal known, Bayes-optimal, and without learning.

**Why the Bayes-optimal value is what it is.** Count *goal steps*, the steps that end on the goal, summed
over the M problems; a return is 1.1 · goal steps / M − 0.1 · steps, so more goal steps are a greater
return.

*No policy does better* (``goal_steps_at_most``). Until the goal pays, all problems look the same, so in the
first episode one list of cells is walked, whatever the problem, and is left only once the goal is found (a
random policy is a mixture of such lists). The step t pays only in problems whose goal was stood on by then.
The nearest cell that may be the goal is d steps away and each step enters one cell, so there are at
most t − d + 1 of them. In a later episode nobody beats the one who knows the goal.

*One policy does as well* (``bayes_optimal_plan``). Step onto a nearest possible goal and from then on onto
a new one with every step, such that all that the clock leaves over lies on *one* shortest path from the
start. In the next episodes walk that path: a goal on it is found as early as if it had been known. In the
5 × 5 grid, 14 cells are searched in the first episode, and the 7 left over are the left and the upper edge.

Both are counted in whole numbers, so the two are equal, not just close. Where no such walk exists (a
horizon of 10, for one), nothing is proved here, and ``bayes_optimal_plan`` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.planning import optimal_values
from course_lib.exact.posterior_sampling import optimal_actions
from course_lib.tasks.grid_navi import MOVES, ON_GOAL, STEP_COST, Cell, GridNavi
from course_lib.tasks.tables import RunningTrials
from course_lib.tasks.task import Trials, play


@dataclass(frozen=True)
class SearchPlan:
    """Where to look for the goal. Both lists start beside the start cell; step t leads to cell t − 1."""

    first: tuple[Cell, ...]  # at most horizon cells: the first episode
    later: tuple[Cell, ...]  # the shortest path that all other episodes take while the goal is not found


# -- values --------------------------------------------------------------------------------------------------


def known_goal_return(task: GridNavi) -> float:
    """The mean return of one episode when the goal is known: 11.07."""
    return float(optimal_values(task)[:, 0].double().mean())


def bayes_optimal_by_episode(task: GridNavi) -> list[float]:
    """The Bayes-optimal mean return of each episode: 4.00, then 11.07 three times. Proved; see the module.

    Raises:
        CourseError: nothing is proved for a grid of this size and horizon.
    """
    bayes_optimal_plan(task)  # the bound is the value only where a plan reaches it
    return [as_return(task, steps) for steps in goal_steps_at_most(task)]


def no_learning_return(task: GridNavi) -> float:
    """The best mean return of one episode for somebody who never sees a reward: −0.77.

    For them every problem pays the same: the mean over all goals. They go to the nearest cell that may be
    the goal and stay there, or on any other.
    """
    tables = task.tables
    reward = tables.reward[:, 0].double().mean(dim=0)  # (S, A)
    value = torch.zeros(tables.states, dtype=torch.float64)
    for _ in range(task.trial.horizon):
        value = (reward + value[tables.next_state[0]]).max(dim=1).values
    return float(value[tables.start])


def references(task: GridNavi) -> dict[str, float]:
    """Reference values of a whole trial, all episodes counted: ``optimal_return`` is the Bayes-optimal one.

    ``oracle_return`` knows the goal; ``no_exploration_return`` never learns from a reward. Where no optimum
    is proved, ``optimal_return`` is left out.
    """
    episodes = task.trial.episodes
    known = {
        "oracle_return": episodes * known_goal_return(task),
        "no_exploration_return": episodes * no_learning_return(task),
    }
    try:
        return {"optimal_return": sum(bayes_optimal_by_episode(task))} | known
    except CourseError:
        return known


# -- goal steps ----------------------------------------------------------------------------------------------


def as_return(task: GridNavi, goal_steps: int) -> float:
    """The mean return of an episode with so many goal steps, summed over all problems."""
    return (ON_GOAL + STEP_COST) * goal_steps / task.problem_count - STEP_COST * task.trial.horizon


def goal_steps(task: GridNavi, trials: Trials) -> list[int]:
    """The goal steps of each episode, K of them, in trials that hold every problem once."""
    paid = (trials.reward > 0) & trials.valid  # (B, T)
    return [int((paid & (trials.episode == episode)).sum()) for episode in range(task.trial.episodes)]


def goal_steps_at_most(task: GridNavi) -> list[int]:
    """An upper bound on the goal steps of each episode, for any policy that is not told the goal."""
    horizon, distances = task.trial.horizon, [x + y for x, y in task.goals]
    nearest = min(distances)
    looked_at = [min(len(distances), max(0, t - nearest + 1)) for t in range(1, horizon + 1)]
    known = sum(max(0, horizon - distance + 1) for distance in distances)
    return [min(sum(looked_at), known)] + [known] * (task.trial.episodes - 1)


# -- a policy that reaches it --------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def bayes_optimal_plan(task: GridNavi) -> SearchPlan:
    """A plan whose goal steps are ``goal_steps_at_most``, counted by playing it in every problem.

    Raises:
        CourseError: there is none, so the value remains unproved.
    """
    count = min(len(task.goals), max(0, task.trial.horizon - 1))  # as many as can be looked at
    # What the first episode must not leave over: all that a later one could reach but does not pass.
    pays_later = {goal for goal in task.goals if sum(goal) <= task.trial.horizon and task.trial.episodes > 1}
    for later in _shortest_paths((task.width - 1, task.height - 1)):
        rest = pays_later - set(later)
        for entry in ((2, 0), (0, 2)):
            walk = _walk(task, [entry], rest - {entry}, count)
            if walk is not None:
                step = (entry[0] // 2, entry[1] // 2)
                plan = SearchPlan((step, *walk)[: task.trial.horizon], later)
                played = play(task, task.each(), torch.Generator(), BayesOptimal(task, plan))
                if goal_steps(task, played) == goal_steps_at_most(task):
                    return plan
    raise CourseError(
        Bilingual(
            f"한 변 {task.width}, horizon {task.trial.horizon}인 gridnavi에는 베이즈 최적값의 증명이 없습니다. "
            "기본값(5, 15)을 쓰거나 상한 goal_steps_at_most를 쓰십시오.",
            f"For gridnavi of side {task.width} and horizon {task.trial.horizon} no Bayes-optimal value is "
            "proved. Use the default (5, 15), or the upper bound goal_steps_at_most.",
        )
    )


def _shortest_paths(to: Cell) -> Iterator[tuple[Cell, ...]]:
    """Every shortest path from (0, 0) to a cell, without (0, 0) itself; along the left edge first."""
    if to == (0, 0):
        yield ()
        return
    for before in ((to[0] - 1, to[1]), (to[0], to[1] - 1)):
        if min(before) >= 0:
            for path in _shortest_paths(before):
                yield (*path, to)


def _walk(task: GridNavi, walked: list[Cell], missing: set[Cell], count: int) -> list[Cell] | None:
    """``walked``, continued to ``count`` different goal cells, each beside the last, ``missing`` included."""
    if len(walked) >= count:
        return None if missing else walked[:count]
    if len(missing) > count - len(walked):
        return None
    x, y = walked[-1]
    for dx, dy in MOVES:
        to = (x + dx, y + dy)
        if to in task.goals and to not in walked:
            found = _walk(task, [*walked, to], missing - {to}, count)
            if found is not None:
                return found
    return None


class BayesOptimal:
    """A plan as a policy for ``play``: look for the goal as planned; once it has paid, go there and stay."""

    def __init__(self, task: GridNavi, plan: SearchPlan | None = None) -> None:
        self.task = task
        plan = bayes_optimal_plan(task) if plan is None else plan
        self.first, self.later = self._actions(plan.first), self._actions(plan.later)  # (horizon,) each
        # to_goal[m, clock, s]: an action of a shortest way to goal m.
        self.to_goal = optimal_actions(task)[:, 0].int().argmax(dim=-1)
        self.problem_at = torch.full((task.tables.states,), -1)
        self.problem_at[[task.state(goal) for goal in task.goals]] = torch.arange(len(task.goals))
        self._running: RunningTrials | None = None

    def _actions(self, cells: tuple[Cell, ...]) -> Tensor:
        """The actions that walk these cells from the start, then wait: (horizon,)."""
        actions = torch.full((self.task.trial.horizon,), self.task.actions.index("wait"))
        x, y = self.task.cell(self.task.tables.start)
        for clock, cell in enumerate(cells[: len(actions)]):
            actions[clock] = MOVES.index((cell[0] - x, cell[1] - y))
            x, y = cell
        return actions

    def __call__(self, running: RunningTrials) -> Tensor:
        if running is not self._running:
            self._running = running
            self.found = torch.full_like(running.problem, -1)  # (B,) the goal's number
        self.found = torch.where(running.reward > 0, self.problem_at[running.arrived], self.found)
        clock = running.clock.clamp(max=self.task.trial.horizon - 1)
        looking = torch.where(running.episode == 0, self.first[clock], self.later[clock])
        going = self.to_goal[self.found.clamp(min=0), clock, running.state]
        return torch.where(self.found >= 0, going, looking)
