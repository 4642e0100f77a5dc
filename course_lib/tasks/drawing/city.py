"""A city as its agent knows it: buses without their destinations, a map that is closed until it is read."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.tasks.city import Cell, City
from course_lib.tasks.drawing.shapes import (
    AGENT, ASKED, BUS, BUS_TILE, FLAG, FOLD, GLASS, GRID, GROUND, MARK, PAPER, PAPER_TILE, PIXELS, POLE, POSSIBLE,
    RIM, WHEEL, box, disc, paint, pennant,
)  # fmt: skip
from course_lib.tasks.tables import RunningTrials


def agent_and_goal(city: City, running: RunningTrials, lane: int) -> tuple[Cell, Cell | None]:
    """Where the agent of this lane stands, and what it is asked for: None while it explores."""
    instruction = int(running.instruction[lane])
    return city.cell(running.state[lane]), city.goals[instruction - 1] if instruction else None


def picture(city: City, running: RunningTrials, lane: int) -> np.ndarray:
    """The city from above: (height · PIXELS, width · PIXELS, 3) uint8."""
    agent, goal = agent_and_goal(city, running, lane)
    whole = np.empty((city.height * PIXELS, city.width * PIXELS, 3))
    for x in range(city.width):
        for y in range(city.height):
            top, left = (city.height - 1 - y) * PIXELS, x * PIXELS
            tile = whole[top : top + PIXELS, left : left + PIXELS]
            cell = (x, y)
            tile[:] = _city_tile(
                bus=cell in city.bus_stops,
                sheet=cell == city.map_cell,
                possible=cell in city.goals,
                asked=cell == goal,
                agent=cell == agent,
            )
    return whole.round().astype(np.uint8)


@lru_cache(maxsize=32)
def _city_tile(bus: bool, sheet: bool, possible: bool, asked: bool, agent: bool) -> np.ndarray:
    tile = np.empty((PIXELS, PIXELS, 3))
    tile[:] = GRID
    paint(tile, box(0, 0, 0.96, 0.96), BUS_TILE if bus else PAPER_TILE if sheet else GROUND)
    if asked:
        paint(tile, box(0, 0, 0.96, 0.96), ASKED)
    elif possible:
        paint(tile, box(0, 0, 0.92, 0.92, 0.2) & ~box(0, 0, 0.8, 0.8, 0.12), POSSIBLE)
    if bus:
        paint(tile, box(0, 0.05, 0.62, 0.45, 0.15), BUS)
        for window in (-0.38, 0.0, 0.38):
            paint(tile, box(window, 0.2, 0.14, 0.14, 0.04), GLASS)
        for wheel in (-0.34, 0.34):
            paint(tile, disc(wheel, -0.42, 0.16), WHEEL)
    elif sheet:
        paint(tile, box(0, 0, 0.6, 0.5), PAPER)
        for fold in (-0.2, 0.2):
            paint(tile, box(fold, 0, 0.03, 0.5), FOLD)
        paint(tile, disc(0.4, 0.2, 0.12), MARK)
    elif possible:
        paint(tile, box(-0.3, 0, 0.05, 0.65), POLE if asked else POSSIBLE)
        paint(tile, pennant(-0.25, 0.35, 0.75, 0.3), FLAG if asked else POSSIBLE)
    if agent:
        paint(tile, disc(0, 0, 0.5), RIM)
        paint(tile, disc(0, 0, 0.4), AGENT)
    tile.flags.writeable = False  # it is shared by all later pictures
    return tile


def text(city: City, running: RunningTrials, lane: int) -> str:
    """The city in letters, one row a line, the agent between brackets."""
    agent, goal = agent_and_goal(city, running, lane)
    lines = ["탐험 / exploration" if goal is None else f"목표 / goal {goal}"]
    for y in reversed(range(city.height)):
        row = ""
        for x in range(city.width):
            cell = (x, y)
            sign = "B" if cell in city.bus_stops else "."
            sign = "G" if cell == goal else "M" if cell == city.map_cell else sign
            row += f"[{sign}]" if cell == agent else f" {sign} "
        lines.append(row)
    return "\n".join([*lines, "[ ] 나 / you   B 버스 / bus   M 지도 / map   G 목표 / goal"])
