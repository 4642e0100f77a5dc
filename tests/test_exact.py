"""Exact values, beliefs and information, against exhaustive search and against known numbers."""

import copy
import math
from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
import torch
from four_doors import four_doors
from slow_city import DOWN, END, LEFT, RIDE, RIGHT, RULES, UP, WAIT, Rules, buses_of, move, seen, step

from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import (
    Knowledge,
    bayes_optimal_return,
    exact_belief,
    exploration_information,
    information_by_step,
    optimal_values,
    possible_problems,
)
from course_lib.exact.explorers import shortest_exploration
from course_lib.exact.references import references_of
from course_lib.tasks import make_task, play
from course_lib.tasks.city import City, CityPlan

CITIES = tuple(RULES)
TO_MAP = {"map": [RIGHT, RIGHT, RIGHT, DOWN], "homework-map": [RIGHT, RIGHT]}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def trials_of(task, actions, drawn=None):
    """Play a fixed list of actions in every problem, waiting when it is used up."""
    clock = iter(range(1000))

    def act(running):
        t = next(clock)
        return torch.full_like(running.state, actions[t] if t < len(actions) else WAIT)

    return play(task, drawn or task.each(), generator(), act)


# -- the numbers of the two cities ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "optimum", "without_exploring"), [("map", 0.8, 0.3), ("homework-map", 0.7, 0.1)]
)
def test_the_published_values_come_out_of_the_solver(name, optimum, without_exploring):
    task = make_task(name)
    values = optimal_values(task)
    assert values.shape == (24, 5)
    assert torch.allclose(values[:, 1:], torch.tensor(optimum), atol=1e-6)  # in each problem, for each goal
    assert (values[:, 0] == 0).all()  # exploration pays nothing
    knowledge = Knowledge(task)
    assert knowledge.no_exploration == pytest.approx(without_exploring, abs=1e-6)
    assert knowledge.with_exploration == pytest.approx(optimum, abs=1e-6)


@pytest.mark.parametrize("name", CITIES)
def test_knowing_more_is_never_worth_less(name):
    worth = Knowledge(make_task(name)).execution_worth
    known = [worth[problems] for problems in worth if len(problems) == 1]
    assert max(known) == pytest.approx(min(known), abs=1e-6)
    for problems, value in worth.items():
        for fewer, better in worth.items():
            if set(fewer) < set(problems) and len(fewer) == 1:
                assert better >= value - 1e-6


# -- small cities, against an exhaustive search --------------------------------------------------------------


def small(side, horizon, stops, destinations, *, map_at=None, any_goal_ends=False, step_cost=0.2):
    """A small city whose goals are its buses' destinations, as plain rules and as the course's tables."""
    start = (side // 2, side // 2)
    rules = Rules(side, start, stops, destinations, destinations, map_at, step_cost, horizon, any_goal_ends)
    plan = CityPlan(
        width=side,
        height=side,
        start=start,
        goals=destinations,
        stops=stops,
        destinations=destinations,
        map_cell=map_at,
        step_cost=step_cost,
        horizon=horizon,
        goals_end_exploration=any_goal_ends,
    )
    return rules, City("small", Bilingual("작은 도시", "Small city"), plan)


def search(rules, buses, possible, goal, worth, at=None, clock=0):
    """Expectimax over everything that can be done and seen in one episode, without tables or memory.

    Args:
        buses: the routes of each problem. possible: which problems the history has left.
        worth: what knowing a set of problems is worth when the episode is over.
    """
    at = rules.start if at is None else at
    best = -math.inf
    for action in range(7):
        total = 0.0
        by_sight = {}
        for problem in possible:
            to, reward, over = step(rules, buses[problem], at, clock, goal, action)
            by_sight.setdefault((seen(rules, problem, to), reward, over), []).append(problem)
        for (sight, reward, over), left in by_sight.items():
            if over:
                after = worth(tuple(left))
            else:
                after = search(rules, buses, left, goal, worth, sight[0], clock + 1)
            total += len(left) / len(possible) * (reward + after)
        best = max(best, total)
    return best


def nothing(_):
    return 0.0


TWO = dict(stops=((2, 1), (3, 2)), destinations=((0, 0), (4, 4)))
THREE = dict(stops=((2, 1), (3, 2), (2, 3)), destinations=((0, 0), (4, 4), (0, 4)))
SMALL = {
    "a bus at the start": dict(side=3, horizon=3, stops=((1, 1), (1, 2)), destinations=((0, 0), (2, 2))),
    "one bus tells all": dict(side=5, horizon=4, **TWO),
    "one of three buses": dict(side=5, horizon=4, any_goal_ends=True, **THREE),
    "a map in reach": dict(side=5, horizon=4, map_at=(2, 4), any_goal_ends=True, step_cost=0.3, **THREE),
    "a map out of reach": dict(side=5, horizon=3, map_at=(0, 2), step_cost=0.6, **THREE),
}


@pytest.mark.parametrize("name", SMALL)
def test_values_equal_an_exhaustive_search(name):
    rules, city = small(**SMALL[name])
    problems = range(city.problem_count)
    buses = [buses_of(city, problem) for problem in problems]
    assert {tuple(bus.values()) for bus in buses} == set(permutations(rules.destinations))

    values = optimal_values(city)
    for problem in problems:
        for instruction, goal in enumerate(rules.goals, start=1):
            expected = search(rules, buses, [problem], goal, nothing)
            assert float(values[problem, instruction]) == pytest.approx(expected, abs=1e-6)

    executed = {}

    def executing(possible):
        """What an execution episode is worth with this knowledge, over evenly drawn goals."""
        if possible not in executed:
            values = [search(rules, buses, list(possible), goal, nothing) for goal in rules.goals]
            executed[possible] = sum(values) / len(values)
        return executed[possible]

    knowledge = Knowledge(city)
    assert knowledge.no_exploration == pytest.approx(executing(tuple(problems)), abs=1e-6)
    best = search(rules, buses, list(problems), None, executing)
    assert knowledge.with_exploration == pytest.approx(best, abs=1e-6)
    for possible, expected in executed.items():
        assert knowledge.execution_worth[possible] == pytest.approx(expected, abs=1e-6)


def test_exploring_pays_differently_in_the_small_cities():
    """Were they all alike, the exhaustive search could not see a mistake."""
    knowledge = [Knowledge(small(**case)[1]) for case in SMALL.values()]
    gains = {round(known.with_exploration - known.no_exploration, 3) for known in knowledge}
    assert len(gains) >= 4 and min(gains) >= 0


# -- beliefs -------------------------------------------------------------------------------------------------


def random_trials(task, seed, copies=2):
    """Random play that rides often, so that beliefs have something to say."""
    source = generator(seed)
    weights = torch.tensor([3.0, 3, 3, 3, 0.5, 6, 0.2])
    return play(
        task,
        task.each(copies),
        source,
        lambda running: torch.multinomial(weights, len(running.state), replacement=True, generator=source),
    )


@pytest.mark.parametrize("name", CITIES)
def test_belief_equals_enumeration(name):
    """Problem m is possible while replaying the actions in m shows, pays and ends exactly the same."""
    task, rules = make_task(name), RULES[name]
    counts = set()
    bus_then_map = [UP, RIDE, RIDE, DOWN if name == "map" else WAIT, *TO_MAP[name]]
    for trials in (random_trials(task, seed=1), trials_of(task, bus_then_map)):
        belief = exact_belief(task.tables, trials)
        assert belief.shape == (*trials.state.shape, 24)
        for lane in range(len(trials.problem)):
            histories = [replayed(task, rules, trials, lane, m) for m in range(24)]
            true = histories[int(trials.problem[lane])]
            for t in range(trials.state.shape[1]):
                possible = [history[: 3 * t + 1] == true[: 3 * t + 1] for history in histories]
                expected = torch.tensor(possible) / sum(possible)
                assert torch.allclose(belief[lane, t], expected.float())
                counts.add(sum(possible))
    assert {24, 6, 1} <= counts


def replayed(task, rules, trials, lane, problem):
    """What a learner would sense, be paid, and be told about the end, had this problem been the true one."""
    buses, at, clock, pausing, over = buses_of(task, problem), rules.start, 0, False, False
    episode, history = 0, [seen(rules, problem, rules.start)]
    goal = task.goals[int(trials.instruction[lane].max()) - 1]
    for action in trials.action[lane].tolist():
        reward, ended = 0.0, False
        if pausing:
            at, clock, episode, pausing = rules.start, 0, episode + 1, False
        elif not over:
            at, reward, ended = step(rules, buses, at, clock, goal if episode else None, action)
            clock += 1
            pausing, over = ended and episode == 0, ended and episode == 1
        history += [(reward, ended), action, seen(rules, problem, at)]
    return history


@pytest.mark.parametrize("name", CITIES)
def test_beliefs_only_ever_shrink_and_keep_the_truth(name):
    task = make_task(name)
    for seed in range(3):
        trials = random_trials(task, seed)
        possible = possible_problems(task.tables, trials)
        assert (possible[:, 0].all(dim=-1)).all()
        assert (possible[:, 1:] <= possible[:, :-1]).all()
        truth = trials.problem[:, None, None].expand(*trials.state.shape, 1)
        assert possible.gather(2, truth).all()
        belief = exact_belief(task.tables, trials)
        assert torch.allclose(belief.sum(dim=-1), torch.ones(()))
        information = information_by_step(task.tables, trials)
        assert (information[:, 1:] >= information[:, :-1] - 1e-6).all()


# -- information ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", CITIES)
def test_the_map_tells_everything_when_one_stands_on_it(name):
    task = make_task(name)
    trials = trials_of(task, TO_MAP[name])
    steps = len(TO_MAP[name])
    information = information_by_step(task.tables, trials)
    assert (information[:, :steps] == 0).all()
    assert torch.allclose(information[:, steps:], torch.tensor(math.log(24)))
    assert torch.allclose(exploration_information(task.tables, trials), torch.tensor(math.log(24)))


@pytest.mark.parametrize(
    ("buses", "left"), [(0, 24), (1, 6), (2, 2), (3, 1), (4, 1)]
)  # riding k of four buses leaves (4 − k)! problems
def test_each_bus_ridden_tells_as_much_as_it_should(buses, left):
    task = make_task("map")
    there_and_back = {RIGHT: LEFT, UP: DOWN, LEFT: RIGHT, DOWN: UP}
    actions = []
    for way, back in list(there_and_back.items())[:buses]:
        actions += [way, RIDE, RIDE, back]
    trials = trials_of(task, actions + [END])
    expected = torch.tensor(math.log(24 / left))
    assert torch.allclose(exploration_information(task.tables, trials), expected, atol=1e-6)


def test_information_counts_what_a_last_ride_shows():
    """A ride that ends the exploration episode (the homework's corners do) is seen in the pause."""
    task = make_task("homework-map")
    trials = trials_of(task, [RIGHT, RIDE])
    assert trials.done[:, 1].all()
    assert torch.allclose(exploration_information(task.tables, trials), torch.tensor(math.log(4)), atol=1e-6)


def test_execution_does_not_count_as_exploration():
    task = make_task("map")
    trials = trials_of(task, [END, WAIT, *TO_MAP["map"]])
    assert (exploration_information(task.tables, trials) == 0).all()
    assert torch.allclose(information_by_step(task.tables, trials)[:, -1], torch.tensor(math.log(24)))


@pytest.mark.parametrize("rides", [True, False])
def test_information_is_the_entropy_of_what_is_seen(rides):
    """With fixed actions what is seen is a function of μ, so I(τ; μ) = H(τ)."""
    task, rules = make_task("map"), RULES["map"]
    last = RIDE if rides else WAIT
    told = exploration_information(task.tables, trials_of(task, [UP, last, END]))
    seen_last = [move(rules, buses_of(task, problem), (4, 5), last) for problem in range(24)]
    shares = [seen_last.count(cell) / 24 for cell in set(seen_last)]
    assert float(told.mean()) == pytest.approx(-sum(share * math.log(share) for share in shares), abs=1e-6)


@pytest.mark.parametrize("name", CITIES)
def test_the_perfect_explorer_walks_straight_to_the_map(name):
    task = make_task(name)
    actions = shortest_exploration(task).tolist()
    assert len(actions) == len(TO_MAP[name])
    trials = trials_of(task, actions)
    assert torch.allclose(exploration_information(task.tables, trials), torch.tensor(math.log(24)))


def test_three_buses_in_ten_steps_tell_as_much_as_the_map():
    """As lesson 00 says: there and back on two of them, then a third."""
    ten = [RIGHT, RIDE, RIDE, LEFT, UP, RIDE, RIDE, DOWN, LEFT, RIDE]
    task = make_task("map")
    for steps, left in ((10, 1), (9, 2)):
        told = exploration_information(task.tables, trials_of(task, ten[:steps]))
        assert torch.allclose(told, torch.tensor(math.log(24 / left)))


# -- bandits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arms", "pulls", "published"), [(5, 10, 6.660), (10, 10, 6.714), (50, 10, 6.714)])
def test_bayes_optimal_bandit_values(arms, pulls, published):
    assert round(bayes_optimal_return(arms, pulls), 3) == published


@pytest.mark.parametrize(("arms", "pulls"), [(2, 1), (2, 2), (2, 4), (3, 3)])
def test_bandit_values_equal_an_exhaustive_search(arms, pulls):
    def best(history, left):
        """Expectimax over raw histories of (arm, reward), in exact fractions."""
        if left == 0:
            return Fraction(0)
        values = []
        for arm in range(arms):
            wins = sum(reward for pulled, reward in history if pulled == arm)
            tried = sum(1 for pulled, _ in history if pulled == arm)
            pays = Fraction(1 + wins, 2 + tried)
            won, lost = best([*history, (arm, 1)], left - 1), best([*history, (arm, 0)], left - 1)
            values.append(pays * (1 + won) + (1 - pays) * lost)
        return max(values)

    assert bayes_optimal_return(arms, pulls) == pytest.approx(float(best([], pulls)), abs=1e-12)


def test_one_arm_leaves_nothing_to_choose():
    assert bayes_optimal_return(1, 7) == pytest.approx(3.5)


def test_random_rewards_are_refused_where_they_would_give_wrong_answers():
    bandit, generator = make_task("bandit"), torch.Generator().manual_seed(0)
    drawn = bandit.draw(3, generator)
    trials = play(bandit, drawn, generator, lambda running: torch.zeros(3, dtype=torch.int64))
    with pytest.raises(CourseError, match="Beta"):
        exact_belief(drawn.tables, trials)
    with pytest.raises(CourseError, match="random"):
        shortest_exploration(bandit)


def test_no_optimum_is_promised_that_nobody_can_reach():
    """A note that tells of two doors what is behind them leaves both possible: knowing the problem is out of reach."""
    whole = four_doors()
    assert references_of(whole) == pytest.approx({"optimal_return": 1.0, "no_exploration_return": 0.9})
    half = copy.copy(whole)
    half.tables = replace(whole.tables, sense=torch.tensor([[0, 1, 2, 3, 4, 5 + m // 2, 9] for m in range(4)]))
    assert "no_exploration_return" in references_of(half) and "optimal_return" not in references_of(half)
