"""The classic columns of table 1 of RL² (Duan et al. 2016), measured again: Bernoulli bandits.

    python -m figures.classic_bandits run     # 10 to 15 minutes of one core; goes on where it was interrupted
    python -m figures.classic_bandits table   # prints the summary

Where an algorithm has a parameter, it is chosen by a grid search on bandits of their own (seed 1000), and
measured on others (seed 0), as the paper says it did for each setting. It is silent about its grids; the authors'
public script (``scripts/bandits/evaluate_bandits.py`` in florensacc/rllab-curriculum) tries c and ε from 0 to 1 in
steps of 0.1, on the bandits that it reports. Other readings of the paper are measured too, and named in ``VARIANTS``:

- of equal scores the first arm or a random one: greedy and ε-greedy come out as published with the first;
- optimistic Thompson sampling as the likeliest of N lists of chances, the best of N draws of each arm, or May
  et al.'s own: it comes out as published with the first.

The published numbers are means over 1000 bandits, so most of the difference that is left is theirs. Their
methods seem to have shared the bandits: at n = 500, k = 10 nearly every column is low together.

Every cell is within 3 standard errors but one: optimistic Thompson sampling at n = 500, k = 50, 3.3 below. There
the grid ends at 10 lists, as everywhere at n = 500, to save time, and more lists are better: with 20, on the first
1000 of these bandits, it is 1.7 standard errors below.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import torch

from course_lib.exact import bandit_algorithms as classic
from course_lib.exact.bandits import bandit_information
from course_lib.exact.gittins import gittins_indices
from course_lib.results import main, versions, write_whole

RESULTS = Path(__file__).with_suffix(".json")

COLUMNS = ("random", "gittins", "ts", "ots", "ucb1", "epsilon_greedy", "greedy")
PUBLISHED = {  # (n, k): total reward, in the order of COLUMNS; 1000 bandits each
    (10, 5): (5.0, 6.6, 5.7, 6.5, 6.7, 6.6, 6.6),
    (10, 10): (5.0, 6.6, 5.5, 6.2, 6.7, 6.6, 6.6),
    (10, 50): (5.1, 6.5, 5.2, 5.5, 6.6, 6.5, 6.5),
    (100, 5): (49.9, 78.3, 74.7, 77.9, 78.0, 75.4, 74.8),
    (100, 10): (49.9, 82.8, 76.7, 81.4, 82.4, 77.4, 77.1),
    (100, 50): (49.8, 85.2, 64.5, 67.7, 84.3, 78.3, 78.0),
    (500, 5): (249.8, 405.8, 402.0, 406.7, 405.8, 388.2, 380.6),
    (500, 10): (249.0, 437.8, 429.5, 438.9, 437.1, 408.0, 395.0),
    (500, 50): (249.6, 463.7, 427.2, 437.6, 457.6, 413.6, 402.8),
}
BANDITS = {10: 50_000, 100: 20_000, 500: 10_000}  # by n
TUNING_BANDITS = {10: 10_000, 100: 4_000, 500: 1_000}
# Optimistic Thompson sampling draws N times as many chances a pull, so it gets by with fewer bandits.
OTS_BANDITS = 10_000
OTS_TUNING_BANDITS = {10: 10_000, 100: 1_000, 500: 250}


def best_of_draws(belief, generator, samples):
    """Another reading of OTS: of N draws for each arm, its best."""
    return torch.stack([classic.thompson(belief, generator) for _ in range(samples)]).amax(dim=0)


# name: (scores, the parameter's name, its grid by (n, k)); the Gittins index is looked up in a table
ALGORITHMS = {
    "random": (classic.uniform, None, None),
    "gittins": (classic.gittins, "discount", lambda n, k: (0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)),
    "ts": (classic.thompson, None, None),
    "ots": (
        classic.optimistic_thompson,
        "samples",
        lambda n, k: (1, 2, 5, 10) if n == 500 else (1, 2, 5, 10, 20),
    ),
    "ucb1": (classic.ucb1, "c", lambda n, k: (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)),
    "epsilon_greedy": (classic.epsilon_greedy, "epsilon", lambda n, k: (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)),
    "greedy": (classic.greedy, None, None),
}
VARIANTS = {
    "greedy, ties at random": (classic.greedy, {}, classic.highest_at_random),
    "epsilon_greedy, ties at random": (classic.epsilon_greedy, {"epsilon": 0.02}, classic.highest_at_random),
    "ots, best of draws": (best_of_draws, {"samples": 10}, classic.highest),
    "ots, May et al.": (classic.optimistic_bayesian_sampling, {}, classic.highest),
    "ots, 20 lists": (classic.optimistic_thompson, {"samples": 20}, classic.highest),
}


def wanted(name: str, n: int, k: int) -> bool:
    """Whether to measure this cell: of the variants of OTS, which are dear, only where they tell something."""
    if name == "ots, 20 lists":
        return (n, k) == (500, 50)
    return "ots," not in name or n * k <= 1_000


def settled(scores, parameters: dict, pulls: int):
    """``scores`` with its parameters filled in."""
    if "discount" in parameters:
        parameters = {"indices": gittins_indices(pulls, parameters["discount"], horizon=pulls + 500).float()}
    return partial(scores, **parameters)


def measure(scores, n: int, k: int, bandits: int, seed: int, pick=classic.highest) -> dict:
    """Mean total reward and its standard error; the same bandits for all with the same seed."""
    chances = torch.rand(bandits, k, generator=torch.Generator().manual_seed(seed))
    generator, began = torch.Generator().manual_seed(seed + 1_000_000), time.process_time()
    beliefs = [classic.play_bandits(scores, part, n, generator, pick) for part in chances.split(2_500)]
    belief = torch.cat(beliefs)
    total = (belief[..., 0] - 1).sum(dim=1)  # (B,)
    return dict(
        mean=round(float(total.mean()), 4),
        standard_error=round(float(total.std() / bandits**0.5), 4),
        spread=round(float(total.std()), 3),
        information=round(float(bandit_information(belief).mean()), 3),
        bandits=bandits,
        cpu_seconds=round(time.process_time() - began, 1),
    )


def tuned(name: str, n: int, k: int) -> dict:
    """The parameter that earns most on bandits that are not measured later."""
    scores, parameter, grid = ALGORITHMS[name]
    if parameter is None:
        return dict(parameters={})
    tried, bandits = {}, (OTS_TUNING_BANDITS if name == "ots" else TUNING_BANDITS)[n]
    for value in grid(n, k):
        tried[value] = measure(settled(scores, {parameter: value}, n), n, k, bandits, seed=1000)["mean"]
    best = max(tried, key=tried.get)
    return dict(parameters={parameter: best}, grid={str(value): mean for value, mean in tried.items()})


def one_cell(name: str, n: int, k: int) -> dict:
    """An entry of the table."""
    bandits = 1_000 if name == "ots, 20 lists" else OTS_BANDITS if name.startswith("ots") else BANDITS[n]
    if name in VARIANTS:
        scores, parameters, pick = VARIANTS[name]
        chosen = dict(parameters=parameters)
    else:
        scores, pick, chosen = ALGORITHMS[name][0], classic.highest, tuned(name, n, k)
    cell = measure(settled(scores, chosen["parameters"], n), n, k, bandits, seed=0, pick=pick) | chosen
    column = name.split(",")[0]
    published = PUBLISHED[n, k][COLUMNS.index(column)]
    # Theirs: 1000 bandits, and printed to one digit, which adds an error uniform within 0.05.
    theirs = (cell["spread"] ** 2 / 1000 + 0.1**2 / 12) ** 0.5
    off = (cell["mean"] - published) / (theirs**2 + cell["standard_error"] ** 2) ** 0.5
    return cell | dict(published=published, standard_errors_apart=round(off, 2))


def run() -> None:
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    done["command"] = "python -m figures.classic_bandits run"
    done["versions"] = versions()
    table = done.setdefault("table", {})
    # The dear columns last, and of the variants of OTS the settings that tell them apart.
    order = [name for name in (*COLUMNS, *VARIANTS) if name not in ("ts", "ots")] + ["ts", "ots"]
    for name in order:
        for n, k in PUBLISHED:
            cells = table.setdefault(f"n={n} k={k}", {})
            if name in cells or not wanted(name, n, k):
                continue
            cells[name] = one_cell(name, n, k)
            write_whole(RESULTS, json.dumps(done, indent=1).encode("utf-8"))
            print(n, k, name, cells[name], flush=True)


def table() -> None:
    """Measured ± standard error, [published], and how many combined standard errors they are apart."""
    for setting, cells in json.loads(RESULTS.read_text(encoding="utf-8"))["table"].items():
        print(setting)
        for name, cell in cells.items():
            parameter = ", ".join(f"{key}={value}" for key, value in cell["parameters"].items())
            print(
                f"  {name:32}{cell['mean']:9.3f} ± {cell['standard_error']:.3f}  [{cell['published']}] "
                f"{cell['standard_errors_apart']:+.1f}  {cell['information']:6.2f} nats  {parameter}"
            )


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
