"""The classic columns of table 2 of RL² (Duan et al. 2016), measured again: random MDPs.

    python -m figures.classic_mdps run     # about 30 minutes of one core; goes on where it was interrupted
    python -m figures.classic_mdps table   # prints the summary

No algorithm knows how many episodes there will be, so one trial of 100 gives n = 10, 25, 50, 75 and 100 at
once. Where an algorithm has a parameter, it is chosen for each n on MDPs of their own (seed 1000), and
measured on others (seed 0). The authors' script is public (``scripts/pacmdp/evaluate_pacmdp.py``, below
``sandbox/rocky/neural_learner`` in github.com/florensacc/rllab-curriculum). It took the best of 1 … 20
samples (OPSRL), of ε = 0.1 … 1.0, of 21 scalings from 0.0001 to 1 (UCRL2, BEB), for each n, on the very 1000
MDPs that are reported. Our grids are the parts of theirs, or finer ones, in which the best lie; but none has
an ε below theirs, as ε = 0.05 earns 135.6 in 10 episodes, 3.1 standard errors more than is published.

What comes out, and what it says about the table:

- The script tells Osband's public TabulaRL the sizes and that parameter, and nothing else; so its agents
  believe what is the default there. PSRL, optimistic PSRL and BEB expect mean rewards of N(0, 1); ε-greedy,
  greedy and UCRL2 have as good as no prior. With that the published numbers come out. But the MDPs are
  drawn with N(1, 1).
- With the true prior (``TRUE``) all of them but posterior sampling do much better. Greedy, which plans by
  what it has seen and nothing else, is then paid 155 in 10 episodes: RL² is published with 156.2. BEB earns
  at least as much as RL² for each n: 157, 448, 958, 1478, 2003. So the table shows that RL² has learned the
  prior, which the others were not told; not that it explores better than they can.
- UCRL2 and BEB are those of their papers here. Tuned, they come out within 3 standard errors, UCRL2 about 2
  above, BEB up to 2.7 below. TabulaRL's are others (``AS_RELEASED``), and come out within 1.7, most within 1:
  its BEB pays β / (1 + n₀) for each step that is left; its UCRL2 has another ratio of the two radii, and a
  slip: it writes the best chances over those that were seen, so each step back in time widens what was
  widened already. The slip helped it: without, it earns 1911 in 100 episodes, with it 1940.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import torch

from course_lib.exact import mdp_algorithms as classic
from course_lib.exact.random_mdps import TRUE_PRIOR, mdp_information, mdp_values
from course_lib.results import main, versions, write_whole
from course_lib.tasks import make_task

RESULTS = Path(__file__).with_suffix(".json")

EPISODES = (10, 25, 50, 75, 100)  # n
PUBLISHED = {  # total reward over n episodes; 1000 MDPs each
    "random": (100.1, 250.2, 499.7, 749.9, 999.4),
    "psrl": (138.1, 408.8, 904.4, 1417.1, 1939.5),
    "opsrl": (144.1, 425.2, 930.7, 1449.2, 1973.9),
    "ucrl2": (146.6, 424.1, 918.9, 1427.6, 1942.1),
    "beb": (150.2, 427.8, 917.8, 1422.6, 1935.1),
    "epsilon_greedy": (132.8, 377.3, 823.3, 1293.9, 1778.2),
    "greedy": (134.8, 368.8, 769.3, 1172.9, 1578.5),
}
RL2 = (156.2, 445.7, 936.1, 1428.8, 1913.7)
MDPS, TUNING_MDPS, AT_ONCE = 10_000, 2_000, 1_000

# name: (plan, what it believes beforehand, the parameter's name, its grid)
ALGORITHMS = {
    "random": (classic.uniform, classic.VAGUE, None, ()),
    "psrl": (classic.psrl, classic.RELEASED, None, ()),
    "opsrl": (classic.opsrl, classic.RELEASED, "samples", (2, 3, 5, 10)),
    "ucrl2": (classic.ucrl2, classic.VAGUE, "scaling", (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)),
    "beb": (classic.beb, classic.RELEASED, "beta", (15.0, 20.0, 25.0, 30.0, 40.0)),
    "epsilon_greedy": (classic.epsilon_greedy, classic.VAGUE, "epsilon", (0.1, 0.2, 0.3)),
    "greedy": (classic.greedy, classic.VAGUE, None, ()),
}
TRUE = {  # the same with the prior that the MDPs are drawn from
    "psrl, true prior": (classic.psrl, TRUE_PRIOR, None, ()),
    "opsrl, true prior": (classic.opsrl, TRUE_PRIOR, "samples", (2, 5)),
    "ucrl2, true prior": (classic.ucrl2, TRUE_PRIOR, "scaling", (0.1, 0.2, 0.25, 0.3, 0.4)),
    "beb, true prior": (classic.beb, TRUE_PRIOR, "beta", (2.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0)),
    "epsilon_greedy, true prior": (classic.epsilon_greedy, TRUE_PRIOR, "epsilon", (0.01, 0.02, 0.05, 0.1)),
    "greedy, true prior": (classic.greedy, TRUE_PRIOR, None, ()),
}


def released_beb(belief, horizon, generator, scaling):
    """BEB as in TabulaRL: the bonus for unknown chances is paid for each step that is left."""
    bonus = 2 * horizon**2 * scaling * horizon / (1 + belief.concentration.sum(dim=-1))  # (B, S, A)
    reward, worth = belief.mean + 1 / (1 + belief.precision), []
    value = torch.zeros_like(reward[:, :, 0])
    for left in range(horizon):
        next_value = (belief.transition * value[:, None, None, :]).sum(dim=-1)
        worth.append(reward + next_value + left * bonus)
        value = worth[-1].amax(dim=-1)
    return torch.stack(worth[::-1], dim=1)  # (B, H, S, A)


def released_ucrl2(belief, horizon, generator, scaling, slip=True, delta=0.05):
    """UCRL2 as in TabulaRL, with its radii; its slip is to take the best chances for those that were seen."""
    problems, states, actions = belief.visits.shape
    episode = 1 + belief.visits.sum(dim=(1, 2))[:, None, None] / horizon
    surprise = 4 * torch.log(2 * states * actions * (1 + episode) / delta)
    reward = belief.mean + scaling * (surprise / belief.visits.clamp(min=1)).sqrt()
    radius = scaling * (states * surprise / belief.arrivals.sum(dim=-1).clamp(min=1)).sqrt()  # (B, S, A)
    seen, value, worth = belief.transition, torch.zeros_like(reward[:, :, 0]), []
    for _ in range(horizon):
        chances, value_of = classic.best_chances(seen, radius, value)
        if slip:
            order = value.sort(dim=1, descending=True).indices[:, None, None, :].expand_as(seen)
            seen = torch.zeros_like(seen).scatter(3, order, chances)  # back in the order of the states
        worth.append(reward + (chances * value_of).sum(dim=-1))
        value = worth[-1].amax(dim=-1)
    return torch.stack(worth[::-1], dim=1)


AS_RELEASED = {  # TabulaRL's own formulas, where they are not those of the algorithm's paper
    "beb, as released": (released_beb, classic.RELEASED, "scaling", (0.001, 0.00158)),
    "ucrl2, as released": (released_ucrl2, classic.VAGUE, "scaling", (0.251, 0.398, 0.631)),
    "ucrl2, as released but for its slip": (
        partial(released_ucrl2, slip=False), classic.VAGUE, "scaling", (0.1, 0.251, 0.398),
    ),
}  # fmt: skip


def totals(plan, prior, mdps: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Total reward after each of ``EPISODES`` (mdps, 5), and nats learned of each MDP by the end (mdps,).

    The same MDPs for all with the same seed.
    """
    task = make_task("random-mdp", episodes=max(EPISODES))
    problems, play = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1_000_000)
    found, learned = [], []
    for _ in range(mdps // AT_ONCE):
        returns, belief = classic.play_mdps(plan, task, task.draw(AT_ONCE, problems), play, prior)
        found.append(returns.cumsum(dim=1)[:, [n - 1 for n in EPISODES]])
        learned.append(mdp_information(belief))
    return torch.cat(found), torch.cat(learned)


def settled(plan, parameter: str | None, value):
    """``plan`` with its parameter filled in."""
    return plan if parameter is None else partial(plan, **{parameter: value})


def one_column(name: str) -> dict:
    """All n of one algorithm."""
    plan, prior, parameter, grid = (ALGORITHMS | TRUE | AS_RELEASED)[name]
    column_of = name.split(",")[0] if name in AS_RELEASED else name
    began = time.process_time()
    tuned = {}
    for value in grid:
        tuned[value] = totals(settled(plan, parameter, value), prior, TUNING_MDPS, 1000)[0].mean(dim=0)
    measured, column = {}, {}
    for k, n in enumerate(EPISODES):
        best = max(tuned, key=lambda value: float(tuned[value][k])) if tuned else None
        if best not in measured:
            measured[best] = totals(settled(plan, parameter, best), prior, MDPS, 0)
        total, learned = measured[best][0][:, k], measured[best][1]
        spread, error = float(total.std()), float(total.std()) / MDPS**0.5
        cell = dict(mean=round(float(total.mean()), 3), standard_error=round(error, 3))
        cell |= dict(spread=round(spread, 2), parameters={parameter: best} if parameter else {}, mdps=MDPS)
        if n == max(EPISODES):
            cell["information"] = round(float(learned.mean()), 2)
        if column_of in PUBLISHED:
            theirs = (spread**2 / 1000 + 0.1**2 / 12) ** 0.5  # 1000 MDPs, printed to one digit
            published = PUBLISHED[column_of][k]
            apart = (cell["mean"] - published) / (theirs**2 + error**2) ** 0.5
            cell |= dict(published=published, standard_errors_apart=round(apart, 2))
        column[f"n={n}"] = cell
    grids = {str(value): [round(mean, 2) for mean in means.tolist()] for value, means in tuned.items()}
    return dict(cells=column, grid=grids, cpu_seconds=round(time.process_time() - began, 1))


def oracle() -> dict:
    """The value of an episode to whoever knows the MDP."""
    task, generator = make_task("random-mdp"), torch.Generator().manual_seed(0)
    values = []
    for _ in range(MDPS // AT_ONCE):
        tables = task.draw(AT_ONCE, generator).tables
        worth = mdp_values(tables.transition, tables.reward[:, 0], task.trial.horizon)
        values.append(worth[:, 0, 0].amax(dim=-1))
    value = torch.cat(values)
    error = round(float(value.std()) / MDPS**0.5, 4)
    return dict(mean=round(float(value.mean()), 4), standard_error=error, mdps=MDPS)


def run() -> None:
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    done["command"] = "python -m figures.classic_mdps run"
    done["versions"] = versions()
    done.setdefault("oracle", oracle())
    table = done.setdefault("table", {})
    for name in (*ALGORITHMS, *TRUE, *AS_RELEASED):
        if name in table:
            continue
        table[name] = one_column(name)
        write_whole(RESULTS, (json.dumps(done, indent=1) + "\n").encode("utf-8"))
        print(name, table[name], flush=True)


def table() -> None:
    """Measured ± standard error, [published], and how many combined standard errors they are apart."""
    done = json.loads(RESULTS.read_text(encoding="utf-8"))
    print("oracle, an episode", done["oracle"])
    for name, column in done["table"].items():
        print(name)
        for n, cell in column["cells"].items():
            parameter = ", ".join(f"{key}={value}" for key, value in cell["parameters"].items())
            beside = ""
            if "published" in cell:
                beside = f"[{cell['published']}] {cell['standard_errors_apart']:+.1f}"
            print(f"  {n:6}{cell['mean']:10.2f} ± {cell['standard_error']:.2f}  {beside:16} {parameter}")


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table}))
