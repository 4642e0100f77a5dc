"""Exact answers for random MDPs: the value of a known one, what a history tells, and how much that is.

What is hidden is independent from one pair (state, action) to the next, and each prior is conjugate: after any
history the chances of (s, a) still have a Dirichlet distribution, and its mean reward a normal one. So a belief
is a table of counts, and nothing is approximated. (What can't be had is the Bayes-optimal policy: there are too
many such tables.)

Shapes: B problems, S states, A actions, H steps an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.random_mdp import CONCENTRATION, MEAN_REWARD, REWARD_PRECISION, RandomMDP
from course_lib.tasks.task import Trials

# -- a known problem ---------------------------------------------------------------------------------------


def mdp_values(transition: Tensor, reward: Tensor, horizon: int) -> Tensor:
    """What each action is worth if everything after it is best: value iteration, backwards from the last step.

        Q_h(s, a) = r(s, a) + Σ_s' p(s' | s, a) max_a' Q_{h+1}(s', a'),    Q_H = 0

    Args:
        transition: (B, S, A, S) chances.
        reward: (B, S, A) means.
    Returns:
        (B, H, S, A): Q by the number of steps taken in this episode.
    """
    problems, states, actions = reward.shape
    chances = transition.flatten(1, 2)  # (B, S·A, S)
    value, worth = torch.zeros_like(reward[:, :, 0]), []
    for _ in range(horizon):
        next_value = torch.bmm(chances, value[:, :, None]).view(problems, states, actions)
        worth.append(reward + next_value)  # (B, S, A)
        value = worth[-1].amax(dim=-1)  # (B, S)
    return torch.stack(worth[::-1], dim=1)


def references(task: RandomMDP) -> dict[str, float]:
    """Who learns nothing is paid, on average, the prior mean at every step, whatever it does."""
    return dict(no_exploration_return=task.trial.episodes * task.trial.horizon * MEAN_REWARD)


# -- what a history tells ----------------------------------------------------------------------------------


class Prior(NamedTuple):
    """Chances are a draw of Dirichlet(concentration, …); a mean reward is a draw of N(mean, 1 / precision)."""

    mean: float = MEAN_REWARD
    precision: float = REWARD_PRECISION
    concentration: float = CONCENTRATION


TRUE_PRIOR = Prior()  # what the problems are drawn from


@dataclass(frozen=True)
class MDPBelief:
    """What was seen in B problems, and what follows from it for one who believed ``prior`` before.

    Rewards have unit variance around their mean, so n of them weigh n against the prior's precision.
    """

    visits: Tensor  # (B, S, A) how often each pair was tried
    paid: Tensor  # (B, S, A) the sum of what it paid
    arrivals: Tensor  # (B, S, A, S) where it was seen to lead
    prior: Prior = TRUE_PRIOR

    @property
    def precision(self) -> Tensor:
        """1 / variance of the posterior of the mean reward: (B, S, A)."""
        return self.prior.precision + self.visits

    @property
    def mean(self) -> Tensor:
        """The posterior mean of the mean reward: (B, S, A)."""
        return (self.prior.precision * self.prior.mean + self.paid) / self.precision

    @property
    def concentration(self) -> Tensor:
        """The parameters of the Dirichlet posterior of the chances: (B, S, A, S)."""
        return self.prior.concentration + self.arrivals

    @property
    def transition(self) -> Tensor:
        """The posterior mean of the chances: (B, S, A, S)."""
        return self.concentration / self.concentration.sum(dim=-1, keepdim=True)


def blank_belief(task: RandomMDP, problems: int, prior: Prior = TRUE_PRIOR, device="cpu") -> MDPBelief:
    """What is known before the first step: ``problems`` tables of zeros."""
    pairs = (problems, task.states, len(task.actions))
    return MDPBelief(
        visits=torch.zeros(pairs, device=device),
        paid=torch.zeros(pairs, device=device),
        arrivals=torch.zeros(*pairs, task.states, device=device),
        prior=prior,
    )


def mdp_belief(
    task: RandomMDP, trials: Trials, steps: int | None = None, prior: Prior = TRUE_PRIOR
) -> MDPBelief:
    """The exact posterior after any history.

    Where the last step of an episode led isn't shown, so it tells nothing.

    Args:
        steps: take in the first so many columns of ``trials``; None: all of them.
    Raises:
        CourseError: the trials have no such number of columns.
    """
    columns = trials.action.shape[1]
    if steps is not None and not 0 <= steps <= columns:
        raise CourseError(
            Bilingual(
                f"steps는 0부터 {columns}까지의 정수여야 합니다. 받은 값: {steps!r}.",
                f"steps must be an integer from 0 to {columns}. Got {steps!r}.",
            )
        )
    seen = trials if steps is None else trials.map(lambda x: x[:, :steps] if x.dim() > 1 else x)
    belief = blank_belief(task, len(trials.problem), prior, trials.reward.device)
    pair = seen.state * len(task.actions) + seen.action  # (B, steps)
    acted = seen.valid.float()
    belief.visits.flatten(1).scatter_add_(1, pair, acted)
    belief.paid.flatten(1).scatter_add_(1, pair, acted * seen.reward)
    shown = acted * ~seen.done
    belief.arrivals.flatten(1).scatter_add_(1, pair * task.states + seen.arrived, shown)
    return belief


# -- how much that is --------------------------------------------------------------------------------------


def mdp_information(belief: MDPBelief) -> Tensor:
    """How much a history told about the problem: KL(posterior ‖ prior), in nats, over all pairs (s, a): (B,).

    Its mean over trials, whose problems are drawn from the prior, is the mutual information I(τ; μ) between a
    policy's histories and the problem: a history tells through its counts alone.
    """
    return transition_information(belief) + reward_information(belief)


def transition_information(belief: MDPBelief) -> Tensor:
    """The part about where actions lead, KL(Dirichlet ‖ Dirichlet): (B,)."""
    after = belief.concentration.double()  # float32 would lose a digit for each factor of ten in the counts
    before = torch.full_like(after, belief.prior.concentration)
    log_normaliser = torch.lgamma(after.sum(dim=-1)) - torch.lgamma(after).sum(dim=-1)
    log_normaliser -= torch.lgamma(before.sum(dim=-1)) - torch.lgamma(before).sum(dim=-1)
    expected_log = torch.digamma(after) - torch.digamma(after.sum(dim=-1, keepdim=True))
    return (log_normaliser + ((after - before) * expected_log).sum(dim=-1)).sum(dim=(1, 2))


def reward_information(belief: MDPBelief) -> Tensor:
    """The part about what they pay, KL(normal ‖ normal): (B,)."""
    prior, precision = belief.prior, belief.precision.double()
    narrower = precision / prior.precision
    moved = prior.precision * (belief.mean.double() - prior.mean) ** 2
    return 0.5 * (narrower.log() + 1 / narrower - 1 + moved).sum(dim=(1, 2))
