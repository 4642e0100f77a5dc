"""The rules of the two cities, a second time: plain Python, one city, one step at a time.

Written from the description of the tasks and from nothing in ``course_lib``, so that the tables have
something to disagree with.
"""

from dataclasses import dataclass

RIGHT, UP, LEFT, DOWN, WAIT, RIDE, END = range(7)


@dataclass(frozen=True)
class Rules:
    side: int
    start: tuple
    stops: tuple
    destinations: tuple
    goals: tuple
    map_at: tuple | None
    step_cost: float
    horizon: int
    any_goal_ends: bool


MAP = Rules(
    side=9,
    start=(4, 4),
    stops=((4, 5), (5, 4), (3, 4), (4, 3)),
    destinations=((0, 1), (0, 7), (8, 1), (8, 7)),
    goals=((0, 0), (0, 8), (8, 0), (8, 8)),
    map_at=(7, 3),
    step_cost=0.1,
    horizon=20,
    any_goal_ends=False,
)
HOMEWORK = Rules(
    side=5,
    start=(2, 2),
    stops=((2, 1), (3, 2), (2, 3), (1, 2)),
    destinations=((0, 0), (0, 4), (4, 0), (4, 4)),
    goals=((0, 0), (0, 4), (4, 0), (4, 4)),
    map_at=(4, 2),
    step_cost=0.3,
    horizon=10,
    any_goal_ends=True,
)
RULES = {"map": MAP, "homework-map": HOMEWORK}


def move(rules, buses, at, action):
    """Where ``action`` leads from ``at``. ``buses`` sends each stop to its destination in this problem."""
    x, y = at
    if action == RIDE:
        back = {destination: stop for stop, destination in buses.items()}
        return buses.get(at, back.get(at, at))
    if action == RIGHT and x < rules.side - 1:
        return x + 1, y
    if action == LEFT and x > 0:
        return x - 1, y
    if action == UP and y < rules.side - 1:
        return x, y + 1
    if action == DOWN and y > 0:
        return x, y - 1
    return at


def step(rules, buses, at, clock, goal, action):
    """One step of an episode, ``goal`` None while exploring → (where, reward, whether it is over)."""
    to = move(rules, buses, at, action)
    clock += 1
    arrived = to == goal or (rules.any_goal_ends and to in rules.goals)
    over = arrived or action == END or clock == rules.horizon
    if goal is None:
        reward = 0.0
    elif to == goal:
        reward = 1.0
    else:
        steps_paid = 1 + (rules.horizon - clock if action == END else 0)
        reward = -rules.step_cost * steps_paid
    return to, reward, over


def seen(rules, problem, at):
    """What is sensed at a cell: the cell, whether a bus stops there, and on the map the problem."""
    has_bus = at in rules.stops or at in rules.destinations
    return at, has_bus, problem if at == rules.map_at else None


@dataclass
class SlowTrial:
    """A trial of two episodes, exploration and execution, with a pause between them."""

    rules: Rules
    problem: int
    buses: dict
    goal: tuple
    at: tuple = None
    episode: int = 0
    clock: int = 0
    resting: bool = False
    over: bool = False

    def __post_init__(self):
        self.at = self.rules.start

    @property
    def asked(self):
        return self.goal if self.episode == 1 else None

    @property
    def sees(self):
        return seen(self.rules, self.problem, self.at)

    def act(self, action):
        """→ (reward, whether an episode ended with this step)."""
        if self.over:
            return 0.0, False
        if self.resting:  # the pause: whatever one does, execution begins at the start
            self.at, self.clock, self.episode, self.resting = self.rules.start, 0, 1, False
            return 0.0, False
        self.at, reward, ended = step(self.rules, self.buses, self.at, self.clock, self.asked, action)
        self.clock += 1
        self.resting = ended
        self.over = ended and self.episode == 1
        return reward, ended


def buses_of(city, problem):
    """The routes of a problem, as the task says them: its number is the task's own choice."""
    return {stop: city.destination(problem, bus) for bus, stop in enumerate(city.plan.stops)}
