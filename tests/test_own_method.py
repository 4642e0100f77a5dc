"""A task and a method of one's own, as lesson 05 asks for them: what they need is told, and what they lack is said."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, dataclass, fields

import pytest
import torch

from course_lib import results, training
from course_lib.bilingual import CourseError
from course_lib.lesson import cards, head_to_head
from course_lib.lesson.head_to_head import look
from course_lib.tasks import Tables, TableTask, TrialShape, make_task
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


@pytest.mark.parametrize("train", [nothing_yielded, returning, returning_nothing, yielding_numbers])
def test_a_method_without_a_snapshot_is_said(train, monkeypatch):
    monkeypatch.setitem(training.METHODS, "mine", Method(train, {"revealing-arm": Settings()}))
    with pytest.raises(CourseError, match="Yield at least one `look") as raised:
        results.train_cell(results.Cell("mine", TASK.name, 0))
    assert train.__name__ in raised.value.message.ko and "내놓지 않았습니다" in raised.value.message.ko


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
