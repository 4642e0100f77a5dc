"""A screen that says nothing, and a city in which there is no time to find out everything."""

import math

import pytest
import torch

from course_lib.agents.curious import looked_at
from course_lib.bilingual import CourseError
from course_lib.exact import exploration_information, information_about, information_by_step, knowledge_of, optimal_values
from course_lib.tasks import Drawn, make_task, play
from course_lib.tasks.city import RIDE, WAIT

RIGHT, UP, LEFT, DOWN = range(4)


def scripted(task, actions, copies=1, seed=0):
    """Play these actions while exploring, then wait, in all problems; goal 1."""
    clock, count = iter(range(10_000)), task.problem_count * copies
    actions = [*actions, *[WAIT] * task.trial.length]
    drawn = Drawn(task.tables, torch.arange(task.problem_count).repeat_interleave(copies))
    return play(
        task, drawn, torch.Generator().manual_seed(seed), lambda running: torch.full((count,), actions[next(clock)]),
        instruction=torch.ones(count, dtype=torch.int64),
    )  # fmt: skip


def test_the_screen_shows_every_picture_alike_and_another_one_each_step():
    task = make_task("noisy-tv")
    trials = scripted(task, [LEFT, UP], copies=20)
    picture = trials.symbol - task.tables.sense[trials.problem[:, None], trials.state]  # (B, T)
    watching = task.watching(trials.state) & (trials.episode == 0)
    assert (picture[~task.watching(trials.state)] == 0).all()
    assert watching[:, 2:20].all() and not watching[:, :2].any()
    shown = picture[:, 2:20]
    count = torch.bincount(shown.flatten(), minlength=16)
    assert len(count) == 16 and (count / count.sum() - 1 / 16).abs().max() < 0.01
    again = (shown[:, 1:] == shown[:, :-1]).float().mean()
    assert again == pytest.approx(1 / 16, abs=0.02)  # the last picture says nothing about the next
    features = task.tables.features[trials.symbol[0, 2:20]]
    assert features.unique(dim=0).shape[0] == shown[0].unique().numel()  # and an agent can tell them apart


def test_between_two_steps_the_picture_stays():
    task = make_task("noisy-tv")
    running = task.begin(task.each(), torch.Generator().manual_seed(0))
    for action in (LEFT, UP, WAIT):
        running.step(torch.full((24,), action))
        assert torch.equal(running.symbol, running.symbol)


def test_watching_tells_nothing_and_reading_everything():
    task = make_task("noisy-tv")
    watched = scripted(task, [LEFT, UP])
    assert (information_by_step(task.tables, watched) == 0).all()
    read = scripted(task, [LEFT, UP, WAIT, DOWN, DOWN, *[RIGHT] * 4])  # by way of the screen
    assert exploration_information(task.tables, read).tolist() == pytest.approx([math.log(24)] * 24)


def test_with_a_screen_the_city_is_worth_what_it_is_without():
    noisy, plain = make_task("noisy-tv"), make_task("map")
    torch.testing.assert_close(optimal_values(noisy), optimal_values(plain))
    assert knowledge_of(noisy).no_exploration == knowledge_of(plain).no_exploration
    assert noisy.tv_cell not in (*noisy.goals, *noisy.bus_stops, noisy.map_cell)


def test_a_screen_without_pictures_is_refused():
    for pictures in (0, -1, 2.5, True):
        with pytest.raises(CourseError, match="pictures"):
            make_task("noisy-tv", pictures=pictures)
    assert make_task("noisy-tv pictures=4").tables.pictures.max() == 4


# -- no time for everything ------------------------------------------------------------------------------------

THREE_USEFUL = [UP, RIDE, RIDE, RIGHT, DOWN, RIDE, RIDE, LEFT, DOWN, RIDE]
FOUR_IN_A_ROW = [UP, RIDE, RIDE, RIGHT, RIDE, RIDE, DOWN, RIDE, RIDE, DOWN, RIDE]


def known(task, trials):
    """What is known when execution begins, of the useful buses and of the distractors, in nats."""
    first = (trials.episode == 1).int().argmax(dim=1, keepdim=True)
    return [
        float(information_about(task.tables, trials, part).gather(1, first).mean())
        for part in (task.useful_routes, task.distracting_routes)
    ]


def test_three_useful_buses_take_ten_steps_and_are_all_that_is_needed():
    task = make_task("hurried-bus", horizon=10)
    assert known(task, scripted(task, THREE_USEFUL)) == pytest.approx([math.log(24), 0], abs=1e-5)


def test_two_of_each_tell_more_and_too_little():
    task = make_task("hurried-bus")
    trials = scripted(task, FOUR_IN_A_ROW)
    assert known(task, trials) == pytest.approx([math.log(12), math.log(12)], abs=1e-5)
    assert exploration_information(task.tables, trials).mean() == pytest.approx(math.log(144), abs=1e-5)
    # It is not enough to go by the right bus at once: what the best execution returns, by what was ridden before.
    found = [looked_at(task, scripted(task, ridden)) for ridden in (FOUR_IN_A_ROW, THREE_USEFUL)]
    assert [each["knowledge_worth"] for each in found] == pytest.approx([0.7, 0.8], abs=1e-5)
    assert [(each["useful_buses"], each["distractor_buses"]) for each in found] == [(2, 2), (3, 0)]


@pytest.mark.parametrize(("horizon", "most"), [(10, (2, 1)), (11, (2, 2)), (13, (2, 2)), (14, (3, 2)), (17, (3, 3))])
def test_how_much_can_be_known_in_so_many_steps(horizon, most):
    """A first bus takes two steps, and each one more three: back, across, and on it. Of four, three tell the fourth."""
    told = [0, math.log(4), math.log(12), math.log(24), math.log(24)]  # nats, by the buses ridden of one kind
    rides = (horizon + 1) // 3
    best = max(told[u] + told[rides - u] for u in range(5) if 0 <= rides - u <= 4)
    assert told[most[0]] + told[most[1]] == pytest.approx(best)
    around = [UP, RIDE, RIDE, RIGHT, RIDE, RIDE, DOWN, RIDE, RIDE, DOWN, RIDE, RIDE, LEFT, RIDE, RIDE, LEFT, RIDE]
    task = make_task("hurried-bus", horizon=horizon)
    found = known(task, scripted(task, around[: 3 * rides - 1]))
    assert found == pytest.approx([told[most[0]], told[most[1]]], abs=1e-5)


def test_few_training_problems_are_told_apart_by_less_than_what_execution_needs():
    """Of the 53 that are trained on, two useful buses and two distractors can tell which it is; of all 576, not."""
    task = make_task("distracting-bus")
    routes = torch.tensor(task.routes)

    def told(problems, buses):
        count = routes[problems][:, buses].unique(dim=0, return_counts=True)[1].float()
        return math.log(len(problems)) - float((count * count.log()).sum() / count.sum())

    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    mixed = [[*useful, *(4 + bus for bus in far)] for useful in pairs for far in pairs]
    train, every = task.splits["train"], torch.arange(576)
    assert max(told(train, buses) for buses in mixed) == pytest.approx(math.log(53), abs=1e-5)
    assert told(train, [0, 1, 2]) == pytest.approx(3.16, abs=0.01)  # all that is needed tells less, log 24 at most
    assert {round(told(every, buses), 4) for buses in mixed} == {round(math.log(144), 4)}
