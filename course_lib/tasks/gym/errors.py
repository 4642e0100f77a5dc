"""Mistakes, as the exceptions that users of gymnasium expect, said in both languages."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from course_lib.bilingual import Bilingual, CourseError


class InvalidAction(CourseError, gymnasium.error.InvalidAction):
    """An action that is not in the action space."""


class ResetNeeded(CourseError, gymnasium.error.ResetNeeded):
    """Something was asked of an episode that has not begun, or is over."""


class UnsupportedMode(CourseError, gymnasium.error.UnsupportedMode):
    """A render mode, or an autoreset mode, that does not exist here."""


def not_begun() -> ResetNeeded:
    return ResetNeeded(
        Bilingual(
            "아직 시작하지 않았습니다. 먼저 reset()을 부르십시오.",
            "Nothing has begun yet. Call reset() first.",
        )
    )


def already_over() -> ResetNeeded:
    return ResetNeeded(
        Bilingual(
            "에피소드가 이미 끝났습니다. 먼저 reset()을 부르십시오.",
            "The episode is over. Call reset() first.",
        )
    )


def not_an_action(action: Any, space: gymnasium.Space, lanes: int | None = None) -> InvalidAction:
    """That ``action`` is none of ``space``, or of ``lanes`` such spaces side by side."""
    if isinstance(space, gymnasium.spaces.Box):
        shape = space.shape if lanes is None else (lanes, *space.shape)
        expected = Bilingual(
            f"행동으로 -1부터 1까지의 수를 모양이 {shape}인 배열로 주십시오.",
            f"An action must be numbers of shape {shape} from -1 to 1.",
        )
    elif lanes is None:
        expected = Bilingual(
            f"행동으로 0부터 {space.n - 1}까지의 정수 하나를 주십시오.",
            f"An action must be an integer from 0 to {space.n - 1}.",
        )
    else:
        expected = Bilingual(
            f"행동으로 0부터 {space.n - 1}까지의 정수를 모양이 ({lanes},)인 배열로 주십시오.",
            f"An action must be integers of shape ({lanes},) from 0 to {space.n - 1}.",
        )
    return InvalidAction(
        Bilingual(f"{expected.ko} 받은 값: {action!r}.", f"{expected.en} Got {action!r}.")
    )


def as_array(value: Any) -> np.ndarray:
    """``value`` as an array; one of dtype object where it is none, which no check lets through."""
    try:
        return np.asarray(value)
    except Exception:  # a ragged list, or a tensor of another device: whatever it is, it is not an array
        return np.asarray(None, dtype=object)
