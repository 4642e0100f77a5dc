"""What is explored. ``make_task(name)`` gives a task of the course.

A new task in twenty lines
--------------------------
Fill in the tables (``Tables`` says what each is, ``tasks.task`` explains the words and letters), and say what
a trial is (``TrialShape``). Here a prize lies behind one of three doors, and a note in the hall says behind
which. The trial's first episode explores and pays nothing. In the second any door ends the episode, the right
one pays 1, and reading the note costs 0.5: whoever has read it before gets 1.0, anyone else at best 0.5::

    import torch
    from course_lib import register
    from course_lib.agents import rl2
    from course_lib.bilingual import Bilingual
    from course_lib.tasks import TASKS, Tables, TableTask, TrialShape

    def three_doors():
        every = torch.arange(3)  # M = 3: in problem m the prize is behind door m
        # S = 5 states: the hall, the doors, the note. A = 4 actions: each leads from anywhere to one place.
        next_state = torch.arange(1, 5).expand(3, 5, 4)  # (M, S, A)
        reward = torch.zeros(3, 2, 5, 4)  # (M, I, S, A): instruction 0 explores, 1 asks for the prize
        reward[every, 1, :, every] = 1.0
        reward[:, 1, :, 3] = -0.5
        ends = torch.tensor([[[False] * 5, [False, True, True, True, False]]])  # (1, I, S)
        sense = torch.tensor([[0, 1, 2, 3, 4 + m] for m in range(3)])  # (M, S): the note tells m
        tables = Tables(next_state, reward, ends, sense, features=torch.eye(7), start=0)
        trial = TrialShape(horizon=2, instructed=(False, True), counted=(False, True))
        title, actions = Bilingual("세 개의 문", "Three doors"), ("door 1", "door 2", "door 3", "read")
        return TableTask("three-doors", title, tables, trial, actions, train=every, test=every)

    TASKS["three-doors"] = three_doors
    register("three-doors", "ThreeDoors")
    rl2.SETTINGS["three-doors"] = rl2.Settings(updates=50)

From these lines follow, with no more code: ``make_task("three-doors")`` and ``play``; the exact belief,
values and information (``course_lib.exact``); ``course_lib/ThreeDoors-v0`` and ``course_lib/ThreeDoorsTrial-v0``
for gymnasium, one at a time and batched; ``stream("rl2", "three-doors")`` and the views of what it learns. To
keep a task, give it a file in this folder, and write the last three lines into the dictionaries that they fill:
``TASKS`` below, ``course_lib.ENVIRONMENTS``, ``agents.rl2.SETTINGS``. Then ``course train rl2 three-doors``
knows it too. A picture for gymnasium's render modes is a module of its own (``tasks.drawing.DRAWN_BY``).

Chance is in the tables as well: ``transition``, ``reward_noise``, ``instruction_chance``. What is no table,
such as a continuous world, writes a ``Task`` and a ``Running`` (``tasks.task``). A finished gymnasium
environment needs neither (``tasks.bring``). ``tests/test_new_task.py`` runs the lines above as they stand.
"""

from __future__ import annotations

from functools import cache

from course_lib.bilingual import Bilingual, known_or_error
from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import City, distracting_bus, homework_map, map_city
from course_lib.tasks.cooking import Cooking
from course_lib.tasks.grid_navi import GridNavi
from course_lib.tasks.point_robot import PointRobot
from course_lib.tasks.random_mdp import RandomMDP
from course_lib.tasks.revealing_arm import RevealingArm
from course_lib.tasks.tables import RunningTrials, TableFamily, Tables, TableTask
from course_lib.tasks.task import Drawn, Running, Task, Trials, TrialShape, play

TASKS = {
    "distracting-bus": distracting_bus,
    "map": map_city,
    "homework-map": homework_map,
    "cooking": Cooking,
    "bandit": BernoulliBandit,
    "revealing-arm": RevealingArm,
    "random-mdp": RandomMDP,
    "gridnavi": GridNavi,
    "point-robot": PointRobot,
}


@cache
def make_task(name: str, **options):
    """The task of this name. A task is data that nobody changes, so the same call gives the same object.

    Args:
        name: one of ``TASKS``.
        options: for tasks that have a size, such as ``make_task("bandit", arms=10, pulls=100)``.
    Raises:
        CourseError: no task has this name.
    """
    return known_or_error(TASKS, name, Bilingual("태스크", "task"))(**options)


__all__ = [
    "TASKS", "BernoulliBandit", "City", "Cooking", "Drawn", "GridNavi", "PointRobot", "RandomMDP", "RevealingArm",
    "Running", "RunningTrials", "TableFamily", "TableTask", "Tables", "Task", "TrialShape", "Trials",
    "distracting_bus", "homework_map", "make_task", "map_city", "play",
]  # fmt: skip
