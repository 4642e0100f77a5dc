"""PEARL: its Gaussians by slow computation, who holds z and who teaches it, and that it learns, repeats and resumes."""

import itertools
import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from course_lib import training
from course_lib.agents import pearl
from course_lib.bilingual import CourseError
from course_lib.tasks import GridNavi, PointRobot, make_task, play
from course_lib.tasks.grid_navi import Corridor
from course_lib.tasks.point_robot import dense_reward, sparse_reward
from course_lib.views import panels

SMALL = dict(updates=4, wander=1, gradient_steps=2, memory=7, replay=11, evaluate_every=2)


def snapshots(task="gridnavi", seed=3, count=99, resume=None, **settings):
    return list(itertools.islice(training.stream("pearl", task, seed, resume=resume, **SMALL | settings), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


def networks(task, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return pearl.Networks(task, pearl.Settings(**settings), generator), generator


def played(task="point-robot", copies=2, **how):
    """A network that knows nothing, and what it did in the test problems."""
    task = make_task(task) if isinstance(task, str) else task
    net, generator = networks(task)
    drawn = task.each(copies)
    trials, inference = pearl.play_trials(net, task, drawn, generator, **dict(greedy=False) | how)
    return task, net, drawn, trials, inference


# ---- the three functions of the lesson -----------------------------------------------------------------------


def test_the_product_is_that_of_the_densities_of_the_factors_there_are():
    """One number z at a time: the densities multiplied on a grid, and of that the mean and the variance."""
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(3, 4, 2, generator=generator)
    variance = 0.3 + torch.rand(3, 4, 2, generator=generator)
    seen = torch.tensor([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]]).bool()
    found_mean, found_variance = pearl.gaussian_product(mean, variance, seen)
    grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    for b, k in itertools.product(range(3), range(2)):
        density = torch.ones_like(grid) if seen[b].any() else Normal(0.0, 1.0).log_prob(grid).exp()
        for n in range(4):
            if seen[b, n]:
                density *= Normal(mean[b, n, k].double(), variance[b, n, k].double().sqrt()).log_prob(grid).exp()
        density /= density.sum()
        expected = float((density * grid).sum())
        assert float(found_mean[b, k]) == pytest.approx(expected, abs=1e-4)
        assert float(found_variance[b, k]) == pytest.approx(float((density * (grid - expected) ** 2).sum()), abs=1e-4)


def test_the_order_of_the_transitions_cannot_matter():
    _, net, drawn, trials, _ = played()
    steps = pearl.transition_of(PointRobot(), drawn, trials.symbol, trials.action, trials.reward, trials.arrived)
    context, seen = pearl.context_of(steps), torch.rand(40, 100, generator=torch.Generator().manual_seed(0)) < 0.6
    order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    one = net.encoder.posterior(*net.encoder(context), seen, pearl.gaussian_product)
    other = net.encoder.posterior(*net.encoder(context[:, order]), seen[:, order], pearl.gaussian_product)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert one[0].std(dim=0).min() > 1e-4  # contexts are told apart at all


def test_the_prior_is_one_more_factor_and_as_released_it_is_none():
    mean, variance = torch.tensor([[[2.0], [5.0]]]), torch.tensor([[[0.5], [1.0]]])
    seen = torch.tensor([[True, False]])
    with_it, _ = networks(PointRobot(), latent=1)
    without, _ = networks(PointRobot(), latent=1, prior_factor=False)
    assert [x.item() for x in with_it.encoder.posterior(mean, variance, seen, pearl.gaussian_product)] == pytest.approx(
        [2.0 * 2 / 3, 1 / 3]
    )
    assert [x.item() for x in without.encoder.posterior(mean, variance, seen, pearl.gaussian_product)] == [2.0, 0.5]
    for net in (with_it, without):
        nothing = net.encoder.posterior(mean, variance, torch.zeros_like(seen), pearl.gaussian_product)
        assert [x.item() for x in nothing] == [0.0, 1.0]


def test_the_kl_is_to_the_standard_normal():
    generator = torch.Generator().manual_seed(0)
    mean, variance = torch.randn(7, 3, generator=generator), torch.rand(7, 3, generator=generator) + 0.1
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(torch.zeros(3), torch.ones(3))).sum(dim=1)
    torch.testing.assert_close(pearl.kl_to_prior(mean, variance), expected)


def test_z_is_drawn_from_the_posterior_where_an_episode_begins_and_held_elsewhere():
    many, generator = 50_000, torch.Generator().manual_seed(0)
    z, mean, variance = torch.full((many, 1), 9.0), torch.full((many, 1), -2.0), torch.full((many, 1), 0.25)
    begins = torch.arange(many) % 2 == 0
    new = pearl.resample(z, mean, variance, begins, generator)
    assert (new[~begins] == 9.0).all()
    assert float(new[begins].mean()) == pytest.approx(-2.0, abs=0.02)
    assert float(new[begins].std()) == pytest.approx(0.5, abs=0.02)
    each = pearl.resample_each_step(z, mean, variance, begins, generator)
    assert (each != 9.0).all() and each.unique().numel() > many * 0.9


# ---- playing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("redraw", "differ"), [(pearl.resample, 5), (pearl.resample_each_step, 100)])
def test_in_a_trial_there_are_as_many_z_as_episodes_or_as_steps(redraw, differ):
    held = []

    def watched(*arguments):
        held.append(redraw(*arguments))
        return held[-1]

    played(redraw=watched)
    assert torch.stack(held, dim=1)[7].unique(dim=0).shape[0] == differ


@pytest.mark.parametrize("task", ["point-robot", "gridnavi"])
def test_the_posterior_that_acts_is_that_of_all_transitions_so_far(task):
    task, net, drawn, trials, inference = played(task)
    context = pearl.context_of(
        pearl.transition_of(task, drawn, trials.symbol, trials.action, trials.reward, trials.arrived)
    )
    for t in (0, 1, 15, 37):
        seen = (torch.arange(task.trial.length) < t).expand(len(context), -1)
        mean, variance = net.encoder.posterior(*net.encoder(context), seen, pearl.gaussian_product)
        torch.testing.assert_close(inference.mean[:, t], mean, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(inference.variance[:, t], variance, atol=1e-5, rtol=1e-4)
    assert (inference.mean[:, 0] == 0).all() and (inference.variance[:, 0] == 1).all()


def test_a_transition_ends_where_the_step_led_even_if_a_new_episode_began_there():
    task = GridNavi(side=3, horizon=2, episodes=2)
    drawn, generator = task.each(1), torch.Generator().manual_seed(0)
    trials = play(task, drawn, generator, lambda running: torch.zeros_like(running.problem))  # right, right
    steps = pearl.transition_of(task, drawn, trials.symbol, trials.action, trials.reward, trials.arrived)
    for t, (x, to) in enumerate([(0, 1), (1, 2), (0, 1), (1, 2)]):
        assert steps["before"][0, t, :3].argmax() == x and steps["after"][0, t, :3].argmax() == to
    assert (steps["action"][..., 0] == 1).all() and torch.equal(steps["reward"][..., 0], trials.reward)


def test_in_the_first_episodes_z_may_be_kept_to_the_prior():
    """An encoder that is sure of z = 3: only after those episodes anybody heeds it."""
    task, asked = PointRobot(), []

    def sure(mean, variance, seen):
        return torch.full((len(mean), 5), 3.0), torch.full((len(mean), 5), 1e-8)

    def watched(z, mean, variance, begins, generator):
        asked.append((float(mean.mean()), float(variance.mean())))
        return z

    played(task, prior_episodes=2, product=sure, redraw=watched)
    assert asked[:40] == [(0.0, 1.0)] * 40
    assert all(mean == 3.0 and variance < 1e-7 for mean, variance in asked[40:])


def test_the_wanderer_comes_farther_than_a_walk_that_is_random_at_each_step():
    _, _, _, trials, _ = played(copies=50, wander=True)
    uniform = 2 * torch.rand(5000, 20, 2, generator=torch.Generator().manual_seed(0)) - 1
    afar = trials.arrived.unflatten(1, (5, 20))[:, :, -1].norm(dim=-1).mean()
    assert float(afar) > 2 * float((0.1 * uniform).sum(dim=1).norm(dim=-1).mean())


# ---- what is kept, and what is learned from it ---------------------------------------------------------------


def test_what_is_kept_are_the_last_episodes():
    replay = pearl.Replay(4)
    for number in range(3):  # of 2 problems, 3 new episodes of 5 steps each time
        replay.add({"before": torch.full((2, 3, 5, 1), float(number)) + torch.arange(2)[:, None, None, None] * 100})
    assert replay.kept == 4 and replay.written == 9
    assert sorted(replay.columns["before"][0, :, 0, 0].tolist()) == [1.0, 2.0, 2.0, 2.0]
    drawn = pearl.draw_transitions(replay, torch.tensor([1, 0]), 50, torch.Generator().manual_seed(0))["before"]
    assert drawn.shape == (2, 50, 1)
    assert set(drawn[0].flatten().tolist()) == {101.0, 102.0} and set(drawn[1].flatten().tolist()) == {1.0, 2.0}


@pytest.mark.parametrize("informed", [0.0, 1.0])
def test_a_context_is_of_one_problem_and_informed_it_holds_an_episode_that_paid(informed):
    memory, horizon = pearl.Replay(10), 3
    paid = torch.zeros(4, 10, horizon, dtype=torch.bool)
    paid[:3, 6, 1] = True  # of the last problem nothing has paid yet
    number = torch.arange(40.0).view(4, 10, 1, 1).expand(-1, -1, horizon, 1)  # 10 · problem + episode
    memory.add({"context": number, "paid": paid})
    rows, generator = torch.arange(4).repeat(200), torch.Generator().manual_seed(0)
    context, given, any_paid = pearl.draw_contexts(memory, rows, 4, informed, generator)
    assert context.shape == (800, 4 * horizon, 1)
    which = context[:, ::horizon, 0].long() % 10  # (b, 4)
    assert torch.equal(any_paid, ((which == 6) & given[:, ::horizon]).any(dim=1) & (rows < 3))
    assert torch.equal((context[..., 0] // 10).long(), rows[:, None].expand(-1, 4 * horizon))
    episodes = given.sum(dim=1) // horizon
    assert set(episodes.tolist()) == {1, 2, 3, 4} and given[:, :horizon].all()
    holds = (context[:, :horizon, 0].long() % 10 == 6).all(dim=1)[rows < 3]
    assert holds.all() if informed else 0.02 < float(holds.float().mean()) < 0.25


def test_episodes_are_filed_under_their_problem_and_the_critic_is_taught_what_the_encoder_does_not_read():
    task, net, drawn, trials, _ = played(copies=3)
    settings = pearl.Settings(copies=3, critic_reward="dense")
    every, contexts = pearl.episodes_of(task, drawn, trials, settings)
    assert every["before"].shape == (20, 15, 20, 2) and contexts["context"].shape == (20, 3, 5, 20, 7)
    for problem, copy, episode in [(0, 0, 0), (4, 2, 1), (19, 1, 4)]:
        at, steps = 3 * problem + copy, slice(20 * episode, 20 * episode + 20)
        row = contexts["context"][problem, copy, episode]
        assert torch.equal(row[:, :2], trials.symbol[at, steps]) and torch.equal(row[:, 4], trials.reward[at, steps])
        assert torch.equal(contexts["paid"][problem, copy, episode], trials.reward[at, steps] > 0)
        goal = task.goals[trials.problem[at]]
        taught = every["taught"][problem, 5 * copy + episode, :, 0]
        torch.testing.assert_close(taught, dense_reward(trials.arrived[at, steps], goal))
        torch.testing.assert_close(row[:, 4], sparse_reward(trials.arrived[at, steps], goal))


def test_only_what_was_played_with_z_from_the_prior_becomes_a_context():
    """Four problems, two copies, three episodes: of all 6 the wanderer's, then of each trial the first."""
    task = GridNavi(side=3, horizon=3, episodes=3)
    settings = pearl.Settings(updates=3, copies=2, wander=2, prior_episodes=1, gradient_steps=1, evaluate_every=1)
    written = []
    for snapshot in pearl.train(task, settings, torch.Generator().manual_seed(0)):
        kept = snapshot.checkpoint()
        written.append((kept["replay"]["written"], kept["memory"]["written"]))
    assert written == [(0, 0), (6, 6), (12, 12), (18, 14)]
    last, first = kept["memory"]["columns"]["context"], kept["replay"]["columns"]["before"]
    for copy in range(2):  # where the first episode of each copy began and went
        assert torch.equal(last[:, 12 + copy, :, :6], first[:, 12 + 3 * copy, :, :6])


@pytest.mark.parametrize("task", ["point-robot", "gridnavi"])
def test_the_critics_loss_reaches_the_encoder_and_the_actors_does_not(task):
    task, net, drawn, trials, _ = played(task)
    steps = pearl.transition_of(task, drawn, trials.symbol, trials.action, trials.reward, trials.arrived)
    seen = torch.ones(trials.reward.shape, dtype=torch.bool)
    mean, variance = net.encoder.posterior(*net.encoder(pearl.context_of(steps)), seen, pearl.gaussian_product)
    z = (mean + variance.sqrt())[:, None].expand(-1, trials.reward.shape[1], -1)
    pearl.actor_gain(net, steps["before"], z, 0.01, torch.Generator().manual_seed(0)).backward()
    assert all(weight.grad is None for weight in net.encoder.parameters())
    assert all(weight.grad is not None and weight.grad.any() for weight in net.actor[-1].parameters())
    net.action_values(net.critics, steps["before"], steps["action"], z).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in net.encoder.parameters())
    assert all(weight.grad is None for weight in net.targets.parameters())


def test_the_density_of_a_squashed_action_is_that_of_its_distribution():
    net, generator = networks(PointRobot())
    sensed, z = torch.randn(50, 2, generator=generator), torch.randn(50, 5, generator=generator)
    action, log_prob = net.squashed(sensed, z, generator)
    mean, log_deviation = net.actor(torch.cat([sensed, z], dim=-1)).chunk(2, dim=-1)
    squash = [torch.distributions.transforms.TanhTransform()]
    expected = torch.distributions.TransformedDistribution(Normal(mean, log_deviation.exp()), squash)
    torch.testing.assert_close(log_prob, expected.log_prob(action).sum(dim=-1), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(net.choose(sensed, z, generator, greedy=True), mean.tanh())


def test_of_finite_actions_the_soft_value_is_the_sum_over_all():
    net, generator = networks(GridNavi())
    sensed, z = torch.randn(6, 11, generator=generator), torch.randn(6, 5, generator=generator)
    with torch.no_grad():
        found = net.soft_value(net.critics, sensed, z, 0.3, generator)
        chances = net.actor(torch.cat([sensed, z], dim=-1)).softmax(-1)
        both = net.critics(sensed, z)
    for b in range(6):
        each = [
            p * (min(float(both[0, b, a]), float(both[1, b, a])) - 0.3 * math.log(p))
            for a, p in enumerate(chances[b].tolist())
        ]
        assert float(found[b]) == pytest.approx(sum(each), abs=1e-5)


# ---- learning ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_learns_to_go_to_the_end_of_a_corridor_that_paid(seed):
    """Who reads nothing of the context ends at the goal half of the time, and so do all before the training."""
    task = Corridor(half=2, horizon=6, episodes=3)
    settings = pearl.Settings(
        updates=20, copies=8, wander=6, problems=2, transitions=64, hidden=32, kl_weight=1e-3, pull=0.1, temperature=0.02,
        evaluate_every=20,
    )  # fmt: skip
    net, _ = networks(task, hidden=32)
    drawn, reached = task.each(50), []
    for snapshot in pearl.train(task, settings, torch.Generator().manual_seed(seed)):
        net.load_state_dict(snapshot.checkpoint()["networks"])
        generator = torch.Generator().manual_seed(0)
        trials, inference = pearl.play_trials(net, task, drawn, generator, greedy=True, wander=True)
        ends = pearl.where_it_leads(net, task, drawn, inference.mean[None, :, 12], generator)[0]
        goal = torch.tensor([task.state(goal) for goal in task.goals])[drawn.index]
        paid = (trials.reward[:, :12] > 0).any(dim=1)
        reached.append(float((ends == goal)[paid].float().mean()))
    assert reached[0] < 0.7 and reached[1] > 0.9


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("task", ["gridnavi", "point-robot"])
def test_a_checkpoint_resumes_to_the_same_numbers(task, tmp_path):
    whole = snapshots(task, problems=8)
    halfway = training.stream("pearl", task, 3, **SMALL | dict(problems=8))
    next(halfway)
    checkpoint = next(halfway).checkpoint()
    next(halfway)  # the training goes on, and leaves what was kept as it was
    training.save_whole(checkpoint, tmp_path / "half.pt")
    kept = training.load_whole(tmp_path / "half.pt")
    resumed = snapshots(task, resume=kept, problems=8)
    assert resumed[0].update == 4
    assert same(whole[-1], resumed[-1])
    for name in ("replay", "memory"):  # kept in full, and as they were when the checkpoint was made
        one, other = whole[-1].checkpoint()[name], resumed[-1].checkpoint()[name]
        assert one["written"] == other["written"] > kept[name]["written"]
        assert all(torch.equal(column, other["columns"][key]) for key, column in one["columns"].items())


def test_training_meets_training_problems_alone(monkeypatch):
    met, play_trials = [], pearl.play_trials

    def watched(net, task, drawn, generator, *, greedy, **how):
        met.append((greedy, drawn.index))
        return play_trials(net, task, drawn, generator, greedy=greedy, **how)

    monkeypatch.setattr(pearl, "play_trials", watched)
    snapshots("point-robot", updates=2)
    splits = PointRobot().splits
    assert {int(m) for greedy, index in met if not greedy for m in index} == set(splits["train"].tolist())
    assert {int(m) for greedy, index in met if greedy for m in index} == set(splits["test"].tolist())


def test_redrawn_each_step_in_training_it_is_judged_so_too():
    redrawn = snapshots(redraw="step", updates=2, temperature=1.0, gradient_steps=16)[-1]
    assert redrawn.metrics["test_return"] == redrawn.metrics["test_return_redrawn"]
    held = snapshots(updates=2, temperature=1.0, gradient_steps=16)[-1]
    assert held.metrics["test_return_held"] != held.metrics["test_return_redrawn"]
    assert held.metrics["test_return"] == held.metrics["test_return_held"]
    assert not torch.equal(held.hidden, redrawn.hidden)


def test_a_learners_own_functions_are_trained_with():
    called = []

    def watch(name, function):
        def mine(*arguments):
            called.append(name)
            return function(*arguments)

        return mine

    own = {
        "product": watch("product", pearl.gaussian_product),
        "kl": watch("kl", pearl.kl_to_prior),
        "redraw": watch("redraw", pearl.resample),
    }
    last = list(training.stream("pearl", "gridnavi", 3, functions=own, **SMALL))[-1]
    assert set(called) == {"product", "kl", "redraw"} and same(last, snapshots()[-1])


def test_what_is_judged_is_what_was_played():
    last = snapshots()[-1]
    found = last.metrics
    by_episode = last.trials.reward.unflatten(1, (4, 15)).sum(dim=2).mean(dim=0)
    assert [found[f"return_{k}"] for k in (1, 2, 3, 4)] == pytest.approx(by_episode.tolist(), abs=1e-5)
    assert found["test_return"] == pytest.approx(float(by_episode.sum()), abs=1e-4)
    assert found["found"] == pytest.approx(float((last.trials.reward > 0).any(dim=1).float().mean()))
    assert last.references["posterior_sampling_return"] == pytest.approx(7.8, abs=0.5)


def test_samples_that_end_on_every_goal_cover_all_and_at_one_only_that(monkeypatch):
    """The place where a sample leads is made up: the goals in turn, or one of them always."""
    task, net, drawn, trials, inference = played("gridnavi", copies=1)
    goals = torch.tensor([task.state(goal) for goal in task.goals])
    monkeypatch.setattr(pearl, "SAMPLES", len(goals))
    monkeypatch.setattr(pearl, "where_it_leads", lambda *_: goals[:, None].expand(-1, len(drawn.index)))
    everywhere = pearl.beside_exact_belief(net, task, drawn, trials, inference)
    assert everywhere["possible_first"] == 1 and everywhere["covered_first"] == 1
    monkeypatch.setattr(pearl, "where_it_leads", lambda *_: goals[3].expand(len(goals), len(drawn.index)))
    at_one = pearl.beside_exact_belief(net, task, drawn, trials, inference)
    assert at_one["possible_first"] == 1 and at_one["covered_first"] == pytest.approx(1 / 21)


@pytest.mark.parametrize("task", ["gridnavi", "point-robot"])
def test_a_snapshot_becomes_panels(task):
    last = snapshots(task, count=2)[-1]
    shown = panels.frame(last, [dict(last.metrics, env_steps=last.env_steps)], make_task(task))
    assert shown["method"] == "pearl"
    assert last.hidden.shape == (len(last.trials.problem), make_task(task).trial.length, pearl.SETTINGS[task].latent)


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    broken = {"kl": lambda mean, variance: mean.sum(-1) * float("nan")}
    with pytest.raises(CourseError, match="learning_rate"):
        list(training.stream("pearl", "gridnavi", functions=broken, **SMALL))


@pytest.mark.parametrize("task", ["map", "bandit", "random-mdp"])
def test_a_task_that_does_not_fit_is_refused(task):
    with pytest.raises(CourseError, match="gridnavi"):
        next(pearl.train(make_task(task), pearl.Settings(), torch.Generator().manual_seed(0)))


def test_a_setting_that_does_not_exist_is_refused():
    for wrong in (dict(redraw="often"), dict(critic_reward="dense")):
        with pytest.raises(CourseError):
            snapshots(**wrong)
