"""What ``reset(options=…)`` may ask of a game, read for any task.

``problem`` is a number, or whatever the family's own ``problem_from`` takes (a bandit: the chances of its
arms). Where episodes have instructions, ``instruction`` is a number from 1, and ``goal`` one of
``task.goals``, if the family names its instructions so. Where a game is one episode, ``episode`` is
"exploration" or "execution".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.gym.errors import as_array
from course_lib.tasks.task import Drawn, Task

KINDS = ("exploration", "execution")


@dataclass(frozen=True)
class Asked:
    """What is asked of N games; None is for what is to be drawn."""

    drawn: Drawn | None = None
    instruction: Tensor | None = None  # (N,) int64; all 0: exploration


def problem_option(task: Task) -> bool:
    """Whether the problems of this task can be asked for."""
    return task.problem_count is not None or hasattr(task, "problem_from")


def has_goals(task: Task) -> bool:
    """Whether the instructions of this task have names: ``task.goals``, one for each."""
    return len(getattr(task, "goals", ())) == task.instructions - 1 > 0


def has_both_kinds(task: Task) -> bool:
    """Whether some episodes of a trial explore and others are asked for something."""
    return len(set(task.trial.instructed)) == 2


def read(options: dict[str, Any], task: Task, count: int, kind: str | None, can_choose_kind: bool) -> Asked:
    """What ``options`` ask of ``count`` games.

    Args:
        kind: "exploration" or "execution", if the environment was made for it.
        can_choose_kind: a game is one episode of a task that has both.
    Raises:
        CourseError: an option is unknown, or has no such value.
    """
    instructed = any(task.trial.instructed) and task.instructions > 1
    allowed = (
        ["problem"] * problem_option(task)
        + ["instruction"] * instructed
        + ["goal"] * (instructed and has_goals(task))
        + ["episode"] * can_choose_kind
    )
    unknown = [key for key in options if key not in allowed]
    if unknown:
        known = ", ".join(allowed)
        raise CourseError(
            Bilingual(
                f"reset의 options에 {unknown[0]!r}(이)라는 키는 없습니다. 쓸 수 있는 키: {known or '없음'}.",
                f"reset has no option {unknown[0]!r}. The options are: {known or 'none'}.",
            )
        )
    given = {key: value for key, value in options.items() if value is not None}
    if {"instruction", "goal"} <= given.keys():
        raise CourseError(
            Bilingual(
                "instruction과 goal은 같은 것을 정합니다. 둘 중 하나만 주십시오.",
                "instruction and goal say the same thing. Give only one of them.",
            )
        )
    drawn = instruction = None
    if "problem" in given:
        drawn = _problems(given["problem"], task, count)
    if "instruction" in given:
        instruction = _integers("instruction", given["instruction"], 1, task.instructions - 1, count)
    if "goal" in given:
        instruction = _goals(given["goal"], task, count)
    if (known_kind(given.get("episode"), can_choose_kind) or kind) == "exploration":
        if instruction is not None:
            raise CourseError(
                Bilingual(
                    "탐험 에피소드에는 목표가 없습니다. instruction과 goal을 빼 주십시오.",
                    "An exploration episode has no goal. Leave instruction and goal out.",
                )
            )
        instruction = torch.zeros(count, dtype=torch.int64)
    elif instruction is not None:
        _refuse_what_is_never_asked(instruction, drawn, task)
    return Asked(drawn, instruction)


def known_kind(kind: Any, can_choose: bool) -> str | None:
    """``kind`` itself if it may be chosen, or None; else a CourseError."""
    if kind is None or (can_choose and isinstance(kind, str) and kind in KINDS):
        return kind
    if can_choose:
        raise CourseError(
            Bilingual(
                f"episode에는 'exploration' 또는 'execution'을 주십시오. 받은 값: {kind!r}.",
                f"episode must be 'exploration' or 'execution'. Got {kind!r}.",
            )
        )
    raise CourseError(
        Bilingual(
            "episode는 한 게임이 에피소드 하나이고 그 태스크에 탐험과 실행이 따로 있을 때에만 고를 수 있습니다. "
            "episode를 빼 주십시오.",
            "episode can be chosen only where a game is one episode of a task that has both exploration and "
            "execution. Leave episode out.",
        )
    )


def _problems(value: Any, task: Task, count: int) -> Drawn:
    if hasattr(task, "problem_from"):
        return task.problem_from(value, count)
    return Drawn(getattr(task, "tables", None), _integers("problem", value, 0, task.problem_count - 1, count))


def _goals(value: Any, task: Task, count: int) -> Tensor:
    """One of ``task.goals``, or one for each game, as instructions (N,)."""
    goals, value = [_plain(goal) for goal in task.goals], _plain(value)
    asked = [value] * count
    if value not in goals and isinstance(value, tuple) and len(value) == count:
        asked = list(value)
    if not all(goal in goals for goal in asked):
        known = ", ".join(map(str, goals))
        raise CourseError(
            Bilingual(
                f"목표는 다음 중 하나여야 합니다: {known}. 받은 값: {value!r}.",
                f"The goal must be one of: {known}. Got {value!r}.",
            )
        )
    return torch.tensor([1 + goals.index(goal) for goal in asked])


def _plain(value: Any) -> Any:
    """Arrays, tensors and lists as tuples, so that they compare."""
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        value = value.tolist()
    return tuple(_plain(part) for part in value) if isinstance(value, (list, tuple)) else value


def _integers(name: str, value: Any, lowest: int, highest: int, count: int) -> Tensor:
    """An integer, or one for each game: (N,) int64."""
    numbers = as_array(value)
    shaped = numbers.dtype.kind in "iu" and numbers.shape in ((), (count,))
    if not shaped or not ((numbers >= lowest) & (numbers <= highest)).all():
        raise CourseError(
            Bilingual(
                f"{name}에는 {lowest}부터 {highest}까지의 정수를 주십시오. 받은 값: {value!r}.",
                f"{name} must be an integer from {lowest} to {highest}. Got {value!r}.",
            )
        )
    return torch.tensor(np.broadcast_to(numbers, count).astype(np.int64))


def _refuse_what_is_never_asked(instruction: Tensor, drawn: Drawn | None, task: Task) -> None:
    """CourseError where a problem never asks for this: no food of an ingredient that this kitchen lacks."""
    chance = getattr(getattr(task, "tables", None), "instruction_chance", None)
    if chance is None:
        return
    if drawn is None:
        raise CourseError(
            Bilingual(
                f"{task.name}에서는 문제마다 요구할 수 있는 것이 다릅니다. problem도 함께 주십시오.",
                f"In {task.name} each problem asks for other things. Give problem as well.",
            )
        )
    never = chance[drawn.index, instruction] == 0  # (N,)
    if never.any():
        lane = int(never.nonzero()[0])
        problem, asked = int(drawn.index[lane]), int(instruction[lane])
        possible = ", ".join(map(str, chance[problem].nonzero()[:, 0].tolist()))
        raise CourseError(
            Bilingual(
                f"문제 {problem}에서는 instruction {asked}을(를) 요구하지 않습니다. 다음 중 하나를 주십시오: {possible}.",
                f"Problem {problem} never asks for instruction {asked}. Give one of: {possible}.",
            )
        )
