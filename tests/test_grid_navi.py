"""GridNavi: its rules against a slow simulation, its values against exhaustive search, its pictures."""

import json
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.bilingual import CourseError
from course_lib.exact import grid_navi
from course_lib.exact.posterior_sampling import returns_by_episode
from course_lib.tasks import make_task, play
from course_lib.tasks.drawing import picture_of, text_of
from course_lib.tasks.grid_navi import Corridor, GridNavi

RIGHT, UP, LEFT, DOWN, WAIT = range(5)
RECORDED = Path(__file__).parents[1] / "figures" / "grid_navi.json"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def slow_move(width, height, cell, action):
    x, y = cell
    dx, dy = [(1, 0), (0, 1), (-1, 0), (0, -1), (0, 0)][action]
    return min(max(x + dx, 0), width - 1), min(max(y + dy, 0), height - 1)


# -- the rules -----------------------------------------------------------------------------------------------


def test_the_goal_is_anywhere_but_near_the_start():
    task = make_task("gridnavi")
    assert task.problem_count == len(set(task.goals)) == 21
    assert not set(task.goals) & {(0, 0), (1, 0), (0, 1), (1, 1)}
    assert task.tables.instructions == 1 and task.trial.counted == (True,) * 4


@pytest.mark.parametrize(
    ("task", "start"),
    [(GridNavi(), (0, 0)), (GridNavi(side=3, horizon=4, episodes=3), (0, 0)), (Corridor(2, 9, 3), (2, 0))],
)
def test_a_trial_is_what_a_slow_simulation_says(task, start):
    source = generator(1)
    count = 3 * task.problem_count
    chosen = torch.randint(5, (task.trial.length, count), generator=source)
    actions = iter(chosen)
    trials = play(task, task.each(3), source, lambda running: next(actions))
    horizon = task.trial.horizon
    assert trials.action.shape == (count, task.trial.episodes * horizon)  # no pauses
    paid = 0
    for lane in range(count):
        goal, at = task.goals[int(trials.problem[lane])], start
        for t in range(trials.action.shape[1]):
            if t % horizon == 0:
                at = start
            assert task.cell(trials.state[lane, t]) == at
            at = slow_move(task.width, task.height, at, int(chosen[t, lane]))
            assert task.cell(trials.arrived[lane, t]) == at
            assert float(trials.reward[lane, t]) == pytest.approx(1.0 if at == goal else -0.1)
            assert bool(trials.done[lane, t]) == (t % horizon == horizon - 1)
            paid += at == goal
    assert paid > 0  # the goal was met, and ended nothing
    assert (trials.episode[0] == torch.arange(trials.action.shape[1]) // horizon).all()


def test_what_is_sensed_is_the_cell_and_nothing_of_the_goal():
    task = make_task("gridnavi")
    assert (task.tables.sense == task.tables.sense[:1]).all()
    assert task.tables.features.unique(dim=0).shape == (25, 10)
    assert task.cell(task.state((3, 1))) == (3, 1)


@pytest.mark.parametrize(
    "options",
    [
        dict(side=2),
        dict(side=5.0),
        dict(horizon=0),
        dict(horizon=True),
        dict(episodes=-1),
        dict(episodes="4"),
    ],
)
def test_odd_sizes_are_refused_in_both_languages(options):
    with pytest.raises(CourseError) as error:
        make_task("gridnavi", **options)
    name = next(iter(options))
    for sentence in error.value.message:
        assert name in sentence and repr(options[name]) in sentence


# -- exact values --------------------------------------------------------------------------------------------


def test_the_table_of_the_known_goal_and_of_the_bayes_optimum():
    task = make_task("gridnavi")
    distance = sum(x + y for x, y in task.goals) / 21
    assert grid_navi.known_goal_return(task) == pytest.approx(16.1 - 1.1 * distance, abs=1e-5)  # 11.07
    by_episode = grid_navi.bayes_optimal_by_episode(task)
    assert [round(value, 2) for value in by_episode] == [4.00, 11.07, 11.07, 11.07]
    assert round(sum(by_episode), 2) == 37.21
    references = grid_navi.references(task)
    assert round(references["optimal_return"], 2) == 37.21
    assert round(references["oracle_return"], 2) == 44.29
    # Two steps to a goal cell, then 13 more on goal cells, each of which is the goal once in 21 problems.
    assert references["no_exploration_return"] == pytest.approx(4 * (-1.5 + 1.1 * 14 / 21), abs=1e-5)


def test_the_plan_really_reaches_the_bound():
    """Played in all problems, by a policy that sees what any agent sees."""
    task = make_task("gridnavi")
    trials = play(task, task.each(), generator(), grid_navi.BayesOptimal(task))
    assert grid_navi.goal_steps(task, trials) == grid_navi.goal_steps_at_most(task) == [105, 240, 240, 240]
    returns = returns_by_episode(trials, 4).double().mean(dim=0)
    assert returns.tolist() == pytest.approx(grid_navi.bayes_optimal_by_episode(task), abs=1e-5)
    # Until the goal has paid, the same is done in every problem: nothing hidden is used.
    before = (trials.reward > 0).cummax(dim=1).values.roll(1, dims=1)
    before[:, 0] = False
    for t in range(60):
        assert len(trials.action[~before[:, t], t].unique()) <= 1


def searched(side, horizon, episodes):
    """The Bayes-optimal return by trying everything: expectimax over cells not ruled out, in fractions."""
    goals = [(x, y) for x in range(side) for y in range(side) if max(x, y) > 1]

    def known(goal):
        """What one episode pays from the start on, the goal known."""
        return known_from((0, 0), goal, horizon)

    def known_from(at, goal, left):
        steps = abs(at[0] - goal[0]) + abs(at[1] - goal[1])
        on_goal = max(0, left - max(steps, 1) + 1)
        return on_goal - Fraction(left - on_goal, 10)

    @cache
    def best(at, left, episode, unseen):
        if left == 0:
            return best((0, 0), horizon, episode + 1, unseen) if episode < episodes else Fraction(0)
        values = []
        for action in range(5):
            to = slow_move(side, side, at, action)
            go_on = best(to, left - 1, episode, unseen - {to}) if unseen - {to} else Fraction(0)
            value = -Fraction(1, 10) + go_on
            if to in unseen:
                found = 1 + known_from(to, to, left - 1) + (episodes - episode) * known(to)
                value = Fraction(1, len(unseen)) * found + Fraction(len(unseen) - 1, len(unseen)) * value
            values.append(value)
        return max(values)

    return float(best((0, 0), horizon, 1, frozenset(goals)))


SEARCHED = [(1, 2), (2, 2), (3, 1), (3, 2), (4, 2), (5, 2), (6, 1), (7, 3)]


@pytest.mark.parametrize(("horizon", "episodes"), SEARCHED)
def test_bound_and_plan_equal_exhaustive_search(horizon, episodes):
    task = GridNavi(side=3, horizon=horizon, episodes=episodes)
    expected = searched(3, horizon, episodes)
    assert sum(grid_navi.bayes_optimal_by_episode(task)) == pytest.approx(expected, abs=1e-9)


def test_a_plan_is_believed_only_after_it_was_played(monkeypatch):
    """The count decides, not the search."""
    monkeypatch.setattr(grid_navi, "_walk", lambda task, walked, missing, count: walked)
    with pytest.raises(CourseError, match="proved"):
        grid_navi.bayes_optimal_plan(GridNavi())  # a new task, so nothing is remembered of it


def test_where_the_bound_is_not_reached_nothing_is_claimed():
    task = GridNavi(side=4, horizon=3, episodes=2)
    bound = sum(grid_navi.as_return(task, steps) for steps in grid_navi.goal_steps_at_most(task))
    assert searched(4, 3, 2) < bound - 1e-9
    for unproved in (task, GridNavi(horizon=10)):
        with pytest.raises(CourseError, match="proved"):
            grid_navi.bayes_optimal_by_episode(unproved)
        assert set(grid_navi.references(unproved)) == {"oracle_return", "no_exploration_return"}


# -- the recorded table --------------------------------------------------------------------------------------


def test_the_recorded_table_is_the_expected_one():
    rows = json.loads(RECORDED.read_text(encoding="utf-8"))["gridnavi"]
    checked = 0
    for row in rows.values():
        assert sum(row["by_episode"]) == pytest.approx(row["sum"], abs=1e-3)
        if "trials" in row:
            assert row["trials"] >= 10_000
        for value, expected, error in zip(
            row["by_episode"], row.get("expected", []), row.get("by_episode_error", [0.0] * 4), strict=False
        ):
            # The expected values are rounded (to 0.01, or to 0.1 where simulated), and simulated themselves.
            assert abs(value - expected) <= (0.05 + 3 * 2**0.5 * error if error else 0.005)
            checked += 1
    assert checked == 16
    task = make_task("gridnavi")
    assert rows["Bayes-optimal"]["by_episode"] == pytest.approx(grid_navi.bayes_optimal_by_episode(task))
    assert rows["never learns"]["sum"] == pytest.approx(4 * grid_navi.no_learning_return(task))
    best = rows["Bayes-optimal"]["sum"]
    assert all(row["sum"] < best for agent, row in rows.items() if agent.startswith("posterior"))


# -- pictures ------------------------------------------------------------------------------------------------


def test_pictures_show_the_goal_only_once_it_has_paid():
    task = make_task("gridnavi")
    running = task.begin(task.each(), generator())

    def shown():
        pictures = [picture_of(task, running, lane) for lane in range(21)]
        return pictures, [text_of(task, running, lane) for lane in range(21)]

    for action in (WAIT, RIGHT):
        pictures, texts = shown()
        assert all(np.array_equal(picture, pictures[0]) for picture in pictures) and len(set(texts)) == 1
        running.step(torch.full((21,), action))
    running.step(torch.full((21,), RIGHT))  # onto (2, 0)
    pictures, texts = shown()
    differs = [lane for lane in range(21) if not np.array_equal(pictures[lane], pictures[5])]
    assert [task.goals[lane] for lane in differs] == [(2, 0)] and texts[differs[0]].count("[G]") == 1
    assert pictures[0].shape == (200, 200, 3) and pictures[0].dtype == np.uint8


def test_where_the_agent_stands_is_seen():
    task = make_task("gridnavi")
    running = task.begin(task.each(), generator())
    before = picture_of(task, running)
    running.step(torch.full((21,), UP))
    assert not np.array_equal(before, picture_of(task, running))
    assert "[.]" in text_of(task, running).splitlines()[-3]  # (0, 1): the second row from below
