"""The gymnasium environments: both checkers, seeds, one against many, trials against ours, and mistakes."""

import copy
import random
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_for_baselines

import course_lib  # noqa: F401 - registers the environments
from course_lib.agents.rl2 import rl2_input
from course_lib.bilingual import CourseError
from course_lib.tasks import Drawn, make_task

EPISODES = ("course_lib/Map-v0", "course_lib/HomeworkMap-v0", "course_lib/Bandit-v0")
TRIALS = ("course_lib/MapTrial-v0", "course_lib/HomeworkMapTrial-v0", "course_lib/BanditTrial-v0")
IDS = EPISODES + TRIALS
CITY_IDS = (*EPISODES[:2], *TRIALS[:2])


def problems_for(env_id, count, dice):
    """Problems whose rewards hold no chance: numbers of cities, arms that pay always or never."""
    if "Bandit" in env_id:
        return np.array([[dice.choice([0.0, 1.0]) for _ in range(5)] for _ in range(count)])
    return np.array([dice.randrange(24) for _ in range(count)])


def options_for(env_id, count, dice):
    options = {"problem": problems_for(env_id, count, dice)}
    if "Bandit" not in env_id:
        options["instruction"] = np.array([dice.randint(1, 4) for _ in range(count)])
    return options


def lane_of(options, lane):
    return {key: value[lane].tolist() for key, value in options.items()}


# -- registration and the two checkers -----------------------------------------------------------------------


def test_importing_the_course_registers_by_name_and_loads_no_pytorch():
    script = (
        "import sys, course_lib, gymnasium\n"
        f"assert all(name in gymnasium.registry for name in {IDS})\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_gymnasium_imports_the_course_by_itself():
    script = "import gymnasium; print(gymnasium.make('course_lib:course_lib/Map-v0').unwrapped.task.name)"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, encoding="utf-8")
    assert result.stdout.strip() == "map" and result.stderr == ""


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("wrapped", [True, False])
def test_both_checkers_are_content(env_id, wrapped):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The checker prefers a bare environment, and says so of any other.
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version.*")
        for check in (check_env, check_env_for_baselines):
            env = gymnasium.make(env_id)
            check(env if wrapped else env.unwrapped)


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
    ours = gymnasium.make_vec(env_id, num_envs=3, autoreset_mode=mode)
    theirs = gymnasium.make_vec(
        env_id, num_envs=3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode(mode)}
    )

    def form(value):
        if isinstance(value, dict):
            return {key: form(entry) for key, entry in value.items()}
        return value.shape, value.dtype

    assert form(ours.reset(seed=0)[1]) == form(theirs.reset(seed=0)[1])
    end = np.array([4, 4, 4] if "Bandit" in env_id else [6, 6, 6])
    for _ in range(12):
        assert form(ours.step(end)[4]) == form(theirs.step(end)[4])


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
    assert same(env.step(1), twin.step(1))
    assert same(env.reset(), twin.reset())


@pytest.mark.parametrize("env_id", CITY_IDS)
def test_problems_and_goals_vary_between_resets(env_id):
    env, seen = gymnasium.make(env_id), set()
    env.reset(seed=0)
    for _ in range(300):
        seen.add(env.reset()[1]["hidden_problem"])
    assert seen == set(range(24))
    envs = gymnasium.make_vec(env_id, num_envs=300)
    assert set(envs.reset(seed=0)[1]["hidden_problem"].tolist()) == set(range(24))


def test_problems_come_from_the_split_that_was_chosen():
    for split, number in (("train", 3), ("test", 8)):
        env = gymnasium.make("course_lib/Map-v0", split=split).unwrapped
        env.task.splits = {"train": torch.tensor([3]), "test": torch.tensor([8])}
        assert {env.reset()[1]["hidden_problem"] for _ in range(10)} == {number}


# -- one against many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", IDS)
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
    for _ in range(45):
        actions = np.array([dice.randrange(envs.single_action_space.n) for _ in range(count)])
        observation, reward, terminated, _, info = envs.step(actions)
        for lane in sorted(alive):
            own, own_reward, over, truncated, own_info = singles[lane].step(int(actions[lane]))
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
    restarted, problems_changed = 0, 0
    over = np.zeros(40, dtype=bool)
    before = info["hidden_problem"]
    for _ in range(100):
        _, reward, terminated, _, info = envs.step(envs.action_space.sample())
        assert (reward[over] == 0).all() and not terminated[over].any() and (info["clock"][over] == 0).all()
        changed = (info["hidden_problem"] != before).reshape(40, -1).any(axis=1)
        assert not changed[~over].any()
        restarted, problems_changed = restarted + over.sum(), problems_changed + changed.sum()
        over, before = terminated, info["hidden_problem"]
    assert restarted > 40 and problems_changed > 0.8 * restarted


@pytest.mark.parametrize("env_id", IDS)
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
        actions = np.array([dice.randrange(envs.single_action_space.n) for _ in range(20)])
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
    action = 0 if "Bandit" in env_id else 6
    terminated = np.zeros(3, dtype=bool)
    while not terminated.any():
        _, _, terminated, _, _ = envs.step(np.full(3, action))
    with pytest.raises(gymnasium.error.ResetNeeded):
        envs.step(np.zeros(3, dtype=int))
    mask = np.array([True, False, True])
    options = {"reset_mask": mask}
    kept = envs.unwrapped.lanes.info()
    _, info = envs.reset(options=options)
    assert info["_clock"].tolist() == mask.tolist() and options == {"reset_mask": mask}
    assert np.array_equal(info["hidden_problem"][1], kept["hidden_problem"][1])
    assert envs.unwrapped.lanes.running.finished.tolist() == [False, True, False]
    envs.reset(options={"reset_mask": ~mask})
    envs.step(np.zeros(3, dtype=int))


# -- what a game is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", TRIALS)
def test_a_trial_is_ours_with_what_rl2_reads(env_id):
    """The observations are RL²'s own inputs, rewards and ends are those of the course's running trials."""
    dice, count = random.Random(1), 25
    options = options_for(env_id, count, dice)
    envs = gymnasium.make_vec(env_id, num_envs=count)
    task, problem = envs.unwrapped.task, torch.tensor(options["problem"])
    if "Bandit" in env_id:
        drawn = Drawn(task.tables_of(problem.float()), torch.arange(count))
    else:
        drawn = Drawn(task.tables, problem)
    running = task.begin(drawn, torch.Generator())
    if "instruction" in options:
        running.set_instruction(torch.tensor(options["instruction"]))

    observation, info = envs.reset(seed=0, options=options)
    observations, sensed, actions, rewards, dones, alive = [observation], [], [], [], [], []
    for _ in range(task.trial.length):
        feature = running.tables.features[running.symbol]
        asked = torch.nn.functional.one_hot(running.instruction, running.tables.instructions)
        sensed.append(torch.cat([feature, asked], dim=1))
        alive.append(~running.finished)
        assert (info["pause"] == (running.resting & ~running.finished).numpy())[alive[-1]].all()
        assert (info["episode"] == running.episode.numpy())[alive[-1]].all()
        action = torch.tensor([dice.randrange(len(task.actions)) for _ in range(count)])
        actions.append(action * ~running.resting)  # a pause carries no message
        rewards.append(running.step(action))
        dones.append(running.done)
        observation, reward, terminated, _, info = envs.step(action.numpy())
        assert (reward == rewards[-1].double().numpy())[alive[-1]].all()
        assert (terminated == running.finished.numpy())[alive[-1]].all()
        observations.append(observation)
    columns = (torch.stack(column, dim=1) for column in (sensed, actions, rewards, dones))
    expected = rl2_input(*columns, actions=len(task.actions))  # (B, T, F + I + A + 2)
    got = torch.tensor(np.stack(observations[:-1], axis=1))
    assert got.shape == expected.shape
    assert torch.equal(got[torch.stack(alive, dim=1)], expected[torch.stack(alive, dim=1)])
    assert running.finished.all()


@pytest.mark.parametrize("env_id", EPISODES[:2])
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
        (gymnasium.error.ResetNeeded, lambda: gymnasium.make(EPISODES[0], render_mode="ansi").render()),
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
    ]
)


@pytest.mark.parametrize(("kind", "mistake"), MISTAKES)
def test_a_mistake_raises_what_gymnasium_users_expect_in_both_languages(kind, mistake):
    with pytest.raises(CourseError) as raised:
        mistake()
    assert isinstance(raised.value, kind)
    message = raised.value.message
    assert any("가" <= letter <= "힣" for letter in message.ko)
    assert not any("가" <= letter <= "힣" for letter in message.en) and message.en.endswith(".")


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
