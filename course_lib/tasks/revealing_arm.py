"""The revealing-arm bandit: one arm pays nothing and says which of the others will.

In problem m arm m + 1 pays 1 and all others 0. Pulling arm 0 shows a sign with the number of the paying
arm; any other arm shows nothing. A trial is one pull to explore, whose reward is neither seen nor counted,
and one pull that counts. Knowing the arm is worth 1, guessing 1 / (|A| − 1).

Source of the problem: the tabular analysis of DREAM (Liu, Raghunathan, Liang, Finn 2021), which asks how
many samples it takes until exploring is learned: see ``course_lib.exact.revealing_arm``.
"""

from __future__ import annotations

import torch

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import Tables, TableTask
from course_lib.tasks.task import TrialShape


class RevealingArm(TableTask):
    """|A| arms, of which arm 0 is the sign. State and symbol 0: no sign; m + 1: the sign of problem m.

    Args:
        arms: |A|.
    Raises:
        CourseError: fewer than 3 arms, where there would be nothing to find out.
    """

    def __init__(self, arms: int = 8) -> None:
        if not isinstance(arms, int) or isinstance(arms, bool) or arms < 3:
            raise CourseError(
                Bilingual(
                    f"revealing-arm에는 3 이상의 정수 arms가 필요합니다. 받은 값: {arms!r}.",
                    f"revealing-arm needs a whole number of at least 3 arms. Got {arms!r}.",
                )
            )
        self.arms, problems = arms, arms - 1
        sign = torch.arange(1, arms)  # (M,)
        next_state = torch.zeros(problems, arms, arms, dtype=torch.int64)  # (M, S, A)
        next_state[:, :, 0] = sign[:, None]
        pays = torch.zeros(problems, 2, arms, arms)  # (M, I, S, A): instruction 0 explores, for nothing
        pays[torch.arange(problems), 1, :, sign] = 1.0
        every = torch.arange(problems)
        super().__init__(
            name="revealing-arm",
            title=Bilingual(f"알려 주는 팔이 있는 밴딧 (팔 {arms}개)", f"Revealing-arm bandit ({arms} arms)"),
            tables=Tables(
                next_state=next_state,
                reward=pays,
                ends=torch.zeros(1, 2, arms, dtype=torch.bool),
                sense=torch.arange(arms).expand(problems, -1),
                features=torch.eye(arms),
                start=0,
            ),
            trial=TrialShape(horizon=1, instructed=(False, True), counted=(False, True)),
            actions=tuple(f"arm {arm}" for arm in range(arms)),
            train=every,
            test=every,
        )
