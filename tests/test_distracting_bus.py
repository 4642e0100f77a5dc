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
