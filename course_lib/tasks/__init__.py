"""What is explored. ``make_task(name)`` gives a task of the course.

A task that comes in sizes is made in another one by its options, ``make_task("bandit", arms=10, pulls=100)``, and
its name then says so: ``"bandit arms=10 pulls=100"``. That name alone gives the same task again, so whatever keeps
the name of a task (a snapshot, a checkpoint, a recording, a file of results) keeps its size.

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

import inspect
from collections.abc import Hashable
from functools import lru_cache

from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import City, distracting_bus, homework_map, map_city
from course_lib.tasks.cooking import Cooking
from course_lib.tasks.fixed_arm_bandit import FixedArmBandit
from course_lib.tasks.grid_navi import GridNavi
from course_lib.tasks.noisy_tv import NoisyTV, hurried_bus, noisy_tv
from course_lib.tasks.point_robot import PointRobot
from course_lib.tasks.random_mdp import RandomMDP
from course_lib.tasks.revealing_arm import RevealingArm
from course_lib.tasks.tables import RunningTrials, TableFamily, Tables, TableTask
from course_lib.tasks.task import Drawn, Running, Task, Trials, TrialShape, play

TASKS = {
    "distracting-bus": distracting_bus,
    "map": map_city,
    "homework-map": homework_map,
    "noisy-tv": noisy_tv,
    "hurried-bus": hurried_bus,
    "cooking": Cooking,
    "bandit": BernoulliBandit,
    "fixed-arm-bandit": FixedArmBandit,
    "revealing-arm": RevealingArm,
    "random-mdp": RandomMDP,
    "gridnavi": GridNavi,
    "point-robot": PointRobot,
}


def make_task(name: str, **options) -> Task:
    """The task of this name. A task is data that nobody changes, so the same call gives the same object.

    Args:
        name: one of ``TASKS``, or with options that differ from the usual ones, ``"bandit pulls=100"``.
        options: for tasks that come in sizes, such as ``make_task("bandit", arms=10, pulls=100)``.
    Raises:
        CourseError: no task has this name, or it has no such option, or not of this value.
    """
    name, options = named_options(name, options)
    for option, value in options.items():
        if not isinstance(value, Hashable):  # a task is made once for each value, so it must be able to be a key
            raise CourseError(
                Bilingual(
                    f"{name}의 {option}에는 수처럼 바뀌지 않는 값을 주십시오. 받은 값: {value!r}.",
                    f"{option} of {name} must be a value that can't change, such as a number. Got {value!r}.",
                )
            )
    return _made(name, **options)


@lru_cache(maxsize=None, typed=True)  # typed: 5 is a number of arms, and 5.0 and True are not
def _made(name: str, **options) -> Task:
    task = TASKS[name](**options)
    task.name = " ".join([name, *(f"{option}={value}" for option, value in options.items())])
    return task


def task_name(name: str, **options) -> str:
    """The whole name of a task: without options that say the usual, and the others in their order."""
    return make_task(name, **options).name


def named_options(name: str, options: dict | None = None) -> tuple[str, dict]:
    """A name that may hold options, and more of them → the bare name, and the options that are not the usual ones.

    Raises:
        CourseError: there is no such task, or it has no such option.
    """
    bare, *words = str(name).split() or [""]
    make = known_or_error(TASKS, bare, Bilingual("태스크", "task"))
    usual = {option: p.default for option, p in inspect.signature(make).parameters.items()}
    given = [word.partition("=") for word in words]
    given = {option: number(value) if equals else None for option, equals, value in given} | (options or {})
    for option in given:
        if option not in usual:
            names = ", ".join(usual)
            known_ko = f"다음을 쓸 수 있습니다: {names}" if usual else "이 태스크에는 옵션이 없습니다"
            known_en = f"It has: {names}" if usual else "It has none"
            raise CourseError(
                Bilingual(
                    f"{bare}에 {option!r}(이)라는 옵션은 없습니다. {known_ko}.",
                    f"{bare} has no option {option!r}. {known_en}.",
                )
            )
    changed = {
        option: given[option]
        for option, value in usual.items()
        if option in given and (type(given[option]), given[option]) != (type(value), value)
    }
    return bare, changed


def number(text: str) -> int | float | str:
    """The number that a word of a task's name says; the word itself, if it is none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


__all__ = [
    "TASKS", "BernoulliBandit", "City", "Cooking", "Drawn", "FixedArmBandit", "GridNavi", "NoisyTV", "PointRobot",
    "RandomMDP", "RevealingArm", "Running", "RunningTrials", "TableFamily", "TableTask", "Tables", "Task",
    "TrialShape", "Trials", "distracting_bus", "homework_map", "hurried_bus", "make_task", "map_city",
    "named_options", "noisy_tv", "play", "task_name",
]  # fmt: skip
