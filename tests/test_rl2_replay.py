"""The fair control: DREAM's optimiser without its decoupling. What is paid, and that nobody is told the problem."""

import itertools

import pytest
import torch

from course_lib import training
from course_lib.agents import dream, rl2_replay
from course_lib.bilingual import CourseError
from course_lib.tasks import make_task

SMALL = dict(updates=48, trials=48, batch=16, memory=16, evaluate_every=16)


def snapshots(task="map", seed=3, count=99, resume=None, **settings):
    stream = training.stream("rl2-replay", task, seed, resume=resume, **SMALL | settings)
    return list(itertools.islice(stream, count))


def same(one, other):
    return torch.equal(one.hidden, other.hidden) and one.metrics == other.metrics


def test_exploration_is_paid_once_what_execution_expects():
    """Watch what the explorer learns from, and compare it with the executor's values by hand."""
    task, seen = make_task("cooking"), []

    def worth(executor, task, tables, problem, memory):
        found = rl2_replay.worth_of_memory(executor, task, tables, problem, memory)
        start = tables.sense[problem, tables.start]
        best = executor.values(tables.features, start, memory).max(dim=-1).values
        for b in range(len(problem)):
            kitchen = task.contents(int(problem[b]))
            asked = [1 + 4 * first + second for first in kitchen for second in kitchen]  # each of nine alike
            by_hand = torch.stack([best[b, recipe - 1] for recipe in asked]).mean()
            torch.testing.assert_close(found[b], by_hand)
        seen.append(found)
        return found

    list(training.stream("rl2-replay", "cooking", 0, functions={"worth": worth}, **SMALL | dict(updates=8)))
    assert len(seen) == 8
    assert task.problem_count == 64


def test_nobody_tells_the_executor_the_problem():
    """With the same memory, whatever the problem, the same actions: problems that look alike are played alike."""
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    networks = rl2_replay.Networks(task, dream.Settings(memory=16), generator)
    still = torch.tensor([task.end_action])  # exploration that ends at once shows nothing
    goals = torch.ones(24, dtype=torch.int64)
    settings = dream.Settings(memory=16)
    trials, _ = dream.play_trials(
        networks, task, task.each(), settings, generator, script=still, instruction=goals
    )
    begins = (trials.episode == 1).int().argmax(dim=1)  # what execution does before anything could be seen
    first = trials.action[torch.arange(24), begins]
    assert (trials.symbol[torch.arange(24), begins] == trials.symbol[0, begins[0]]).all()
    assert (first == first[0]).all()


def test_the_executors_loss_trains_what_the_explorer_remembers():
    """End to end: in DREAM no gradient goes from execution to exploration, here it does."""
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    networks = rl2_replay.Networks(task, dream.Settings(memory=16), generator)
    zeros = torch.zeros(2, 3, dtype=torch.int64)
    step = (task.tables.features, zeros, zeros[:, :2], torch.ones(2, 2, dtype=torch.bool))
    memory = networks.decoder.guess(networks.explorer.memory(*step)[:, -1])
    networks.executor.values(task.tables.features, zeros[:, 0], memory).sum().backward()
    assert networks.explorer.memory.did.weight.grad.abs().sum() > 0


def test_same_seed_same_numbers_and_resumes_to_them(tmp_path):
    whole = snapshots()
    assert whole[-1].method == "rl2-replay" and same(whole[-1], snapshots()[-1])
    assert "information_bound" not in whole[-1].metrics and "information" in whole[-1].metrics
    half = training.stream("rl2-replay", "map", 3, **SMALL)
    next(half)
    training.save_whole(next(half).checkpoint(), tmp_path / "half.pt")
    assert same(whole[-1], snapshots(resume=training.load_whole(tmp_path / "half.pt"))[-1])


def test_it_learns_to_do_without_exploring():
    """Walking is worth 0.1, and that it finds soon; ending exploration early or late costs nothing."""
    last = snapshots("homework-map", 1, updates=400, trials=240, batch=64, memory=64, evaluate_every=400)[-1]
    assert last.metrics["test_return"] > -0.3  # from −3 before training


def test_a_bandit_has_no_exploration_episode():
    with pytest.raises(CourseError, match="map"):
        list(rl2_replay.train(make_task("bandit"), dream.Settings(), torch.Generator().manual_seed(0)))


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    nan = {"worth": lambda executor, task, tables, problem, memory: memory.sum(dim=1) * float("nan")}
    with pytest.raises(CourseError, match="executor_rate"):
        list(training.stream("rl2-replay", "map", functions=nan, **SMALL))
