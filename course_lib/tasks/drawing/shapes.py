"""Tiles, colours and shapes: which points of a cell a shape covers. NumPy only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

PIXELS = 40  # side of a cell
FINE = 4  # samples a pixel and axis: what smooths the edges of the shapes

GROUND, GRID = (246, 246, 242), (222, 222, 214)
BUS_TILE, BUS, GLASS, WHEEL = (214, 228, 243), (52, 107, 168), (235, 243, 250), (38, 48, 60)
PAPER_TILE, PAPER, FOLD, MARK = (243, 229, 204), (255, 251, 240), (196, 164, 112), (192, 57, 43)
ASKED, FLAG, POLE, POSSIBLE = (255, 214, 92), (192, 57, 43), (70, 60, 40), (205, 196, 170)
AGENT, RIM = (32, 32, 36), (255, 255, 255)
PAID, UNPAID = (74, 158, 95), (168, 168, 168)

# In what follows u runs right and v up, both from −1 to 1 over a cell.


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
