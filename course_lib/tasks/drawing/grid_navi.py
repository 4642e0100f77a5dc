"""GridNavi as its agent knows it: where a goal may lie, and the cell that paid with the last step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.tasks.drawing.shapes import (
    AGENT, ASKED, FLAG, GRID, GROUND, PIXELS, POLE, POSSIBLE, RIM, box, disc, paint, pennant,
)  # fmt: skip
from course_lib.tasks.grid_navi import Cell, HiddenGoal
from course_lib.tasks.tables import RunningTrials


def agent_and_goal(grid: HiddenGoal, running: RunningTrials, lane: int) -> tuple[Cell, Cell | None]:
    """Where the agent of this lane stands, and the goal if the last step has shown it."""
    paid = float(running.reward[lane]) > 0
    return grid.cell(running.state[lane]), grid.cell(running.arrived[lane]) if paid else None


def picture(grid: HiddenGoal, running: RunningTrials, lane: int) -> np.ndarray:
    """The grid from above: (height · PIXELS, width · PIXELS, 3) uint8."""
    agent, goal = agent_and_goal(grid, running, lane)
    rows = []
    for y in reversed(range(grid.height)):
        cells = [(x, y) for x in range(grid.width)]
        rows.append(np.hstack([_tile(cell in grid.goals, cell == goal, cell == agent) for cell in cells]))
    return np.vstack(rows).round().astype(np.uint8)


@lru_cache(maxsize=8)
def _tile(possible: bool, goal: bool, agent: bool) -> np.ndarray:
    tile = np.empty((PIXELS, PIXELS, 3))
    tile[:] = GRID
    paint(tile, box(0, 0, 0.96, 0.96), ASKED if goal else GROUND)
    if goal and not agent:
        paint(tile, box(-0.3, 0, 0.05, 0.65), POLE)
        paint(tile, pennant(-0.25, 0.35, 0.75, 0.3), FLAG)
    elif possible and not agent:
        paint(tile, disc(0, 0, 0.14), POSSIBLE)
    if agent:
        paint(tile, disc(0, 0, 0.5), RIM)
        paint(tile, disc(0, 0, 0.4), AGENT)
    tile.flags.writeable = False  # it is shared by all later pictures
    return tile


def text(grid: HiddenGoal, running: RunningTrials, lane: int) -> str:
    """The grid in letters, one row a line, the agent between brackets."""
    agent, goal = agent_and_goal(grid, running, lane)
    lines = [f"에피소드 / episode {int(running.episode[lane]) + 1}"]
    for y in reversed(range(grid.height)):
        row = ""
        for x in range(grid.width):
            sign = "G" if (x, y) == goal else "?" if (x, y) in grid.goals else "."
            row += f"[{sign}]" if (x, y) == agent else f" {sign} "
        lines.append(row)
    return "\n".join([*lines, "[ ] 나 / you   ? 목표일 수 있음 / may be the goal   G 목표 / goal"])
