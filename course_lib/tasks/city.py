"""Unknown cities: a grid with bus stops whose destinations differ from problem to problem.

The bus colour can't be seen, so nobody knows where a bus goes without riding it, or without reading
the map. The city is explored once without a goal and without reward; then a goal is named, and the
way there is paid by the step.

Sources: the *map* and *distracting-bus* tasks are DREAM's (Liu, Raghunathan, Liang, Finn 2021, "Decoupling
Exploration and Exploitation for Meta-Reinforcement Learning without Sacrifices", section 6), with the cells and
the numbering of problems of its released code (github.com/ezliu/dream, envs/city.py); *homework-map* is the one
of Stanford CS224R's 2023 homework on meta-RL.

Two choices of ours. In DREAM's released code the exploration episode also ends on hitting a hidden goal
that was sampled for it; here exploration has no goal, so only the clock and the action "end" stop it. (In
the homework every corner ends every episode, and here too.) And the released cities have three actions
that do nothing; here there is one, "wait".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual
from course_lib.tasks.tables import Tables, TableTask
from course_lib.tasks.task import TrialShape

Cell = tuple[int, int]

ACTIONS = ("right", "up", "left", "down", "wait", "ride", "end")
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1))  # (x, y); y points up
WAIT, RIDE, END = 4, 5, 6


@dataclass(frozen=True)
class CityPlan:
    """What all problems of a family share. Problem m sends bus i to ``destinations[routes_m[i]]``.

    The last ``distractors`` buses are of no use for any goal: they share the last destinations among themselves,
    in an order of their own. Every ``train_every``-th problem is trained on and the others are the test; where it
    is 1 all problems are both.
    """

    width: int
    height: int
    start: Cell
    goals: tuple[Cell, ...]
    stops: tuple[Cell, ...]
    destinations: tuple[Cell, ...]
    map_cell: Cell | None
    step_cost: float
    horizon: int
    goals_end_exploration: bool
    distractors: int = 0
    train_every: int = 1

    def routes(self) -> list[tuple[int, ...]]:
        """The routes of each problem; those of the useful buses change fastest, as in DREAM's numbering."""
        useful = len(self.stops) - self.distractors
        return [
            near + tuple(useful + i for i in far)
            for far in permutations(range(self.distractors))
            for near in permutations(range(useful))
        ]


class City(TableTask):
    """A city family: the tables of its plan, and what a drawing needs to know of it."""

    def __init__(self, name: str, title: Bilingual, plan: CityPlan) -> None:
        self.plan = plan
        self.routes = plan.routes()  # routes[m][i]: where bus i goes
        every = torch.arange(len(self.routes))
        trained = every % plan.train_every == 0
        super().__init__(
            name=name,
            title=title,
            tables=city_tables(plan, self.routes),
            trial=TrialShape(horizon=plan.horizon, instructed=(False, True), counted=(False, True)),
            actions=ACTIONS,
            train=every[trained],
            test=every if trained.all() else every[~trained],
            end_action=END,
            waiting_cost=plan.step_cost,
        )

    @property
    def width(self) -> int:
        return self.plan.width

    @property
    def height(self) -> int:
        return self.plan.height

    @property
    def goals(self) -> tuple[Cell, ...]:
        return self.plan.goals

    @property
    def bus_stops(self) -> tuple[Cell, ...]:
        """Every cell with a bus: the stops near the start, then their destinations."""
        return self.plan.stops + self.plan.destinations

    @property
    def useful_routes(self) -> Tensor:
        """Which problems agree in every bus that is of use: (M,) int64, the same number where they do."""
        return torch.arange(len(self.routes)) % factorial(len(self.plan.stops) - self.plan.distractors)

    @property
    def distracting_routes(self) -> Tensor:
        """Which problems agree in every distractor: (M,) int64."""
        return torch.arange(len(self.routes)) // factorial(len(self.plan.stops) - self.plan.distractors)

    @property
    def map_cell(self) -> Cell | None:
        return self.plan.map_cell

    def cell(self, state: int) -> Cell:
        """Where a state lies: (x, y), y pointing up."""
        return int(state) % self.width, int(state) // self.width

    def state(self, cell: Cell) -> int:
        """The state that lies at (x, y)."""
        return cell[0] + cell[1] * self.width

    def destination(self, problem: int, stop: int) -> Cell:
        """Where bus ``stop`` goes in ``problem``."""
        return self.plan.destinations[self.routes[problem][stop]]


def city_tables(plan: CityPlan, routes: list[tuple[int, ...]]) -> Tables:
    """Fill in the tables of a city. ``routes[m][i]`` says to which destination problem m sends bus i."""
    problems, states, actions = len(routes), plan.width * plan.height, len(ACTIONS)

    def state(cell: Cell) -> int:
        return cell[0] + cell[1] * plan.width

    # Moving: one cell, or against the wall. Waiting and ending stay; riding without a bus stays too.
    next_state = torch.arange(states)[None, :, None].repeat(problems, 1, actions)  # (M, S, A)
    for x in range(plan.width):
        for y in range(plan.height):
            for action, (dx, dy) in enumerate(MOVES):
                to = min(max(x + dx, 0), plan.width - 1), min(max(y + dy, 0), plan.height - 1)
                next_state[:, state((x, y)), action] = state(to)
    for problem, route in enumerate(routes):
        for stop, destination in zip(plan.stops, (plan.destinations[i] for i in route), strict=True):
            next_state[problem, state(stop), RIDE] = state(destination)
            next_state[problem, state(destination), RIDE] = state(stop)  # buses work both ways

    # Reward: a cost a step, 1 on arriving at the goal instead. Exploring (instruction 0) pays nothing.
    goal_states = torch.tensor([state(goal) for goal in plan.goals])  # (I − 1,)
    reaches = next_state[:, None] == goal_states[None, :, None, None]  # (M, I − 1, S, A)
    reward = torch.full((problems, 1 + len(plan.goals), states, actions), -plan.step_cost)
    reward[:, 0] = 0.0
    reward[:, 1:].masked_fill_(reaches, 1.0)

    ends = torch.zeros(1, 1 + len(plan.goals), states, dtype=torch.bool)
    for instruction, goal in enumerate(goal_states, start=1):
        ends[0, instruction, goal_states if plan.goals_end_exploration else goal] = True
    if plan.goals_end_exploration:
        ends[0, 0, goal_states] = True

    # Sensing: the cell, with or without a bus, and on the map its content, which tells the problem.
    sense = torch.arange(states).repeat(problems, 1)  # (M, S)
    if plan.map_cell is not None:
        sense[:, state(plan.map_cell)] = states + torch.arange(problems)
    return Tables(next_state, reward, ends, sense, city_features(plan, problems), state(plan.start))


def city_features(plan: CityPlan, problems: int) -> Tensor:
    """What a network receives for each symbol: x and y one-hot, a flag for a bus, the map's content one-hot."""
    states = plan.width * plan.height
    symbols = states + (problems if plan.map_cell is not None else 0)
    features = torch.zeros(symbols, plan.width + plan.height + 1 + symbols - states)  # (symbols, F)
    for symbol in range(symbols):
        on_map = symbol >= states
        x, y = plan.map_cell if on_map else (symbol % plan.width, symbol // plan.width)
        features[symbol, x] = features[symbol, plan.width + y] = 1.0
        features[symbol, plan.width + plan.height] = float((x, y) in plan.stops + plan.destinations)
        if on_map:
            features[symbol, plan.width + plan.height + 1 + symbol - states] = 1.0
    return features


def corners(width: int, height: int, inset: int = 0) -> tuple[Cell, ...]:
    """The four corners; with ``inset``, the cells that lie so many steps along the vertical edges' middle."""
    return tuple((x, y) for x in (0, width - 1) for y in (inset, height - 1 - inset))


def map_city() -> City:
    """DREAM's map task: 9 × 9, 24 problems, a map four steps from the start. Optimum 0.8, walking 0.3."""
    plan = CityPlan(
        width=9,
        height=9,
        start=(4, 4),
        goals=corners(9, 9),
        stops=((4, 5), (5, 4), (3, 4), (4, 3)),
        destinations=corners(9, 9, inset=1),
        map_cell=(7, 3),
        step_cost=0.1,
        horizon=20,
        goals_end_exploration=False,
    )
    return City("map", Bilingual("지도가 있는 도시", "City with a map"), plan)


def distracting_bus() -> City:
    """DREAM's distracting bus: 9 × 9, no map, and four more buses that help nobody. Optimum 0.8, walking 0.3.

    576 problems. Each 11th is trained on: 53, in which each of the 24 ways of the useful buses comes up. The
    other 523 are the test.
    """
    plan = CityPlan(
        width=9,
        height=9,
        start=(4, 4),
        goals=corners(9, 9),
        stops=((4, 5), (5, 4), (3, 4), (4, 3), (5, 5), (3, 3), (3, 5), (5, 3)),
        destinations=(*corners(9, 9, inset=1), (0, 4), (4, 0), (8, 4), (4, 8)),
        map_cell=None,
        step_cost=0.1,
        horizon=20,
        goals_end_exploration=False,
        distractors=4,
        train_every=11,
    )
    return City("distracting-bus", Bilingual("방해 버스가 있는 도시", "City with distracting buses"), plan)


def homework_map() -> City:
    """CS224R's homework city: 5 × 5, 24 problems; a ride ends the episode. Optimum 0.7, walking 0.1."""
    plan = CityPlan(
        width=5,
        height=5,
        start=(2, 2),
        goals=corners(5, 5),
        stops=((2, 1), (3, 2), (2, 3), (1, 2)),
        destinations=corners(5, 5),
        map_cell=(4, 2),
        step_cost=0.3,
        horizon=10,
        goals_end_exploration=True,
    )
    return City("homework-map", Bilingual("과제의 작은 도시", "The homework's small city"), plan)
