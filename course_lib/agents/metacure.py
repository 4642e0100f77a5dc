"""MetaCURE: an explorer that is paid for what knowing the task would have helped to predict.

Paper: Zhang, Wang, Hu, Chen, Chen, Fan, Zhang (2020), "MetaCURE: Meta Reinforcement Learning with Empowerment-Driven
Exploration". Two predictors say what comes next, one that knows the context so far and one that knows the task; the
explorer is paid the difference. Checked in the authors' release (github.com/NagisaZj/MetaCURE-Public,
rlkit/torch/sac/sac.py, classes ExpSACFinSubtract3 and 4): the squared error of predicting the reward (and the next
state, with ``consider_dynamics``) from the context, less that of a predictor that knows the task. As log-chances:

    r_t = log p(s_{t+1} | μ, s_t, a_t) − log p(s_{t+1} | τ_:t, a_t).

In expectation that is I(s_{t+1}; μ | τ_:t, a_t): what the step tells about the problem. The noise, which no one can
predict, is in both terms and cancels: where ``mame`` watches television, this explorer reads the map. By the chain
rule the rewards of an episode sum to I(τ; μ), the exact information of ``course_lib.exact.information``. And there is
its trap: all of the problem counts, whether execution has a use for it or not (tasks ``distracting-bus`` and
``hurried-bus``). DREAM's explorer is paid I(τ; z) instead, for a z that says only what execution needs.

It can be trapped twice. What is paid is to know which of the *training* problems this is, and where these are few,
less does than what execution needs: of the 53 cities of the distracting bus, rides with two useful buses and two
distractors can tell them all apart, so nothing is paid for a third useful one, though a test city may need it. With 11
steps and as many updates as DREAM, whose seeds reach the optimum in eight of ten, all ten of these stay at a worth of
0.60 to 0.70 (``figures/results``). Trained on all 576 cities and with 20 steps, five seeds still ride two to three
distractors, and what they find is worth 0.50 to 0.80, of 0.8. Numbers: ``figures/explorers.json``.

Departures from the release:

- log-chances of symbols in place of squared errors of vectors, which is what makes the sum exact;
- one predictor that is told the number of the problem, as in ExpSACFinSubtract4 (Subtract3 has a network for each
  training task); it predicts what is sensed next, and no reward, as exploring pays none here;
- execution, task inference, replay and behaviour are DREAM's (``curious``) and not PEARL's soft actor-critic, so that
  two methods of this course differ by the explorer's pay and nothing else;
- the explorer isn't paid the environment's reward on top: exploration pays none in these tasks.

The function that a lesson teaches, ``empowerment``, is an argument of ``train``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from course_lib.agents import curious
from course_lib.agents.curious import Settings, came_true, prediction_loss
from course_lib.agents.networks import linear
from course_lib.agents.snapshot import Snapshot
from course_lib.tasks import TableTask

SETTINGS = curious.settings_like_dream()


def empowerment(guessed: Tensor, informed: Tensor) -> Tensor:
    """How much better each step was expected by who knows the problem: (B, T), (B, T) → (B, T), in nats.

    Args:
        guessed: log-chances of what came next, of a predictor that knows what the episode has shown.
        informed: those of a predictor that knows the problem.
    """
    return informed - guessed


class Correction(nn.Module):
    """What knowing the problem changes in a prediction: a product of two embeddings, of the problem and of the step.

    It begins at nothing. So nobody is paid for noise, or for what the insider has not learned yet, on the way.
    """

    def __init__(self, problems: int, symbols: int, actions: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.actions = actions
        self.problem, self.step = (
            nn.Embedding.from_pretrained(torch.randn(n, size, generator=generator, device=generator.device), freeze=False)
            for n in (problems, symbols * actions)
        )
        self.out = linear(size, symbols, generator, gain=0.0)

    def forward(self, problem: Tensor, symbol: Tensor, action: Tensor) -> Tensor:
        """(B,), (B, T), (B, T) → what is added to the logarithms of the chances (B, T, symbols)."""
        return self.out(self.problem(problem)[:, None] * self.step(symbol * self.actions + action))


class Networks(curious.Networks):
    """Beside the predictor that knows what was shown, one that knows the problem too. Only training asks it."""

    def __init__(self, task: TableTask, settings: Settings, generator: torch.Generator) -> None:
        super().__init__(task, settings, generator)
        symbols, actions = len(task.tables.features), len(task.actions)
        self.insider = Correction(task.problem_count, symbols, actions, settings.foresight, generator)

    def log_chances(self, table: Tensor, symbol: Tensor, action: Tensor, acted: Tensor, problem: Tensor) -> tuple:
        """As in ``curious.Networks``, and the same of who knows the problem: (B, T), (B, T)."""
        guess = self.guess(table, symbol, action, acted)  # (B, T, symbols)
        informed = (guess.detach() + self.insider(problem, symbol[:, :-1], action)).log_softmax(dim=-1)
        return came_true(guess, symbol), came_true(informed, symbol)


def train(
    task: TableTask,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    pay: Callable = empowerment,
    predicting: Callable = prediction_loss,
) -> Iterator[Snapshot]:
    """Train and yield a snapshot before the first update and after every few; see ``curious.train``.

    Args:
        pay, predicting: the functions that the lesson teaches.
    """
    return curious.train(
        task, settings, generator, resume, method="metacure", parts=Networks, pay=pay, predicting=predicting
    )
