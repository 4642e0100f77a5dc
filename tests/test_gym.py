"""The gymnasium environments of every task: three checkers, seeds, one against many, trials, mistakes.

The ids come from the registry: a new task is in this matrix with no line changed.
"""

import contextlib
import copy
import logging
import random
import subprocess
import sys
import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_for_baselines

import course_lib
from course_lib.agents.rl2 import continuous_input, rl2_input
from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import TASKS, Drawn, Running, Task, TrialShape, make_task
from course_lib.tasks.bring import bring
from course_lib.tasks.gym import TaskEnv, TaskVectorEnv, TrialWrapper
from course_lib.tasks.task import where

EPISODES = tuple(f"course_lib/{course_lib.ENVIRONMENTS.get(name, name)}-v0" for name in TASKS)
TRIALS = tuple(env_id.replace("-v0", "Trial-v0") for env_id in EPISODES)
IDS = EPISODES + TRIALS
CITY_IDS = tuple(env_id for env_id in IDS if env_id.split("/")[1].startswith(("Map", "HomeworkMap")))
TASK_OF = dict(zip(EPISODES, TASKS, strict=True)) | dict(zip(TRIALS, TASKS, strict=True))


def task_of(env_id):
    return make_task(TASK_OF[env_id])


def is_random(env_id):
    """Whether equal actions in equal problems may lead to something else."""
    tables = getattr(task_of(env_id), "tables", None)
    if tables is None or TASK_OF[env_id] == "bandit":  # whose arms may pay for certain
        return False
    return tables.random or tables.pictures is not None


CERTAIN = tuple(env_id for env_id in IDS if not is_random(env_id))


def problems_for(env_id, count, dice):
    """Problems whose rewards hold no chance: numbers, or arms that pay always or never."""
    if TASK_OF[env_id] == "bandit":
        return np.array([[dice.choice([0.0, 1.0]) for _ in range(5)] for _ in range(count)])
    return np.array([dice.randrange(task_of(env_id).problem_count) for _ in range(count)])


def options_for(env_id, count, dice):
    """A problem for each lane and, where there are instructions, one that the problem may ask for."""
    task = task_of(env_id)
    options = {"problem": problems_for(env_id, count, dice)}
    if any(task.trial.instructed):
        chance = getattr(task.tables, "instruction_chance", None)
        asked = [range(1, task.instructions)] * count
        if chance is not None:
            asked = [chance[problem].nonzero()[:, 0].tolist() for problem in options["problem"]]
        options["instruction"] = np.array([dice.choice(list(possible)) for possible in asked])
    return options


def lane_of(options, lane):
    return {key: value[lane].tolist() for key, value in options.items()}


def actions_for(envs, count, dice):
    """Any actions: (count,) or (count, A)."""
    space = envs.single_action_space
    if isinstance(space, gymnasium.spaces.Box):
        rows = [[dice.uniform(-1, 1) for _ in range(space.shape[0])] for _ in range(count)]
        return np.array(rows, np.float32)
    return np.array([dice.randrange(space.n) for _ in range(count)])


def ending(env_id, count):
    """Actions that end an episode at once, or at least do not end it before the clock."""
    task = task_of(env_id)
    if task.continuous:
        return np.zeros((count, len(task.actions)), np.float32)
    return np.full(count, task.end_action or 0)


# -- registration and the checkers ---------------------------------------------------------------------------


def test_importing_the_course_registers_by_name_and_loads_no_pytorch():
    script = (
        "import sys, course_lib, gymnasium\n"
        f"assert all(name in gymnasium.registry for name in {IDS})\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_every_task_has_its_ids():
    assert set(TASKS) == set(course_lib.ENVIRONMENTS), "a new task needs its line in course_lib/__init__.py"
    spellings = list(course_lib.ENVIRONMENTS.values())
    assert len(set(spellings)) == len(spellings) and all(name.isalnum() for name in spellings)


def test_gymnasium_imports_the_course_by_itself():
    script = "import gymnasium; print(gymnasium.make('course_lib:course_lib/Map-v0').unwrapped.task.name)"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, encoding="utf-8")
    assert result.stdout.strip() == "map" and result.stderr == ""


@contextlib.contextmanager
def warnings_are_errors(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The checker prefers a bare environment, and says so of any other.
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version.*")
        if not env.observation_space.is_bounded():  # noise has no bound
            warnings.filterwarnings("ignore", message=".*infinit.*")
        yield


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("wrapped", [True, False])
def test_both_checkers_are_content(env_id, wrapped):
    for check in (check_env, check_env_for_baselines):
        env = gymnasium.make(env_id)
        with warnings_are_errors(env):
            check(env if wrapped else env.unwrapped)


def test_only_noise_is_unbounded():
    def unbounded(env_id):
        return not gymnasium.make(env_id).observation_space.is_bounded()

    assert [env_id for env_id in IDS if unbounded(env_id)] == [
        name for name in TRIALS if "RandomMDP" in name or "FixedArm" in name
    ]


@pytest.fixture(scope="module")
def check_specs():
    """TorchRL's own check; importing it takes seconds, so it is imported once, and only for this."""
    envs, utils = pytest.importorskip("torchrl.envs"), pytest.importorskip("torchrl.envs.utils")
    logging.getLogger("torchrl").setLevel(logging.WARNING)
    return lambda env: utils.check_env_specs(envs.GymWrapper(env))


@pytest.mark.parametrize("env_id", IDS)
def test_torchrl_finds_the_specs_kept(env_id, check_specs):
    check_specs(gymnasium.make(env_id))
    for mode in ("SameStep", "Disabled"):  # it takes no other autoreset mode
        check_specs(gymnasium.make_vec(env_id, num_envs=2, autoreset_mode=mode))


@pytest.mark.parametrize("env_id", IDS)
def test_vector_environments_declare_what_they_return(env_id):
    envs = gymnasium.make_vec(env_id, num_envs=4)
    assert type(envs.unwrapped).__name__ == "TaskVectorEnv" and envs.num_envs == 4
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    single = gymnasium.make(env_id)
    assert envs.single_observation_space == single.observation_space
    assert envs.single_action_space == single.action_space
    observation, _ = envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(60):
        assert observation in envs.observation_space
        observation, reward, terminated, truncated, _ = envs.step(envs.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == (4,)
        assert reward.dtype == np.float64 and terminated.dtype == truncated.dtype == np.bool_
        assert not truncated.any()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("env_id", IDS)
def test_infos_are_batched_as_gymnasium_batches_them(env_id, mode):
    """The same keys, types and shapes as gymnasium's own vectorisation of the single environment."""
    ours = gymnasium.make_vec(env_id, num_envs=3, autoreset_mode=mode, horizon=3)
    sync = dict(vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode(mode)})
    theirs = gymnasium.make_vec(env_id, num_envs=3, horizon=3, **sync)

    def form(value):
        if isinstance(value, dict):
            return {key: form(entry) for key, entry in value.items()}
        return value.shape, value.dtype

    assert form(ours.reset(seed=0)[1]) == form(theirs.reset(seed=0)[1])
    ended = 0
    for _ in range(ours.unwrapped.task.trial.length + 2):
        infos = ours.step(ending(env_id, 3)), theirs.step(ending(env_id, 3))
        assert form(infos[0][4]) == form(infos[1][4])
        ended += int(infos[0][2].sum())
    assert ended >= 3


@pytest.mark.parametrize("env_id", TRIALS)
def test_gymnasiums_statistics_find_their_place_in_the_info(env_id):
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make(env_id))
    env.reset(seed=0)
    over, paid = False, 0.0
    while not over:
        _, reward, over, _, info = env.step(ending(env_id, 1)[0])
        paid += reward
    assert info["episode"]["r"] == pytest.approx(paid, abs=1e-3)


# -- seeds ---------------------------------------------------------------------------------------------------


def rollout(env, seed, steps=60):
    env.action_space.seed(0)
    observation, info = env.reset(seed=seed)
    seen = [(observation, info)]
    for _ in range(steps):
        *step, info = env.step(env.action_space.sample())
        seen.append((*step, info))
        if not hasattr(env, "num_envs") and step[2]:
            seen.append(env.reset())
    return seen


def same(first, second):
    if isinstance(first, (dict, tuple, list)):
        pairs = zip(*(x.values() if isinstance(x, dict) else x for x in (first, second)), strict=True)
        return len(first) == len(second) and all(same(a, b) for a, b in pairs)
    return np.array_equal(first, second)


@pytest.mark.parametrize("env_id", IDS)
def test_the_same_seed_gives_the_same_numbers(env_id):
    for make in (gymnasium.make, lambda env_id: gymnasium.make_vec(env_id, num_envs=7)):
        used = make(env_id)
        first, other, again = (rollout(used, seed) for seed in (3, 4, 3))
        assert same(first, again) and same(first, rollout(make(env_id), 3)) and not same(first, other)


@pytest.mark.parametrize("env_id", IDS)
def test_a_batch_of_one_is_the_environment(env_id):
    """The same seed and the same actions give the same numbers, chance included."""
    env, envs = gymnasium.make(env_id), gymnasium.make_vec(env_id, num_envs=1)
    dice = random.Random(3)
    (first, told), (firsts, all_told) = env.reset(seed=5), envs.reset(seed=5)
    assert np.array_equal(first, firsts[0])
    assert all(np.array_equal(told[key], all_told[key][0]) for key in told)
    over = False
    while not over:
        action = actions_for(envs, 1, dice)
        observation, reward, over, _, _ = env.step(action[0])
        observations, rewards, overs, _, _ = envs.step(action)
        assert np.array_equal(observation, observations[0]) and reward == rewards[0] and over == overs[0]


@pytest.mark.parametrize("env_id", IDS)
def test_without_a_seed_each_environment_draws_its_own_problems(env_id):
    drawn = [gymnasium.make_vec(env_id, num_envs=50).reset()[1]["hidden_problem"] for _ in range(2)]
    assert not np.array_equal(*drawn)
    env, other = gymnasium.make(env_id), gymnasium.make(env_id)
    assert not same([env.reset()[1] for _ in range(20)], [other.reset()[1] for _ in range(20)])


@pytest.mark.parametrize("env_id", IDS)
def test_global_generators_are_left_alone(env_id):
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    rollout(gymnasium.make(env_id), 0)
    rollout(gymnasium.make_vec(env_id, num_envs=3), 0)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all() and states[2] == random.getstate()


@pytest.mark.parametrize("env_id", IDS)
def test_a_copied_environment_goes_on_alike(env_id):
    env = gymnasium.make(env_id).unwrapped
    env.reset(seed=1)
    twin = copy.deepcopy(env)
    env.action_space.seed(0)
    action = env.action_space.sample()
    assert same(env.step(action), twin.step(action))
    assert same(env.reset(), twin.reset())


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("env_id", [env_id for env_id in IDS if task_of(env_id).problem_count])
def test_every_problem_of_the_split_comes_and_no_other(env_id, split):
    expected = set(task_of(env_id).splits[split].tolist())
    envs = gymnasium.make_vec(env_id, num_envs=20 * len(expected), split=split)
    assert set(envs.reset(seed=0)[1]["hidden_problem"].tolist()) == expected
    env = gymnasium.make(env_id, split=split)
    env.reset(seed=0)
    seen = {env.reset()[1]["hidden_problem"] for _ in range(30)}
    assert seen <= expected and len(seen) > min(3, len(expected) - 1)


# -- one against many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", CERTAIN)
def test_a_batch_equals_single_environments(env_id):
    dice, count = random.Random(env_id), 30
    options = options_for(env_id, count, dice)
    envs = gymnasium.make_vec(env_id, num_envs=count)
    singles = [gymnasium.make(env_id) for _ in range(count)]
    observation, info = envs.reset(seed=0, options=options)
    alive, ended = set(range(count)), 0
    for lane, env in enumerate(singles):
        own_observation, own_info = env.reset(seed=1, options=lane_of(options, lane))
        assert np.array_equal(own_observation, observation[lane])
        assert all(np.array_equal(value, info[key][lane]) for key, value in own_info.items())
    for _ in range(envs.unwrapped.task.trial.length):
        actions = actions_for(envs, count, dice)
        observation, reward, terminated, _, info = envs.step(actions)
        for lane in sorted(alive):
            own, own_reward, over, truncated, own_info = singles[lane].step(actions[lane])
            assert np.array_equal(own, observation[lane])
            assert own_reward == reward[lane] and over == terminated[lane] and truncated is False
            assert all(np.array_equal(value, info[key][lane]) for key, value in own_info.items())
            if over:
                alive.remove(lane)
                ended += 1
    assert ended == count


@pytest.mark.parametrize("env_id", IDS)
def test_next_step_autoreset(env_id):
    """The step after an end ignores the action, pays nothing, and shows a fresh game."""
    envs = gymnasium.make_vec(env_id, num_envs=40)
    _, info = envs.reset(seed=0)
    envs.action_space.seed(0)
    restarted, problems_changed = np.zeros(40, dtype=int), 0
    over = np.zeros(40, dtype=bool)
    before = info["hidden_problem"]
    for _ in range(max(150, 2 * envs.unwrapped.task.trial.length + 10)):  # every lane ends twice
        _, reward, terminated, _, info = envs.step(envs.action_space.sample())
        assert (reward[over] == 0).all() and not terminated[over].any() and (info["clock"][over] == 0).all()
        changed = (info["hidden_problem"] != before).reshape(40, -1).any(axis=1)
        assert not changed[~over].any()
        restarted, problems_changed = restarted + over, problems_changed + changed.sum()
        over, before = terminated, info["hidden_problem"]
    chance = 1 - 1 / (envs.unwrapped.task.problem_count or 10**9)
    assert restarted.min() >= 2 and problems_changed > 0.9 * chance * restarted.sum()


@pytest.mark.parametrize("env_id", CERTAIN)
def test_same_step_autoreset(env_id):
    """The end's own observation is kept aside, and equals what one would have seen without autoreset."""
    dice = random.Random(0)
    options = options_for(env_id, 20, dice)
    envs = gymnasium.make_vec(env_id, num_envs=20, autoreset_mode="SameStep")
    plain = gymnasium.make_vec(env_id, num_envs=20, autoreset_mode="NextStep")
    envs.reset(seed=0, options=options)
    plain.reset(seed=0, options=options)
    alive = np.ones(20, dtype=bool)
    while alive.any():
        actions = actions_for(envs, 20, dice)
        observation, reward, terminated, _, info = envs.step(actions)
        expected, expected_reward, expected_end, _, expected_info = plain.step(actions)
        assert (reward == expected_reward)[alive].all() and (terminated == expected_end)[alive].all()
        assert np.array_equal(observation[alive & ~terminated], expected[alive & ~terminated])
        for lane in (alive & terminated).nonzero()[0]:
            assert info["_final_obs"][lane] and np.array_equal(info["final_obs"][lane], expected[lane])
            for key in ("hidden_problem", "instruction", "state", "clock"):
                final = info["final_info"][key][lane]
                assert info["final_info"][f"_{key}"][lane]
                assert np.array_equal(final, expected_info[key][lane])
            assert info["clock"][lane] == 0
        alive &= ~terminated


@pytest.mark.parametrize("env_id", IDS)
def test_without_autoreset_chosen_lanes_are_reset(env_id):
    envs = gymnasium.make_vec(env_id, num_envs=3, autoreset_mode="Disabled")
    envs.reset(seed=0)
    terminated, action = np.zeros(3, dtype=bool), ending(env_id, 3)
    while not terminated.any():
        _, _, terminated, _, _ = envs.step(action)
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step(action)
    mask = np.array([True, False, True])
    options = {"reset_mask": mask}
    kept = envs.unwrapped.lanes.info()
    _, info = envs.reset(options=options)
    assert info["_clock"].tolist() == mask.tolist() and options == {"reset_mask": mask}
    assert np.array_equal(info["hidden_problem"][1], kept["hidden_problem"][1])
    assert envs.unwrapped.lanes.running.finished.tolist() == [False, True, False]
    envs.reset(options={"reset_mask": ~mask})
    envs.step(action)


# -- what a game is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", [env_id for env_id in TRIALS if env_id in CERTAIN])
def test_a_trial_is_ours_with_what_rl2_reads(env_id):
    """The observations are RL²'s own inputs, rewards and ends are those of the course's running trials."""
    dice, count = random.Random(1), 25
    options = options_for(env_id, count, dice)
    envs = gymnasium.make_vec(env_id, num_envs=count)
    task, problem = envs.unwrapped.task, torch.tensor(options["problem"])
    drawn = Drawn(getattr(task, "tables", None), problem)
    if task.problem_count is None:
        drawn = Drawn(task.tables_of(problem.float()), torch.arange(count))
    running = task.begin(drawn, torch.Generator())
    if "instruction" in options:
        running.set_instruction(torch.tensor(options["instruction"]))

    observation, info = envs.reset(seed=0, options=options)
    observations, sensed, actions, rewards, dones, alive = [observation], [], [], [], [], []
    returned, counted = np.zeros(count), torch.zeros(count)
    for _ in range(task.trial.length):
        sensed.append(task.sensed(drawn, running.symbol, running.instruction))
        alive.append(~running.finished)
        assert (info["pause"] == (running.resting & ~running.finished).numpy())[alive[-1]].all()
        assert (info["trial_episode"] == running.episode.numpy())[alive[-1]].all()
        counts = torch.tensor(task.trial.counted)[running.episode]
        chosen = actions_for(envs, count, dice)
        action = torch.tensor(chosen)
        actions.append(where(running.resting, torch.zeros_like(action), action))  # a pause carries no message
        rewards.append(running.step(action))
        dones.append(running.done)
        observation, reward, terminated, _, info = envs.step(chosen)
        assert (reward == (rewards[-1] * counts).double().numpy())[alive[-1]].all()
        assert (terminated == running.finished.numpy())[alive[-1]].all()
        returned, counted = returned + reward * alive[-1].numpy(), counted + rewards[-1] * counts
        observations.append(observation)
    columns = (torch.stack(column, dim=1) for column in (sensed, actions, rewards, dones))
    expected = (continuous_input if task.continuous else rl2_input)(*columns, actions=len(task.actions))
    got = torch.tensor(np.stack(observations[:-1], axis=1))
    assert got.shape == expected.shape  # (B, T, sensed + A + 2)
    assert torch.equal(got[torch.stack(alive, dim=1)], expected[torch.stack(alive, dim=1)])
    assert running.finished.all() and np.allclose(returned, counted.numpy())


def test_what_exploration_pays_is_seen_where_it_does_not_count():
    """E-RL²: observed, but no part of the return."""
    task = copy.copy(make_task("gridnavi", episodes=2))
    task.trial = replace(task.trial, counted=(False, True))
    env = TaskEnv(task, whole_trials=True)
    env.reset(seed=0)
    steps = [env.step(4) for _ in range(30)]
    assert [step[1] for step in steps] == [0.0] * 15 + [pytest.approx(-0.1)] * 15
    assert all(step[0][-2] == pytest.approx(-0.1) for step in steps)


@pytest.mark.parametrize("env_id", TRIALS)
def test_a_trial_may_have_more_episodes_of_another_length(env_id):
    own, kept = task_of(env_id).trial, replace(task_of(env_id).trial)
    env = gymnasium.make(env_id, episodes=4, horizon=3)
    trial = env.unwrapped.task.trial
    assert trial.episodes == 4 and trial.horizon == 3 and own == kept
    assert trial.instructed == own.instructed[:1] * 3 + own.instructed[-1:]
    env.reset(seed=0)
    action, over, steps = ending(env_id, 1)[0], False, 0
    while not over:
        _, _, over, _, info = env.step(action)
        steps += 1
    assert info["trial_episode"] == 3 and steps <= trial.length


@pytest.mark.parametrize("env_id", ["course_lib/Map-v0", "course_lib/HomeworkMap-v0"])
def test_an_execution_episode_with_the_way_known_earns_the_optimum(env_id):
    """Ride the right bus: 1 minus a step's cost for each step before the last."""
    env = gymnasium.make(env_id)
    task = env.unwrapped.task
    bus_to = {(0, 1): (0, 0), (0, 7): (0, 8), (8, 1): (8, 0), (8, 7): (8, 8)}
    directions = {(1, 0): 0, (0, 1): 1, (-1, 0): 2, (0, -1): 3}
    for problem in range(0, 24, 5):
        for goal in task.goals:
            env.reset(options={"problem": problem, "goal": goal})
            ends = [task.destination(problem, bus) for bus in range(4)]
            bus = [bus_to.get(end, end) for end in ends].index(goal)
            way = np.subtract(task.plan.stops[bus], task.plan.start)
            plan = [directions[tuple(way.tolist())], 5]
            if ends[bus] != goal:
                plan.append(directions[tuple(np.subtract(goal, ends[bus]).tolist())])
            steps = [env.step(action) for action in plan]
            optimum = 0.7 if "HomeworkMap" in env_id else 0.8
            assert sum(step[1] for step in steps) == pytest.approx(optimum)
            assert [step[2] for step in steps] == [False] * (len(plan) - 1) + [True]
            assert tuple(steps[-1][4]["cell"]) == goal


def test_exploration_has_no_goal_and_pays_nothing():
    env = gymnasium.make("course_lib/Map-v0", episode="exploration")
    for options in (None, {"problem": 3}):
        _, info = env.reset(seed=0, options=options)
        assert info["instruction"] == 0
        rewards, over = [], False
        while not over:
            _, reward, over, _, info = env.step(0)
            rewards.append(reward)
        assert rewards == [0.0] * 20 and info["clock"] == 20
    assert env.reset(options={"episode": "execution"})[1]["instruction"] in (1, 2, 3, 4)
    other = gymnasium.make("course_lib/Map-v0")
    assert other.reset(seed=0)[1]["instruction"] in (1, 2, 3, 4)
    assert other.reset(options={"episode": "exploration"})[1]["instruction"] == 0


def test_a_goal_is_its_instruction():
    env = gymnasium.make("course_lib/Map-v0")
    for instruction, goal in enumerate(env.unwrapped.task.goals, start=1):
        assert env.reset(options={"goal": goal})[1]["instruction"] == instruction
        observation, _ = env.reset(options={"instruction": instruction})
        assert observation[-5:].tolist() == np.eye(5)[instruction].tolist()


@pytest.mark.parametrize("env_id", CITY_IDS)
def test_the_problem_shows_on_the_map_only(env_id):
    env = gymnasium.make(env_id)
    walk = [0, 0, 0, 3] if env_id.startswith("course_lib/Map") else [0, 0]
    seen = []
    for problem in range(24):
        observations = [env.reset(options={"problem": problem, "instruction": 1})[0]]
        observations += [env.step(action)[0] for action in walk]
        seen.append(np.stack(observations))
    seen = np.stack(seen)  # (24, steps, F)
    assert (seen[:, :-1] == seen[:1, :-1]).all()
    assert len(np.unique(seen[:, -1], axis=0)) == 24


def test_a_bandit_pays_by_the_chances_it_was_given():
    env = gymnasium.make("course_lib/BanditTrial-v0", arms=3, pulls=400)
    _, info = env.reset(seed=0, options={"problem": [0.0, 1.0, 0.25]})
    assert info["hidden_problem"].tolist() == [0.0, 1.0, 0.25]
    paid = [[env.step(arm)[1] for _ in range(count)] for arm, count in ((0, 50), (1, 50), (2, 300))]
    assert sum(paid[0]) == 0 and sum(paid[1]) == 50 and abs(sum(paid[2]) / 300 - 0.25) < 0.1


# -- what is not yet, or not always, in the course -----------------------------------------------------------


class Walk(Task):
    """A walk in the plane, written by hand: what a continuous task has to bring along for all of this."""

    name, title, actions, continuous = "walk", Bilingual("걷기", "A walk"), ("x", "y"), True
    sensed_size, problem_count, sensed_range, reward_range = 2, 4, (-1.0, 1.0), (-2.0, 0.0)
    trial = TrialShape(horizon=5, instructed=(False, False), counted=(False, True))
    splits = {"train": torch.tensor([0, 1]), "test": torch.tensor([2, 3])}

    def draw(self, count, generator, split="train"):
        return Drawn(None, self.splits[split][torch.randint(2, (count,), generator=generator)])

    def begin(self, drawn, generator):
        return Walking(self, drawn, generator)

    def sensed(self, drawn, symbol, instruction):
        return symbol


class Walking(Running):
    @property
    def symbol(self):
        return self.state

    def dynamics(self, action):
        arrived = self.state + 0.1 * action
        return arrived, -(arrived[:, 0] - self.problem).abs().clamp(max=2.0), torch.zeros_like(self.done)

    def restarted(self, again):
        return torch.zeros(len(again), 2)


@pytest.mark.parametrize("whole_trials", [False, True])
def test_a_continuous_task_by_hand_passes_too(whole_trials, check_specs):
    for check in (check_env, check_env_for_baselines):
        check(TaskEnv(Walk(), whole_trials=whole_trials), skip_render_check=True)  # nobody can draw it
    check_specs(TaskEnv(Walk(), whole_trials=whole_trials))
    envs = TaskVectorEnv(Walk(), 6, whole_trials=whole_trials, split="test")
    envs.action_space.seed(0)
    envs.reset(seed=0, options={"problem": np.array([0, 1, 2, 3, 0, 1])})
    here, goal = np.zeros((6, 2), np.float32), np.array([0, 1, 2, 3, 0, 1])
    for _ in range(5):
        actions = envs.action_space.sample()
        observation, reward, _, _, info = envs.step(actions)
        here = here + np.float32(0.1) * actions
        assert observation in envs.observation_space and np.allclose(observation[:, :2], here, atol=1e-6)
        expected = -np.abs(here[:, 0] - goal).clip(max=2)
        assert np.allclose(reward, 0 if whole_trials else expected, atol=1e-6)
        observation[:], info["state"][:], info["symbol"][:] = 9.0, 9.0, 9.0  # nobody else's numbers
    for wrong in (1.01, -1.01, np.nan, np.inf):
        with pytest.raises(gymnasium.error.InvalidAction) as raised:
            envs.step(np.full((6, 2), wrong, np.float32))
        said_in_both_languages(raised.value)
    for wrong in (np.zeros(6, np.float32), np.zeros((2, 6)), "east", np.zeros((6, 2), bool), None):
        with pytest.raises(gymnasium.error.InvalidAction):
            envs.step(wrong)
    envs.step(np.ones((6, 2), dtype=np.int64))  # whole numbers are numbers


def test_problems_come_from_the_split_that_was_chosen():
    for split, expected in (("train", {0, 1}), ("test", {2, 3})):
        envs = TaskVectorEnv(Walk(), 50, split=split)
        assert set(envs.reset(seed=0)[1]["hidden_problem"].tolist()) == expected
        for _ in range(12):  # two autoresets later it is still so
            info = envs.step(np.zeros((50, 2)))[4]
        assert set(info["hidden_problem"].tolist()) == expected


def test_a_problem_is_asked_only_what_it_can_be_asked():
    city = make_task("map")
    task = copy.copy(city)
    chance = torch.tensor([[0, 1.0, 0, 0, 0], [0, 0.5, 0, 0.5, 0]])[torch.arange(24) % 2]
    task.tables = replace(city.tables, instruction_chance=chance)
    task._tables_by_device = {torch.device("cpu"): task.tables}
    env = TaskEnv(task)
    env.reset(options={"problem": 0, "instruction": 1})
    env.reset(options={"problem": 1, "instruction": 3})
    never = {"problem": 0, "instruction": 3}, {"problem": 1, "goal": city.goals[1]}, {"instruction": 1}
    for options in never:
        with pytest.raises(CourseError) as raised:
            env.reset(options=options)
        said_in_both_languages(raised.value)
    envs = TaskVectorEnv(task, 60)
    info = envs.reset(seed=0)[1]
    assert (chance[info["hidden_problem"], info["instruction"]] > 0).all()


# -- trials out of any environment ---------------------------------------------------------------------------


def city_trials(instruction):
    episodes = [{"episode": "exploration"}, {"episode": "execution", "instruction": instruction}]
    return TrialWrapper(gymnasium.make("course_lib/Map-v0"), 2, problems=range(24), episode_options=episodes)


def test_wrapped_episodes_are_the_trials_of_the_course():
    ours, theirs = city_trials(instruction=3), gymnasium.make("course_lib/MapTrial-v0")
    assert ours.observation_space.shape == theirs.observation_space.shape
    ours.action_space.seed(0)
    for problem in range(0, 24, 3):
        first, told = ours.reset(options={"problem": problem})
        assert told["problem"] == problem == told["hidden_problem"]
        assert np.array_equal(first, theirs.reset(options={"problem": problem, "instruction": 3})[0])
        over = False
        while not over:
            action = ours.action_space.sample()
            got, expected = ours.step(action), theirs.step(action)
            assert np.array_equal(got[0], expected[0]) and got[1] == pytest.approx(expected[1])
            assert got[2:4] == expected[2:4]
            assert all(got[4][key] == expected[4][key] for key in ("trial_episode", "pause"))
            over = got[2]


def test_without_problems_a_seed_is_the_problem():
    """A cart-pole is set up by its seed: the same in each episode of a trial, another in the next trial."""
    env = TrialWrapper(gymnasium.make("CartPole-v1"), 3, pauses=False)
    env.action_space.seed(1)
    starts, infos = [], []
    for trial in range(2):
        observation, info = env.reset(seed=4 if trial == 0 else None)
        starts.append([observation[:4]])
        infos.append(info["problem"])
        over = False
        while not over:
            observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
            over = terminated or truncated
            assert observation[4:6].sum() == 1 and observation[6] == reward == 1.0
            assert info["problem"] == infos[-1]
            if observation[7] and not over:  # an episode ended, the next has begun
                starts[-1].append(observation[:4])
    assert all(len(trial) == 3 and (np.stack(trial) == trial[0]).all() for trial in starts)
    assert infos[0] != infos[1] and not np.array_equal(starts[0][0], starts[1][0])
    assert np.array_equal(env.reset(seed=4)[0][:4], starts[0][0])


def test_the_trial_wrapper_pleases_the_checkers(check_specs):
    for make in (lambda: city_trials(1), lambda: TrialWrapper(gymnasium.make("CartPole-v1"), 2)):
        for check in (check_env, check_env_for_baselines):
            env = make()
            with warnings_are_errors(env):
                check(env, skip_render_check=True)  # the cart-pole's picture needs a library of its own
        check_specs(make())


def test_a_trial_of_truncated_episodes_is_truncated():
    env = TrialWrapper(gymnasium.make("Pendulum-v1", max_episode_steps=3), 2)
    env.reset(seed=0)
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(7)]
    assert ends == [(False, False)] * 6 + [(False, True)]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(1, np.float32))


def test_rewards_that_do_not_count_are_seen_only():
    env = TrialWrapper(gymnasium.make("CartPole-v1", max_episode_steps=4), 2, counted=(False, True))
    env.reset(seed=0)
    steps = [env.step(action % 2) for action in range(9)]
    assert [step[1] for step in steps] == [0.0] * 5 + [1.0] * 4
    assert [step[0][6] for step in steps] == [1.0] * 4 + [0.0] + [1.0] * 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: gymnasium.make("course_lib/HomeworkMapTrial-v0"),
        lambda: TrialWrapper(gymnasium.make("CartPole-v1", max_episode_steps=20), 2),
    ],
)
def test_recurrent_ppo_trains_on_trials(make, monkeypatch, tmp_path):
    contrib = pytest.importorskip("sb3_contrib")
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path))  # or an empty folder stays behind in /tmp
    model = contrib.RecurrentPPO(
        "MlpLstmPolicy", make(), n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu",
        policy_kwargs=dict(lstm_hidden_size=16, net_arch=[16]),
    )  # fmt: skip
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(total_timesteps=256)
    changed = [not torch.equal(*pair) for pair in zip(before, model.policy.parameters(), strict=True)]
    assert model.num_timesteps == 256 and sum(changed) > len(changed) / 2
    assert all(parameter.isfinite().all() for parameter in model.policy.parameters())


# -- drawing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", CITY_IDS)
def test_the_picture_shows_agent_and_goal_and_keeps_the_secret(env_id):
    env = gymnasium.make(env_id, render_mode="rgb_array")
    side = env.unwrapped.task.width

    def drawn(*actions, **options):
        env.reset(options=options)
        for action in actions:
            env.step(action)
        return env.render()

    here = drawn(problem=0, instruction=1)
    assert here.dtype == np.uint8 and here.shape == (40 * side, 40 * side, 3)
    assert (drawn(problem=17, instruction=1) == here).all()
    moved = drawn(0, problem=0, instruction=1)
    changed = (moved != here).any(axis=2).nonzero()
    middle = side // 2  # right of the start: the same row, columns middle and middle + 1
    assert {int(row) // 40 for row in changed[0]} == {middle}
    assert {int(column) // 40 for column in changed[1]} == {middle, middle + 1}
    up = (drawn(1, problem=0, instruction=1) != here).any(axis=2).nonzero()[0]
    assert {int(row) // 40 for row in up} == {middle - 1, middle}  # y points up
    to_execution = [6, 4] if "Trial" in env_id else []
    goals = [drawn(*to_execution, problem=0, instruction=instruction) for instruction in (1, 2)]
    changed = (goals[0] != goals[1]).any(axis=2).nonzero()
    assert {int(row) // 40 for row in changed[0]} == {0, side - 1}  # (0, 0) lies below, (0, side − 1) above
    assert {int(column) // 40 for column in changed[1]} == {0}


def test_the_city_in_letters():
    env = gymnasium.make("course_lib/HomeworkMap-v0", render_mode="ansi")
    env.reset(options={"problem": 0, "goal": (0, 4)})
    assert env.render().split("\n")[1:-1] == [
        " G  .  .  .  B ",
        " .  .  B  .  . ",
        " .  B [.] B  M ",
        " .  .  B  .  . ",
        " B  .  .  .  B ",
    ]


def test_the_bandit_is_drawn():
    env = gymnasium.make("course_lib/BanditTrial-v0", render_mode="ansi")
    env.reset(options={"problem": [0.0, 0, 1, 0, 0]})
    assert env.render() == " .  .  .  .  . "
    env.step(2)
    assert env.render() == " .  . [1] .  . "
    env.step(0)
    assert env.render() == "[0] .  .  .  . "
    env = gymnasium.make("course_lib/Bandit-v0", render_mode="rgb_array")
    env.reset(options={"problem": [0.0, 0, 1, 0, 0]})
    before = env.render()
    env.step(2)
    changed = (env.render() != before).any(axis=2).nonzero()[1]
    assert before.shape == (40, 200, 3) and {int(column) // 40 for column in changed} == {2}


def test_a_batch_draws_a_frame_each():
    envs = gymnasium.make_vec("course_lib/Map-v0", num_envs=2, render_mode="rgb_array")
    envs.reset(options={"problem": [0, 1], "instruction": [1, 3]})
    first, second = envs.render()
    assert (first != second).any()


def test_without_a_render_mode_gymnasium_warns():
    env = gymnasium.make("course_lib/Map-v0")
    env.reset()
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


# -- mistakes ------------------------------------------------------------------------------------------------


def fresh(env_id="course_lib/Map-v0", **arguments):
    env = gymnasium.make(env_id, **arguments)
    env.reset(seed=0)
    return env


def batch(env_id="course_lib/Map-v0", **arguments):
    envs = gymnasium.make_vec(env_id, num_envs=3, **arguments)
    envs.reset(seed=0)
    return envs


def ended():
    env = fresh()
    env.step(6)
    return env


def wrapped(episodes=2, **arguments):
    env = TrialWrapper(gymnasium.make("CartPole-v1"), episodes, **arguments)
    env.reset(seed=0)
    return env


ACTIONS = [7, -1, 2.0, float("nan"), None, "up", True, [1], np.array([1]), np.float32(1), np.nan, 10**30]
BATCHES = [
    0, [0, 0], [0, 0, 7], [0, -1, 0], [0.0, 0.0, 0.0], [0, float("nan"), 0], [[0, 0, 0]], [True, False, True],
    None, "abc", [[0], [0, 0], [0]], [0, None, 0], np.zeros(3, dtype=np.float32),
]  # fmt: skip
OPTIONS = [
    {"problm": 3}, {"problem": 24}, {"problem": -1}, {"problem": 1.5}, {"problem": float("nan")},
    {"problem": "3"}, {"problem": True}, {"problem": [1, 2]}, {"instruction": 0}, {"instruction": 5},
    {"goal": (1, 1)}, {"goal": 3}, {"goal": (0.5, 0)}, {"goal": (0, 0), "instruction": 1},
    {"episode": "explore"}, {"episode": 1}, {"episode": "exploration", "goal": (0, 0)},
    {"reset_mask": np.array([True])},
]  # fmt: skip


MISTAKES = (
    [(gymnasium.error.InvalidAction, lambda action=action: fresh().step(action)) for action in ACTIONS]
    + [(gymnasium.error.InvalidAction, lambda actions=actions: batch().step(actions)) for actions in BATCHES]
    + [(ValueError, lambda options=options: fresh().reset(options=options)) for options in OPTIONS]
    + [
        (gymnasium.error.ResetNeeded, lambda: gymnasium.make("course_lib/Map-v0").step(0)),
        (gymnasium.error.ResetNeeded, lambda: TaskEnv("map", render_mode="ansi").render()),
        (gymnasium.error.ResetNeeded, lambda: gymnasium.make_vec("course_lib/Map-v0").step([0])),
        (
            gymnasium.error.ResetNeeded,
            lambda: gymnasium.make_vec("course_lib/Map-v0").reset(options={"reset_mask": np.array([True])}),
        ),
        (gymnasium.error.ResetNeeded, lambda: ended().step(0)),
        (ValueError, lambda: gymnasium.make("course_lib/Map-v0", split="validation")),
        (ValueError, lambda: gymnasium.make("course_lib/Map-v0", episode="explore")),
        (ValueError, lambda: gymnasium.make("course_lib/MapTrial-v0", episode="exploration")),
        (ValueError, lambda: gymnasium.make("course_lib/Bandit-v0", episode="exploration")),
        (ValueError, lambda: gymnasium.make("course_lib/Bandit-v0", arms=1)),
        (ValueError, lambda: fresh("course_lib/MapTrial-v0").reset(options={"episode": "exploration"})),
        (ValueError, lambda: fresh("course_lib/Bandit-v0").reset(options={"problem": 3})),
        (ValueError, lambda: fresh("course_lib/Bandit-v0").reset(options={"problem": [0.1] * 4})),
        (ValueError, lambda: fresh("course_lib/Bandit-v0").reset(options={"problem": [0.1] * 4 + [1.1]})),
        (ValueError, lambda: fresh("course_lib/Bandit-v0").reset(options={"problem": [0.1] * 4 + [np.nan]})),
        (ValueError, lambda: fresh("course_lib/Bandit-v0").reset(options={"instruction": 1})),
        (ValueError, lambda: gymnasium.make_vec("course_lib/Map-v0", num_envs=0)),
        (ValueError, lambda: gymnasium.make_vec("course_lib/Map-v0", num_envs=2.5)),
        (ValueError, lambda: batch().reset(options={"problem": [1, 2]})),
        (ValueError, lambda: batch().reset(options={"problem": [1, 2, 24]})),
        (ValueError, lambda: batch().reset(options={"reset_mask": np.array([True])})),
        (ValueError, lambda: batch().reset(options={"reset_mask": np.array([1, 0, 0])})),
        (ValueError, lambda: batch().reset(options={"reset_mask": np.zeros(3, dtype=bool)})),
        (gymnasium.error.UnsupportedMode, lambda: batch(autoreset_mode="NextEpisode")),
        (gymnasium.error.UnsupportedMode, lambda: batch(render_mode="human")),
        (ValueError, lambda: gymnasium.make("course_lib/Map-v0", episodes=3)),
        (ValueError, lambda: TaskEnv("nowhere")),
        (ValueError, lambda: TaskEnv(bring(lambda _: gymnasium.make("CartPole-v1"), [0], horizon=5))),
        (gymnasium.error.ResetNeeded, lambda: TrialWrapper(gymnasium.make("CartPole-v1"), 2).step(0)),
        (gymnasium.error.InvalidAction, lambda: wrapped().step(7)),
        (gymnasium.error.InvalidAction, lambda: wrapped().step(float("nan"))),
        (ValueError, lambda: gymnasium.make("course_lib/Bandit-v0", arms=[5])),
        (ValueError, lambda: gymnasium.make("course_lib/Bandit-v0", arms=2.5)),
        (ValueError, lambda: gymnasium.make("course_lib/Bandit-v0", arms="5")),
        (ValueError, lambda: wrapped().reset(options={"problem": -1})),
        (ValueError, lambda: wrapped().reset(options={"problem": 2.5})),
        (ValueError, lambda: wrapped(episodes=0)),
        (ValueError, lambda: wrapped(episodes=1.5)),
        (ValueError, lambda: wrapped(problems=[])),
        (ValueError, lambda: wrapped(counted=[True])),
        (ValueError, lambda: wrapped(episode_options=[{}] * 3)),
    ]
)


def said_in_both_languages(error):
    message = error.message
    assert any("가" <= letter <= "힣" for letter in message.ko)
    assert not any("가" <= letter <= "힣" for letter in message.en) and message.en.endswith(".")


@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_refuses_what_is_no_action(env_id):
    """Out of range, NaN, of another type or shape: alone and in a batch. A refused action changes nothing."""
    env, envs = gymnasium.make(env_id), gymnasium.make_vec(env_id, num_envs=3)
    env.reset(seed=0)
    envs.reset(seed=0)
    good = ending(env_id, 3)
    before = env.unwrapped.lanes.info(), envs.unwrapped.lanes.info()
    far, other = (good + 1000, good - 1000, good + np.nan), (good.astype(bool), good.astype(str), good[None])
    for wrong in (*far, *other, None):
        with pytest.raises(gymnasium.error.InvalidAction) as raised:
            envs.step(wrong)
        said_in_both_languages(raised.value)
        with pytest.raises(gymnasium.error.InvalidAction) as raised:
            env.step(None if wrong is None else wrong[0])
        said_in_both_languages(raised.value)
    assert same(before, (env.unwrapped.lanes.info(), envs.unwrapped.lanes.info()))
    env.step(good[0])
    envs.step(good)


@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_says_what_it_was_asked_wrongly(env_id):
    """A problem that there is not, a negative horizon, an unknown option, a step too early and too late."""
    env = gymnasium.make(env_id)
    with pytest.raises(gymnasium.error.ResetNeeded) as raised:
        env.step(ending(env_id, 1)[0])
    said_in_both_languages(raised.value)
    for wrong in (-1, 10**6, float("nan"), "x", None.__class__, [0.5, 2.0]):
        with pytest.raises(CourseError) as raised:
            env.reset(options={"problem": wrong})
        said_in_both_languages(raised.value)
    with pytest.raises(CourseError) as raised:
        env.reset(options={"weather": "rain"})
    said_in_both_languages(raised.value)
    for arguments in ({"horizon": -1}, {"horizon": 0}, {"horizon": 2.5}, {"episodes": 0}, {"weather": 1}):
        with pytest.raises(CourseError) as raised:
            gymnasium.make(env_id, **arguments)
        said_in_both_languages(raised.value)
    env.reset(seed=0)
    over = False
    while not over:
        over = env.step(ending(env_id, 1)[0])[2]
    with pytest.raises(gymnasium.error.ResetNeeded) as raised:
        env.step(ending(env_id, 1)[0])
    said_in_both_languages(raised.value)


@pytest.mark.parametrize(("kind", "mistake"), MISTAKES)
def test_a_mistake_raises_what_gymnasium_users_expect_in_both_languages(kind, mistake):
    with pytest.raises(CourseError) as raised:
        mistake()
    assert isinstance(raised.value, kind)
    said_in_both_languages(raised.value)


@pytest.mark.parametrize("wrong", [7, float("nan"), None])
def test_a_refused_action_changes_nothing(wrong):
    env, twin = fresh(), fresh()
    with pytest.raises(CourseError):
        env.step(wrong)
    assert same(env.step(0), twin.step(0))


def test_refused_options_change_nothing():
    env, twin = fresh(), fresh()
    with pytest.raises(CourseError):
        env.reset(options={"problem": 99})
    assert same(env.step(0), twin.step(0))


@pytest.mark.parametrize("action", [3, np.int64(3), np.int32(3), np.uint8(3), np.array(3)])
def test_any_integer_is_an_action(action):
    assert fresh().step(action)[4]["cell"].tolist() == [4, 3]


def test_a_batch_takes_lists_arrays_and_tensors():
    for actions in ([0, 1, 2], np.array([0, 1, 2], dtype=np.uint8), torch.tensor([0, 1, 2]), (0, 1, 2)):
        assert batch().step(actions)[4]["cell"].tolist() == [[5, 4], [4, 5], [3, 4]]
