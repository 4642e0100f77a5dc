"""A task and a method of one's own, as lesson 05 asks for them: what they need is told, and what they lack is said."""

from __future__ import annotations

import inspect
import math
from dataclasses import MISSING, dataclass, fields, replace

import pytest
import torch
from four_doors import four_doors

from course_lib import results, training
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import (
    PosteriorSampling, pearl_upper_bound, references_of, rewards_tell_more, why_not_exact,
)  # fmt: skip
from course_lib.lesson import cards, head_to_head
from course_lib.lesson.exercises.lesson05 import two_boards
from course_lib.lesson.head_to_head import look
from course_lib.tasks import Tables, TableTask, TrialShape, make_task, play
from course_lib.training import Method

TASK = make_task("revealing-arm", arms=4)


@dataclass(frozen=True)
class Settings:
    updates: int = 2


def pulling(arm):
    def policy(dice):
        def act(running):
            return torch.full_like(running.clock, arm)

        return act

    return policy


def any_arm(task, settings, generator, resume=None, *, pull=pulling):
    """Whatever arm was drawn last is pulled, always."""
    arm = 0
    for update in range(settings.updates + 1):
        yield look("any-arm", task, pull(arm), update=update, env_steps=update, seconds=0.1 * update)
        arm = int(torch.randint(len(task.actions), (), generator=generator))


def looking(policy):
    return look("mine", TASK, policy, update=0, env_steps=0, seconds=0.0)


# -- methods --------------------------------------------------------------------------------------------------


def test_a_method_of_ones_own_is_trained_as_the_others_are(monkeypatch):
    monkeypatch.setitem(training.METHODS, "any-arm", Method(any_arm, {"revealing-arm": Settings()}))
    own = [snapshot.metrics for snapshot in training.stream("any-arm", TASK.name, seed=3)]
    assert own == [one.metrics for one in any_arm(TASK, Settings(), training.seeded(3, "cpu"))] and len(own) == 3
    assert results.train_cell(results.Cell("any-arm", TASK.name, 3))["test_return"] == own[-1]["test_return"]
    (first, *_) = training.stream("any-arm", TASK.name, functions={"pull": lambda arm: pulling(3)})
    assert (first.trials.action[first.trials.valid] == 3).all()  # a function of its own reaches it


def nothing_yielded(task, settings, generator, resume=None):
    yield from ()


def returning(task, settings, generator, resume=None):
    return looking(pulling(0))


def returning_nothing(task, settings, generator, resume=None):
    looking(pulling(0))


def yielding_numbers(task, settings, generator, resume=None):
    yield 0.5


def yielding_a_number_later(task, settings, generator, resume=None):
    yield looking(pulling(0))
    yield 0.5


@pytest.mark.parametrize(
    "train", [nothing_yielded, returning, returning_nothing, yielding_numbers, yielding_a_number_later]
)
def test_a_method_without_a_snapshot_is_said(train, monkeypatch):
    monkeypatch.setitem(training.METHODS, "mine", Method(train, {"revealing-arm": Settings()}))
    with pytest.raises(CourseError, match="Yield at least one `look") as raised:
        results.train_cell(results.Cell("mine", TASK.name, 0))
    assert train.__name__ in raised.value.message.ko and "내놓지 않았습니다" in raised.value.message.ko
    place = {yielding_numbers: "1. 0.5", yielding_a_number_later: "2. 0.5"}.get(train)
    assert place is None or all(place in words for words in raised.value.message)


def test_a_training_that_is_left_is_closed(monkeypatch):
    held = []  # or it would be closed by nobody needing it any more

    def endless():
        while True:
            yield looking(pulling(0))

    def train(task, settings, generator, resume=None):
        held.append(endless())
        return held[0]

    monkeypatch.setitem(training.METHODS, "mine", Method(train, {"revealing-arm": Settings()}))
    running = training.stream("mine", TASK.name)
    next(running)
    running.close()
    assert next(held[0], None) is None


def of_three(task, settings, generator):
    yield looking(pulling(0))


@pytest.mark.parametrize("train, got", [(of_three, "of_three(task, settings, generator)"), (5, "int"), (lambda: 0, "()")])
def test_a_method_of_other_arguments_is_said(train, got):
    with pytest.raises(CourseError) as raised:
        Method(train, {"revealing-arm": Settings()})
    for message in raised.value.message:
        assert "def my_method(task, settings, generator, resume=None)" in message and got in message


@pytest.mark.parametrize("settings", [{}, None, Settings(), {"map": Settings}, {"map": {"updates": 3}}])
def test_settings_of_another_kind_are_said(settings):
    with pytest.raises(CourseError, match="names of tasks and dataclasses"):
        Method(any_arm, settings)


def test_numbers_may_be_tensors_and_anything_else_is_told():
    one = look("mine", TASK, pulling(0), update=torch.tensor(3), env_steps=torch.tensor(96.0), seconds=torch.tensor(0.5),
               train_return=torch.tensor([1.5]))  # fmt: skip
    kinds = [type(value) for value in (one.update, one.env_steps, one.seconds, one.metrics["train_return"])]
    assert kinds == [int, int, float, float] and one.env_steps == 96
    right = dict(update=0, env_steps=0, seconds=0.0)
    for name, wrong in (
        ("env_steps", "96"), ("env_steps", 0.5), ("env_steps", float("inf")), ("update", None), ("seconds", torch.zeros(2)),
        ("update", -1), ("update", True), ("seconds", float("nan")), ("seconds", -0.5), ("seconds", 10**400),
        ("loss", "low"), ("loss", torch.zeros(3)),
    ):  # fmt: skip
        with pytest.raises(CourseError, match=f"argument {name} can't be"):
            look("mine", TASK, pulling(0), **right | {name: wrong})


def test_a_task_by_its_name_is_told():
    with pytest.raises(CourseError, match="argument task can't be 'map'"):
        look("mine", "map", pulling(0), update=0, env_steps=0, seconds=0.0)


def test_going_on_from_a_finished_training_gives_nothing_more():
    settings = dict(updates=1, trials=8)
    *_, last = training.stream("rl2", "bandit", seed=0, **settings)
    assert list(training.stream("rl2", "bandit", seed=0, resume=last.checkpoint(), **settings)) == []


# -- policies -------------------------------------------------------------------------------------------------


def act_by_the_clock(running):
    return torch.where(running.clock > 0, 1, 0)


def act_blindly(running):
    return torch.zeros(6, dtype=torch.int64)


def no_dice():
    return act_blindly


def act_of_two(dice):
    return lambda running, clock: running.clock


@pytest.mark.parametrize(
    "policy", [act_by_the_clock, act_blindly, no_dice, act_of_two, lambda dice: None, torch.zeros(6), None]
)
def test_a_policy_that_is_none_is_said(policy):
    with pytest.raises(CourseError, match="takes the dice and returns act") as raised:
        looking(policy)
    assert "`return act`" in raised.value.message.ko


def test_an_error_of_the_policy_itself_stays_what_it_is():
    with pytest.raises(AttributeError, match="no_such"):
        looking(lambda dice: torch.no_such)
    with pytest.raises(AttributeError, match="watch"):
        looking(lambda dice: lambda running: running.watch)


# -- what is told ---------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    collected = []
    monkeypatch.setattr(cards, "show", collected.append)
    return collected


def test_all_that_a_task_needs_is_told(shown):
    head_to_head.what_a_task_needs()
    needed = [f.name for kind in (Tables, TrialShape) for f in fields(kind) if f.default is MISSING]
    needed += [p.name for p in inspect.signature(TableTask).parameters.values() if p.default is p.empty]
    explained = {"next_state", "reward", "sense"}  # by the exercise
    plain = {"name", "title", "tables", "trial", "actions"}
    assert [name for name in needed if name not in explained | plain and f"<code>{name}" not in shown[0]] == ["test"]
    assert "train, test" in shown[0]


def test_all_that_a_method_needs_is_told(shown):
    head_to_head.what_a_method_needs()
    for code in ("resume=None", "policy(dice)", "act(running)", "running.clock", "running.instruction", "update=0"):
        assert code in shown[0]
    running = TASK.begin(TASK.each(), torch.Generator().manual_seed(0))
    for name in ("clock", "instruction", "symbol", "reward"):
        assert f"running.{name}" in shown[0] and len(getattr(running, name)) == 3


# -- what is exact of a task of one's own ------------------------------------------------------------------------


def own_boards(change=None, counted=(False, True)):
    """The lesson's two boards, three doors and two of them with the big prize; ``change`` alters the rewards."""
    next_state, reward, sense = two_boards(3, 2, 0.2)
    if change is not None:
        reward = change(reward)
    every, ends = torch.arange(6), torch.zeros(1, 3, 3, dtype=torch.bool)
    tables = Tables(next_state, reward, ends, sense, features=torch.eye(6), start=0)
    trial = TrialShape(1, [False, True], list(counted))  # lists are as good as tuples
    names = ("A", "B", *map(str, range(3)))
    return TableTask("own-boards", Bilingual("게시판", "boards"), tables, trial, names, train=every, test=every)


def with_exploration_paid(reward):
    """Reading costs, which is not counted."""
    reward = reward.clone()
    reward[:, 0, :, :2] = -0.1
    return reward


def test_what_exploring_pays_is_in_no_exact_value_where_it_is_not_counted(monkeypatch):
    monkeypatch.setattr(cards, "show", lambda card: None)
    plain, paid = (head_to_head.exact_predictions(own_boards(change)) for change in (None, with_exploration_paid))
    assert plain == pytest.approx(paid, abs=1e-5)
    assert plain["optimum"] == pytest.approx(0.5 * (0.2 / 3 + 1), abs=1e-5)  # board B is read


def test_exact_values_have_the_unit_of_the_reward(monkeypatch):
    monkeypatch.setattr(cards, "show", lambda card: None)
    one, thousand = (head_to_head.exact_predictions(own_boards(lambda reward, k=k: k * reward)) for k in (1, 1000))
    assert {name: value / 1000 for name, value in thousand.items()} == pytest.approx(one, abs=1e-3)


def telling(reward):
    """Exploring in the lobby pays more where the big prize is behind the second door."""
    reward = reward.clone()
    reward[1::2, 0, 0] = 1.0
    return reward


@pytest.mark.parametrize(
    "task, said",
    [
        (lambda: own_boards(counted=(True, True)), r"counted=\(False, True\)"),
        (lambda: own_boards(telling), "may tell more of the problem than what is sensed"),
        (lambda: two_rooms(pauses=False), "Leave `pauses` out"),
        (lambda: two_rooms(sense=[[0, 1, 1], [0, 1, 1]]), "From state 0 action 0 leads to different states"),
        (lambda: two_rooms(sense=[[0, 1, 2], [3, 1, 2]]), "sensed in the start state differs"),
        (lambda: two_rooms(end_action=0), "The action that ends an episode"),
        (lambda: two_rooms(train=torch.tensor([0])), "1 problems are neither"),
    ],
    ids=("exploration counted", "a reward that tells", "no pause", "alike", "start", "end action", "never drawn"),
)
def test_a_task_whose_values_would_not_be_exact_is_refused(task, said):
    for compute in (head_to_head.exact_predictions, head_to_head.exact_lanes):
        with pytest.raises(CourseError, match=said):
            compute(task())


def two_rooms(sense=((0, 1, 2), (0, 1, 2)), pauses=True, train=torch.arange(2), end_action=None):
    """Action 0 leads from anywhere to room 1 in problem 0 and to room 2 in problem 1; then action m pays in problem m."""
    next_state = torch.tensor([[[1, 0]] * 3, [[2, 0]] * 3])
    reward = torch.zeros(2, 2, 3, 2)
    reward[0, 1, :, 0] = reward[1, 1, :, 1] = 1.0
    tables = Tables(next_state, reward, torch.zeros(1, 2, 3, dtype=torch.bool), torch.tensor(sense), torch.eye(4), start=0)
    trial = TrialShape(1, (False, True), (False, True), pauses=pauses)
    return TableTask("rooms", Bilingual("방", "rooms"), tables, trial, ("go", "stay"), train=train, test=train,
                     end_action=end_action)  # fmt: skip


def test_where_the_values_are_exact_a_task_is_not_refused(monkeypatch):
    monkeypatch.setattr(cards, "show", lambda card: None)
    assert head_to_head.exact_predictions(two_rooms())["optimum"] == pytest.approx(1.0)
    named = [make_task(name) for name in ("map", "distracting-bus", "hurried-bus", "noisy-tv", "cooking", "revealing-arm")]
    assert [why_not_exact(task) for task in (*named, own_boards(), four_doors(1))] == [None] * 8
    doubled = own_boards(lambda reward: reward.double())
    assert head_to_head.exact_predictions(doubled)["optimum"] == pytest.approx(0.5 * (0.2 / 3 + 1), abs=1e-5)


def nearly_as_telling():
    """Board A halves 32 problems; board B parts them 15 to 17, and what it shows is what pays."""
    problem = torch.arange(32)
    shows = torch.stack([(problem % 2), (problem < 15).long()], dim=1)  # (M, 2)
    sense = torch.cat([torch.zeros(32, 1, dtype=torch.int64), 1 + shows + torch.tensor([0, 2])], dim=1)
    reward = torch.zeros(32, 2, 3, 2)
    reward[problem, 1, :, shows[:, 1]] = 1.0
    tables = Tables(torch.tensor([1, 2]).expand(32, 3, 2), reward, torch.zeros(1, 2, 3, dtype=torch.bool), sense, torch.eye(5),
                    start=0)  # fmt: skip
    return TableTask("nearly", Bilingual("거의", "nearly"), tables, TrialShape(1, (False, True), (False, True)), ("A", "B"),
                     train=problem, test=problem)  # fmt: skip


def test_most_information_is_no_mixture_where_another_exploration_tells_nearly_as_much():
    found = head_to_head.most_information_first(nearly_as_telling())
    assert found["information"] == pytest.approx(math.log(2), abs=1e-4)
    assert found["return"] == pytest.approx(17 / 32, abs=0.01)  # board A tells nothing of what pays


def test_exact_sampling_asks_as_often_as_the_task_does(monkeypatch):
    rarely = replace(own_boards().tables, instruction_chance=torch.tensor([[0.0, 1.0, 0.0]]).repeat(6, 1))
    task = own_boards()
    task.tables = rarely
    assert pearl_upper_bound(task)["return"] != pytest.approx(pearl_upper_bound(own_boards())["return"], abs=0.01)
    drawn = task.each(4000)
    dice = torch.Generator().manual_seed(0)
    played = play(task, drawn, dice, PosteriorSampling(task, dice), torch.ones(len(drawn.index), dtype=torch.int64))
    assert pearl_upper_bound(task)["return"] == pytest.approx(float(played.returns(task.trial).mean()), abs=0.02)
    uneven = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).repeat(3, 1)
    task = own_boards()
    task.tables = replace(rarely, instruction_chance=uneven)
    with pytest.raises(CourseError, match="Let all rows"):
        pearl_upper_bound(task)


def many_doors(doors):
    """Behind one of the doors lies the prize; opening one shows whether it is there."""
    every = torch.arange(doors)
    next_state = (every + 1).expand(doors, doors + 1, doors)
    sense = torch.cat([torch.zeros(doors, 1, dtype=torch.int64), 1 + 2 * every + torch.eye(doors, dtype=torch.int64)], dim=1)
    reward = torch.zeros(doors, 2, doors + 1, doors)
    reward[every, 1, :, every] = 1.0
    tables = Tables(next_state, reward, torch.zeros(1, 2, doors + 1, dtype=torch.bool), sense, torch.eye(2 * doors + 1), start=0)
    return TableTask("many-doors", Bilingual("많은 문", "many doors"), tables, TrialShape(2, (False, True), (False, True)),
                     tuple(map(str, range(doors))), train=every, test=every)  # fmt: skip


def test_a_task_too_large_for_exact_values_is_told_and_trained_on_without_them():
    task = many_doors(14)
    with pytest.raises(CourseError, match="Use fewer problems"):
        head_to_head.exact_predictions(task)
    found = look("mine", task, pulling(0), update=0, env_steps=0, seconds=0.0)
    assert "no_exploration_return" not in found.references and found.metrics["test_return"] == pytest.approx(2 / 14)
    assert "no_exploration_return" in references_of(many_doors(4))


def test_references_of_a_task_are_exact_or_missing():
    assert references_of(own_boards(telling)).keys() <= {"optimal_return"}


def test_no_reward_of_the_courses_own_tasks_tells_more_than_what_is_sensed():
    named = [make_task(name) for name in ("map", "homework-map", "noisy-tv", "hurried-bus", "revealing-arm")]
    assert not any(map(rewards_tell_more, [*named, own_boards(), four_doors(1)]))
    assert not rewards_tell_more(own_boards(lambda reward: reward + 1e-8 * torch.arange(len(reward))[:, None, None, None]))
    bandit = torch.eye(3)[:, None, None]  # arm m pays in problem m, and nothing else can be seen
    tables = Tables(torch.zeros(3, 1, 3, dtype=torch.int64), bandit, torch.zeros(1, 1, 1, dtype=torch.bool),
                    torch.zeros(3, 1, dtype=torch.int64), torch.eye(1), start=0)  # fmt: skip
    every, trial = torch.arange(3), TrialShape(3, (False,), (True,))
    names = Bilingual("팔", "arms")
    assert rewards_tell_more(TableTask("arms", names, tables, trial, ("a", "b", "c"), train=every, test=every))


@pytest.mark.parametrize("wrong", [lambda running: None, lambda running: [0] * len(running.clock), lambda running: 0])
def test_an_action_that_is_no_tensor_is_told(wrong):
    with pytest.raises(CourseError, match="missing `return` in `act`"):
        looking(lambda dice: wrong)


def judged_elsewhere(task, settings, generator, resume=None):
    yield look("mine", make_task("map"), pulling(0), update=0, env_steps=0, seconds=0.0)


def test_a_method_that_is_judged_on_another_task_is_told(monkeypatch):
    monkeypatch.setitem(training.METHODS, "mine", Method(judged_elsewhere, {"homework-map": Settings()}))
    with pytest.raises(CourseError, match="was judged on map"):
        next(training.stream("mine", "homework-map", 0))


def with_numbers(**changes):
    next_state, reward, sense = two_boards(3, 2, 0.2)
    tables = dict(next_state=next_state, reward=reward, ends=torch.zeros(1, 3, 3, dtype=torch.bool), sense=sense,
                  features=torch.eye(6), start=0)  # fmt: skip
    return Tables(**(tables | changes))


CHANCE = torch.tensor([[0.0, 0.5, 0.5]]).repeat(6, 1)


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(start=0.0), "the number of a state"),
        (dict(start=True), "the number of a state"),
        (dict(features=torch.full((6, 6), float("nan"))), "`features` holds NaN"),
        (dict(reward=torch.full((6, 3, 3, 5), float("inf"))), "`reward` holds NaN or infinity"),
        (dict(reward_noise="gauss"), "one of none, bernoulli, normal"),
        (dict(instruction_chance=2 * CHANCE), "adding up to 1"),
        (dict(instruction_chance=CHANCE.flip(1)), "must be 0"),
        (dict(next_state=None, transition=torch.full((6, 3, 5, 3), 0.2)), "`transition` must hold chances"),
        (dict(next_state=torch.zeros(6, 3, 0, dtype=torch.int64), reward=torch.zeros(6, 3, 3, 0)), "at least one state"),
    ],
)
def test_numbers_that_no_table_can_hold_are_told(changes, said):
    with pytest.raises(CourseError, match=said) as raised:
        with_numbers(**changes)
    assert raised.value.message.ko != raised.value.message.en
    assert with_numbers(instruction_chance=CHANCE).instructions == 3


@pytest.mark.parametrize("instructed", [True, None, "ab", (0, 1), torch.tensor([False, True])])
def test_an_instructed_that_is_no_tuple_of_truth_values_is_told(instructed):
    with pytest.raises(CourseError, match="True or False for each episode"):
        TrialShape(1, instructed, (False, True))


@pytest.mark.parametrize("action", [5, -1, "a", 1.0, True])
def test_an_end_action_that_is_none_is_told(action):
    every, names = torch.arange(6), ("A", "B", "0", "1", "2")
    with pytest.raises(CourseError, match="`end_action` takes the number of an action, from 0 to 4"):
        TableTask("own", Bilingual("내", "own"), with_numbers(), TrialShape(1, (False, True), (False, True)), names,
                  train=every, test=every, end_action=action)  # fmt: skip
