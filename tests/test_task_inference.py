"""Task inference and IMPORT: what is told in training alone, and that both learn, repeat and resume."""

import itertools
import math

import pytest
import torch
from torch.distributions import Beta

from course_lib import training
from course_lib.agents import task_inference
from course_lib.bilingual import CourseError
from course_lib.tasks import GridNavi, make_task
from course_lib.views import panels

SMALL = dict(updates=4, trials=24, encoder_trials=12, encoder_steps=2, evaluate_every=2)


def snapshots(task="gridnavi", seed=3, count=99, resume=None, **settings):
    run = training.stream("task-inference", task, seed, resume=resume, **SMALL | settings)
    return list(itertools.islice(run, count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


# ---- the functions of the lesson -----------------------------------------------------------------------------


def test_the_loss_is_the_surprise_at_the_problem_over_the_prefixes_that_count():
    generator = torch.Generator().manual_seed(0)
    logits, problem = torch.randn(3, 4, 5, generator=generator), torch.tensor([4, 0, 2])
    valid = torch.arange(4)[None] < torch.tensor([[4], [1], [3]])
    rows = []
    for b, t in valid.nonzero().tolist():
        chance = logits[b, t].exp() / logits[b, t].exp().sum()
        rows.append(-chance[problem[b]].log())
    torch.testing.assert_close(
        task_inference.inference_loss(logits, problem, valid), torch.stack(rows).mean()
    )


def test_the_loss_is_smallest_at_the_exact_posterior():
    """Two problems of which the history leaves one with chance 0.3: no other belief has a smaller mean loss."""
    problem, valid = torch.tensor([0] * 3 + [1] * 7), torch.ones(10, 1, dtype=torch.bool)
    of = lambda p: float(  # noqa: E731
        task_inference.inference_loss(torch.tensor([p, 1 - p]).log().expand(10, 1, 2), problem, valid)
    )
    assert min((of(p), p) for p in (0.1, 0.2, 0.3, 0.4, 0.5))[1] == 0.3
    assert of(0.3) == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7), rel=1e-5)


def test_the_policy_reads_chances_and_sends_no_gradient_back():
    logits = torch.randn(2, 3, requires_grad=True)
    sensed = torch.ones(2, 4)
    read = task_inference.belief_input(logits, sensed)
    assert read.shape == (2, 7) and not read.requires_grad
    chances = logits.detach().softmax(-1)
    torch.testing.assert_close(read[:, :3], chances / chances.max(dim=-1, keepdim=True).values)
    assert torch.equal(read[:, 3:], sensed)


def test_of_arms_the_loss_is_that_of_their_beta_distributions():
    generator = torch.Generator().manual_seed(0)
    log_counts, chances = torch.randn(2, 3, 4, generator=generator), torch.rand(2, 2, generator=generator)
    valid = torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()
    rows = []
    for b, t in valid.nonzero().tolist():
        counts = log_counts[b, t].exp()
        rows.append(-sum(Beta(counts[2 * k], counts[2 * k + 1]).log_prob(chances[b, k]) for k in range(2)))
    found = task_inference.chance_loss(log_counts, chances, valid)
    torch.testing.assert_close(found, torch.stack(rows).mean(), atol=1e-4, rtol=1e-4)


def test_import_moves_the_historys_embedding_and_not_the_informed_one():
    history, informed = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    valid = torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()
    loss = task_inference.embedding_loss(history, informed, valid)
    rows = [(history[b, t] - informed[b]).square().sum() for b, t in valid.nonzero().tolist()]
    torch.testing.assert_close(loss, torch.stack(rows).mean())
    loss.backward()
    assert informed.grad is None and (history.grad[0, 2] == 0).all() and (history.grad[0, 0] != 0).all()


# ---- who is told what ----------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch):
    """The networks of every training that this test starts, as they change."""
    kept, make = [], task_inference.Networks

    def keep(*how):
        kept.append(make(*how))
        return kept[-1]

    monkeypatch.setattr(task_inference, "Networks", keep)
    return kept


@pytest.mark.parametrize("informed", [False, True])
def test_at_meta_test_nobody_is_told_the_problem(informed, made):
    """Another embedding of the problems changes no greedy trial, and before the first step all look alike."""
    task = make_task("gridnavi")
    last = snapshots(informed=informed)[-1]
    assert last.trials.action[:, 0].unique().numel() == 1
    assert last.hidden[:, 0].unique(dim=0).shape[0] == 1
    if informed:
        kind, read = "embedding", task_inference.embedding_input
        with torch.no_grad():
            made[0].embedding.weight.neg_()
        again = task_inference.Judge(task, kind, read).snapshot(made[0], 0, 0, 0.0, {}, dict)
        assert torch.equal(again.trials.action, last.trials.action)


def test_in_import_half_of_the_trials_read_the_informed_embedding(monkeypatch):
    seen, played = [], task_inference.play_trials

    def watched(*parts, change=None, **how):
        if change is not None:
            seen.append(change(torch.zeros(24, 16)))
        return played(*parts, change=change, **how)

    monkeypatch.setattr(task_inference, "play_trials", watched)
    snapshots(informed=True, updates=1)
    (read,) = seen
    assert (read[::2] != 0).all() and (read[1::2] == 0).all()


def test_the_reward_shapes_what_is_read_in_import_and_never_the_belief_of_task_inference(made):
    for informed in (False, True):
        run = training.stream("task-inference", "gridnavi", 0, **SMALL | dict(encoder_rate=0.0, informed=informed))
        next(run)
        before = {name: weight.clone() for name, weight in made[-1].state_dict().items()}
        list(run)
        changed = {name for name, weight in made[-1].state_dict().items() if not torch.equal(weight, before[name])}
        belief = {name for name in before if name.startswith(("encoder.", "embedding."))}
        assert "policy.actor.0.weight" in changed
        assert belief <= changed if informed else not belief & changed


# ---- learning ------------------------------------------------------------------------------------------------


TINY = dict(side=3, horizon=8, episodes=2)  # optimum 10.72; 1.48 for who learns nothing of a reward


@pytest.mark.parametrize("seed", range(3))
def test_learns_to_look_for_the_goal_and_what_it_believes_is_true(seed):
    settings = task_inference.Settings(updates=40, trials=96, policy_rate=4e-3, evaluate_every=40)
    _, last = task_inference.train(GridNavi(**TINY), settings, torch.Generator().manual_seed(seed))
    assert last.metrics["test_return"] > last.references["no_exploration_return"] + 3
    assert last.metrics["belief_error"] < 0.15


def test_import_learns_as_well():
    settings = task_inference.Settings(updates=30, trials=96, policy_rate=4e-3, informed=True, evaluate_every=30)
    _, last = task_inference.train(GridNavi(**TINY), settings, torch.Generator().manual_seed(0))
    assert last.metrics["test_return"] > last.references["no_exploration_return"] + 2


def test_the_belief_about_arms_comes_close_to_the_exact_one():
    first, last = snapshots("bandit", updates=40, trials=128, encoder_trials=64, encoder_steps=8, evaluate_every=40)
    assert last.metrics["belief_error"] < 0.05 < 0.06 < first.metrics["belief_error"]
    assert last.metrics["test_return"] > 5.4


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("informed", [False, True])
def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path, informed):
    whole = snapshots(informed=informed)
    halfway = training.stream("task-inference", "gridnavi", 3, **SMALL | dict(informed=informed))
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"), informed=informed)
    assert resumed[0].update == 4
    assert same(whole[-1], resumed[-1])


def test_training_draws_from_the_training_split_alone(monkeypatch):
    task, met, played = GridNavi(side=3, horizon=3, episodes=2), [], task_inference.play_trials
    task.splits = {"train": torch.tensor([0, 1, 2]), "test": torch.tensor([3, 4])}

    def watched(encoder, policy, task, drawn, generator, read, *, greedy, **how):
        met.append((greedy, drawn.index))
        return played(encoder, policy, task, drawn, generator, read, greedy=greedy, **how)

    monkeypatch.setattr(task_inference, "play_trials", watched)
    list(task_inference.train(task, task_inference.Settings(updates=2, trials=16), torch.Generator().manual_seed(0)))
    assert {int(m) for greedy, index in met if not greedy for m in index} == {0, 1, 2}
    assert {int(m) for greedy, index in met if greedy for m in index} == {3, 4}


@pytest.mark.parametrize("task", sorted(task_inference.SETTINGS))
def test_trains_where_it_has_settings(task, monkeypatch):
    monkeypatch.setattr(task_inference, "references_of", lambda task: {})  # they take seconds of solving
    before, after = snapshots(task, updates=2)
    assert after.env_steps > 0 and math.isfinite(after.metrics["test_return"])
    assert "belief_error" in after.metrics


def test_a_learners_own_function_is_trained_with():
    called = []

    def mine(logits, problem, valid):
        called.append(logits.shape)
        return task_inference.inference_loss(logits, problem, valid)

    run = list(training.stream("task-inference", "gridnavi", 3, functions={"inference": mine}, **SMALL))
    assert called and same(run[-1], snapshots()[-1])


def test_a_snapshot_becomes_panels():
    last = snapshots(count=2)[-1]
    shown = panels.frame(last, [dict(last.metrics, env_steps=last.env_steps)], make_task("gridnavi"))
    assert {"axes", "probe_accuracy"} & set(shown) and shown["method"] == "task-inference"


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    broken = {"inference": lambda logits, problem, valid: logits.sum() * float("nan")}
    with pytest.raises(CourseError, match="encoder_rate"):
        list(training.stream("task-inference", "gridnavi", functions=broken, **SMALL))


@pytest.mark.parametrize("task", ["random-mdp", "point-robot"])
def test_problems_that_have_no_number_or_no_table_are_refused(task):
    with pytest.raises(CourseError, match="gridnavi"):
        next(task_inference.train(make_task(task), task_inference.Settings(), torch.Generator().manual_seed(0)))
