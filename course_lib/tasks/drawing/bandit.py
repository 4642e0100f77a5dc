"""A bandit as its agent knows it: the arms, and what the last pull paid."""

from __future__ import annotations

import numpy as np

from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.drawing.shapes import ASKED, GRID, GROUND, PAID, PIXELS, UNPAID, box, disc, paint
from course_lib.tasks.fixed_arm_bandit import FixedArmBandit
from course_lib.tasks.tables import RunningTrials


def last_pull(running: RunningTrials, lane: int) -> tuple[int | None, float]:
    """The arm pulled last, None before the first pull, and what it paid."""
    begun = bool((running.episode + running.clock + running.finished)[lane] > 0)
    return int(running.action[lane]) if begun else None, float(running.reward[lane])


def picture(bandit: BernoulliBandit | FixedArmBandit, running: RunningTrials, lane: int) -> np.ndarray:
    """A tile for each arm, the last one pulled filled, green where it paid: (PIXELS, k · PIXELS, 3) uint8."""
    arm, reward = last_pull(running, lane)
    whole = np.empty((PIXELS, bandit.arms * PIXELS, 3))
    for each in range(bandit.arms):
        tile = whole[:, each * PIXELS : (each + 1) * PIXELS]
        tile[:] = GROUND
        paint(tile, box(0, 0, 0.8, 0.8, 0.2), GRID)
        if each == arm:
            paint(tile, box(0, 0, 0.8, 0.8, 0.2), PAID if reward > 0 else UNPAID)
            if reward > 0:
                paint(tile, disc(0, 0, 0.35), ASKED)
    return whole.round().astype(np.uint8)


def text(bandit: BernoulliBandit | FixedArmBandit, running: RunningTrials, lane: int) -> str:
    """A dot for each arm, and what the last one pulled has paid."""
    arm, reward = last_pull(running, lane)
    return "".join(f"[{reward:.3g}]" if each == arm else " . " for each in range(bandit.arms))
