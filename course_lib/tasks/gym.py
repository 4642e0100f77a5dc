"""The tasks as gymnasium environments, one at a time and batched.

Importing ``course_lib`` registers them for ``gymnasium.make`` and ``gymnasium.make_vec``. In
``course_lib/Map-v0``, ``course_lib/HomeworkMap-v0`` and ``course_lib/Bandit-v0`` a gym episode is one episode
of the task; in ``course_lib/MapTrial-v0``, ``course_lib/HomeworkMapTrial-v0`` and
``course_lib/BanditTrial-v0`` it is a whole trial.

Both the ``Env`` and the ``VectorEnv`` step through the task's tables by the same ``RunningTrials`` as all
of the course, so there is one set of rules.

Observation: the features of the sensed symbol, then the instruction one-hot. A trial adds what RL² reads
beside them: the last action one-hot, the last reward, and whether that step ended an episode; all zero at the
trial's start. A trial's episodes follow each other inside one gym episode, with the same pauses; what is
chosen in a pause counts for nothing, and the next observation shows action 0 in its place.

``terminated`` marks every end, that of the clock too: the horizon belongs to these tasks, nothing is left to
gain after it, and bootstrapping there would be wrong. So ``truncated`` is always False.

``info`` is for research, not for the agent. ``info["hidden_problem"]`` is what exploration has to find out.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import City, Drawn, RunningTrials, TrialShape, make_task
from course_lib.tasks.drawing import picture_of, text_of

METADATA = {"render_modes": ["rgb_array", "ansi"], "render_fps": 4}


class InvalidAction(CourseError, gymnasium.error.InvalidAction):
    """An action that is not in the action space."""


class ResetNeeded(CourseError, gymnasium.error.ResetNeeded):
    """Something was asked of an episode that has not begun, or is over."""


class UnsupportedMode(CourseError, gymnasium.error.UnsupportedMode):
    """A render mode, or an autoreset mode, that does not exist here."""


class Lanes:
    """N games of one task side by side, each of which can begin anew by itself: what both environments share.

    Args:
        task: a name known to ``make_task``; ``options`` are given to it as well.
        count: N.
        whole_trials: a game is a whole trial, not one episode.
        split: from which problems to draw.
        episode: of a city, which of its episodes a game is, "exploration" or "execution".
    Raises:
        CourseError: an argument has no such value.
    """

    def __init__(
        self,
        task: str,
        count: int,
        *,
        whole_trials: bool = False,
        split: str = "train",
        episode: str | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise CourseError(
                Bilingual(
                    f"num_envs에는 1 이상의 정수를 주십시오. 받은 값: {count!r}.",
                    f"num_envs must be an integer of at least 1. Got {count!r}.",
                )
            )
        if split not in ("train", "test"):
            raise CourseError(
                Bilingual(
                    f"'{split}'라는 문제 묶음은 없습니다. 'train' 또는 'test'를 주십시오.",
                    f"There is no split '{split}'. Give 'train' or 'test'.",
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
        self.task = make_task(task, **options)
        self.count, self.whole_trials = int(count), whole_trials
        self.split, self.render_mode = split, render_mode
        self.is_city = isinstance(self.task, City)
        self.episode = self._known_episode(episode)
        if not whole_trials:
            self.task = copy(self.task)
            instructed = (any(self.task.trial.instructed),)
            self.task.trial = TrialShape(self.task.trial.horizon, instructed, counted=(True,), pauses=False)

        tables, actions = self.task.tables, len(self.task.actions)
        self.action_space = gymnasium.spaces.Discrete(actions)
        sensed = tables.features.shape[1] + tables.instructions
        low, high = np.zeros(sensed, np.float32), np.ones(sensed, np.float32)
        if whole_trials:
            # The cheapest step is the one that ends an episode at once, and pays for all the steps left.
            worst = float(tables.reward.min()) - self.task.waiting_cost * (self.task.trial.horizon - 1)
            best = float(tables.reward.max()) if tables.reward_noise == "none" else 1.0
            low = np.concatenate([low, np.zeros(actions), [min(worst, 0.0)], [0]]).astype(np.float32)
            high = np.concatenate([high, np.ones(actions), [best], [1]]).astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)

        self.generator = torch.Generator()
        self.running: RunningTrials | None = None

    # -- beginning -------------------------------------------------------------------------------------------

    def begin(self, where: Tensor, options: dict[str, Any] | None = None) -> None:
        """Begin a new game in the lanes of ``where`` (N,) bool, drawing what options leave open."""
        problem, instruction, episode = self._asked(options or {})
        fresh_problem = self._draw_problems() if problem is None else problem
        if instruction is None:
            instruction = self._draw_instructions(episode)
        old = self.running
        if old is None:
            self.problem, self.instruction = fresh_problem, instruction
        else:
            mask = where.reshape(-1, *[1] * (fresh_problem.dim() - 1))
            self.problem = torch.where(mask, fresh_problem, self.problem)
            self.instruction = torch.where(where, instruction, self.instruction)

        self.running = self.task.begin(self._drawn(), self.generator)
        self.running.set_instruction(self.instruction)
        last = torch.zeros(self.count, len(self.task.actions) + 2)  # (N, A + 2): action one-hot, reward, done
        if old is not None:
            for name in ("episode", "clock", "state", "done", "resting", "finished"):
                fresh = getattr(self.running, name)
                setattr(self.running, name, torch.where(where, fresh, getattr(old, name)))
            last = torch.where(where[:, None], last, self.last)
        self.last = last

    def _draw_problems(self) -> Tensor:
        drawn = self.task.draw(self.count, self.generator, self.split)
        if self.task.problem_count:
            return drawn.index  # (N,)
        return drawn.tables.reward[:, 0, 0]  # (N, k) the chances of each lane's arms

    def _draw_instructions(self, episode: str | None) -> Tensor:
        if self.task.tables.instructions == 1 or episode == "exploration":
            return torch.zeros(self.count, dtype=torch.int64)
        return torch.randint(1, self.task.tables.instructions, (self.count,), generator=self.generator)

    def _drawn(self) -> Drawn:
        if self.task.problem_count:
            return Drawn(self.task.tables, self.problem)
        return Drawn(self.task.tables_of(self.problem), torch.arange(self.count))

    # -- options ---------------------------------------------------------------------------------------------

    def _known_episode(self, episode: str | None) -> str | None:
        can_be_chosen = self.is_city and not self.whole_trials
        if episode is None or (can_be_chosen and episode in ("exploration", "execution")):
            return episode
        if can_be_chosen:
            raise CourseError(
                Bilingual(
                    f"episode에는 'exploration' 또는 'execution'을 주십시오. 받은 값: {episode!r}.",
                    f"episode must be 'exploration' or 'execution'. Got {episode!r}.",
                )
            )
        raise CourseError(
            Bilingual(
                "episode는 한 게임이 도시의 에피소드 하나일 때에만 고를 수 있습니다. episode를 빼 주십시오.",
                "episode can be chosen only where a game is one episode of a city. Leave episode out.",
            )
        )

    def _asked(self, options: dict[str, Any]) -> tuple[Tensor | None, Tensor | None, str | None]:
        """Problem, instruction and kind of episode that the options ask for, None for what is to be drawn."""
        allowed = ["problem"]
        if self.is_city:
            allowed += ["instruction", "goal"] if self.whole_trials else ["instruction", "goal", "episode"]
        unknown = [key for key in options if key not in allowed]
        if unknown:
            known = ", ".join(allowed)
            raise CourseError(
                Bilingual(
                    f"reset의 options에 {unknown[0]!r}라는 키는 없습니다. 쓸 수 있는 키: {known}.",
                    f"reset has no option {unknown[0]!r}. The options are: {known}.",
                )
            )
        problem = instruction = None
        if options.get("problem") is not None:
            problem = self._asked_problem(options["problem"])
        if options.get("instruction") is not None:
            last = self.task.tables.instructions - 1
            instruction = self._integers("instruction", options["instruction"], 1, last)
        if options.get("goal") is not None:
            if instruction is not None:
                raise CourseError(
                    Bilingual(
                        "instruction과 goal은 같은 것을 정합니다. 둘 중 하나만 주십시오.",
                        "instruction and goal say the same thing. Give only one of them.",
                    )
                )
            instruction = self._asked_goal(options["goal"])
        episode = self._known_episode(options.get("episode")) or self.episode
        if episode == "exploration" and instruction is not None:
            raise CourseError(
                Bilingual(
                    "탐험 에피소드에는 목표가 없습니다. instruction과 goal을 빼 주십시오.",
                    "An exploration episode has no goal. Leave instruction and goal out.",
                )
            )
        return problem, instruction, episode

    def _asked_problem(self, value: Any) -> Tensor:
        if self.task.problem_count:
            return self._integers("problem", value, 0, self.task.problem_count - 1)
        chances = _array(value)
        arms = len(self.task.actions)
        shaped = chances.dtype.kind in "iuf" and chances.shape in ((arms,), (self.count, arms))
        if not shaped or not ((chances >= 0) & (chances <= 1)).all():
            raise CourseError(
                Bilingual(
                    f"밴딧의 문제는 팔 {arms}개의 확률이며 각각 0과 1 사이여야 합니다. 받은 값: {value!r}.",
                    f"A bandit's problem is the chances of its {arms} arms, each from 0 to 1. Got {value!r}.",
                )
            )
        return torch.tensor(np.broadcast_to(chances, (self.count, arms)), dtype=torch.float32)

    def _asked_goal(self, value: Any) -> Tensor:
        cells = _array(value)
        if cells.dtype.kind in "iu" and cells.shape in ((2,), (self.count, 2)):
            cells = [tuple(cell) for cell in np.broadcast_to(cells, (self.count, 2)).tolist()]
            if set(cells) <= set(self.task.goals):
                return torch.tensor([1 + self.task.goals.index(cell) for cell in cells])
        known = ", ".join(map(str, self.task.goals))
        raise CourseError(
            Bilingual(
                f"목표 칸은 다음 중 하나여야 합니다: {known}. 받은 값: {value!r}.",
                f"The goal must be one of: {known}. Got {value!r}.",
            )
        )

    def _integers(self, name: str, value: Any, lowest: int, highest: int) -> Tensor:
        numbers = _array(value)
        shaped = numbers.dtype.kind in "iu" and numbers.shape in ((), (self.count,))
        if not shaped or not ((numbers >= lowest) & (numbers <= highest)).all():
            raise CourseError(
                Bilingual(
                    f"{name}에는 {lowest}부터 {highest}까지의 정수를 주십시오. 받은 값: {value!r}.",
                    f"{name} must be an integer from {lowest} to {highest}. Got {value!r}.",
                )
            )
        return torch.tensor(np.broadcast_to(numbers, self.count).astype(np.int64))

    # -- acting and seeing -----------------------------------------------------------------------------------

    def begun(self) -> RunningTrials:
        """The running games; ResetNeeded where none has begun."""
        if self.running is None:
            raise ResetNeeded(
                Bilingual(
                    "아직 시작하지 않았습니다. 먼저 reset()을 부르십시오.",
                    "Nothing has begun yet. Call reset() first.",
                )
            )
        return self.running

    def refuse_if_over(self) -> None:
        """ResetNeeded where a game is over."""
        if self.begun().finished.any():
            raise ResetNeeded(
                Bilingual(
                    "에피소드가 이미 끝났습니다. 먼저 reset()을 부르십시오.",
                    "The episode is over. Call reset() first.",
                )
            )

    def step(self, action: Tensor) -> Tensor:
        """Act once in every lane, (N,) int64 → rewards (N,). A game that is over stays as it is."""
        action = action * ~self.running.resting  # as in ``play``: a pause carries no message
        reward = self.running.step(action)
        one_hot = F.one_hot(action, len(self.task.actions))
        self.last = torch.cat([one_hot, reward[:, None], self.running.done[:, None]], dim=1)  # (N, A + 2)
        return reward

    def observation(self) -> np.ndarray:
        """What each lane's agent receives now: (N, F + I), in trials (N, F + I + A + 2), float32."""
        running = self.running
        instruction = F.one_hot(running.instruction, running.tables.instructions)
        seen = [F.embedding(running.symbol, running.tables.features), instruction]
        return torch.cat(seen + [self.last] * self.whole_trials, dim=1).numpy()

    def info(self) -> dict[str, np.ndarray]:
        """What is true of each lane now, hidden or not: every array (N, …)."""
        running = self.running
        state = running.state.numpy().copy()
        told = {
            "hidden_problem": self.problem.numpy().copy(),
            "instruction": running.instruction.numpy(),
            "symbol": running.symbol.numpy(),
            "state": state,
            "clock": running.clock.numpy().copy(),
        }
        if self.is_city:
            told["cell"] = np.stack([state % self.task.width, state // self.task.width], axis=1)
        if self.whole_trials:
            told["episode"] = running.episode.numpy().copy()
            told["pause"] = (running.resting & ~running.finished).numpy()
        return told

    def frame(self, lane: int) -> np.ndarray | str | None:
        """One lane drawn in the render mode."""
        running = self.begun()
        if self.render_mode is None:
            gymnasium.logger.warn('Nothing is drawn without gymnasium.make(…, render_mode="rgb_array").')
            return None
        return (picture_of if self.render_mode == "rgb_array" else text_of)(self.task, running, lane)


def _array(value: Any) -> np.ndarray:
    """``value`` as an array; one of dtype object where it is none, which no check lets through."""
    try:
        return np.asarray(value)
    except Exception:  # a ragged list, or a tensor of another device: whatever it is, it is not an array
        return np.asarray(None, dtype=object)


class TaskEnv(gymnasium.Env):
    """One game of a task. For the arguments see ``Lanes``; for the observation, the module's first lines.

    ``reset(options=…)`` takes ``problem`` (a number; for a bandit the chances of its arms) and, for cities,
    ``instruction`` (1 … I − 1) or ``goal`` (x, y), and ``episode`` ("exploration" or "execution"). What is
    not given is drawn anew, from a ``torch.Generator`` that ``np_random`` seeds at each reset.
    """

    metadata = METADATA

    def __init__(self, task: str, render_mode: str | None = None, **arguments: Any) -> None:
        self.lanes = Lanes(task, 1, render_mode=render_mode, **arguments)
        self.task, self.render_mode = self.lanes.task, render_mode
        self.action_space, self.observation_space = self.lanes.action_space, self.lanes.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.lanes.generator.manual_seed(int(self.np_random.integers(2**63 - 1)))
        self.lanes.begin(torch.ones(1, dtype=torch.bool), options)
        return self.lanes.observation()[0], self._info()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.lanes.refuse_if_over()
        if isinstance(action, (bool, np.bool_)) or not self.action_space.contains(action):
            raise _not_an_action(action, self.action_space.n)
        reward = self.lanes.step(torch.tensor([int(action)]))
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
        task: str,
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
        where = self._reset_mask(options.pop("reset_mask", None))
        super().reset(seed=seed)
        self.lanes.generator.manual_seed(int(self.np_random.integers(2**63 - 1)))
        self.lanes.begin(where, options)
        return self.lanes.observation(), self._info(where.numpy())

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        lanes, everywhere = self.lanes, np.ones(self.num_envs, dtype=bool)
        waiting = lanes.begun().finished  # (N,) over since the last step
        if self.autoreset_mode is not AutoresetMode.NEXT_STEP:
            lanes.refuse_if_over()
        reward = lanes.step(self._checked(actions)).numpy().astype(np.float64)
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

    def _checked(self, actions: Any) -> Tensor:
        numbers, count = _array(actions), self.single_action_space.n
        shaped = numbers.dtype.kind in "iu" and numbers.shape == (self.num_envs,)
        if not shaped or not ((numbers >= 0) & (numbers < count)).all():
            raise _not_an_action(actions, count, self.num_envs)
        return torch.tensor(numbers.astype(np.int64))

    def _reset_mask(self, mask: Any) -> Tensor:
        if mask is None:
            return torch.ones(self.num_envs, dtype=torch.bool)
        mask = _array(mask)
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


def _not_an_action(action: Any, count: int, lanes: int | None = None) -> InvalidAction:
    expected = Bilingual("정수 하나", "an integer")
    if lanes is not None:
        expected = Bilingual(f"모양이 ({lanes},)인 정수 배열", f"integers of shape ({lanes},)")
    return InvalidAction(
        Bilingual(
            f"행동으로 0부터 {count - 1}까지의 {expected.ko}을 주십시오. 받은 값: {action!r}.",
            f"An action must be {expected.en} from 0 to {count - 1}. Got {action!r}.",
        )
    )
