"""From a snapshot to what is drawn: small arrays, computed by pure functions.

The live view sends them to the browser, ``views.figure`` draws them with matplotlib, and the tests look at
them without either. What a snapshot lacks is missing here too, and its panel is then not shown.

B trials, T steps, H hidden units, M problems, S states, A actions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.agents.snapshot import Snapshot
from course_lib.tasks import PointRobot, Trials
from course_lib.tasks.point_robot import RADIUS

SHOWN_TRIALS = 24  # trials that a learner can choose from, at most
SHOWN_PROBLEMS = 64  # over more of them a belief is no picture any more
PRIOR_REACH, MOST_REACH = 2.6, 20.0  # of a latent plane, in standard deviations of the prior: at least, and at most
SHOWN_POINTS = 96  # trials in the projection, at most
CURVE_POINTS = 400
CURVES = (
    "test_return", "information", "execution_given_exploration",
    "information_bound", "code_information", "code_information_max",
)  # fmt: skip


# ---- learning curve ----------------------------------------------------------------------------------


def learning_curve(history: list[dict[str, float]], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Columns of the history, thinned to at most ``CURVE_POINTS`` rows; the last row always stays.

    Returns:
        ``env_steps`` and each of ``names`` that some row has, (P,) float32; NaN where a row lacks it.
    """
    rows = [row for row in history if any(name in row for name in names)]
    keep = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), CURVE_POINTS)).round().astype(int))
    columns = {"env_steps": np.array([rows[i]["env_steps"] for i in keep], np.float32)}
    for name in names:
        if any(name in row for row in rows):
            columns[name] = np.array([rows[i].get(name, np.nan) for i in keep], np.float32)
    return columns


# ---- what happened in the trials ---------------------------------------------------------------------


def still_going(trials: Trials) -> Tensor:
    """Which steps come before the end of their trial, pauses included: (B, T) bool."""
    return trials.valid.flip(1).cummax(dim=1).values.flip(1)


def execution_start(trials: Trials) -> Tensor:
    """The first step of each trial's last episode; T where it never came: (B,) int64."""
    last = trials.episode.max()
    begun = (trials.episode == last) & (last > 0)  # (B, T)
    length = trials.episode.shape[1]
    return torch.where(begun.any(dim=1), begun.int().argmax(dim=1), length)


def exploration_visits(trials: Trials, states: int) -> Tensor:
    """How often an exploring agent stood in each state, a trial: (S,) float32.

    Counted are the state before every action of an episode without instruction, and the state in which
    that episode ended.
    """
    exploring = trials.valid & (trials.instruction == 0)  # (B, T)
    stood = torch.cat([trials.state[exploring], trials.arrived[exploring & trials.done]])
    return torch.bincount(stood, minlength=states).float() / len(trials.problem)


def action_share(trials: Trials, actions: int) -> Tensor:
    """Which part of the trials takes each action at each step: (T, A) float32; 0 after all have ended."""
    taken = torch.nn.functional.one_hot(trials.action, actions) * trials.valid[..., None]  # (B, T, A)
    return taken.sum(dim=0) / trials.valid.sum(dim=0).clamp(min=1)[:, None]


def one_of_each(problem: Tensor, limit: int) -> Tensor:
    """Rows to show: problems in order, one trial of each before the second of any: (≤ limit,) int64."""
    copy = occurrence(problem)  # (B,)
    order = torch.argsort(copy * (int(problem.max()) + 1) + problem, stable=True)
    return order[:limit]


def occurrence(problem: Tensor) -> Tensor:
    """How many earlier rows have the same problem: (B,) int64."""
    order = torch.argsort(problem, stable=True)
    ordered = problem[order]
    place = torch.arange(len(problem))
    first = torch.cat([torch.ones(1, dtype=torch.bool), ordered[1:] != ordered[:-1]])
    start = torch.where(first, place, 0).cummax(dim=0).values
    count = torch.empty_like(problem)
    count[order] = place - start
    return count


# ---- hidden states -----------------------------------------------------------------------------------


def principal_axes(
    hidden: Tensor, counted: Tensor, before: Tensor | None = None
) -> tuple[Tensor, Tensor, float]:
    """The plane in which hidden states vary most, turned so that pictures follow one another smoothly.

    Args:
        hidden: (B, T, H).
        counted: (B, T) bool: the states to look at.
        before: the axes of the picture before, (H, 2).
    Returns:
        axes (H, 2), orthonormal; the mean state (H,); and the part of the variance in the plane.
        Without ``before``, each axis points so that its largest entry is positive. With it, the axes are
        turned within the plane towards those of before (orthogonal Procrustes): the plane is the same.
    """
    states = hidden[counted].double()  # (N, H)
    mean = states.mean(dim=0)
    centred = states - mean
    variance, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
    axes = vectors[:, [-1, -2]] if hidden.shape[-1] > 1 else torch.cat([vectors, 0 * vectors], dim=1)
    part = float(variance[-2:].sum() / variance.sum().clamp(min=1e-12))
    if before is not None and before.shape == axes.shape:
        u, _, v = torch.linalg.svd(axes.T @ before.double())
        axes = axes @ (u @ v)
    else:
        axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)))
    return axes.float(), mean.float(), part


# ---- what a linear probe reads -----------------------------------------------------------------------


def probe_accuracy(
    hidden: Tensor, problem: Tensor, counted: Tensor, folds: int = 4, ridge: float = 1e-2
) -> Tensor | None:
    """How often a linear read-out of h_t names the problem, in trials that it was not fitted on.

    Ridge regression onto one-hot problems, in closed form, one for every step t, cross-validated: the
    trials of each problem are dealt over the folds in turn.

    Args:
        hidden: (B, T, H).
        problem: (B,).
        counted: (B, T) bool: the trials that take part in step t.
        ridge: added to the diagonal, as a part of the mean square of a unit.
    Returns:
        (T,) accuracy, NaN where fewer than half of the trials count; None where some problem has only one
        trial, so that a fitted probe can't be tested on it.
    """
    names, label = problem.unique(return_inverse=True)
    copy = occurrence(label)
    enough = many(counted)
    hidden, counted = hidden[:, enough], counted[:, enough]
    folds = min(folds, int(torch.bincount(label).min()))
    if folds < 2 or len(names) < 2:
        return None
    inputs = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=-1).transpose(0, 1)  # (T, B, H + 1)
    inputs = inputs * counted.T[..., None]  # what does not count weighs nothing
    target = torch.nn.functional.one_hot(label, len(names)).to(hidden) - 1.0 / len(names)  # (B, M)

    # X'X of all trials but one fold is X'X of all minus X'X of the fold.
    fold = copy % folds  # (B,)
    products = torch.stack([part.mT @ part for part in (inputs[:, fold == k] for k in range(folds))])
    crossed = torch.stack([inputs[:, fold == k].mT @ target[fold == k] for k in range(folds)])
    products, crossed = products.sum(0) - products, crossed.sum(0) - crossed  # (K, T, H + 1, ·)
    size = products.diagonal(dim1=-2, dim2=-1)[..., :-1].mean(-1)[..., None, None]  # (K, T, 1, 1)
    products = products + (ridge * size + 1e-4) * torch.eye(inputs.shape[-1])
    weights = torch.cholesky_solve(crossed, torch.linalg.cholesky(products))  # (K, T, H + 1, M)

    right = torch.zeros(counted.T.shape, dtype=torch.bool)  # (T, B)
    for k in range(folds):
        held_out = fold == k
        right[:, held_out] = (inputs[:, held_out] @ weights[k]).argmax(-1) == label[held_out]
    accuracy = torch.full(enough.shape, torch.nan)
    accuracy[enough] = mean_where(right.T.float(), counted)
    return accuracy


def best_accuracy(belief: Tensor, counted: Tensor) -> Tensor:
    """How often the best guess given all that was seen is right: the mean of max_μ p(μ | τ): (T,).

    NaN where fewer than half of the trials count, as in ``probe_accuracy``.
    """
    best = mean_where(belief.max(dim=-1).values, counted)
    return torch.where(many(counted), best, torch.nan)


def many(counted: Tensor) -> Tensor:
    """The steps at which at least half of the trials count: (T,) bool. A mean over fewer misleads."""
    return counted.float().mean(dim=0) >= 0.5


def mean_where(value: Tensor, counted: Tensor) -> Tensor:
    """Mean over trials of those that count, (B, T) → (T,); NaN where none does."""
    return (value * counted).sum(dim=0) / counted.sum(dim=0)


# ---- information -------------------------------------------------------------------------------------


def exact_gain(belief: Tensor, valid: Tensor) -> Tensor:
    """By how much each step lowered the entropy of the exact belief over problems, in nats: (B, T).

    Args:
        belief: (B, T, M) before each step. What the last step shows is not in it: its gain is 0.
        valid: (B, T) bool.
    """
    entropy = -torch.special.xlogy(belief, belief).sum(dim=-1)  # (B, T)
    return torch.nn.functional.pad(entropy[:, :-1] - entropy[:, 1:], (0, 1)) * valid


# ---- everything together -----------------------------------------------------------------------------


def city_plan(task) -> dict | None:
    """What a drawing needs to know of a city or of an empty grid; None for a task that has no grid."""
    if not hasattr(task, "cell"):
        return None
    return {
        "width": task.width,
        "height": task.height,
        "start": list(task.cell(task.tables.start)),
        "goals": [list(cell) for cell in task.goals],
        "stops": [list(cell) for cell in getattr(task, "bus_stops", ())],
        "map": None if getattr(task, "map_cell", None) is None else list(task.map_cell),
        "tv": None if getattr(task, "tv_cell", None) is None else list(task.tv_cell),
    }


def frame(
    snapshot: Snapshot,
    history: list[dict[str, float]],
    task=None,
    before: dict | None = None,
    probing: bool = True,
) -> dict:
    """All that the panels show of one snapshot.

    Args:
        history: rows as in ``jobs.Job.history``, up to this snapshot.
        task: as ``make_task`` gives it; without it the city is not drawn.
        before: the frame before, whose projection this one follows.
        probing: fit the linear probe, which takes most of the time; else show that of ``before``.
    Returns:
        A dict of numpy arrays (float32, int8, int16) and of values that JSON can hold. Keys are there only
        if the snapshot has what they need.
    """
    curve = learning_curve(history, CURVES)
    shown = {
        "method": snapshot.method,
        "task": snapshot.task,
        "update": int(snapshot.update),
        "env_steps": int(snapshot.env_steps),
        "seconds": float(snapshot.seconds),
        "metrics": finite(snapshot.metrics),
        "references": finite(snapshot.references),
        **{f"curve_{name}": column for name, column in curve.items()},
    }
    if snapshot.trials is not None:
        shown |= trials_shown(snapshot.trials, task) | gain_shown(snapshot) | belief_shown(snapshot)
        shown |= walk_shown(snapshot.trials, task)
    if snapshot.trials is not None and snapshot.hidden is not None:
        shown |= hidden_shown(snapshot, None if before is None else before.get("axes")) | latent_shown(snapshot)
        if probing:
            shown |= probe_shown(snapshot, task)
        elif before is not None:
            shown |= {name: before[name] for name in before if name.startswith("probe")}
    return shown


def trials_shown(trials: Trials, task) -> dict:
    """Where the explorer goes, and the trials that a learner can choose from (N of them)."""
    chosen = one_of_each(trials.problem, SHOWN_TRIALS)
    few = trials.map(lambda x: x[chosen])
    start = execution_start(trials).float()
    counted = trials.reward
    if task is not None:
        counted = counted * torch.tensor(task.trial.counted)[trials.episode]
    shown = {
        "trial_problem": as_int16(few.problem),  # (N,)
        "trial_start": as_int16(execution_start(few)),  # (N,)
        "trial_length": as_int16(few.valid.shape[1] - few.valid.flip(1).int().argmax(dim=1)),  # (N,)
        "trial_return": counted[chosen].sum(dim=1).numpy().astype(np.float32),  # (N,)
        "trial_instruction": as_int16(few.instruction),  # (N, T)
        "trial_state": as_int16(numbered(few.state)),
        "trial_arrived": as_int16(numbered(few.arrived)),
        "trial_action": as_int16(numbered(few.action)),
        "trial_valid": few.valid.numpy().astype(np.int8),
        "trial_episode": as_int16(few.episode),
        "boundary": [float(start.min()), float(start.median()), float(start.max())],
        "problems": None if task is None else task.problem_count,
        # Whether there is an execution at all: a grid alone does not say so, and a kitchen executes without one.
        "instructed": bool((trials.instruction > 0).any()) if task is None else any(task.trial.instructed),
    }
    plan = city_plan(task)
    if plan is not None:
        shown["city"] = plan
        shown["visits"] = exploration_visits(trials, plan["width"] * plan["height"]).numpy()  # (S,)
    elif not trials.action.is_floating_point():
        names = getattr(task, "actions", None)
        actions = len(names) if names else int(trials.action.max()) + 1
        shown["actions"] = list(names) if names else [str(a) for a in range(actions)]
        shown["action_share"] = action_share(trials, actions).numpy()  # (T, A)
    return shown


def gain_shown(snapshot: Snapshot) -> dict:
    """What each step of the trials to choose from told: exactly, and to the method's own decoder; in nats."""
    chosen = one_of_each(snapshot.trials.problem, SHOWN_TRIALS)
    shown = {}
    if snapshot.belief is not None:
        exact = exact_gain(snapshot.belief[chosen], snapshot.trials.valid[chosen])
        shown["gain_exact"] = exact.numpy().astype(np.float32)  # (N, T)
        if snapshot.gain is not None:
            shown["gain_told"] = snapshot.gain[chosen].numpy().astype(np.float32)  # (N, T)
    return shown


def belief_shown(snapshot: Snapshot) -> dict:
    """The exact belief over problems and the method's own, before each step of the trials to choose from: 127 is 1."""
    both = {"belief_exact": snapshot.belief, "belief_learned": snapshot.learned_belief}
    if any(belief is None or belief.shape[-1] > SHOWN_PROBLEMS for belief in both.values()):
        return {}
    chosen = one_of_each(snapshot.trials.problem, SHOWN_TRIALS)
    return {name: (127 * belief[chosen]).round().to(torch.int8).numpy() for name, belief in both.items()}  # (N, T, M)


def hidden_shown(snapshot: Snapshot, axes_before: Tensor | None) -> dict:
    """Hidden states as a heat map (N trials to choose from) and as points in a plane (P trials)."""
    trials, hidden = snapshot.trials, snapshot.hidden.float()
    going = still_going(trials)
    heat, heat_scale = as_int8(hidden[one_of_each(trials.problem, SHOWN_TRIALS)])
    points_of = one_of_each(trials.problem, SHOWN_POINTS)
    axes, mean, part = principal_axes(hidden, going, axes_before)
    return {
        "hidden": heat,  # (N, T, H)
        "hidden_scale": heat_scale,
        "points": ((hidden[points_of] - mean) @ axes).numpy().astype(np.float32),  # (P, T, 2)
        "points_problem": as_int16(trials.problem[points_of]),  # (P,)
        "points_going": going[points_of].numpy().astype(np.int8),  # (P, T)
        "points_action": as_int16(numbered(trials.action[points_of])),  # (P, T)
        "variance": part,
        "axes": axes,
    }


def latent_shown(snapshot: Snapshot) -> dict:
    """The Gaussian posterior over z as each of the K episodes begins, in those D ≤ 2 numbers of z that it tells most.

    Nothing where the hidden state holds no mean of a Gaussian, or where there is one episode: it begins with the prior.
    """
    trials = snapshot.trials
    if snapshot.spread is None or not trials.episode.any():
        return {}
    chosen = one_of_each(trials.problem, SHOWN_TRIALS)
    here = trials.episode[chosen, None] == torch.arange(int(trials.episode.max()) + 1)[:, None]  # (N, K, T)
    begins = here.int().argmax(dim=-1)  # (N, K)
    told = snapshot.spread[:, -1].log().mean(dim=0).argsort(stable=True)[:2].sort().values  # (D,)
    rows = torch.arange(len(chosen))[:, None]
    came = here.any(dim=-1)[..., None]  # an episode that never came has none

    def of_episodes(values: Tensor) -> np.ndarray:
        return torch.where(came, values[chosen][rows, begins][..., told], torch.nan).numpy().astype(np.float32)

    mean, spread = of_episodes(snapshot.hidden.float()), of_episodes(snapshot.spread.float())  # (N, K, D)
    outermost = np.nanmax(np.abs(mean) + 2 * spread, initial=0.0)  # two deviations, of any of them
    return {
        "latent_mean": mean,
        "latent_spread": spread,
        "latent_axes": told.tolist(),
        "latent_reach": max(PRIOR_REACH, math.ceil(10 * min(float(outermost), MOST_REACH)) / 10),
    }


def walk_shown(trials: Trials, task) -> dict:
    """Where the point robot went in the trials to choose from, and where its goals are; nothing for other tasks."""
    if not isinstance(task, PointRobot):
        return {}
    chosen = one_of_each(trials.problem, SHOWN_TRIALS)
    return {
        "walk": trials.arrived[chosen].numpy().astype(np.float32),  # (N, T, 2)
        "walk_goal": task.goals[trials.problem[chosen]].numpy().astype(np.float32),  # (N, 2)
        "walk_goals": task.goals.numpy().astype(np.float32),  # (M, 2)
        "walk_radius": RADIUS,
    }


def probe_shown(snapshot: Snapshot, task) -> dict:
    """What a linear probe reads, beside the best possible; nothing where problems never come twice."""
    if task is not None and task.problem_count is None:
        return {}
    trials, going = snapshot.trials, still_going(snapshot.trials)
    accuracy = probe_accuracy(snapshot.hidden.float(), trials.problem, going)
    if accuracy is None:
        return {}
    shown = {"probe": accuracy.numpy(), "probe_chance": 1.0 / len(trials.problem.unique())}  # (T,)
    if snapshot.belief is not None:
        shown["probe_best"] = best_accuracy(snapshot.belief, going).numpy()
    return shown


def finite(numbers: dict[str, float]) -> dict[str, float]:
    """Those that are numbers: JSON has no NaN."""
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def numbered(values: Tensor) -> Tensor:
    """States or actions that have numbers, (N, T); zeros where they are vectors, (N, T, ·), which no panel names."""
    return values if values.dim() == 2 else torch.zeros(values.shape[:2], dtype=torch.int64)


def as_int16(values: Tensor) -> np.ndarray:
    return values.numpy().astype(np.int16)


def as_int8(values: Tensor) -> tuple[np.ndarray, float]:
    """Rounded to 127 steps either side of zero, a quarter of the bytes, and what 127 stands for."""
    largest = max(float(values.abs().max()), 1e-6)
    return (values * (127.0 / largest)).round().to(torch.int8).numpy(), largest
