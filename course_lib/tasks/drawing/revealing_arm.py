"""The revealing-arm bandit as its agent knows it: the last pull, what it paid, the sign while it is shown."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.tasks.drawing.shapes import (
    ASKED, FLAG, FOLD, GRID, GROUND, PAID, PAPER, PAPER_TILE, PIXELS, POLE, UNPAID, box, disc, paint, pennant,
)  # fmt: skip
from course_lib.tasks.revealing_arm import RevealingArm
from course_lib.tasks.tables import RunningTrials

A_ROW = 16  # arms beside each other


def known(running: RunningTrials, lane: int) -> tuple[int | None, float, int | None]:
    """The arm that the last step pulled (None in a pause), what it paid, the arm that a sign names now."""
    pulled = bool(running.done[lane])  # an episode is one pull
    sign = int(running.symbol[lane])
    return int(running.action[lane]) if pulled else None, float(running.reward[lane]), sign or None


def picture(bandit: RevealingArm, running: RunningTrials, lane: int) -> np.ndarray:
    """A tile for each arm, 16 a row, arm 0 a sheet of paper: (rows · PIXELS, columns · PIXELS, 3) uint8.

    The arm pulled last is filled, green where it paid; the one that the sign names stands on gold.
    """
    pulled, reward, named = known(running, lane)
    columns = min(bandit.arms, A_ROW)
    rows = -(-bandit.arms // columns)
    whole = np.empty((rows * PIXELS, columns * PIXELS, 3))
    whole[:] = GROUND
    for arm in range(bandit.arms):
        top, left = arm // columns * PIXELS, arm % columns * PIXELS
        tile = _tile(arm == 0, arm == pulled, arm == pulled and reward > 0, arm == named)
        whole[top : top + PIXELS, left : left + PIXELS] = tile
    return whole.round().astype(np.uint8)


@lru_cache(maxsize=16)
def _tile(sheet: bool, pulled: bool, paid: bool, named: bool) -> np.ndarray:
    tile = np.empty((PIXELS, PIXELS, 3))
    tile[:] = GROUND
    colour = PAID if paid else UNPAID if pulled else ASKED if named else PAPER_TILE if sheet else GRID
    paint(tile, box(0, 0, 0.8, 0.8, 0.2), colour)
    if sheet:
        paint(tile, box(0, 0, 0.45, 0.5), PAPER)
        for line in (-0.2, 0.0, 0.2):
            paint(tile, box(0, line, 0.3, 0.03), FOLD)
    elif named:
        paint(tile, box(-0.3, 0, 0.05, 0.55), POLE)
        paint(tile, pennant(-0.25, 0.3, 0.65, 0.25), FLAG)
    elif paid:
        paint(tile, disc(0, 0, 0.35), ASKED)
    tile.flags.writeable = False  # it is shared by all later pictures
    return tile


def text(bandit: RevealingArm, running: RunningTrials, lane: int) -> str:
    """A dot for each arm, brackets around the one pulled last, what it paid if that counts, and the sign."""
    pulled, reward, named = known(running, lane)
    signs = ["i", *"." * (bandit.arms - 1)]  # arm 0 informs
    if named is not None:
        signs[named] = "!"
    if pulled is not None and pulled != named:
        signs[pulled] = f"{reward:.0f}" if running.instruction[lane] else "x"
    arms = "".join(f"[{sign}]" if arm == pulled else f" {sign} " for arm, sign in enumerate(signs))
    told = "-" if named is None else f"{named}"
    return f"{arms}\n팻말 / sign: {told}"
