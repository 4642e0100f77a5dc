"""A random MDP as its agent knows it: the states, where it is, and what its last action paid."""

from __future__ import annotations

import numpy as np

from course_lib.tasks.drawing.bandit import last_pull as last_action
from course_lib.tasks.drawing.shapes import (
    AGENT, GRID, GROUND, PAID, PIXELS, POSSIBLE, RIM, UNPAID, box, disc, paint,
)  # fmt: skip
from course_lib.tasks.random_mdp import RandomMDP
from course_lib.tasks.tables import RunningTrials

TALLEST = 4.0  # the reward of the longest bar; few are larger


def picture(mdp: RandomMDP, running: RunningTrials, lane: int) -> np.ndarray:
    """The states above, round, with the agent in one of them; the actions below, square.

    From the middle of the action taken last grows what it paid: a green bar upwards, a grey one downwards.

    Returns:
        (2 · PIXELS, max(S, A) · PIXELS, 3) uint8.
    """
    action, reward = last_action(running, lane)
    columns = max(mdp.states, len(mdp.actions))
    whole = np.empty((2, PIXELS, columns, PIXELS, 3))
    whole[:] = GROUND
    indent = (columns - len(mdp.actions)) // 2
    for state in range(mdp.states):
        tile = whole[0, :, state]
        paint(tile, disc(0, 0, 0.7), POSSIBLE)
        if state == int(running.symbol[lane]):
            paint(tile, disc(0, 0, 0.5), RIM)
            paint(tile, disc(0, 0, 0.42), AGENT)
    for each in range(len(mdp.actions)):
        tile = whole[1, :, indent + each]
        paint(tile, box(0, 0, 0.8, 0.8, 0.2), GRID)
        if each == action:
            height = min(abs(reward) / TALLEST, 1.0) * 0.7
            paint(tile, box(0, height * np.sign(reward) / 2, 0.35, height / 2), PAID if reward > 0 else UNPAID)
            paint(tile, box(0, 0, 0.5, 0.025), AGENT)
    return whole.reshape(2 * PIXELS, columns * PIXELS, 3).round().astype(np.uint8)


def text(mdp: RandomMDP, running: RunningTrials, lane: int) -> str:
    """A dot for each state, its number where the agent is; a dot for each action, brackets around the last."""
    action, reward = last_action(running, lane)
    here = int(running.symbol[lane])
    states = " ".join(str(state) if state == here else "." for state in range(mdp.states))
    actions = "".join(f"[{reward:+.1f}]" if each == action else " . " for each in range(len(mdp.actions)))
    return f"{states}\n{actions}"
