"""The Gittins index of an arm whose chance of paying has a Beta posterior, by calibration.

Put the arm beside a *standard* arm that is known to pay λ at every pull, for ever, each later pull counting
γ times the one before. For small λ one should pull the unknown arm, for large λ the standard one and never
look back. The λ at which both are equally good is the index of the unknown arm: its mean, and a bonus for
what is still to be learned. Pulling the arm of highest index is optimal for the infinite, discounted bandit
of any number of arms (Gittins 1979), though each index is computed from one arm alone.

Source of the method: Gittins, Glazebrook and Weber, "Multi-armed bandit allocation indices", 2nd edition,
2011. A total of n pulls, undiscounted, is another problem: there the rule is a very good approximation, whose
discount one has to choose.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError


@lru_cache(maxsize=32)
def gittins_indices(pulls: int, discount: float, horizon: int = 1000, levels: int = 1001) -> Tensor:
    """The index after any wins and losses, the chance drawn uniformly from [0, 1].

    Backward induction over the arm's counts, for ``levels`` values of λ at once. After ``horizon`` pulls the
    arm counts as known, so that it is worth its mean; that is the truncation, and it makes every index a
    little too small.

    Args:
        pulls: the table holds every arm pulled at most so often.
        discount: γ, from 0 up to but not 1.
    Returns:
        (pulls + 1, pulls + 1) float64: [wins, losses]; NaN where wins + losses > pulls.
    Raises:
        CourseError: the discount is not in [0, 1), or ``pulls`` not below ``horizon``.
    """
    if not 0 <= discount < 1 or not 0 <= pulls < horizon:
        raise CourseError(
            Bilingual(
                f"기틴스 지수에는 0 이상 1 미만의 할인율과 0 이상 {horizon} 미만의 pulls가 필요합니다. "
                f"받은 값: discount={discount!r}, pulls={pulls!r}.",
                f"The Gittins index needs a discount of at least 0 and below 1, and pulls of at least 0 and "
                f"below {horizon}. Got discount={discount!r}, pulls={pulls!r}.",
            )
        )
    index = torch.full((pulls + 1, pulls + 1), torch.nan, dtype=torch.float64)
    standard = torch.linspace(0, 1, levels, dtype=torch.float64)[:, None]  # (levels, 1): the values of λ
    # Every value is worth per pull, that is, times 1 − γ: then "λ for ever" is worth λ.
    value = standard.maximum(means(horizon))  # (levels, horizon + 1), by wins
    for pulled in reversed(range(horizon)):
        mean = means(pulled)  # (pulled + 1,)
        won, lost = value[:, 1:], value[:, :-1]
        pulling = (1 - discount) * mean + discount * (mean * won + (1 - mean) * lost)  # (levels, pulled + 1)
        if pulled <= pulls:
            wins = torch.arange(pulled + 1)
            index[wins, pulled - wins] = crossing(pulling - standard, standard)
        value = pulling.maximum(standard)
    return index


def means(pulled: int) -> Tensor:
    """The posterior mean after 0 … ``pulled`` wins in ``pulled`` pulls: (pulled + 1,)."""
    return (1 + torch.arange(pulled + 1, dtype=torch.float64)) / (2 + pulled)


def crossing(advantage: Tensor, standard: Tensor) -> Tensor:
    """Where each column of ``advantage`` (levels, N), which falls as λ grows, comes to zero: (N,)."""
    above_zero = (advantage > 0).sum(dim=0, keepdim=True)  # (1, N)
    last = above_zero.clamp(1, len(standard) - 1) - 1  # the last level above zero
    above, below = advantage.gather(0, last)[0], advantage.gather(0, last + 1)[0]
    low, step = standard[last[0], 0], standard[1] - standard[0]
    return low + step * above / (above - below)
