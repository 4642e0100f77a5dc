"""Exact posterior sampling: what it believes, what it draws, how long it holds on, and what that returns."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from slow_city import RULES, buses_of, step

from course_lib.bilingual import CourseError
from course_lib.exact import optimal_values, point_robot, possible_problems
from course_lib.exact.posterior_sampling import (
    HELD,
    PosteriorSampling,
    PossibleProblems,
    last_return_once_found,
    optimal_action_values,
    optimal_actions,
    returns_by_episode,
    sampled_returns,
)
from course_lib.lesson.exercises import lesson02
from course_lib.tasks import PointRobot, make_task, play
from course_lib.tasks.grid_navi import Corridor, GridNavi

TASKS = ("map", "homework-map", "gridnavi", "revealing-arm")
RIDE = 5
RECORDED = Path(__file__).parents[1] / "figures" / "grid_navi.json"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# -- acting optimally for a known problem --------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_the_best_action_values_are_the_optimal_values(name):
    task = make_task(name)
    values = optimal_action_values(task)
    tables = task.tables
    shape = (tables.problems, tables.instructions, task.trial.horizon, tables.states, tables.actions)
    assert values.shape == shape
    best = values[:, :, 0, tables.start].max(dim=-1).values
    assert torch.allclose(best, optimal_values(task), atol=1e-5)
    some = torch.tensor([tables.problems - 1, 0])
    assert torch.equal(optimal_action_values(task, some), values[some])


@pytest.mark.parametrize("name", ["map", "homework-map"])
def test_action_values_near_the_end_equal_a_search_by_hand(name):
    task, rules, problem = make_task(name), RULES[name], 7
    buses, horizon = buses_of(task, problem), task.trial.horizon
    values = optimal_action_values(task, torch.tensor([problem]))[0]

    def best_after(at, clock, goal, action):
        to, reward, over = step(rules, buses, at, clock, goal, action)
        if over or clock + 1 == horizon:
            return reward
        return reward + max(best_after(to, clock + 1, goal, next_action) for next_action in range(7))

    seen = set()
    cells = [(0, 1), (1, 0), (2, 2), (task.width - 1, task.height - 2), *task.bus_stops[:2]]
    for cell in cells:
        for instruction, goal in enumerate(task.goals, start=1):
            if cell == goal:
                continue
            for action in range(7):
                expected = best_after(cell, horizon - 3, goal, action)
                value = float(values[instruction, horizon - 3, task.state(cell), action])
                assert value == pytest.approx(expected, abs=1e-5)
                seen.add(round(expected, 3))
    assert len(seen) >= 4


# -- the belief ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_the_running_belief_is_the_exact_one(name):
    task, source, kept = make_task(name), generator(3), []
    weights = torch.tensor([3.0, 3, 3, 3, 0.5, 6, 0.2])[: len(task.actions)]
    weights = torch.cat([weights, torch.ones(len(task.actions) - len(weights))])

    def act(running):
        if not kept:
            act.seen = PossibleProblems(running)
        else:
            act.seen.update()
        kept.append(act.seen.possible)
        return torch.multinomial(weights, len(running.state), replacement=True, generator=source)

    trials = play(task, task.each(4), source, act)
    expected = possible_problems(task.tables, trials)
    assert torch.equal(torch.stack(kept, dim=1), expected)
    assert len(expected.sum(dim=-1).unique()) >= 2  # something was learned on the way


def test_the_last_return_counts_where_an_earlier_episode_was_paid():
    reward = torch.tensor([[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 7.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    episode = torch.tensor([[0, 0, 1, 1]]).expand(3, -1)
    trials = SimpleNamespace(problem=torch.zeros(3), reward=reward, episode=episode)
    assert last_return_once_found(trials, 2) == (5.0 + 1.0) / 2
    trials.reward = reward[1:2]
    trials.problem, trials.episode = torch.zeros(1), episode[1:2]
    assert last_return_once_found(trials, 2) is None  # paid only in the last episode


# -- what is drawn, and how long it is held ------------------------------------------------------------------


def drawn_and_played(task, held, copies=20, seed=0):
    """(B, T) the problem acted for, (B, T, M) what was possible, and the trials."""
    policy = PosteriorSampling(task, generator(seed), held)
    drawn, possible = [], []

    def act(running):
        action = policy(running)
        drawn.append(policy.drawn)
        possible.append(policy.seen.possible)
        return action

    trials = play(task, task.each(copies), policy.generator, act)
    return torch.stack(drawn, dim=1), torch.stack(possible, dim=1), trials


@pytest.mark.parametrize("name", ["gridnavi", "map"])
@pytest.mark.parametrize("held", HELD)
def test_each_way_to_hold_z_does_what_it_says(name, held):
    task = make_task(name)
    drawn, possible, trials = drawn_and_played(task, held)
    agrees = possible.gather(2, drawn[..., None])[..., 0]  # (B, T): z is still possible
    at_first = torch.ones(len(drawn), 1, dtype=torch.bool)
    begins = torch.cat([at_first, trials.episode.diff(dim=1) > 0], dim=1)
    changed = torch.cat([at_first, drawn.diff(dim=1) != 0], dim=1)
    certain = possible.sum(dim=-1) == 1
    assert agrees[begins].all()  # whatever is drawn agrees with what was seen
    if held == "step":
        assert agrees.all() and changed[~begins & ~certain].float().mean() > 0.5
    elif held == "refuted":
        assert agrees.all()
        last_still_possible = possible[:, 1:].gather(2, drawn[:, :-1, None])[..., 0]
        kept = torch.cat([~at_first, last_still_possible], dim=1)
        assert not changed[kept & ~begins & trials.valid].any()
    elif held == "known":
        assert (drawn == trials.problem[:, None])[certain & trials.valid].all()
        assert not changed[~begins & ~certain & trials.valid].any()
    else:
        assert not changed[~begins & trials.valid].any()
        assert not agrees.all()  # z was held although it was ruled out


def test_z_is_drawn_evenly():
    task = make_task("gridnavi")
    drawn, _, _ = drawn_and_played(task, "episode", copies=400)
    counts = drawn[:, 0].bincount(minlength=21)  # of 8,400: 400 each, standard deviation 19.5
    assert (counts - 400).abs().max() < 4 * 19.5


@pytest.mark.parametrize("held", HELD)
def test_every_action_is_optimal_for_what_was_drawn(held):
    task = make_task("gridnavi")
    drawn, _, trials = drawn_and_played(task, held)
    best = optimal_actions(task)
    clock = torch.arange(60) % 15
    allowed = best[drawn, 0, clock[None].expand_as(drawn), trials.state]  # (B, T, A)
    assert allowed.gather(2, trials.action[..., None]).all()
    # Of several good actions each is taken: at the start, right and up towards (2, 2).
    to_middle = drawn[:, 0] == task.goals.index((2, 2))
    assert set(trials.action[to_middle, 0].tolist()) == {0, 1}
    if held == "step":  # a z drawn too late to be reached leaves all actions equally good
        assert set(trials.action[allowed.all(dim=-1)].tolist()) == set(range(5))


def test_the_hidden_problem_is_not_used():
    """With the same random numbers the same is done in every problem, until what is seen differs."""
    task, histories = make_task("gridnavi"), []
    for problem in range(21):
        drawn = task.each()
        drawn = type(drawn)(drawn.tables, torch.tensor([problem]))
        policy = PosteriorSampling(task, generator(5), "step")
        histories.append(play(task, drawn, policy.generator, policy))
    compared = 0
    for one in histories:
        for other in histories:
            unlike = ((one.reward != other.reward)[0]).nonzero()
            same = int(unlike[0]) + 1 if len(unlike) else 60
            assert torch.equal(one.action[0, :same], other.action[0, :same])
            compared += 0 < same < 60
    assert compared > 0


def test_exploring_a_city_is_pretended_execution():
    """Nobody asks for a goal, so one is made up, and the bus that z says goes there is taken."""
    task = make_task("map")
    drawn, _, trials = drawn_and_played(task, "episode")
    assert (trials.action[:, 1] == RIDE).all()  # one step to a bus, and ride
    assert len(trials.state[:, 1].unique()) == 4
    second = (trials.episode == 1).float().argmax(dim=1)
    left = possible_problems(task.tables, trials)[torch.arange(len(second)), second].sum(dim=-1)
    assert left.max() == 6  # one bus always, sometimes more


# -- what it returns -----------------------------------------------------------------------------------------


def test_a_corridor_small_enough_to_count():
    """Two cells to either side, four steps: z is right at once, or the other end is the goal."""
    task = Corridor(half=2, horizon=4, episodes=2)
    returns = sampled_returns(task, generator(), copies=200)
    first = returns[:, 0]
    right = (first - 2.9).abs() < 1e-5
    assert ((first + 0.4).abs() < 1e-5)[~right].all() and 140 < int(right.sum()) < 260
    assert torch.allclose(returns[:, 1], torch.tensor(2.9))


def test_redrawing_at_each_step_loses_the_corridor():
    mean = {held: sampled_returns(Corridor(), generator(), 200, held).sum(dim=1).mean() for held in HELD}
    assert mean["episode"] > 60 and mean["step"] < 10


def test_gridnavi_orders_the_four_ways_as_recorded():
    task = make_task("gridnavi")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    means = {}
    for held in HELD:
        total = sampled_returns(task, generator(11), copies=100, held=held).sum(dim=1)
        row = recorded["gridnavi"][f"posterior sampling, {held}"]
        error = (float(total.var()) / len(total) + row["sum_error"] ** 2) ** 0.5
        assert abs(float(total.mean()) - row["sum"]) < 4 * error
        means[held] = float(total.mean())
    assert means["refuted"] > means["step"] > means["known"] > means["episode"]
    corridor = recorded["corridor"]
    assert corridor["posterior sampling, episode"]["found_by_episode"][1] == 1.0
    assert corridor["posterior sampling, step"]["found_by_episode"][3] < 0.5


def test_what_is_learned_on_the_way_decides_not_the_size():
    """The quiz of lesson 02: redrawing wins in a large grid too, holding in a short corridor too."""

    def totals(task, copies):
        means = {held: sampled_returns(task, generator(), copies, held).sum(dim=1).mean() for held in ("episode", "step")}
        return means["episode"], means["step"]

    held, redrawn = totals(GridNavi(side=9, horizon=27), 2)
    assert redrawn > held + 10
    for horizon in (10, 15):
        held, redrawn = totals(Corridor(half=5, horizon=horizon), 100)
        assert held > redrawn + 4
    found = json.loads(RECORDED.read_text(encoding="utf-8"))["corridor"]["posterior sampling, step"]["found_by_episode"]
    told = Path(lesson02.__file__).read_text(encoding="utf-8")
    assert f"트라이얼이 {found[3]:.0%}뿐이고" in told and f"in {found[3]:.0%} of the trials" in told
    assert Corridor().goals == ((0, 0), (40, 0)) and Corridor().trial.episodes == 4  # 20 cells to either end


def test_the_goals_that_pay_more_are_found_more_often():
    """So those who found it return 13.5 on average, though the optimum over all test goals is 13.4 (lesson 02)."""
    task, source = PointRobot(), generator(2)
    trials = play(task, task.each(100, "test"), source, point_robot.PosteriorSampling(task, source))
    once = last_return_once_found(trials, task.trial.episodes)
    best = point_robot.known_goal_return(task)
    found = ((trials.reward > 0) & (trials.episode < task.trial.episodes - 1)).any(dim=1)
    assert f"{once:.1f}" == "13.5" and f"{best[task.splits['test']].mean():.1f}" == "13.4"
    assert best[trials.problem[found]].mean() == pytest.approx(once, abs=0.05)  # whoever found it goes straight there
    assert best[trials.problem[found]].mean() > best[trials.problem[~found]].mean() + 0.1


def test_in_the_revealing_arm_bandit_posterior_sampling_never_asks():
    """The optimal policy for a known problem does not pull arm 0, so nothing is ever learned."""
    task = make_task("revealing-arm")
    drawn, possible, trials = drawn_and_played(task, "episode", copies=300)
    assert (trials.action[:, 0] != 0).all() and possible.all()
    assert float(trials.returns(task.trial).mean()) == pytest.approx(1 / 7, abs=0.035)  # 4 standard errors


def test_the_same_generator_gives_the_same_returns():
    task = make_task("map")
    one, same, other = (sampled_returns(task, generator(seed), 2, "step") for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_returns_by_episode_add_up():
    task = make_task("map")
    policy = PosteriorSampling(task, generator())
    trials = play(task, task.each(2), policy.generator, policy)
    returns = returns_by_episode(trials, 2)
    assert torch.allclose(returns[:, 1], trials.returns(task.trial), atol=1e-5) and (returns[:, 0] == 0).all()


# -- refusals ------------------------------------------------------------------------------------------------


def test_what_it_cannot_do_is_refused():
    with pytest.raises(CourseError, match="'week'.*episode, step, refuted, known"):
        PosteriorSampling(make_task("map"), generator(), "week")
    for task in ("bandit", "point-robot"):
        with pytest.raises(CourseError, match="transitions and rewards are certain"):
            PosteriorSampling(make_task(task), generator())
