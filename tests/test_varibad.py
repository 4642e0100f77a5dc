"""VariBAD: its bound term by term, what reaches what, and that it learns, repeats and resumes."""

import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_lib import training
from course_lib.agents import varibad
from course_lib.bilingual import CourseError
from course_lib.exact import exact_belief
from course_lib.tasks import GridNavi, make_task
from course_lib.views import panels

SMALL = dict(updates=4, trials=24, encoder_trials=12, encoder_steps=2, evaluate_every=2)


def snapshots(task="gridnavi", seed=3, count=99, resume=None, **settings):
    return list(itertools.islice(training.stream("varibad", task, seed, resume=resume, **SMALL | settings), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


def parts(task, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return varibad.Networks(task, varibad.SETTINGS["gridnavi"], generator), generator


def read(belief, sensed):
    return varibad.belief_input(*belief.chunk(2, dim=-1), sensed)


# ---- the three functions of the lesson -----------------------------------------------------------------------


def test_the_kl_is_to_the_belief_one_step_before_and_at_first_to_the_standard_normal():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(3, 4, 2, generator=generator) for _ in range(2))
    found = varibad.kl_to_previous(mean, log_variance)
    assert found.shape == (3, 4)
    at = lambda b, t: Normal(mean[b, t], (0.5 * log_variance[b, t]).exp())  # noqa: E731
    for b, t in itertools.product(range(3), range(4)):
        before = at(b, t - 1) if t else Normal(torch.zeros(2), torch.ones(2))
        torch.testing.assert_close(found[b, t], kl_divergence(at(b, t), before).sum())


def test_every_prefix_is_to_explain_every_reward_of_the_trial_and_nothing_else():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 3, generator=generator)
    head = torch.randint(3, (2, 5), generator=generator)
    paid = torch.rand(2, 5, generator=generator) < 0.5
    valid = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0]]).bool()
    found = varibad.reward_log_likelihood(logits, head, paid, valid)
    for b, t in itertools.product(range(2), range(5)):
        steps = [k for k in range(5) if valid[b, k]]
        each = [Bernoulli(logits=logits[b, t, head[b, k]]).log_prob(paid[b, k].float()) for k in steps]
        torch.testing.assert_close(found[b, t], torch.stack(each).sum())


def test_the_policys_loss_stops_at_the_belief_and_the_bounds_reaches_it():
    task = make_task("gridnavi")
    networks, generator = parts(task)
    drawn = task.draw(4, generator)
    trials, _, _, _ = varibad.play_trials(networks.encoder, networks.policy, task, drawn, generator, read, greedy=False)
    belief = networks.encoder(varibad.trial_inputs(task, drawn, trials))
    sensed = task.sensed(drawn, trials.symbol, trials.instruction)
    networks.policy.actor(read(belief, sensed)).square().sum().backward()
    assert all(weight.grad is None for weight in networks.encoder.parameters())
    assert all(weight.grad is not None for weight in networks.policy.actor.parameters())
    varibad.kl_to_previous(*belief.chunk(2, dim=-1)).sum().backward()
    assert all(weight.grad is not None for weight in networks.encoder.parameters())


# ---- what the parts read -------------------------------------------------------------------------------------


def test_the_belief_that_acts_is_the_belief_that_is_learned():
    task = make_task("gridnavi")
    networks, generator = parts(task)
    drawn = task.draw(20, generator)
    trials, belief, inputs, logits = varibad.play_trials(
        networks.encoder, networks.policy, task, drawn, generator, read, greedy=False
    )
    learned = networks.encoder(varibad.trial_inputs(task, drawn, trials))
    torch.testing.assert_close(learned, belief, atol=1e-5, rtol=1e-5)
    again = networks.policy.actor(read(learned, task.sensed(drawn, trials.symbol, trials.instruction)))
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=1e-5)
    assert inputs.shape == (20, 60, 2 * 5 + task.sensed_size)


def test_the_encoder_reads_where_the_last_step_arrived_even_when_an_episode_ended_there():
    task = GridNavi(side=3, horizon=2, episodes=2)
    generator = torch.Generator().manual_seed(0)
    drawn = task.draw(3, generator)
    trials = varibad.play(task, drawn, generator, lambda running: torch.full_like(running.problem, 0))  # right, right
    found = varibad.trial_inputs(task, drawn, trials)
    assert (found[:, 0] == 0).all()
    cells = [(1, 0), (2, 0), (1, 0)]
    for t, (x, y) in enumerate(cells, start=1):
        row = found[0, t]
        assert row[:3].argmax() == x and row[3:6].argmax() == y
        assert row[7:12].tolist() == [1, 0, 0, 0, 0] and row[12] == trials.reward[0, t - 1]


def test_memory_is_carried_across_episodes():
    """A goal found in the first episode still shows in the belief of the second."""
    task = make_task("gridnavi")
    networks, generator = parts(task)
    drawn = task.each()
    walk = torch.tensor([0, 0, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 3, 3, 3])  # right, up, left: through half of the grid
    trials = varibad.play(task, drawn, generator, lambda running: walk[running.clock].clone())
    belief = networks.encoder(varibad.trial_inputs(task, drawn, trials))
    found = (trials.reward[:, :15] > 0).any(dim=1)
    assert belief[found, 15].unique(dim=0).shape[0] > found.sum() // 2
    assert belief[~found, 15].unique(dim=0).shape[0] == 1


def test_the_value_is_of_the_time_as_well_and_the_policy_is_not():
    task = make_task("gridnavi")
    networks, _ = parts(task)
    with torch.no_grad():
        networks.policy.time.normal_(generator=torch.Generator().manual_seed(0))
    alike = torch.ones(1, 60, 10 + task.sensed_size)
    assert networks.policy.values(alike).unique().numel() == 60
    assert networks.policy.actor(alike).unique(dim=1).shape[1] == 1


# ---- the belief beside the exact one -------------------------------------------------------------------------


def test_a_decoded_belief_that_is_exact_has_no_distance_and_a_flat_one_has_what_a_loop_gives():
    task = make_task("gridnavi")
    networks, generator = parts(task)
    drawn = task.each()
    trials, _, _, _ = varibad.play_trials(networks.encoder, networks.policy, task, drawn, generator, read, greedy=False)
    exact = exact_belief(task.tables, trials)
    goals = torch.tensor([task.state(goal) for goal in task.goals])
    chances = torch.zeros(*exact.shape[:2], 25)
    chances[..., goals] = 0.9 * exact  # only the shares count
    zero = varibad.belief_distance(varibad.belief_over_goals(chances, goals), exact, trials.valid, trials.episode)
    assert zero["belief_error"] == pytest.approx(0, abs=1e-4)
    assert zero["belief_kl"] == pytest.approx(0, abs=1e-4)
    flat = torch.full_like(exact, 1 / 21)
    found = varibad.belief_distance(flat, exact, trials.valid, trials.episode)
    rows = exact.flatten(0, 1)
    errors = [(row - 1 / 21).clamp(min=0).sum().item() for row in rows]
    nats = [math.log(21) - math.log(int((row > 0).sum())) for row in rows]
    assert found["belief_error"] == pytest.approx(sum(errors) / len(rows), rel=1e-3)
    assert found["belief_kl"] == pytest.approx(sum(nats) / len(rows), rel=1e-3)
    by_episode = [found[f"belief_error_{k}"] for k in (1, 2, 3, 4)]
    assert sum(by_episode) / 4 == pytest.approx(found["belief_error"], rel=1e-4)


def test_chances_are_averaged_over_the_belief():
    """One latent number, a decoder that is linear: the mean of a sigmoid under a Gaussian, by summing on a grid."""
    generator = torch.Generator().manual_seed(0)
    decoder = torch.nn.Linear(1, 1, bias=False)
    decoder.weight.data.fill_(2.0)
    with torch.no_grad():
        found = varibad.decoded_chances(decoder, torch.tensor([0.5, math.log(4.0)]), generator, draws=40_000)
    z = torch.linspace(-15, 16, 20_001)
    weight = Normal(0.5, 2.0).log_prob(z).exp()
    assert float(found) == pytest.approx(float((weight * (2 * z).sigmoid()).sum() / weight.sum()), abs=5e-3)


# ---- learning ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_learns_to_look_for_the_goal_and_to_return_to_it(seed):
    """Two episodes in a grid of 3 × 3: who learns nothing of a reward gets no_exploration_return."""
    task = GridNavi(side=3, horizon=8, episodes=2)  # optimum 10.72; 1.48 without
    settings = varibad.Settings(updates=40, trials=96, policy_rate=4e-3, evaluate_every=40)
    _, last = varibad.train(task, settings, torch.Generator().manual_seed(seed))
    assert last.metrics["test_return"] > last.references["no_exploration_return"] + 3


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_a_snapshot_holds_the_deviations_of_its_gaussian_for_the_latent_plane():
    snapshot = next(training.stream("varibad", "gridnavi", seed=0, updates=0))
    size = snapshot.spread.shape[2]
    assert snapshot.hidden.shape[2] == 2 * size  # the mean, then log σ²
    torch.testing.assert_close(snapshot.spread, (0.5 * snapshot.hidden[..., size:]).exp())
    plane = panels.latent_shown(snapshot)
    assert plane["latent_mean"].shape[1:] == (4, 2) and max(plane["latent_axes"]) < size  # an ellipse an episode


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    whole = snapshots()
    halfway = training.stream("varibad", "gridnavi", 3, **SMALL)
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"))
    assert resumed[0].update == 4
    assert same(whole[-1], resumed[-1])


def test_training_draws_from_the_training_split_alone(monkeypatch):
    """In GridNavi both splits are all problems; elsewhere they are not."""
    task, met = GridNavi(side=3, horizon=3, episodes=2), []
    task.splits = {"train": torch.tensor([0, 1, 2]), "test": torch.tensor([3, 4])}
    played = varibad.play_trials

    def watched(encoder, policy, task, drawn, generator, read, *, greedy, **how):
        met.append((greedy, drawn.index))
        return played(encoder, policy, task, drawn, generator, read, greedy=greedy, **how)

    monkeypatch.setattr(varibad, "play_trials", watched)
    list(varibad.train(task, varibad.Settings(updates=3, trials=16), torch.Generator().manual_seed(0)))
    assert {int(m) for greedy, index in met if not greedy for m in index} == {0, 1, 2}
    assert {int(m) for greedy, index in met if greedy for m in index} == {3, 4}


def test_a_learners_own_function_is_trained_with():
    called = []

    def mine(mean, log_variance):
        called.append(mean.shape)
        return varibad.kl_to_previous(mean, log_variance)

    run = list(training.stream("varibad", "gridnavi", 3, functions={"kl": mine}, **SMALL))
    assert called and same(run[-1], snapshots()[-1])


def test_of_a_bandit_the_belief_is_of_each_arm():
    """Its policy learns; its belief stays as far from the exact one as it began (see the settings), so far."""
    first, last = snapshots("bandit", updates=20, trials=128, encoder_trials=64, evaluate_every=20)
    assert 0 < last.metrics["belief_error"] < 0.5 and last.belief is None
    assert last.metrics["test_return"] > 5.2 > first.metrics["test_return"]


def test_a_snapshot_becomes_panels():
    last = snapshots(count=2)[-1]
    shown = panels.frame(last, [dict(last.metrics, env_steps=last.env_steps)], make_task("gridnavi"))
    assert {"axes", "probe_accuracy"} & set(shown) and shown["method"] == "varibad"


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    broken = {"kl": lambda mean, log_variance: mean.sum(-1) * float("nan")}
    with pytest.raises(CourseError, match="encoder_rate"):
        list(training.stream("varibad", "gridnavi", functions=broken, **SMALL))


@pytest.mark.parametrize(
    ("task", "head"),
    [(task, "arrived") for task in ("point-robot", "map", "cooking", "bandit", "random-mdp", "revealing-arm")]
    + [(task, "action") for task in ("gridnavi", "fixed-arm-bandit", "map")],
)
def test_a_task_whose_rewards_it_can_not_predict_is_refused(task, head):
    with pytest.raises(CourseError, match="Try gridnavi"):
        next(varibad.train(make_task(task), varibad.Settings(head=head), torch.Generator().manual_seed(0)))


def test_a_misspelt_head_is_not_taken_for_another():
    with pytest.raises(CourseError, match="arrived, action"):
        snapshots("bandit", count=1, head="actions")
