"""PEARL-UB: what PEARL would return if it learned everything perfectly, exactly.

PEARL explores by posterior sampling: it draws a problem z from what it believes and acts optimally as if z were
true. DREAM (Liu, Raghunathan, Liang, Finn 2021) compares with an upper bound of it, "PEARL-UB": the optimal policy
for z, and z from the true posterior. That policy never goes to a map to read it, and never tries a bus that z does
not call useful, so it stays away from the optimum however long it trains. (Led astray by a wrong z it may walk over
the map on its way: ``chance_of_standing_on`` says how often.)

A trial here, as on the DREAM grids, is one exploration and one execution episode:

1. exploration draws z from the prior and acts optimally for z, as if asked for an instruction drawn evenly (it is
   not asked for anything, and to be optimal for z one has to want something);
2. execution is asked for something, draws z from the exact posterior and acts optimally for that.

Where several actions are optimal for z, each is taken as often. Nothing is simulated: for one policy, ``branches``
follows every way it can go, with its chance, in all problems at once. As long as problems show the same they are
followed as one; where they differ the set is split.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.branches import Branches, branches
from course_lib.exact.planning import knowledge_of
from course_lib.exact.posterior_sampling import optimal_actions
from course_lib.tasks.tables import TableTask


def evenly(allowed: Tensor) -> Tensor:
    """The policy that chooses evenly among the allowed actions: (…, A) bool → (…, A) float32."""
    return allowed / allowed.sum(dim=-1, keepdim=True)


def all_branches(task: TableTask, instruction: int, pretended: int | None = None) -> tuple[list[Branches], Tensor]:
    """``branches`` of the optimal policy of every problem z, those that act alike counted once.

    Args:
        pretended: what the policy believes to be asked for; None: what it is asked for.
    Returns:
        The branches that differ, and for each z which of them are its own: (M,) int64.
    """
    optimal = optimal_actions(task)[:, instruction if pretended is None else pretended]  # (M, horizon, S, A)
    different: list[Branches] = []
    which = torch.full((len(optimal),), -1)
    while (which < 0).any():
        z = int((which < 0).nonzero()[0, 0])
        followed = branches(task, evenly(optimal[z]), instruction)
        clock, state = torch.tensor(sorted(followed.visited)).T
        # The same choices wherever this policy can come: then the same branches.
        alike = (optimal[:, clock, state] == optimal[z, clock, state]).flatten(1).all(dim=1)
        which[alike & (which < 0)] = len(different)
        different.append(followed)
    return different, which


@lru_cache(maxsize=4)
def pearl_upper_bound(task: TableTask) -> dict[str, float]:
    """The exact expectation of a trial of PEARL-UB, problems drawn evenly, instructions as often as they are asked.

    Returns:
        ``return`` of the execution episode; ``without_exploring``: the same, had nothing been seen before;
        ``information``: I(τ_exp; μ) in nats.
    """
    goals = range(1, task.tables.instructions)
    problems = task.problem_count
    asked = knowledge_of(task).asked.double()
    if (asked != asked[:1]).any():  # then being asked tells of the problem, and the posterior would have to follow
        raise CourseError(
            Bilingual(
                f"{task.name}에서는 지시의 확률이 문제마다 달라 PEARL-UB를 계산하지 않습니다. `instruction_chance`의 행을 모두 같게 하십시오.",
                f"In {task.name} the chances of instructions differ from problem to problem, for which PEARL-UB is not computed. "
                "Let all rows of `instruction_chance` be the same.",
            )
        )
    asked = asked[0]  # (I,)
    worth = torch.zeros(problems, problems, dtype=torch.float64)  # (z, m): acting for z where m is true
    for goal in goals:
        different, which = all_branches(task, goal)
        worth += torch.stack([followed.returns for followed in different])[which] * asked[goal]
    total = information = 0.0
    for goal in goals:
        different, which = all_branches(task, 0, pretended=goal)
        for followed, count in zip(different, which.bincount().tolist(), strict=True):
            policy = count / problems / len(goals)
            for left, chance in followed.found.items():
                reached = policy * chance * len(left) / problems  # of all trials, so many end here
                members = torch.tensor(left)
                total += reached * float(worth[members][:, members].mean())
                information += reached * float(torch.log(torch.tensor(problems / len(left))))
    return {"return": total, "without_exploring": float(worth.mean()), "information": information}


def chance_of_standing_on(task: TableTask, state: int) -> tuple[float, float]:
    """How likely exploration as above ever stands on ``state``: if z is the true problem, and for z from the prior.

    The chance of being anywhere, (z, m, S), carried forward step by step; whoever has stood there is taken out.
    """
    tables, optimal = task.tables, optimal_actions(task)
    problems, goals = tables.problems, range(1, tables.instructions)
    goes = tables.next_state[None].expand(problems, -1, -1, -1).flatten(2)  # (z, m, S · A)
    stood = torch.zeros(problems, problems, dtype=torch.float64)  # (z, m)
    for goal in goals:
        policy = evenly(optimal[:, goal]).double()  # (z, horizon, S, A)
        at = torch.zeros(problems, problems, tables.states, dtype=torch.float64)
        at[..., tables.start] = 1.0
        for clock in range(task.trial.horizon):
            moves = at[..., None] * policy[:, None, clock]  # (z, m, S, A)
            if task.end_action is not None:
                moves[..., task.end_action] = 0.0
            at = torch.zeros_like(at).scatter_add_(2, goes, moves.flatten(2))
            stood += at[..., state] / len(goals)
            at[..., state] = 0.0
            at = at * ~tables.ends[:, 0]  # exploration that is over
    return float(stood.diagonal().mean()), float(stood.mean())


@lru_cache(maxsize=4)
def redrawn_each_step(task: TableTask) -> dict[str, float]:
    """The same with z drawn anew from the posterior before every step: the lecture's slip. Exact as well.

    Then the chance of an action depends on what is known at that moment, so it is a policy of belief states, and
    ``Knowledge`` evaluates it as it evaluates the best one.

    Returns:
        ``return`` and ``without_exploring``, as in ``pearl_upper_bound``.
    """
    knowledge, optimal = knowledge_of(task), optimal_actions(task)
    goals = list(range(1, task.tables.instructions))

    def choosing(wanted: list[int]):
        def policy(members: Tensor, clock: int) -> Tensor:
            chance = 0.0
            for column in range(members.shape[1]):  # (n, i, S, A), one problem of each set at a time
                chance = chance + evenly(optimal[members[:, column]][:, wanted, clock]) / members.shape[1]
            return chance.permute(0, 2, 3, 1)  # (n, S, A, i)

        return policy

    executed = knowledge.averaged(knowledge.start_values(goals, policy=choosing(goals)))
    explored = [knowledge.start_values([0], executed, choosing([goal]))[knowledge.all_problems] for goal in goals]
    return {
        "return": float(torch.stack(explored).mean()),
        "without_exploring": executed[knowledge.all_problems],
    }
