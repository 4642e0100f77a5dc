"""A stream of plausible snapshots without any learning: the tests and the benchmark of the view watch it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from course_lib.agents.snapshot import Snapshot
from course_lib.exact.belief import exact_belief
from course_lib.exact.information import exploration_information
from course_lib.tasks import make_task, play


def city_stream(
    updates: int = 200, seed: int = 0, task_name: str = "map", copies: int = 4, update_seconds: float = 0.0
) -> Iterator[Snapshot]:
    """An explorer that finds the map more and more often; hidden states that hold cell, clock and belief."""
    generator = torch.Generator().manual_seed(seed)
    task = make_task(task_name)
    place = torch.randn(task.tables.states, 64, generator=generator) * 0.5
    thought = torch.randn(task.problem_count, 64, generator=generator) * 2.0
    seconds = 0.0
    for update in range(1, updates + 1):
        began = time.perf_counter()
        skill = update / (update + 40)
        trials = wander(task, skill, copies, generator)
        belief = exact_belief(task.tables, trials)  # (B, T, M)
        hidden = torch.tanh(place[trials.state] + belief @ thought * skill + 0.05 * update**0.5)
        known = exploration_information(task.tables, trials).mean()
        while time.perf_counter() - began < update_seconds:
            place @ place.T
        seconds += time.perf_counter() - began
        yield Snapshot(
            method="rl2",
            task=task_name,
            update=update,
            env_steps=update * 5_000,
            seconds=seconds,
            metrics={
                "test_return": float(trials.returns(task.trial).mean()),
                "information": float(known),
                "information_max": float(torch.tensor(float(task.problem_count)).log()),
                "execution_given_exploration": -0.5 + 1.2 * skill,
            },
            references={"optimal_return": 0.8, "no_exploration_return": 0.3},
            trials=trials,
            hidden=hidden,
            belief=belief,
        )


def wander(task, skill: float, copies: int, generator: torch.Generator):
    """Walk to the map with a chance that grows, else at random; then walk towards the goal with slips."""
    to_map = task.state(task.map_cell)
    goals = torch.tensor([task.tables.start] + [task.state(goal) for goal in task.goals])

    def act(running):
        count = len(running.problem)
        target = goals[running.instruction]
        target = torch.where(running.instruction == 0, to_map, target)
        x, y = running.state % task.width, running.state // task.width
        to_x, to_y = target % task.width, target // task.width
        towards = torch.where(
            x < to_x, 0, torch.where(x > to_x, 2, torch.where(y < to_y, 1, torch.where(y > to_y, 3, 6)))
        )
        slips = torch.rand(count, generator=generator) > 0.15 + 0.8 * skill
        return torch.where(slips, torch.randint(0, 6, (count,), generator=generator), towards)

    return play(task, task.each(copies), generator, act)
