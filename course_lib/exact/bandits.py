"""Exact answers for Bernoulli bandits: beliefs, information, and the best play there is.

After w wins and l losses an arm's chance, drawn uniformly from [0, 1], has the posterior Beta(1 + w, 1 + l).
Its mean (1 + w)/(2 + w + l) is the chance that the next pull pays. So a belief is two numbers for each arm:
(…, k, 2).
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Trials

# -- what is known, and how much that is ---------------------------------------------------------------------


def flat_belief(bandits: int, arms: int, device: torch.device | str = "cpu") -> Tensor:
    """What is believed before the first pull, Beta(1, 1) for each arm: (bandits, arms, 2)."""
    return torch.ones(bandits, arms, 2, device=device)


def bandit_belief(trials: Trials, arms: int) -> Tensor:
    """The exact posterior after any history, before each pull.

    Column t takes in the pulls before t. What no agent chose (padding after a trial's end) tells nothing.

    Returns:
        (B, T, k, 2) float32: 1 + wins and 1 + losses of each arm.
    """
    pulled = F.one_hot(trials.action, arms) * trials.valid[..., None]  # (B, T, k)
    won = pulled * trials.reward[..., None]
    seen = torch.stack([won, pulled - won], dim=-1)  # (B, T, k, 2)
    return 1 + seen.cumsum(dim=1) - seen  # the pull at t itself is not seen yet


def bandit_information(belief: Tensor) -> Tensor:
    """How much a history told about the bandit: KL(posterior ‖ prior), in nats, summed over the arms: (…).

    Its mean over trials, whose bandits are drawn from the prior, is the mutual information I(τ; μ) between a
    policy's histories and the problem. It depends on a history through its counts alone. The prior is
    uniform, so the KL divergence is minus the differential entropy of the Beta distributions.

    Args:
        belief: (…, k, 2), as ``bandit_belief`` or ``play_bandits`` give it.
    """
    a, b = belief.double().unbind(dim=-1)  # float32 would lose a digit for each factor of ten in the counts
    log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    expected_log = (  # of the density, but for its constant
        (a - 1) * torch.digamma(a) + (b - 1) * torch.digamma(b) - (a + b - 2) * torch.digamma(a + b)
    )
    return (expected_log - log_beta).sum(dim=-1)


def probability_best(belief: Tensor) -> Tensor:
    """The chance that each arm is the best one, ∫ f_a(x) Π_{b≠a} F_b(x) dx: (…, k) float64.

    They sum to 1, and are how often Thompson sampling pulls each arm. Densities f and distributions F of a
    Beta with whole parameters are polynomials, so Gauss–Legendre quadrature with enough points is exact but
    for rounding.

    Args:
        belief: (…, k, 2), as ``bandit_belief`` or ``play_bandits`` give it.
    """
    counts = belief.long() - 1  # (…, k, 2)
    degree = int(counts.sum(dim=(-2, -1)).max()) + counts.shape[-2] - 1  # of the integrand
    nodes, weights = (torch.from_numpy(x).to(belief.device) for x in leggauss(degree // 2 + 1))
    wins, row = counts[..., 0].unique(return_inverse=True)  # (W,), (…, k)
    most_losses = int(counts[..., 1].max())
    density, distribution = beta_tables(wins, most_losses, (nodes + 1) / 2)  # (W, most losses + 1, Q) each
    rows_and_losses = torch.stack([row, counts[..., 1]], dim=-1).flatten(0, -3)  # (B, k, 2)
    chances = []
    for part in rows_and_losses.split(10_000):  # at once they would take gigabytes
        which, losses = part.unbind(dim=-1)
        below = distribution[which, losses]  # (b, k, Q): F
        one = torch.ones_like(below[:, :1])
        before = torch.cat([one, below[:, :-1]], dim=1).cumprod(dim=1)  # of the arms before a
        after = torch.cat([one, below[:, 1:].flip(1)], dim=1).cumprod(dim=1).flip(1)  # of those after it
        chances.append((density[which, losses] * before * after) @ (weights / 2))
    return torch.cat(chances).view(counts.shape[:-1])


def beta_tables(wins: Tensor, most_losses: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """Density and distribution of Beta(1 + wins, 1 + losses) at points x (Q,).

    Args:
        wins: (W,) whole numbers. Losses are all from 0 to ``most_losses``.
    Returns:
        Two of (W, most_losses + 1, Q) float64.
    """
    a = 1 + wins[:, None, None].double()
    b = 1 + torch.arange(most_losses + 1, dtype=torch.float64, device=x.device)[None, :, None]
    log_constant = torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b)  # −log B(a, b)
    density = (log_constant + (a - 1) * x.log() + (b - 1) * (-x).log1p()).exp()
    # I_x(a, b + 1) = I_x(a, b) + xᵃ (1 − x)ᵇ / (b B(a, b)), from I_x(a, 1) = xᵃ: sums of positive terms.
    steps = x * (1 - x) * density[:, :-1] / b[:, :-1]
    first = (x**a).expand(-1, 1, -1)
    return density, torch.cat([first, steps], dim=1).cumsum(dim=1)


# -- the best play there is ----------------------------------------------------------------------------------

Arm = tuple[int, int]  # wins, losses
MOST_PULLS, MOST_BELIEFS = 100, 500_000  # about 10 seconds


def bayes_optimal_return(arms: int, pulls: int) -> float:
    """The best expected total reward of ``pulls`` pulls, chances drawn uniformly from [0, 1].

    Source of the setting: RL² (Duan et al. 2016), table 1.

    Raises:
        CourseError: there is no arm, a negative number of pulls, or too many beliefs to go through.
    """
    return bayes_optimal_policy(arms, pulls).value(())


@lru_cache(maxsize=8, typed=True)  # 2.0 arms are not 2 arms
def bayes_optimal_policy(arms: int, pulls: int) -> BayesOptimal:
    """The policy that earns ``bayes_optimal_return``: scores, for ``play_bandits`` and ``BanditPlayer``."""
    return BayesOptimal(arms, pulls)


class BayesOptimal:
    """Dynamic programming over beliefs, which are the states of a Markov decision process of their own.

    Only the arms that were pulled are listed, in sorted order: which arm is which does not matter, and all
    new arms are alike. So 50 arms cost no more than 10 when there are 10 pulls.
    """

    def __init__(self, arms: int, pulls: int) -> None:
        whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (arms, pulls))
        if not whole or arms < 1 or pulls < 0:
            raise CourseError(
                Bilingual(
                    f"베이즈 최적 밴딧에는 1 이상의 정수 arms와 0 이상의 정수 pulls가 필요합니다. 받은 값: {arms!r}, {pulls!r}.",
                    f"Bayes-optimal play needs a whole number of arms, at least 1, and of pulls, at least 0. "
                    f"Got {arms!r} and {pulls!r}.",
                )
            )
        if pulls > MOST_PULLS or belief_count(arms, pulls) > MOST_BELIEFS:
            raise CourseError(
                Bilingual(
                    f"팔 {arms}개를 {pulls}번 당기는 밴딧은 정확히 풀기에 너무 큽니다(당기기 {MOST_PULLS}번, 신념 "
                    f"{MOST_BELIEFS:,}개까지). arms나 pulls를 줄이거나, 기틴스 지수로 근사하십시오.",
                    f"A bandit of {arms} arms and {pulls} pulls is too large to be solved exactly (the most "
                    f"is {MOST_PULLS} pulls and {MOST_BELIEFS:,} beliefs). Take fewer, or use the Gittins "
                    "index, which comes close.",
                )
            )
        self.arms, self.pulls = arms, pulls
        self._values: dict[tuple[Arm, ...], float] = {}

    def value(self, tried: tuple[Arm, ...]) -> float:
        """The best expected reward of the pulls left after ``tried``, the sorted counts of the arms."""
        if tried not in self._values:
            left = self.pulls - sum(wins + losses for wins, losses in tried)
            self._values[tried] = max(self.action_values(tried).values()) if left else 0.0
        return self._values[tried]

    def action_values(self, tried: tuple[Arm, ...]) -> dict[Arm, float]:
        """What each kind of arm is worth now, if everything after it is best. (0, 0) is a new arm."""
        worth = {}
        for wins, losses in set(tried) | ({(0, 0)} if len(tried) < self.arms else set()):
            others = list(tried)
            if (wins, losses) != (0, 0):
                others.remove((wins, losses))
            pays = (1 + wins) / (2 + wins + losses)
            won = self.value(tuple(sorted([*others, (wins + 1, losses)])))
            lost = self.value(tuple(sorted([*others, (wins, losses + 1)])))
            worth[wins, losses] = pays * (1 + won) + (1 - pays) * lost
        return worth

    def __call__(self, belief: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The value of pulling each arm, (B, k) float64, in bandits believed to be so: (B, k, 2).

        Raises:
            CourseError: there is another number of arms, or no pull is left.
        """
        counts = belief.long() - 1  # (B, k, 2)
        if counts.shape[1:] != (self.arms, 2) or bool((counts.sum(dim=(1, 2)) >= self.pulls).any()):
            raise CourseError(
                Bilingual(
                    f"이 정책은 팔 {self.arms}개를 {self.pulls}번 당기는 밴딧용입니다. 받은 신념의 모양 {tuple(belief.shape)}과, "
                    "이미 당긴 횟수를 확인하십시오.",
                    f"This policy is for {self.arms} arms and {self.pulls} pulls. Check the shape of the "
                    f"belief, {tuple(belief.shape)}, and how often the arms were pulled already.",
                )
            )
        # One number an arm, sorted, so that bandits which differ only in the arms' order are solved together.
        code, order = (counts[..., 0] * (self.pulls + 1) + counts[..., 1]).sort(dim=1)  # (B, k)
        kinds, which = code.unique(dim=0, return_inverse=True)  # (U, k), (B,)
        solved = []
        for kind in kinds.tolist():
            listed = [divmod(number, self.pulls + 1) for number in kind]
            worth = self.action_values(tuple(sorted(arm for arm in listed if arm != (0, 0))))
            solved.append([worth[arm] for arm in listed])
        solved = torch.tensor(solved, dtype=torch.float64, device=belief.device)  # (U, k)
        return torch.empty_like(solved[which]).scatter(1, order, solved[which])


def belief_count(arms: int, pulls: int) -> int:
    """How many beliefs can come about within ``pulls`` pulls, arms in no order: what solving costs."""
    # ways[a][n]: beliefs with a arms tried, n pulls. An arm of s pulls is of one of s + 1 kinds, by its wins.
    most = min(arms, pulls)
    ways = [[0] * (pulls + 1) for _ in range(most + 1)]
    ways[0][0] = 1
    for size in range(1, pulls + 1):
        ways = [
            [
                sum(
                    ways[a - m][n - m * size] * comb(size + m, m)  # m of the arms have this size
                    for m in range(min(a, n // size) + 1)
                )
                for n in range(pulls + 1)
            ]
            for a in range(most + 1)
        ]
    return sum(map(sum, ways))
