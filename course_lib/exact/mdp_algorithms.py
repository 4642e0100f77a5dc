"""The classic ways to learn a random MDP: the columns of table 2 of RL² (Duan et al. 2016).

All of them do the same thing: before each episode, make a plan out of what was seen, and follow it to the end
of the episode. A plan gives every action a worth, so each algorithm is one short function

    plan(belief, horizon, generator) -> (B, H, S, A)

of B problems at once. They differ in what they put in the place of what they don't know: a draw from the
posterior, the posterior mean, or the best that is not ruled out. A parameter is fixed by ``functools.partial``:

    returns, belief = play_mdps(partial(opsrl, samples=5), task, task.draw(1000, generator), generator)
    total_reward = returns.sum(dim=1)                                         # (B,)

The prior is the player's: ``TRUE_PRIOR``, which the problems are drawn from; ``RELEASED``, which is not that; or
``VAGUE`` for those that have no prior and go by what they saw. ``figures/classic_mdps.py`` says how the published
numbers come out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual
from course_lib.exact.bandit_algorithms import expect
from course_lib.exact.random_mdps import TRUE_PRIOR, MDPBelief, Prior, blank_belief, mdp_values
from course_lib.tasks.random_mdp import RandomMDP
from course_lib.tasks.task import Drawn, Running

Plan = Callable[[MDPBelief, int, torch.Generator], Tensor]

# As good as no prior: the mean reward is the average of what was paid, or 0, and the chances are the frequencies, or
# alike.
VAGUE = Prior(mean=0.0, precision=1e-4, concentration=1e-4)
# The defaults of the implementations that RL² compared with (Osband's public TabulaRL, ``mu0=0``): mean rewards are
# expected around 0, though here they lie around 1.
RELEASED = Prior(mean=0.0)

POSITIVE = Bilingual("0 이상의 수", "a number of at least 0")


# -- the algorithms ----------------------------------------------------------------------------------------


def uniform(belief: MDPBelief, horizon: int, generator: torch.Generator) -> Tensor:
    """Random: every action is as good as every other."""
    shape = (len(belief.visits), horizon, *belief.visits.shape[1:])
    return torch.rand(shape, generator=generator, device=belief.visits.device)


def greedy(belief: MDPBelief, horizon: int, generator: torch.Generator | None = None) -> Tensor:
    """Greedy: plan as if the posterior mean were the truth."""
    return mdp_values(belief.transition, belief.mean, horizon)


def epsilon_greedy(belief: MDPBelief, horizon: int, generator: torch.Generator, epsilon: float) -> Tensor:
    """ε-greedy: greedy, but with probability ε a random action.

    An episode passes each (step, state) at most once, so the dice may as well be thrown for all of them now.
    """
    expect(0 <= epsilon <= 1, "epsilon", epsilon, Bilingual("0 이상 1 이하의 수", "a number from 0 to 1"))
    at_random = uniform(belief, horizon, generator)  # (B, H, S, A)
    dice = torch.rand(at_random.shape[:-1], generator=generator, device=at_random.device)
    return torch.where(dice[..., None] < epsilon, at_random, greedy(belief, horizon))


def psrl(belief: MDPBelief, horizon: int, generator: torch.Generator) -> Tensor:
    """PSRL, posterior sampling: imagine a problem that fits what was seen, and do what is best in it.

    The draw is held for a whole episode. Sources: Strens 2000; Osband, Russo and Van Roy 2013, algorithm 1.
    """
    # What torch.distributions.Gamma calls, too; but that takes no generator.
    gamma = torch._standard_gamma(belief.concentration, generator=generator)  # (B, S, A, S)
    transition = gamma / gamma.sum(dim=-1, keepdim=True)  # a Dirichlet draw is the shares of Gamma draws
    noise = torch.randn(belief.mean.shape, generator=generator, device=gamma.device)
    return mdp_values(transition, belief.mean + noise / belief.precision.sqrt(), horizon)


def opsrl(belief: MDPBelief, horizon: int, generator: torch.Generator, samples: int) -> Tensor:
    """OPSRL, optimistic PSRL: imagine several problems, and believe of each action the best of them.

    Source: ``OptimisticPSRL`` in Osband's public TabulaRL, which RL² compared with.
    """
    expect(samples >= 1, "samples", samples, Bilingual("1 이상의 정수", "an integer of at least 1"))
    best = psrl(belief, horizon, generator)
    for _ in range(samples - 1):
        best = best.maximum(psrl(belief, horizon, generator))
    return best


def beb(belief: MDPBelief, horizon: int, generator: torch.Generator | None, beta: float) -> Tensor:
    """BEB, the Bayesian exploration bonus: greedy, with β / (1 + n₀(s, a)) more reward for what is little known.

    n₀ adds up the parameters of the Dirichlet posterior. Source: Kolter and Ng 2009, equation 4; their theorem
    takes β = 2H², which here is far too much.
    """
    expect(beta >= 0, "beta", beta, POSITIVE)
    bonus = beta / (1 + belief.concentration.sum(dim=-1))  # (B, S, A)
    return mdp_values(belief.transition, belief.mean + bonus, horizon)


def ucrl2(
    belief: MDPBelief, horizon: int, generator: torch.Generator | None, scaling: float, delta: float = 0.05
) -> Tensor:
    """UCRL2: of all problems that what was seen doesn't rule out, believe in the one that is best for you.

    Not ruled out are mean rewards and lists of chances within confidence radii of what was seen on average; these
    are Jaksch, Ortner and Auer 2010, equations 3 and 4, times ``scaling``. Among them "extended value iteration"
    finds the best at each step (``best_chances``); theirs runs to convergence, ours H steps back. For a player
    with the ``VAGUE`` prior.
    """
    expect(scaling >= 0, "scaling", scaling, POSITIVE)
    problems, states, actions = belief.visits.shape
    time = 1 + belief.visits.sum(dim=(1, 2))[:, None, None]  # (B, 1, 1): t, the step to come
    visits = belief.visits.clamp(min=1)
    reward_radius = torch.sqrt(7 * torch.log(2 * states * actions * time / delta) / (2 * visits))
    chance_radius = torch.sqrt(14 * states * torch.log(2 * actions * time / delta) / visits)
    reward = belief.mean + scaling * reward_radius  # (B, S, A)
    value, worth = torch.zeros_like(reward[:, :, 0]), []
    for _ in range(horizon):
        chances, value_of = best_chances(belief.transition, scaling * chance_radius, value)
        worth.append(reward + (chances * value_of).sum(dim=-1))
        value = worth[-1].amax(dim=-1)
    return torch.stack(worth[::-1], dim=1)


def best_chances(transition: Tensor, radius: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Of all lists of chances within ``radius`` (L1 distance) of ``transition``, the one that leads to most value.

    It gives the best next state radius/2 more, and takes that from the worst ones. Source: figure 2 of Jaksch,
    Ortner and Auer 2010.

    Args:
        transition: (B, S, A, S). radius: (B, S, A). value: (B, S) of each next state.
    Returns:
        The chances with the best next state first (B, S, A, S), and the values in that order (B, 1, 1, S).
    """
    value, order = value.sort(dim=1, descending=True)
    chances = transition.gather(3, order[:, None, None, :].expand_as(transition))
    chances[..., 0] += radius / 2
    reached = chances.cumsum(dim=-1).clamp(max=1)  # what comes after all 1 is spent gets nothing
    return torch.diff(reached, dim=-1, prepend=torch.zeros_like(reached[..., :1])), value[:, None, None, :]


# -- playing -----------------------------------------------------------------------------------------------

ROUNDING = 1e-4  # worths that differ by less are equal


class MDPPlayer:
    """An algorithm as a policy for ``tasks.play``: it keeps count of what the running trials show, and plans.

    All trials must be at the same step, as they are in ``play``. ``belief`` is what it knows at present.
    """

    def __init__(
        self, plan: Plan, task: RandomMDP, generator: torch.Generator, prior: Prior = TRUE_PRIOR
    ) -> None:
        self.plan, self.task, self.generator, self.prior = plan, task, generator, prior

    def __call__(self, running: Running) -> Tensor:
        clock, device = int(running.clock[0]), running.reward.device
        if clock == 0 and int(running.episode[0]) == 0:
            self.belief = blank_belief(self.task, len(running.problem), self.prior, device)
            self._problem = torch.arange(len(running.problem), device=device)
        else:
            self.learn(running)
        if clock == 0:
            self._worth = self.plan(self.belief, self.task.trial.horizon, self.generator)
        self._state = running.state
        return highest_at_random(self._worth[self._problem, clock, running.state], self.generator)

    def learn(self, running: Running) -> None:
        """Take in what the last step showed. Where an episode's last step led isn't shown."""
        b, state, action = self._problem, self._state, running.action
        self.belief.visits[b, state, action] += 1
        self.belief.paid[b, state, action] += running.reward
        self.belief.arrivals[b, state, action, running.arrived] += (~running.done).float()


def highest_at_random(worth: Tensor, generator: torch.Generator) -> Tensor:
    """The action of the highest worth, (B, A) → (B,); of equal ones any, as two actions never tried are."""
    lot = torch.rand(worth.shape, generator=generator, device=worth.device)
    return torch.where(worth >= worth.amax(dim=1, keepdim=True) - ROUNDING, lot, -1.0).argmax(dim=1)


def play_mdps(
    plan: Plan, task: RandomMDP, drawn: Drawn, generator: torch.Generator, prior: Prior = TRUE_PRIOR
) -> tuple[Tensor, MDPBelief]:
    """Play a trial in each problem drawn.

    No algorithm knows how many episodes there will be, so the first n episodes are a trial of n episodes.

    Returns:
        The return of each episode (B, K), and what is known at the end.
    """
    running, player = task.begin(drawn, generator), MDPPlayer(plan, task, generator, prior)
    returns = torch.zeros(len(drawn.index), task.trial.episodes, device=drawn.index.device)
    for step in range(task.trial.length):
        returns[:, step // task.trial.horizon] += running.step(player(running))
    player.learn(running)
    return returns, player.belief
