"""The distracting bus: DREAM's problems, its split, and what of it can be known exactly."""

import pytest
import torch
from slow_city import RIDE, Rules, SlowTrial, buses_of

from course_lib.tasks import make_task, play

USEFUL = ((4, 5), (5, 4), (3, 4), (4, 3))
CORNERS_NEXT = ((0, 1), (0, 7), (8, 1), (8, 7))
DISTRACTORS = ((5, 5), (3, 3), (3, 5), (5, 3))
EDGES = ((0, 4), (4, 0), (8, 4), (4, 8))
RULES = Rules(
    side=9, start=(4, 4), stops=USEFUL + DISTRACTORS, destinations=CORNERS_NEXT + EDGES,
    goals=((0, 0), (0, 8), (8, 0), (8, 8)), map_at=None, step_cost=0.1, horizon=20, any_goal_ends=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def task():
    return make_task("distracting-bus")


def useful_part(task, problem):
    return tuple(buses_of(task, problem)[stop] for stop in USEFUL)


def test_every_pair_of_permutations_is_one_problem(task):
    """The numbering is DREAM's: the useful buses change with the problem's number modulo 24."""
    seen = set()
    for problem in range(576):
        buses = buses_of(task, problem)
        assert {buses[stop] for stop in USEFUL} == set(CORNERS_NEXT)
        assert {buses[stop] for stop in DISTRACTORS} == set(EDGES)
        assert useful_part(task, problem) == useful_part(task, problem % 24)
        seen.add(tuple(buses.values()))
    assert task.problem_count == len(seen) == 576
    assert useful_part(task, 0) == CORNERS_NEXT  # itertools' first permutation


def test_training_sees_all_useful_permutations_and_no_test_problem(task):
    train, test = (task.splits[name].tolist() for name in ("train", "test"))
    assert train == list(range(0, 576, 11)) and len(train) == 53
    assert len(test) == 523 and not set(train) & set(test)
    assert len({useful_part(task, problem) for problem in train}) == 24
    drawn = task.draw(20_000, torch.Generator().manual_seed(0), split="train")
    assert set(drawn.index.tolist()) == set(train)


def test_nothing_seen_tells_problems_apart_before_a_ride(task):
    """No bus has a colour, and there is no map."""
    assert (task.tables.sense == task.tables.sense[:1]).all()
    moves = [a for a in range(7) if a != RIDE]
    assert (task.tables.next_state[:, :, moves] == task.tables.next_state[:1, :, moves]).all()


def test_play_equals_the_rules_told_a_second_time(task):
    source = torch.Generator().manual_seed(3)
    weights = torch.tensor([3.0, 3, 3, 3, 0.5, 6, 0.1])
    trials = play(
        task, task.draw(300, source, "test"), source,
        lambda running: torch.multinomial(weights, len(running.state), replacement=True, generator=source),
    )  # fmt: skip
    rides = 0
    for lane in range(300):
        problem = int(trials.problem[lane])
        goal = RULES.goals[int(trials.instruction[lane].max()) - 1]
        slow = SlowTrial(RULES, problem, buses_of(task, problem), goal)
        for t in range(trials.state.shape[1]):
            if slow.over:
                break
            before = slow.at
            assert task.cell(trials.state[lane, t]) == before
            reward, ended = slow.act(int(trials.action[lane, t]))
            assert float(trials.reward[lane, t]) == pytest.approx(reward, abs=1e-5)
            assert bool(trials.done[lane, t]) == ended
            rides += int(trials.action[lane, t]) == RIDE and slow.at != before
        assert slow.over
    assert rides > 300


def test_a_distractor_is_of_no_use_for_any_goal(task):
    """With the problem known the best is three steps, and never a distractor."""
    from course_lib.exact import optimal_values

    assert torch.allclose(optimal_values(task)[:, 1:], torch.tensor(0.8), atol=1e-6)


# -- what is worth knowing -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def knowledge(task):
    from course_lib.exact import knowledge_of

    return knowledge_of(task)


def worth_knowing(task, knowledge, useful, distractors):
    """The worth of knowing where so many useful buses and so many distractors go, the others open."""
    routes = torch.tensor(task.routes)
    known = list(range(useful)) + list(range(4, 4 + distractors))
    possible = (routes[:, known] == routes[0, known]).all(dim=1)
    return float(knowledge.worth_of(possible[None]))


def test_worth_of_partial_knowledge(task, knowledge):
    """Without knowledge 0.3, with all of it 0.8; and a known distractor is of use to whoever knows nothing else."""
    assert len(knowledge.sets) == 113**2  # (1 + 16 + 72 + 24) partial permutations, of either kind of bus
    assert knowledge.no_exploration == pytest.approx(0.3, abs=1e-4)
    expected = {(0, 0): 0.3, (1, 0): 0.5, (2, 0): 0.7, (3, 0): 0.8, (4, 0): 0.8, (3, 3): 0.8, (1, 3): 0.5, (2, 1): 0.7}
    expected |= {(0, 1): 0.35, (0, 2): 0.4, (0, 3): 0.4}  # an edge is four steps from two of the corners
    for buses, worth in expected.items():
        assert worth_knowing(task, knowledge, *buses) == pytest.approx(worth, abs=1e-4), buses


def test_three_buses_ridden_suffice(task, knowledge):
    """The list is found by search. Afterwards execution is worth what it is with everything known."""
    from course_lib.exact import information_about, possible_problems
    from course_lib.exact.explorers import sufficient_exploration

    actions = sufficient_exploration(task).tolist()
    assert len(actions) == 10 and actions.count(RIDE) == 5  # three buses, back with two of them
    script = iter(actions + [6] + [4] * 40)
    trials = play(task, task.each(), torch.Generator().manual_seed(0), lambda r: torch.full_like(r.state, next(script)))
    begins = (trials.episode == 1).float().argmax(dim=1)
    known = possible_problems(task.tables, trials)[torch.arange(523), begins]
    assert (known.sum(dim=1) == 24).all()
    assert torch.allclose(knowledge.worth_of(known), torch.tensor(0.8), atol=1e-4)
    useful = information_about(task.tables, trials, task.useful_routes)[torch.arange(523), begins]
    ignored = information_about(task.tables, trials, task.distracting_routes)[torch.arange(523), begins]
    assert torch.allclose(useful, torch.tensor(24.0).log()) and torch.allclose(ignored, torch.zeros(()), atol=1e-5)


def test_seventeen_steps_tell_all_problems_apart(task):
    """Six buses stand in a row around the start: a fixed list that rides them all knows the problem."""
    from course_lib.exact import exploration_information

    walk = [1, 5, 5, 0, 5, 5, 3, 5, 5, 3, 5, 5, 2, 5, 5, 2, 5]
    assert len(walk) == 17 <= task.trial.horizon
    script = iter(walk + [4] * 50)
    trials = play(task, task.each(), torch.Generator().manual_seed(0), lambda r: torch.full_like(r.state, next(script)))
    assert torch.allclose(exploration_information(task.tables, trials), torch.tensor(576.0).log())


def test_information_splits_into_useful_and_distracting(task):
    from course_lib.exact import information_about, information_by_step

    source = torch.Generator().manual_seed(5)
    weights = torch.tensor([3.0, 3, 3, 3, 0.1, 6, 0.0])
    trials = play(
        task, task.draw(64, source, "test"), source,
        lambda running: torch.multinomial(weights, len(running.state), replacement=True, generator=source),
    )  # fmt: skip
    useful = information_about(task.tables, trials, task.useful_routes)
    ignored = information_about(task.tables, trials, task.distracting_routes)
    assert useful[:, -1].max() > 1 and ignored[:, -1].max() > 1
    assert torch.allclose(useful + ignored, information_by_step(task.tables, trials), atol=1e-5)


# -- PEARL-UB ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), [("map", -0.5954), ("homework-map", 0.05), ("distracting-bus", -0.6)])
def test_pearl_upper_bound_is_far_from_the_optimum(name, value):
    from course_lib.exact.pearl_upper_bound import pearl_upper_bound

    found = pearl_upper_bound(make_task(name))
    assert found["return"] == pytest.approx(value, abs=1e-4)
    assert found["without_exploring"] < found["return"]


@pytest.mark.parametrize("name", ["map", "homework-map"])
@pytest.mark.parametrize("held", ["episode", "step"])
def test_pearl_upper_bound_agrees_with_simulation(name, held):
    from course_lib.exact.pearl_upper_bound import pearl_upper_bound, redrawn_each_step
    from course_lib.exact.posterior_sampling import sampled_returns

    task = make_task(name)
    exact = (pearl_upper_bound if held == "episode" else redrawn_each_step)(task)["return"]
    played = sampled_returns(task, torch.Generator().manual_seed(1), copies=400, held=held)[:, 1]
    assert abs(float(played.mean()) - exact) < 3.5 * float(played.std()) / len(played) ** 0.5


def test_information_of_a_policy_by_enumeration_agrees_with_sampling():
    from course_lib.exact import exploration_information, policy_information

    task = make_task("homework-map")
    weights = torch.tensor([3.0, 3, 3, 3, 1, 6, 0.2])
    policy = (weights / weights.sum()).expand(task.trial.horizon, task.tables.states, -1)
    source = torch.Generator().manual_seed(2)
    trials = play(
        task, task.each(400), source,
        lambda running: torch.multinomial(weights, len(running.state), replacement=True, generator=source),
    )  # fmt: skip
    told = exploration_information(task.tables, trials)
    assert abs(float(told.mean()) - policy_information(task, policy)) < 3.5 * float(told.std()) / len(told) ** 0.5


def test_only_by_accident_does_posterior_sampling_come_to_the_map():
    """Exactly, and as often in a simulation that knows nothing of it."""
    from course_lib.exact import PosteriorSampling, chance_of_standing_on

    city = make_task("map")
    the_map = city.state(city.map_cell)
    told, sampled = chance_of_standing_on(city, the_map)
    assert told == 0 and sampled == pytest.approx(0.00328, abs=1e-5)
    generator = torch.Generator().manual_seed(5)
    trials = play(city, city.each(400), generator, PosteriorSampling(city, generator))
    exploring = trials.valid & (trials.episode == 0)
    stood = ((trials.arrived == the_map) & exploring).any(dim=1).float()
    assert abs(float(stood.mean()) - sampled) < 3.5 * (sampled / len(stood)) ** 0.5
    beside = city.state((5, 4))  # its first bus stop: a way that any z may take
    assert chance_of_standing_on(city, beside)[0] > 0.2
