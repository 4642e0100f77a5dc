"""The explorer that is paid for surprise: what a surprise is, and that it watches television."""

import itertools
import math

import pytest
import torch
from four_doors import NOTE, PICTURES, SCREEN, four_doors

from course_lib import training
from course_lib.agents import curious, dream, mame
from course_lib.bilingual import CourseError
from course_lib.exact import possible_problems
from course_lib.tasks import Drawn, make_task, play

SMALL = dict(updates=32, trials=32, batch=16, memory=16, foresight=16, evaluate_every=16)
DOORS = curious.Settings(
    updates=240, trials=48, batch=32, memory=16, foresight=16, code=4, replay=2000, evaluate_every=240
)


def snapshots(task="noisy-tv", seed=3, count=99, resume=None, **settings):
    return list(itertools.islice(training.stream("mame", task, seed, resume=resume, **SMALL | settings), count))


def same(one, other):
    return torch.equal(one.hidden, other.hidden) and one.metrics == other.metrics


def explored(snapshot):
    """What was done while exploring: (B, 2)."""
    return snapshot.trials.action[:, :2]


# ---- what is paid --------------------------------------------------------------------------------------------


def test_a_surprise_is_what_was_not_expected():
    chance = torch.tensor([[1.0, 0.5, 0.01]])
    torch.testing.assert_close(mame.surprise(chance.log()), torch.tensor([[0.0, math.log(2), math.log(100)]]))


def test_predictions_are_judged_by_what_then_came():
    generator = torch.Generator().manual_seed(0)
    log_chances = torch.randn(3, 4, 6, generator=generator).log_softmax(dim=-1)
    symbol = torch.randint(6, (3, 5), generator=generator)
    acted = torch.arange(4)[None] < torch.tensor([[4], [1], [2]])
    came = curious.came_true(log_chances, symbol)
    each = [(b, t, log_chances[b, t, symbol[b, t + 1]]) for b in range(3) for t in range(4)]
    for b, t, expected in each:
        assert came[b, t] == expected
    loss = -torch.stack([value for b, t, value in each if acted[b, t]]).mean()
    torch.testing.assert_close(curious.prediction_loss(came, acted), loss)


def exact_chances(task, trials):
    """What exact predictors give to what was sensed next while exploring, by counting problems: log-chances (B, T).

    One knows what was shown so far, the other knows the problem.
    """
    tables, possible = task.tables, possible_problems(task.tables, trials)
    guessed, informed = torch.zeros(trials.action.shape), torch.zeros(trials.action.shape)
    for b, t in (trials.valid & (trials.episode == 0)).nonzero().tolist():
        state, action, m = trials.state[b, t], trials.action[b, t], trials.problem[b]
        left = possible[b, t].nonzero()[:, 0]
        arrived = tables.next_state[:, state, action]
        shown = tables.sense[torch.arange(tables.problems), arrived]
        agree = (shown[left] == shown[m]).float().mean()
        noise = float(tables.pictures[arrived[m]]) if tables.pictures is not None else 1.0
        guessed[b, t], informed[b, t] = torch.log(agree / noise), -math.log(noise)
    return guessed, informed


@pytest.mark.parametrize("task", [four_doors(), make_task("noisy-tv")], ids=lambda task: task.name)
def test_exact_surprises_are_what_was_learned_and_the_noise(task):
    generator = torch.Generator().manual_seed(0)
    drawn = Drawn(task.tables, torch.arange(task.problem_count).repeat_interleave(8))
    free = 6 if task.end_action else len(task.actions)
    trials = play(task, drawn, generator, lambda running: torch.randint(free, drawn.index.shape, generator=generator))
    guessed, _ = exact_chances(task, trials)
    first = (trials.episode == 1).int().argmax(dim=1)
    left = possible_problems(task.tables, trials)[torch.arange(len(first)), first].sum(dim=1)
    many = task.tables.pictures[trials.arrived] > 1
    pictures = (many & trials.valid & (trials.episode == 0)).sum(dim=1)
    assert pictures.max() >= 2
    told = math.log(task.problem_count) - left.log() + pictures * math.log(PICTURES)
    torch.testing.assert_close(mame.surprise(guessed).sum(dim=1), told, atol=1e-4, rtol=1e-4)


def test_who_predicts_from_what_was_shown_is_not_told_the_problem():
    task = make_task("map")
    generator = torch.Generator().manual_seed(0)
    parts = curious.Networks(task, curious.Settings(memory=16), generator)
    symbol = torch.randint(81, (5, 9), generator=generator)
    action, acted = torch.randint(6, (5, 8), generator=generator), torch.ones(5, 8, dtype=torch.bool)
    step = (task.tables.features, symbol, action, acted)
    with torch.no_grad():
        one, other = (parts.log_chances(*step, torch.full((5,), m))[0] for m in (0, 7))
        # Nor does it know what comes after the step it predicts.
        later = symbol.clone()
        later[:, 5:] = (later[:, 5:] + 1) % 81
        unseen = parts.guess(task.tables.features, later, action, acted)[:, :5]
        assert torch.equal(unseen, parts.guess(*step)[:, :5])
    assert torch.equal(one, other) and (one <= 0).all()


# ---- learning ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_watches_television_and_never_reads_the_note(seed):
    *_, last = mame.train(four_doors(), DOORS, torch.Generator().manual_seed(seed))
    assert (explored(last) == SCREEN).all()
    assert last.metrics["information"] == pytest.approx(0, abs=1e-6)
    assert last.metrics["test_return"] == pytest.approx(0.9, abs=1e-4)  # execution finds the note by itself


def test_without_a_screen_the_same_pay_finds_the_note():
    """What the trap is made of is the noise, and not the method."""
    *_, last = mame.train(four_doors(pictures=1), DOORS, torch.Generator().manual_seed(0))
    assert (explored(last) == NOTE).any(dim=1).all()
    assert last.metrics["test_return"] > 0.95


def test_what_was_looked_at_is_counted():
    task = make_task("noisy-tv")
    # To the bus at (4, 5) and back with it, then to the screen at (3, 5) for as long as there is; one bus is ridden.
    actions = [1, 5, 5, 2, *[4] * 40]
    clock = iter(range(99))
    trials = play(
        task, task.each(), torch.Generator().manual_seed(0), lambda running: torch.full((24,), actions[next(clock)])
    )
    found = curious.looked_at(task, trials)
    assert found.pop("useful_information") == pytest.approx(math.log(4), abs=1e-5)
    # One bus is known, so the goal's with a chance of a quarter; the others are worth trying or not.
    assert 0.3 < found.pop("knowledge_worth") < 0.8
    assert found == dict(useful_buses=1.0, explored=20.0, map_read=0.0, watched=17.0)


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again) and "watched" in first.metrics
    assert not torch.equal(first.hidden, another.hidden)


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    whole = snapshots()
    halfway = training.stream("mame", "noisy-tv", 3, **SMALL)
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"))
    assert resumed[-1].update == 32
    assert same(whole[-1], resumed[-1])


def test_only_the_pay_is_not_dreams():
    """Playing, replay and losses are DREAM's own by import, and so are the settings."""
    for name in ("play_trials", "behave", "Replay", "explorer_loss", "executor_loss", "decoder_loss", "bottleneck"):
        assert not hasattr(curious, name) and hasattr(dream, name)
    for task, settings in mame.SETTINGS.items():
        like = dream.SETTINGS[{"noisy-tv": "map", "hurried-bus": "distracting-bus"}.get(task, task)]
        assert {k: v for k, v in vars(settings).items() if k in vars(like)} == vars(like)


def test_a_learners_own_function_is_trained_with():
    called = []

    def mine(log_chance):
        called.append(log_chance.shape)
        return -log_chance

    own = list(training.stream("mame", "homework-map", 3, functions={"pay": mine}, **SMALL))
    assert called and same(own[-1], snapshots("homework-map")[-1])


def test_a_bandit_has_no_exploration_episode():
    with pytest.raises(CourseError, match="mame needs"):
        list(mame.train(make_task("bandit"), mame.Settings(), torch.Generator().manual_seed(0)))


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    broken = {"predicting": lambda log_chance, acted: log_chance.sum() * float("nan")}
    with pytest.raises(CourseError, match="predictor_rate"):
        list(training.stream("mame", "map", functions=broken, **SMALL))
