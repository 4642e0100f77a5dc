"""Random MDPs: nothing in them has a meaning, so there is nothing to know beforehand but their distribution.

10 states and 5 actions. In each state each action leads to a next state by chances that are drawn uniformly from
all lists of chances, Dirichlet(1, …, 1), and pays a draw of N(m, 1), where m itself is a draw of N(1, 1). All of
this is hidden and stays the same for a trial of n episodes of 10 steps, each of which starts in state 0 and counts.

Source: RL² (Duan et al. 2016), section 3.2 and table 2, after Osband, Russo and Van Roy 2013. Between two episodes
there is no pause: the agent doesn't see where the last step of an episode led. The agents of the paper's table
don't learn from it either (``course_lib.exact.random_mdps``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import TableFamily, Tables
from course_lib.tasks.task import Drawn, TrialShape, check_split

MEAN_REWARD, REWARD_PRECISION = 1.0, 1.0  # m is a draw of N(1, 1); precision is 1 / variance
CONCENTRATION = 1.0  # of the Dirichlet distribution of the chances


class RandomMDP(TableFamily):
    """There are infinitely many problems, so each draw makes its own tables.

    Args:
        episodes: n, of a trial.
        states, actions, horizon: S, A, and the steps of an episode.
    Raises:
        CourseError: one of them is no positive whole number.
    """

    def __init__(self, episodes: int = 10, states: int = 10, actions: int = 5, horizon: int = 10) -> None:
        sizes = dict(episodes=episodes, states=states, actions=actions, horizon=horizon)
        for name, size in sizes.items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise CourseError(
                    Bilingual(
                        f"random-mdp의 {name}에는 1 이상의 정수가 필요합니다. 받은 값: {size!r}.",
                        f"random-mdp needs a whole number of at least 1 for {name}. Got {size!r}.",
                    )
                )
        self.name = "random-mdp"
        self.title = Bilingual(
            f"무작위 MDP (상태 {states}개, 행동 {actions}개)", f"Random MDP ({states} states, {actions} actions)"
        )
        self.states = states
        self.actions = tuple(f"action {action}" for action in range(actions))
        self.trial = TrialShape(
            horizon, instructed=(False,) * episodes, counted=(True,) * episodes, pauses=False
        )
        uniform = torch.full((1, states, actions, states), 1 / states)
        self.tables = self.tables_of(uniform, torch.ones(1, states, actions))  # shapes, for who builds a network

    def tables_of(self, transition: Tensor, reward: Tensor) -> Tables:
        """The tables of MDPs with these chances (M, S, A, S) and these mean rewards (M, S, A)."""
        device, problems = transition.device, len(transition)
        return Tables(
            next_state=None,
            transition=transition.float(),
            reward=reward[:, None].float(),
            reward_noise="normal",
            ends=torch.zeros(1, 1, self.states, dtype=torch.bool, device=device),
            sense=torch.arange(self.states, device=device).expand(problems, -1),
            features=torch.eye(self.states, device=device),
            start=0,
        )

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Fresh MDPs for ``count`` trials. Each draw is new, so training never meets a test problem."""
        check_split(split)
        device, shape = generator.device, (count, self.states, len(self.actions))
        # Dirichlet(1, …, 1): exponential draws, divided by their sum.
        lots = torch.empty(*shape, self.states, device=device).exponential_(generator=generator)
        reward = MEAN_REWARD + torch.randn(shape, generator=generator, device=device) / REWARD_PRECISION**0.5
        tables = self.tables_of(lots / lots.sum(dim=-1, keepdim=True), reward)
        return Drawn(tables, torch.arange(count, device=device))

    def problem_from(self, problem: Any, count: int) -> Drawn:
        """The MDP that somebody asks for, in all ``count`` trials.

        Args:
            problem: a pair of arrays: the chances (S, A, S), whose rows add up to 1, and the mean rewards (S, A).
        Raises:
            CourseError: it is no such pair.
        """
        states, actions = self.states, len(self.actions)
        try:
            transition, reward = (np.asarray(part, dtype=np.float64) for part in problem)
        except (TypeError, ValueError):  # no pair, or no numbers
            transition = reward = np.empty(0)
        known = transition.shape == (states, actions, states) and reward.shape == (states, actions)
        if (
            not known
            or not (transition >= 0).all()
            or not np.allclose(transition.sum(axis=-1), 1, atol=1e-5)
            or not np.isfinite(reward).all()
        ):
            raise CourseError(
                Bilingual(
                    f"무작위 MDP의 문제는 전이 확률 ({states}, {actions}, {states})과 평균 보상 ({states}, {actions})의 "
                    "쌍입니다. 확률은 0 이상이고 행마다 합이 1이어야 하며, 보상은 유한한 수여야 합니다.",
                    f"A random MDP's problem is a pair: chances ({states}, {actions}, {states}), none below 0 and "
                    f"each row adding up to 1, and mean rewards ({states}, {actions}), all finite.",
                )
            )
        tables = self.tables_of(torch.from_numpy(transition)[None], torch.from_numpy(reward)[None])
        return Drawn(tables, torch.zeros(count, dtype=torch.int64))
