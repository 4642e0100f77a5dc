"""N games of one task side by side, each of which can begin anew by itself: what both environments share."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import TASKS, Drawn, Running, Task, TrialShape, make_task
from course_lib.tasks.bring import Brought
from course_lib.tasks.drawing import picture_of, text_of
from course_lib.tasks.gym import options as reset_options
from course_lib.tasks.gym.errors import UnsupportedMode, already_over, not_begun
from course_lib.tasks.task import check_split, where

METADATA = {"render_modes": ["rgb_array", "ansi"], "render_fps": 4}


class Lanes:
    """N games of one task.

    Args:
        task: a name known to ``make_task``, which ``arguments`` are given to as well; or a task.
        count: N.
        whole_trials: a game is a whole trial, not one episode.
        split: from which problems to draw.
        episode: which of its episodes a game is, "exploration" or "execution", if a game is one episode.
        horizon: steps an episode, if not the task's own.
        episodes: K, how many episodes a trial has, if not the task's own. The last stays what it is.
    Raises:
        CourseError: an argument has no such value.
    """

    def __init__(
        self,
        task: str | Task,
        count: int,
        *,
        whole_trials: bool = False,
        split: str = "train",
        episode: str | None = None,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise CourseError(
                Bilingual(
                    f"num_envs에는 1 이상의 정수를 주십시오. 받은 값: {count!r}.",
                    f"num_envs must be an integer of at least 1. Got {count!r}.",
                )
            )
        if render_mode not in (None, *METADATA["render_modes"]):
            known = ", ".join(map(repr, METADATA["render_modes"]))
            raise UnsupportedMode(
                Bilingual(
                    f"render_mode {render_mode!r}은(는) 지원하지 않습니다. 다음 중 하나를 주십시오: {known}.",
                    f"Render mode {render_mode!r} is not supported. Give one of: {known}.",
                )
            )
        self.split, self.render_mode = check_split(split), render_mode
        self.count, self.whole_trials = int(count), whole_trials
        self.task = shaped_task(task, whole_trials, arguments)
        self.can_choose_kind = not whole_trials and reset_options.has_both_kinds(self.task)
        self.kind = reset_options.known_kind(episode, self.can_choose_kind)
        if not whole_trials:
            instructed = (any(self.task.trial.instructed),)
            self._reshape(TrialShape(self.task.trial.horizon, instructed, counted=(True,), pauses=False))

        actions = len(self.task.actions)
        if self.task.continuous:
            self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)
        else:
            self.action_space = gymnasium.spaces.Discrete(actions)
        self.observation_space = gymnasium.spaces.Box(*self._bounds(), dtype=np.float32)
        self.generator = torch.Generator()
        self.running: Running | None = None
        self._counted = torch.tensor(self.task.trial.counted)  # (K,)
        self._cells = _cells_of(self.task)

    def _reshape(self, trial: TrialShape) -> None:
        self.task = copy(self.task)
        self.task.trial = trial

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest observation: (D,) float32 each."""
        low, high = sensed_range(self.task)
        if self.whole_trials:
            least = -1.0 if self.task.continuous else 0.0
            actions, (worst, best) = np.ones(len(self.task.actions)), reward_range(self.task)
            low = np.concatenate([low, least * actions, [min(worst, 0.0), 0.0]])
            high = np.concatenate([high, actions, [max(best, 0.0), 1.0]])
        return low.astype(np.float32), high.astype(np.float32)

    # -- beginning -------------------------------------------------------------------------------------------

    def asked(self, options: dict[str, Any] | None) -> reset_options.Asked:
        """What the options of a reset ask for. Raises before anything has changed."""
        return reset_options.read(options or {}, self.task, self.count, self.kind, self.can_choose_kind)

    def begin(self, mask: Tensor, asked: reset_options.Asked | None = None) -> None:
        """Begin a new game in the lanes of ``mask`` (N,) bool, drawing what is not asked for."""
        asked = asked or self.asked(None)
        drawn = asked.drawn or self.task.draw(self.count, self.generator, self.split)
        old, last = self.running, torch.zeros(self.count, len(self.task.actions) + 2)
        if old is not None:
            drawn = merged(mask, drawn, self.drawn)
            last = where(mask, last, self.last)
        self.drawn, self.last = drawn, last  # (N, A + 2): action, reward, done
        self.running = self.task.begin(drawn, self.generator)
        if asked.instruction is not None:
            self.running.set_instruction(asked.instruction)
        if old is not None:  # the other lanes go on where they were
            for name, fresh in vars(self.running).items():
                if isinstance(fresh, Tensor):
                    setattr(self.running, name, merged(mask, fresh, getattr(old, name), self.task.trial.episodes))
        self._hidden = hidden_problem(self.task, drawn).numpy()

    # -- acting and seeing -----------------------------------------------------------------------------------

    def begun(self) -> Running:
        """The running games; ResetNeeded where none has begun."""
        if self.running is None:
            raise not_begun()
        return self.running

    def refuse_if_over(self) -> None:
        """ResetNeeded where a game is over."""
        if self.begun().finished.any():
            raise already_over()

    def step(self, action: Tensor) -> Tensor:
        """Act once in every lane, (N,) int64 or (N, A) float32 → rewards (N,). What is over stays so."""
        running = self.running
        # As in ``play``: a pause carries no message.
        action = where(running.resting, torch.zeros_like(action), action)
        counts = self._counted[running.episode]  # (N,)
        paid = running.step(action)
        did = self.task.action_features(action)  # (N, A)
        self.last = torch.cat([did, paid[:, None], running.done[:, None]], dim=1)  # (N, A + 2)
        return paid * counts

    def observation(self) -> np.ndarray:
        """What each lane's agent receives now, (N, D) float32: what is sensed; in trials also ``last``."""
        running = self.running
        sensed = self.task.sensed(self.drawn, running.symbol, running.instruction)
        return (torch.cat([sensed, self.last], dim=1) if self.whole_trials else sensed.clone()).numpy()

    def info(self) -> dict[str, np.ndarray]:
        """What is true of each lane now, hidden or not: every array (N, …)."""
        running = self.running
        state = running.state.numpy().copy()
        told = {
            "hidden_problem": self._hidden.copy(),
            "instruction": running.instruction.numpy(),
            "symbol": running.symbol.numpy().copy(),
            "state": state,
            "clock": running.clock.numpy().copy(),
        }
        if self._cells is not None:
            told["cell"] = self._cells[state]
        if self.whole_trials:  # "episode" is what gymnasium and Stable-Baselines3 keep their statistics under
            told["trial_episode"] = running.episode.numpy().copy()
            told["pause"] = (running.resting & ~running.finished).numpy()
        return told

    def frame(self, lane: int) -> np.ndarray | str | None:
        """One lane drawn in the render mode."""
        running = self.begun()
        if self.render_mode is None:
            gymnasium.logger.warn('Nothing is drawn without gymnasium.make(…, render_mode="rgb_array").')
            return None
        return (picture_of if self.render_mode == "rgb_array" else text_of)(self.task, running, lane)


# -- the task ------------------------------------------------------------------------------------------------


def shaped_task(task: str | Task, whole_trials: bool, arguments: dict[str, Any]) -> Task:
    """The task of this name, made with the arguments that it knows, its trials of the shape asked for."""
    if isinstance(task, Brought):
        raise CourseError(
            Bilingual(
                "가져온 환경은 이미 gymnasium 환경입니다. 트라이얼이 필요하면 TrialWrapper로 감싸십시오.",
                "What was brought is a gymnasium environment already. For trials, wrap it in a TrialWrapper.",
            )
        )
    known: list[str] = []
    if isinstance(task, str):
        known = list(inspect.signature(TASKS[task]).parameters) if task in TASKS else list(arguments)
    arguments = dict(arguments)
    horizon = arguments.pop("horizon", None) if "horizon" not in known else None
    episodes = arguments.pop("episodes", None) if "episodes" not in known else None
    unknown = [name for name in arguments if name not in known]
    if unknown:
        names = ", ".join(dict.fromkeys(["split", "episode", "horizon", "episodes", *known]))
        raise CourseError(
            Bilingual(
                f"이 환경에 {unknown[0]!r}(이)라는 인자는 없습니다. 쓸 수 있는 인자: {names}.",
                f"This environment has no argument {unknown[0]!r}. The arguments are: {names}.",
            )
        )
    for name, value in arguments.items():
        if not isinstance(value, Hashable):  # a task is made once for each value, so it must be able to be a key
            raise CourseError(
                Bilingual(
                    f"{name}에는 수나 문자열처럼 바뀌지 않는 값을 주십시오. 받은 값: {value!r}.",
                    f"{name} must be a value that can't change, such as a number or a text. Got {value!r}.",
                )
            )
    made = make_task(task, **arguments) if isinstance(task, str) else task
    if horizon is None and episodes is None:
        return made
    trial, whole = made.trial, isinstance(episodes, (int, np.integer)) and not isinstance(episodes, bool)
    if episodes is not None and not (whole_trials and whole and episodes >= 1):
        raise CourseError(
            Bilingual(
                f"episodes는 트라이얼 환경에만, 1 이상의 정수로 주십시오. 받은 값: {episodes!r}.",
                f"episodes is for environments of trials, an integer of at least 1. Got {episodes!r}.",
            )
        )
    before_last = (trial.episodes if episodes is None else int(episodes)) - 1
    made = copy(made)
    made.trial = TrialShape(
        trial.horizon if horizon is None else horizon,
        trial.instructed[:1] * before_last + trial.instructed[-1:],
        trial.counted[:1] * before_last + trial.counted[-1:],
        trial.pauses,
    )
    return made


def sensed_range(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest of what a network receives, (sensed_size,) each.

    From the tables' features; without tables from the task's own ``sensed_range``: two numbers, or two rows.
    """
    if hasattr(task, "tables"):
        features = task.tables.features  # (symbols, F)
        low, high = np.zeros(task.sensed_size), np.ones(task.sensed_size)
        if features.numel():
            low[: features.shape[1]] = features.amin(dim=0).clamp(max=0.0)
            high[: features.shape[1]] = features.amax(dim=0).clamp(min=1.0)
        return low, high
    low, high = getattr(task, "sensed_range", (-np.inf, np.inf))
    return np.broadcast_to(low, task.sensed_size), np.broadcast_to(high, task.sensed_size)


def reward_range(task: Task) -> tuple[float, float]:
    """The lowest and highest reward of a step; infinite where nothing bounds it.

    From the tables; where these don't tell, from the task's own ``reward_range``.
    """
    tables = getattr(task, "tables", None)
    if tables is not None and tables.reward_noise == "bernoulli":
        return 0.0, 1.0
    if tables is not None and tables.reward_noise == "none" and task.problem_count is not None:
        # The cheapest step is the one that ends an episode at once, and pays for all the steps left.
        worst = float(tables.reward.min()) - task.waiting_cost * (task.trial.horizon - 1)
        return worst, float(tables.reward.max())
    return getattr(task, "reward_range", (-np.inf, np.inf))


def hidden_problem(task: Task, drawn: Drawn) -> Tensor:
    """What exploration has to find out: the problem's number (N,), or the numbers that define it (N, ·)."""
    if task.problem_count is not None or drawn.tables is None:
        return drawn.index.clone()
    parts = (drawn.tables.reward, drawn.tables.transition)
    return torch.cat([part[drawn.index].flatten(1) for part in parts if part is not None], dim=1)


def merged(mask: Tensor, fresh: Any, kept: Any, episodes: int = 1) -> Any:
    """``fresh`` in the lanes of ``mask`` (N,) bool and ``kept`` in the others, in all that differs by lane.

    That is every tensor with one row a lane, or with K (its ``episodes``', flattened), and those inside a
    ``Drawn`` or its tables. Whatever else there is does not differ, and is ``fresh``; where by chance it has
    as many rows as there are lanes, both are the same.
    """
    if fresh is kept:
        return kept
    if isinstance(fresh, Tensor) and fresh.dim() > 0 and len(fresh) in (len(mask), len(mask) * episodes):
        rows = mask if len(fresh) == len(mask) else mask.repeat_interleave(episodes)
        return torch.where(rows.reshape(-1, *[1] * (fresh.dim() - 1)), fresh, kept)
    if is_dataclass(fresh):
        parts = {f.name: merged(mask, getattr(fresh, f.name), getattr(kept, f.name)) for f in fields(fresh)}
        return type(fresh)(**parts)
    return fresh


def _cells_of(task: Task) -> np.ndarray | None:
    """Where each state lies, (S, 2), in a task whose states are cells."""
    if not hasattr(task, "cell") or not hasattr(task, "tables"):
        return None
    return np.array([task.cell(state) for state in range(task.tables.states)])
