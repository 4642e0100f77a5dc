"""The explorer that is paid for what knowing the problem would have predicted: information, and no noise."""

import itertools
import math

import pytest
import torch
from four_doors import NOTE, four_doors
from test_mame import DOORS, SMALL, exact_chances, explored, same

from course_lib import training
from course_lib.agents import curious, metacure
from course_lib.bilingual import CourseError
from course_lib.exact import exploration_information
from course_lib.tasks import Drawn, make_task, play


def snapshots(task="noisy-tv", seed=3, count=99, resume=None, **settings):
    return list(itertools.islice(training.stream("metacure", task, seed, resume=resume, **SMALL | settings), count))


def batch(task, seed=0):
    """A task's untrained networks, and steps to predict."""
    generator = torch.Generator().manual_seed(seed)
    parts = metacure.Networks(task, metacure.Settings(memory=16, foresight=16), generator)
    symbol = torch.randint(81, (6, 9), generator=generator)
    action, acted = torch.randint(6, (6, 8), generator=generator), torch.ones(6, 8, dtype=torch.bool)
    return parts, (task.tables.features, symbol, action, acted), torch.arange(6)


# ---- what is paid --------------------------------------------------------------------------------------------


def test_the_pay_is_what_the_insider_knew_better():
    guessed, informed = torch.tensor([[0.5, 0.25, 0.1]]).log(), torch.tensor([[0.5, 1.0, 0.05]]).log()
    expected = torch.tensor([[0.0, math.log(4), -math.log(2)]])
    torch.testing.assert_close(metacure.empowerment(guessed, informed), expected)


@pytest.mark.parametrize("name", ["four-doors", "noisy-tv", "homework-map"])
def test_with_exact_predictors_an_episode_is_paid_the_exact_information(name):
    """The noise cancels, and by the chain rule the rest adds up: I(τ; μ), trial by trial."""
    task = four_doors() if name == "four-doors" else make_task(name)
    generator = torch.Generator().manual_seed(0)
    drawn = Drawn(task.tables, torch.arange(task.problem_count).repeat_interleave(4))
    free = 6 if task.end_action else len(task.actions)
    trials = play(task, drawn, generator, lambda running: torch.randint(free, drawn.index.shape, generator=generator))
    paid = metacure.empowerment(*exact_chances(task, trials)).sum(dim=1)
    told = exploration_information(task.tables, trials)
    assert told.max() > 1
    torch.testing.assert_close(paid, told, atol=1e-4, rtol=1e-4)


def test_before_it_has_learned_anything_nobody_is_paid():
    parts, step, problem = batch(make_task("map"))
    guessed, informed = parts.log_chances(*step, problem)
    assert (guessed < 0).all()
    assert metacure.empowerment(guessed, informed).abs().max() < 1e-5


def test_only_the_insider_is_told_the_problem_and_it_never_teaches_the_other():
    parts, step, problem = batch(make_task("map"))
    torch.nn.init.normal_(parts.insider.out.weight)
    guessed, informed = parts.log_chances(*step, problem)
    other, elsewhere = parts.log_chances(*step, problem + 6)
    assert torch.equal(guessed, other) and not torch.equal(informed, elsewhere)
    torch.testing.assert_close(guessed, parts_of_mame(parts, step, problem))
    informed.sum().backward()
    assert all(part.grad is None for part in (*parts.shown.parameters(), *parts.outsider.parameters()))
    assert parts.insider.problem.weight.grad is not None


def parts_of_mame(parts, step, problem):
    return curious.Networks.log_chances(parts, *step, problem)[0]


# ---- learning ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_reads_the_note_and_leaves_the_screen_alone(seed):
    """Without exploring 0.9 is the best; the same training with surprise as pay ends there (test_mame)."""
    *_, last = metacure.train(four_doors(), DOORS, torch.Generator().manual_seed(seed))
    assert (explored(last) == NOTE).any(dim=1).all()
    assert last.metrics["information"] == pytest.approx(math.log(4), abs=1e-5)
    assert last.metrics["test_return"] > 0.95


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again) and "watched" in first.metrics
    assert not torch.equal(first.hidden, another.hidden)


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    whole = snapshots()
    halfway = training.stream("metacure", "noisy-tv", 3, **SMALL)
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"))
    assert resumed[-1].update == 32
    assert same(whole[-1], resumed[-1])


def test_the_predictors_never_meet_a_test_problem(monkeypatch):
    met = []
    guessed = metacure.Networks.log_chances

    def watched(parts, table, symbol, action, acted, problem):
        met.append(problem)
        return guessed(parts, table, symbol, action, acted, problem)

    monkeypatch.setattr(metacure.Networks, "log_chances", watched)
    # These would take ten seconds of solving, and nothing of them is wanted here.
    monkeypatch.setattr("course_lib.agents.dream.references_of", lambda task: {})
    monkeypatch.setattr("course_lib.agents.dream.perfect_exploration", lambda task: None)
    monkeypatch.setattr(curious, "looked_at", lambda task, trials: {})
    snapshots("distracting-bus", updates=16)
    train, test = (set(make_task("distracting-bus").splits[name].tolist()) for name in ("train", "test"))
    assert met and set(torch.cat(met).tolist()) <= train and not train & test


def test_a_learners_own_function_is_trained_with():
    called = []

    def mine(guessed, informed):
        called.append(guessed.shape)
        return informed - guessed

    own = list(training.stream("metacure", "homework-map", 3, functions={"pay": mine}, **SMALL))
    assert called and same(own[-1], snapshots("homework-map")[-1])


def test_a_bandit_has_no_exploration_episode():
    with pytest.raises(CourseError, match="metacure needs"):
        list(metacure.train(make_task("bandit"), metacure.Settings(), torch.Generator().manual_seed(0)))


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    broken = {"predicting": lambda log_chance, acted: log_chance.sum() * float("nan")}
    with pytest.raises(CourseError, match="predictor_rate"):
        list(training.stream("metacure", "map", functions=broken, **SMALL))
