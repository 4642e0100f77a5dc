"""The rules of the tasks, against a second implementation and as properties."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from four_doors import NOTE, four_doors
from slow_city import DOWN, END, LEFT, RIDE, RIGHT, RULES, UP, SlowTrial, buses_of

from course_lib.bilingual import CourseError
from course_lib.tasks import TASKS, Drawn, RunningTrials, TableTask, TrialShape, make_task, map_city, play, task_name

CITIES = tuple(RULES)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scripted(actions):
    """A policy that plays these actions, (T,) or (B, T), whatever it sees; then it waits."""
    actions = torch.as_tensor(actions)
    clock = iter(range(10_000))

    def act(running):
        t = next(clock)
        count = len(running.problem)
        if t >= actions.shape[-1]:
            return torch.full((count,), 4)
        return actions[..., t].expand(count)

    return act


# -- the cities, against plain Python ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CITIES)
def test_every_permutation_of_the_buses_is_one_problem(name):
    task, rules = make_task(name), RULES[name]
    routes = {tuple(buses_of(task, m)[stop] for stop in rules.stops) for m in range(task.problem_count)}
    assert task.problem_count == 24 and len(routes) == 24
    assert all(sorted(route) == sorted(rules.destinations) for route in routes)


@pytest.mark.parametrize("name", CITIES)
def test_random_play_agrees_with_plain_python(name):
    """State, sensing, reward, end, episode and pause, step by step, until well after the trial's end."""
    task, rules, dice = make_task(name), RULES[name], random.Random(name)
    drawn = task.each(copies=12)
    running = task.begin(drawn, generator(1))
    goals = [dice.randint(1, 4) for _ in drawn.index]
    running.set_instruction(torch.tensor(goals))
    slow = [
        SlowTrial(rules, problem, buses_of(task, problem), rules.goals[goal - 1])
        for problem, goal in zip(drawn.index.tolist(), goals, strict=True)
    ]
    seen_as, happened = {}, Counter()
    for _ in range(task.trial.length + 3):
        for lane, trial in enumerate(slow):
            assert task.cell(running.state[lane]) == trial.at
            assert bool(running.resting[lane]) == trial.resting
            assert bool(running.finished[lane]) == trial.over
            assert int(running.episode[lane]) == trial.episode
            instruction = int(running.instruction[lane])
            assert (task.goals[instruction - 1] if instruction else None) == trial.asked
            assert seen_as.setdefault(int(running.symbol[lane]), trial.sees) == trial.sees

        actions = [choose(trial, dice) for trial in slow]
        before = [(trial.at, trial.asked, trial.resting, trial.clock) for trial in slow]
        reward = running.step(torch.tensor(actions))
        for lane, (trial, action) in enumerate(zip(slow, actions, strict=True)):
            expected_reward, ended = trial.act(action)
            assert float(reward[lane]) == pytest.approx(expected_reward, abs=1e-6)
            assert bool(running.done[lane]) == ended
            happened.update(what_happened(rules, before[lane], trial, action, expected_reward, ended))

    assert len(set(seen_as.values())) == len(seen_as)  # symbols and what they stand for: one to one
    expected = {"bus out", "ride without a bus", "wall", "map read"}
    expected |= {"ended early", "time up", "goal", "pause"}
    expected |= {"wrong corner"} if rules.any_goal_ends else {"bus back", "corner without end"}
    assert {what for what in expected if happened[what] < 5} == set()


def choose(trial, dice):
    """Random, but with an eye for buses and corners, so that everything happens often enough."""
    _, has_bus, _ = trial.sees
    if has_bus and dice.random() < 0.4:
        return RIDE
    x, y = trial.at
    if dice.random() < 0.4:
        middle = trial.rules.side // 2
        return dice.choice([RIGHT if x > middle else LEFT, UP if y > middle else DOWN])
    return dice.choices(range(7), weights=[4, 4, 4, 4, 1, 1, 0.3])[0]


def what_happened(rules, before, trial, action, reward, ended):
    at, goal, resting, _ = before
    if resting:
        return ["pause"] if trial.at == rules.start else []
    result = []
    if action == RIDE:
        result.append("bus out" if at in rules.stops and trial.at in rules.destinations else "")
        result.append("bus back" if at in rules.destinations and trial.at in rules.stops else "")
        result.append("ride without a bus" if at not in rules.stops + rules.destinations else "")
    result.append("wall" if action < 4 and trial.at == at else "")
    result.append("ended early" if action == END and goal and reward < -rules.step_cost - 1e-9 else "")
    result.append("time up" if ended and trial.clock == rules.horizon else "")
    result.append("goal" if reward == 1.0 and ended else "")
    result.append("map read" if trial.at == rules.map_at else "")
    result.append("wrong corner" if ended and goal and trial.at in rules.goals and trial.at != goal else "")
    result.append("corner without end" if not ended and trial.at in rules.goals else "")
    return result


@pytest.mark.parametrize("name", CITIES)
def test_ending_at_once_costs_as_much_as_waiting_for_the_end(name):
    task, rules = make_task(name), RULES[name]
    wait, end = [4] * rules.horizon, [END]
    to_execution = [END, 4]  # end the exploration, pass the pause
    waited = play(task, task.each(), generator(), scripted(to_execution + wait)).returns(task.trial)
    ended = play(task, task.each(), generator(), scripted(to_execution + end)).returns(task.trial)
    assert torch.allclose(waited, torch.full((24,), -rules.step_cost * rules.horizon))
    assert torch.allclose(ended, waited)


@pytest.mark.parametrize("name", CITIES)
def test_exploration_pays_nothing_whatever_is_done(name):
    task = make_task(name)
    trials = play(task, task.each(20), generator(), random_policy(generator(3)))
    assert (trials.episode == 0).any() and (trials.reward[trials.episode == 0] == 0).all()


def random_policy(source, actions=7):
    return lambda running: torch.randint(actions, running.state.shape, generator=source)


@pytest.mark.parametrize("name", CITIES)
def test_the_map_tells_the_problem_and_nothing_else_does(name):
    task, rules = make_task(name), RULES[name]
    sense, map_state = task.tables.sense, task.state(rules.map_at)
    elsewhere = [state for state in range(task.tables.states) if state != map_state]
    assert (sense[:, elsewhere] == sense[:1, elsewhere]).all()
    assert len(sense[:, map_state].unique()) == 24
    assert set(sense[:, map_state].tolist()).isdisjoint(sense[:, elsewhere].flatten().tolist())
    features = task.tables.features
    assert len(features.unique(dim=0)) == len(features)  # so that a network can tell the symbols apart
    assert set(sense.unique().tolist()) <= set(range(len(features)))


@pytest.mark.parametrize("name", CITIES)
def test_features_are_cell_bus_and_map(name):
    task, rules = make_task(name), RULES[name]
    for problem in (0, 11, 23):
        for state in range(task.tables.states):
            x, y = cell = task.cell(state)
            expected = np.zeros(2 * rules.side + 1 + 24)
            expected[[x, rules.side + y]] = 1
            expected[2 * rules.side] = cell in rules.stops + rules.destinations
            if cell == rules.map_at:
                expected[2 * rules.side + 1 + problem] = 1
            assert task.tables.features[task.tables.sense[problem, state]].tolist() == expected.tolist()


@pytest.mark.parametrize("name", CITIES)
def test_actions_do_not_change_the_instructions(name):
    task = make_task(name)
    asked = []
    for source in (7, 8):
        trials = play(task, task.each(20), generator(5), random_policy(generator(source)))
        executing = trials.instruction.max(dim=1).values
        ever = (trials.episode == 1).any(dim=1)
        assert ever.all()
        asked.append(executing)
        assert (trials.instruction[trials.episode == 0] == 0).all()
        in_execution = torch.where(trials.episode == 1, trials.instruction, executing[:, None])
        assert (in_execution == executing[:, None]).all()
    assert torch.equal(asked[0], asked[1])


def test_goals_are_drawn_evenly():
    task = make_task("map")
    trials = play(task, task.each(200), generator(0), scripted([END, END, END]))
    counts = trials.instruction[:, -1].bincount(minlength=5)
    assert counts[0] == 0 and (counts[1:] / counts.sum() - 0.25).abs().max() < 0.03  # about 5 standard errors


@pytest.mark.parametrize("name", CITIES)
def test_columns_of_a_trial_fit_together(name):
    task = make_task(name)
    trials = play(task, task.each(10), generator(0), random_policy(generator(1)))
    assert {tuple(column.shape) for column in (trials.state, trials.reward, trials.done, trials.valid)} == {
        tuple(trials.action.shape)
    }
    assert trials.action.shape[1] <= task.trial.length == 2 * task.trial.horizon + 1
    assert (trials.done <= trials.valid).all()  # only a real action ends an episode
    assert (trials.done.sum(dim=1) == 2).all()
    assert (trials.reward[~trials.valid] == 0).all()
    same_episode = trials.episode[:, 1:] == trials.episode[:, :-1]
    assert (trials.arrived[:, :-1] == trials.state[:, 1:])[same_episode].all()
    assert (trials.state[:, 1:][~same_episode] == task.tables.start).all()
    # Exactly one pause lies between the episodes: after the first end, before the second start.
    pauses = ~trials.valid & (trials.episode == 0)
    assert (pauses.sum(dim=1) == 1).all()


def test_returns_count_the_execution_only():
    task = make_task("map")
    trials = play(task, task.each(5), generator(0), random_policy(generator(1)))
    in_execution = (trials.reward * (trials.episode == 1)).sum(dim=1)
    assert torch.allclose(trials.returns(task.trial), in_execution) and (in_execution < 0).any()
    exploration_only = TrialShape(20, (False, True), counted=(True, False))
    assert (trials.returns(exploration_only) == 0).all()


def test_an_empty_batch_is_a_batch():
    for name in ("map", "bandit"):
        task = make_task(name)
        trials = play(task, task.draw(0, generator()), generator(), random_policy(generator(), 2))
        assert trials.state.shape[0] == 0 and trials.returns(task.trial).shape == (0,)


def test_steps_after_the_end_change_nothing():
    task = make_task("map")
    running = task.begin(task.each(), generator())
    for action in (END, END, END):
        running.step(torch.full((24,), action))
    assert running.finished.all()
    before = [running.state, running.clock, running.episode, running.instruction, running.finished]
    for action in range(7):
        assert (running.step(torch.full((24,), action)) == 0).all() and not running.done.any()
        after = [running.state, running.clock, running.episode, running.instruction, running.finished]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


# -- bandits -------------------------------------------------------------------------------------------------


def bandit_with(chances, pulls, copies):
    task = make_task("bandit", arms=len(chances), pulls=pulls)
    tables = task.tables_of(torch.tensor([chances]))
    return task, Drawn(tables, torch.zeros(copies, dtype=torch.int64))


def test_arms_pay_as_often_as_their_chance_says():
    chances = [0.0, 0.1, 0.5, 0.85, 1.0]
    for arm, chance in enumerate(chances):
        task, drawn = bandit_with(chances, pulls=10, copies=2000)
        pull = torch.full((2000,), arm)
        trials = play(task, drawn, generator(arm), lambda running, pull=pull: pull)
        assert set(trials.reward.unique().tolist()) <= {0.0, 1.0}
        rate, error = float(trials.reward.mean()), (chance * (1 - chance) / 20_000) ** 0.5
        assert abs(rate - chance) <= 4 * error


def test_pulls_are_independent_of_each_other():
    task, drawn = bandit_with([0.5, 0.5], pulls=2, copies=20_000)
    reward = play(task, drawn, generator(0), lambda running: torch.zeros_like(running.state)).reward
    both = float((reward[:, 0] * reward[:, 1]).mean())
    assert abs(both - 0.25) < 4 * (0.25 * 0.75 / 20_000) ** 0.5


@pytest.mark.parametrize("pulls", [1, 10])
def test_a_bandit_trial_is_one_pull_an_episode_without_pauses(pulls):
    task = make_task("bandit", arms=3, pulls=pulls)
    trials = play(task, task.draw(50, generator()), generator(1), random_policy(generator(2), 3))
    assert task.trial.length == task.trial.episodes == pulls
    assert trials.reward.shape == (50, pulls)
    assert trials.valid.all() and trials.done.all()
    assert (trials.episode == torch.arange(pulls)).all()
    assert (trials.symbol == 0).all() and (trials.instruction == 0).all()
    assert torch.allclose(trials.returns(task.trial), trials.reward.sum(dim=1))


def test_chances_are_uniform_and_new_for_each_trial():
    task = make_task("bandit", arms=4, pulls=10)
    drawn = task.draw(5000, generator(0))
    chances = drawn.tables.reward[:, 0, 0]
    assert chances.shape == (5000, 4) and drawn.index.tolist() == list(range(5000))
    assert len(chances.flatten().unique()) > 19_000
    assert (chances.mean(dim=0) - 0.5).abs().max() < 4 / (12 * 5000) ** 0.5
    deciles = (chances.flatten() * 10).long().bincount(minlength=10) / chances.numel()
    assert (deciles - 0.1).abs().max() < 0.01


# -- chance and its source -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CITIES, "bandit"])
def test_the_same_generator_gives_the_same_trials(name):
    task = make_task(name)

    def trials_from(seed):
        source = generator(seed)
        return play(task, task.draw(64, source), source, random_policy(source, len(task.actions)))

    first, again, other = trials_from(3), trials_from(3), trials_from(4)
    for column in vars(first):
        assert torch.equal(getattr(first, column), getattr(again, column)), column
    assert not torch.equal(first.action[:, :1], other.action[:, :1])


def test_global_generators_are_left_alone():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    for name in (*CITIES, "bandit"):
        task, source = make_task(name), generator(0)
        play(task, task.draw(8, source), source, random_policy(source, len(task.actions)))
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all() and states[2] == random.getstate()


@pytest.mark.parametrize("name", CITIES)
def test_training_and_test_problems_are_all_24(name):
    task = make_task(name)
    for split in ("train", "test"):
        drawn = task.draw(4800, generator(0), split)
        share = drawn.index.bincount(minlength=24) / 4800
        assert (share - 1 / 24).abs().max() < 0.015  # about 5 standard errors
        assert task.each(2, split).index.bincount().tolist() == [2] * 24


def test_draws_stay_inside_the_split():
    task = map_city()  # a task of our own to change: make_task gives everybody the same
    task.splits = {"train": torch.tensor([3, 5]), "test": torch.tensor([7])}
    assert set(task.draw(100, generator()).index.tolist()) == {3, 5}
    assert set(task.draw(100, generator(), "test").index.tolist()) == {7}
    assert task.each(3).index.tolist() == [7, 7, 7]


# -- names and sizes -----------------------------------------------------------------------------------------


def test_the_name_of_a_task_says_its_size_and_gives_it_again():
    sized = make_task("bandit", pulls=100, arms=10)
    assert sized.name == "bandit arms=10 pulls=100" == task_name("bandit pulls=100", arms=10)
    assert make_task(sized.name) is sized and (sized.arms, sized.pulls) == (10, 100)
    usual = make_task("bandit")
    assert usual.name == "bandit" and make_task("bandit arms=5", pulls=10) is usual
    assert make_task("random-mdp", episodes=25).name == "random-mdp episodes=25"
    assert all(make_task(name).name == name for name in TASKS)


def test_a_value_that_only_equals_a_good_one_is_refused_whatever_was_made_before():
    make_task("bandit", arms=7)
    with pytest.raises(CourseError, match="7.0"):
        make_task("bandit", arms=7.0)


def test_an_unknown_option_is_answered_with_the_known_ones():
    with pytest.raises(CourseError, match="arms, pulls"):
        make_task("bandit", arm=3)
    with pytest.raises(CourseError, match="none"):
        make_task("map", size=3)


# -- mistakes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: make_task("mapp"),
        lambda: make_task("bandit", arms=1),
        lambda: make_task("bandit", pulls=0),
        lambda: make_task("bandit", arm=3),
        lambda: make_task("bandit", arms=[3]),
        lambda: make_task("bandit", arms=5.0),
        lambda: make_task("bandit", arms=True),
        lambda: make_task("bandit pulls"),
        lambda: make_task("bandit pulls=many"),
        lambda: make_task("bandit 10"),
        lambda: make_task("map", arms=3),
        lambda: make_task("random-mdp", episodes=0),
        lambda: make_task("map").draw(1, generator(), "train ing"),
        lambda: make_task("map").check_problem(24),
        lambda: make_task("map").check_problem(-1),
        lambda: make_task("map").check_problem(0.5),
        lambda: make_task("map").check_problem(True),
    ],
)
def test_a_mistake_is_answered_in_both_languages(mistake):
    with pytest.raises(CourseError) as raised:
        mistake()
    message = raised.value.message
    assert any("가" <= letter <= "힣" for letter in message.ko)
    assert not any("가" <= letter <= "힣" for letter in message.en) and message.en.endswith(".")


FITTING = four_doors().tables  # M = 4, I = 2, S = 7, A = 6


def four_doors_with(**changes):
    """The four doors with another of their parts."""
    task = four_doors()
    parts = dict(trial=task.trial, actions=task.actions, train=task.splits["train"], test=task.splits["test"])
    return TableTask("odd", task.title, replace(FITTING, **changes.pop("tables", {})), **parts | changes)


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("next_state", FITTING.next_state.float(), "torch.int64, (M, S, A), with M = 4, S = 7 as in the other tables"),
        ("next_state", FITTING.next_state.short(), "Got torch.int16 (4, 7, 6)"),
        ("next_state", FITTING.next_state[:3], "Got torch.int64 (3, 7, 6)"),
        ("next_state", None, "Got NoneType"),
        ("next_state", FITTING.next_state + 1, "`next_state` of the task must hold integers from 0 to 6"),
        ("next_state", FITTING.next_state - 2, "Got -1 … 4"),
        ("sense", FITTING.sense.float(), "`sense` must be a tensor of torch.int64, (M, S)."),
        ("sense", FITTING.sense.tolist(), "Got list"),
        ("sense", FITTING.sense + 1, "there are 25 symbols (rows of `features`). Got 1 … 25"),
        ("sense", FITTING.sense[0], "Got torch.int64 (7,)"),
        ("reward", FITTING.reward[:, 1], "torch.float32, (M or 1, I, S, A), with M = 4, S = 7, A = 6"),
        ("reward", FITTING.reward.long(), "Got torch.int64 (4, 2, 7, 6)"),
        ("reward", FITTING.reward[:2], "Got torch.float32 (2, 2, 7, 6)"),
        ("ends", FITTING.ends.long(), "`ends` must be a tensor of torch.bool"),
        ("ends", FITTING.ends[:, :1], "with M = 4, S = 7, I = 2 as in the other tables"),
        ("features", FITTING.features.double(), "`features` must be a tensor of torch.float32, (symbols, F)."),
        ("features", FITTING.features[:20], "there are 20 symbols"),
        ("pictures", FITTING.pictures[:3], "`pictures` must be"),
        ("instruction_chance", torch.ones(4, 3), "Got torch.float32 (4, 3)"),
        ("instruction_features", torch.eye(2), "(I − 1, G), with"),
        ("transition", torch.ones(4, 7, 6, 3), "Got torch.float32 (4, 7, 6, 3)"),
        ("start", 7, "`start` of the task must hold integers from 0 to 6"),
    ],
)
def test_tables_that_do_not_fit_are_said_when_they_are_made(name, value, said):
    with pytest.raises(CourseError) as raised:
        replace(FITTING, **{name: value})
    message = raised.value.message
    assert said in message.en and message.en.endswith(".") and f"`{name}`" in message.ko
    assert any("가" <= letter <= "힣" for letter in message.ko)
    assert not any("가" <= letter <= "힣" for letter in message.en)


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(actions=("read", "watch")), "6 actions in its tables and 2 names"),
        (dict(train=torch.tensor([0, 4])), "`train` takes the numbers of problems"),
        (dict(test=torch.tensor([-1])), "`test` takes the numbers of problems"),
        (dict(test=torch.tensor([True] * 4)), "from 0 to 3"),
        (dict(train=[0, 1]), "Got [0, 1]"),
        (dict(train=torch.tensor([], dtype=torch.int64)), "from 0 to 3"),
        (dict(tables=dict(reward=FITTING.reward[:, :1], ends=FITTING.ends[:, :1])), "no instruction but 0"),
    ],
)
def test_a_task_that_does_not_fit_its_tables_is_said_when_it_is_made(changes, said):
    with pytest.raises(CourseError) as raised:
        four_doors_with(**changes)
    assert said in raised.value.message.en
    assert any("가" <= letter <= "힣" for letter in raised.value.message.ko)


def test_other_dtypes_that_work_are_taken():
    """What a learner's tables may be besides: they play the same."""
    whole = dict(next_state=FITTING.next_state.int(), sense=FITTING.sense.int(), reward=FITTING.reward.double())
    other, act = four_doors_with(tables=whole), lambda running: torch.full_like(running.problem, NOTE)
    usual, same = (play(task, task.each(), generator(), act) for task in (four_doors(), other))
    assert all(torch.equal(column, getattr(same, name).to(column.dtype)) for name, column in vars(usual).items())


def test_check_problem_gives_a_good_number_back():
    assert [make_task("map").check_problem(number) for number in (0, 23, 3.0)] == [0, 23, 3]


def test_running_trials_leave_the_drawn_problems_alone():
    task = make_task("homework-map")
    drawn = task.each()
    before = drawn.index.clone()
    running = RunningTrials(task, drawn, generator())
    for _ in range(task.trial.length):
        running.step(torch.full((24,), RIGHT))
    assert torch.equal(drawn.index, before) and torch.equal(running.problem, before)
