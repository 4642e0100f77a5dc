"""Learning to explore by reinforcement: the library behind the lessons.

Importing it registers the tasks with gymnasium, by name only: PyTorch is loaded when one is made.
"""

import gymnasium

for _name, _task in {"Map": "map", "HomeworkMap": "homework-map", "Bandit": "bandit"}.items():
    for _suffix, _arguments in {"": {}, "Trial": {"whole_trials": True}}.items():
        _id = f"course_lib/{_name}{_suffix}-v0"
        if _id not in gymnasium.registry:  # an interactive reload comes by here again
            gymnasium.register(
                id=_id,
                entry_point="course_lib.tasks.gym:TaskEnv",
                vector_entry_point="course_lib.tasks.gym:TaskVectorEnv",
                kwargs={"task": _task, **_arguments},
                order_enforce=False,  # the environment says it itself, in both languages
            )
