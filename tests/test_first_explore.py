"""First-Explore: who is paid what, what each policy sees, where it wins, and that it repeats and resumes."""

import itertools
import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from course_lib import training
from course_lib.agents import first_explore, rl2
from course_lib.bilingual import CourseError
from course_lib.exact.references import references_of
from course_lib.tasks import BernoulliBandit, FixedArmBandit, make_task
from course_lib.views import panels

TINY = BernoulliBandit(arms=3, pulls=6)
SMALL = dict(updates=4, trials=64, evaluate_every=2)
FIXED = FixedArmBandit(arms=6, pulls=40)  # never exploring pays 80
FEW = replace(
    first_explore.SETTINGS["fixed-arm-bandit"], updates=40, trials=128, longest=10, evaluate_every=40
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def snapshots(seed=3, count=99, resume=None, **settings):
    settings = first_explore.Settings(**SMALL | settings)
    return list(itertools.islice(first_explore.train(TINY, settings, generator(seed), resume), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


# ---- the functions of the lesson ---------------------------------------------------------------------------


def test_the_explorer_is_paid_what_it_did_for_exploitation_and_never_its_own_reward():
    explored, exploited = torch.randn(2, 5, 7, generator=generator())
    paid = first_explore.explore_reward(explored, exploited)
    for b in range(5):
        for t in range(6):
            better = float(exploited[b, t + 1]) - float(exploited[b, t])
            assert float(paid[b, t]) == pytest.approx(better, abs=1e-6)
    torch.testing.assert_close(paid.sum(dim=1), exploited[:, -1] - exploited[:, 0])
    assert torch.equal(paid, first_explore.explore_reward(explored + 100, exploited))
    assert torch.equal(first_explore.exploit_reward(explored, exploited), exploited)


def test_the_worth_of_exploring_against_a_loop():
    explored, exploited = torch.randn(2, 9, 4, generator=generator())
    worth = first_explore.worth_of_exploring(explored, exploited, 6)
    for k in range(4):
        returns = [sum(explored[b, :k].tolist()) + (6 - k) * float(exploited[b, k]) for b in range(9)]
        assert float(worth[k]) == pytest.approx(sum(returns) / 9, abs=1e-5)


# ---- playing -----------------------------------------------------------------------------------------------


def policies_of(task, seed=0):
    drawn_from = generator(seed)
    policies = first_explore.Policies(len(task.actions), 16, drawn_from)
    for weight in policies.parameters():
        weight.data += 0.3 * torch.randn(weight.shape, generator=drawn_from)
    return policies


def test_exploiting_leaves_no_trace_and_what_was_remembered_comes_back_in_training():
    task = make_task("bandit")
    policies, drawn = policies_of(task), task.draw(30, generator())
    both = partial(first_explore.explore_and_exploit, policies, task, drawn)
    explored, exploited, hidden = both(generator(), greedy=True)
    tokens = first_explore.tokens_of(explored.action, explored.reward, 5)[:, :-1]
    torch.testing.assert_close(policies.read(tokens)[0], hidden, atol=1e-5, rtol=1e-5)
    assert torch.equal(exploited.action, policies.exploit(hidden).argmax(dim=-1))
    assert torch.equal(explored.action, policies.explore(hidden).argmax(dim=-1))
    assert torch.equal(explored.problem, exploited.problem)
    _, strayed, again = both(generator(), greedy=True, stray=1.0)
    assert not torch.equal(strayed.action, exploited.action) and len(strayed.action.unique()) == 5
    assert torch.equal(again[:, 0], hidden[:, 0])


@pytest.mark.parametrize("episodes", [0, 3, 9])
def test_after_training_it_first_explores_then_exploits(episodes):
    task = make_task("bandit")
    policies, drawn = policies_of(task), task.draw(30, generator())
    trials, hidden = first_explore.first_explore_then_exploit(
        policies, task, drawn, generator(), episodes, greedy=True
    )
    assert torch.equal(trials.action[:, :episodes], policies.explore(hidden[:, :episodes]).argmax(dim=-1))
    expected = policies.exploit(hidden[:, episodes]).argmax(dim=-1)
    assert (trials.action[:, episodes:] == expected[:, None]).all()
    assert (hidden[:, episodes:] == hidden[:, episodes : episodes + 1]).all()  # the context ends there


def test_a_shortened_task_is_the_same_bandit():
    task = make_task("bandit")
    short = rl2.shortened(task, 4)
    assert (short.trial.episodes, task.trial.episodes) == (4, 10)
    assert rl2.shortened(task, 40).trial == task.trial
    assert isinstance(short, BernoulliBandit)


# ---- the bandit with one fixed arm -------------------------------------------------------------------------


def test_the_fixed_arm_bandit_and_what_is_known_of_it():
    drawn = FIXED.draw(200_000, generator())
    means = drawn.tables.reward[:, 0, 0]
    assert (means[:, 0] == 2.0).all()
    assert float(means[:, 1:].mean()) == pytest.approx(0, abs=0.01)
    assert float(means[:, 1:].std()) == pytest.approx(2, abs=0.01)
    references = references_of(FIXED)
    assert references["no_exploration_return"] == 80.0
    assert references["oracle_return"] == pytest.approx(40 * float(means.amax(dim=1).mean()), abs=0.3)
    with pytest.raises(CourseError, match="split"):
        FIXED.draw(3, generator(), "validation")
    below = references_of(FixedArmBandit(arms=3, pulls=10, fixed=-1.0))  # pulling another arm blindly pays 0
    assert below["no_exploration_return"] == 0.0
    means = FixedArmBandit(arms=3, fixed=-1.0).draw(200_000, generator()).tables.reward[:, 0, 0]
    assert below["oracle_return"] == pytest.approx(10 * float(means.amax(dim=1).mean()), abs=0.1)


@pytest.mark.parametrize("options", [dict(arms=1), dict(pulls=2.5), dict(fixed=math.nan), dict(spread=0), dict(spread="2")])
def test_a_fixed_arm_bandit_that_makes_no_sense_is_a_sentence(options):
    with pytest.raises(CourseError, match="needs whole numbers"):
        make_task("fixed-arm-bandit", **options)


def test_somebody_may_ask_for_the_means_of_the_arms():
    drawn = FIXED.problem_from([2.0, 0, 0, 0, 0, 7.0], 3)
    assert drawn.tables.reward[:, 0, 0].tolist() == [[2.0, 0, 0, 0, 0, 7.0]] * 3
    for means in ([1, 2], [1, 2, 3, 4, 5, math.inf], "arms", [[1], [2, 3]]):
        with pytest.raises(CourseError, match="mean rewards"):
            FIXED.problem_from(means, 3)


@pytest.mark.parametrize("seed", range(3))
def test_where_exploring_costs_it_explores_nevertheless(seed):
    """Never exploring pays 80. RL², which is paid for the whole trial, ends there (below)."""
    *_, last = first_explore.train(FIXED, FEW, generator(seed))
    assert last.metrics["test_return"] > 82
    assert last.metrics["explored_episodes"] >= 1
    assert last.metrics["exploited_last"] > 2.2 > last.metrics["exploited_first"] - 0.1


def test_rl2_learns_there_not_to_explore():
    settings = replace(rl2.SETTINGS["fixed-arm-bandit"], updates=24, trials=96, evaluate_every=24)
    *_, last = rl2.train(FIXED, settings, generator())
    assert last.env_steps == 24 * 96 * 40
    assert last.metrics["test_return"] == pytest.approx(80, abs=1.5)


# ---- training ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_learns_the_bandit(seed):
    """Pulling at random gives 3."""
    *_, last = snapshots(seed, updates=25, trials=128, evaluate_every=25)
    assert last.metrics["test_return"] > 3.3
    assert last.metrics["exploited_last"] > 0.6
    assert last.metrics["exploited_last"] < last.metrics["exploitable_last"] + 0.03  # at most, but for luck
    assert last.references["no_exploration_return"] == 3.0


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    running = training.stream("first-explore", "bandit", 3, **SMALL)
    next(running)
    training.save_whole(next(running).checkpoint(), tmp_path / "half.pt")
    whole = list(running)
    half = training.load_whole(tmp_path / "half.pt")
    resumed = list(training.stream("first-explore", "bandit", 0, resume=half, **SMALL))
    assert [s.update for s in resumed] == [s.update for s in whole] == [4]
    assert same(whole[-1], resumed[-1])


def test_how_long_to_explore_is_chosen_on_other_problems_than_the_test(monkeypatch):
    asked = []
    draw, spread = BernoulliBandit.draw, BernoulliBandit.spread_evenly

    def spread_and_told(self, count, generator):
        asked.append("test")
        return spread(self, count, generator)

    def watched(self, count, generator, split="train"):
        asked.append(split)
        return draw(self, count, generator, split)

    monkeypatch.setattr(BernoulliBandit, "draw", watched)
    monkeypatch.setattr(BernoulliBandit, "spread_evenly", spread_and_told)
    judge = first_explore.Judge(TINY, first_explore.Settings())
    assert sorted(asked) == ["test", "train"]
    test, others = (set(map(tuple, d.tables.reward[:, 0, 0].tolist())) for d in (judge.test, judge.training))
    assert len(test) == 2000 and len(others) == 4000 and not test & others
    watched_split = asked.copy()
    list(first_explore.train(TINY, first_explore.Settings(**SMALL), generator()))
    assert asked.count("test") == 2 and len(asked) > len(watched_split)


@pytest.mark.parametrize("paid_by", ["prediction", "return"])
def test_the_explorer_can_be_paid_by_either(paid_by):
    met = []

    def watched(explored, exploited):
        met.append(exploited)
        return first_explore.explore_reward(explored, exploited)

    settings = first_explore.Settings(**SMALL, paid_by=paid_by)
    list(first_explore.train(TINY, settings, generator(), pay_explorer=watched))
    whole = torch.stack(met)
    assert whole.shape == (4, 64, 6)
    assert bool(((whole == 0) | (whole == 1)).all()) == (paid_by == "return")


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    with pytest.raises(CourseError, match="learning_rate"):
        list(
            first_explore.train(
                TINY, first_explore.Settings(**SMALL), generator(),
                pay_exploiter=lambda explored, exploited: exploited * float("nan"),
            )
        )  # fmt: skip


def test_what_is_no_bandit_is_refused():
    with pytest.raises(CourseError, match="map"):
        next(first_explore.train(make_task("map"), first_explore.Settings(), generator()))
    with pytest.raises(CourseError, match="prediction, return"):
        snapshots(paid_by="luck")


def test_a_snapshot_becomes_panels():
    last = snapshots(updates=1, evaluate_every=1)[-1]
    frame = panels.frame(last, [{"env_steps": last.env_steps, **last.metrics}], TINY)
    assert frame["hidden"].size and frame["action_share"].shape == (6, 3)
