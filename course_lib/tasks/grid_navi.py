"""GridNavi: a goal is hidden in an empty grid, and one finds it by standing on it.

A trial is four episodes of 15 steps, each from the corner (0, 0), the goal being the same in all of them;
the reward is seen, and every episode counts. A step that leaves the agent on the goal pays 1, any other
costs 0.1; the goal ends nothing. The goal is any cell but the start and its three neighbours: 21 problems.

Source: VariBAD (Zintgraf et al. 2020), its gridworld, by the rules of the released ``gridworld.py``; there,
too, training and test draw from all problems. A choice of ours: there a network receives x and y as two
numbers, here one-hot, as in the cities.
"""

from __future__ import annotations

import torch

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.tables import Tables, TableTask
from course_lib.tasks.task import TrialShape

Cell = tuple[int, int]

ACTIONS = ("right", "up", "left", "down", "wait")
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1), (0, 0))  # (x, y); y points up
ON_GOAL, STEP_COST = 1.0, 0.1


class HiddenGoal(TableTask):
    """An empty grid with one hidden goal: problem m hides it in ``goals[m]``.

    Args:
        width, height: cells along the edges.
        start: where every episode begins.
        goals: M cells.
        horizon, episodes: steps of an episode, episodes of a trial.
    """

    def __init__(
        self,
        name: str,
        title: Bilingual,
        width: int,
        height: int,
        start: Cell,
        goals: tuple[Cell, ...],
        horizon: int,
        episodes: int,
    ) -> None:
        self.width, self.height, self.goals = width, height, goals
        every = torch.arange(len(goals))
        super().__init__(
            name=name,
            title=title,
            tables=self._tables(start),
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

    def _tables(self, start: Cell) -> Tables:
        problems, state = len(self.goals), torch.arange(self.width * self.height)
        x, y = state % self.width, state // self.width
        move = torch.tensor(MOVES)  # (A, 2)
        to_x = (x[:, None] + move[:, 0]).clamp(0, self.width - 1)  # (S, A): the wall stops
        to_y = (y[:, None] + move[:, 1]).clamp(0, self.height - 1)
        arrived = to_x + to_y * self.width  # (S, A)
        goal = torch.tensor([self.state(goal) for goal in self.goals])  # (M,)
        on_goal = arrived == goal[:, None, None]  # (M, S, A)
        return Tables(
            next_state=arrived.expand(problems, -1, -1),
            reward=torch.where(on_goal, ON_GOAL, -STEP_COST)[:, None],  # (M, 1, S, A)
            ends=torch.zeros(1, 1, len(state), dtype=torch.bool),
            sense=state.expand(problems, -1),
            features=torch.cat([torch.eye(self.width)[x], torch.eye(self.height)[y]], dim=1),  # (S, F)
            start=self.state(start),
        )


class GridNavi(HiddenGoal):
    """VariBAD's grid: the goal is any cell but the corner (0, 0), where one starts, and its three neighbours.

    Args:
        side: cells along an edge.
    Raises:
        CourseError: a number is not whole, or too small.
    """

    def __init__(self, side: int = 5, horizon: int = 15, episodes: int = 4) -> None:
        check_sizes("gridnavi", side=(side, 3), horizon=(horizon, 1), episodes=(episodes, 1))
        cells = [(x, y) for y in range(side) for x in range(side)]
        super().__init__(
            name="gridnavi",
            title=Bilingual("GridNavi", "GridNavi"),
            width=side,
            height=side,
            start=(0, 0),
            goals=tuple(cell for cell in cells if max(cell) > 1),
            horizon=horizon,
            episodes=episodes,
        )


class Corridor(HiddenGoal):
    """By the same rules a corridor, the start in its middle and the goal at one of its two ends.

    To find out anything here takes ``half`` steps in one direction: what posterior sampling can do only while
    it holds on to what it has drawn. For ``course_lib.exact.posterior_sampling``; no paper's task.

    Args:
        half: steps from the start to either end.
    Raises:
        CourseError: a number is not whole, or too small.
    """

    def __init__(self, half: int = 20, horizon: int = 40, episodes: int = 4) -> None:
        check_sizes("corridor", half=(half, 1), horizon=(horizon, 1), episodes=(episodes, 1))
        super().__init__(
            name="corridor",
            title=Bilingual("복도", "Corridor"),
            width=2 * half + 1,
            height=1,
            start=(half, 0),
            goals=((0, 0), (2 * half, 0)),
            horizon=horizon,
            episodes=episodes,
        )


def check_sizes(task: str, **sizes: tuple[int, int]) -> None:
    """Raise a CourseError unless every option, given as (value, least), is whole and large enough."""
    for name, (value, least) in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise CourseError(
                Bilingual(
                    f"{task}의 {name}에는 {least} 이상의 정수를 주십시오. 받은 값: {value!r}.",
                    f"{task} needs a whole number of at least {least} for {name}. Got {value!r}.",
                )
            )
