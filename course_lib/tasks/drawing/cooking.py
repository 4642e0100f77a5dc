"""A kitchen as its agent knows it: drawers are closed, but for one from which the last step has picked up.

The strip above the kitchen is the recipe, first ingredient to second; blank while exploring.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.tasks.cooking import BOWL, DRAWERS, INGREDIENTS, NOTHING, PICK_UP, SIDE, Cooking
from course_lib.tasks.drawing.shapes import (
    AGENT, FOLD, GRID, GROUND, PAPER, PAPER_TILE, PIXELS, RIM, box, disc, paint, pennant,
)  # fmt: skip
from course_lib.tasks.tables import RunningTrials

# Colours that stay apart without red and green, shapes that stay apart without colours.
TOMATO, CARROT, CHEESE, AUBERGINE = (200, 62, 50), (236, 138, 42), (244, 204, 72), (136, 92, 178)
LEAF, HOLE = (86, 140, 84), (222, 174, 40)
WOOD, INSIDE, HANDLE = (222, 198, 158), (150, 118, 76), (118, 90, 56)
CHINA, CHINA_RIM = (255, 255, 255), (120, 150, 180)
LETTERS = "TCHA."  # of the ingredients, and of nothing


def opened(kitchen: Cooking, running: RunningTrials, lane: int) -> int | None:
    """The drawer that the last step has shown from inside, if it did."""
    cell, hand, _ = kitchen.parts(running.state[lane])
    picked = int(running.action[lane]) == PICK_UP and int(running.clock[lane]) > 0
    return DRAWERS.index(cell) if picked and cell in DRAWERS and hand != NOTHING else None


def picture(kitchen: Cooking, running: RunningTrials, lane: int) -> np.ndarray:
    """The recipe over the kitchen from above: (4 · PIXELS, 3 · PIXELS, 3) uint8."""
    agent, hand, bowl = kitchen.parts(running.state[lane])
    open_drawer = opened(kitchen, running, lane)
    first, second = kitchen.recipe(running.instruction[lane]) or (NOTHING, NOTHING)
    rows = [np.hstack([_paper(first), _paper(NOTHING, arrow=first != NOTHING), _paper(second)])]
    for y in reversed(range(SIDE)):
        row = []
        for x in range(SIDE):
            drawer = DRAWERS.index((x, y)) if (x, y) in DRAWERS else None
            row.append(
                _tile(
                    bowl=bowl if (x, y) == BOWL else None,
                    drawer=drawer is not None,
                    inside=hand if drawer is not None and drawer == open_drawer else NOTHING,
                    hand=hand if (x, y) == agent else None,
                )
            )
        rows.append(np.hstack(row))
    return np.vstack(rows).round().astype(np.uint8)


def paint_ingredient(tile: np.ndarray, kind: int, x: float, y: float, size: float) -> None:
    """An ingredient around (x, y), reaching ``size`` to each side; nothing for NOTHING."""
    if kind == 0:
        paint(tile, disc(x, y - 0.05 * size, 0.9 * size), TOMATO)
        paint(tile, box(x, y + 0.8 * size, 0.35 * size, 0.14 * size, 0.1 * size), LEAF)
    elif kind == 1:
        paint(tile, box(x - 0.75 * size, y, 0.3 * size, 0.3 * size, 0.15 * size), LEAF)
        paint(tile, pennant(x - 0.6 * size, y, 1.5 * size, 0.65 * size), CARROT)
    elif kind == 2:
        paint(tile, box(x, y, 0.85 * size, 0.75 * size, 0.12 * size), CHEESE)
        for hole_x, hole_y, radius in ((-0.35, 0.25, 0.2), (0.35, -0.2, 0.24), (0.4, 0.45, 0.13)):
            paint(tile, disc(x + hole_x * size, y + hole_y * size, radius * size), HOLE)
    elif kind == 3:
        body = pennant(x, y, size, 0.75 * size) | pennant(x, y, -size, 0.75 * size)
        paint(tile, body, AUBERGINE)
        paint(tile, box(x, y + 0.72 * size, 0.14 * size, 0.26 * size, 0.06 * size), LEAF)


@lru_cache(maxsize=16)
def _paper(kind: int, arrow: bool = False) -> np.ndarray:
    tile = np.empty((PIXELS, PIXELS, 3))
    tile[:] = PAPER_TILE
    paint(tile, box(0, 0, 1, 0.82), PAPER)
    if arrow:
        paint(tile, box(-0.2, 0, 0.3, 0.07), FOLD)
        paint(tile, pennant(0.1, 0, 0.4, 0.28), FOLD)
    paint_ingredient(tile, kind, 0, 0, 0.5)
    tile.flags.writeable = False  # it is shared by all later pictures
    return tile


@lru_cache(maxsize=512)
def _tile(bowl: tuple[int, ...] | None, drawer: bool, inside: int, hand: int | None) -> np.ndarray:
    tile = np.empty((PIXELS, PIXELS, 3))
    tile[:] = GRID
    paint(tile, box(0, 0, 0.96, 0.96), GROUND)
    if bowl is not None:
        paint(tile, disc(0, 0, 0.9), CHINA_RIM)
        paint(tile, disc(0, 0, 0.8), CHINA)
        paint(tile, disc(0, 0, 0.62) & ~disc(0, 0, 0.57), GRID)
        for kind, x in zip(bowl, (-0.36, 0.36), strict=False):
            paint_ingredient(tile, kind, x, 0.22, 0.33)
    elif drawer:
        paint(tile, box(0, 0, 0.88, 0.88, 0.1), WOOD)
        if inside != NOTHING:
            paint(tile, box(0.15, 0.12, 0.66, 0.62, 0.08), INSIDE)
            paint_ingredient(tile, inside, 0.28, 0.2, 0.42)
        else:
            paint(tile, box(0, 0, 0.7, 0.7, 0.06) & ~box(0, 0, 0.64, 0.64, 0.04), HANDLE)
            paint(tile, box(0.3, 0, 0.06, 0.26, 0.05), HANDLE)
    if hand is not None:
        paint(tile, disc(-0.38, -0.42, 0.46), RIM)
        paint(tile, disc(-0.38, -0.42, 0.38), AGENT)
        paint_ingredient(tile, hand, -0.38, -0.42, 0.26)
    tile.flags.writeable = False  # it is shared by all later pictures
    return tile


def text(kitchen: Cooking, running: RunningTrials, lane: int) -> str:
    """The kitchen in letters, one row a line, the agent between brackets."""
    agent, hand, bowl = kitchen.parts(running.state[lane])
    recipe, open_drawer = kitchen.recipe(running.instruction[lane]), opened(kitchen, running, lane)
    asked = "탐험 / exploration" if recipe is None else "레시피 / recipe " + " → ".join(_named(k) for k in recipe)
    lines = [asked]
    for y in reversed(range(SIDE)):
        row = ""
        for x in range(SIDE):
            sign = "U" if (x, y) == BOWL else "."
            if (x, y) in DRAWERS:
                sign = LETTERS[hand] if DRAWERS.index((x, y)) == open_drawer else "?"
            row += f"[{sign}]" if (x, y) == agent else f" {sign} "
        lines.append(row)
    lines.append(f"손 / hand: {_named(hand)}   그릇 / bowl: {', '.join(_named(k) for k in bowl) or '–'}")
    return "\n".join([*lines, "[ ] 나 / you   ? 닫힌 서랍 / closed drawer   U 그릇 / bowl"])


def _named(kind: int) -> str:
    return "–" if kind == NOTHING else f"{INGREDIENTS[kind]} ({LETTERS[kind]})"
