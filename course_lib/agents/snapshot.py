"""What a method yields while it trains: plain numbers and plain CPU tensors, nothing of the method itself.

A script, a test, a live view, a recording and a benchmark all consume the same stream of these. Pausing a
training is not asking for its next snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from course_lib.tasks import Trials


@dataclass(frozen=True)
class Snapshot:
    """One look at a training, taken between two updates.

    Attributes:
        method, task: names as in ``course train METHOD TASK``.
        update: updates of the parameters so far.
        env_steps: steps taken in the training environments so far.
        seconds: time spent training so far, without evaluation and without waiting for whoever looks.
        metrics: numbers by name. ``test_return`` is that of the greedy policy on test problems.
        references: exact numbers to draw beside them: ``optimal_return``, ``no_exploration_return``, …
        trials: the trials of the evaluation, B of them.
        hidden: (B, T, H) hidden states, after the input at t was read.
        belief: (B, T, M) exact posterior over problems given what was seen up to t; None if infinite.
        learned_belief: (B, T, M) the method's own belief over problems, beside ``belief``; None where it has none.
        gain: (B, T) nats that each step told the method's own decoder, log q(z | τ_:t+1) − log q(z | τ_:t); None where
            it has none, or has no z for the problems shown.
        spread: (B, T, Z) standard deviation of each number of z, where the first Z units of ``hidden`` are the mean of a
            Gaussian posterior over z; None where they are no such thing.
        checkpoint: gives the state from which the training resumes to the same numbers, as a dict for
            ``torch.save``. Call it before asking for the next snapshot.
    """

    method: str
    task: str
    update: int
    env_steps: int
    seconds: float
    metrics: dict[str, float]
    references: dict[str, float]
    trials: Trials | None = None
    hidden: Tensor | None = None
    belief: Tensor | None = None
    learned_belief: Tensor | None = None
    gain: Tensor | None = None
    spread: Tensor | None = None
    checkpoint: Callable[[], dict] = field(default=dict, repr=False)
