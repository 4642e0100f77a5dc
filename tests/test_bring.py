"""A person's own gymnasium environment as a task of the course: stepped, trained on, and seen."""

from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
import torch

from course_lib.agents import rl2
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Task, play
from course_lib.tasks.bring import Brought, bring
from course_lib.views import figure, panels


class Corridor(gymnasium.Env):
    """Five cells; the treasure lies at one end, and the problem is at which: as a learner might write it."""

    observation_space = gymnasium.spaces.Dict(
        {"cell": gymnasium.spaces.Discrete(5), "noise": gymnasium.spaces.Box(-1, 1, (2,), np.float32)}
    )
    action_space = gymnasium.spaces.Discrete(2, start=-1)  # −1: left, 0: right

    def __init__(self, treasure):
        self.treasure = treasure

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell, self.over = 2, False
        return self.seen(), {}

    def step(self, action):
        assert not self.over, "a step after the end"
        self.cell += 1 if action == 0 else -1
        self.over = self.cell in (0, 4)
        return self.seen(), float(self.cell == self.treasure), self.over, False, {}

    def seen(self):
        return {"cell": self.cell, "noise": self.np_random.uniform(-1, 1, 2).astype(np.float32)}


def corridors(**arguments):
    defaults = dict(problems=[0, 4], horizon=6, episodes=3, name="corridor", actions=("left", "right"))
    return bring(Corridor, **defaults | arguments)


def with_pole(length):
    env = gymnasium.make("CartPole-v1")
    env.unwrapped.length = length
    return env


def poles(**arguments):
    defaults = dict(problems=[0.25, 0.5, 1.0, 2.0], horizon=12, episodes=2, name="poles")
    return bring(with_pole, **defaults | arguments)


def pendulums():
    return bring(lambda g: gymnasium.make("Pendulum-v1", g=g), [5.0, 15.0], horizon=4, name="pendulums")


def seeded(number):
    return torch.Generator().manual_seed(number)


def at_random(task, seed):
    dice = seeded(seed)

    def act(running):
        if task.continuous:
            return torch.rand(len(running.problem), len(task.actions), generator=dice) * 2 - 1
        return torch.randint(len(task.actions), running.problem.shape, generator=dice)

    return act


# -- what a task is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [corridors, poles, pendulums])
def test_it_is_a_task_like_any_other(make):
    task = make()
    assert isinstance(task, Task) and isinstance(task, Brought) and not hasattr(task, "tables")
    trials = play(task, task.draw(20, seeded(0)), seeded(1), at_random(task, 2))
    assert trials.symbol.shape == (20, task.trial.length, task.sensed_size)
    assert trials.symbol.dtype == torch.float32 and trials.action.is_floating_point() == task.continuous
    assert trials.valid[:, 0].all() and set(trials.problem.tolist()) <= set(range(task.problem_count))
    sensed = task.sensed(task.draw(20, seeded(0)), trials.symbol, trials.instruction)
    assert sensed.shape[-1] == task.sensed_size
    assert task.action_features(trials.action).shape[-1] == len(task.actions)
    again = play(make(), task.draw(20, seeded(0)), seeded(1), at_random(task, 2))
    assert all(torch.equal(a, b) for a, b in zip(vars(trials).values(), vars(again).values(), strict=True))
    other = play(task, task.draw(20, seeded(0)), seeded(5), at_random(task, 2))
    assert not torch.equal(trials.symbol, other.symbol)


def test_a_trial_is_the_environments_own_steps():
    """Ends, rewards and observations are those of the environment, stepped by hand with the same actions."""
    task, dice = corridors(), seeded(3)
    trials = play(task, task.draw(30, dice), dice, at_random(task, 4))
    for problem, action, symbol, reward, done, valid, episode in zip(
        trials.problem, trials.action, trials.symbol, trials.reward, trials.done, trials.valid,
        trials.episode, strict=True,
    ):  # fmt: skip
        env, now, steps = Corridor(task.problems[int(problem)]), -1, 0
        for t in range(len(valid)):
            if not valid[t]:
                assert reward[t] == 0 and not done[t]
                continue
            if int(episode[t]) != now:
                env.reset(seed=0)
                now, steps = int(episode[t]), 0
            assert symbol[t, :5].argmax() == env.cell and symbol[t, :5].sum() == 1
            steps += 1
            _, paid, over, _, _ = env.step(int(action[t]) - 1)
            assert reward[t] == paid and done[t] == (over or steps == task.trial.horizon)
    assert trials.done.sum(dim=1).tolist() == [3] * 30 and trials.reward.sum() > 5


def test_a_long_pole_falls_more_slowly():
    task = poles(horizon=60, episodes=1)
    trials = play(task, task.each(copies=60), seeded(0), at_random(task, 1))
    steps = trials.valid.sum(dim=1).float().reshape(4, 60).mean(dim=1)
    assert steps[3] > 1.2 * steps[0]


def test_actions_fill_the_box_of_the_environment():
    task, taken = pendulums(), []
    task.begin(task.each(), seeded(0))
    for part in (-1.0, 0.0, 0.5, 1.0):
        taken.append(task.moves(torch.full((2, 1), part)).tolist())
    assert taken == [[[-2.0]] * 2, [[0.0]] * 2, [[1.0]] * 2, [[2.0]] * 2]
    assert task.moves(torch.full((1, 1), 7.0)).tolist() == [[2.0]]


def test_free_episodes_are_seen_and_not_counted():
    task = corridors(exploration=2)
    assert task.trial.counted == (False, False, True)
    trials = play(task, task.draw(50, seeded(0)), seeded(1), at_random(task, 2))
    counted = (trials.reward * (trials.episode == 2)).sum(dim=1)
    assert torch.equal(trials.returns(task.trial), counted) and trials.reward.sum() > counted.sum()


def test_training_never_meets_a_test_problem():
    met = []

    def noted(treasure):
        met.append(treasure)
        return Corridor(treasure)

    task = bring(noted, [0, 4], test_problems=[3, 1], horizon=6)
    settings = rl2.Settings(updates=1, trials=32)
    assert task.splits["train"].tolist() == [0, 1] and task.splits["test"].tolist() == [2, 3]
    drawn = task.draw(300, seeded(0))
    assert set(drawn.index.tolist()) == {0, 1}
    assert set(task.draw(300, seeded(0), "test").index.tolist()) == {2, 3}
    play(task, drawn, seeded(0), at_random(task, 1))
    assert set(met) == {0, 4}
    training = rl2.train(task, settings, seeded(0))
    assert set(next(training).trials.problem.tolist()) == {2, 3}


def test_environments_are_used_again_but_never_by_two_at_once():
    made = []

    def noted(treasure):
        made.append(treasure)
        return Corridor(treasure)

    task = bring(noted, [0, 4], horizon=6)
    for _ in range(3):
        play(task, task.each(copies=5), seeded(0), at_random(task, 1))
    assert sorted(made) == [0] * 5 + [4] * 5
    first, second = (task.begin(task.each(copies=5), seeded(0)) for _ in range(2))
    assert len(made) == 20 and not set(map(id, first._envs)) & set(map(id, second._envs))
    act = at_random(task, 2)
    for _ in range(task.trial.length + 3):  # also after the end, where nothing is left to give back
        first.step(act(first))
    third = task.begin(task.each(copies=10), seeded(0))
    assert len(made) == 30 and len(set(map(id, third._envs + second._envs))) == 30
    task.close()


def test_no_global_generator_is_drawn_from():
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    task = corridors()
    play(task, task.draw(5, seeded(0)), seeded(0), at_random(task, 0))
    assert torch.equal(states[0], torch.get_rng_state()) and (states[1] == np.random.get_state()[1]).all()


# -- training and looking ------------------------------------------------------------------------------------


def rows_of(snapshot: Snapshot) -> dict[str, float]:
    counts = dict(update=snapshot.update, env_steps=snapshot.env_steps, seconds=snapshot.seconds)
    return counts | snapshot.metrics


@pytest.mark.parametrize("make", [corridors, poles, pendulums])
def test_rl2_trains_on_it_and_the_view_draws_it(make):
    task, history = make(), []
    settings = rl2.Settings(updates=2, trials=16, hidden=16, evaluate_every=1)
    for snapshot in rl2.train(task, settings, seeded(0)):
        history.append(rows_of(snapshot))
        frame = panels.frame(snapshot, history, task)
    assert snapshot.update == 2 and snapshot.env_steps > 0 and snapshot.belief is None
    assert {"hidden", "points", "probe"} <= frame.keys()
    assert ("action_share" in frame) == (not task.continuous)
    for language in ("ko", "en"):
        assert figure.png(frame, language, task.title).startswith(b"\x89PNG")


def test_rl2_finds_the_treasure():
    """Guess in the first episode, then go where it was, or else to the other end: at best ½ + 1 + 1."""
    settings = rl2.Settings(updates=25, trials=64, hidden=32, evaluate_every=25, learning_rate=1e-2)
    before, after = rl2.train(corridors(), settings, seeded(0))
    assert before.metrics["test_return"] < 2.0 and after.metrics["test_return"] == pytest.approx(2.5)


# -- mistakes ------------------------------------------------------------------------------------------------


class Broken(Corridor):
    """A corridor whose ``what`` is not a number."""

    def __init__(self, what):
        super().__init__(0)
        self.what = what

    def step(self, action):
        seen, paid, *rest = super().step(action)
        if self.what == "reward":
            paid = float("nan")
        if self.what == "observation":
            seen["noise"][:] = np.nan
        if self.what == "four":
            return seen, paid, rest[0], {}
        if self.what == "info in the fourth place":
            return seen, paid, rest[0], {}, {}
        late = self.what.startswith("later ") and action == 0  # the action that it is not tried out with
        if late or not self.what.startswith("later "):
            paid = {"two": np.zeros(2), "none": None}.get(self.what.removeprefix("later "), paid)
            if "wide" in self.what:
                seen["noise"] = np.zeros(3, np.float32)
            if "far" in self.what:
                seen["cell"] = 5
        return seen, paid, *rest

    def reset(self, *, seed=None, options=None):
        begun = super().reset(seed=seed, options=options)
        if self.what == "alone":
            return begun[0]
        if self.what == "fails":
            raise RuntimeError("no such seed")
        return begun


AT_ONCE = ("four", "info in the fourth place", "two", "none", "wide", "far", "alone", "fails")
LATER = ("later two", "later none", "later wide", "later far")


def one_for_all(_, base=Corridor(0)):
    return gymnasium.wrappers.TimeLimit(base, 20)  # a wrapper of its own does not make it another


class Spaceless(gymnasium.Env):
    pass


class Whole(Corridor):
    """Whole numbers are announced, parts of them are given."""

    observation_space = gymnasium.spaces.Box(0, 9, (2,), np.int64)

    def seen(self):
        return np.array([0.5, 1.5])


class Late(Corridor):
    """Right in problem 0, and in problem 1 a step of four."""

    def step(self, action):
        answer = super().step(action)
        return answer if self.treasure == 0 else (*answer[:3], {})


class SeedlessCorridor(Corridor):
    def reset(self):
        return super().reset()


def other_spaces(problem):
    return gymnasium.make("CartPole-v1" if problem else "Pendulum-v1")


def many_actions(_):
    env = Corridor(0)
    env.action_space = gymnasium.spaces.MultiDiscrete([2, 2])
    return env


def boundless_actions(_):
    env = Corridor(0)
    env.action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
    return env


def unbounded_list(_):
    env = Corridor(0)
    env.observation_space = gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2))
    return env


@dataclass
class Plain(Corridor):
    """A dataclass, which has no hash; NumPy's numbers and truth values wherever they may come."""

    treasure: int
    observation_space = gymnasium.spaces.Discrete(2)

    def seen(self):
        return np.float64(self.cell) > 2.5

    def step(self, action):
        seen, reward, over, *_ = super().step(action)
        return seen, np.float32(reward), np.bool_(over), np.bool_(False), {}


def test_what_is_right_in_another_way_is_taken():
    task = bring(Plain, np.array([0, 4]), horizon=np.int64(6), episodes=np.int64(2), exploration=np.int64(1))
    assert task.trial.counted == (False, True) and task.trial.horizon == 6
    running = task.begin(task.each(4), seeded(0))
    for _ in range(6):
        running.step(torch.zeros(8, dtype=torch.int64))
    assert set(running.symbol.flatten().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("dtype, most", [(np.int8, 100), (np.float32, 3e38)])
def test_an_action_lies_within_its_box_whatever_its_numbers_are(dtype, most):
    task = pendulums()
    task.action_space = gymnasium.spaces.Box(-most, most, (1,), dtype)
    moves = task.moves(torch.tensor([[-1.0], [0.0], [0.5], [1.0]]))
    assert all(task.action_space.contains(move) for move in moves)
    np.testing.assert_allclose(moves[:, 0].astype(np.float64) / most, [-1, 0, 0.5, 1], atol=1e-6)


def stepped(task, action):
    running = task.begin(task.each(), seeded(0))
    return running.step(action)


MISTAKES = [
    lambda: corridors(horizon=-3),
    lambda: corridors(horizon=0),
    lambda: corridors(horizon=float("nan")),
    lambda: corridors(episodes=0),
    lambda: corridors(episodes=2.5),
    lambda: corridors(exploration=3),
    lambda: corridors(exploration=-1),
    lambda: corridors(problems=[]),
    lambda: corridors(problems=5),
    lambda: corridors(problems="ab"),
    lambda: corridors(test_problems=[]),
    lambda: corridors(actions=("left",)),
    lambda: bring(lambda _: "no environment", [0], horizon=5),
    lambda: bring("CartPole-v1", [0], horizon=5),
    lambda: bring(lambda: Corridor(0), [0], horizon=5),
    lambda: bring(SeedlessCorridor, [0], horizon=5),
    lambda: stepped(bring(one_for_all, [0, 1], horizon=5), torch.tensor([0, 0])),
    lambda: bring(lambda _: Spaceless(), [0], horizon=5),
    lambda: bring(Whole, [0], horizon=5),
    lambda: stepped(bring(Late, [0, 1], horizon=5), torch.tensor([0, 0])),
    lambda: corridors(actions=5),
    lambda: corridors(actions="lr"),
    *(lambda what=what: bring(Broken, [what], horizon=5) for what in AT_ONCE),
    *(lambda what=what: stepped(bring(Broken, [what], horizon=5), torch.tensor([1])) for what in LATER),
    lambda: bring(Corridor(0), [0], horizon=5),
    lambda: stepped(bring(lambda _, one=Corridor(0): one, [0, 1], horizon=5), torch.tensor([0, 0])),
    lambda: bring(many_actions, [0], horizon=5),
    lambda: bring(boundless_actions, [0], horizon=5),
    lambda: bring(unbounded_list, [0], horizon=5),
    lambda: stepped(bring(other_spaces, [0, 1], horizon=5), torch.zeros(2, 1)),
    lambda: stepped(bring(Broken, ["reward"], horizon=5), torch.tensor([0])),
    lambda: stepped(bring(Broken, ["observation"], horizon=5), torch.tensor([0])),
    lambda: stepped(corridors(), torch.tensor([0, 2])),
    lambda: stepped(corridors(), torch.tensor([0, -1])),
    lambda: stepped(corridors(), torch.tensor([0.0, 1.0])),
    lambda: stepped(corridors(), torch.tensor([0])),
    lambda: stepped(pendulums(), torch.tensor([[0.0], [float("nan")]])),
    lambda: corridors().draw(3, seeded(0), "validation"),
    lambda: corridors().each(split="validation"),
    lambda: corridors().begin(corridors(problems=[0, 1, 3, 4]).each(), seeded(0)),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_both_languages(mistake):
    with pytest.raises(CourseError) as raised:
        mistake()
    message = raised.value.message
    assert isinstance(message, Bilingual) and message.en.endswith(".")
    assert any("가" <= letter <= "힣" for letter in message.ko)
    assert not any("가" <= letter <= "힣" for letter in message.en)
