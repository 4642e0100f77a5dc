"""The exact belief over problems after any history of a finite task.

With a uniform prior and deterministic tables the posterior is uniform over the problems that are still
possible: those whose tables would have produced everything that was seen. For a bandit the posterior of
each arm is a Beta distribution; see ``exact.bandits``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Tables, Trials

LANES_AT_ONCE = 128  # trials compared with all problems at once: little memory even for hundreds of problems


def possible_problems(tables: Tables, trials: Trials) -> Tensor:
    """Which problems could have produced what each trial had shown by each step.

    Column t takes in everything seen up to the choice of the action at t: the symbols up to and including
    the one at t, and the transitions and rewards before it.

    Returns:
        (B, T, M) bool.
    Raises:
        CourseError: the rewards are random, so that what was seen rules nothing out.
    """
    if tables.random:
        raise CourseError(
            Bilingual(
                "보상이 무작위인 태스크에서는 문제가 하나씩 제외되지 않습니다. 밴딧의 신념은 팔마다의 베타 분포입니다.",
                "With random rewards no problem is ever ruled out. A bandit's belief is a Beta distribution for each arm.",
            )
        )
    parts = [
        _possible(tables, trials, lanes) for lanes in torch.arange(len(trials.problem)).split(LANES_AT_ONCE)
    ]
    return torch.cat(parts)


def _possible(tables: Tables, trials: Trials, lanes: Tensor) -> Tensor:
    """``possible_problems`` of some of the trials: (b, T, M) bool."""
    # Everything at once: would problem m have shown this symbol, made this transition, paid this reward?
    state, action, valid = trials.state[lanes], trials.action[lanes], trials.valid[lanes]
    symbol = trials.symbol[lanes]
    if tables.pictures is None:
        shows = tables.sense[:, state] == symbol  # (M, b, T)
    else:  # whichever picture it was, it is drawn alike in every problem that has pictures there
        picture = symbol - tables.sense[:, state]
        shows = (picture >= 0) & (picture < tables.pictures[state])
    moves = tables.next_state[:, state, action] == trials.arrived[lanes]
    agrees = moves | ~valid  # a pause or padding tells nothing about the problem
    if tables.reward.shape[0] > 1:
        # Where an episode was ended early, the cost of the steps left comes on top, in every problem alike.
        expected = tables.reward[:, trials.instruction[lanes], state, action]
        true = expected.gather(0, trials.problem[lanes][None, :, None].expand(1, *state.shape))
        agrees &= (expected == true) | ~valid
    seen_after = torch.cat([torch.ones_like(agrees[..., :1]), agrees[..., :-1]], dim=-1)
    # The prefix must agree at every step, so a running minimum over time is a running "and".
    return (shows & seen_after).to(torch.uint8).cummin(dim=-1).values.bool().permute(1, 2, 0)


def exact_belief(tables: Tables, trials: Trials) -> Tensor:
    """The posterior p(μ | history up to t) under a uniform prior: (B, T, M), each row summing to 1."""
    possible = possible_problems(tables, trials).float()
    return possible / possible.sum(dim=-1, keepdim=True)
