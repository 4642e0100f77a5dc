"""A perfect explorer: the shortest list of actions after which the problem is known, whatever it is."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.city import City
from course_lib.tasks.tables import TableTask


def shortest_exploration(task: TableTask, problems: Tensor | None = None) -> Tensor:
    """Breadth-first search for the shortest action sequence that tells every problem from every other.

    The sequence is fixed beforehand; nothing that is seen changes it. (On the map task it is the walk to the
    map. Where finding out needs decisions on the way, no such sequence may exist.)

    Args:
        problems: (m,) int64, those to be told apart; all where None.
    Returns:
        (steps,) int64.
    Raises:
        CourseError: no sequence within the horizon does it.
    """
    tables = task.tables
    if tables.random:
        raise CourseError(
            Bilingual(
                f"{task.name}의 보상은 무작위라서, 정해진 행동으로 문제를 확실히 알아낼 수 없습니다.",
                f"The rewards of {task.name} are random: no fixed list of actions finds out the problem for certain.",
            )
        )
    every = torch.arange(tables.problems) if problems is None else problems
    usable = [action for action in range(len(task.actions)) if action != task.end_action]

    # A node is where each problem would have taken us, and a label by which problems can be told apart.
    state, label = torch.full_like(every, tables.start), torch.zeros_like(every)
    frontier, known = [(state, label, [])], set()
    for _ in range(task.trial.horizon):
        reached = []
        for state, label, actions in frontier:
            for action in usable:
                arrived = tables.next_state[every, state, action]
                shown = torch.stack([label, arrived, tables.sense[every, arrived]], dim=1)
                told_apart = shown.unique(dim=0, return_inverse=True)[1]
                if told_apart.max() + 1 == len(every):
                    return torch.tensor([*actions, action])
                node = tuple(arrived.tolist()), tuple(told_apart.tolist())
                over = tables.ends[0, 0, arrived].any()
                if node not in known and not over:
                    known.add(node)
                    reached.append((arrived, told_apart, [*actions, action]))
        frontier = reached
    raise CourseError(
        Bilingual(
            f"{task.name}에서는 정해 둔 행동 목록만으로 모든 문제를 구별할 수 없습니다.",
            f"No fixed list of actions tells all problems of {task.name} apart within one episode.",
        )
    )


def sufficient_exploration(task: TableTask) -> Tensor:
    """The shortest fixed list of actions after which all is known that execution has a use for.

    In a city with distracting buses that is where each useful bus goes: then execution is worth as much as with
    everything known (``tests/test_distracting_bus.py``). The search looks at problems that agree in all
    distractors; what it finds tells the useful routes apart whatever the distractors do, as it never rides one.
    Elsewhere it is ``shortest_exploration``.

    Returns:
        (steps,) int64.
    Raises:
        CourseError: no list within the horizon does it.
    """
    if isinstance(task, City) and task.plan.distractors:
        return shortest_exploration(task, (task.distracting_routes == 0).nonzero()[:, 0])
    return shortest_exploration(task)
