"""How many trials until exploring is learned: DREAM's tabular analysis, on the revealing-arm bandit.

Both learners have tables and see the same data: problem, exploration pull and execution pull are drawn
uniformly in every trial. What is asked is after how many trials the explorer's greedy arm is arm 0, the
revealing one, and stays it.

**RL²** learns the worth of an exploration pull from what execution makes of it:

    Q[c, b] ← Q[c, b] + (r − Q[c, b]) / n[c, b]              c: what exploring showed; b: the execution pull
    Q_exp[a] ← Q_exp[a] + (max_b Q[c, b] − Q_exp[a]) / n[a]  a: the exploration pull

Arm 0 has |A| − 1 contexts, one for each sign; every other arm has one, in which nothing is known. With
tables that start uniform in [0, 1] an entry that was never tried looks good, so arm a ≠ 0 looks good until
*all* |A| entries of its context were tried. That takes |A|² pairs (a, b), drawn at random: collecting them
all is of the order |A|² log |A|. Until execution has learned that nothing is known, exploring can't learn
it: the coupling.

**DREAM** learns the worth of an exploration pull from what it tells about the problem:

    Q_exp[a] ← Q_exp[a] + (log q(i | a, shown) + log(|A| − 1) − Q_exp[a]) / n[a]

q is counted: how often problem i was the true one among all the times that this was shown, the present one
included. The first pull of any arm seems to tell all; the second, most likely in another problem, gives an
arm a ≠ 0 away. So each arm has to be pulled twice: of the order |A| log |A|, and no execution pull is
needed.

Choices of ours, where the lecture's slide leaves them open: all pulls are uniform, the decoder is updated
first and asked afterwards, and ties of the greedy arm are broken evenly, anew at each trial. The last
matters: if arm 0 wins every tie, DREAM needs five to eight times fewer trials. So does RL²'s
initialisation: starting at zero, where only the paying entries of arm 0's many contexts can lift it, it
needs about |A|^2.6; starting at one, arm 0 wins partly because its contexts, being more, stay optimistic
for longer.

Source: DREAM (Liu, Raghunathan, Liang, Finn 2021), which states Ω(|A|² log |A|) for RL² and O(|A| log |A|)
for DREAM.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, known_or_error
from course_lib.tasks.revealing_arm import RevealingArm

PULLS = 2  # environment steps of a trial

STARTS = {
    "uniform": lambda shape, generator: torch.rand(shape, generator=generator),
    "zeros": lambda shape, generator: torch.zeros(shape),
    "ones": lambda shape, generator: torch.ones(shape),
}
TIES = {
    "even": lambda tied, chance: chance * (tied + 1) >= 1,  # arm 0 wins with chance 1 / (tied + 1)
    "arm 0": lambda tied, chance: torch.zeros_like(tied, dtype=torch.bool),
}
AT_ONCE = 4_000_000  # numbers held at once where every arm's worth is looked at after every trial


def rl2_trials(
    arms: int,
    runs: int,
    generator: torch.Generator,
    start: str = "uniform",
    ties: str = "even",
    patience: float = 2.0,
) -> Tensor:
    """Trials until RL²'s greedy exploration stays at arm 0, in ``runs`` independent runs.

    Args:
        start: what the tables begin with, "uniform" in [0, 1], "zeros" or "ones".
        ties: who wins where several arms look best, "even" or "arm 0".
        patience: "stays" means: it is played until ``patience`` times the longest time found so far.
    Returns:
        (runs,) int64.
    """
    problems = RevealingArm(arms).problem_count
    fill = known_or_error(STARTS, start, Bilingual("초기화", "initialisation"))
    contexts = problems + problems  # a sign for each problem; nothing, after each of the other arms
    table = fill((runs, contexts, arms), generator).view(-1, arms)  # (R · C, A)
    tried = torch.zeros(table.numel())
    highest = table.amax(dim=1)  # (R · C,)
    explored = fill((runs, arms), generator)

    def learn(run: Tensor, problem: Tensor, pull: Tensor, execution: Tensor) -> Tensor:
        context = run * contexts + torch.where(pull == 0, problem, problems - 1 + pull)  # (n,)
        entry = context * arms + execution
        reward = (execution == problem + 1).float()
        count = tried.index_select(0, entry) + 1
        tried.scatter_(0, entry, count)
        before = table.view(-1).index_select(0, entry)
        after = before + (reward - before) / count
        table.view(-1).scatter_(0, entry, after)
        best = highest.index_select(0, context)
        fell = ((before == best) & (after < best)).nonzero()[:, 0]  # only then does another entry matter
        best = best.maximum(after)
        best[fell] = table[context[fell]].amax(dim=1)
        highest.scatter_(0, context, best)
        return best

    return _until_arm_0_stays(arms, explored, generator, learn, ties, patience, pulls=32)


def dream_trials(
    arms: int, runs: int, generator: torch.Generator, ties: str = "even", patience: float = 3.0
) -> Tensor:
    """Trials until DREAM's greedy exploration stays at arm 0, tables starting at zero: see ``rl2_trials``."""
    problems = RevealingArm(arms).problem_count
    # How often each problem was the true one when arm a ≠ 0 was pulled, which shows nothing.
    # Of arm 0 no count is needed: its sign is only ever seen in one problem, so q = 1.
    seen = torch.zeros(runs * arms * problems)
    pulled = torch.zeros(runs * arms)

    def learn(run: Tensor, problem: Tensor, pull: Tensor, execution: Tensor) -> Tensor:
        arm = run * arms + pull
        known = arm * problems + problem
        count, total = seen.index_select(0, known) + 1, pulled.index_select(0, arm) + 1
        seen.scatter_(0, known, count)
        pulled.scatter_(0, arm, total)
        return torch.where(pull == 0, torch.ones(()), count / total).log() + math.log(problems)

    return _until_arm_0_stays(arms, torch.zeros(runs, arms), generator, learn, ties, patience, pulls=4)


def _until_arm_0_stays(
    arms: int,
    explored: Tensor,
    generator: torch.Generator,
    learn: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
    ties: str,
    patience: float,
    pulls: int,
) -> Tensor:
    """Draw trials, learn from them, and note when the greedy arm was last another than arm 0.

    What a pull teaches about its arm doesn't depend on what was learned about other arms. So a block of
    trials is learned from side by side: first every arm's first pull in it, then every arm's second, and so
    on. That takes |A| times fewer steps than trial by trial, and gives the same numbers.

    Args:
        explored: (R, A) Q_exp as it starts.
        learn: (run, problem, exploration pull, execution pull), each (n,), of n different arms or runs → what
            Q_exp moves towards, (n,).
        pulls: of each arm, about so many in a block.
    """
    lost = known_or_error(TIES, ties, Bilingual("동점 규칙", "rule for ties"))
    runs, problems, block = len(explored), arms - 1, max(256, pulls * arms)
    explored, pulled = explored.flatten(), torch.zeros(runs * arms)  # (R · A,) each
    run = torch.arange(runs).expand(block, runs).flatten()  # (n,) of each trial of a block, n = block · R
    last, trial = torch.zeros(runs, dtype=torch.int64), 0
    while trial < patience * int(last.max()) or trial == 0:
        problem = torch.randint(problems, (block, runs), generator=generator)
        pull, execution = torch.randint(arms, (2, block, runs), generator=generator)
        chance = torch.rand(block, runs, generator=generator)

        arm = run * arms + pull.flatten()  # (n,)
        order, sizes = _turns(arm)
        columns = (run, problem.flatten(), pull.flatten(), execution.flatten(), arm)
        columns = (column.index_select(0, order).split(sizes) for column in columns)
        before, became = explored.clone(), []
        for *drawn, here in zip(*columns, strict=True):
            count, so_far = pulled.index_select(0, here) + 1, explored.index_select(0, here)
            became.append(so_far + (learn(*drawn) - so_far) / count)
            pulled.scatter_(0, here, count)
            explored.scatter_(0, here, became[-1])
        now = torch.empty(block * runs).scatter_(0, order, torch.cat(became))  # of the arm that was pulled
        now = now.view(block, runs)

        before, after = before.view(runs, arms), explored.view(runs, arms)
        least = torch.where(pull == 0, now, torch.inf).amin(dim=0).minimum(before[:, 0])  # (R,) of arm 0
        most = torch.where(pull > 0, now, -torch.inf).amax(dim=0)
        most = most.maximum(before[:, 1:].amax(dim=1))  # (R,) of the others
        wrong = after[:, 1:].amax(dim=1) > after[:, 0]  # at the block's end, so nothing before it matters
        last[wrong] = trial + block
        unsure = (~wrong & (least <= most)).nonzero()[:, 0]
        for part in unsure.split(max(1, AT_ONCE // (block * arms))):
            worth = _after_every_trial(before[part], pull[:, part].T, now[:, part].T)  # (r, block, A)
            others, best = worth[:, 1:], worth[:, 0]
            highest, tied = others.amax(dim=1), (others == best[:, None]).sum(dim=1)
            not_arm_0 = (highest > best) | ((highest == best) & lost(tied, chance[:, part].T))  # (r, block)
            time = (not_arm_0 * torch.arange(1, block + 1)).amax(dim=1)  # of its last, 0 if there is none
            last[part] = torch.where(time > 0, trial + time, last[part])
        trial += block
    return last


def _turns(arm: Tensor) -> tuple[Tensor, list[int]]:
    """The places of each arm's first occurrence in ``arm`` (n,), then of each one's second, and so on.

    Returns:
        (n,), and how many places each turn has.
    """
    order = arm.argsort(stable=True)
    count = arm.bincount()
    begins = count.cumsum(0) - count
    turn = torch.empty_like(arm)
    turn[order] = torch.arange(len(arm)) - begins[arm[order]]
    return turn.argsort(stable=True), turn.bincount().tolist()


def _after_every_trial(before: Tensor, pull: Tensor, now: Tensor) -> Tensor:
    """The worth of every arm after every trial, from that before the first and what pulls made of it.

    Args:
        before: (R, A).
        pull, now: (R, n).
    Returns:
        (R, A, n).
    """
    runs, trials = pull.shape
    moment = torch.zeros(runs, before.shape[1], trials, dtype=torch.int64)
    moment.scatter_(1, pull[:, None], torch.arange(1, trials + 1).expand(runs, 1, -1))
    latest = moment.cummax(dim=2).values  # (R, A, n) the last pull of each arm so far, counted from 1
    known = torch.cat([torch.zeros(runs, 1), now], dim=1)[:, None].expand(-1, before.shape[1], -1)
    return torch.where(latest > 0, known.gather(2, latest), before[..., None])
