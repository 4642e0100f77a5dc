"""Pictures and texts of a task as its agent knows it: what is hidden stays hidden. NumPy only.

For gymnasium's render modes. The live views of the lessons draw for themselves (``course_lib.views``).
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import City
from course_lib.tasks.cooking import Cooking
from course_lib.tasks.drawing import (
    bandit, city, cooking, grid_navi, noisy_tv, point_robot, random_mdp, revealing_arm,
)  # fmt: skip
from course_lib.tasks.fixed_arm_bandit import FixedArmBandit
from course_lib.tasks.grid_navi import HiddenGoal
from course_lib.tasks.noisy_tv import NoisyTV
from course_lib.tasks.point_robot import PointRobot
from course_lib.tasks.random_mdp import RandomMDP
from course_lib.tasks.revealing_arm import RevealingArm
from course_lib.tasks.task import Running, Task

# Which module draws a family: each has ``picture`` and ``text``, called with the task, the running trials, a lane.
DRAWN_BY: dict[type[Task], ModuleType] = {
    NoisyTV: noisy_tv,  # before City, of which it is one
    City: city,
    Cooking: cooking,
    BernoulliBandit: bandit,
    FixedArmBandit: bandit,
    HiddenGoal: grid_navi,
    RevealingArm: revealing_arm,
    PointRobot: point_robot,
    RandomMDP: random_mdp,
}


def picture_of(task: Task, running: Running, lane: int = 0) -> np.ndarray:
    """What the agent of one lane knows, drawn: (height, width, 3) uint8.

    Raises:
        CourseError: nobody has said how to draw this family.
    """
    return _drawer(task).picture(task, running, lane)


def text_of(task: Task, running: Running, lane: int = 0) -> str:
    """The same in letters. Raises as ``picture_of``."""
    return _drawer(task).text(task, running, lane)


def _drawer(task: Task) -> ModuleType:
    for family, module in DRAWN_BY.items():
        if isinstance(task, family):
            return module
    raise CourseError(
        Bilingual(
            f"{task.name} 태스크를 그리는 방법이 없습니다. course_lib.tasks.drawing.DRAWN_BY에 더해 주십시오.",
            f"Nothing says how to draw task {task.name}. Add it to course_lib.tasks.drawing.DRAWN_BY.",
        )
    )
