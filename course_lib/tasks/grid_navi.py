"""GridNavi: a goal is hidden in an empty grid, and one finds it by standing on it.

A trial is four episodes of 15 steps, each from the corner (0, 0), the goal being the same in all of them; the
reward is seen, and every episode counts. A step that leaves the agent on the goal pays 1, any other costs 0.1;
the goal ends nothing. The goal is any cell but the start and its three neighbours: 21 problems.

Source: VariBAD (Zintgraf et al. 2020), its gridworld, by the rules of the released ``gridworld.py``; there, too,
training and test draw from all problems. A choice of ours: there a network receives x and y as two
numbers, here one-hot, as in the cities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import Tables, TableTask
from course_lib.tasks.task import TrialShape

Cell = tuple[int, int]

ACTIONS = ("right", "up", "left", "down", "wait")
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1), (0, 0))  # (x, y); y points up
ON_GOAL, STEP_COST = 1.0, 0.1


class GridNavi(TableTask):
    """A square grid with one hidden goal: problem m hides it in ``goals[m]``.

    Args:
        side: cells along an edge.
        horizon: steps of an episode.
        episodes: episodes of a trial.
    Raises:
        CourseError: a number is not whole, or too small.
    """

    def __init__(self, side: int = 5, horizon: int = 15, episodes: int = 4) -> None:
        for name, value, least in (("side", side, 3), ("horizon", horizon, 1), ("episodes", episodes, 1)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise CourseError(
                    Bilingual(
                        f"gridnavi의 {name}에는 {least} 이상의 정수를 주십시오. 받은 값: {value!r}.",
                        f"gridnavi needs a whole number of at least {least} for {name}. Got {value!r}.",
                    )
                )
        self.width = self.height = side
        cells = [(x, y) for y in range(side) for x in range(side)]
        self.goals: tuple[Cell, ...] = tuple(cell for cell in cells if max(cell) > 1)
        every = torch.arange(len(self.goals))
        super().__init__(
            name="gridnavi",
            title=Bilingual("격자 항해(GridNavi)", "GridNavi"),
            tables=self._tables(),
            trial=TrialShape(
                horizon=horizon, instructed=(False,) * episodes, counted=(True,) * episodes, pauses=False
            ),
            actions=ACTIONS,
            train=every,
            test=every,
        )

    def cell(self, state: int) -> Cell:
        """Where a state lies: (x, y), y pointing up."""
        return int(state) % self.width, int(state) // self.width

    def state(self, cell: Cell) -> int:
        """The state that lies at (x, y)."""
        return cell[0] + cell[1] * self.width

    def _tables(self) -> Tables:
        side, problems = self.width, len(self.goals)
        state = torch.arange(side * side)
        x, y = state % side, state // side
        move = torch.tensor(MOVES)  # (A, 2)
        to_x = (x[:, None] + move[:, 0]).clamp(0, side - 1)  # (S, A): the wall stops
        to_y = (y[:, None] + move[:, 1]).clamp(0, side - 1)
        arrived = to_x + to_y * side  # (S, A)
        goal = torch.tensor([self.state(goal) for goal in self.goals])  # (M,)
        on_goal = arrived == goal[:, None, None]  # (M, S, A)
        one_hot: Tensor = torch.eye(side)
        return Tables(
            next_state=arrived.expand(problems, -1, -1),
            reward=torch.where(on_goal, ON_GOAL, -STEP_COST)[:, None],  # (M, 1, S, A)
            ends=torch.zeros(1, 1, side * side, dtype=torch.bool),
            sense=state.expand(problems, -1),
            features=torch.cat([one_hot[x], one_hot[y]], dim=1),  # (S, 2 · side)
            start=0,
        )
