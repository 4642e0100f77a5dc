"""The point robot's exact answers: goal known, goal believed, goal sampled, goal looked for.

**The goal g known.** After t steps the robot is somewhere in the square of half-width 0.1 · t around the
start, so it is at best as near to g as that square is. The nearest points of these squares, g clipped to
them, lie at most 0.1 an axis from one another: going to each of them in turn is one walk, and it is as near
as can be at every step. So this walk is optimal, for the sparse reward and for any other that only falls with
distance. It is not the straight line, which reaches g in the same step, but is farther away before.

**The belief.** Nothing here is random but the goal, so the posterior is uniform over the goals that agree
with all that was seen. A step that paid nothing rules out every goal within 0.2 of where it led; one that
paid leaves those at that one distance, at most two. ``goal_belief`` says so of the release's 100 goals,
``HalfCircle`` of a goal anywhere on the half-circle.

**Looking for it.** ``find_sweep`` plans the walk along the half-circle that needs the fewest steps in the
worst case: two episodes. Posterior sampling (``PosteriorSampling``) walks straight to one point of it in each
episode, and sees of the rest what lies within 0.2: about an eighth. That is why PEARL is given 20 episodes.

Numbers, all steps of 20-step episodes, from ``tests/test_point_robot.py``: see the functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact.posterior_sampling import HELD, returns_by_episode
from course_lib.tasks.point_robot import (
    RADIUS, ROUNDING, STEP, PointRobot, RunningPointRobot, angles_that_pay, direction, sparse_reward,
)  # fmt: skip
from course_lib.tasks.task import Drawn, Trials, play

# -- the goal known ------------------------------------------------------------------------------------------


def towards(position: Tensor, goal: Tensor) -> Tensor:
    """The optimal action with the goal known: as near to it as one step leads. (B, 2) each."""
    return ((goal - position) / STEP).clamp(-1, 1)


def known_goal_return(task: PointRobot) -> Tensor:
    """The best return of one episode by goal, if it is known: (M,) float64, on average 13.37 (test goals
    13.42)."""
    goals = task.goals.double()
    clock = torch.arange(1, task.trial.horizon + 1, dtype=torch.float64)[:, None, None]  # (horizon, 1, 1)
    nearest = torch.minimum(torch.maximum(goals, -STEP * clock), STEP * clock)  # (horizon, M, 2)
    return sparse_reward(nearest, goals).sum(dim=0)


# -- the belief ----------------------------------------------------------------------------------------------


def agreeing_goals(task: PointRobot, arrived: Tensor, reward: Tensor) -> Tensor:
    """The goals for which a step to ``arrived`` (…, 2) would have paid ``reward`` (…): (…, M) bool.

    Rewards that differ in the sixth digit are told apart; what rounding makes of two equal ones is not.
    """
    expected = sparse_reward(arrived[..., None, :], task.goals.to(arrived.device))  # (…, M)
    return (expected - reward[..., None]).abs() <= ROUNDING


def possible_goals(task: PointRobot, trials: Trials, prior: Tensor | None = None) -> Tensor:
    """Which goals agree with what each trial had shown by the choice of the action at t: (B, T, M) bool.

    Args:
        prior: (M,) bool, the goals that are possible at first, such as those of the test; all where None.
    """
    agrees = agreeing_goals(task, trials.arrived, trials.reward) | ~trials.valid[..., None]
    first = torch.ones_like(agrees[:, :1])
    if prior is not None:
        first = first & prior.to(first.device)
    # The prefix must agree at every step, so a running minimum over time is a running "and".
    return torch.cat([first, agrees[:, :-1]], dim=1).to(torch.uint8).cummin(dim=1).values.bool()


def goal_belief(task: PointRobot, trials: Trials, prior: Tensor | None = None) -> Tensor:
    """The posterior over the goals, as ``exact.belief`` gives it for tables: (B, T, M), rows that sum to
    1."""
    possible = possible_goals(task, trials, prior).float()
    return possible / possible.sum(dim=-1, keepdim=True)


class PossibleGoals:
    """``possible_goals``, kept up step by step while trials run: call ``update`` once after every step.

    Args:
        misses: whether a step that paid nothing rules out the goals near it.
    """

    def __init__(
        self, task: PointRobot, running: RunningPointRobot, prior: Tensor | None = None, misses: bool = True
    ) -> None:
        self.task, self.running, self.misses = task, running, misses
        everything = torch.ones(len(task.goals), dtype=torch.bool)
        first = (everything if prior is None else prior).to(running.problem.device)
        self.possible = first.expand(len(running.problem), -1)  # (B, M)
        self._finished = running.finished

    def update(self) -> None:
        """Take in the step just made."""
        running = self.running
        agrees = agreeing_goals(self.task, running.arrived, running.reward)
        unheard = self._finished if self.misses else self._finished | (running.reward <= 0)
        self.possible = self.possible & (agrees | unheard[:, None])
        self._finished = running.finished


@dataclass(frozen=True)
class HalfCircle:
    """The exact belief over a goal anywhere on the half-circle, all angles from 0 to π equally likely at
    first.

    As long as nothing has paid, it is uniform over what is left, ``intervals`` of angles. Once something has,
    it is one or two ``points``, equally likely: both lie at the same distance from where the step led, and
    the distance changes equally fast with the angle there. Belief after a history:
    ``HalfCircle().after(position, reward)…``.
    """

    intervals: tuple[tuple[float, float], ...] = ((0.0, math.pi),)
    points: tuple[float, ...] | None = None

    @property
    def size(self) -> float:
        """How much of the half-circle is left, in radians; 0 once something has paid."""
        return sum(high - low for low, high in self.intervals) if self.points is None else 0.0

    def holds(self, angle: float, margin: float = 1e-3) -> bool:
        """Whether the goal may lie at this angle, or within ``margin`` radians of it (rewards are
        rounded)."""
        if self.points is not None:
            return any(abs(angle - point) <= margin for point in self.points)
        return any(low - margin <= angle <= high + margin for low, high in self.intervals)

    def after(self, position: tuple[float, float], reward: float) -> HalfCircle:
        """The belief after one more step, that led to ``position`` and paid ``reward``.

        Raises:
            CourseError: no goal that was possible would have paid that.
        """
        if reward > 0:
            points = tuple(angle for angle in angles_that_pay(position, reward) if self.holds(angle))
            left = HalfCircle((), points)
        elif self.points is not None:
            seen = [_noticed(position, angle) for angle in self.points]
            left = HalfCircle((), tuple(a for a, near in zip(self.points, seen, strict=True) if not near))
        else:
            left = HalfCircle(tuple(_without(self.intervals, noticed_angles(position))))
        if not left.intervals and not left.points:
            raise CourseError(
                Bilingual(
                    f"지금까지 본 것에 따르면, {position}에서 보상 {reward}을(를) 주는 목표는 반원 위에 없습니다. "
                    "한 트라이얼의 위치와 보상을 차례대로 주십시오.",
                    f"After what was seen, no goal on the half-circle pays {reward} at {position}. Give the "
                    "positions and rewards of one trial, in order.",
                )
            )
        return left


def noticed_angles(position: tuple[float, float]) -> tuple[float, float] | None:
    """The angles (from, to) of all goals within the radius of a position; None if there are none."""
    from_centre = math.hypot(*position)
    if from_centre == 0:
        return None
    cosine = (from_centre**2 + 1 - RADIUS**2) / (2 * from_centre)
    if cosine > 1:
        return None
    middle, beside = direction(position), math.acos(cosine)
    return middle - beside, middle + beside


def _noticed(position: tuple[float, float], angle: float) -> bool:
    return math.dist(position, (math.cos(angle), math.sin(angle))) <= RADIUS


def _without(intervals, gap: tuple[float, float] | None):
    """Intervals with a gap cut out of them."""
    for low, high in intervals:
        if gap is None or gap[1] <= low or high <= gap[0]:
            yield low, high
            continue
        if low < gap[0]:
            yield low, gap[0]
        if gap[1] < high:
            yield gap[1], high


# -- posterior sampling --------------------------------------------------------------------------------------


class PosteriorSampling:
    """A policy for ``play``: draw a goal z from the exact posterior, and go there as if it were the goal.

    As ``exact.posterior_sampling``, of tables. How long z is held: for the ``"episode"``, as PEARL does; for
    one ``"step"``; until it is ``"refuted"``, or the episode ends; or for the episode, unless the goal is
    ``"known"``.

    Args:
        generator: draws z.
        prior: (M,) bool, the goals that are possible at first; all where None.
        keep_prior: this many first episodes are drawn from the prior: the release's ``num_exp_traj_eval`` is
            5.
        misses: False for a posterior that learns from a reward, but not from walking in vain, as a learned one may.
    Raises:
        CourseError: there is no such way to hold z.
    """

    def __init__(
        self,
        task: PointRobot,
        generator: torch.Generator,
        held: str = "episode",
        prior: Tensor | None = None,
        keep_prior: int = 1,
        misses: bool = True,
    ) -> None:
        known_or_error(dict.fromkeys(HELD), held, Bilingual("z 유지 방식", "way to hold z"))
        self.task, self.generator, self.held, self.prior = task, generator, held, prior
        self.keep_prior, self.misses = keep_prior, misses
        self._running: RunningPointRobot | None = None

    def __call__(self, running: RunningPointRobot) -> Tensor:
        if running is not self._running:
            self._running, self.seen = running, PossibleGoals(self.task, running, self.prior, self.misses)
            self._first = self.seen.possible
            self.drawn = torch.zeros_like(running.problem)  # (B,) z
        else:
            self.seen.update()
        at_first = (running.episode < self.keep_prior) & (self.keep_prior > 1)
        possible = torch.where(at_first[:, None], self._first, self.seen.possible)
        begins = running.clock == 0  # (B,)
        anew = begins if self.held != "step" else torch.ones_like(begins)
        if self.held == "refuted":
            anew = anew | ~possible.gather(1, self.drawn[:, None])[:, 0]
        elif self.held == "known":
            anew = anew | (possible.sum(dim=1) == 1)
        sample = torch.multinomial(possible.float(), 1, generator=self.generator)[:, 0]
        self.drawn = torch.where(anew, sample, self.drawn)
        return towards(running.state, self.task.goals.to(sample.device)[self.drawn])


def sampled_returns(
    task: PointRobot,
    generator: torch.Generator,
    copies: int = 1,
    held: str = "episode",
    split: str = "test",
    keep_prior: int = 1,
) -> Tensor:
    """The return of each episode of posterior sampling, every goal of ``split`` ``copies`` times: (B, K)."""
    policy = PosteriorSampling(task, generator, held, keep_prior=keep_prior)
    return returns_by_episode(play(task, task.each(copies, split), generator, policy), task.trial.episodes)


# -- the sweep -----------------------------------------------------------------------------------------------

CELL = 0.01  # positions of a plan are multiples of this
REACH = 1.2  # nothing farther out, along an axis, is within the radius of a goal


@dataclass(frozen=True)
class Sweep:
    """Where to go until something pays, whatever was seen.

    Attributes:
        positions: (episodes, horizon, 2) float64.
        steps: after so many steps, over all episodes, no goal can be left unnoticed: the worst case.
        first_episode: how many of the goals the first episode notices.
    """

    positions: Tensor
    steps: int
    first_episode: int


@lru_cache(maxsize=8)
def find_sweep(task: PointRobot) -> Sweep:
    """A sweep that notices every goal, in few steps in the worst case: 34 for the release's goals.

    The episodes take their goals from the two ends of the half-circle in turn, as many as can be, one after
    another and without leaving one out, towards the middle or from there outwards. Where two episodes are
    enough, as here, no sweep of this kind on the grid of positions needs fewer steps. (Off the grid 32 at
    least, by ``frontiers``.)

    Raises:
        CourseError: in so short an episode nothing can be noticed.
    """
    count, horizon = len(task.goals), task.trial.horizon
    left, right = 0, count  # the goals left … right − 1, by angle, are yet to be seen
    episodes, steps, first_episode = [], 0, 0
    while left < right:
        at_the_end = len(episodes) % 2 == 1  # from the other end on: the same in the mirrored plane
        begin, end = (count - right, count - left) if at_the_end else (left, right)
        taken = begin
        for width in _halving(end - begin):  # as many as can be; fewer never take longer
            if taken + width <= end and _fewest_steps(horizon, count, begin, taken + width) is not None:
                taken += width
        if taken == begin:
            raise CourseError(
                Bilingual(
                    f"{horizon}걸음으로는 로봇이 어느 목표에도 가까이 갈 수 없습니다. horizon을 늘려 주십시오.",
                    f"In {horizon} steps the robot gets near no goal at all. Give a longer horizon.",
                )
            )
        needed, outwards = _fewest_steps(horizon, count, begin, taken)
        start = (count - taken, count - begin) if outwards else (begin, taken)
        positions = _walk(horizon, count, *start, needed)
        if outwards != at_the_end:
            positions = positions * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        first_episode = first_episode or taken
        steps = horizon * len(episodes) + needed
        episodes.append(positions)
        left, right = (left, count - taken) if at_the_end else (taken, right)
    return Sweep(torch.stack(episodes), steps, first_episode)


def _halving(most: int) -> list[int]:
    """Widths to try one after another: powers of two, the largest first."""
    return [1 << power for power in reversed(range(most.bit_length()))]


@lru_cache(maxsize=256)
def _fewest_steps(horizon: int, count: int, begin: int, end: int) -> tuple[int, bool] | None:
    """In how many steps the goals begin … end − 1 can be swept, and whether from the last to the first of
    them.

    None where an episode is too short for it. From last to first is from first to last in the mirrored plane.
    """
    found = []
    for outwards, (first, beyond) in enumerate([(begin, end), (count - end, count - begin)]):
        reached = [frontier.max() >= beyond for frontier in _frontiers(horizon, count, first)]
        if any(reached):
            found.append((reached.index(True), bool(outwards)))
    return min(found) if found else None


def frontiers(
    horizon: int, count: int, begin: int, cell: float = CELL, at_most: bool = False
) -> list[Tensor]:
    """How far a sweep can have come, by step and position.

    By dynamic programming over a grid of positions: of two walks to one position that have noticed the goals
    begin, begin + 1, … without leaving one out, the one that has come farther can do all that the other can.

    Args:
        count: goals, at angles spread evenly from 0 to π.
        begin: the first goal to notice.
        cell: the distance of two positions of the grid; STEP is a multiple of it.
        at_most: an upper bound for all positions, in place of what walks on the grid attain: each step may be
            longer and the radius larger by as much as a position may be off the grid.
    Returns:
        For each of the steps 0 … horizon, (y, x): the first goal not yet noticed; −1 where nobody can be.
    """
    half_width, below = round(REACH / cell), round(RADIUS / cell)
    x = torch.arange(-half_width, half_width + 1, dtype=torch.float64) * cell
    y = torch.arange(-below, half_width + 1, dtype=torch.float64) * cell
    positions = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (y, x, 2)
    radius = RADIUS + cell / 2**0.5 if at_most else RADIUS - 10 * ROUNDING  # a walk is in float32
    # Within the radius lie the goals from first to last; none where first > last.
    from_centre = positions.norm(dim=-1)
    cosine = (from_centre**2 + 1 - radius**2) / (2 * from_centre)  # infinite in the centre
    beside = cosine.clamp(max=1).acos()
    middle = torch.atan2(positions[..., 1], positions[..., 0])
    middle = torch.where(middle < -math.pi / 2, middle + 2 * math.pi, middle)
    spacing = math.pi / max(1, count - 1)
    first = ((middle - beside) / spacing).ceil().clamp(min=0)
    last = ((middle + beside) / spacing).floor().clamp(max=count - 1)
    last = torch.where(cosine <= 1, last, -1.0)
    window = round(STEP / cell) + at_most
    now = torch.full(positions.shape[:2], -1.0)
    now[below, half_width] = begin  # the start
    steps = [now]
    for _ in range(horizon):
        along = F.max_pool2d(now[None, None], (1, 2 * window + 1), 1, (0, window))
        now = F.max_pool2d(along, (2 * window + 1, 1), 1, (window, 0))[0, 0]
        notices = (now >= first) & (now <= last)
        now = torch.where(notices, last + 1.0, now)
        steps.append(now)
    return steps


@lru_cache(maxsize=16)
def _frontiers(horizon: int, count: int, begin: int) -> list[Tensor]:
    return frontiers(horizon, count, begin)


def _walk(horizon: int, count: int, begin: int, end: int, needed: int) -> Tensor:
    """The positions of a sweep from goal ``begin`` to ``end`` − 1 in ``needed`` steps, then waiting:
    (horizon, 2)."""
    steps, window = _frontiers(horizon, count, begin), round(STEP / CELL)
    origin = torch.tensor([round(RADIUS / CELL), round(REACH / CELL)])  # (row, column) of the start
    here = (steps[needed] >= end).nonzero()[0]
    walk = [here]
    for clock in reversed(range(1, needed)):  # from where could it come here, having seen so much?
        top, left = (here - window).clamp(min=0).tolist()
        beside = steps[clock][top : here[0] + window + 1, left : here[1] + window + 1]
        furthest = (beside == beside.max()).nonzero() + torch.tensor([top, left])
        straight = origin + (here - origin) * clock / (clock + 1)
        here = furthest[(furthest - straight).square().sum(dim=1).argmin()]  # of these, the least of a detour
        walk.append(here)
    walk = torch.stack(walk[::-1] + [walk[0]] * (horizon - needed))
    return (walk - origin).flip(dims=[1]).double() * CELL  # (row, column) → (x, y)


class SweepThenGo:
    """A policy for ``play``: sweep until something pays, then go to the goal, or to the first that it may
    be."""

    def __init__(self, task: PointRobot) -> None:
        self.task, self.sweep = task, find_sweep(task)
        self._running: RunningPointRobot | None = None

    def __call__(self, running: RunningPointRobot) -> Tensor:
        if running is not self._running:
            self._running, self.seen = running, PossibleGoals(self.task, running)
            self.found = torch.zeros_like(running.done)  # (B,)
        else:
            self.seen.update()
        self.found = self.found | (running.reward > 0)
        positions = self.sweep.positions.float().to(running.state.device)
        episode = running.episode.clamp(max=len(positions) - 1)
        planned = positions[episode, running.clock.clamp(max=positions.shape[1] - 1)]
        goal = self.task.goals.to(running.state.device)[self.seen.possible.int().argmax(dim=1)]
        return towards(running.state, torch.where(self.found[:, None], goal, planned))


# -- references ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def enough_episodes_to_find_out(task: PointRobot) -> bool:
    """Whether the goal can be known, in every problem, when the last episode begins: seen by sweeping in
    all."""
    if task.trial.episodes < 2:
        return False
    every = torch.arange(len(task.goals))
    try:
        trials = play(task, Drawn(None, every), torch.Generator(), SweepThenGo(task))
    except CourseError:
        return False
    last = (task.trial.episodes - 1) * task.trial.horizon
    known = possible_goals(task, trials)[:, last]  # (M, M)
    return bool((known == torch.eye(len(every), dtype=torch.bool)).all())


def mean_reward(from_centre: float, slices: int = 400) -> float:
    """What a step to a point at this distance from the centre pays on average over a half-circle of goals.

    The same at every angle, except near the ends of the half-circle, where it is less. By Simpson's rule.
    """
    ends = noticed_angles((0.0, from_centre))
    if ends is None:
        return 0.0
    angle = torch.linspace(0.0, (ends[1] - ends[0]) / 2, slices + 1, dtype=torch.float64)
    paid = 1 - (1 + from_centre**2 - 2 * from_centre * angle.cos()).sqrt()
    weight = torch.ones_like(angle)
    weight[1:-1:2], weight[2:-1:2] = 4.0, 2.0
    return float((paid * weight).sum() * (angle[1] - angle[0]) / 3 * 2 / math.pi)


def highest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one summit has it, by golden-section search."""
    ratio = (5**0.5 - 1) / 2
    while high - low > 1e-9:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (left, high) if function(left) < function(right) else (low, right)
    return (low + high) / 2


@lru_cache(maxsize=8)
def no_exploration_return(horizon: int = 20) -> float:
    """The best mean return of an episode for somebody who never sees a reward, the goal anywhere on the
    half-circle.

    What a step pays them depends on the distance from the centre only, and rises up to the best one, 0.98.
    The corner of the square that they can have reached is the farthest from the centre, and the corners are
    one walk: the diagonal, as far as the best distance. It is optimal at each step.
    """
    best = highest(mean_reward, 1 - RADIUS, 1.0)
    return sum(mean_reward(min(best, 2**0.5 * STEP * clock)) for clock in range(1, horizon + 1))


def references(task: PointRobot) -> dict[str, float]:
    """Reference values of a trial, whose last episode counts, over the test goals.

    ``optimal_return``: of whoever explores well enough to know the goal when the last episode begins, so the
    same as ``oracle_return``, that of whoever is told; left out where the episodes are too few for that.
    ``no_exploration_return``: of whoever never sees a reward.
    """
    known = float(known_goal_return(task)[task.splits["test"]].mean())
    found = {"oracle_return": known, "no_exploration_return": no_exploration_return(task.trial.horizon)}
    return {"optimal_return": known} | found if enough_episodes_to_find_out(task) else found
