"""One game as an ``Env``, many as a ``VectorEnv``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.gym.errors import UnsupportedMode, as_array, not_an_action
from course_lib.tasks.gym.lanes import METADATA, Lanes
from course_lib.tasks.task import Task


class TaskEnv(gymnasium.Env):
    """One game of a task. For the arguments see ``Lanes``; for the observation, the package's first lines.

    What ``reset(options=…)`` takes is said in ``tasks.gym.options``. What is not given is drawn anew, from a
    ``torch.Generator`` that ``np_random`` seeds at each reset.
    """

    metadata = METADATA

    def __init__(self, task: str | Task, render_mode: str | None = None, **arguments: Any) -> None:
        self.lanes = Lanes(task, 1, render_mode=render_mode, **arguments)
        self.task, self.render_mode = self.lanes.task, render_mode
        self.action_space, self.observation_space = self.lanes.action_space, self.lanes.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        asked = self.lanes.asked(options)
        super().reset(seed=seed)
        self.lanes.generator.manual_seed(int(self.np_random.integers(2**63 - 1)))
        self.lanes.begin(torch.ones(1, dtype=torch.bool), asked)
        return self.lanes.observation()[0], self._info()

    def step(self, action: int | np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.lanes.refuse_if_over()
        reward = self.lanes.step(checked_actions(action, self.action_space)[None])
        over = bool(self.lanes.running.finished[0])
        return self.lanes.observation()[0], float(reward[0]), over, False, self._info()

    def render(self) -> np.ndarray | str | None:
        return self.lanes.frame(0)

    def _info(self) -> dict[str, Any]:
        told = self.lanes.info().items()
        return {key: value[0].item() if value.ndim == 1 else value[0] for key, value in told}


class TaskVectorEnv(gymnasium.vector.VectorEnv):
    """N games of a task, stepped together by a few gathers.

    Arguments and options as of ``TaskEnv``; an option may also hold one value a lane. ``autoreset_mode`` is
    "NextStep" (the default), "SameStep" or "Disabled", as gymnasium defines them; an autoreset draws a
    new problem. ``options={"reset_mask": …}``, (N,) bool, resets these lanes only.
    """

    def __init__(
        self,
        task: str | Task,
        num_envs: int = 1,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **arguments: Any,
    ) -> None:
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            known = ", ".join(repr(mode.value) for mode in AutoresetMode)
            raise UnsupportedMode(
                Bilingual(
                    f"autoreset_mode {autoreset_mode!r}은(는) 없습니다. 다음 중 하나를 주십시오: {known}.",
                    f"There is no autoreset mode {autoreset_mode!r}. Give one of: {known}.",
                )
            ) from None
        self.lanes = Lanes(task, num_envs, render_mode=render_mode, **arguments)
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode}
        self.task, self.num_envs, self.render_mode = self.lanes.task, self.lanes.count, render_mode
        self.single_action_space = self.lanes.action_space
        self.single_observation_space = self.lanes.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        options = dict(options or {})
        mask = self._reset_mask(options.pop("reset_mask", None))
        asked = self.lanes.asked(options)
        super().reset(seed=seed)
        self.lanes.generator.manual_seed(int(self.np_random.integers(2**63 - 1)))
        self.lanes.begin(mask, asked)
        return self.lanes.observation(), self._info(mask.numpy())

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        lanes, everywhere = self.lanes, np.ones(self.num_envs, dtype=bool)
        waiting = lanes.begun().finished  # (N,) over since the last step
        if self.autoreset_mode is not AutoresetMode.NEXT_STEP:
            lanes.refuse_if_over()
        action = checked_actions(actions, self.single_action_space, self.num_envs)
        reward = lanes.step(action).numpy().astype(np.float64)
        ended, final = lanes.running.finished, {}

        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            ended = ended & ~waiting
            if waiting.any():
                lanes.begin(waiting)
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and ended.any():
            last_seen, mask = lanes.observation(), ended.numpy().copy()
            final_obs = np.full(self.num_envs, None, dtype=object)
            for lane in mask.nonzero()[0]:
                final_obs[lane] = last_seen[lane].copy()
            final = {"final_obs": final_obs, "_final_obs": mask}
            final |= {"final_info": self._info(mask), "_final_info": mask.copy()}
            lanes.begin(ended)

        terminated = ended.numpy().copy()
        return lanes.observation(), reward, terminated, ~everywhere, self._info(everywhere) | final

    def render(self) -> tuple[np.ndarray | str | None, ...]:
        return tuple(self.lanes.frame(lane) for lane in range(self.num_envs))

    def _reset_mask(self, mask: Any) -> Tensor:
        if mask is None:
            return torch.ones(self.num_envs, dtype=torch.bool)
        mask = as_array(mask)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise CourseError(
                Bilingual(
                    f"reset_mask에는 모양이 ({self.num_envs},)인 bool 배열을, True를 하나 이상 넣어 주십시오.",
                    f"reset_mask must be a bool array of shape ({self.num_envs},) with at least one True.",
                )
            )
        self.lanes.begun()
        return torch.tensor(mask)

    def _info(self, where: np.ndarray) -> dict[str, np.ndarray]:
        """As gymnasium batches infos: beside each key its mask, named with an underscore before it."""
        told = self.lanes.info()
        return told | {f"_{key}": where.copy() for key in told}


def checked_actions(action: Any, space: gymnasium.Space, lanes: int | None = None) -> Tensor:
    """An action of ``space``, or of ``lanes`` such spaces, as a task takes it: int64; continuous, float32.

    Raises:
        InvalidAction: it has another shape or type, is out of range, or is no number.
    """
    continuous = isinstance(space, gymnasium.spaces.Box)
    numbers = as_array(action)
    shape = () if lanes is None else (lanes,)
    if continuous:
        fits = numbers.dtype.kind in "iuf" and numbers.shape == (*shape, *space.shape)
        fits = fits and bool((np.abs(numbers) <= 1).all())  # NaN is not
    else:
        fits = numbers.dtype.kind in "iu" and numbers.shape == shape
        fits = fits and bool(((numbers >= 0) & (numbers < space.n)).all())
    if not fits:
        raise not_an_action(action, space, lanes)
    return torch.from_numpy(np.array(numbers, dtype=np.float32 if continuous else np.int64, order="C"))
