"""DREAM: what it is paid, what each part may see, and that it learns, repeats and resumes."""

import collections
import itertools
import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from course_lib import training
from course_lib.agents import dream
from course_lib.bilingual import CourseError
from course_lib.tasks import make_task

SMALL = dict(updates=48, trials=48, batch=16, memory=16, evaluate_every=16)


def snapshots(task="map", seed=3, count=99, resume=None, **settings):
    return list(itertools.islice(training.stream("dream", task, seed, resume=resume, **SMALL | settings), count))


def same(one, other):
    return (
        torch.equal(one.hidden, other.hidden)
        and torch.equal(one.trials.action, other.trials.action)
        and one.metrics == other.metrics
        and one.env_steps == other.env_steps
    )


def networks(task, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return dream.Networks(task, dream.SETTINGS["map"], generator), generator


# ---- the three functions of the lesson -----------------------------------------------------------------------


def test_the_gains_of_an_episode_sum_to_what_was_learned_of_the_code():
    generator = torch.Generator().manual_seed(0)
    code, decoded = torch.randn(5, 3, generator=generator), torch.randn(5, 8, 3, generator=generator)
    gain = dream.information_gain(code, decoded, noise=0.4)
    assert gain.shape == (5, 7)
    log_q = Independent(Normal(decoded, 0.4), 1).log_prob(code[:, None])  # (B, T + 1)
    torch.testing.assert_close(gain, log_q[:, 1:] - log_q[:, :-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gain.sum(dim=1), log_q[:, -1] - log_q[:, 0], atol=1e-4, rtol=1e-4)


def test_the_decoders_belief_is_its_density_at_each_problems_code():
    generator = torch.Generator().manual_seed(0)
    codes, decoded = torch.randn(6, 3, generator=generator), torch.randn(5, 8, 3, generator=generator)
    log_q = Independent(Normal(decoded[:, :, None], 0.4), 1).log_prob(codes)  # (B, T, M)
    torch.testing.assert_close(dream.decoded_belief(codes, decoded, 0.4), log_q.softmax(dim=-1), atol=1e-5, rtol=1e-4)


def test_the_decoder_follows_the_encoder_and_never_the_other_way_round():
    code = torch.randn(4, 3, requires_grad=True)
    decoded = torch.randn(4, 6, 3, requires_grad=True)
    seen = torch.arange(6)[None] < torch.tensor([[6], [3], [1], [4]])
    loss = dream.decoder_loss(code, decoded, seen, noise=0.5)
    loss.backward()
    assert code.grad is None
    assert (decoded.grad[~seen] == 0).all() and (decoded.grad[seen] != 0).all()
    rows = [(decoded[b, t] - code[b]).square().sum() / (2 * 0.5**2) for b, t in seen.nonzero().tolist()]
    torch.testing.assert_close(loss, torch.stack(rows).mean())


def test_the_bottleneck_is_the_kl_divergence_to_the_same_gaussian_around_zero():
    code = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    divergence = kl_divergence(Independent(Normal(code, 0.3), 1), Independent(Normal(torch.zeros(3), 0.3), 1))
    torch.testing.assert_close(dream.bottleneck(code, 0.3), divergence.mean())


def test_the_bound_is_tight_with_an_exact_decoder_and_never_above_the_information_with_any_other():
    generator = torch.Generator().manual_seed(0)
    code, every = 3 * torch.randn(24, 4, generator=generator), torch.arange(24)
    alone = torch.eye(24, dtype=torch.bool)
    found = dream.information_bound(code, code, alone, every, 0.05, generator)
    # Codes far apart and one problem left: z tells everything, and the decoder is right.
    assert found["code_information"] == pytest.approx(math.log(24), abs=1e-3)
    assert found["decoder_gap"] == pytest.approx(0, abs=1e-4)
    nothing = torch.ones(24, 24, dtype=torch.bool)
    pairs = (every[:, None] // 2) == (every // 2)
    for possible, information in ((alone, math.log(24)), (pairs, math.log(12)), (nothing, 0.0)):
        share = possible.float() / possible.sum(dim=1, keepdim=True)
        for error in (0.0, 0.3, 3.0):
            decoded = share @ (code + error * torch.randn(code.shape, generator=generator))
            found = dream.information_bound(code, decoded, possible, every, 0.05, generator)
            assert found["code_information"] == pytest.approx(information, abs=1e-3)
            assert found["information_bound"] <= found["code_information"] + 1e-4
            total = found["information_bound"] + found["decoder_gap"]
            assert total == pytest.approx(found["code_information"], rel=1e-4, abs=1e-3)
            assert found["code_information_max"] == pytest.approx(math.log(24), abs=1e-3)


def test_the_exact_information_about_the_code_is_what_an_integral_gives():
    """One dimension, where the integral over z can be done on a grid."""
    code, noise = torch.tensor([[-0.6], [0.1], [0.4], [2.0]]), 0.3
    possible = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=torch.bool)
    decoded = torch.tensor([[-0.2], [-0.2], [1.0], [1.0]])
    found = dream.information_bound(
        code, decoded, possible, torch.arange(4), noise, torch.Generator().manual_seed(0), draws=40_000
    )
    z = torch.linspace(-4, 6, 20_001, dtype=torch.float64)[:, None]
    each = Normal(code.double()[:, 0], noise).log_prob(z).exp()  # (n, M)
    entropy = lambda p: torch.special.entr(p).sum().item() * 5e-4  # noqa: E731
    prior, after = each.mean(dim=1), (each[:, :2].mean(dim=1), each[:, 2:].mean(dim=1))
    exact = entropy(prior) - (entropy(after[0]) + entropy(after[1])) / 2
    log_q = [Normal(g, noise).log_prob(z[:, 0]) for g in (-0.2, 1.0)]
    bound = entropy(prior) + sum((p * log).sum().item() * 5e-4 for p, log in zip(after, log_q, strict=True)) / 2
    assert found["code_entropy"] == pytest.approx(entropy(prior), abs=0.02)
    of_noise = 0.5 * math.log(2 * math.pi * math.e * noise**2)  # H(z | μ)
    assert found["code_information_max"] == pytest.approx(entropy(prior) - of_noise, abs=0.02)
    assert found["code_information"] == pytest.approx(exact, abs=0.02)
    assert found["information_bound"] == pytest.approx(bound, abs=0.03)
    assert found["decoder_gap"] > 0.1


def test_a_snapshot_says_what_each_step_told_the_decoder():
    task = make_task("map")
    parts, _ = networks(task)
    judge = dream.Judge(task, dream.SETTINGS["map"])
    with torch.no_grad():
        snapshot = judge.snapshot(parts, 0, 0, 0.0, {}, dict)
    trials, code = snapshot.trials, parts.encoder(snapshot.trials.problem)
    assert (snapshot.gain[trials.episode > 0] == 0).all() and (snapshot.gain[~trials.valid] == 0).all()
    first = (trials.episode == 1).int().argmax(dim=1)  # execution begins with all that exploration showed
    guess = parts.decoder.guess(snapshot.hidden)  # (B, T, Z)
    lanes = torch.arange(len(code))
    distance = [((guess[lanes, at] - code) ** 2).sum(-1) for at in (0 * first, first)]
    expected = (distance[0] - distance[1]) / (2 * dream.SETTINGS["map"].noise ** 2)
    torch.testing.assert_close(snapshot.gain.sum(dim=1), expected, atol=1e-3, rtol=1e-3)
    assert expected.abs().max() > 1
    elsewhere = make_task("cooking")  # problem 10 is never trained on, so its code says nothing
    assert dream.Judge(elsewhere, dream.SETTINGS["cooking"]).gain(parts, trials.map(lambda x: x * 0 + 10), None) is None


# ---- what each part may see ----------------------------------------------------------------------------------


def test_at_meta_test_nothing_reaches_the_policies_but_what_they_saw():
    """With another encoder the greedy trials are the same, unless execution is told the problem."""
    task = make_task("map")
    parts, generator = networks(task)
    goals = torch.ones(24, dtype=torch.int64)

    def played(**how):
        drawn = task.each()
        return dream.play_trials(parts, task, drawn, dream.Settings(), generator, instruction=goals, **how)[0].action

    before, told = played(), played(told=True)
    with torch.no_grad():
        parts.encoder.weight.neg_()
    assert torch.equal(played(), before)
    assert not torch.equal(played(told=True), told)


def test_who_lingers_goes_on_exploring_where_the_explorer_would_end():
    """An explorer that always ends at once: it is obeyed, or replaced by random actions, in exploration alone."""
    task = make_task("map")
    parts, generator = networks(task)
    ends = torch.nn.functional.one_hot(torch.tensor(task.end_action), len(task.actions)).float()
    parts.explorer.values = lambda table, memory, symbol, clock: ends.expand(len(symbol), -1)
    parts.executor.values = lambda table, symbol, code: ends.expand(len(symbol), task.instructions - 1, -1)
    every = torch.full((60, 2), 1000)
    behaviour = dream.Behaviour(every, 0.0, torch.zeros(60, dtype=torch.bool), torch.arange(60) % 2 == 0)
    trials, _ = dream.play_trials(parts, task, task.draw(60, generator), dream.Settings(), generator, behaviour)
    explored, executed = ((trials.valid & (trials.episode == k)).sum(dim=1) for k in (0, 1))
    assert (explored[1::2] == 1).all() and (executed == 1).all()
    assert explored[::2].float().mean() > 10


def test_a_shut_unit_of_the_explorer_can_open_again():
    task = make_task("map")
    parts, _ = networks(task)
    with torch.no_grad():
        parts.explorer.remembered.bias.fill_(-100.0)  # every unit is shut, wherever one stands
    here, memory = torch.zeros(3, dtype=torch.int64), torch.ones(3, dream.SETTINGS["map"].memory)
    parts.explorer.values(task.tables.features, memory, here, here)[:, 0].sum().backward()
    assert parts.explorer.remembered.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["map", "noisy-tv"])  # what a screen showed is what is remembered
def test_the_memory_of_acting_is_the_memory_that_is_learned_from(name):
    task = make_task(name)
    parts, generator = networks(task)
    settings = dream.Settings(trials=60)
    behaviour = dream.behave(60, task, settings, generator, blind=False)
    trials, memory = dream.play_trials(parts, task, task.draw(60, generator), settings, generator, behaviour)
    replay = dream.Replay(100)
    replay.add(trials, task.trial.length)
    kept = {name: column[:60] for name, column in replay.columns.items()}
    horizon = task.trial.horizon
    learned = parts.decoder.memory(
        task.tables.features, kept["symbol"][:, : horizon + 1], kept["action"][:, :horizon], kept["exploring"][:, :horizon]
    )
    exploring = kept["exploring"][:, :horizon]
    torch.testing.assert_close(learned[:, :-1][exploring], memory[:, :horizon][exploring])
    at_execution = (trials.episode == 1).int().argmax(dim=1)
    torch.testing.assert_close(learned[torch.arange(60), exploring.sum(dim=1)], memory[torch.arange(60), at_execution])


def test_half_of_the_trials_are_told_the_problem_and_some_are_random_from_the_start():
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    behaviour = dream.behave(20_000, task, dream.Settings(random_episodes=0.25), generator, blind=False)
    assert behaviour.told.float().mean() == pytest.approx(0.5, abs=0.02)
    assert (behaviour.follows == 0).float().mean() == pytest.approx(0.25 + 0.75 / 30, abs=0.02)
    assert (behaviour.follows >= task.trial.horizon).float().mean() == pytest.approx(0.75 / 3, abs=0.02)
    assert (dream.behave(10, task, dream.Settings(), generator, blind=True).follows == 0).all()


def test_a_replay_forgets_the_oldest():
    task = make_task("map")
    parts, generator = networks(task)
    replay, settings = dream.Replay(100), dream.Settings()
    for start in (0, 40, 80):
        drawn = task.each(copies=2).index[:40]
        trials, _ = dream.play_trials(parts, task, dream.Drawn(task.tables, drawn), settings, generator)
        marked = torch.arange(start, start + 40)
        replay.add(dream.Trials(**(vars(trials) | dict(problem=marked))), task.trial.length)
    assert replay.held == 100
    assert sorted(replay.columns["problem"].tolist()) == list(range(20, 120))


def some_trials(name, count=60, seed=0):
    task = make_task(name)
    parts, generator = networks(task, seed)
    settings = dream.Settings(trials=count)
    behaviour = dream.behave(count, task, settings, generator, blind=True)
    trials, _ = dream.play_trials(parts, task, task.draw(count, generator), settings, generator, behaviour)
    return task, parts, generator, trials


@pytest.mark.parametrize("name", ["cooking", "map"])
def test_a_step_is_kept_once_however_often_it_is_taken(name):
    task, _, generator, trials = some_trials(name)
    steps = dream.DifferentSteps(task, torch.device("cpu"))
    steps.add(trials)
    steps.add(trials)  # nothing in it is new
    columns = (trials.problem[:, None].expand_as(trials.state), trials.state, trials.action, trials.arrived)
    taken = list(zip(*(column[trials.valid].tolist() for column in columns), strict=True))
    different = {step for step in taken if step[2] != task.end_action}
    assert int((steps.arrived >= 0).sum()) == len(different) < len(taken)

    problem = trials.problem[:2]
    drawn = steps.draw(problem, 20_000, generator)
    for row, mine in enumerate(problem.tolist()):
        often = collections.Counter(zip(*(drawn[x][row].tolist() for x in ("state", "action", "arrived")), strict=True))
        assert set(often) == {step[1:] for step in different if step[0] == mine}
        assert torch.tensor(list(often.values())).float().std() < 1.4 * (20_000 / len(often)) ** 0.5  # even draws


def test_the_other_steps_teach_what_the_steps_of_the_trials_do():
    """All of them from there, or all from the trials, where each trial repeats one step: the same loss."""
    task, parts, generator, trials = some_trials("cooking")
    replay, steps = dream.Replay(60), dream.DifferentSteps(task, torch.device("cpu"))
    replay.add(trials, task.trial.length)
    code, tables = torch.randn(60, 16, generator=generator), task.tables
    one = dict(replay.columns, acted=replay.columns["acted"].clone())
    one["acted"][:, 1:] = False  # only the first step of exploration
    problem, first = one["problem"], {name: one[name][:, 0] for name in ("state", "action", "arrived")}
    # Of a problem that is played twice, both trials have to begin alike.
    alike = torch.ones(60, dtype=torch.bool)
    for trial in range(60):
        others = (problem == problem[trial]).nonzero()[:, 0]
        alike[trial] = others[0] == trial and first["action"][trial] != task.end_action
    one = {name: column[alike] for name, column in one.items()}
    steps.arrived[problem[alike], first["state"][alike] * len(task.actions) + first["action"][alike]] = (
        first["arrived"][alike]
    )
    losses = []
    for once in (0.0, 0.5, 0.75):
        settings = dream.Settings(execution_steps=4, once=once)
        losses.append(
            dream.executor_loss(parts, parts, task, tables, one, code[alike], settings, generator, steps)
        )
    assert int(alike.sum()) > 20 and losses[0] > 1e-3  # of nothing, or of a loss of 0, all would be the same
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(losses[2], losses[0])


def test_what_is_sensed_gates_what_is_made_of_z():
    """Without gates the first layer takes a change of z alike wherever one stands."""
    task, generator = make_task("cooking"), torch.Generator().manual_seed(0)
    table = task.tables.features
    codes, here = torch.randn(2, 4, generator=generator), torch.tensor([0, 300])
    for gated in (False, True):
        settings = dream.Settings(code=4, gated=gated, executor_width=8)
        executor = dream.Executor(task, settings, generator)
        inside = []
        executor.wide.register_forward_pre_hook(lambda _, values, inside=inside: inside.append(values[0]))
        with torch.no_grad():
            executor.sensed.bias.fill_(100.0)  # every unit is open: what a layer is given is a sum
            assert executor.values(table, here, codes[:1]).shape == (2, 16, 8)
            executor.values(table, here, codes[1:])
        change = inside[1] - inside[0]  # (2 symbols, width)
        assert change[0].allclose(change[1], atol=1e-4) is not gated


def test_what_is_learned_of_an_ingredient_serves_every_recipe_with_it():
    """One step on the recipe (0, 1) moves those that share an ingredient in the same place, and (0, 1) most."""
    task, generator = make_task("cooking"), torch.Generator().manual_seed(0)
    executor = dream.Executor(task, dream.Settings(code=4, executor_width=8), generator)
    executor.out.requires_grad_(True)
    table, symbol, code = task.tables.features, torch.tensor([4]), torch.randn(1, 4, generator=generator)
    before = executor.values(table, symbol, code)[0]  # (16, 8)
    wanted, learned = 0 * 4 + 1, torch.optim.SGD(executor.out.parameters(), lr=0.1)
    (before[wanted].sum()).backward()
    learned.step()
    moved = (executor.values(table, symbol, code)[0] - before).abs().sum(dim=1).view(4, 4)  # first × second
    alone, shared = moved[0, 1], torch.cat([moved[0, [0, 2, 3]], moved[1:, 1]])
    none = moved[1:][:, [0, 2, 3]]
    assert none.allclose(torch.zeros(()), atol=1e-6)
    torch.testing.assert_close(shared, (alone / 3).expand(6))  # one of the three parts is the same


def test_an_instruction_of_one_part_has_weights_of_its_own():
    task, generator = make_task("map"), torch.Generator().manual_seed(0)
    executor = dream.Executor(task, dream.Settings(), generator)
    assert executor.out.out_features == (task.instructions - 1) * (len(task.actions) + 1)


@pytest.mark.parametrize("method", ["dream", "rl2-replay", "mame", "metacure"])
def test_no_method_passes_over_how_the_executor_is_taught(method):
    small = dict(updates=16, trials=24, batch=8, memory=8, executor_width=8, updates_between=8)

    def weights(**changed):
        *_, last = training.stream(method, "map", 3, **small | changed)
        return last.checkpoint()["networks"]["executor.out.weight"]

    usual = weights()
    assert torch.equal(weights(), usual)
    for changed in (dict(once=0.5), dict(executor_decay=0.3), dict(adam_epsilon=1e-2)):
        assert not torch.equal(weights(**changed), usual), changed


@pytest.mark.parametrize("method", ["dream", "rl2-replay", "mame", "metacure"])
def test_of_all_networks_only_the_executor_decays(method):
    """After one gradient step, before one network can have moved another."""
    once = dict(updates=1, updates_between=1, trials=24, batch=8, memory=8, executor_width=8)

    def weights(decay):
        *_, last = training.stream(method, "map", 3, executor_decay=decay, **once)
        return last.checkpoint()["networks"]

    usual, decayed = weights(0.0), weights(0.3)
    moved = {name.split(".")[0] for name in usual if not torch.equal(usual[name], decayed[name])}
    assert moved == {"executor"}


def test_kitchens_go_on_to_the_same_numbers():
    kitchen = dict(task="cooking", trials=24, executor_width=16, updates=32, execution_steps=4)
    whole = snapshots(**kitchen)
    checkpoint = snapshots(count=2, **kitchen)[-1].checkpoint()
    assert checkpoint["update"] == 16 and (checkpoint["different"]["arrived"] >= 0).any()
    assert same(whole[-1], snapshots(resume=checkpoint, **kitchen)[-1])


# ---- learning ------------------------------------------------------------------------------------------------


def test_without_looking_ahead_the_explorers_target_is_that_of_double_q_learning():
    task = make_task("map")
    parts, generator = networks(task)
    others, _ = networks(task, seed=1)
    settings = dream.Settings(trace=0.0)
    behaviour = dream.behave(12, task, settings, generator, blind=False)
    trials, _ = dream.play_trials(parts, task, task.draw(12, generator), settings, generator, behaviour)
    replay, horizon, table = dream.Replay(12), task.trial.horizon, task.tables.features
    replay.add(trials, task.trial.length)
    batch, reward = replay.columns, torch.randn(12, horizon, generator=generator)
    found = dream.explorer_loss(parts, others, task.tables, batch, reward, settings)

    losses = []
    acted = batch["exploring"][:, :horizon]
    step = (table, batch["symbol"][:, : horizon + 1], batch["action"][:, :horizon], acted)
    memory, average = parts.explorer.memory(*step), others.explorer.memory(*step)
    for b, t in acted.nonzero().tolist():
        at = lambda net, memory, t: net.explorer.values(table, memory[b, t], batch["symbol"][b, t], torch.tensor(t))  # noqa: E731
        target = reward[b, t]
        if not batch["done"][b, t]:
            best = at(parts, memory, t + 1).argmax()
            target = target + settings.explorer_discount * at(others, average, t + 1)[best]
        losses.append(torch.nn.functional.smooth_l1_loss(at(parts, memory, t)[batch["action"][b, t]], target))
    torch.testing.assert_close(found, torch.stack(losses).mean())


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
    halfway = training.stream("dream", "map", 3, **SMALL)
    next(halfway)
    training.save_whole(next(halfway).checkpoint(), tmp_path / "half.pt")
    resumed = snapshots(resume=training.load_whole(tmp_path / "half.pt"))
    assert resumed[-1].update == 48
    assert same(whole[-1], resumed[-1])


def test_training_never_meets_a_test_problem(monkeypatch):
    met = []
    played = dream.play_trials

    def watched(networks, task, drawn, settings, generator, behaviour=None, **how):
        if behaviour is not None:
            met.append(drawn.index)
        return played(networks, task, drawn, settings, generator, behaviour, **how)

    monkeypatch.setattr(dream, "play_trials", watched)
    # These would take ten seconds of solving, and nothing of them is wanted here.
    monkeypatch.setattr(dream, "references_of", lambda task: {})
    monkeypatch.setattr(dream, "perfect_exploration", lambda task: None)
    snapshots("distracting-bus", updates=16)
    train, test = (set(make_task("distracting-bus").splits[name].tolist()) for name in ("train", "test"))
    assert met and set(torch.cat(met).tolist()) <= train and not train & test


def test_learns_to_read_the_homework_map():
    """Without exploring 0.1 is the best; ten seconds must be clearly above it, and find out everything."""
    last = snapshots(
        "homework-map", 0, updates=480, trials=240, batch=64, memory=64, evaluate_every=480
    )[-1]
    assert last.metrics["information"] == pytest.approx(last.metrics["information_max"], abs=0.01)
    assert last.metrics["test_return"] > 0.3


def test_a_learners_own_function_is_trained_with():
    called = []

    def my_gain(code, decoded, noise):
        called.append(code.shape)
        return dream.information_gain(code, decoded, noise)

    mine = list(training.stream("dream", "map", 3, functions={"gain": my_gain}, **SMALL))
    assert called and same(mine[-1], snapshots()[-1])


def test_a_bandit_has_no_exploration_episode():
    with pytest.raises(CourseError, match="map"):
        list(dream.train(make_task("bandit"), dream.Settings(), torch.Generator().manual_seed(0)))


def test_a_loss_that_is_no_number_stops_with_a_sentence():
    with pytest.raises(CourseError, match="executor_rate"):
        list(training.stream("dream", "map", functions={"squeeze": lambda code, noise: code.sum() * float("nan")}, **SMALL))
