"""The classic ways to play a Bernoulli bandit: the columns of table 1 of RL² (Duan et al. 2016).

All of them do the same thing: give each arm a score, and pull the arm with the highest. So each is one short
function of what is believed about the arms,

    scores(belief, generator) -> (B, k)        belief: (B, k, 2)

of B bandits at once. What is believed is a Beta distribution for each arm: ``belief[..., 0]`` is 1 + its
wins, ``belief[..., 1]`` is 1 + its losses. That is the exact posterior if chances are drawn uniformly from
[0, 1]. A parameter is fixed by ``functools.partial``:

    belief = play_bandits(partial(ucb1, c=0.2), chances, pulls=100, generator=generator)
    total_reward = (belief[..., 0] - 1).sum(dim=1)                            # (B,)

The paper's text says: statistics begin with one win and one loss, for all methods; c, ε and the N of
optimistic Thompson sampling come from a grid search for each setting; the Gittins index is the best of three
published approximations. It does not say which grids, what discount, or which of several equal arms is
pulled. The last can be read off its numbers: see ``highest``. Ours beside theirs: figures/classic_bandits.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.bandits import flat_belief
from course_lib.tasks.task import Running

Scores = Callable[[Tensor, torch.Generator], Tensor]


# -- the algorithms ------------------------------------------------------------------------------------------


def uniform(belief: Tensor, generator: torch.Generator) -> Tensor:
    """Random: every arm is as good as every other."""
    return torch.rand(belief.shape[:-1], generator=generator, device=belief.device)  # (B, k)


def greedy(belief: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Greedy: the posterior mean, and no thought of tomorrow."""
    return belief[..., 0] / belief.sum(dim=-1)  # (B, k)


def epsilon_greedy(belief: Tensor, generator: torch.Generator, epsilon: float) -> Tensor:
    """ε-greedy: greedy, but with probability ε a random arm, however bad it is known to be."""
    expect(0 <= epsilon <= 1, "epsilon", epsilon, Bilingual("0 이상 1 이하의 수", "a number from 0 to 1"))
    exploring = torch.rand(len(belief), 1, generator=generator, device=belief.device) < epsilon  # (B, 1)
    return torch.where(exploring, uniform(belief, generator), greedy(belief))


def ucb1(belief: Tensor, generator: torch.Generator | None, c: float) -> Tensor:
    """UCB1: the mean, and c·√(2 log t / pulls), which grows for an arm as long as it is left alone.

    Source: Auer, Cesa-Bianchi and Fischer 2002, where c is 1; to tune it is from Audibert and Munos 2011.
    """
    expect(c >= 0, "c", c, Bilingual("0 이상의 수", "a number of at least 0"))
    pulls = belief.sum(dim=-1)  # (B, k), with the one win and the one loss that each arm begins with
    now = 1 + (pulls - 2).sum(dim=1, keepdim=True)  # (B, 1): t, the number of the pull to come
    return greedy(belief) + c * torch.sqrt(2 * now.log() / pulls)


def thompson(belief: Tensor, generator: torch.Generator) -> Tensor:
    """Thompson sampling: imagine chances that fit what was seen, and do what is best if they are true.

    Source: Thompson 1933. A Beta draw is a share of two Gamma draws.
    """
    # What torch.distributions.Gamma calls, too; but that takes no generator.
    gamma = torch._standard_gamma(belief, generator=generator)  # (B, k, 2)
    return gamma[..., 0] / gamma.sum(dim=-1)


def optimistic_thompson(belief: Tensor, generator: torch.Generator, samples: int) -> Tensor:
    """Optimistic Thompson sampling (OTS) as in RL²: of N imagined lists of chances, the most probable one.

    It "samples N times from the posterior, and takes the one with the highest probability" (section 3.1): we
    take that to be the density of the whole list. Read so, the published numbers come out; with the best of N
    draws of each arm, or with ``optimistic_bayesian_sampling``, they don't (figures/classic_bandits.py).
    There is no optimism in it: the larger N, the nearer to the mode of the posterior.
    """
    expect(samples >= 1, "samples", samples, Bilingual("1 이상의 정수", "an integer of at least 1"))
    likeliest = thompson(belief, generator)  # (B, k)
    highest_density = log_density(belief, likeliest)  # (B, 1)
    for _ in range(samples - 1):
        drawn = thompson(belief, generator)
        density = log_density(belief, drawn)
        likeliest = torch.where(density > highest_density, drawn, likeliest)
        highest_density = density.maximum(highest_density)
    return likeliest


def log_density(belief: Tensor, chances: Tensor) -> Tensor:
    """The log posterior density of lists of chances (B, k), up to a constant for each bandit: (B, 1)."""
    wins, losses = belief[..., 0] - 1, belief[..., 1] - 1
    inside = chances.clamp(1e-7, 1 - 1e-7)  # float32 may round a draw to 0 or 1
    return (wins * inside.log() + losses * (1 - inside).log()).sum(dim=1, keepdim=True)


def optimistic_bayesian_sampling(belief: Tensor, generator: torch.Generator) -> Tensor:
    """What OTS is elsewhere: a Thompson sample, but never less than the mean.

    Source: May, Korda, Lee and Leslie 2012, "Optimistic Bayesian sampling in contextual-bandit problems".
    """
    return thompson(belief, generator).maximum(greedy(belief))


def gittins(belief: Tensor, generator: torch.Generator | None, indices: Tensor) -> Tensor:
    """The Gittins index of each arm, looked up in ``exact.gittins.gittins_indices(pulls, discount)``."""
    counts = belief.long() - 1  # (B, k, 2): wins and losses
    return indices.to(belief.device)[counts[..., 0], counts[..., 1]]  # (B, k)


# -- playing -------------------------------------------------------------------------------------------------


def highest(scores: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The arm with the highest score; of equal ones the first, so a tried arm rather than a new one: (B,).

    The published greedy and ε-greedy columns come out with this rule, and not with ``highest_at_random``,
    though that one earns more: with 50 arms and 500 pulls greedy earns 403 so, and 412 at random (402.8 is
    published).
    """
    return scores.argmax(dim=1)


def highest_at_random(scores: Tensor, generator: torch.Generator) -> Tensor:
    """The arm with the highest score; of equal ones any: (B,)."""
    lot = torch.rand(scores.shape, generator=generator, device=scores.device)
    return torch.where(scores == scores.amax(dim=1, keepdim=True), lot, -1.0).argmax(dim=1)


def play_bandits(
    scores: Scores, chances: Tensor, pulls: int, generator: torch.Generator, pick=highest
) -> Tensor:
    """Play B bandits side by side.

    Args:
        chances: (B, k) from 0 to 1, the chance of each arm to pay 1.
        pick: how a score becomes a choice: ``highest`` or ``highest_at_random``.
    Returns:
        The belief at the end (B, k, 2), float32: 1 + wins and 1 + losses of each arm.
    Raises:
        CourseError: a chance is no probability, or ``pulls`` is negative.
    """
    probable = chances.ndim == 2 and bool(((chances >= 0) & (chances <= 1)).all())  # NaN fails both
    expect(probable, "chances", tuple(chances.shape), Bilingual("0~1의 확률 (B, k)", "probabilities (B, k)"))
    expect(pulls >= 0, "pulls", pulls, Bilingual("0 이상의 정수", "an integer of at least 0"))
    belief, bandit = flat_belief(*chances.shape, device=chances.device), torch.arange(len(chances))
    bandit = bandit.to(chances.device)
    for _ in range(pulls):
        arm = pick(scores(belief, generator), generator)  # (B,)
        draw = torch.rand(len(chances), generator=generator, device=chances.device)
        lost = (draw >= chances[bandit, arm]).long()  # (B,): 0 counts as a win, 1 as a loss
        belief[bandit, arm, lost] += 1
    return belief


class BanditPlayer:
    """An algorithm as a policy for ``tasks.play``: it keeps count of what the running trials show.

        trials = play(task, drawn, generator, BanditPlayer(thompson, generator))
    """

    def __init__(self, scores: Scores, generator: torch.Generator, pick=highest) -> None:
        self.scores, self.generator, self.pick = scores, generator, pick

    def __call__(self, running: Running) -> Tensor:
        if bool((running.episode == 0).all()):  # the first pull of a trial: an episode is one pull
            self.belief = flat_belief(len(running.problem), len(running.task.actions), running.reward.device)
        else:
            bandit = torch.arange(len(running.problem), device=running.reward.device)
            self.belief[bandit, running.action, (running.reward == 0).long()] += 1
        return self.pick(self.scores(self.belief, self.generator), self.generator)


def expect(right: bool, name: str, got: object, wanted: Bilingual) -> None:
    """Raise a CourseError about the argument ``name`` unless it is ``right``."""
    if not right:
        raise CourseError(
            Bilingual(
                f"{name}에는 {wanted.ko}이(가) 필요합니다. 받은 값: {got!r}.",
                f"{name} must be {wanted.en}. Got {got!r}.",
            )
        )
