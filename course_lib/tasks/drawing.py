"""Pictures and texts of a task as its agent knows it: what is hidden stays hidden. NumPy only.

For gymnasium's render modes. The live views of the lessons draw for themselves (``course_lib.views``).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.tasks.bandit import BernoulliBandit
from course_lib.tasks.city import Cell, City

PIXELS = 40  # side of a cell
FINE = 4  # samples a pixel and axis: what smooths the edges of the shapes

GROUND, GRID = (246, 246, 242), (222, 222, 214)
BUS_TILE, BUS, GLASS, WHEEL = (214, 228, 243), (52, 107, 168), (235, 243, 250), (38, 48, 60)
PAPER_TILE, PAPER, FOLD, MARK = (243, 229, 204), (255, 251, 240), (196, 164, 112), (192, 57, 43)
ASKED, FLAG, POLE, POSSIBLE = (255, 214, 92), (192, 57, 43), (70, 60, 40), (205, 196, 170)
AGENT, RIM = (32, 32, 36), (255, 255, 255)
PAID, UNPAID = (74, 158, 95), (168, 168, 168)


# -- shapes: which points of a cell they cover; u runs right and v up, both from −1 to 1 ---------------------


@lru_cache(maxsize=1)
def _points() -> tuple[np.ndarray, np.ndarray]:
    middle = (np.arange(PIXELS * FINE) + 0.5) / (PIXELS * FINE) * 2 - 1
    return middle[None, :], -middle[:, None]


def box(x: float, y: float, half_width: float, half_height: float, corner: float = 0.0) -> np.ndarray:
    """A rectangle around (x, y) with rounded corners."""
    u, v = _points()
    beyond_u = np.maximum(np.abs(u - x) - half_width + corner, 0)
    beyond_v = np.maximum(np.abs(v - y) - half_height + corner, 0)
    return beyond_u**2 + beyond_v**2 <= max(corner, 1e-9) ** 2


def disc(x: float, y: float, radius: float) -> np.ndarray:
    """A disc around (x, y)."""
    u, v = _points()
    return (u - x) ** 2 + (v - y) ** 2 <= radius**2


def pennant(x: float, y: float, length: float, half_height: float) -> np.ndarray:
    """A triangle whose left edge stands at x, around the height y, pointing right."""
    u, v = _points()
    along = (u - x) / length
    return (along >= 0) & (np.abs(v - y) <= half_height * (1 - along))


def paint(tile: np.ndarray, shape: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Lay a colour over the part of a (PIXELS, PIXELS, 3) tile that a shape covers, with smooth edges."""
    cover = shape.reshape(PIXELS, FINE, PIXELS, FINE).mean(axis=(1, 3))[..., None]
    tile += cover * (np.asarray(colour) - tile)


# -- the city ------------------------------------------------------------------------------------------------


def city_picture(city: City, agent: Cell, goal: Cell | None) -> np.ndarray:
    """The city from above: (height · PIXELS, width · PIXELS, 3) uint8. ``goal`` is None while exploring."""
    picture = np.empty((city.height * PIXELS, city.width * PIXELS, 3))
    for x in range(city.width):
        for y in range(city.height):
            top, left = (city.height - 1 - y) * PIXELS, x * PIXELS
            tile = picture[top : top + PIXELS, left : left + PIXELS]
            cell = (x, y)
            tile[:] = _city_tile(
                bus=cell in city.bus_stops,
                sheet=cell == city.map_cell,
                possible=cell in city.goals,
                asked=cell == goal,
                agent=cell == agent,
            )
    return picture.round().astype(np.uint8)


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


def city_text(city: City, agent: Cell, goal: Cell | None) -> str:
    """The city in letters, one row a line, the agent between brackets."""
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


# -- the bandit ----------------------------------------------------------------------------------------------


def bandit_picture(bandit: BernoulliBandit, arm: int | None, reward: float) -> np.ndarray:
    """A tile for each arm, the last one pulled filled, green where it paid: (PIXELS, k · PIXELS, 3) uint8."""
    picture = np.empty((PIXELS, bandit.arms * PIXELS, 3))
    for each in range(bandit.arms):
        tile = picture[:, each * PIXELS : (each + 1) * PIXELS]
        tile[:] = GROUND
        paint(tile, box(0, 0, 0.8, 0.8, 0.2), GRID)
        if each == arm:
            paint(tile, box(0, 0, 0.8, 0.8, 0.2), PAID if reward > 0 else UNPAID)
            if reward > 0:
                paint(tile, disc(0, 0, 0.35), ASKED)
    return picture.round().astype(np.uint8)


def bandit_text(bandit: BernoulliBandit, arm: int | None, reward: float) -> str:
    """A dot for each arm, and what the last one pulled has paid."""
    return "".join(f"[{reward:.0f}]" if each == arm else " . " for each in range(bandit.arms))
