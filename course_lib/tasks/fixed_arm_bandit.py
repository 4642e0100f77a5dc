"""A bandit with one fixed arm, on which exploring costs more than most of what it finds.

Arm 0 always pays the same on average; the others' means are drawn anew for each problem, and are mostly lower. A
trial is n episodes of one pull each, and every pull counts. Whoever is paid for whole trials, as RL² is, soon
learns to leave the other arms alone, before it has learned to use what pulling them would tell.

Source: the released bandits of First-Explore (Norman and Clune 2024), of 10 arms and 100 pulls: all means but arm
0's are from N(0, 1), and the noise is 0.5. Here all is twice as large, so that the noise is 1; arm 0 is noisy as
well; there are 50 pulls by default; and arm 0 pays more, 1 in their units, so that few arms are better.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import TableFamily, Tables
from course_lib.tasks.task import Drawn, TrialShape, check_split


class FixedArmBandit(TableFamily):
    """There are infinitely many problems, so each draw makes its own tables.

    Args:
        arms, pulls: k and n.
        fixed: what arm 0 pays on average.
        spread: the standard deviation of the other arms' means, around 0.
    Raises:
        CourseError: one of them makes no sense.
    """

    def __init__(self, arms: int = 10, pulls: int = 50, fixed: float = 2.0, spread: float = 2.0) -> None:
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (arms, pulls))
        real = all(isinstance(v, (int, float)) and math.isfinite(v) for v in (fixed, spread))
        if not whole or arms < 2 or pulls < 1 or not real or spread <= 0:
            got = f"arms={arms!r}, pulls={pulls!r}, fixed={fixed!r}, spread={spread!r}"
            raise CourseError(
                Bilingual(
                    "fixed-arm-bandit에는 2 이상의 정수 arms, 1 이상의 정수 pulls, 유한한 수 fixed와 0보다 큰 수 spread가 "
                    f"필요합니다. 받은 값: {got}.",
                    "fixed-arm-bandit needs whole numbers of at least 2 arms and 1 pull, a finite fixed and a spread "
                    f"above 0. Got {got}.",
                )
            )
        self.name = "fixed-arm-bandit"
        self.title = Bilingual(f"고정 팔 밴딧 (팔 {arms}개)", f"Bandit with one fixed arm ({arms} arms)")
        self.arms, self.pulls, self.fixed, self.spread = arms, pulls, fixed, spread
        self.actions = tuple(f"arm {arm}" for arm in range(arms))
        self.trial = TrialShape(horizon=1, instructed=(False,) * pulls, counted=(True,) * pulls, pauses=False)
        self.tables = self.tables_of(torch.zeros(1, arms))  # shapes for whoever builds a network

    def tables_of(self, means: Tensor) -> Tables:
        """The tables of bandits whose arms pay so on average: (M, k)."""
        one_state = torch.zeros(len(means), 1, self.arms, dtype=torch.int64)
        return Tables(
            next_state=one_state,
            reward=means[:, None, None, :].float(),
            ends=torch.zeros(1, 1, 1, dtype=torch.bool),
            sense=one_state[:, :, 0],
            features=torch.zeros(1, 0),  # one state: nothing to sense
            start=0,
            reward_noise="normal",
        )

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Fresh bandits for ``count`` trials. Each draw is new, so training never meets a test problem."""
        check_split(split)
        means = self.spread * torch.randn(count, self.arms, generator=generator, device=generator.device)
        means[:, 0] = self.fixed
        return Drawn(self.tables_of(means).to(generator.device), torch.arange(count, device=generator.device))

    def problem_from(self, means: Any, count: int) -> Drawn:
        """The bandits that somebody asks for by what their arms pay on average: (k,) for all, or (count, k).

        Raises:
            CourseError: they are no means of k arms.
        """
        try:
            asked = np.asarray(means)
        except ValueError:  # rows of different lengths
            asked = np.asarray(None)
        shaped = asked.dtype.kind in "iuf" and asked.shape in ((self.arms,), (count, self.arms))
        if not shaped or not np.isfinite(asked).all():
            raise CourseError(
                Bilingual(
                    f"이 밴딧의 문제는 팔 {self.arms}개의 평균 보상이며 모두 유한한 수여야 합니다. 받은 값: {means!r}.",
                    f"This bandit's problem is the mean rewards of its {self.arms} arms, all of them finite. "
                    f"Got {means!r}.",
                )
            )
        rows = torch.tensor(np.broadcast_to(asked, (count, self.arms)), dtype=torch.float32)
        return Drawn(self.tables_of(rows), torch.arange(count))
