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
needs about |A|^2.7; starting at one, arm 0 wins partly because its contexts, being more, stay optimistic
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
CHECK_EVERY = 256  # trials between two looks at the clock


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
    table = fill((runs, contexts, arms), generator)
    tried = torch.zeros(runs, contexts, arms)
    explored = fill((runs, arms), generator)
    lane = torch.arange(runs)

    def learn(problem: Tensor, pull: Tensor, execution: Tensor) -> Tensor:
        context = torch.where(pull == 0, problem, problems - 1 + pull)  # (R,)
        entry = (lane * contexts + context) * arms + execution
        reward = (execution == problem + 1).float()
        count = tried.view(-1)[entry] + 1
        tried.view(-1)[entry] = count
        before = table.view(-1)[entry]
        table.view(-1)[entry] = before + (reward - before) / count
        return table.view(-1, arms)[lane * contexts + context].amax(dim=1)

    return _until_arm_0_stays(arms, explored, generator, learn, ties, patience)


def dream_trials(
    arms: int, runs: int, generator: torch.Generator, ties: str = "even", patience: float = 3.0
) -> Tensor:
    """Trials until DREAM's greedy exploration stays at arm 0, tables starting at zero: see ``rl2_trials``."""
    problems = RevealingArm(arms).problem_count
    # How often each problem was the true one when arm a ≠ 0 was pulled, which shows nothing.
    # Of arm 0 no count is needed: its sign is only ever seen in one problem, so q = 1.
    seen = torch.zeros(runs, arms, problems)
    lane = torch.arange(runs)

    def learn(problem: Tensor, pull: Tensor, execution: Tensor) -> Tensor:
        seen[lane, pull, problem] += 1
        here = seen[lane, pull]  # (R, M)
        chance = here[lane, problem] / here.sum(dim=1)
        return torch.where(pull == 0, torch.ones(()), chance).log() + math.log(problems)

    return _until_arm_0_stays(arms, torch.zeros(runs, arms), generator, learn, ties, patience)


def _until_arm_0_stays(
    arms: int,
    explored: Tensor,
    generator: torch.Generator,
    learn: Callable[[Tensor, Tensor, Tensor], Tensor],
    ties: str,
    patience: float,
) -> Tensor:
    """Draw trials, learn from them, and note when the greedy arm was last another than arm 0.

    Args:
        explored: (R, A) Q_exp as it starts.
        learn: (problem, exploration pull, execution pull), each (R,) → (R,) what Q_exp moves towards.
    """
    lost = known_or_error(TIES, ties, Bilingual("동점 규칙", "rule for ties"))
    runs, problems = len(explored), arms - 1
    pulled = torch.zeros(runs, arms)
    row = torch.arange(runs) * arms
    last = torch.zeros(runs, dtype=torch.int64)
    trial = 0
    while trial < patience * int(last.max()) or trial == 0:
        problem = torch.randint(problems, (CHECK_EVERY, runs), generator=generator)
        pull, execution = torch.randint(arms, (2, CHECK_EVERY, runs), generator=generator)
        chance = torch.rand(CHECK_EVERY, runs, generator=generator)
        for step in range(CHECK_EVERY):
            trial += 1
            target = learn(problem[step], pull[step], execution[step])
            entry = row + pull[step]
            count = pulled.view(-1)[entry] + 1
            pulled.view(-1)[entry] = count
            before = explored.view(-1)[entry]
            explored.view(-1)[entry] = before + (target - before) / count
            others, best = explored[:, 1:], explored[:, 0]
            highest = others.amax(dim=1)
            tied = (others == best[:, None]).sum(dim=1)
            not_arm_0 = (highest > best) | ((highest == best) & lost(tied, chance[step]))
            last.masked_fill_(not_arm_0, trial)
    return last
