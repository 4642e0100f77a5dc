"""The sparse point robot: a goal lies somewhere on a half-circle, and one finds it by coming near.

The continuous task of the course: there are no tables; ``PointRobot`` and ``RunningPointRobot`` are written
by hand. A robot starts every episode at (0, 0) and moves at most 0.1 along each axis with a step, for 20
steps. The goal lies on the unit half-circle above the x axis. A step that ends within 0.2 of it pays 1 −
distance, any other pays 0; the goal ends nothing. The robot senses its position, and nothing else: what it
finds out, it finds out from the reward.

Source: PEARL (Rakelly et al. 2019), by the rules of its released code (github.com/katerakelly/oyster):

- ``rlkit/envs/point_robot.py``, ``SparsePointEnv``: the goals are 100 angles spread evenly from 0 to π, both
  ends included, shuffled with NumPy's seed 1337; the reward is sparse on and inside the radius of 0.2; the
  dense reward, −distance, is what the environment's ``step`` returns;
- ``rlkit/envs/wrappers.py``, ``NormalizedBoxEnv``: an action from −1 to 1 an axis is scaled to ±0.1, and
  clipped;
- ``configs/sparse-point-robot.json``, ``launch_experiment.py``: the first 80 goals of the shuffled list are
  for training, the last 20 for the test; 20 steps an episode;
- ``rlkit/torch/sac/sac.py``: in training the critic learns from the *dense* reward, and only the encoder of z
  sees the sparse one. So ``dense_reward`` is here too, for a critic; it is never sensed.

Our choices. A trial has 5 episodes, 4 of exploration and 1 that counts: the release judges an agent by the
return of its last episode as well, but lets it have 20, of which it spends the first 5 on samples from the
prior (``num_exp_traj_eval``) and every later one on a sample from the posterior: ``make_task("point-robot",
episodes=20)``. A network receives the position as two numbers, as it is. Positions are float32, so "within
0.2" allows for one millionth of rounding.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual
from course_lib.tasks.grid_navi import check_sizes
from course_lib.tasks.task import Drawn, Running, Task, TrialShape, check_split

STEP = 0.1  # the longest move along an axis
RADIUS = 0.2  # how near the reward is paid
ROUNDING = 1e-6  # what lies this little outside of the radius lies on it
GOALS, TRAIN_GOALS = 100, 80


def published_angles() -> Tensor:
    """The angles of the release's goals, in its order: (100,) float64, from 0 to π.

    NumPy keeps the stream of a seeded ``RandomState`` the same for good, so these are the goals of the
    release, and the generator is nobody else's.
    """
    angles = np.linspace(0.0, np.pi, GOALS)
    np.random.RandomState(1337).shuffle(angles)
    return torch.from_numpy(angles)


def on_half_circle(angle: Tensor) -> Tensor:
    """The points at these angles: (…) → (…, 2)."""
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def distance(position: Tensor, goal: Tensor) -> Tensor:
    """How far (…, 2) and (…, 2) lie apart: (…).

    One rounded operation after another, so that the same two points are equally far apart in a batch of any
    shape.
    """
    across, up = (position - goal).unbind(dim=-1)
    return (across * across + up * up).sqrt()


def sparse_reward(position: Tensor, goal: Tensor) -> Tensor:
    """What a step to ``position`` (…, 2) pays: 1 − distance within the radius, else 0. (…)."""
    apart = distance(position, goal)
    return torch.where(apart <= RADIUS + ROUNDING, 1 - apart, 0.0)


def dense_reward(position: Tensor, goal: Tensor) -> Tensor:
    """−distance, (…): for a critic in training. Whoever senses it need not explore any more."""
    return -distance(position, goal)


def angles_that_pay(position: tuple[float, float], reward: float) -> list[float]:
    """The angles of all goals on the half-circle for which a step to ``position`` pays ``reward`` > 0.

    Two circles meet in two points at most: the half-circle, and that of radius 1 − reward around the
    position. Rewards are rounded; where the circles only just touch, that can move the angle by 0.002.
    """
    from_centre, apart = math.hypot(*position), 1 - reward
    if from_centre == 0:
        return []
    cosine = (from_centre**2 + 1 - apart**2) / (2 * from_centre)
    if cosine > 1 + 10 * ROUNDING:  # too far from the circle; rounding may only just miss it
        return []
    middle, beside = direction(position), math.acos(min(1.0, cosine))
    inside = {angle for angle in (middle - beside, middle + beside) if -0.002 <= angle <= math.pi + 0.002}
    return sorted(min(max(angle, 0.0), math.pi) for angle in inside)


def direction(position: tuple[float, float]) -> float:
    """The angle of a position as seen from the centre, from −π/2 to 3π/2: far from the half-circle's ends."""
    angle = math.atan2(position[1], position[0])
    return angle + 2 * math.pi if angle < -math.pi / 2 else angle


class PointRobot(Task):
    """PEARL's sparse point robot. Problem m hides the goal ``goals[m]``, at the angle ``angles[m]``.

    Args:
        horizon: steps of an episode.
        episodes: K, of which the last counts.
    Raises:
        CourseError: a number is not whole, or too small.
    """

    name = "point-robot"
    title = Bilingual("점 로봇(sparse point robot)", "Sparse point robot")
    actions = ("x", "y")
    continuous = True
    problem_count = GOALS
    sensed_size = 2
    reward_range = (0.0, 1.0)

    def __init__(self, horizon: int = 20, episodes: int = 5) -> None:
        check_sizes(self.name, horizon=(horizon, 1), episodes=(episodes, 1))
        self.angles = published_angles()  # (M,) float64
        self.goals = on_half_circle(self.angles).float()  # (M, 2)
        every = torch.arange(GOALS)
        self.splits = {"train": every[:TRAIN_GOALS], "test": every[TRAIN_GOALS:]}
        exploration = (False,) * (episodes - 1)
        self.trial = TrialShape(
            horizon=horizon, instructed=(False,) * episodes, counted=(*exploration, True), pauses=False
        )

    @property
    def sensed_range(self) -> tuple[float, float]:
        """No coordinate is ever larger; a little more than the sum of the steps, which rounding may
        exceed."""
        farthest = STEP * self.trial.horizon * 1.001
        return -farthest, farthest

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Goals for ``count`` trials, uniformly from ``split``.

        Raises:
            CourseError: the split is neither "train" nor "test".
        """
        allowed = self.splits[check_split(split)].to(generator.device)
        chosen = torch.randint(len(allowed), (count,), generator=generator, device=generator.device)
        return Drawn(None, allowed[chosen])

    def each(self, copies: int = 1, split: str = "test") -> Drawn:
        """Every goal of ``split``, ``copies`` times."""
        return Drawn(None, self.splits[check_split(split)].repeat_interleave(copies))

    def begin(self, drawn: Drawn, generator: torch.Generator) -> RunningPointRobot:
        return RunningPointRobot(self, drawn, generator)

    def sensed(self, drawn: Drawn, symbol: Tensor, instruction: Tensor) -> Tensor:
        """The position, as it is: (…, 2)."""
        return symbol


class RunningPointRobot(Running):
    """B robots side by side; ``state`` and ``symbol`` are their positions, (B, 2) float32.

    ``goal`` (B, 2) and ``dense_reward`` (B,) are hidden from the agent.
    """

    def __init__(self, task: PointRobot, drawn: Drawn, generator: torch.Generator) -> None:
        self.goal = task.goals.to(drawn.index.device)[drawn.index]
        super().__init__(task, drawn, generator)

    @property
    def symbol(self) -> Tensor:
        return self.state

    @property
    def dense_reward(self) -> Tensor:
        """−distance to the goal from where the last step led: (B,)."""
        return dense_reward(self.arrived, self.goal)

    def dynamics(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        arrived = self.state + STEP * action.clamp(-1, 1)
        return arrived, sparse_reward(arrived, self.goal), torch.zeros_like(self.done)

    def restarted(self, again: Tensor) -> Tensor:
        return torch.zeros_like(self.goal)
