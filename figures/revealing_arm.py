"""DREAM's tabular analysis, run: how many trials it takes to learn where to explore.

    python -m figures.revealing_arm run     # 3 to 5 minutes on one core
    python -m figures.revealing_arm table   # prints what was recorded

Trials until the explorer's greedy arm stays arm 0, mean ± s.e.; for the rules see
``course_lib.exact.revealing_arm``:

| |A| | 8 | 16 | 32 | 64 | 128 | log–log slope |
|---|---|---|---|---|---|---|
| RL² | 316 ± 4 | 1338 ± 12 | 5908 ± 95 | 25561 ± 449 | 117253 ± 3200 | 2.11 (to 32), 2.14 (all) |
| DREAM | 35 ± 1 | 82 ± 1 | 191 ± 2 | 434 ± 4 | 975 ± 8 | 1.21 (to 64), 1.20 (all) |

RL²: 1.5 to 2.4 · |A|² ln |A|. In pulls, two a trial, that is 18 to 22 % fewer than the lecture's plot
shows at 40, 100 and 128 arms, and 2 % fewer at 60: a plot read by eye. DREAM: 1.6 to 2.1 · |A| ln |A|.

Where this differs from the numbers computed before (``EXPECTED``): from 16 arms on DREAM's means there are
lower, by 5 to 14 %; at 16 and 32 by more than 3 standard errors. What that code did about ties, and about
an arm whose first two pulls meet the same problem, is not written down; there the two can differ. Its
slope of 1.04 is not that of its own means, which is 1.16 (8 to 64). It is the slope of a rule by which arm 0
wins every tie: 1.07 here, 1.02 up to 128.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path

import torch

from course_lib.exact.revealing_arm import PULLS, dream_trials, rl2_trials

RESULTS = Path(__file__).with_suffix(".json")

RL2_RUNS = {8: 1024, 16: 1024, 32: 256, 40: 64, 60: 64, 64: 128, 100: 24, 128: 24}
DREAM_RUNS = {8: 512, 16: 512, 32: 512, 64: 512, 128: 512}

# name: (what is run, its options, {arms: independent runs}, the bound's shape)
LEARNERS = {
    "RL2": (rl2_trials, {}, RL2_RUNS, "A^2 ln A"),
    "DREAM": (dream_trials, {}, DREAM_RUNS, "A ln A"),
    "RL2, tables start at zero": (rl2_trials, dict(start="zeros"), {8: 128, 16: 128, 32: 32}, "A^2 ln A"),
    "RL2, tables start at one": (rl2_trials, dict(start="ones"), {8: 128, 16: 128, 32: 64}, "A^2 ln A"),
    "DREAM, arm 0 wins ties": (dream_trials, {"ties": "arm 0"}, DREAM_RUNS, "A ln A"),
}
SHAPES = {"A^2 ln A": lambda a: a**2 * math.log(a), "A ln A": lambda a: a * math.log(a)}

# (mean, s.e.), computed independently for this course before this code was written.
EXPECTED = {
    "RL2": {8: (329, 10), 16: (1347, 29), 32: (5995, 99), 64: (25185, 841), 128: (124991, 6064)},
    "DREAM": {8: (34, 1), 16: (73, 2), 32: (173, 4), 64: (374, 21), 128: (922, 19)},
}
SLIDE_PULLS = {40: 25_000, 60: 50_000, 100: 165_000, 128: 285_000}  # RL²'s samples, off the lecture's plot


def slope(points: dict[int, float]) -> float:
    """The slope of the straight line through log trials over log |A|, by least squares."""
    x = torch.tensor([math.log(arms) for arms in points], dtype=torch.float64)
    y = torch.tensor([math.log(trials) for trials in points.values()], dtype=torch.float64)
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def one_size(learner: str, arms: int) -> dict:
    """Mean and standard error over independent runs, seeded by the number of arms."""
    learn, options, runs, shape = LEARNERS[learner]
    began = time.perf_counter()
    trials = learn(arms, runs[arms], torch.Generator().manual_seed(arms), **options).double()
    mean = float(trials.mean())
    return dict(
        mean=mean,
        error=float(trials.std() / runs[arms] ** 0.5),
        runs=runs[arms],
        times_the_shape=mean / SHAPES[shape](arms),
        pulls=PULLS * mean,
        seconds=round(time.perf_counter() - began, 1),
        expected=EXPECTED.get(learner, {}).get(arms),
        slide_pulls=SLIDE_PULLS.get(arms) if learner == "RL2" else None,
    )


def run() -> None:
    torch.set_num_threads(1)
    result = dict(
        command="python -m figures.revealing_arm run",
        versions=dict(python=sys.version.split()[0], torch=torch.__version__),
        seeds="the number of arms",
        learners={},
    )
    for learner, (_, _, runs, shape) in LEARNERS.items():
        sizes = {}
        for arms in runs:
            sizes[arms] = one_size(learner, arms)
            print(learner, arms, sizes[arms], flush=True)
        means = {arms: row["mean"] for arms, row in sizes.items()}
        upto = {top: {arms: mean for arms, mean in means.items() if arms <= top} for top in list(means)[1:]}
        slopes = {f"{min(means)} to {top}": slope(points) for top, points in upto.items()}
        result["learners"][learner] = dict(shape=shape, sizes=sizes, slopes=slopes)
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(partial, RESULTS)
    table()


def table() -> None:
    """What was recorded, a line a learner and number of arms."""
    for learner, row in json.loads(RESULTS.read_text(encoding="utf-8"))["learners"].items():
        print(learner, {sizes: round(value, 2) for sizes, value in row["slopes"].items()})
        for arms, size in row["sizes"].items():
            expected = "" if size["expected"] is None else "; expected {} ± {}".format(*size["expected"])
            if size["slide_pulls"]:
                expected += f"; {size['pulls']:,.0f} pulls, on the slide {size['slide_pulls']:,}"
            print(
                f"  {arms:>4} {size['mean']:10.1f} ± {size['error']:.1f} ({size['runs']} runs)"
                f" = {size['times_the_shape']:.2f} {row['shape']}{expected}"
            )


if __name__ == "__main__":
    {"run": run, "table": table}[sys.argv[1] if len(sys.argv) > 1 else "table"]()
