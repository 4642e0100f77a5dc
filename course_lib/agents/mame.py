"""MAME's place in the lecture: an explorer of its own, paid by an intrinsic reward.

Paper: Gurumurthy, Kumar, Sycara (CoRL 2019), "MAME: Model-Agnostic Meta-Exploration". Its abstract says: exploration
has a policy of its own, apart from the one that exploits; and adaptation is by (self-)supervised learning. In the
authors' code (github.com/swami1995/exp_maml at 0179ad4, maml_rl/metalearner.py) the adaptation predicts returns
(``inner_loss``), and the explorer is trained on what execution earns after it (``gradient_descent_update``). The lecture
names it for "intrinsic rewards", which we did not find there. Here stands the plainest of those, the surprise: how badly
what came next was predicted from what the episode has shown so far,

    r_t = −log p(s_{t+1} | τ_:t, a_t).

In expectation that is everything about the next step that is not known yet (an entropy), and so the sum of two things:

    H(s_{t+1} | τ_:t, a_t) = I(s_{t+1}; μ | τ_:t, a_t) + H(s_{t+1} | μ, s_t, a_t),

what the step tells about the problem, and what nobody can know beforehand, the noise. The second is the trap: whoever
is paid for it watches television (task ``noisy-tv``).

Departures from MAME, which is a MAML:

- it adapts a vector z for the task by a gradient step, through which execution is trained, and the explorer by a
  policy gradient on what execution earns after it; here the task is recognised as in DREAM, whose executor, decoder, replay and behaviour these are (``curious``), so that two methods
  of this course differ by the explorer's pay and nothing else;
- its explorer is paid by execution's return, so that it has RL²'s coupling. This file is about intrinsic rewards, and
  not a re-implementation.

The function that a lesson teaches, ``surprise``, is an argument of ``train``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from course_lib.agents import curious
from course_lib.agents.curious import Networks, Settings, prediction_loss
from course_lib.agents.snapshot import Snapshot
from course_lib.tasks import TableTask

SETTINGS = curious.settings_like_dream()


def surprise(log_chance: Tensor) -> Tensor:
    """What each step of an episode is worth that was expected with these log-chances: (B, T) → (B, T), in nats."""
    return -log_chance


def train(
    task: TableTask,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    pay: Callable = surprise,
    predicting: Callable = prediction_loss,
) -> Iterator[Snapshot]:
    """Train and yield a snapshot before the first update and after every few; see ``curious.train``.

    Args:
        pay, predicting: the functions that the lesson teaches.
    """
    return curious.train(
        task, settings, generator, resume, method="mame", parts=Networks, pay=pay, predicting=predicting
    )
