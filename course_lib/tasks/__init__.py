"""What is explored. ``make_task(name)`` gives a task of the course."""

from __future__ import annotations

from functools import cache

from course_lib.bilingual import Bilingual, known_or_error
from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import City, distracting_bus, homework_map, map_city
from course_lib.tasks.cooking import Cooking
from course_lib.tasks.grid_navi import GridNavi
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
    "gridnavi": GridNavi,
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
    "TASKS", "BernoulliBandit", "City", "Cooking", "Drawn", "GridNavi", "RevealingArm", "Running", "RunningTrials",
    "TableFamily", "TableTask", "Tables", "Task", "TrialShape", "Trials", "distracting_bus", "homework_map",
    "make_task", "map_city", "play",
]  # fmt: skip
