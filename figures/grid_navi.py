"""GridNavi's table: how well its four episodes can be played, and how well posterior sampling plays them.

    python -m figures.grid_navi run     # about 2 minutes on one core
    python -m figures.grid_navi table   # prints what was recorded

Mean return per episode (5 × 5, 15 steps, 4 episodes; s.e. of the sums at most 0.05):

| agent | 1 | 2 | 3 | 4 | sum |
|---|---|---|---|---|---|
| goal known | 11.07 | 11.07 | 11.07 | 11.07 | 44.29 |
| Bayes-optimal (proved: ``course_lib.exact.grid_navi``) | 4.00 | 11.07 | 11.07 | 11.07 | 37.21 |
| posterior sampling, z held until ruled out | 2.9 | 7.7 | 10.4 | 11.0 | 32.1 |
| posterior sampling, z redrawn at every step | 1.9 | 5.5 | 7.9 | 9.6 | 25.0 |
| posterior sampling, z held per episode, to the goal once seen | 0.5 | 2.3 | 3.8 | 5.2 | 11.8 |
| posterior sampling, z held per episode | −0.8 | 1.2 | 2.9 | 4.5 | 7.8 |
| never learns from a reward | −0.77 | −0.77 | −0.77 | −0.77 | −3.07 |

What I learned: redrawing z at every step, a slip in the lecture's pseudo-code, is *better* here than holding
it. It dithers, but it also reacts. Holding z until it is ruled out reacts without dithering, and the
difference between these two, 7 of 32, is what dithering costs. Where a goal lies far in one direction and
nothing is seen on the way, the slip is fatal: the corridor's goal is found in 42 % of the trials after four
episodes, and in all of them after two when z is held.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from course_lib.exact import grid_navi
from course_lib.exact.posterior_sampling import HELD, PosteriorSampling, returns_by_episode
from course_lib.results import main, versions, write_whole
from course_lib.tasks import play
from course_lib.tasks.grid_navi import Corridor, GridNavi, HiddenGoal

RESULTS = Path(__file__).with_suffix(".json")
SEEDS = range(10)
COPIES = {"gridnavi": 1000, "corridor": 1000}  # of each problem and seed

# Computed independently for this course, before this code was written; the paper has no such table.
EXPECTED = {
    "goal known": [11.07, 11.07, 11.07, 11.07],
    "Bayes-optimal": [4.00, 11.07, 11.07, 11.07],
    "posterior sampling, episode": [-0.8, 1.2, 2.9, 4.4],
    "posterior sampling, known": [0.5, 2.3, 3.8, 5.2],
}


def exact_rows(task: GridNavi) -> dict[str, dict]:
    """The agents whose returns need no simulation."""
    episodes = task.trial.episodes
    by_episode = {
        "goal known": [grid_navi.known_goal_return(task)] * episodes,
        "Bayes-optimal": grid_navi.bayes_optimal_by_episode(task),
        "never learns": [grid_navi.no_learning_return(task)] * episodes,
    }
    return {agent: dict(by_episode=values, sum=sum(values)) for agent, values in by_episode.items()}


def sampled_row(task: HiddenGoal, held: str) -> dict:
    """Posterior sampling, simulated: means over trials, standard errors, and how often the goal was found."""
    began, returns, found = time.perf_counter(), [], []
    for seed in SEEDS:
        policy = PosteriorSampling(task, torch.Generator().manual_seed(seed), held)
        trials = play(task, task.each(COPIES[task.name]), policy.generator, policy)
        returns.append(returns_by_episode(trials, task.trial.episodes).double())  # (B, K)
        paid = trials.reward > 0
        by = [(paid & (trials.episode <= episode)).any(dim=1) for episode in range(task.trial.episodes)]
        found.append(torch.stack(by, dim=1).double())  # (B, K)
    returns, found = torch.cat(returns), torch.cat(found)
    error = returns.std(dim=0) / len(returns) ** 0.5
    total = returns.sum(dim=1)
    return dict(
        by_episode=returns.mean(dim=0).tolist(),
        by_episode_error=error.tolist(),
        sum=float(total.mean()),
        sum_error=float(total.std() / len(total) ** 0.5),
        found_by_episode=found.mean(dim=0).tolist(),
        trials=len(returns),
        seconds=round(time.perf_counter() - began, 1),
    )


def run() -> None:
    torch.set_num_threads(1)
    grid, corridor = GridNavi(), Corridor()
    rows = exact_rows(grid)
    for held in HELD:
        rows[f"posterior sampling, {held}"] = sampled_row(grid, held)
        print(held, rows[f"posterior sampling, {held}"], flush=True)
    for agent, expected in EXPECTED.items():
        rows[agent]["expected"] = expected
    result = dict(
        command="python -m figures.grid_navi run",
        versions=versions(),
        seeds=list(SEEDS),
        gridnavi=rows,
        corridor={f"posterior sampling, {held}": sampled_row(corridor, held) for held in ("episode", "step")},
    )
    write_whole(RESULTS, json.dumps(result, indent=1).encode("utf-8"))
    table()


def table() -> None:
    """What was recorded, a line an agent."""
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in ("gridnavi", "corridor"):
        print(name)
        for agent, row in sorted(recorded[name].items(), key=lambda item: -item[1]["sum"]):
            episodes = "  ".join(f"{value:6.2f}" for value in row["by_episode"])
            error = f" ± {row['sum_error']:.2f}" if "sum_error" in row else ""
            print(f"  {agent:30} {episodes}   sum {row['sum']:.2f}{error}")
            if "found_by_episode" in row:
                found = "  ".join(f"{share:6.2f}" for share in row["found_by_episode"])
                print(f"  {'  goal found by then in':30} {found}")


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
