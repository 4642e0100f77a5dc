"""What is explored. ``make_task(name)`` gives a task of the course."""

from __future__ import annotations

from functools import cache

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import City, homework_map, map_city
from course_lib.tasks.tables import Drawn, RunningTrials, Tables, TableTask, Trials, TrialShape, play

TASKS = {"map": map_city, "homework-map": homework_map, "bandit": BernoulliBandit}


@cache
def make_task(name: str, **options):
    """The task of this name. A task is data that nobody changes, so the same call gives the same object.

    Args:
        name: one of ``TASKS``.
        options: for tasks that have a size, such as ``make_task("bandit", arms=10, pulls=100)``.
    Raises:
        CourseError: no task has this name.
    """
    if name not in TASKS:
        known = ", ".join(TASKS)
        raise CourseError(
            Bilingual(
                f"'{name}'라는 태스크는 없습니다. 다음 중 하나를 주십시오: {known}.",
                f"There is no task '{name}'. Give one of: {known}.",
            )
        )
    return TASKS[name](**options)


__all__ = [
    "TASKS", "BernoulliBandit", "City", "Drawn", "RunningTrials", "TableTask", "Tables", "TrialShape", "Trials",
    "homework_map", "make_task", "map_city", "play",
]  # fmt: skip
