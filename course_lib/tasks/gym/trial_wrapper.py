"""Trials out of any gymnasium environment, for whoever brings their own algorithm.

    env = TrialWrapper(gymnasium.make("CartPole-v1"), episodes=3)                     # a problem is a seed
    env = TrialWrapper(env, episodes=2, problems=range(21))                           # options={"problem": 7}
    model = RecurrentPPO("MlpLstmPolicy", env)

A gym episode of it is a trial: K episodes in one problem. Beside the environment's own observation,
flattened, stands what RL² reads: the last action (one-hot, or itself), the last reward, and whether it ended
an episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces.utils import flatten, flatten_space
from gymnasium.utils import RecordConstructorArgs, seeding

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.gym.errors import InvalidAction, already_over, not_begun


class TrialWrapper(gymnasium.Wrapper, RecordConstructorArgs):
    """K episodes of ``env`` in one problem, as one episode.

    What a problem is depends on ``problems``:

    - None: a seed. Each trial draws one, and every episode of it is reset with this same seed;
    - a sequence, or a function of a ``numpy`` generator: each trial draws one, and every episode is reset
      with ``options={option: problem}`` and a seed of its own.

    Whoever wants a certain problem gives it: ``reset(options={"problem": …})``, under the name of ``option``.

    When an episode ends, the agent first sees where: the next step is a pause, whose action is dropped and
    which pays nothing, and leads to the next episode. Without ``pauses`` the next episode begins at once.
    The trial ends as its last episode ends: ``terminated`` or ``truncated``.

    Args:
        env: the environment; its observations must be such that gymnasium can flatten them.
        episodes: K.
        problems, option: see above.
        pauses: as in the trials of the course.
        episode_options: for each episode, more options for the reset of ``env``.
        counted: for each episode, whether its rewards are given, or only observed; None: all are.
    Raises:
        CourseError: an argument has no such value.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        episodes: int,
        problems: Sequence[Any] | Callable[[np.random.Generator], Any] | None = None,
        option: str = "problem",
        pauses: bool = True,
        episode_options: Sequence[Mapping[str, Any]] | None = None,
        counted: Sequence[bool] | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(
            self, episodes=episodes, problems=problems, option=option, pauses=pauses,
            episode_options=episode_options, counted=counted,
        )  # fmt: skip
        super().__init__(env)
        if isinstance(episodes, bool) or not isinstance(episodes, (int, np.integer)) or episodes < 1:
            raise CourseError(
                Bilingual(
                    f"episodes에는 1 이상의 정수를 주십시오. 받은 값: {episodes!r}.",
                    f"episodes must be an integer of at least 1. Got {episodes!r}.",
                )
            )
        for name, given in (("episode_options", episode_options), ("counted", counted)):
            if given is not None and len(given) != episodes:
                raise CourseError(
                    Bilingual(
                        f"{name}에는 에피소드마다 하나씩 {episodes}개를 주십시오. 받은 것: {len(given)}개.",
                        f"{name} needs one entry an episode, {episodes} of them. Got {len(given)}.",
                    )
                )
        if problems is not None and not callable(problems) and len(problems) == 0:
            raise CourseError(
                Bilingual("problems가 비어 있습니다. 문제를 하나 이상 주십시오.", "problems is empty. Give at least one.")
            )
        if not env.observation_space.is_np_flattenable or not env.action_space.is_np_flattenable:
            raise CourseError(
                Bilingual(
                    f"벡터로 펼 수 없는 공간입니다: {env.observation_space}, {env.action_space}.",
                    f"These spaces can't be flattened: {env.observation_space}, {env.action_space}.",
                )
            )
        self.episodes, self.problems, self.option, self.pauses = int(episodes), problems, option, pauses
        self.episode_options = [{}] * self.episodes if episode_options is None else list(episode_options)
        self.counted = [True] * self.episodes if counted is None else list(counted)
        seen, acts = flatten_space(env.observation_space), flatten_space(env.action_space)
        paid = np.array([np.inf])
        self.observation_space = gymnasium.spaces.Box(
            np.concatenate([seen.low, acts.low, -paid, [0]]).astype(np.float32),
            np.concatenate([seen.high, acts.high, paid, [1]]).astype(np.float32),
            dtype=np.float32,
        )
        self._nothing_done = np.zeros(acts.shape[0] + 2, np.float32)  # (A + 2,): action, reward, done
        self._paused = self._nothing_done.copy()
        if isinstance(env.action_space, gymnasium.spaces.Discrete):
            self._paused[0] = 1.0  # the first action in place of the one that was dropped, as in our trials
        self._episode, self._over, self._waiting = -1, False, False
        self._dice, _ = seeding.np_random()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a trial, in a problem that is drawn, or given under the name of ``option``."""
        if seed is not None:
            self._dice, _ = seeding.np_random(seed)
        self._options = dict(options or {})
        if self.option in self._options:
            self._problem = self._options.pop(self.option)
            if self.problems is None:
                self._refuse_unless_seed(self._problem)
        elif self.problems is None:
            self._problem = int(self._dice.integers(2**31))
        elif callable(self.problems):
            self._problem = self.problems(self._dice)
        else:
            self._problem = self.problems[int(self._dice.integers(len(self.problems)))]
        self._episode, self._over = -1, False
        self._begin_episode()
        return self._seen(self._nothing_done), self._told()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """A step of the episode; in a pause, the start of the next one.

        Raises:
            InvalidAction: the action is not in the action space.
            ResetNeeded: the trial has not begun, or is over.
        """
        if self._episode < 0:
            raise not_begun()
        if self._over:
            raise already_over()
        if not self.action_space.contains(action):
            raise InvalidAction(
                Bilingual(
                    f"행동은 {self.action_space} 안에 있어야 합니다. 받은 값: {action!r}.",
                    f"An action must be in {self.action_space}. Got {action!r}.",
                )
            )
        if self._waiting:
            self._begin_episode()
            return self._seen(self._paused), 0.0, False, False, self._told()
        self._last_seen, paid, terminated, truncated, self._info = self.env.step(action)
        ended, last_episode = terminated or truncated, self._episode == self.episodes - 1
        did = np.concatenate([flatten(self.env.action_space, action), [paid, ended]]).astype(np.float32)
        given = float(paid) * self.counted[self._episode]
        self._over, self._waiting = ended and last_episode, ended and not last_episode
        if self._waiting and not self.pauses:
            self._begin_episode()
        return self._seen(did), given, terminated and last_episode, truncated and last_episode, self._told()

    def _refuse_unless_seed(self, problem: Any) -> None:
        if isinstance(problem, bool) or not isinstance(problem, (int, np.integer)) or problem < 0:
            raise CourseError(
                Bilingual(
                    f"여기서 문제는 시드이므로 0 이상의 정수를 주십시오. 받은 값: {problem!r}.",
                    f"A problem is a seed here: give an integer of at least 0. Got {problem!r}.",
                )
            )

    def _begin_episode(self) -> None:
        self._episode, self._waiting = self._episode + 1, False
        options = self._options | dict(self.episode_options[self._episode])
        seed = self._problem
        if self.problems is not None:
            options[self.option], seed = self._problem, int(self._dice.integers(2**31))
        self._last_seen, self._info = self.env.reset(seed=seed, options=options or None)

    def _seen(self, did: np.ndarray) -> np.ndarray:
        return np.concatenate([flatten(self.env.observation_space, self._last_seen), did]).astype(np.float32)

    def _told(self) -> dict[str, Any]:
        """The environment's own info, the trial's problem, the number of the episode, and whether it rests."""
        trial = {"problem": self._problem, "trial_episode": self._episode, "pause": self._waiting}
        return {**self._info, **trial}
