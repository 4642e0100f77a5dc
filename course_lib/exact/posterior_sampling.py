"""Exact posterior sampling: draw a problem from the exact posterior, act as if it were the true one.

How long the drawn problem z is held makes all the difference, so it is an argument here:

- ``"episode"``: until the episode ends. This is posterior sampling (Strens 2000, "A Bayesian framework for
  reinforcement learning"; Osband, Russo, Van Roy 2013), and what PEARL does with its latent variable;
- ``"step"``: for one step;
- ``"refuted"``: until what was seen rules z out, or the episode ends;
- ``"known"``: as "episode", but from the moment that only one problem is left possible, act for that one.

Redrawing at each step changes two things at once, and it is worth telling them apart. It gives up a walk
towards one place for another before it arrives, so what takes many steps in one direction is hardly ever
done: in a ``Corridor`` of 20 cells to either side four episodes find the goal in 42 % of the trials, where
holding z needs two for all of them. But it also reacts to what was seen, where holding z stands on the
wrong cell until the episode ends; on GridNavi, where every cell on the way is a possible goal, that
outweighs the dithering (25.0 against 7.8). "refuted" reacts as well and doesn't dither, and is better than
both (32.1). Numbers: ``figures/grid_navi.json``.

In every case the posterior takes in each step as it happens; only the *use* of it waits. Where several
actions are optimal for z, one of them is drawn evenly. With a uniform prior and deterministic tables the
posterior is uniform over the problems still possible, so it is exact; see ``exact.belief``.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, known_or_error
from course_lib.exact.planning import ending_reward, require_certain
from course_lib.tasks.tables import RunningTrials, TableTask
from course_lib.tasks.task import Trials, play

HELD = ("episode", "step", "refuted", "known")
TIED = 1e-4  # values of two actions that differ by less are the same number, added up in another order


def optimal_action_values(task: TableTask, problems: Tensor | None = None) -> Tensor:
    """Q*: the best return of the rest of an episode after each action, the problem known, undiscounted.

    Args:
        problems: (m,) int64, the problems to solve; all where None. Large families are solved in parts.
    Returns:
        (m, I, horizon, S, A) float32, by problem, instruction, clock, state and action.
    Raises:
        CourseError: see ``planning.require_certain``.
    """
    require_certain(task)
    tables, horizon = task.tables, task.trial.horizon
    chosen = torch.arange(tables.problems) if problems is None else problems
    some = slice(None) if tables.reward.shape[0] == 1 else chosen
    reward = tables.reward[some]  # (m or 1, I, S, A)
    stays = (~tables.ends[slice(None) if tables.ends.shape[0] == 1 else chosen]).float()  # (m or 1, I, S)
    goes = tables.next_state[chosen][:, None].expand(-1, tables.instructions, -1, -1)  # (m, I, S, A)
    values = torch.empty(len(chosen), tables.instructions, horizon, tables.states, tables.actions)
    after = torch.zeros(len(chosen), tables.instructions, tables.states)  # nothing is left at the horizon
    for clock in reversed(range(horizon)):
        future = reward + (after * stays).gather(2, goes.flatten(2)).view_as(goes)
        if task.end_action is not None:
            future[..., task.end_action] = ending_reward(task, clock)[some]
        values[:, :, clock] = future
        after = future.max(dim=-1).values
    return values


@lru_cache(maxsize=4)
def optimal_actions(task: TableTask) -> Tensor:
    """Which actions are optimal with the problem known: (M, I, horizon, S, A) bool, solved once a task.

    It is filled problem by problem, so that even a large family needs no more memory than the answer.
    """
    require_certain(task)
    tables = task.tables
    shape = tables.problems, tables.instructions, task.trial.horizon, tables.states, tables.actions
    optimal = torch.empty(shape, dtype=torch.bool)
    for part in torch.arange(tables.problems).split(32):
        values = optimal_action_values(task, part)
        optimal[part] = values >= values.max(dim=-1, keepdim=True).values - TIED
    return optimal


class PossibleProblems:
    """``exact.belief.possible_problems``, kept up step by step while trials run.

    Call ``update`` once after every step. ``possible`` (B, M) bool then holds the problems that agree with
    everything seen so far.
    """

    def __init__(self, running: RunningTrials) -> None:
        self.running = running
        self.possible = self._shows()
        self._remember()

    def _shows(self) -> Tensor:
        running = self.running
        return (running.tables.sense[:, running.state] == running.symbol).T  # (B, M)

    def _remember(self) -> None:
        running = self.running
        self._before = running.instruction, running.state, running.resting

    def update(self) -> None:
        """Take in the step just made: where it led, what it paid, and what is sensed now."""
        running, tables = self.running, self.running.tables
        instruction, state, resting = self._before
        agrees = tables.next_state[:, state, running.action] == running.arrived  # (M, B)
        if tables.reward.shape[0] > 1:
            pays = tables.reward[:, instruction, state, running.action]  # (M, B)
            # Without the cost of steps left where the episode was ended early: alike in all problems.
            agrees &= pays == pays.gather(0, running.problem[None])
        self.possible = self.possible & (agrees | resting).T & self._shows()
        self._remember()


class PosteriorSampling:
    """A policy for ``play``: act optimally for a problem z drawn from the exact posterior.

    In an episode that asks for nothing in a task that otherwise does ask (a city's exploration), there is
    nothing to be optimal for. There it acts as if asked for one of the instructions, drawn when the
    episode begins: exploring is pretended execution, which is all that posterior sampling knows.

    Args:
        task: deterministic tables.
        generator: draws z, the pretended instructions, and among actions equally good.
        held: how long z is held: "episode", "step", "refuted" or "known".
    Raises:
        CourseError: there is no such way to hold z, or chance has a part in the task: see ``planning.require_certain``.
    """

    def __init__(self, task: TableTask, generator: torch.Generator, held: str = "episode") -> None:
        known_or_error(dict.fromkeys(HELD), held, Bilingual("z 유지 방식", "way to hold z"))
        self.task, self.generator, self.held = task, generator, held
        self.optimal = optimal_actions(task)
        self._running: RunningTrials | None = None

    def __call__(self, running: RunningTrials) -> Tensor:
        if running is not self._running:
            self._running, self.seen = running, PossibleProblems(running)
            self.drawn = torch.zeros_like(running.problem)  # (B,) z
            self._pretended = torch.zeros_like(running.problem)
        else:
            self.seen.update()
        possible = self.seen.possible
        begins = (running.clock == 0) & ~running.resting  # (B,)
        anew = begins if self.held != "step" else torch.ones_like(begins)
        if self.held == "refuted":
            anew = anew | ~possible.gather(1, self.drawn[:, None])[:, 0]
        elif self.held == "known":
            anew = anew | (possible.sum(dim=1) == 1)
        self.drawn = torch.where(anew, self._one_of(possible), self.drawn)
        self._pretended = torch.where(begins, self._an_instruction(), self._pretended)
        instruction = torch.where(running.instruction > 0, running.instruction, self._pretended)
        clock = running.clock.clamp(max=self.task.trial.horizon - 1)  # in a pause: the choice is not used
        return self._one_of(self.optimal[self.drawn, instruction, clock, running.state])

    def _an_instruction(self) -> Tensor:
        """(B,) what to pretend to be asked: 0 in tasks that never ask."""
        tables = self.task.tables
        if tables.instructions == 1:
            return torch.zeros_like(self.drawn)
        if tables.instruction_chance is not None:
            return torch.multinomial(tables.instruction_chance[self.drawn], 1, generator=self.generator)[:, 0]
        return torch.randint(1, tables.instructions, self.drawn.shape, generator=self.generator)

    def _one_of(self, allowed: Tensor) -> Tensor:
        """One of the allowed in each row, evenly: (B, n) bool → (B,)."""
        return torch.multinomial(allowed.float(), 1, generator=self.generator)[:, 0]


def sampled_returns(
    task: TableTask, generator: torch.Generator, copies: int = 1, held: str = "episode", split: str = "test"
) -> Tensor:
    """Play posterior sampling in every problem of ``split``, ``copies`` times.

    Returns:
        (B, K) float32: the return of each episode, B = copies · problems, the problems in order.
    """
    policy = PosteriorSampling(task, generator, held)
    return returns_by_episode(play(task, task.each(copies, split), generator, policy), task.trial.episodes)


def returns_by_episode(trials: Trials, episodes: int) -> Tensor:
    """The undiscounted return of each episode: (B, K)."""
    returns = torch.zeros(len(trials.problem), episodes)
    return returns.scatter_add_(1, trials.episode, trials.reward)


def last_return_once_found(trials: Trials, episodes: int) -> float | None:
    """What the last episode returned, in the mean of those trials in which an earlier one was paid; None without any."""
    found = ((trials.reward > 0) & (trials.episode < episodes - 1)).any(dim=1)  # (B,)
    return float(returns_by_episode(trials, episodes)[found, -1].mean()) if found.any() else None
