"""Random MDPs: what is drawn, exact values and beliefs, and the classic algorithms beside slow ones."""

import importlib.util
import json
import math
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from torch.distributions import Dirichlet, Normal, kl_divergence

from course_lib.bilingual import CourseError
from course_lib.exact import mdp_algorithms as classic
from course_lib.exact.random_mdps import (
    TRUE_PRIOR,
    MDPBelief,
    Prior,
    blank_belief,
    mdp_belief,
    mdp_information,
    mdp_values,
    reward_information,
    transition_information,
)
from course_lib.exact.references import references_of
from course_lib.tasks import RandomMDP, make_task, play
from course_lib.tasks.drawing import picture_of, text_of
from course_lib.tasks.drawing.shapes import PIXELS

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "classic_mdps.py"  # figures is no package
_spec = importlib.util.spec_from_file_location("classic_mdps", FIGURE)
classic_mdps = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(classic_mdps)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(episodes=3):
    return RandomMDP(episodes=episodes, states=3, actions=2, horizon=4)


def played(task, count=6, seed=0):
    """Trials of random actions."""
    dice = generator(seed)
    act = lambda running: torch.randint(len(task.actions), (count,), generator=dice)  # noqa: E731
    return play(task, task.draw(count, dice), dice, act)


def seen_belief(task, count=6, seed=0, prior=TRUE_PRIOR):
    return mdp_belief(task, played(task, count, seed), prior=prior)


# ---- what is drawn -----------------------------------------------------------------------------------------


def test_chances_and_rewards_are_drawn_as_published():
    drawn = make_task("random-mdp").draw(4000, generator())
    chances, reward = drawn.tables.transition, drawn.tables.reward[:, 0]
    assert chances.shape == (4000, 10, 5, 10) and reward.shape == (4000, 10, 5)
    torch.testing.assert_close(chances.sum(dim=-1), torch.ones(4000, 10, 5))
    # A share of Dirichlet(1, …, 1) has mean 1/10 and variance 0.1 · 0.9 / 11.
    assert float(chances.mean()) == pytest.approx(0.1, abs=1e-6)
    assert float(chances.var()) == pytest.approx(0.1 * 0.9 / 11, rel=0.01)
    assert float(reward.mean()) == pytest.approx(1, abs=0.01)
    assert float(reward.std()) == pytest.approx(1, abs=0.01)


def test_steps_follow_the_chances_and_pay_around_the_mean():
    task, dice = small(episodes=1), generator(3)
    problem = task.draw(1, dice)
    chances, mean = problem.tables.transition[0], problem.tables.reward[0, 0]
    drawn = task.problem_from((chances, mean), 20_000)
    trials = play(task, drawn, dice, lambda running: torch.randint(2, (20_000,), generator=dice))
    arrivals, paid = torch.zeros(3, 2, 3), torch.zeros(3, 2)
    pair = trials.state * 2 + trials.action
    arrivals.view(-1).index_add_(0, (pair * 3 + trials.arrived).flatten(), torch.ones(trials.state.numel()))
    visits = arrivals.sum(dim=-1)
    paid.view(-1).index_add_(0, pair.flatten(), trials.reward.flatten())
    off = (arrivals / visits[..., None] - chances) / (chances * (1 - chances) / visits[..., None]).sqrt()
    assert float(off.abs().max()) < 4
    assert float(((paid / visits - mean) * visits.sqrt()).abs().max()) < 4
    assert float((trials.reward - mean[trials.state, trials.action]).std()) == pytest.approx(1, abs=0.02)


def test_every_episode_starts_in_state_0_and_a_trial_keeps_its_problem():
    task = make_task("random-mdp")
    trials = played(task)
    assert trials.action.shape == (6, 100) and trials.valid.all()
    assert (trials.state[:, ::10] == 0).all()
    assert trials.done[:, 9::10].all() and int(trials.done.sum()) == 60
    assert (trials.problem == torch.arange(6)).all()


@pytest.mark.parametrize(
    "problem",
    [
        None, 3, "abc", (1, 2),
        (torch.ones(3, 2, 3), torch.zeros(3, 2)), (torch.ones(3, 2, 3) / 3, torch.zeros(2, 3)),
        (torch.tensor([2.0, -1.0, 0.0]).expand(3, 2, 3), torch.zeros(3, 2)),
        (torch.ones(3, 2, 3) / 3, torch.full((3, 2), math.nan)),
        (torch.ones(3, 2, 3) / 3, torch.full((3, 2), math.inf)),
        (torch.full((3, 2, 3), math.nan), torch.zeros(3, 2)),
    ],
)  # fmt: skip
def test_what_is_no_problem_is_refused(problem):
    with pytest.raises(CourseError, match="pair"):
        small().problem_from(problem, 4)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None])
@pytest.mark.parametrize("name", ["episodes", "states", "actions", "horizon"])
def test_sizes_are_whole_numbers_above_0(name, size):
    with pytest.raises(CourseError, match=f"at least 1 for {name}"):
        RandomMDP(**{name: size})


def test_the_picture_shows_where_the_agent_is_and_nothing_hidden():
    task, dice = make_task("random-mdp"), generator()
    drawn = task.draw(2, dice)
    other = task.draw(2, dice)
    first = [picture_of(task, task.begin(one, dice)) for one in (drawn, other)]
    assert first[0].dtype.name == "uint8" and (first[0] == first[1]).all()  # another problem looks the same
    running = task.begin(drawn, dice)
    running.step(torch.tensor([3, 3]))
    assert (picture_of(task, running) != first[0]).any()
    here = int(running.symbol[0])
    tiles = picture_of(task, running)[:PIXELS].reshape(PIXELS, 10, PIXELS, 3).transpose(1, 0, 2, 3)
    elsewhere = tiles[(here + 1) % 10]
    assert [bool((tile != elsewhere).any()) for tile in tiles] == [state == here for state in range(10)]
    states, actions = text_of(task, running).splitlines()
    assert states.split()[here] == str(here) and states.count(".") == 9
    paid = float(running.reward[0])
    assert actions == " .  .  . " + f"[{paid:+.1f}]" + " . "
    below = picture_of(task, running)[PIXELS:].reshape(PIXELS, 10, PIXELS, 3).transpose(1, 0, 2, 3)[2:7]
    assert [bool((tile != below[0]).any()) for tile in below] == [False, False, False, True, False]


# ---- a known problem ---------------------------------------------------------------------------------------


def test_values_are_those_of_the_best_of_all_policies():
    """Every deterministic policy of a tiny MDP, by its expected return."""
    dice = generator(1)
    chances = torch.rand(2, 2, 2, generator=dice)
    chances /= chances.sum(dim=-1, keepdim=True)
    mean, horizon = torch.randn(2, 2, generator=dice), 3

    def worth(policy):
        at, total = torch.tensor([1.0, 0.0]), 0.0
        for clock in range(horizon):
            chosen = [policy[clock * 2 + s] for s in range(2)]
            total += float(sum(at[s] * mean[s, chosen[s]] for s in range(2)))
            at = sum(at[s] * chances[s, chosen[s]] for s in range(2))
        return total

    best = max(worth(policy) for policy in product(range(2), repeat=2 * horizon))
    value = mdp_values(chances[None], mean[None], horizon)
    assert value.shape == (1, horizon, 2, 2)
    assert float(value[0, 0, 0].max()) == pytest.approx(best, abs=1e-5)
    torch.testing.assert_close(value[0, -1], mean)


def test_the_oracle_is_paid_21_79():
    """± 0.04 as computed elsewhere; ours has a standard error of 0.035."""
    tables = make_task("random-mdp").draw(4000, generator(5)).tables
    value = mdp_values(tables.transition, tables.reward[:, 0], 10)[:, 0, 0].amax(dim=-1)
    error = math.hypot(float(value.std()) / 4000**0.5, 0.04)
    assert float(value.mean()) == pytest.approx(21.79, abs=3 * error)


def test_who_acts_at_random_is_paid_10_an_episode():
    task, dice = make_task("random-mdp", episodes=5), generator(6)
    returns, _ = classic.play_mdps(classic.uniform, task, task.draw(4000, dice), dice)
    error = float(returns.mean(dim=1).std()) / 4000**0.5
    assert error < 0.05 and float(returns.mean()) == pytest.approx(10, abs=3 * error)
    assert references_of(task) == {"no_exploration_return": 50.0}


# ---- what a history tells ----------------------------------------------------------------------------------


def test_a_belief_counts_what_was_shown():
    """By a loop; where the last step of an episode led isn't shown."""
    task = small()
    trials = played(task)
    for steps in (None, 0, 5):
        belief = mdp_belief(task, trials, steps)
        for b in range(6):
            visits, paid, arrivals = torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(3, 2, 3)
            for t in range(12 if steps is None else steps):
                s, a = int(trials.state[b, t]), int(trials.action[b, t])
                visits[s, a] += 1
                paid[s, a] += trials.reward[b, t]
                if t % 4 < 3:
                    arrivals[s, a, int(trials.state[b, t + 1])] += 1
            assert torch.equal(belief.visits[b], visits) and torch.equal(belief.arrivals[b], arrivals)
            torch.testing.assert_close(belief.paid[b], paid)
    with pytest.raises(CourseError, match="12"):
        mdp_belief(task, trials, 13)


@pytest.mark.parametrize("prior", [TRUE_PRIOR, Prior(mean=-0.5, precision=4.0)])
def test_the_posterior_mean_is_bayes_rule_on_a_grid(prior):
    one = torch.ones(1, 1, 1)
    belief = MDPBelief(3 * one, 7.5 * one, 2 * one[..., None], prior)
    m = torch.linspace(-6, 10, 40_001, dtype=torch.float64)
    seen = sum(Normal(m, 1).log_prob(torch.tensor(reward)) for reward in (2.0, 2.5, 3.0))
    weight = (Normal(prior.mean, prior.precision**-0.5).log_prob(m) + seen).softmax(dim=0)
    assert float(belief.mean) == pytest.approx(float((weight * m).sum()), abs=1e-6)
    deviation = ((weight * m**2).sum() - (weight * m).sum() ** 2).sqrt()
    assert float(belief.precision) == pytest.approx(float(deviation) ** -2, rel=1e-5)


def test_information_is_nothing_at_first_and_then_as_torch_has_it():
    task = small()
    assert torch.equal(mdp_information(blank_belief(task, 2)), torch.zeros(2, dtype=torch.float64))
    belief = seen_belief(task)
    after, before = Dirichlet(belief.concentration), Dirichlet(torch.ones(6, 3, 2, 3))
    about_chances, about_rewards = transition_information(belief), reward_information(belief)
    expected = kl_divergence(after, before).sum(dim=(1, 2))
    torch.testing.assert_close(about_chances.float(), expected, rtol=1e-3, atol=1e-3)
    now, then = Normal(belief.mean, belief.precision**-0.5), Normal(torch.tensor(1.0), 1.0)
    torch.testing.assert_close(about_rewards.float(), kl_divergence(now, then).sum(dim=(1, 2)))
    torch.testing.assert_close(mdp_information(belief), about_chances + about_rewards)
    shown = [mdp_information(mdp_belief(task, played(task, 400), steps)).mean() for steps in range(0, 13, 4)]
    assert shown == sorted(shown) and shown[1] > 0.1
    for steps in range(13):  # not of each trial more with each step, but of none less than nothing
        some = mdp_belief(task, played(task, 400), steps)
        assert (transition_information(some) >= 0).all() and (reward_information(some) >= 0).all()


# ---- the algorithms ----------------------------------------------------------------------------------------


def slow_plan(transition, reward, horizon):
    """Value iteration by loops: (H, S, A)."""
    states, actions = reward.shape
    value, worth = [0.0] * states, []
    for _ in range(horizon):
        rows = [
            [float(reward[s, a]) + float(transition[s, a] @ torch.tensor(value)) for a in range(actions)]
            for s in range(states)
        ]
        worth.append(rows)
        value = [max(row) for row in rows]
    return torch.tensor(worth[::-1])


def test_greedy_and_beb_plan_with_the_posterior_mean():
    task = small()
    belief = seen_belief(task)
    greedy, beb = classic.greedy(belief, 4), classic.beb(belief, 4, None, beta=3.0)
    for b in range(6):
        transition = torch.empty(3, 2, 3)
        for s, a in product(range(3), range(2)):
            transition[s, a] = (1 + belief.arrivals[b, s, a]) / (3 + belief.arrivals[b, s, a].sum())
        reward = (1 + belief.paid[b]) / (1 + belief.visits[b])
        torch.testing.assert_close(greedy[b], slow_plan(transition, reward, 4), atol=1e-4, rtol=1e-4)
        bonus = 3.0 / (1 + 3 + belief.arrivals[b].sum(dim=-1))
        torch.testing.assert_close(beb[b], slow_plan(transition, reward + bonus, 4), atol=1e-4, rtol=1e-4)
    assert torch.equal(classic.beb(belief, 4, None, beta=0.0), greedy)


def test_epsilon_greedy_acts_at_random_so_often():
    belief = seen_belief(small(), 2000)
    greedy = classic.greedy(belief, 4).argmax(dim=-1)
    assert torch.equal(classic.epsilon_greedy(belief, 4, generator(), epsilon=0.0).argmax(dim=-1), greedy)
    strays = classic.epsilon_greedy(belief, 4, generator(), epsilon=0.3).argmax(dim=-1) != greedy
    assert float(strays.float().mean()) == pytest.approx(0.3 / 2, abs=0.01)  # one of two actions is greedy's


def test_psrl_draws_problems_from_the_posterior():
    """The last step's worth is the drawn mean reward; the step before it adds a drawn list of chances."""
    one = seen_belief(small(), 1)
    many = MDPBelief(*(part.expand(20_000, *part.shape[1:]) for part in (one.visits, one.paid, one.arrivals)))
    worth = classic.psrl(many, 2, generator())
    drawn = worth[:, -1]  # (B, S, A)
    torch.testing.assert_close(drawn.mean(dim=0), one.mean[0], atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), one.precision[0] ** -0.5, atol=0.02, rtol=0)
    value = drawn.amax(dim=-1)  # (B, S)
    ahead = worth[:, 0] - drawn  # Σ p(s') max_a r(s', a), with p independent of r
    torch.testing.assert_close(ahead.mean(dim=0), one.transition[0] @ value.mean(dim=0), atol=0.03, rtol=0)
    shares = Dirichlet(one.concentration[0]).variance  # (S, A, S)
    means, covariance = value.mean(dim=0), value.T.cov()
    p = one.transition[0]
    second = torch.einsum("sai,saj,ij->sa", p, p, covariance) + (shares * covariance.diagonal()).sum(-1)
    cross = -torch.einsum("sai,saj->saij", p, p) / (1 + one.concentration[0].sum(-1))[..., None, None]
    cross.diagonal(dim1=-2, dim2=-1).copy_(shares)
    off = covariance - torch.diag(covariance.diagonal())
    variance = second + torch.einsum("saij,i,j->sa", cross, means, means) + (cross * off).sum(dim=(-2, -1))
    torch.testing.assert_close(ahead.var(dim=0), variance, atol=0.03, rtol=0)


def test_optimistic_psrl_takes_the_best_of_its_draws():
    belief = seen_belief(small(), 50)
    one = classic.opsrl(belief, 4, generator(7), samples=1)
    assert torch.equal(one, classic.psrl(belief, 4, generator(7)))
    dice = generator(7)
    draws = torch.stack([classic.psrl(belief, 4, dice) for _ in range(3)])
    assert torch.equal(classic.opsrl(belief, 4, generator(7), samples=3), draws.amax(dim=0))


def test_ucrl2_believes_the_best_that_is_not_ruled_out():
    """Of all lists of chances on a fine grid within the radius none leads to more value."""
    dice = generator(2)
    steps = [(i / 40, j / 40, 1 - i / 40 - j / 40) for i in range(41) for j in range(41 - i)]
    grid = torch.tensor(steps)  # (n, S)
    for radius in (0.0, 0.1, 0.5, 1.0, 2.5):
        seen = grid[torch.randint(len(grid), (1, 3, 2), generator=dice)]
        value = torch.randn(1, 3, generator=dice)
        chances, worth = classic.best_chances(seen, torch.full((1, 3, 2), radius), value)
        found = (chances * worth).sum(dim=-1)
        torch.testing.assert_close(chances.sum(dim=-1), torch.ones(1, 3, 2))
        allowed = (grid - seen[..., None, :]).abs().sum(dim=-1) <= radius + 1e-6  # (1, S, A, n)
        best = torch.where(allowed, grid @ value[0], -torch.inf).amax(dim=-1)
        torch.testing.assert_close(found, best, atol=1e-4 if radius in (0.0, 2.5) else 0.06, rtol=0)
        assert (found >= best - 1e-4).all()


def test_ucrl2_has_the_published_radii():
    """The last step's worth is the mean paid and the reward's radius (Jaksch, Ortner and Auer 2010, (3))."""
    belief = seen_belief(small(), prior=classic.VAGUE)
    worth = classic.ucrl2(belief, 1, None, scaling=0.5, delta=0.1)[:, 0]
    for b, s, a in product(range(6), range(3), range(2)):
        n = max(1.0, float(belief.visits[b, s, a]))
        t = 1 + float(belief.visits[b].sum())
        radius = 0.5 * math.sqrt(7 * math.log(2 * 3 * 2 * t / 0.1) / (2 * n))
        assert float(worth[b, s, a]) == pytest.approx(float(belief.mean[b, s, a]) + radius, rel=1e-4)


def slow_best_chances(seen, radius, value):
    """Figure 2 of Jaksch, Ortner and Auer 2010, for one list of chances: most to the best, off the worst."""
    order = sorted(range(len(value)), key=lambda state: -value[state])
    chances = [float(p) for p in seen]
    chances[order[0]] = min(1.0, chances[order[0]] + radius / 2)
    while sum(chances) > 1 + 1e-9:
        last = order.pop()
        chances[last] = max(0.0, 1 - sum(chances) + chances[last])
    return chances


def test_ucrl2_is_extended_value_iteration():
    task = small()
    belief = seen_belief(task, prior=classic.VAGUE)
    for scaling in (0.0, 0.05, 0.3, 1.0):
        worth = classic.ucrl2(belief, 4, None, scaling=scaling, delta=0.1)
        for b in range(6):
            value, t = [0.0] * 3, 1 + float(belief.visits[b].sum())
            for clock in reversed(range(4)):
                rows = torch.zeros(3, 2)
                for s, a in product(range(3), range(2)):
                    n = max(1.0, float(belief.visits[b, s, a]))
                    most = float(belief.mean[b, s, a])
                    most += scaling * math.sqrt(7 * math.log(2 * 3 * 2 * t / 0.1) / (2 * n))
                    radius = scaling * math.sqrt(14 * 3 * math.log(2 * 2 * t / 0.1) / n)
                    chances = slow_best_chances(belief.transition[b, s, a], radius, value)
                    rows[s, a] = most + sum(p * v for p, v in zip(chances, value, strict=True))
                torch.testing.assert_close(worth[b, clock], rows, atol=1e-4, rtol=1e-4)
                value = rows.amax(dim=1).tolist()


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (partial(classic.epsilon_greedy, epsilon=1.5), "epsilon"),
        (partial(classic.opsrl, samples=0), "samples"),
        (partial(classic.beb, beta=-1.0), "beta"),
        (partial(classic.ucrl2, scaling=-0.1), "scaling"),
    ],
)
def test_parameters_that_make_no_sense_are_named(plan, named):
    with pytest.raises(CourseError, match=named):
        plan(blank_belief(small(), 2), 4, generator())


def test_a_player_knows_what_its_trial_showed():
    """Its counts are those of the trial it played, taken from the outside."""
    task, dice = small(), generator(4)
    player = classic.MDPPlayer(classic.greedy, task, dice)
    trials = play(task, task.draw(8, dice), dice, player)
    belief = mdp_belief(task, trials, 11)  # it was last asked before the twelfth step
    for name in ("visits", "paid", "arrivals"):
        torch.testing.assert_close(getattr(player.belief, name), getattr(belief, name))


def test_a_plan_is_made_before_each_episode_and_followed_to_its_end():
    task, dice, plans = small(), generator(8), []

    def plan(belief, horizon, source):
        assert belief.visits.sum(dim=(1, 2)).eq(4 * len(plans)).all()  # all the steps before this episode
        plans.append(torch.rand(5, horizon, 3, 2, generator=source))
        return plans[-1]

    trials = play(task, task.draw(5, dice), dice, classic.MDPPlayer(plan, task, dice))
    assert len(plans) == 3
    for b, t in product(range(5), range(12)):
        assert int(trials.action[b, t]) == int(plans[t // 4][b, t % 4, trials.state[b, t]].argmax())


def test_equal_worths_are_chosen_alike():
    chosen = classic.highest_at_random(torch.tensor([[1.0, 1.0, 0.0]]).expand(4000, 3), generator())
    assert int(chosen.max()) == 1 and float(chosen.float().mean()) == pytest.approx(0.5, abs=0.04)


# ---- the recorded table ------------------------------------------------------------------------------------


def test_the_released_formulas_are_those_of_tabularl():
    """By loops, as there; the slip is that ``seen`` itself is changed and stays so until the plan is made."""
    task = small()
    belief = seen_belief(task, prior=classic.RELEASED)
    beb = classic_mdps.released_beb(belief, 4, None, scaling=0.1)
    for slip in (True, False):
        ucrl2 = classic_mdps.released_ucrl2(belief, 4, None, scaling=0.2, slip=slip)
        for b in range(6):
            best, most = [0.0] * 3, [0.0] * 3
            seen = {(s, a): belief.transition[b, s, a].tolist() for s, a in product(range(3), range(2))}
            for left in range(4):
                planned, hoped = torch.zeros(3, 2), torch.zeros(3, 2)
                for s, a in product(range(3), range(2)):
                    tried, shown = float(belief.visits[b, s, a]), float(belief.arrivals[b, s, a].sum())
                    mean = float(belief.mean[b, s, a])
                    planned[s, a] = mean + 1 / (2 + tried) + 2 * 4 * 4 * 0.1 * 4 * left / (1 + 3 + shown)
                    planned[s, a] += float(belief.transition[b, s, a] @ torch.tensor(best))
                    surprise = 4 * math.log(2 * 3 * 2 * (1 + 1 + float(belief.visits[b].sum()) / 4) / 0.05)
                    radius = 0.2 * math.sqrt(3 * surprise / max(shown, 1))
                    chances = slow_best_chances(seen[s, a], radius, most)
                    if slip:
                        seen[s, a] = chances
                    hoped[s, a] = mean + 0.2 * math.sqrt(surprise / max(tried, 1))
                    hoped[s, a] += sum(p * v for p, v in zip(chances, most, strict=True))
                torch.testing.assert_close(beb[b, 3 - left], planned, atol=1e-4, rtol=1e-4)
                torch.testing.assert_close(ucrl2[b, 3 - left], hoped, atol=1e-4, rtol=1e-4)
                best, most = planned.amax(dim=1).tolist(), hoped.amax(dim=1).tolist()


def recorded():
    return json.loads(classic_mdps.RESULTS.read_text(encoding="utf-8"))


def test_the_published_table_comes_out():
    done = recorded()
    error = math.hypot(0.04, done["oracle"]["standard_error"])
    assert done["oracle"]["mean"] == pytest.approx(21.79, abs=3 * error)
    columns = {name: column for name, column in done["table"].items() if "," not in name}
    assert len(columns) == 7
    for name, column in columns.items():
        for n, cell in column["cells"].items():
            assert cell["mdps"] >= 10_000
            assert abs(cell["standard_errors_apart"]) < 3, (name, n, cell)


def test_with_the_true_prior_the_classic_algorithms_reach_what_rl2_is_published_with():
    table = recorded()["table"]
    told = [table["beb, true prior"]["cells"][f"n={n}"]["mean"] for n in classic_mdps.EPISODES]
    assert all(ours > theirs for ours, theirs in zip(told, classic_mdps.RL2, strict=True)) and told[-1] > 1950
    for name in ("greedy", "beb", "epsilon_greedy", "ucrl2"):
        for n in ("n=10", "n=100"):
            told, untold = (table[column]["cells"][n]["mean"] for column in (f"{name}, true prior", name))
            assert told > untold + 5, (name, n)


def test_the_released_formulas_give_the_published_table_only_with_the_slip():
    table = recorded()["table"]
    for name in ("beb, as released", "ucrl2, as released"):
        for n, cell in table[name]["cells"].items():
            assert cell["mdps"] >= 10_000 and abs(cell["standard_errors_apart"]) < 3, (name, n, cell)
    assert table["ucrl2, as released but for its slip"]["cells"]["n=100"]["standard_errors_apart"] < -3


@pytest.mark.parametrize("name", ["random", "psrl", "beb", "greedy", "epsilon_greedy", "beb, true prior"])
def test_the_record_is_what_the_code_does(name):
    """The first 10 episodes again, on 600 other MDPs."""
    cell = recorded()["table"][name]["cells"]["n=10"]
    plan, prior, _, _ = (classic_mdps.ALGORITHMS | classic_mdps.TRUE)[name]
    task = make_task("random-mdp")
    returns, _ = classic.play_mdps(
        partial(plan, **cell["parameters"]), task, task.draw(600, generator(77)), generator(78), prior
    )
    assert float(returns.sum(dim=1).mean()) == pytest.approx(cell["mean"], abs=4 * cell["spread"] / 600**0.5)
