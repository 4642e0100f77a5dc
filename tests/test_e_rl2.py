"""E-RL²: what is counted, and that nothing else differs from RL²."""

import pytest
import torch

from course_lib import training
from course_lib.agents import e_rl2, rl2
from course_lib.bilingual import CourseError
from course_lib.tasks import make_task

SMALL = dict(updates=4, trials=24, evaluate_every=2)


def last(method, task, **settings):
    *_, snapshot = training.stream(method, task, 5, **SMALL | settings)
    return snapshot


@pytest.mark.parametrize(
    ("counted", "explore", "expected"),
    [
        ((True, True, True), 1, (False, True, True)),
        ((True, True, True), 0, (True, True, True)),
        ((False, True), 1, (False, True)),
        ((False, True, True), 2, (False, False, True)),
    ],
)
def test_the_first_episodes_are_not_counted(counted, explore, expected):
    assert e_rl2.counted_episodes(counted, explore) == expected


def test_where_exploring_pays_nothing_it_is_rl2():
    ours, theirs = last("e-rl2", "map"), last("rl2", "map")
    assert ours.method == "e-rl2" and torch.equal(ours.hidden, theirs.hidden) and ours.metrics == theirs.metrics


def test_with_no_exploration_episode_it_is_rl2_everywhere_and_with_one_it_is_not():
    theirs = last("rl2", "gridnavi")
    assert torch.equal(last("e-rl2", "gridnavi", exploration_episodes=0).hidden, theirs.hidden)
    assert not torch.equal(last("e-rl2", "gridnavi").hidden, theirs.hidden)


def test_what_exploration_pays_is_learned_by_nobody_but_what_execution_pays_is():
    """Change the rewards of one part of every trial, and see whether the targets of learning change."""
    task = make_task("gridnavi")
    judge = rl2.Judge(
        task, e_rl2.SETTINGS["gridnavi"], rl2.rl2_input, rl2.carry_hidden_state, "e-rl2", (False, True, True, True)
    )
    generator = torch.Generator().manual_seed(0)
    policy = rl2.Policy(task.sensed_size + 5 + 2, 8, 5, generator)
    trials, _, _ = rl2.play_trials(policy, task, task.draw(16, generator), generator, greedy=False)
    learned, *_ = judge.lesson(trials)
    first = trials.episode == 0
    assert (learned[first] == 0).all() and (trials.reward[first] != 0).all()
    assert torch.equal(learned[~first], trials.reward[~first])


def test_it_resumes_to_the_same_numbers(tmp_path):
    half = training.stream("e-rl2", "gridnavi", 5, **SMALL)
    next(half)
    training.save_whole(next(half).checkpoint(), tmp_path / "half.pt")
    *_, resumed = training.stream("e-rl2", "gridnavi", 5, resume=training.load_whole(tmp_path / "half.pt"), **SMALL)
    whole = last("e-rl2", "gridnavi")
    assert torch.equal(whole.hidden, resumed.hidden) and whole.metrics == resumed.metrics


def test_a_trial_of_exploration_alone_is_refused():
    with pytest.raises(CourseError, match="exploration_episodes"):
        last("e-rl2", "map", exploration_episodes=2)
