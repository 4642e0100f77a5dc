"""Exact Bayes-optimal play of Bernoulli bandits, by dynamic programming over counts.

After w wins and l losses an arm's chance has the posterior Beta(1 + w, 1 + l), whose mean (1 + w)/(2 + w + l) is
the chance that the next pull pays. The order of the arms does not matter, so counts are kept sorted; arms that
were never pulled are alike, so 50 arms cost no more than 10 when only 10 pulls are left.
"""

from __future__ import annotations

from functools import cache


def bayes_optimal_return(arms: int, pulls: int) -> float:
    """The best expected total reward of ``pulls`` pulls, chances drawn uniformly from [0, 1].

    Source of the setting: RL² (Duan et al. 2016), table 1. Feasible for about 12 pulls.
    """

    @cache
    def value(tried: tuple[tuple[int, int], ...], left: int) -> float:
        if left == 0:
            return 0.0
        options = []
        choices = set(tried) | ({(0, 0)} if len(tried) < arms else set())
        for wins, losses in choices:
            rest = list(tried)
            if (wins, losses) != (0, 0):
                rest.remove((wins, losses))
            pays = (1 + wins) / (2 + wins + losses)
            won = tuple(sorted([*rest, (wins + 1, losses)]))
            lost = tuple(sorted([*rest, (wins, losses + 1)]))
            options.append(pays * (1 + value(won, left - 1)) + (1 - pays) * value(lost, left - 1))
        return max(options)

    return value((), pulls)
