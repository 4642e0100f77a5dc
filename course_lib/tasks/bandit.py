"""Bernoulli bandits: k arms, each pays 1 with its own hidden chance, drawn uniformly from [0, 1].

Source: RL² (Duan et al. 2016), section 3.1 and table 1. A trial is n episodes of one pull each, and every
pull counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import TableFamily, Tables
from course_lib.tasks.task import Drawn, TrialShape, check_split


class BernoulliBandit(TableFamily):
    """k arms and n pulls. There are infinitely many problems, so each draw makes its own tables."""

    def __init__(self, arms: int = 5, pulls: int = 10) -> None:
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (arms, pulls))
        if not whole or arms < 2 or pulls < 1:
            raise CourseError(
                Bilingual(
                    "밴딧에는 2 이상의 정수 arms와 1 이상의 정수 pulls가 필요합니다. "
                    f"받은 값: arms={arms!r}, pulls={pulls!r}.",
                    "A bandit needs whole numbers: at least 2 arms and 1 pull. "
                    f"Got arms={arms!r}, pulls={pulls!r}.",
                )
            )
        self.name = "bandit"
        self.title = Bilingual(f"베르누이 밴딧 (팔 {arms}개)", f"Bernoulli bandit ({arms} arms)")
        self.arms, self.pulls = arms, pulls
        self.actions = tuple(f"arm {arm}" for arm in range(arms))
        self.trial = TrialShape(horizon=1, instructed=(False,) * pulls, counted=(True,) * pulls, pauses=False)
        self.tables = self.tables_of(torch.full((1, arms), 0.5))  # shapes for whoever builds a network

    def tables_of(self, chances: Tensor) -> Tables:
        """The tables of bandits whose arms pay with these chances: (M, k) in [0, 1]."""
        problems = len(chances)
        one_state = torch.zeros(problems, 1, self.arms, dtype=torch.int64)
        return Tables(
            next_state=one_state,
            reward=chances[:, None, None, :].float(),
            ends=torch.zeros(1, 1, 1, dtype=torch.bool),
            sense=one_state[:, :, 0],
            features=torch.zeros(1, 0),  # one state: nothing to sense
            start=0,
            reward_noise="bernoulli",
        )

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Fresh bandits for ``count`` trials. Each draw is new, so training never meets a test problem."""
        check_split(split)
        chances = torch.rand(count, self.arms, generator=generator, device=generator.device)
        index = torch.arange(count, device=generator.device)
        return Drawn(self.tables_of(chances).to(generator.device), index)

    def spread_evenly(self, count: int, generator: torch.Generator) -> Drawn:
        """Bandits that fill the cube of all chances evenly: a scrambled Sobol sequence (Owen 1998), one trial for each.

        Each of them alone is drawn uniformly, as by ``draw``; together they leave no gaps. At 100 pulls the mean return
        over 2,000 of them has a standard error of 0.15, over as many drawn one by one 0.46 (5 arms, Gittins index).
        """
        seed = int(torch.randint(2**31, (), generator=generator, device=generator.device))
        chances = torch.quasirandom.SobolEngine(self.arms, scramble=True, seed=seed).draw(count)
        index = torch.arange(count, device=generator.device)
        return Drawn(self.tables_of(chances).to(generator.device), index)

    def problem_from(self, chances: Any, count: int) -> Drawn:
        """The bandits that somebody asks for by the chances of their arms: (k,) for all, or (count, k).

        Raises:
            CourseError: they are no chances of k arms.
        """
        try:
            asked = np.asarray(chances)
        except ValueError:  # rows of different lengths
            asked = np.asarray(None)
        shaped = asked.dtype.kind in "iuf" and asked.shape in ((self.arms,), (count, self.arms))
        if not shaped or not ((asked >= 0) & (asked <= 1)).all():
            raise CourseError(
                Bilingual(
                    f"밴딧의 문제는 팔 {self.arms}개의 확률이며 각각 0과 1 사이여야 합니다. 받은 값: {chances!r}.",
                    f"A bandit's problem is the chances of its {self.arms} arms, each from 0 to 1. "
                    f"Got {chances!r}.",
                )
            )
        rows = torch.tensor(np.broadcast_to(asked, (count, self.arms)), dtype=torch.float32)
        return Drawn(self.tables_of(rows), torch.arange(count))
