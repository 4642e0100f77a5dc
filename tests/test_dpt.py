"""DPT: what it is taught, that it comes to foretell the exact posterior, and that it repeats and resumes."""

import itertools
from dataclasses import replace

import pytest
import torch

from course_lib import training
from course_lib.agents import dpt
from course_lib.bilingual import CourseError
from course_lib.exact.bandits import probability_best
from course_lib.tasks import BernoulliBandit, make_task
from course_lib.views import panels

TINY = BernoulliBandit(arms=3, pulls=5)
SMALL = dict(updates=20, contexts=64, evaluate_every=10)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def snapshots(seed=3, count=99, resume=None, **settings):
    settings = replace(dpt.SETTINGS["bandit"], **SMALL | settings)
    return list(itertools.islice(dpt.train(TINY, settings, generator(seed), resume), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


# ---- the three functions of the lesson ---------------------------------------------------------------------


def test_contexts_come_from_habits_that_know_nothing_of_the_bandit():
    chances = torch.rand(40_000, 4, generator=generator(1))
    action, reward, best = dpt.pretraining_batch(chances, 6, generator())
    assert action.shape == reward.shape == (40_000, 6) and reward.unique().tolist() == [0.0, 1.0]
    assert best.tolist() == [max(range(4), key=row.__getitem__) for row in chances.tolist()]
    best_pulled = float((action == best[:, None]).float().mean())
    assert best_pulled == pytest.approx(1 / 4, abs=0.01)  # no more often than the others
    for low in (0.0, 0.3, 0.9):  # an arm pays as often as it should
        pulled = chances.gather(1, action)
        here = (pulled >= low) & (pulled < low + 0.1)
        assert float(reward[here].mean()) == pytest.approx(float(pulled[here].mean()), abs=0.02)


def test_habits_are_a_dirichlet_draw_mixed_with_one_arm():
    """The chance that two pulls are of one arm is E Σ habit², with weights w uniform on 0, 0.1, …, 1."""
    arms = 4
    action, _, _ = dpt.pretraining_batch(torch.rand(60_000, arms, generator=generator(1)), 2, generator())
    expected = 0.0
    for w in [tenth / 10 for tenth in range(11)]:
        # E Σ Dirichlet² = 2 / (k + 1); E of the favourite's share = 1 / k.
        expected += ((1 - w) ** 2 * 2 / (arms + 1) + 2 * w * (1 - w) / arms + w**2) / 11
    assert float((action[:, 0] == action[:, 1]).float().mean()) == pytest.approx(expected, abs=0.01)


def test_the_loss_is_the_mean_surprise_at_the_best_arm_over_all_beginnings():
    logits, best = torch.randn(3, 5, 4, generator=generator()), torch.tensor([2, 0, 3])
    surprises = []
    for b in range(3):
        for t in range(5):
            weights = logits[b, t].exp()
            surprises.append(-(weights[best[b]] / weights.sum()).log())
    torch.testing.assert_close(dpt.prediction_loss(logits, best), sum(surprises) / 15)


def test_thompson_by_prediction_pulls_as_often_as_predicted():
    logits = torch.tensor([[0.7, 0.1, 0.2]]).log().expand(40_000, -1)
    shares = dpt.thompson_by_prediction(logits, generator()).bincount(minlength=3) / 40_000
    assert shares.tolist() == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    assert (dpt.likeliest(logits, generator()) == 0).all()


def test_the_least_loss_there_is_is_that_of_the_exact_posterior():
    """What the loss exceeds it by is the divergence, in expectation: so teaching it the label teaches it the
    belief."""
    chances = torch.rand(40_000, 3, generator=generator(5))
    action, reward, best = dpt.pretraining_batch(chances, 4, generator())
    tokens = dpt.tokens_of(action, reward, 3)
    pulled, won = tokens[..., :-1], tokens[..., -1:]
    exact = probability_best(1 + torch.stack([pulled * won, pulled * (1 - won)], dim=-1).cumsum(dim=1))
    other = exact.log() + 0.5 * torch.randn(exact.shape, generator=generator(), dtype=exact.dtype)
    more = dpt.prediction_loss(other, best) - dpt.prediction_loss(exact.log(), best)
    assert float(dpt.divergence(exact, other).mean()) == pytest.approx(float(more), abs=0.01)
    assert float(more) > 0.05
    assert float(dpt.divergence(exact, exact.log()).abs().max()) < 1e-9


# ---- judging -----------------------------------------------------------------------------------------------


def test_regret_and_variation_by_hand():
    task = make_task("bandit", arms=2, pulls=3)
    drawn = task.problem_from([0.2, 0.9], 1)
    network = dpt.Transformer(2, 3, dpt.Settings(), generator())
    trials, _, _ = dpt.play_trials(network, task, drawn, generator(), lambda logits, g: torch.tensor([0]))
    assert dpt.regret_by_pull(trials, dpt.chances_of(drawn)).tolist() == pytest.approx([0.7] * 3)
    exact, logits = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.9, 0.1]).log()
    assert float(dpt.variation(exact, logits)) == pytest.approx(0.4)


@pytest.mark.parametrize("settings", [{}, {"positions": True}, {"network": "counts"}])
def test_reading_step_by_step_and_a_whole_context_give_the_same_predictions(settings):
    """What is deployed must be what was taught."""
    task, chosen = make_task("bandit"), dpt.Settings(**settings)
    drawn_from = generator()
    network = dpt.NETWORKS[chosen.network](task.arms, task.pulls, chosen, drawn_from)
    for weight in network.parameters():
        weight.data += 0.3 * torch.randn(weight.shape, generator=drawn_from)
    trials, hidden, logits = dpt.play_trials(
        network, task, task.draw(20, generator()), generator(), dpt.thompson_by_prediction
    )
    whole, behind, _ = network(dpt.tokens_of(trials.action, trials.reward, task.arms))
    assert float(logits.std()) > 0.1
    torch.testing.assert_close(whole[:, :-1], logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(behind[:, :-1], hidden, atol=1e-4, rtol=1e-4)


def test_no_prediction_knows_what_comes_after_it():
    network = dpt.Transformer(5, 10, dpt.Settings(), generator())
    tokens = torch.randn(2, 11, 6, generator=generator())
    changed = tokens.clone()
    changed[:, 7:] += 1
    before, after = network(tokens)[1], network(changed)[1]
    assert torch.equal(before[:, :7], after[:, :7]) and not torch.allclose(before[:, 7:], after[:, 7:])


# ---- training ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_it_comes_to_foretell_the_posterior(seed):
    first, last = snapshots(seed, updates=200, contexts=128, evaluate_every=200)
    assert first.metrics["kl"] > 0.1
    assert last.metrics["kl"] < 0.03 and last.metrics["kl_online"] < 0.04
    assert last.metrics["variation_online"] < 0.15
    assert last.metrics["test_return"] > 2.85  # pulling at random gives 2.5
    assert last.metrics["thompson_return"] == pytest.approx(last.metrics["exact_thompson_return"], abs=0.12)
    assert last.references["optimal_return"] > last.metrics["test_return"] - 0.1


def test_counts_are_enough():
    _, last = snapshots(0, updates=200, contexts=128, evaluate_every=200, network="counts")
    assert last.metrics["kl"] < 0.03


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    running = training.stream("dpt", "bandit", 3, updates=4, contexts=32, evaluate_every=2)
    next(running)
    training.save_whole(next(running).checkpoint(), tmp_path / "half.pt")
    whole = list(running)
    half = training.load_whole(tmp_path / "half.pt")
    resumed = list(training.stream("dpt", "bandit", 0, resume=half, updates=4, contexts=32, evaluate_every=2))
    assert [s.update for s in resumed] == [s.update for s in whole] == [4]
    assert same(whole[-1], resumed[-1])


def test_training_never_meets_a_test_bandit():
    met = []

    def watched(chances, pulls, g):
        met.append(chances)
        return dpt.pretraining_batch(chances, pulls, g)

    list(dpt.train(TINY, dpt.Settings(**SMALL), generator(), batch=watched))
    test = dpt.chances_of(dpt.evaluation_trials(TINY)[0])
    seen = torch.cat(met)
    assert len(seen) == 20 * 64
    assert not set(map(tuple, seen.tolist())) & set(map(tuple, test.tolist()))


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    with pytest.raises(CourseError, match="learning_rate"):
        broken = dpt.train(
            TINY, dpt.Settings(**SMALL), generator(),
            loss_of=lambda logits, best: logits.sum() * float("nan"),
        )  # fmt: skip
        list(broken)


def test_what_it_does_not_know_is_refused():
    with pytest.raises(CourseError, match="map"):
        next(dpt.train(make_task("map"), dpt.Settings(), generator()))
    with pytest.raises(CourseError, match="counts"):
        snapshots(network="lstm")


def test_a_snapshot_becomes_panels():
    last = snapshots(updates=1, evaluate_every=1)[-1]
    frame = panels.frame(last, [{"env_steps": last.env_steps, **last.metrics}], TINY)
    assert frame["hidden"].size and frame["action_share"].shape == (5, 3)
