"""E-RL²: RL² whose first episodes are for exploring, so that what they cost is not learned from.

Paper: Stadie, Yang, Houthooft, Chen, Duan, Wu, Abbeel, Sutskever (2018), "Some Considerations on Learning to Explore
via Meta-Reinforcement Learning", section 3.2. The policy, its inputs and the update are those of RL² (``rl2``). One line
differs: the rewards of the first p episodes of a trial are seen by the policy, but don't count in the return that it
maximises. So nothing is paid for exploring but what the later episodes make of it.

In the cities, the kitchen and the revealing arm the exploration episode pays nothing anyway: there E-RL² is RL²,
but for rounding. It differs where every episode pays: GridNavi, random MDPs. Its returns are reported over the episodes
that the task counts, like everybody's, so what exploration costs is not hidden.

Departures: those of ``rl2``. The paper's other method, E-MAML, is not part of this course.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch

from course_lib.agents import rl2
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Task


@dataclass(frozen=True)
class Settings(rl2.Settings):
    """The knobs of RL², and one more."""

    exploration_episodes: int = 1  # p, the episodes at the start of a trial that are not counted


def like_rl2(task: str, **more) -> Settings:
    """The settings of RL² on a task."""
    return Settings(**asdict(rl2.SETTINGS[task]) | more)


SETTINGS = {
    "map": like_rl2("map"),
    "homework-map": like_rl2("homework-map"),
    "noisy-tv": like_rl2("noisy-tv"),
    "distracting-bus": like_rl2("distracting-bus"),
    "hurried-bus": like_rl2("hurried-bus"),
    "cooking": like_rl2("cooking"),
    "revealing-arm": like_rl2("revealing-arm"),
    "gridnavi": like_rl2("gridnavi"),
    "random-mdp": like_rl2("random-mdp", exploration_episodes=2),
    "point-robot": like_rl2("point-robot"),
}


def counted_episodes(counted: tuple[bool, ...], exploration_episodes: int) -> tuple[bool, ...]:
    """Which episodes of a trial are learned from: those that the task counts, without the first few.

    Args:
        counted: for each episode whether the task counts what it pays.
        exploration_episodes: p.
    """
    return tuple(counts and k >= exploration_episodes for k, counts in enumerate(counted))


def train(
    task: Task,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    counting: Callable = counted_episodes,
    make_input: Callable = rl2.rl2_input,
    carry: Callable = rl2.carry_hidden_state,
    advantages: Callable = rl2.trial_advantages,
) -> Iterator[Snapshot]:
    """Train E-RL² and yield a snapshot before the first update and after every few.

    Args:
        counting: the function that the lesson teaches.
        make_input, carry, advantages: those of ``rl2.train``.
    Raises:
        CourseError: no episode is left that counts; the settings don't fit the task, or the loss is no number.
    """
    counted = counting(task.trial.counted, settings.exploration_episodes)
    if not any(counted):
        raise CourseError(
            Bilingual(
                f"{task.name}의 트라이얼은 에피소드가 {task.trial.episodes}개입니다. 처음 {settings.exploration_episodes}개를 세지 않으면 "
                "남는 보상이 없습니다. exploration_episodes를 줄이거나 gridnavi를 써 보십시오.",
                f"A trial of {task.name} has {task.trial.episodes} episode(s): without the first "
                f"{settings.exploration_episodes} no reward is left. Lower exploration_episodes, or try gridnavi.",
            )
        )
    functions = dict(make_input=make_input, carry=carry, advantages=advantages)
    yield from rl2.train(task, settings, generator, resume, method="e-rl2", counted=counted, **functions)
