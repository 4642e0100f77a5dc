"""RL²: what it reads, what it carries, how credit flows, and that it learns, repeats and resumes."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from course_lib import ENVIRONMENTS, training
from course_lib.agents import rl2
from course_lib.bilingual import CourseError
from course_lib.exact.explorers import shortest_exploration
from course_lib.tasks import make_task


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def snapshots(task="map", seed=3, count=3, resume=None, **settings):
    settings = dict(updates=10, trials=48, evaluate_every=5) | settings
    return list(itertools.islice(training.stream("rl2", task, seed, resume=resume, **settings), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


def test_same_seed_same_numbers_and_another_seed_others():
    first, again, another = (snapshots(seed=seed)[-1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not torch.equal(first.hidden, another.hidden)


def test_no_global_generator_is_drawn_from():
    before = torch.get_rng_state()
    snapshots(count=2)
    assert torch.equal(before, torch.get_rng_state())


def test_a_checkpoint_resumes_to_the_same_numbers(tmp_path):
    whole = snapshots()
    halfway = training.stream("rl2", "map", 3, updates=10, trials=48, evaluate_every=5)
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"))
    assert resumed[0].update == 10
    assert same(whole[-1], resumed[0])


def test_a_checkpoint_is_not_changed_by_the_training_that_goes_on():
    running = training.stream("rl2", "bandit", 0, updates=4, trials=32, evaluate_every=1)
    next(running)
    kept = next(running).checkpoint()
    copied = {name: value.clone() for name, value in kept["policy"].items()}
    moments = kept["optimizer"]["state"][0]["exp_avg"].clone()
    list(running)
    assert all(torch.equal(value, kept["policy"][name]) for name, value in copied.items())
    assert torch.equal(moments, kept["optimizer"]["state"][0]["exp_avg"])


def test_acting_step_by_step_and_unrolling_whole_trials_give_the_same_hidden_states():
    """What the update learns from must be what the policy was when it acted."""
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    inputs = task.tables.features.shape[1] + task.tables.instructions + len(task.actions) + 2
    policy = rl2.Policy(inputs, 16, len(task.actions), generator)
    drawn = task.draw(20, generator)
    trials, hidden, _ = rl2.play_trials(policy, task, drawn, generator, greedy=False)
    sensed = task.sensed(drawn, trials.symbol, trials.instruction)
    read = rl2.rl2_input(sensed, trials.action, trials.reward, trials.done, len(task.actions))
    new_episode = torch.ones_like(trials.done)
    new_episode[:, 1:] = trials.episode[:, 1:] != trials.episode[:, :-1]
    fused = rl2.unroll(policy, read, new_episode, rl2.carry_hidden_state)
    stepped = rl2.unroll(policy, read, new_episode, lambda h, e, t: rl2.carry_hidden_state(h, e, t))
    torch.testing.assert_close(fused, hidden, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(stepped, hidden, atol=1e-5, rtol=1e-5)


def test_memory_crosses_the_episode_boundary_and_a_reset_there_is_seen():
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    inputs = task.tables.features.shape[1] + task.tables.instructions + len(task.actions) + 2
    policy = rl2.Policy(inputs, 16, len(task.actions), generator)
    script = torch.cat([shortest_exploration(task), torch.tensor([task.end_action])])
    drawn = task.each()

    def at_execution(carry):
        generator = torch.Generator().manual_seed(1)
        trials, hidden, _ = rl2.play_trials(
            policy, task, drawn, generator, greedy=True, script=script, carry=carry,
            instruction=torch.ones(24, dtype=torch.int64),
        )  # fmt: skip
        first = int((trials.episode[0] == 1).float().argmax())
        return hidden[:, first]

    assert at_execution(rl2.carry_hidden_state).unique(dim=0).shape[0] == 24  # every map leaves its own trace
    forgets = at_execution(lambda hidden, new_episode, new_trial: hidden * ~new_episode[:, None])
    assert forgets.unique(dim=0).shape[0] == 1


def test_trials_grow_by_equal_factors_and_are_whole_in_time():
    settings = rl2.Settings(shortest=10, growing=0.5)
    lengths = [rl2.grown_to(100, settings, progress) for progress in (0.0, 0.25, 0.49, 0.5, 1.0)]
    assert lengths == [10, 32, 95, 100, 100]  # 10 · 10^(1/2) = 31.6
    assert rl2.grown_to(100, rl2.Settings(), 0.0) == 100 and rl2.grown_to(7, settings, 0.0) == 7
    task = make_task("bandit")
    assert rl2.shortened(task, 3).trial.counted == (True,) * 3 and task.trial.episodes == 10


def test_every_update_has_as_many_steps_while_trials_grow():
    *_, last = snapshots("bandit", count=99, shortest=2, growing=0.6, trials=64)
    assert last.trials.action.shape[1] == 10  # it is judged on whole trials
    assert 10 * 640 - 6 * 10 < last.env_steps <= 10 * 640


def test_growing_trials_resume_to_the_same_numbers():
    more = dict(updates=4, trials=32, evaluate_every=2, shortest=2, growing=0.8, value_trace=0.9)
    whole = snapshots("bandit", **more)
    halfway = training.stream("rl2", "bandit", 3, **more)
    next(halfway)
    resumed = snapshots("bandit", resume=next(halfway).checkpoint(), **more)
    assert resumed[0].update == 4 and same(whole[-1], resumed[0])


def test_each_knob_that_is_off_changes_what_is_learned():
    def learned(**knob):
        off = dict(trace=0.3, value_trace=None, shortest=None)
        return snapshots("bandit", count=2, **off | knob)[-1].hidden

    plain = learned()
    for knob in (dict(shortest=2), dict(value_trace=0.9)):
        assert not torch.equal(plain, learned(**knob)), knob
    assert torch.equal(plain, learned(value_trace=0.3))


def test_advantages_are_returns_minus_values_when_the_trace_is_one_and_cross_episodes():
    generator = torch.Generator().manual_seed(0)
    reward, value = torch.randn(3, 6, generator=generator), torch.randn(3, 6, generator=generator)
    over = torch.zeros(3, 6, dtype=torch.bool)
    episode_over, trial_over = over.clone(), over.clone()
    episode_over[:, 2] = True
    trial_over[:, 5] = True
    advantage = rl2.trial_advantages(reward, value, episode_over, trial_over, 0.9, 1.0)
    for t in range(6):
        expected = sum(0.9 ** (k - t) * reward[:, k] for k in range(t, 6)) - value[:, t]
        torch.testing.assert_close(advantage[:, t], expected)


def test_nothing_after_the_end_of_a_trial_is_learned_from():
    reward, value = torch.ones(1, 4), torch.zeros(1, 4)
    trial_over = torch.tensor([[False, True, False, False]])
    advantage = rl2.trial_advantages(reward, value, trial_over, trial_over, 1.0, 1.0)
    assert advantage[0, :2].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("seed", range(3))
def test_learns_the_bandit(seed):
    """Pulling at random gives 5; twenty seconds' training 6.6. A few must be clearly above the first."""
    last = snapshots("bandit", seed, count=99, updates=40, trials=256, evaluate_every=40)[-1]
    assert last.metrics["test_return"] > 5.6


@pytest.mark.parametrize("seed", range(2))
def test_exploring_alone_is_easy(seed):
    last = snapshots("map", seed, count=99, updates=40, trials=256, executor="perfect", evaluate_every=40)[-1]
    assert last.metrics["information"] == pytest.approx(last.metrics["information_max"], abs=1e-5)
    assert last.metrics["test_return"] == pytest.approx(last.references["optimal_return"], abs=1e-5)


def test_a_perfect_executor_pays_the_same_at_once_or_late():
    task, dice = make_task("map"), generator(3)
    policy = rl2.policy_for(task, rl2.SETTINGS["map"], dice)
    trials, _, _ = rl2.play_trials(policy, task, task.draw(50, dice), dice, greedy=False)
    lessons = {}
    for executor in ("perfect", "perfect, paid late"):
        judge = rl2.Judge(task, replace(rl2.SETTINGS["map"], executor=executor), rl2.rl2_input, rl2.carry_hidden_state)
        lessons[executor] = judge.lesson(trials)
    reward, over, acts, lives = lessons["perfect"]
    late, late_over, late_acts, late_lives = lessons["perfect, paid late"]
    assert reward.sum(dim=1).allclose(late.sum(dim=1)) and reward.sum(dim=1).std() > 0.01
    assert ((late != 0) <= late_over).all() and (trials.episode[late_over] == 1).all()
    assert (trials.episode[over] == 0).all() and late_acts.equal(acts)  # only exploring is learned, in both
    assert (late_lives | ~trials.valid).all() and (lives & trials.valid).equal(trials.valid & (trials.episode == 0))


def test_references_come_from_the_exact_solver():
    first = snapshots(count=1)[0]
    assert first.references["optimal_return"] == pytest.approx(0.8, abs=1e-5)
    assert first.references["no_exploration_return"] == pytest.approx(0.3, abs=1e-5)
    assert snapshots("bandit", count=1)[0].references["optimal_return"] == pytest.approx(6.660, abs=5e-4)


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    with pytest.raises(CourseError, match="learning_rate"):
        task = make_task("bandit")
        settings = replace(rl2.SETTINGS["bandit"], updates=3, trials=16)
        broken = lambda reward, value, episode_over, trial_over, discount, trace: value * float("nan")  # noqa: E731
        list(rl2.train(task, settings, torch.Generator().manual_seed(0), advantages=broken))


@pytest.mark.parametrize("task", sorted(ENVIRONMENTS))
def test_trains_on_every_task_that_has_a_name(task, monkeypatch):
    """Two updates change the policy; what it is judged by is a number."""
    monkeypatch.setattr(rl2, "references_of", lambda task: {})  # they would take up to ten seconds of solving
    monkeypatch.setattr(rl2, "perfect_exploration", lambda task: None)
    before, after = snapshots(task, updates=2, trials=8, evaluate_every=2, count=9)
    assert after.env_steps > 0 and math.isfinite(after.metrics["test_return"])
    assert not torch.equal(before.hidden, after.hidden)


def test_a_bandit_has_no_perfect_explorer():
    with pytest.raises(CourseError, match="learned"):
        snapshots("bandit", count=1, explorer="perfect")


@pytest.mark.parametrize(
    "misspelt, known",
    [(dict(explorer="prefect"), "learned, perfect"), (dict(executor="perfect, late"), "learned, perfect, 'perfect, paid late'")],
)
def test_a_misspelt_half_is_not_taken_for_the_learned_one(misspelt, known):
    for method in ("rl2", "e-rl2"):
        with pytest.raises(CourseError, match=known):
            next(training.stream(method, "map", updates=1, trials=8, **misspelt))


# -- fast weights -----------------------------------------------------------------------------------------------


def test_fast_weights_add_up_what_each_action_paid_where_it_was_done():
    task, drawn_by = make_task("random-mdp episodes=3 states=4 actions=3 horizon=5"), generator(0)
    policy = rl2.FastWeightsPolicy(4, 8, 3, drawn_by)
    drawn = task.draw(6, drawn_by)
    trials, hidden, logits = rl2.play_trials(policy, task, drawn, drawn_by, greedy=False)  # (B, T, H)
    for lane in range(6):
        often, paid = torch.zeros(4, 3), torch.zeros(4, 3)
        for t in range(15):
            here = int(trials.state[lane, t])
            found = policy.memory.read(hidden[lane, t])  # (A, 3)
            assert found[:, 0].allclose(paid[here] / (1 + often[here]), atol=1e-5)
            assert found[:, 1].allclose((1 + often[here]) ** -0.5)
            assert found[:, 2].allclose(torch.full((3,), t / 100))
            often[here, trials.action[lane, t]] += 1
            paid[here, trials.action[lane, t]] += trials.reward[lane, t]
    # Read whole, as in training, and step by step, as above.
    sensed = task.sensed(drawn, trials.symbol, trials.instruction)
    inputs = rl2.rl2_input(sensed, trials.action, trials.reward, trials.done, 3)
    again = rl2.unroll(policy, inputs, torch.zeros_like(trials.done), rl2.carry_hidden_state)
    assert again.allclose(hidden, atol=1e-5)
    assert policy.heads(again)[0].allclose(logits, atol=1e-5)


def test_remembering_means_and_planning_nothing_is_enough_on_random_mdps():
    """What the docstring of ``rl2`` and lesson 05 say: read with the true prior N(1, 1), greedily, it earns 158.6."""
    task = make_task("random-mdp")
    policy = rl2.policy_for(task, rl2.SETTINGS["random-mdp"], generator())

    class PosteriorMean(torch.nn.Module):
        def forward(self, hidden):
            paid, weight, _ = policy.memory.read(hidden).unbind(-1)  # Σr / (1 + n), (1 + n)^−½
            return paid + weight**2  # (Σr + 1) / (1 + n)

    policy.actor = PosteriorMean()
    drawn = task.draw(10_000, generator(1))
    trials, _, _ = rl2.play_trials(policy, task, drawn, generator(), greedy=True)
    assert float(trials.returns(task.trial).mean()) == pytest.approx(158.6, abs=0.75)  # three standard errors


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fast_weights_learn_which_arm_pays(seed):
    """20 pulls of 3 arms pay 10 at random."""
    fast = dict(memory="fast-weights", hidden=16, trials=128, updates=20, learning_rate=1e-2, discount=0.97)
    *_, last = rl2.train(make_task("bandit arms=3 pulls=20"), replace(rl2.SETTINGS["bandit"], **fast), generator(seed))
    assert last.metrics["test_return"] > 12.7


PRIVILEGED = dict(trials=64, updates=24, hidden=16, evaluate_every=6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_told_critic_teaches_which_arm_pays(seed):
    """20 pulls of 3 arms pay 10 at random, and 15 to who knows the best."""
    settings = replace(rl2.SETTINGS["bandit pulls=100"], **PRIVILEGED | dict(learning_rate=1e-2))
    *_, last = rl2.train(make_task("bandit arms=3 pulls=20"), settings, generator(seed))
    assert last.metrics["test_return"] > 13


def test_only_the_critic_is_told_what_the_arms_pay():
    task, drawn_by = make_task("bandit arms=3 pulls=6"), generator(0)
    policy = rl2.policy_for(task, replace(rl2.SETTINGS["bandit pulls=100"], hidden=8), drawn_by)
    drawn = task.draw(5, drawn_by)
    trials, hidden, logits = rl2.play_trials(policy, task, drawn, drawn_by, greedy=False)
    chances = drawn.tables.reward[drawn.index, 0, :1]  # (B, 1, A)
    same, value = policy.heads(hidden, chances)
    other, changed = policy.heads(hidden, 1 - chances)
    assert same.equal(other) and same.allclose(logits, atol=1e-6)
    assert value.shape == (5, 6) and not value.allclose(changed)
    assert rl2.lost_by(torch.tensor([0.25, 1.0, 0.5])).tolist() == [0.75, 0.0, 0.5]


def test_what_is_learned_from_is_what_an_arm_loses_on_average_and_not_what_was_drawn():
    """With two arms each pull loses nothing or the same in the whole trial; what is drawn would be 0 or 1."""
    seen = []

    def watching(reward, *rest):
        seen.append(reward)
        return rl2.trial_advantages(reward, *rest)

    task = make_task("bandit arms=2 pulls=4")
    settings = replace(rl2.SETTINGS["bandit pulls=100"], trials=32, updates=1, hidden=8, shortest=None)
    list(rl2.train(task, settings, generator(0), advantages=watching))
    drawn = task.draw(32, after_the_weights(task, settings), "train")
    chances = drawn.tables.reward[:, 0, 0]
    lost = (chances.amax(1) - chances.amin(1)) * settings.reward_scale  # (B,): by the worse of two arms
    learned_from = -seen[0]
    assert ((learned_from < 1e-7) | (learned_from - lost[:, None]).abs().lt(1e-6)).all() and learned_from.max() > 0.05


def after_the_weights(task, settings):
    """The training's generator, as it is when the first problems are drawn."""
    drawn_by = generator(0)
    rl2.policy_for(task, settings, drawn_by)
    return drawn_by


def test_the_entropy_bonus_stays_above_its_share():
    task, fast = make_task("bandit arms=2 pulls=10"), dict(memory="fast-weights", privileged=True, hidden=8)
    ends = {}
    for left in (0.0, 1.0):
        knobs = dict(fast, trials=64, updates=30, entropy=0.2, entropy_left=left, learning_rate=1e-2)
        *_, last = rl2.train(task, replace(rl2.SETTINGS["bandit"], **knobs), generator(0))
        ends[left] = last.metrics["entropy"]
    assert ends[1.0] > ends[0.0] + 0.02  # the same numbers, were the share not heeded


@pytest.mark.parametrize(("task", "memory"), [("bandit", "gru"), ("random-mdp", "fast-weights"), ("map", "gru")])
def test_a_critic_that_cannot_be_told_is_refused(task, memory):
    settings = replace(rl2.SETTINGS["bandit"], memory=memory, privileged=True)
    with pytest.raises(CourseError, match="privileged"):
        next(rl2.train(make_task(task), settings, generator()))


def test_fast_weights_go_on_to_the_same_numbers():
    task = make_task("random-mdp episodes=2 states=3 actions=2 horizon=3")
    settings = replace(rl2.SETTINGS["random-mdp"], trials=16, updates=4, evaluate_every=2, hidden=8)
    assert settings.memory == "fast-weights"
    _, middle, last = rl2.train(task, settings, generator(5))
    *_, again = rl2.train(task, settings, generator(99), middle_of(task, settings))
    assert again.metrics == last.metrics and again.hidden.equal(last.hidden)


def middle_of(task, settings) -> dict:
    """The checkpoint of the same training, half-way."""
    stream = rl2.train(task, settings, generator(5))
    next(stream)
    return next(stream).checkpoint()


@pytest.mark.parametrize(("task", "memory"), [("bandit", "elephant"), ("point-robot", "fast-weights")])
def test_a_memory_that_cannot_be_is_a_sentence(task, memory):
    settings = replace(rl2.SETTINGS[task], memory=memory)
    with pytest.raises(CourseError, match="Give 'gru'"):
        next(rl2.train(make_task(task), settings, generator()))
