"""Bring your own gymnasium environment: a course task out of any of them.

    def with_pole(length):
        env = gymnasium.make("CartPole-v1")
        env.unwrapped.length = length
        return env

    task = bring(with_pole, problems=[0.25, 0.5, 1.0, 2.0], episodes=2, horizon=50, name="poles")
    for snapshot in rl2.train(task, rl2.Settings(updates=20, trials=64), generator): ...

Every method that needs no tables trains on it, and the live view shows it:
``live(rl2.train(task, settings, generator), task=task)``. There are no exact beliefs and values: nobody wrote
down what the environment does.

Each lane steps an environment of its own, one after another in Python, so such a task is as fast as its
environment, not as ours are.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import reprlib
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces.utils import flatdim, flatten
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.task import Drawn, Running, Task, TrialShape, check_split, where


def bring(
    make_env: Callable[[Any], gymnasium.Env],
    problems: Sequence[Any],
    *,
    horizon: int,
    episodes: int = 2,
    exploration: int = 0,
    test_problems: Sequence[Any] | None = None,
    name: str = "brought",
    title: Bilingual | None = None,
    actions: Sequence[str] | None = None,
) -> Brought:
    """A task whose problems are gymnasium environments.

    Args:
        make_env: ``make_env(problem)`` gives a fresh environment of this problem. Its observations may be any
            that gymnasium can flatten; its actions are Discrete, or a Box with finite bounds.
        problems: what training draws from: any values that ``make_env`` understands.
        horizon: at most so many steps an episode. An environment may end it earlier.
        episodes: K, how many episodes a trial has, all in one problem.
        exploration: how many of the first episodes are free: seen, but not counted in the trial's return.
        test_problems: problems that training never meets; None: the test is on ``problems``.
        name, title: for readers.
        actions: names of the A actions (or axes); else their numbers.
    Raises:
        CourseError: an argument has no such value, or the environments can't be used together.
    """
    return Brought(make_env, problems, horizon, episodes, exploration, test_problems, name, title, actions)


class Brought(Task):
    """What ``bring`` gives; it says what the arguments are. Problem m is ``problems[m]``, the test's come last."""

    def __init__(
        self, make_env, problems, horizon, episodes, exploration, test_problems, name, title, actions
    ) -> None:
        self.name, self.title = name, title or Bilingual(f"가져온 환경 {name}", f"Brought environment {name}")
        train, test = _listed("problems", problems), []
        if test_problems is not None:
            test = _listed("test_problems", test_problems)
        self.problems = train + test
        first = torch.arange(len(train))
        self.splits = {"train": first, "test": len(train) + torch.arange(len(test)) if test else first}
        if not _whole(episodes, 1) or not _whole(exploration, 0) or exploration >= episodes:
            raise CourseError(
                Bilingual(
                    "episodes는 1 이상, exploration은 0 이상이고 episodes보다 작은 정수여야 합니다. "
                    f"받은 값: episodes={episodes!r}, exploration={exploration!r}.",
                    "episodes must be an integer of at least 1, and exploration one from 0 below episodes. "
                    f"Got episodes={episodes!r}, exploration={exploration!r}.",
                )
            )
        counted = tuple(episode >= int(exploration) for episode in range(int(episodes)))
        self.trial = TrialShape(int(horizon) if _whole(horizon, 1) else horizon, (False,) * int(episodes), counted)

        if not _takes_a_problem(make_env):
            raise _not_made(make_env)
        self._make_env, self._made = make_env, weakref.WeakValueDictionary()  # id → the innermost environment
        self._spare: dict[int, list[gymnasium.Env]] = defaultdict(list)  # made, and not in use
        self.observation_space = self.action_space = None
        env = self.env_of(0)
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self._check_spaces()

        self.continuous = isinstance(self.action_space, gymnasium.spaces.Box)
        count = math.prod(self.action_space.shape) if self.continuous else int(self.action_space.n)
        listed = range(count) if actions is None else actions
        if isinstance(listed, str) or not isinstance(listed, Iterable) or len(names := tuple(map(str, listed))) != count:
            raise CourseError(
                Bilingual(
                    f"actions에는 이름 {count}개의 목록이 필요합니다. 받은 것: {actions!r}.",
                    f"actions needs a list of {count} names. Got {actions!r}.",
                )
            )
        self.actions = names
        self.sensed_size = flatdim(self.observation_space)
        self._try_out(env)
        self.give_back(0, env)

    @property
    def problem_count(self) -> int:
        return len(self.problems)

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Problems for ``count`` trials, uniformly from ``split``."""
        allowed = self.splits[check_split(split)].to(generator.device)
        chosen = torch.randint(len(allowed), (count,), generator=generator, device=generator.device)
        return Drawn(None, allowed[chosen])

    def each(self, copies: int = 1, split: str = "test") -> Drawn:
        """Every problem of ``split``, ``copies`` times."""
        return Drawn(None, self.splits[check_split(split)].repeat_interleave(copies))

    def begin(self, drawn: Drawn, generator: torch.Generator) -> RunningBrought:
        return RunningBrought(self, drawn, generator)

    def sensed(self, drawn: Drawn, symbol: Tensor, instruction: Tensor) -> Tensor:
        """The flattened observation itself: there are no instructions."""
        return symbol

    # -- environments ----------------------------------------------------------------------------------------

    def env_of(self, problem: int) -> gymnasium.Env:
        """An environment of this problem that nobody else uses: a spare one, or a new one."""
        try:
            return self._spare[problem].pop()
        except IndexError:  # none is spare
            pass
        env = self._make_env(self.problems[problem])
        if not isinstance(env, gymnasium.Env):
            raise _not_made(env)
        if id(env.unwrapped) in self._made:
            raise CourseError(
                Bilingual(
                    "make_env가 같은 환경을 다시 돌려주었습니다. 트라이얼 여럿이 한 환경을 함께 쓰게 됩니다. 부를 때마다 함수 안에서 새로 "
                    "만드십시오.",
                    "make_env returned the same environment again, and several trials would step it together. Make a new one "
                    "inside the function at each call.",
                )
            )
        self._made[id(env.unwrapped)] = env.unwrapped
        spaces = tuple(getattr(env, name, None) for name in ("observation_space", "action_space"))
        if not all(isinstance(space, gymnasium.Space) for space in spaces):
            raise CourseError(
                Bilingual(
                    f"환경에는 observation_space와 action_space가 있어야 합니다(gymnasium.spaces의 것). 받은 것: {spaces}.",
                    f"An environment needs an observation_space and an action_space, of gymnasium.spaces. Got {spaces}.",
                )
            )
        if self.observation_space is not None and spaces != (self.observation_space, self.action_space):
            raise CourseError(
                Bilingual(
                    f"모든 문제의 공간이 같아야 합니다. 문제 {problem}의 공간: {spaces}, "
                    f"다른 문제의 공간: {(self.observation_space, self.action_space)}.",
                    f"All problems need the same spaces. Problem {problem} has {spaces}, others "
                    f"have {(self.observation_space, self.action_space)}.",
                )
            )
        return env

    def give_back(self, problem: int, env: gymnasium.Env) -> None:
        """Keep an environment for the next trial in this problem."""
        self._spare[problem].append(env)

    def close(self) -> None:
        """Close the environments that are not in use."""
        for spare in self._spare.values():
            while spare:
                spare.pop().close()

    def _check_spaces(self) -> None:
        seen, acts = self.observation_space, self.action_space
        box = isinstance(acts, gymnasium.spaces.Box)
        if not seen.is_np_flattenable:
            raise CourseError(
                Bilingual(
                    f"관측 공간 {seen}은(는) 벡터로 펼 수 없습니다. Box, Discrete, 또는 그것들의 Dict를 쓰십시오.",
                    f"Observation space {seen} can't be flattened. Use a Box, a Discrete, or a Dict of them.",
                )
            )
        if not (box and acts.is_bounded()) and not isinstance(acts, gymnasium.spaces.Discrete):
            raise CourseError(
                Bilingual(
                    f"행동 공간은 Discrete이거나 유한한 Box여야 합니다. 받은 것: {acts}.",
                    f"The action space must be Discrete, or a Box with finite bounds. Got {acts}.",
                )
            )

    def _try_out(self, env: gymnasium.Env) -> None:
        """One reset and one step: a usual mistake is told when the environment is brought, not in the midst of a training."""
        self.begun(_asked("reset(seed=0)", lambda: env.reset(seed=0)))
        still = torch.zeros(1, len(self.actions)) if self.continuous else torch.zeros(1, dtype=torch.int64)
        move = self.moves(still)[0]
        self.stepped(_asked(f"step({move!r})", lambda: env.step(move)))

    def begun(self, answer: Any) -> np.ndarray:
        """What ``reset`` returned as a vector, (O,); CourseError where it is not what gymnasium says."""
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise _returned("reset", "(observation, info)", answer)
        return self.flat("reset", answer[0])

    def stepped(self, answer: Any) -> tuple[np.ndarray, float, bool]:
        """What ``step`` returned: the observation (O,), the reward, and whether the episode is over; else a CourseError."""
        if not isinstance(answer, tuple) or len(answer) != 5:
            raise _returned("step", STEPPED, answer)
        observation, reward, terminated, truncated, _ = answer
        if not all(np.ndim(over) == 0 and over in (0, 1) for over in (terminated, truncated)):
            raise _returned("step", STEPPED, answer)
        return self.flat("step", observation), paid(reward), bool(terminated or truncated)

    def flat(self, place: str, observation: Any) -> np.ndarray:
        """An observation as a vector: (O,). ``place`` is the method that gave it."""
        space = self.observation_space
        try:
            vector = flatten(space, observation) if _fits(space, observation) else None
        except Exception:  # whatever it is that can't be flattened
            vector = None
        if vector is None or vector.shape != (self.sensed_size,):
            raise CourseError(
                Bilingual(
                    f"{place}의 관측이 관측 공간 {space}에 맞지 않습니다. 받은 것: {reprlib.repr(observation)}. "
                    "관측이나 observation_space를 고쳐 서로 맞추십시오.",
                    f"The observation of {place} does not fit the observation space {space}. Got "
                    f"{reprlib.repr(observation)}. Change the observation or observation_space so that they agree.",
                )
            )
        return vector

    def moves(self, action: Tensor) -> np.ndarray:
        """Actions as the environments take them: (B,) → (B,), or (B, A) from −1 to 1 → (B, …) in the Box."""
        numbers = action.cpu().numpy()
        if not self.continuous:
            return numbers + self.action_space.start
        low, high = self.action_space.low.astype(np.float64), self.action_space.high.astype(np.float64)
        part = (numbers.reshape(-1, *low.shape).astype(np.float64).clip(-1, 1) + 1) / 2
        return (low + part * (high - low)).astype(self.action_space.dtype)


class RunningBrought(Running):
    """B trials, each in an environment of its own. State and symbol are the flattened observation: (B, O)."""

    def __init__(self, task: Brought, drawn: Drawn, generator: torch.Generator) -> None:
        problems = drawn.index.tolist()
        for problem in set(problems):
            task.check_problem(problem)
        self._envs = [task.env_of(problem) for problem in problems]
        self._width = task.sensed_size
        super().__init__(task, drawn, generator)

    @property
    def symbol(self) -> Tensor:
        return self.state

    def step(self, action: Tensor) -> Tensor:
        reward = super().step(action)
        if self._envs and bool(self.finished.all()):  # nothing moves any more
            for problem, env in zip(self.problem.tolist(), self._envs, strict=True):
                self.task.give_back(problem, env)
            self._envs = []
        return reward

    def dynamics(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        moves, count = self.task.moves(action), len(self.problem)
        seen, rewards = self._rows(), np.zeros(count, np.float32)
        ends = np.zeros(count, bool)
        acting = (~self.resting).nonzero()[:, 0].tolist()
        for lane in acting:
            seen[lane], rewards[lane], ends[lane] = self.task.stepped(self._envs[lane].step(moves[lane]))
        self._refuse_nonsense(seen, rewards)
        device = self.problem.device
        arrived = where(self.resting, self.state, torch.from_numpy(seen).to(device))
        return arrived, torch.from_numpy(rewards).to(device), torch.from_numpy(ends).to(device)

    def restarted(self, again: Tensor) -> Tensor:
        seen = self._rows()
        lanes = again.nonzero()[:, 0].tolist()
        if lanes:
            device = self.problem.device
            seeds = torch.randint(2**31 - 1, again.shape, generator=self.generator, device=device).tolist()
            for lane in lanes:
                seen[lane] = self.task.begun(self._envs[lane].reset(seed=seeds[lane]))
            self._refuse_nonsense(seen, seen[:, 0])
        return torch.from_numpy(seen).to(self.problem.device)

    def _rows(self) -> np.ndarray:
        return np.zeros((len(self.problem), self._width), np.float32)

    def _refuse_nonsense(self, seen: np.ndarray, reward: np.ndarray) -> None:
        wrong = ~(np.isfinite(seen).all(axis=1) & np.isfinite(reward))  # (B,)
        if wrong.any():
            problem = int(self.problem[int(wrong.nonzero()[0][0])])
            raise CourseError(
                Bilingual(
                    f"{self.task.name}의 문제 {problem}에서 관측이나 보상이 유한한 수가 아닙니다. 그 환경의 step과 reset을 살펴보십시오.",
                    f"In problem {problem} of {self.task.name} an observation or reward is no finite number. "
                    "Look at that environment's step and reset.",
                )
            )


def _fits(space: gymnasium.Space, observation: Any) -> bool:
    """Whether an observation is one of this space, but for the bounds and the exact number type of a Box."""
    if isinstance(space, gymnasium.spaces.Dict):
        return all(_fits(part, observation[name]) for name, part in space.spaces.items())
    if isinstance(space, gymnasium.spaces.Tuple):
        return len(observation) == len(space.spaces) and all(map(_fits, space.spaces, observation))
    if isinstance(space, gymnasium.spaces.Discrete):  # NumPy's True is a usual answer where there are two
        return space.contains(int(observation) if isinstance(observation, np.bool_) else observation)
    if not isinstance(space, gymnasium.spaces.Box):
        return space.contains(observation)
    values = np.asarray(observation)
    if np.issubdtype(space.dtype, np.integer) and np.issubdtype(values.dtype, np.integer):
        known = np.iinfo(space.dtype)
        return values.shape == space.shape and bool((values >= known.min).all() and (values <= known.max).all())
    return values.shape == space.shape and np.can_cast(values.dtype, space.dtype, "same_kind")


STEPPED = "(observation, reward, terminated, truncated, info)"


def paid(reward: Any) -> float:
    """The reward of a step, which must be one number."""
    try:
        if isinstance(reward, (str, bytes)):
            raise TypeError
        return float(reward)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise CourseError(
            Bilingual(
                f"step의 보상은 수 하나여야 합니다. 받은 것: {reprlib.repr(reward)}.",
                f"The reward of step must be one number. Got {reprlib.repr(reward)}.",
            )
        ) from None


def _asked(call: str, ask: Callable[[], Any]) -> Any:
    """What the environment answers; an exception inside it keeps its own traceback below the sentence's."""
    try:
        return ask()
    except Exception as error:  # whatever somebody's environment raises
        raise CourseError(
            Bilingual(
                f"환경에서 {call}을(를) 부르니 오류가 났습니다. {type(error).__name__}: {error}. gymnasium.Env의 reset(seed=None, "
                "options=None)과 step(action)처럼 만드십시오.",
                f"The environment's {call} failed. {type(error).__name__}: {error}. Write it like "
                "reset(seed=None, options=None) and step(action) of gymnasium.Env.",
            )
        ) from error


def _returned(method: str, wanted: str, got: Any) -> CourseError:
    return CourseError(
        Bilingual(
            f"환경의 {method}은(는) {wanted}의 튜플을 돌려주어야 합니다. 받은 것: {reprlib.repr(got)}.",
            f"The environment's {method} must return the tuple {wanted}. Got {reprlib.repr(got)}.",
        )
    )


def _takes_a_problem(make_env: Any) -> bool:
    if not callable(make_env):
        return False
    with contextlib.suppress(ValueError):  # something built in that does not say what it takes
        try:
            inspect.signature(make_env).bind(None)
        except TypeError:
            return False
    return True


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def _listed(argument: str, problems: Sequence[Any]) -> list[Any]:
    try:
        listed = list(problems)
    except TypeError:
        listed = []
    if not listed or isinstance(problems, str):
        raise CourseError(
            Bilingual(
                f"{argument}에는 문제를 하나 이상 담은 목록을 주십시오. 받은 값: {problems!r}.",
                f"{argument} must be a list of at least one problem. Got {problems!r}.",
            )
        )
    return listed


def _not_made(got: object) -> CourseError:
    kind = f"{got.__name__}{inspect.signature(got)}" if inspect.isroutine(got) or inspect.isclass(got) else type(got).__name__
    return CourseError(
        Bilingual(
            f"make_env는 문제를 받아 gymnasium 환경을 돌려주는 함수여야 합니다. 받은 것: {kind}.",
            f"make_env must be a function from a problem to a gymnasium environment. Got {kind}.",
        )
    )
