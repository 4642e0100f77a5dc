"""The point robot as it knows itself: where a goal may lie, where it stands, and what the last step told.

Around the robot lies what it would notice, a disc of radius 0.2. If the last step paid, 1 − reward is the
distance to the goal: a circle around where that step led, and a flag where it meets the half-circle, mostly
twice. Which of the two it is, one more step tells, but a picture shows the last step only.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from course_lib.tasks.drawing.shapes import AGENT, ASKED, FLAG, GRID, GROUND, POLE, POSSIBLE, RIM
from course_lib.tasks.point_robot import RADIUS, PointRobot, RunningPointRobot, angles_that_pay

LEFT, RIGHT, BOTTOM, TOP = -1.4, 1.4, -0.4, 1.4  # what of the plane is shown
PIXELS = 120  # a unit of length
Point = tuple[float, float]


def what_is_known(running: RunningPointRobot, lane: int) -> tuple[Point, Point, float, list[Point]]:
    """Of one lane: the position; where the last step led; what it paid; where, if it paid, the goal may
    be."""
    position, arrived = tuple(running.state[lane].tolist()), tuple(running.arrived[lane].tolist())
    reward = float(running.reward[lane])
    angles = angles_that_pay(arrived, reward) if reward > 0 else []
    return position, arrived, reward, [(math.cos(angle), math.sin(angle)) for angle in angles]


def picture(task: PointRobot, running: RunningPointRobot, lane: int) -> np.ndarray:
    """The plane from above: (height, width, 3) uint8. A robot that left it is shown at its edge."""
    position, arrived, reward, goals = what_is_known(running, lane)
    drawn = _plane().copy()
    if reward > 0:
        _lay(drawn, _ring(arrived, 1 - reward, 0.016), ASKED)
    for x, y in goals:
        _lay(drawn, _bar(x, y, 0.012, 0.17), POLE)
        _lay(drawn, _pennant(x + 0.012, y + 0.13, 0.11, 0.045), FLAG)
    x = min(max(position[0], LEFT + 0.06), RIGHT - 0.06)
    y = min(max(position[1], BOTTOM + 0.06), TOP - 0.06)
    _lay(drawn, _ring((x, y), RADIUS, 0.008), POSSIBLE)
    _lay(drawn, _disc((x, y), 0.06), RIM)
    _lay(drawn, _disc((x, y), 0.047), AGENT)
    return drawn.round().astype(np.uint8)


@lru_cache(maxsize=1)
def _plane() -> np.ndarray:
    """What is always there: the ground, a grid of lines 0.2 apart, the start, and the half-circle."""
    u, v = _points()
    plane = np.empty((*np.broadcast_shapes(u.shape, v.shape), 3))
    plane[:] = GROUND
    for number in range(-6, 7):
        _lay(plane, np.abs(u - number / 5) - 0.002 + 0 * v, GRID)
        _lay(plane, np.abs(v - number / 5) - 0.002 + 0 * u, GRID)
    _lay(plane, _ring((0.0, 0.0), 0.05, 0.008), GRID)
    to_arc = np.where(v >= 0, np.abs(np.hypot(u, v) - 1), np.hypot(np.abs(u) - 1, v))
    _lay(plane, to_arc - 0.02, POSSIBLE)
    plane.flags.writeable = False  # it is shared by all later pictures
    return plane


@lru_cache(maxsize=1)
def _points() -> tuple[np.ndarray, np.ndarray]:
    """The middle of every pixel: x (1, width) to the right, y (height, 1) upwards."""
    width, height = round((RIGHT - LEFT) * PIXELS), round((TOP - BOTTOM) * PIXELS)
    return LEFT + (np.arange(width)[None] + 0.5) / PIXELS, TOP - (np.arange(height)[:, None] + 0.5) / PIXELS


# A shape is how far each pixel lies outside of it; negative inside.


def _disc(centre: Point, radius: float) -> np.ndarray:
    u, v = _points()
    return np.hypot(u - centre[0], v - centre[1]) - radius


def _ring(centre: Point, radius: float, half_width: float) -> np.ndarray:
    return np.abs(_disc(centre, radius)) - half_width


def _bar(x: float, y: float, half_width: float, height: float) -> np.ndarray:
    """An upright bar that stands on (x, y)."""
    u, v = _points()
    return np.maximum(np.abs(u - x) - half_width, np.abs(v - y - height / 2) - height / 2)


def _pennant(x: float, y: float, length: float, half_height: float) -> np.ndarray:
    """A triangle whose left edge stands at x, around the height y, pointing right."""
    u, v = _points()
    return np.maximum(x - u, np.abs(v - y) - half_height * (1 - (u - x) / length))


def _lay(picture: np.ndarray, outside: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Lay a colour over a shape; a pixel on its edge is covered in part."""
    cover = np.clip(0.5 - outside * PIXELS, 0, 1)[..., None]
    picture += cover * (np.asarray(colour) - picture)


def text(task: PointRobot, running: RunningPointRobot, lane: int) -> str:
    """Episode, position, and what the last reward tells, a line each."""
    position, _, reward, goals = what_is_known(running, lane)
    lines = [
        f"에피소드 / episode {int(running.episode[lane]) + 1}",
        f"위치 / position ({position[0]:+.2f}, {position[1]:+.2f})",
        f"보상 / reward {reward:.2f}",
    ]
    if goals:
        places = " ? ".join(f"({x:+.2f}, {y:+.2f})" for x, y in goals)
        lines.append(f"목표 / goal: {places}")
    return "\n".join(lines)
