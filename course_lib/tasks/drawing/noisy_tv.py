"""A city with a screen, as its agent knows it: it sees the picture only while it stands there."""

from __future__ import annotations

import numpy as np

from course_lib.tasks.drawing import city
from course_lib.tasks.drawing.shapes import AGENT, GLASS, GROUND, PIXELS, POLE, RIM, box, disc, paint
from course_lib.tasks.noisy_tv import NoisyTV
from course_lib.tasks.tables import RunningTrials


def shown(task: NoisyTV, running: RunningTrials, lane: int) -> int | None:
    """The number of the picture that the agent of this lane sees, if it stands before the screen."""
    if not task.watching(running.state[lane]):
        return None
    return int(running.symbol[lane] - task.tables.sense[running.problem[lane], running.state[lane]])


def picture(task: NoisyTV, running: RunningTrials, lane: int) -> np.ndarray:
    """The city from above, with the screen: (height · PIXELS, width · PIXELS, 3) uint8."""
    whole = city.picture(task, running, lane).astype(float)
    (x, y), now = task.tv_cell, shown(task, running, lane)
    top, left = (task.height - 1 - y) * PIXELS, x * PIXELS
    tile = whole[top : top + PIXELS, left : left + PIXELS]
    paint(tile, box(0, 0, 0.96, 0.96), GROUND)
    paint(tile, box(0, 0.05, 0.76, 0.6, 0.15), POLE)
    paint(tile, box(0, -0.75, 0.4, 0.06), POLE)
    if now is None:
        paint(tile, box(0, 0.05, 0.64, 0.48, 0.1), GLASS)
    else:  # a pattern of 16 fields, another one for each picture
        snow = np.random.default_rng(now).integers(60, 255, size=(4, 4, 3))
        for row in range(4):
            for column in range(4):
                field = box(-0.48 + 0.32 * column, 0.41 - 0.24 * row, 0.16, 0.12)
                paint(tile, field, tuple(int(part) for part in snow[row, column]))
        paint(tile, disc(0, -0.5, 0.38), RIM)
        paint(tile, disc(0, -0.5, 0.3), AGENT)
    return whole.round().astype(np.uint8)


def text(task: NoisyTV, running: RunningTrials, lane: int) -> str:
    """The city in letters, T for the screen, and under it the picture's number."""
    lines = city.text(task, running, lane).split("\n")
    (x, y), now = task.tv_cell, shown(task, running, lane)
    row = 1 + task.height - 1 - y
    lines[row] = lines[row][: 3 * x + 1] + "T" + lines[row][3 * x + 2 :]
    sees = "" if now is None else f" {now}"
    return "\n".join([*lines, f"T 텔레비전 / television{sees}"])
