"""How far a training is, and all from which it goes on to the same numbers: every method keeps that.

A method names once what it learns and draws from, and then only counts::

    progress = Progress("rl2", task, settings, generator, resume, policy=policy, optimizer=optimizer)
    if resume is None:
        yield judge.snapshot(policy, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            ...  # play, improve
            require_finite(progress.update, loss, halve=["learning_rate"])
            progress.count(updates=1, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(policy_loss=policy_loss.item())
        if progress.due():
            yield judge.snapshot(policy, *progress.told())
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Protocol

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Task


LATER = ("updates", "evaluate_every")  # settings that a training which goes on may change as it likes


class Kept(Protocol):
    """A part of a training that a checkpoint holds: a module, an optimiser, a replay that has these two."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> Any: ...


class Progress:
    """Counts of a training, its clock, and its checkpoints.

    Attributes:
        update: updates of the parameters so far.
        env_steps: steps taken in the training environments so far.
        seconds: spent within ``timed`` so far.
        metrics: of the last update.
    """

    def __init__(
        self,
        method: str,
        task: Task,
        settings,
        generator: torch.Generator,
        resume: dict | None = None,
        **parts: Kept,
    ) -> None:
        """Begin, or go on from what ``checkpoint`` gave.

        Args:
            settings: a dataclass with ``updates`` and ``evaluate_every``. A checkpoint tells them, but a
                training that goes on has those that it is given.
            generator: every random draw of the training comes from here.
            parts: all else that changes while training, under the names that they have in a checkpoint.
        Raises:
            CourseError: the checkpoint is of a training with other settings, or is damaged.
        """
        self.method, self.task, self.settings = method, task, settings
        self.generator, self.parts = generator, parts
        self.update, self.env_steps, self.seconds, self.metrics = 0, 0, 0.0, {}
        if resume is not None:
            try:
                for name, part in parts.items():
                    part.load_state_dict(copy.deepcopy(resume[name]))  # the training changes what it is given
                generator.set_state(resume["generator"])
                self.update, self.env_steps = resume["update"], resume["env_steps"]
                self.seconds, self.metrics = resume["seconds"], dict(resume["metrics"])
            except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise does_not_fit(resume, settings) from error

    def checkpoint(self) -> dict:
        """The state from which the training goes on to the same numbers, for ``torch.save``."""
        return dict(
            method=self.method,
            task=self.task.name,
            **{name: copy.deepcopy(part.state_dict()) for name, part in self.parts.items()},
            generator=self.generator.get_state(),
            settings=asdict(self.settings),
            update=self.update,
            env_steps=self.env_steps,
            seconds=self.seconds,
            metrics=dict(self.metrics),
        )

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done within it is training, and its seconds count. Nothing may be yielded from within."""
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

    def count(self, updates: int, env_steps: int) -> None:
        """So many updates were made since the last time, and so many steps taken."""
        self.update += updates
        self.env_steps += env_steps

    def due(self) -> bool:
        """Whether it is time for a snapshot: after every ``evaluate_every`` updates, and at the end."""
        return self.update % self.settings.evaluate_every == 0 or self.update >= self.settings.updates

    def told(self) -> tuple[int, int, float, dict[str, float], Callable[[], dict]]:
        """What a snapshot says of the training: update, env_steps, seconds, metrics, checkpoint."""
        return self.update, self.env_steps, self.seconds, self.metrics, self.checkpoint


def does_not_fit(checkpoint: dict, settings) -> CourseError:
    """What is said of a checkpoint from which a training with these settings can't go on."""
    own = asdict(settings) | dict.fromkeys(LATER)
    saved = dict(checkpoint.get("settings") or {}) | dict.fromkeys(LATER)
    other = ", ".join(f"{name}={value!r}" for name, value in saved.items() if own.get(name) != value)
    if other:
        return CourseError(
            Bilingual(
                f"이 체크포인트는 다른 설정으로 저장되었습니다. 이어서 학습하려면 그 설정을 주십시오: {other}.",
                f"This checkpoint was saved with other settings. To go on from it, give those: {other}.",
            )
        )
    return CourseError(
        Bilingual(
            "이 체크포인트에서는 이어서 학습할 수 없습니다. 손상되었거나 다른 장치나 다른 판의 코드에서 저장되었습니다. "
            "resume 없이 처음부터 학습하십시오.",
            "Training can't go on from this checkpoint: it is damaged, or was saved on another device or by another "
            "version of the code. Train from the start, without resume.",
        )
    )


def require_finite(update: int, *losses: Tensor, halve: Sequence[str]) -> None:
    """Stop a training that has diverged.

    Args:
        update: in which this is found, counted from 0.
        losses: any numbers that must be finite.
        halve: the settings to try again with, at half their value. Each ends in "rate".
    Raises:
        CourseError: one of the losses is infinite or no number.
    """
    if all(bool(torch.isfinite(loss).all()) for loss in losses):
        return
    ko, en = ", ".join(halve), " and ".join(halve)
    raise CourseError(
        Bilingual(
            f"손실이 더 이상 수가 아닙니다({update}번째 업데이트). {ko}를 절반으로 줄여 다시 해 보십시오.",
            f"The loss is no longer a number (update {update}). Try again with half the {en}.",
        )
    )
