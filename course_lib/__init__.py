"""Learning to explore by reinforcement: the library behind the lessons.

Importing it registers the tasks with gymnasium, by name only: PyTorch is loaded when one is made.
"""

import gymnasium

# Each of ``course_lib.tasks.TASKS`` as its gymnasium ids spell it: course_lib/Map-v0, course_lib/MapTrial-v0.
ENVIRONMENTS = {
    "map": "Map",
    "homework-map": "HomeworkMap",
    "distracting-bus": "DistractingBus",
    "hurried-bus": "HurriedBus",
    "noisy-tv": "NoisyTV",
    "cooking": "Cooking",
    "revealing-arm": "RevealingArm",
    "bandit": "Bandit",
    "fixed-arm-bandit": "FixedArmBandit",
    "random-mdp": "RandomMDP",
    "gridnavi": "GridNavi",
    "point-robot": "PointRobot",
}

# What ``course train`` and ``course_lib.training.stream`` know, said here so that ``course --help`` needs no PyTorch.
METHODS = (
    "rl2", "e-rl2", "rl2-replay", "pearl", "dream", "mame", "metacure", "varibad", "task-inference", "first-explore",
    "dpt",
)  # fmt: skip


def register(task: str, spelling: str) -> None:
    """Register ``course_lib/{spelling}-v0``, an episode of a task, and ``course_lib/{spelling}Trial-v0``."""
    for suffix, arguments in {"": {}, "Trial": {"whole_trials": True}}.items():
        env_id = f"course_lib/{spelling}{suffix}-v0"
        if env_id not in gymnasium.registry:  # an interactive reload comes by here again
            gymnasium.register(
                id=env_id,
                entry_point="course_lib.tasks.gym:TaskEnv",
                vector_entry_point="course_lib.tasks.gym:TaskVectorEnv",
                kwargs={"task": task, **arguments},
                # The environment says itself what is wrong, in both languages; gymnasium 1.4's own checker
                # breaks down in the step after a first reset that was refused.
                order_enforce=False,
                disable_env_checker=True,
            )


for _task, _spelling in ENVIRONMENTS.items():
    register(_task, _spelling)
